//! Who asks, whose data it is, and what proves that both are one. Values appear only as commitments.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{Commitment, PersonId};
use crate::time::Timestamp;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Requester {
    /// The person whose data it is.
    Subject,
    /// Somebody with a mandate of the subject.
    Agent { person: PersonId },
    /// A member of staff.
    Staff { person: PersonId },
    /// A program.
    Service { name: String },
    /// A timer.
    Schedule { name: String },
}

impl Requester {
    /// The word for this kind of requester.
    pub const fn kind(&self) -> &'static str {
        match self {
            Requester::Subject => "subject",
            Requester::Agent { .. } => "agent",
            Requester::Staff { .. } => "staff",
            Requester::Service { .. } => "service",
            Requester::Schedule { .. } => "schedule",
        }
    }
}

/// The side that asks. Nobody on it votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Who asks.
    pub requester: Requester,
    /// Every person behind it: the requester, the agent, who minted the token, who wrote the schedule.
    pub persons: BTreeSet<PersonId>,
}

/// An identity as it stands in a history: its kind, and a commitment to its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Committed {
    /// `email`, `phone`, `account`, …
    pub kind: String,
    /// Of the normalised value, under the request's key.
    pub value: Commitment,
}

/// What the request is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A person, as far as the requester named them.
    Subject { stated: Vec<Committed> },
    /// A dataset of the data map.
    Dataset { source: String, name: String },
}

/// Proof that the requester means it, and owns an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `email`, `totp`, `passkey`.
    pub method: String,
    /// Which identity it proves.
    pub identity: Committed,
    /// When.
    pub at: Timestamp,
}
