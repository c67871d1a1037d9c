//! Typed HTTP client over the API. It knows the API only: nothing of the server's crates, so that it can never
//! lean on what a stranger's program could not see.
#![warn(missing_docs)]

mod calls;
mod error;
mod http;
mod problem;
pub mod view;

pub use calls::Settle;
pub use error::Error;
pub use http::{Body, Client, Method, Options};
pub use problem::Problem;
