//! The files of the settings: their names in a list, and one of them on a page, as much of it as a page may weigh; whole as
//! a download. It must not know what stands in them.

use axum::response::{IntoResponse, Response};
use countersign_service::settings::Settings;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use maud::{Markup, html};

use super::desk::Desk;
use super::{respond, show};

/// How much of a file a page shows, as its bytes there.
const SHOWN: usize = 48_000;

/// The names, each leading to its text at `page`.
pub(super) fn names<'a>(page: &str, paths: impl Iterator<Item = &'a str>) -> Markup {
    html! {
        ul.plain {
            @for path in paths { li { a href={ (super::ROOT) "/" (page) "?file=" (path) } { (path) } } }
        }
    }
}

/// The file that the address names, if there is such a one.
pub(super) fn asked<'a>(desk: &Desk, settings: &'a Settings) -> Option<(&'a str, &'a str)> {
    let (path, text) = settings.bundle.files.get_key_value(desk.asked("file"))?;
    Some((path, text))
}

/// One file, below the way back.
pub(super) fn one(page: &str, name: &str, path: &str, text: &str) -> Markup {
    let shown = beginning(text, SHOWN);
    html! {
        p.over { a href={ (super::ROOT) "/" (page) } { (name) } }
        h1 { (path) }
        @if shown.len() < text.len() {
            p.note { "It is long: these are its first " (show::size(shown.len() as u64)) " of " (show::size(text.len() as u64)) "." }
        }
        pre tabindex="0" { code { (shown) } }
        p { a.button.second href={ (super::ROOT) "/file?path=" (path) } download=(path) { "Download" } }
    }
}

/// A file, whole. `/console/file?path=maps/shop.toml`
pub(super) async fn download(desk: Desk) -> Response {
    let settings = match desk.app.service.read_settings(&desk.caller).await {
        Ok(settings) => settings,
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    let Some(text) = settings.bundle.files.get(desk.asked("path")) else { return respond::none(&desk) };
    let mut response = text.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The lines at the beginning of a text that take no more than so much on a page; of one line that is longer, its beginning.
fn beginning(text: &str, most: usize) -> &str {
    let (mut weight, mut line) = (0, 0);
    for (at, c) in text.char_indices() {
        weight += match c {
            '<' | '>' => 4,
            '&' => 5,
            '"' => 6,
            c => c.len_utf8(),
        };
        if weight > most {
            return text.get(..if line > 0 { line } else { at }).unwrap_or_default();
        }
        if c == '\n' {
            line = at + 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn file_is_shown_as_far_as_a_page_may_weigh_and_no_line_is_cut() {
        assert_eq!(beginning("one\ntwo\n", 8), "one\ntwo\n");
        assert_eq!(beginning("one\ntwo\n", 7), "one\n");
        assert_eq!(beginning("\"\"\"", 13), "\"\"");
        assert_eq!(beginning("üüü", 5), "üü");
        assert_eq!(beginning("", 0), "");
    }
}
