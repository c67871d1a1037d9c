//! What cannot be taken in, as problems: bodies, paths and queries that are not what they should be.

use axum::extract::rejection::BytesRejection;
use http::StatusCode;
use serde_json::error::Category;

use super::Problem;

/// The longest name out of a body that a problem repeats; no value is ever repeated.
const NAME_MAX: usize = 40;

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
            _ => Problem::new(StatusCode::BAD_REQUEST, "bad_body", "the body did not arrive whole"),
        }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        let said = error.to_string();
        let (status, code, detail) = match error.classify() {
            _ if said.starts_with("recursion limit exceeded") => {
                (StatusCode::BAD_REQUEST, "too_deep", "the body is nested too deeply".to_owned())
            }
            Category::Syntax | Category::Io => (StatusCode::BAD_REQUEST, "bad_json", syntax(&said)),
            Category::Eof => {
                (StatusCode::BAD_REQUEST, "bad_json", "the body ends before its JSON does".to_owned())
            }
            Category::Data => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_shape", data(&said)),
        };
        Problem::new(status, code, detail).placed(error.line(), error.column())
    }
}

impl Problem {
    pub(crate) fn too_large() -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is longer than this call takes")
    }

    pub(crate) fn wrong_media_type() -> Self {
        let detail = "the body must be JSON: send `Content-Type: application/json`";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_media_type", detail)
    }

    pub(crate) fn not_utf8(of: &str) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "not_utf8", format!("the {of} is not UTF-8"))
    }

    pub(crate) fn no_such_path() -> Self {
        let detail = "there is nothing at this path; /openapi.json says what there is";
        Problem::new(StatusCode::NOT_FOUND, "no_such_path", detail)
    }

    pub(crate) fn wrong_method() -> Self {
        let detail = "this path takes another method; see the `Allow` header";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail)
    }

    pub(crate) fn stopping() -> Self {
        let detail = "this node is about to stop; it still answers what it is sent, but send it no more";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail)
    }

    pub(crate) fn timed_out() -> Self {
        let detail =
            "this took too long; what was begun may still be done: read it again before repeating it";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", detail)
    }
}

/// A message of serde_json about syntax, which never holds a value; its place stands beside it.
fn syntax(said: &str) -> String {
    format!("the body is no JSON: {}", said.split(" at line ").next().unwrap_or_default())
}

/// A message of serde about data, without the value that it found. What was expected comes last and is ours.
pub(crate) fn data(said: &str) -> String {
    let said = said.rsplit_once(" at line ").map_or(said, |(message, _)| message);
    let expected = || said.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    if let Some(rest) = said.strip_prefix("invalid type: ") {
        let found: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == ' ').collect();
        let found = found.strip_suffix(" expected").unwrap_or(&found).trim();
        return format!("found {found} where {} is expected", expected());
    }
    for (start, what) in
        [("invalid value: ", "value"), ("unknown variant ", "word"), ("invalid length ", "length")]
    {
        if said.starts_with(start) {
            return format!("found a {what} that is not known here; expected is {}", expected());
        }
    }
    if let Some(rest) = said.strip_prefix("unknown field ") {
        let name = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')).map_or("", |(name, _)| name);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let shown = !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(plain);
        let what = if shown { format!("unknown field `{name}`") } else { "unknown field".to_owned() };
        return format!("{what}; expected is {}", expected());
    }
    let ours = ["missing field ", "duplicate field ", "this name stands twice", "must be "];
    if ours.iter().any(|start| said.starts_with(start)) {
        return said.to_owned();
    }
    "a value is out of range or not of the expected kind".to_owned()
}
