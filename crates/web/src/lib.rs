//! The doors over HTTP: the API for programs, the portal for customers, the console for people who work here. Takes calls apart, asks the service once, puts answers together.
//! It knows no store, no source and no inbox, and decides nothing.
#![warn(missing_docs)]

mod answer;
mod api;
mod app;
mod caller;
mod console;
mod extract;
mod idempotency;
mod journal;
mod limit;
mod openapi;
mod portal;
mod problem;
mod serve;
mod sign;
mod view;
mod zip;

pub use api::router;
pub use app::{Traced, WebOptions};
pub use openapi::document;
pub use portal::{Colour, Logo, Portal};
pub use problem::Problem;
pub use serve::serve;
pub use sign::SignIn;
