//! The ground floor: what a request is, what may happen to it, and why.
//! Pure values and functions: no I/O, no async, no clock, no randomness.

pub mod conflict;
pub mod deadline;
pub mod digest;
pub mod id;
pub mod permit;
pub mod plan;
pub mod quorum;
pub mod receipt;
pub mod request;
pub mod subject;
pub mod survey;
pub mod time;
pub mod verdict;
