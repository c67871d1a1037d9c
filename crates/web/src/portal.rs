//! The door for people whose data it is: pages at `/privacy`, which work without a script. A page takes a form apart, asks
//! the service once, and puts words around the answer. It decides nothing, and knows no more than its reader proved.

mod ask;
pub(crate) mod assets;
pub(crate) mod cookie;
mod end;
pub(crate) mod guard;
pub(crate) mod language;
mod layout;
mod mandate;
mod options;
mod passkey;
mod prove;
mod request;
mod respond;
mod steps;
mod visit;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;

pub(crate) use guard::Peer;
pub use options::{Colour, Logo, Portal};

/// Where every page is.
pub(crate) const ROOT: &str = "/privacy";

/// The pages, if this node has a portal.
pub(crate) fn routes(app: &App) -> Router<App> {
    if app.options.portal.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/privacy", get(ask::show).post(ask::send))
        .route("/privacy/requests/{id}", get(request::show))
        .route("/privacy/requests/{id}/state", get(request::state))
        .route("/privacy/requests/{id}/package", get(request::package))
        .route("/privacy/requests/{id}/mail", post(prove::mail))
        .route("/privacy/requests/{id}/code", post(prove::code))
        .route("/privacy/requests/{id}/confirm", get(prove::confirm).post(prove::confirmed))
        .route("/privacy/requests/{id}/totp", post(prove::totp))
        .route("/privacy/requests/{id}/passkey/begin", post(passkey::begin))
        .route("/privacy/requests/{id}/passkey", post(passkey::prove))
        .route("/privacy/requests/{id}/withdraw", post(request::withdraw))
        .route("/privacy/requests/{id}/leave", post(request::leave))
        .route("/privacy/mandates/{id}", get(mandate::show).post(mandate::answer))
        .route("/privacy/style.css", get(assets::style))
        .route("/privacy/theme.css", get(assets::theme))
        .route("/privacy/portal.js", get(assets::script))
        .route("/privacy/logo", get(assets::logo))
        .route("/privacy/{*rest}", any(respond::not_found))
}
