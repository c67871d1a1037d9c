//! The server's refusals as values: problem details of RFC 9457.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A refusal with its reason. Programs go by `code` and `status`, people read `title` and `detail`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The kind of problem as a URI; `about:blank` when the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, in a few words, the same each time.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Which call it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The reason as a word: `own_request`, `stale_digest`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whatever else the server says of it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// The reason as a word: `code`, else the last part of the type's URI, else nothing.
    pub fn reason(&self) -> &str {
        match &self.code {
            Some(code) => code,
            None if self.kind == "about:blank" => "",
            None => self.kind.rsplit(['/', ':', '#']).next().unwrap_or_default(),
        }
    }

    /// A problem made of an answer that carries none of its own, such as a proxy's.
    pub(crate) fn of_status(status: u16, title: &str) -> Self {
        Self { kind: "about:blank".to_owned(), title: title.to_owned(), status, ..Self::default() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.title.is_empty() { "refused" } else { &self.title })?;
        if let Some(detail) = self.detail.as_deref().filter(|detail| *detail != self.title) {
            write!(f, ": {detail}")?;
        }
        write!(f, " ({}", self.status)?;
        match self.reason() {
            "" => f.write_str(")"),
            reason => write!(f, " {reason})"),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reason_is_the_code_or_the_end_of_the_type() {
        let of = |json: &str| serde_json::from_str::<Problem>(json).unwrap();
        assert_eq!(of(r#"{"code":"own_request","type":"x/y"}"#).reason(), "own_request");
        assert_eq!(
            of(r#"{"type":"https://countersign.example/problems/stale_digest"}"#).reason(),
            "stale_digest"
        );
        assert_eq!(of(r#"{"type":"about:blank"}"#).reason(), "");
    }

    #[test]
    fn members_that_are_not_in_the_standard_are_kept() {
        let problem: Problem = serde_json::from_str(r#"{"title":"No","status":409,"digest":"ab"}"#).unwrap();
        assert_eq!(problem.more["digest"], "ab");
        assert_eq!(problem.to_string(), "No (409)");
    }
}
