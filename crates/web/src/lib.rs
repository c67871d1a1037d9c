//! The door for programs: the API over HTTP. Takes calls apart, asks the service once, puts answers together.
//! It knows no store, no source and no inbox, and decides nothing.
#![warn(missing_docs)]

mod answer;
mod api;
mod app;
mod caller;
mod extract;
mod idempotency;
mod limit;
mod openapi;
mod problem;
mod serve;
mod view;

pub use api::router;
pub use app::WebOptions;
pub use openapi::document;
pub use problem::Problem;
pub use serve::serve;
