//! `Idempotency-Key`: a POST that is sent again is answered as before and not done twice. A submission is not handled
//! here: the service keeps its key in the very transaction that stores the request.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::{AnswerBegun, Ticket};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::app::App;
use crate::problem::{MEDIA_TYPE, Problem};

/// The header.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in bytes.
pub(crate) const KEY_MAX: usize = 255;
/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest answer of a POST, in bytes; all of ours are far below.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// The key that came with a call: visible ASCII, as long as allowed.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut sent = headers.get_all(KEY).iter();
    let Some(first) = sent.next() else { return Ok(None) };
    let visible =
        |text: &&str| (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let text = first.to_str().ok().filter(visible);
    match (text, sent.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => {
            let detail = format!("`Idempotency-Key` is one value of 1 to {KEY_MAX} visible ASCII characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, "bad_header", detail).at("Idempotency-Key"))
        }
    }
}

/// The same answer, marked as given before.
pub(crate) fn replayed(mut answer: Response) -> Response {
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// Does a POST with a key once.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if request.method() != Method::POST || matched == Some("/v1/requests") {
        return next.run(request).await;
    }
    match key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => keyed(app, &key, request, next).await.unwrap_or_else(IntoResponse::into_response),
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(app: App, key: &str, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await?;
    let (about, fingerprint) = (about(&parts), fingerprint(&parts, &body));
    let (key, request) = (key.to_owned(), Request::from_parts(parts, Body::from(body)));
    // A caller who hangs up stops nothing from the key's first mark on: a key that was marked and left alone would be busy
    // until it is believed to be abandoned, and the answer is owed to the next try.
    let work = async move {
        match app.service.answer_begin(&caller, about, &key, &fingerprint).await? {
            AnswerBegun::Fresh(ticket) => finished(&app, ticket, next.run(request).await).await,
            AnswerBegun::Replay { status, body } => Ok(replayed(before(status, body))),
            AnswerBegun::Busy => Err(busy()),
        }
    };
    tokio::spawn(work.in_current_span()).await.map_err(|_| Problem::internal())?
}

/// Remembers an answer, and gives it.
async fn finished(app: &App, ticket: Ticket, answer: Response) -> Result<Response, Problem> {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, ANSWER_MAX).await.map_err(|_| Problem::internal())?;
    let remembered = app.service.answer_finish(ticket, parts.status.as_u16(), &body).await;
    if let Err(refusal) = remembered {
        // It was done all the same; that the answer is not kept is told by the log, and by the key that stays busy.
        tracing::error!(code = refusal.code(), "an answer could not be remembered");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The request that a call speaks of, by its path.
fn about(parts: &Parts) -> Option<RequestId> {
    parts.uri.path().strip_prefix("/v1/requests/")?.split('/').next()?.parse().ok()
}

fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let mut hash = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn before(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let refused = status.is_client_error() || status.is_server_error();
    let media = if refused { MEDIA_TYPE } else { "application/json" };
    (status, [(CONTENT_TYPE, media)], body).into_response()
}

fn busy() -> Problem {
    let detail = "the first call with this `Idempotency-Key` is still being answered; ask again in a moment";
    Problem::new(StatusCode::CONFLICT, "in_progress", detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn key_is_one_short_visible_value() {
        for (sent, fits) in [
            (vec!["a"], true),
            (vec![""], false),
            (vec!["a", "a"], false),
            (vec!["a b"], false),
            (vec!["a\tb"], false),
            (vec![&*"k".repeat(255)], true),
            (vec![&*"k".repeat(256)], false),
            (vec!["\u{e9}"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in &sent {
                headers.append(KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(key(&headers).is_ok(), fits, "{sent:?}");
        }
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn fingerprint_tells_path_from_body() {
        let parts = |path: &str| Request::post(path).body(()).unwrap().into_parts().0;
        assert_ne!(fingerprint(&parts("/a"), b"b"), fingerprint(&parts("/ab"), b""));
        assert_eq!(fingerprint(&parts("/a"), b"b"), fingerprint(&parts("/a"), b"b"));
    }
}
