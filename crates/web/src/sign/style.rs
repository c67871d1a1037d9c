//! The style sheet: the portal's, and what these pages have besides.

use std::sync::LazyLock;

use axum::response::Response;

use crate::portal::{Colour, assets};

static SHEET: LazyLock<String> = LazyLock::new(|| {
    format!("{}{}{}", assets::STYLE, assets::pressed(Colour::default()), include_str!("sign.css"))
});

const SCRIPT: &str = concat!(include_str!("passkey.js"), include_str!("sign.js"));

/// A short hash of it.
pub(super) fn version() -> String {
    assets::version(SHEET.as_bytes())
}

/// A short hash of the script.
pub(super) fn script_version() -> String {
    assets::version(SCRIPT.as_bytes())
}

pub(super) async fn script() -> Response {
    assets::file("text/javascript; charset=utf-8", SCRIPT.as_bytes().to_vec())
}

pub(super) async fn sheet() -> Response {
    assets::file("text/css; charset=utf-8", SHEET.as_bytes().to_vec())
}
