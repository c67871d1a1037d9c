//! Answers of the console: pages, the way to the next page, and pages for when something is not as it should be.

use axum::response::{IntoResponse, Response};
use countersign_service::refusal::{Refusal, Sort};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, VARY};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use super::desk::Desk;
use super::layout::{self, Tab};
use super::words;
use crate::journal;

/// Everything from here, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn page(desk: &Desk, tab: Tab, title: &str, content: &Markup) -> Response {
    page_as(desk, StatusCode::OK, tab, title, content)
}

fn page_as(desk: &Desk, status: StatusCode, tab: Tab, title: &str, content: &Markup) -> Response {
    text(status, layout::page(Some(desk), tab, title, content).into_string())
}

/// A page that is written already.
pub(super) fn text(status: StatusCode, text: String) -> Response {
    let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With `no-referrer` a browser would say `Origin: null` of our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(VARY, HeaderValue::from_static("cookie"));
    response
}

/// On to a page after a form: reloading it sends nothing again. `to` is a path made here.
pub(super) fn on_to(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static(super::ROOT));
    response.headers_mut().insert(LOCATION, to);
    response
}

/// A path with a note for its page: a code that has words there.
pub(super) fn with_note(path: &str, code: &str) -> String {
    let (path, place) =
        path.split_once('#').map_or((path, String::new()), |(path, place)| (path, format!("#{place}")));
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}note={code}{place}")
}

/// Where somebody proves once more that they are there, before they go back to a path made here.
pub(super) fn once_more(back: &str) -> String {
    format!("/sign-in/again?return_to={back}")
}

/// What the service refused, as a page.
pub(super) fn refused(desk: &Desk, refusal: &Refusal) -> Response {
    let (status, kind) = match refusal.sort() {
        Sort::Unauthenticated | Sort::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        Sort::NotFound => (StatusCode::NOT_FOUND, "none"),
        Sort::TooMany => (StatusCode::TOO_MANY_REQUESTS, "trouble"),
        Sort::Conflict => (StatusCode::CONFLICT, "trouble"),
        Sort::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "trouble"),
        Sort::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "trouble"),
    };
    if status.is_server_error() {
        tracing::warn!(code = refusal.code(), "the console could not answer");
    }
    told(Some(desk), status, kind)
}

/// There is no such thing, or not for them.
pub(super) fn none(desk: &Desk) -> Response {
    told(Some(desk), StatusCode::NOT_FOUND, "none")
}

/// No such page.
pub(super) async fn not_found(desk: Desk) -> Response {
    none(&desk)
}

/// A form that is not one of ours, or not of this session.
pub(super) fn old_form(desk: &Desk) -> Response {
    journal::foreign_form("console");
    told(Some(desk), StatusCode::FORBIDDEN, "form")
}

/// A program, or a subject.
pub(super) fn not_theirs() -> Response {
    told(None, StatusCode::FORBIDDEN, "not_theirs")
}

fn told(desk: Option<&Desk>, status: StatusCode, kind: &str) -> Response {
    let title = words::of("error", kind);
    let content = html! {
        h1 { (title) }
        p.lead { (words::of("error.lead", kind)) }
        @if desk.is_some() { p { a.button href=(super::ROOT) { "To the inbox" } } }
    };
    text(status, layout::page(desk, Tab::None, &title, &content).into_string())
}
