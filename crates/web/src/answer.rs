//! What every answer has: headers that keep browsers and caches from doing more with it than was meant, those that say
//! what a door alone would forget to say (when to come again, what no proxy may hold back), and a line in the log without
//! query, token or body.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::SPANS;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, info_span};

use crate::app::App;
use crate::portal;

const ALWAYS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What whoever watches a node wants to see: calls without a right to what they ask, and too many.
const REFUSED: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];

/// When to come again: whatever is away is mostly back in a moment.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// What nginx, and those who learned it from there, ask an answer whether to gather it before they hand it on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The name of W3C's trace context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of a call: of the route rather than the path, and of the request that it is about, if it is about one.
fn call(request: &Request, route: Option<&str>) -> Span {
    let route = route.unwrap_or("-");
    let about = about(route, request.uri().path()).map(display);
    let called = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let method = method(request.method());
    info_span!(target: SPANS, "call", method, route, request = about, traceparent = called, code = Empty)
}

/// A method of the standard; anybody may make up others.
fn method(method: &Method) -> &str {
    let usual = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];
    if usual.contains(method) { method.as_str() } else { "_OTHER" }
}

/// The request that a call is about: what stands in the path where the route has a request's id.
fn about(route: &str, path: &str) -> Option<RequestId> {
    let mut parts = route.split('/').zip(path.split('/'));
    parts.find(|(route, _)| *route == "requests")?;
    let (named, id) = parts.next()?;
    if named.starts_with('{') { id.parse().ok() } else { None }
}

/// For a year, and for everything below this host.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Says to browsers that this host is reached by HTTPS alone, where it is.
pub(crate) async fn only_https(State(app): State<App>, request: Request, next: Next) -> Response {
    let ours = is_own_host(&app, request.uri().path());
    let mut response = next.run(request).await;
    if ours {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
    }
    response
}

/// Whether an answer goes out by HTTPS and under a host that is this node's alone. A host whose other paths are somebody
/// else's is not ours to bind, and a portal may well stand on a shop's own.
fn is_own_host(app: &App, path: &str) -> bool {
    let url = &app.options.sign_in.url;
    let alone = url.strip_prefix("https://").is_some_and(|host| !host.contains('/'));
    let portals =
        path.strip_prefix(portal::ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let here =
        app.options.portal.as_ref().is_none_or(|portal| portal.url == format!("{url}{}", portal::ROOT));
    alone && (!portals || here)
}

/// Adds the headers, and tells the log.
pub(crate) async fn dress(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The route rather than the path: a path may name what a log should not.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = call(&request, route.as_deref());
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("code", status.as_u16());
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        // A page says for itself what it may load.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(RETRY_AFTER).or_insert(SOON);
    }
    // Events are told as they come; a proxy that fills its buffers first tells them when they are of no use.
    if headers.get(CONTENT_TYPE).is_some_and(|media| media == "text/event-stream") {
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    let took_ms = began.elapsed().as_millis();
    let (route, code) = (route.as_deref().unwrap_or("-"), status.as_u16());
    tracing::debug!(%method, route, status = code, took_ms, "answered");
    if REFUSED.contains(&status) {
        tracing::info!(%method, route, status = code, "refused");
    }
    response
}
