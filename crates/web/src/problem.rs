//! Refusals on the wire: problem details of RFC 9457. A problem says what happened and what to do; it never
//! repeats a value that was sent, for that may be somebody's data.

mod refusal;
mod rejection;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use rejection::data;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Why a call was refused (RFC 9457). Boxed, for it travels as the rare side of many results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<ProblemView>);

/// Why a call was refused (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView {
    /// The kind of problem: `urn:countersign:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:countersign:problem:stale_digest")]
    kind: String,
    /// The kind of problem in words, the same each time.
    #[schema(example = "Stale digest")]
    title: String,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16, minimum = 400, maximum = 599)]
    status: StatusCode,
    /// What happened this time, and what to do.
    detail: String,
    /// The kind of problem as a word, for programs.
    #[schema(value_type = String, example = "stale_digest")]
    code: Cow<'static, str>,
    /// Where in the body or query: `subject.email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The line of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// The column in that line, from 1; 0 for the end of the line before.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// How many tries are left, for a code that was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    /// What is wrong in the settings that were handed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<MistakeView>,
}

/// A mistake in a file that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MistakeView {
    /// The path in the bundle.
    pub(crate) file: String,
    /// From 1; absent where the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// In characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u32>,
    /// What is wrong.
    pub(crate) message: String,
    /// The line, and below it a mark with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snippet: Option<String>,
}

impl Problem {
    /// A problem of this status and code. `detail` is for a person, and holds nothing that was sent.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let mut title = code.replace('_', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self(Box::new(ProblemView {
            kind: format!("urn:countersign:problem:{code}"),
            title,
            status,
            detail: detail.into(),
            code: Cow::Borrowed(code),
            at: None,
            line: None,
            column: None,
            left: None,
            mistakes: Vec::new(),
        }))
    }

    /// The same, at a place of the body or query.
    #[must_use]
    pub(crate) fn at(mut self, at: impl Into<String>) -> Self {
        self.0.at = Some(at.into());
        self
    }

    /// The same, at a line and column of the body.
    #[must_use]
    pub(crate) fn placed(mut self, line: usize, column: usize) -> Self {
        (self.0.line, self.0.column) = (Some(line), Some(column));
        self
    }

    /// The answer to what went wrong here and tells nobody anything: details are in the log alone.
    pub(crate) fn internal() -> Self {
        let detail = "something went wrong on this side; nobody outside can mend it";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.0.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"countersign\""));
        }
        response
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests;
