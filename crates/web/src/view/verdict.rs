//! A verdict on the wire: what policy says, and what is missing.

use countersign_core::verdict::{Decision, Missing, Path, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use crate::view::moment::Moment;

/// What policy says of a request at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerdictView {
    /// `release`, `hold` or `deny`.
    #[schema(example = "hold")]
    decision: &'static str,
    /// SHA-256 of the policy set that was asked, in hex.
    policy_set: String,
    /// The policies that decided.
    policies: Vec<String>,
    /// Policies whose evaluation failed; any of them holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    /// Ways to a release; any one of them is enough. None in a hold: nothing that is known would release it.
    paths: Vec<PathView>,
    /// Why never.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// One way to a release.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PathView {
    /// The policy that would then permit.
    policy: String,
    /// Everything that it still wants.
    missing: Vec<MissingView>,
}

/// One thing that is missing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum MissingView {
    /// The requester has not proved intent by this method.
    Verification {
        /// `email`, `totp`, `passkey`.
        method: String,
    },
    /// People have yet to sign.
    Vote {
        /// The seat; `any` counts everybody once.
        group: String,
        /// How many must sign.
        need: i64,
        /// How many did.
        have: i64,
    },
    /// A cooling-off.
    Time {
        /// All of it, in milliseconds.
        need_ms: i64,
        /// What is left of it, in milliseconds.
        remaining_ms: i64,
    },
    /// Room among the running requests of an action.
    Capacity {
        /// The action.
        action: String,
        /// There must be fewer than this.
        below: i64,
        /// So many there are.
        now: i64,
    },
    /// Room among the requests of an action that started today.
    Today {
        /// The action.
        action: String,
        /// There must be fewer than this.
        below: i64,
        /// So many there are.
        now: i64,
    },
    /// The action is paused after repeated failures, until a person resumes it.
    Paused {
        /// The action.
        action: String,
        /// Since when.
        since: Moment,
    },
    /// Other requests on the same subject go first.
    Conflict {
        /// How many.
        count: i64,
    },
    /// The sources have not been looked at, or too long ago.
    Survey,
    /// Several people match; a person decides who is meant.
    Identity,
    /// A legal hold keeps the data.
    LegalHold {
        /// The policy that says so.
        policy: String,
    },
    /// A statement from outside that policy wants.
    Attestation {
        /// Which.
        name: String,
    },
    /// A condition that is enforced but that the explanation cannot take apart.
    Opaque {
        /// The condition, as the policy writes it.
        condition: String,
    },
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        let Verdict { decision, criteria } = verdict;
        let (decision, paths, code) = match decision {
            Decision::Release => ("release", Vec::new(), None),
            Decision::Hold { paths } => ("hold", paths.into_iter().map(Into::into).collect(), None),
            Decision::Deny { code } => ("deny", Vec::new(), Some(code)),
        };
        let (policy_set, policies, errors) = (criteria.policy_set, criteria.policies, criteria.errors);
        Self { decision, policy_set, policies, errors, paths, code }
    }
}

impl From<Path> for PathView {
    fn from(path: Path) -> Self {
        Self { policy: path.policy, missing: path.missing.into_iter().map(Into::into).collect() }
    }
}

impl From<Missing> for MissingView {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Verification { method } => Self::Verification { method },
            Missing::Vote { group, need, have } => Self::Vote { group, need, have },
            Missing::Time { need_ms, remaining_ms } => Self::Time { need_ms, remaining_ms },
            Missing::Capacity { action, below, now } => Self::Capacity { action, below, now },
            Missing::Today { action, below, now } => Self::Today { action, below, now },
            Missing::Paused { action, since } => Self::Paused { action, since: since.into() },
            Missing::Conflict { count } => Self::Conflict { count },
            Missing::Survey => Self::Survey,
            Missing::Identity => Self::Identity,
            Missing::LegalHold { policy } => Self::LegalHold { policy },
            Missing::Attestation { name } => Self::Attestation { name },
            Missing::Opaque { condition } => Self::Opaque { condition },
        }
    }
}
