//! What can be done to a request: one act, one file.

pub mod ask;
pub(crate) mod facts;
pub(crate) mod field;
pub(crate) mod first_look;
pub(crate) mod follow;
pub(crate) mod glass;
pub(crate) mod judge;
pub mod last_time;
pub(crate) mod look;
pub mod picture;
pub mod retry;
pub mod settle;
pub mod submit;
pub(crate) mod survey;
pub mod verify;
pub mod vote;
pub(crate) mod waiting;
