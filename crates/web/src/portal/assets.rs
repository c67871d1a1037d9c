//! The style sheet, the script, the colours and the logo. Their addresses carry their hash, so that browsers keep them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::options::{Colour, Portal};
use crate::app::App;

pub(crate) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = concat!(include_str!("../sign/passkey.js"), include_str!("portal.js"));
/// A year: what changes gets another address.
const KEPT: &str = "public, max-age=31536000, immutable";

/// A short hash of what is served.
pub(crate) fn version(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The configured colours, for the style sheet.
pub(super) fn colours(portal: &Portal) -> String {
    pressed(portal.colour)
}

/// The colour of what is to be pressed, for the style sheet.
pub(crate) fn pressed(colour: Colour) -> String {
    format!(":root{{--press:{};--on-press:{}}}\n", colour.css(), colour.text())
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE.as_bytes().to_vec())
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT.as_bytes().to_vec())
}

pub(super) async fn theme(State(app): State<App>) -> Response {
    match &app.options.portal {
        Some(portal) => file("text/css; charset=utf-8", colours(portal).into_bytes()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) async fn logo(State(app): State<App>) -> Response {
    match app.options.portal.as_ref().and_then(|portal| portal.logo.as_ref()) {
        Some(logo) => file(logo.media_type, logo.bytes.to_vec()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn file(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, KEPT)];
    let mut response = (headers, bytes).into_response();
    // Opened by itself, a picture that is a document (SVG) runs nothing.
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    );
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}
