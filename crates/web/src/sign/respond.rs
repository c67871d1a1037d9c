//! Answers: pages, the way to the next page, and pages for when something is not as it should be.

use axum::response::{IntoResponse, Response};
use countersign_service::refusal::{Refusal, Sort};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, VARY};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use super::layout;
use super::visit::{Visit, own_path};
use crate::journal;

/// Everything from here, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(crate) fn page(visit: &Visit, status: StatusCode, title: &str, content: &Markup) -> Response {
    let text = layout::page(visit, title, content).into_string();
    let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With `no-referrer` a browser would say `Origin: null` of our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(VARY, HeaderValue::from_static("cookie, accept-language"));
    with(response, visit.cookies())
}

/// On to another page of ours after a form. `to` is a path made here.
pub(crate) fn on_to(visit: &Visit, to: &str, cookies: Vec<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static(super::HOME));
    response.headers_mut().insert(LOCATION, to);
    with(with(response, visit.cookies()), &cookies)
}

/// In, with a session that was made for this moment; one that the browser had before is over.
pub(super) async fn enter(visit: &Visit, secret: &str, to: &str) -> Response {
    if let Some(before) = visit.secret()
        && let Err(refusal) = visit.app.service.sign_out(before).await
    {
        // It ends by itself; nobody is kept out for that.
        tracing::warn!(%refusal, "an earlier session of a browser was not ended");
    }
    on_to(visit, to, visit.entered(secret))
}

/// To the door, and from there back to `here`.
pub(super) fn to_door(visit: &Visit, here: &str) -> Response {
    let back = own_path(here).map(|path| format!("?return_to={}", escaped(path))).unwrap_or_default();
    on_to(visit, &format!("{}{back}", visit.to("/sign-in")), Vec::new())
}

/// To the door, which says one of our notes.
pub(super) fn to_door_with(visit: &Visit, note: &str, return_to: Option<&str>) -> Response {
    let back = return_to.and_then(own_path);
    let back = back.map(|path| format!("&return_to={}", escaped(path))).unwrap_or_default();
    on_to(visit, &format!("{}?note={note}{back}", visit.to("/sign-in")), Vec::new())
}

/// What the service refused, where no page has better words for it.
pub(crate) fn refused(visit: &Visit, refusal: &Refusal) -> Response {
    match refusal.sort() {
        Sort::TooMany => told(visit, StatusCode::TOO_MANY_REQUESTS, "error.many.title", "error.many.lead"),
        Sort::Unauthenticated => on_to(visit, &visit.to("/sign-in"), Vec::new()),
        Sort::Forbidden => told(visit, StatusCode::FORBIDDEN, "error.not.title", "error.not.lead"),
        Sort::NotFound => told(visit, StatusCode::NOT_FOUND, "error.none.title", "error.none.lead"),
        Sort::Conflict => trouble(visit, StatusCode::CONFLICT, refusal),
        Sort::Invalid => trouble(visit, StatusCode::UNPROCESSABLE_ENTITY, refusal),
        Sort::Unavailable => trouble(visit, StatusCode::SERVICE_UNAVAILABLE, refusal),
    }
}

fn trouble(visit: &Visit, status: StatusCode, refusal: &Refusal) -> Response {
    tracing::warn!(code = refusal.code(), "a page could not answer");
    told(visit, status, "error.trouble.title", "error.trouble.lead")
}

/// A form that is not one of ours, or not of this browser.
pub(super) fn old_form(visit: &Visit) -> Response {
    journal::foreign_form("sign-in");
    told(visit, StatusCode::FORBIDDEN, "error.form.title", "error.form.lead")
}

/// A page that only says something.
pub(super) fn told(visit: &Visit, status: StatusCode, title: &str, lead: &str) -> Response {
    let title = visit.say(title);
    let content = html! {
        h1 { (title) }
        p.lead { (visit.say(lead)) }
        p { a.button href=(visit.to("/sign-in")) { (visit.say("error.on")) } }
    };
    page(visit, status, title, &content)
}

/// A path as the value of a query.
pub(super) fn escaped(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn with(mut response: Response, cookies: &[HeaderValue]) -> Response {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}
