//! How people of ours come in, over HTTP: pages at `/sign-in` and `/account`, the session's cookie, and what turns it into
//! the caller that a token would give. A link or a look changes nothing; whatever changes something is a form of ours, sent
//! from the browser that it was made for.

mod account;
mod again;
mod door;
mod filled;
mod inside;
mod invitation;
mod layout;
mod mail;
mod passkey;
mod provider;
mod respond;
mod sessions;
mod style;
mod totp;
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
    /// Proxies in front of this node that each add whom they heard to `X-Forwarded-For`; 0 believes no such header.
    pub proxies: usize,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { url: "http://127.0.0.1:7300".to_owned(), proxies: 0 }
    }
}

/// The pages.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(door::show))
        .route("/sign-in/invitation/{secret}", get(invitation::show).post(invitation::accept))
        .route("/sign-in/passkey/begin", post(passkey::begin))
        .route("/sign-in/passkey", post(passkey::enter))
        .route("/sign-in/mail", post(mail::send))
        .route("/sign-in/mail/{secret}", get(mail::show).post(mail::enter))
        .route("/sign-in/oidc", get(provider::begin))
        .route("/sign-in/oidc/back", get(provider::back))
        .route("/sign-in/oidc/logout", post(provider::signed_out))
        .route("/sign-in/again", get(again::show))
        .route("/sign-in/again/oidc", get(provider::begin_again))
        .route("/sign-in/again/passkey/begin", post(again::begin))
        .route("/sign-in/again/passkey", post(again::passkey))
        .route("/sign-in/again/totp", post(again::totp))
        .route("/sign-in/style.css", get(style::sheet))
        .route("/sign-in/sign.js", get(style::script))
        .route("/sign-out", post(door::leave))
        .route("/account", get(account::show))
        .route("/account/passkeys/begin", post(passkey::begin_new))
        .route("/account/passkeys", post(passkey::keep))
        .route("/account/passkeys/{passkey}/remove", post(passkey::remove))
        .route("/account/totp", post(totp::begin))
        .route("/account/totp/confirm", post(totp::confirm))
        .route("/account/sessions", get(sessions::show))
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/sessions/{session}/end", post(sessions::end))
}
