//! A verdict as the API shows it, and in words.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What policy said of a request when it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// `release`, `hold` or `deny`.
    pub decision: String,
    /// SHA-256 of the policy set that was asked, in hex.
    pub policy_set: String,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// Ways to a release; any one of them is enough.
    pub paths: Vec<Path>,
    /// Why never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// One way to a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Path {
    /// The policy that would then permit.
    pub policy: String,
    /// Everything that it still wants.
    pub missing: Vec<Missing>,
}

/// One thing that is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Missing {
    /// `verification`, `vote`, `time`, `capacity`, `today`, `paused`, `conflict`, `survey`, `identity`,
    /// `legal_hold`, `attestation`, `opaque`, or a word that is newer than this client.
    pub kind: String,
    /// What it is missing of, by the kind: `method`, `group`, `need`, `have`, `remaining_ms`, …
    #[serde(flatten)]
    pub of: Map<String, Value>,
}

impl Missing {
    fn text(&self, name: &str) -> &str {
        self.of.get(name).and_then(Value::as_str).unwrap_or("?")
    }

    fn number(&self, name: &str) -> i64 {
        self.of.get(name).and_then(Value::as_i64).unwrap_or_default()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.as_str() {
            "verification" => write!(f, "proof by {}", self.text("method")),
            "vote" => {
                let left = self.number("need") - self.number("have");
                write!(f, "{left} more from {}", self.text("group"))?;
                write!(f, " ({} of {})", self.number("have"), self.number("need"))
            }
            "time" => write!(f, "{} of waiting", Span(self.number("remaining_ms"))),
            "capacity" => write!(
                f,
                "room among the running {} ({} run, fewer than {} may)",
                self.text("action"),
                self.number("now"),
                self.number("below")
            ),
            "today" => write!(
                f,
                "room among today's {} ({} started, fewer than {} may)",
                self.text("action"),
                self.number("now"),
                self.number("below")
            ),
            "paused" => write!(
                f,
                "an administrator to resume {}, paused after repeated failures",
                self.text("action")
            ),
            "conflict" => write!(f, "{} other on the same subject to end first", self.number("count")),
            "survey" => f.write_str("a look at the sources"),
            "identity" => f.write_str("a person to say who is meant, for several match"),
            "legal_hold" => match self.of.get("name").and_then(Value::as_str) {
                Some(name) => write!(f, "the end of the legal hold `{name}`"),
                None => f.write_str("the end of a legal hold"),
            },
            "attestation" => write!(f, "the attestation `{}`", self.text("name")),
            "opaque" => write!(f, "the condition `{}`", self.text("condition")),
            other => write!(f, "{other}"),
        }
    }
}

/// So many milliseconds, in the largest unit that leaves a number worth reading.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0).saturating_add(999) / 1000;
        match seconds {
            0..120 => write!(f, "{seconds} s"),
            120..7200 => write!(f, "{} min", (seconds + 59) / 60),
            7200.. => write!(f, "{} h", (seconds + 3599) / 3600),
            ..0 => f.write_str("0 s"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(json: &str) -> String {
        serde_json::from_str::<Missing>(json).unwrap().to_string()
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        assert_eq!(said(r#"{"kind":"verification","method":"totp"}"#), "proof by totp");
        assert_eq!(
            said(r#"{"kind":"vote","group":"privacy","need":2,"have":1}"#),
            "1 more from privacy (1 of 2)"
        );
        assert_eq!(said(r#"{"kind":"time","need_ms":259200000,"remaining_ms":7200000}"#), "2 h of waiting");
        assert_eq!(said(r#"{"kind":"time","need_ms":3000,"remaining_ms":2001}"#), "3 s of waiting");
    }

    #[test]
    fn a_kind_newer_than_this_client_is_shown_by_its_word() {
        assert_eq!(said(r#"{"kind":"moonrise","phase":1}"#), "moonrise");
    }
}
