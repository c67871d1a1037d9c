//! The style sheet and the scripts. Their addresses carry their hash, so that browsers keep them.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("console.js");
pub(super) const VERIFY: &str = include_str!("verify.js");
/// A year: what changes gets another address.
const KEPT: &str = "public, max-age=31536000, immutable";

/// The address of a file, with a short hash of what is served.
pub(super) fn address(name: &str, text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{name}?v={hash}", super::ROOT)
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn verify() -> Response {
    file("text/javascript; charset=utf-8", VERIFY)
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, KEPT)], text).into_response()
}
