//! The style sheet: the portal's, and what these pages have besides.

use std::sync::LazyLock;

use axum::response::Response;

use crate::portal::{Colour, assets};

static SHEET: LazyLock<String> = LazyLock::new(|| {
    format!("{}{}{}", assets::STYLE, assets::pressed(Colour::default()), include_str!("sign.css"))
});

/// A short hash of it.
pub(super) fn version() -> String {
    assets::version(SHEET.as_bytes())
}

pub(super) async fn sheet() -> Response {
    assets::file("text/css; charset=utf-8", SHEET.as_bytes().to_vec())
}
