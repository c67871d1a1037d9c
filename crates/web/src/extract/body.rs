//! Bodies as JSON: of the right type, of a length that this call takes, and nothing beside.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::problem::Problem;

/// A body that must be there.
pub(crate) struct Sent<T>(pub(crate) T);

/// A body that may be left out; then it counts as `{}`.
pub(crate) struct MaybeSent<T>(pub(crate) T);

/// A body without anything in it, for calls that need to be told nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::wrong_media_type());
        }
        let bytes = Bytes::from_request(request, state).await?;
        Ok(Self(read(&bytes)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeSent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(read(b"{}")?)),
            (false, true) => Ok(Self(read(&bytes)?)),
            (false, false) => Err(Problem::wrong_media_type()),
        }
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Asked first, because serde_json would only look into the strings that it keeps.
    if std::str::from_utf8(bytes).is_err() {
        return Err(Problem::not_utf8("body"));
    }
    Ok(serde_json::from_slice(bytes)?)
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = only.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    // JSON is UTF-8; a call that says something else would be misread.
    let readable = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    let media = essence.to_ascii_lowercase();
    readable
        && (media == "application/json" || (media.starts_with("application/") && media.ends_with("+json")))
}
