//! The answer to "may this happen now?", with what is missing and by which criteria.
//! A verdict is plain data: this file must not know Cedar, which makes verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One thing that is still missing before a policy would release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Missing {
    /// The requester has not proved intent by this method.
    Verification { method: String },
    /// People of `group` have yet to sign: `have` of `need` did. The group `any` counts everybody once.
    Vote { group: String, need: i64, have: i64 },
    /// A cooling-off: `need_ms` in all, `remaining_ms` still to go.
    Time { need_ms: i64, remaining_ms: i64 },
    /// Room among the running requests of `action`: there must be fewer than `below`, and `now` are.
    Capacity { action: String, below: i64, now: i64 },
    /// Room among those of `action` that started today: fewer than `below`, and `now` did.
    Today { action: String, below: i64, now: i64 },
    /// `action` failed too often and is paused since then; a person must say that it may go on.
    Paused { action: String, since: Timestamp },
    /// Other requests on the same subject go first.
    Conflict { count: i64 },
    /// The sources have not been looked at, or too long ago.
    Survey,
    /// Several people match; a person decides who is meant.
    Identity,
    /// A legal hold keeps the data.
    LegalHold { policy: String },
    /// A statement from outside that policy wants.
    Attestation { name: String },
    /// A condition that is enforced but that the explanation cannot take apart.
    Opaque { condition: String },
}

/// One way to a release: everything that `policy` still wants, all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Path {
    /// The permit that would then apply.
    pub policy: String,
    /// All of these are needed.
    pub missing: Vec<Missing>,
}

/// By what a verdict was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criteria {
    /// SHA-256 of the policy set, in lower-case hex.
    pub policy_set: String,
    /// Policies that determined the decision: permits for a release, forbids otherwise; sorted.
    pub policies: Vec<String>,
    /// Policies whose evaluation failed; any of them holds.
    pub errors: Vec<String>,
    /// The facts used, by name. Personal values stand here only as commitments.
    pub facts: BTreeMap<String, String>,
    /// When the facts were read.
    pub at: Timestamp,
}

/// What policy says of a request at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It may happen now.
    Release,
    /// Not yet: any one of `paths` would release. Empty: nothing that is known would, but facts may change.
    Hold { paths: Vec<Path> },
    /// Never, by a fact that cannot change for this request or by a forbid that denies by `code`.
    Deny { code: String },
}

/// A decision and its criteria.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was decided.
    pub decision: Decision,
    /// By what.
    pub criteria: Criteria,
}
