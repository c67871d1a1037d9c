//! What the API shows and takes, as values of its own: nothing inside is on the wire by accident.

pub(crate) mod glass;
pub(crate) mod moment;
pub(crate) mod notice;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod request;
pub(crate) mod result;
pub(crate) mod verdict;
