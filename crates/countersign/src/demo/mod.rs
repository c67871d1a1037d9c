//! A folder to try everything in. Made once with the same words that any installation is made with; carried on with
//! after that.

pub(crate) mod folder;
pub(crate) mod serve;
pub(crate) mod story;
pub(crate) mod totp;
