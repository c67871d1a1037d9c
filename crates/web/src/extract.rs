//! Taking calls apart, so that whatever cannot be taken is a problem with a place: bodies, paths, queries.

mod body;
mod path;
mod query;
mod unique;

pub(crate) use body::{MaybeSent, Nothing, Sent};
pub(crate) use path::{At, AtBoth, Name};
pub(crate) use query::Asked;
pub(crate) use unique::Unique;
