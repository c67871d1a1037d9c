//! Answers of the portal: pages, the way to the next page, and pages for when something is not as it should be.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use countersign_service::refusal::{Refusal, Sort};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use super::layout;
use super::visit::Visit;
use crate::app::App;
use crate::journal;

/// Everything from here, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn page(visit: &Visit, status: StatusCode, title: &str, content: &Markup) -> Response {
    let text = layout::page(visit, title, content).into_string();
    let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With `no-referrer` a browser would say `Origin: null` of our own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(VARY, HeaderValue::from_static("cookie, accept-language"));
    with_cookies(visit, response)
}

/// On to a page of the portal after a form: reloading it sends nothing again. `to` is a path made here.
pub(super) fn on_to(visit: &Visit, to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static(super::ROOT));
    response.headers_mut().insert(LOCATION, to);
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    with_cookies(visit, response)
}

/// What the service refused, where no page has better words for it.
pub(super) fn refused(visit: &Visit, refusal: &Refusal) -> Response {
    match refusal.sort() {
        Sort::TooMany => told(visit, StatusCode::TOO_MANY_REQUESTS, "error.many.title", "error.many.lead"),
        Sort::Unauthenticated | Sort::Forbidden | Sort::NotFound => {
            told(visit, StatusCode::NOT_FOUND, "error.none.title", "error.none.lead")
        }
        Sort::Conflict => trouble(visit, StatusCode::CONFLICT, refusal),
        Sort::Invalid => trouble(visit, StatusCode::UNPROCESSABLE_ENTITY, refusal),
        Sort::Unavailable => trouble(visit, StatusCode::SERVICE_UNAVAILABLE, refusal),
    }
}

fn trouble(visit: &Visit, status: StatusCode, refusal: &Refusal) -> Response {
    tracing::warn!(code = refusal.code(), "the portal could not answer");
    told(visit, status, "error.trouble.title", "error.trouble.lead")
}

/// A form that is not one of ours, or not of this browser.
pub(super) fn old_form(visit: &Visit) -> Response {
    journal::foreign_form("portal");
    told(visit, StatusCode::FORBIDDEN, "error.form.title", "error.form.lead")
}

/// No such page.
pub(super) async fn not_found(visit: Visit) -> Response {
    told(&visit, StatusCode::NOT_FOUND, "error.none.title", "error.none.lead")
}

/// The same, while a call is still being taken apart.
pub(super) async fn no_page(parts: &mut Parts, app: &App) -> Response {
    match Visit::from_request_parts(parts, app).await {
        Ok(visit) => not_found(visit).await,
        Err(problem) => problem.into_response(),
    }
}

fn told(visit: &Visit, status: StatusCode, title: &str, lead: &str) -> Response {
    let title = visit.say(title);
    let content = html! {
        h1 { (title) }
        p.lead { (visit.say(lead)) }
        p { a.button href=(visit.root) { (visit.say("restart")) } }
    };
    page(visit, status, title, &content)
}

fn with_cookies(visit: &Visit, mut response: Response) -> Response {
    for cookie in visit.cookies() {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}
