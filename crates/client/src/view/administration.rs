//! Legal holds, settings, tokens, limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Secret;

/// What came of placing a hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoldAnswer {
    /// The hold's name.
    pub id: String,
    /// Requests that run on the subject at this moment: the hold stops them before their next step.
    pub running: Vec<String>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Settings as files: path within the folder, and text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsFiles {
    /// Path within the folder, with `/`, and text.
    pub files: BTreeMap<String, String>,
    /// The version on which these rest; refused if another is active by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
    /// Only says what would change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What came of applying settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// The version that is active now, or would be.
    pub version: u64,
    /// What changed, or would.
    pub changes: Vec<String>,
    /// What works but may surprise.
    pub warnings: Vec<String>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonInfo {
    /// Their id.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// Verified identities by kind.
    pub identities: BTreeMap<String, String>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An invitation; `link` is shown this once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Invitation {
    /// What its person opens.
    pub link: Secret,
    /// Until when it works.
    pub expires_at: String,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A token to be minted: for the caller, or for a service that the caller answers for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MintToken {
    /// The service's name; without it, the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `submitter`, `reviewer`, `operator`, `auditor`, `administrator`.
    pub roles: Vec<String>,
    /// Where its requests come in: `api`, `cli`, `portal`, `gateway`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What it may attest: `identity`.
    pub attests: Vec<String>,
    /// When it runs out, RFC 3339; never if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A token as it was minted; `token` is shown this once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MintedToken {
    /// Its id, to revoke it by.
    pub id: String,
    /// The secret.
    pub token: Secret,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A token that was minted before, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// The service's name, if it is one's.
    pub service: Option<String>,
    /// What it may do.
    pub roles: Vec<String>,
    /// When it runs out.
    pub expires_at: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<String>,
    /// When it was used last, to the hour.
    pub last_used_at: Option<String>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An action that is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paused {
    /// Since when, in RFC 3339.
    pub since: String,
    /// After so many failures.
    pub failures: u32,
}

/// How full an action is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// The action.
    pub action: String,
    /// Requests that wait.
    pub waiting: u64,
    /// Requests that were released and have their place.
    pub released: u64,
    /// Requests that run.
    pub running: u64,
    /// Requests that are stuck, and keep their place.
    pub stuck: u64,
    /// Requests whose run started today.
    pub started_today: u64,
    /// Whether it is paused after repeated failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
