//! How people of ours come in, over HTTP: pages at `/sign-in` and `/account`, the session's cookie, and what turns it into
//! the caller that a token would give. A link or a look changes nothing; whatever changes something is a form of ours, sent
//! from the browser that it was made for.

mod account;
mod door;
mod filled;
mod inside;
mod invitation;
mod layout;
mod respond;
mod sessions;
mod style;
mod visit;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use inside::Inside;

/// Where somebody is led who signed in and came from nowhere.
const HOME: &str = "/account";

/// How people of ours sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// This node's address as people reach it, without a slash at its end: `https://countersign.example`.
    pub url: String,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:7300".to_owned() }
    }
}

/// The pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(door::show))
        .route("/sign-in/invitation/{secret}", get(invitation::show).post(invitation::accept))
        .route("/sign-in/style.css", get(style::sheet))
        .route("/sign-out", post(door::leave))
        .route("/account", get(account::show))
        .route("/account/sessions", get(sessions::show))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/sessions/{session}/end", post(sessions::end))
}
