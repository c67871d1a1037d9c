//! What happened to a request. Ids, codes, commitments and counts only: an event goes into the ledger as it is,
//! and the history must be readable after the request's keys were destroyed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Commitment, PersonId, RequestId};
use crate::plan::Counts;
use crate::quorum::Vote;
use crate::receipt::Receipt;
use crate::subject::{Asking, Proof, Target};
use crate::survey::Survey;
use crate::time::Timestamp;
use crate::verdict::Criteria;

/// How it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// 32 random bytes.
    pub nonce: Commitment,
    /// What is asked for.
    pub action: String,
    /// Where it came in: from the kind of token, never from body or header.
    pub channel: String,
    /// Where it is to act: `production`, …
    pub environment: String,
    /// Who asks.
    pub asking: Asking,
    /// About whom or what.
    pub target: Target,
    /// Of the parameters, which are sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Commitment>,
    /// Of the reason, which is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Commitment>,
    /// What a token with that scope attested: `identity`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attested: Vec<String>,
    /// The law's date; it never ends the request.
    pub due_at: Option<Timestamp>,
    /// When it runs out without a release.
    pub expires_at: Timestamp,
    /// The same before any proof.
    pub expires_unproven_at: Timestamp,
}

/// By whom or what a request was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum By {
    /// A person with a seat.
    Person { person: PersonId, seat: String },
    /// Policy, by these criteria; `holds` names the legal holds that stood in the way.
    Policy { criteria: Criteria, holds: Vec<String> },
    /// A rule of the configuration about an earlier request.
    Conflict { earlier: RequestId },
    /// The sources: they hold nobody of the proved identities.
    Survey,
}

/// Rows that stayed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The source.
    pub source: String,
    /// The table.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// The reason's code: a legal basis, or `owned_by_others`.
    pub basis: String,
    /// Until when, as the data map says it to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Rows touched, or exported.
    pub touched: Counts,
    /// Rows that stayed.
    pub kept: Vec<Kept>,
    /// Rows that a look afterwards still found, and that should not be there.
    pub left: Counts,
    /// Whether a package waits to be fetched.
    pub package: bool,
}

/// Something that happened. Its time stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It was asked for.
    Submitted(Box<Submitted>),
    /// The requester proved intent.
    Verified { proof: Proof },
    /// The sources were looked at, and something that a vote or verdict rests on was new.
    Surveyed { survey: Survey },
    /// Several people match what was proved.
    Ambiguous { matches: u32 },
    /// A person settled who is meant.
    Resolved { by: PersonId, choice: Commitment },
    /// Somebody approved.
    Approved { vote: Vote },
    /// It may happen; it took its place among the running.
    Released { criteria: Criteria, survey_at: Timestamp, ceiling: Option<Counts> },
    /// It may not happen any more; it gave its place back.
    Retracted { criteria: Criteria },
    /// Its permit was spent, and the steps that it has.
    RunStarted {
        run: u32,
        criteria: Criteria,
        steps: Vec<String>,
        by: Option<PersonId>,
        ceiling: Option<Counts>,
    },
    /// A source confirmed a step.
    Stepped { receipt: Receipt },
    /// A recount inside the source found more than was signed; nothing was committed; votes are void.
    Recounted { run: u32, counted: Counts },
    /// The subject or the plan changed under the run; nothing was committed; votes are void.
    Shifted { run: u32, what: String },
    /// A legal hold arrived before anything was committed.
    HeldBack { run: u32, holds: Vec<String> },
    /// Part of it is done, or nobody knows, and there is no way on without a person.
    Stuck { run: u32, code: String },
    /// All steps are done.
    Completed { run: u32, outcome: Outcome },
    /// A person declared a stuck request done as it is.
    Accepted { by: PersonId, outcome: Outcome, reason: Option<Commitment> },
    /// A person gave a stuck request up.
    Abandoned { by: PersonId, reason: Option<Commitment> },
    /// It never will happen.
    Denied {
        /// Why, as a code.
        code: String,
        /// By whom or what.
        by: By,
        /// Of the reason, which is sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Commitment>,
    },
    /// The requester took it back.
    Withdrawn { by: Option<PersonId> },
    /// Its time ran out.
    Expired,
    /// The law's date was moved.
    Extended { by: PersonId, due_at: Timestamp, reason: Option<Commitment> },
    /// A person let it be judged by the policies for broken glass.
    GlassBroken {
        /// Who.
        by: PersonId,
        /// Whose members are told, and review it.
        seats: Vec<String>,
        /// Of the reason, which is sealed.
        reason: Commitment,
        /// Until when it is to be reviewed.
        review_due: Timestamp,
    },
    /// Somebody else reviewed that.
    GlassReviewed {
        /// Who.
        by: PersonId,
        /// For which seat.
        seat: String,
        /// Whether it was right.
        justified: bool,
        /// Of what they say, which is sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Commitment>,
    },
    /// Somebody wrote a remark.
    Commented { by: PersonId, text: Commitment },
}

impl Event {
    /// The run of which it tells. `RunStarted` tells of none yet.
    pub(super) fn of_run(&self) -> Option<u32> {
        match self {
            Event::Stepped { receipt } => Some(receipt.key.run),
            Event::Recounted { run, .. }
            | Event::Shifted { run, .. }
            | Event::HeldBack { run, .. }
            | Event::Stuck { run, .. }
            | Event::Completed { run, .. } => Some(*run),
            Event::Submitted(_)
            | Event::Verified { .. }
            | Event::Surveyed { .. }
            | Event::Ambiguous { .. }
            | Event::Resolved { .. }
            | Event::Approved { .. }
            | Event::Released { .. }
            | Event::Retracted { .. }
            | Event::RunStarted { .. }
            | Event::Accepted { .. }
            | Event::Abandoned { .. }
            | Event::Denied { .. }
            | Event::Withdrawn { .. }
            | Event::Expired
            | Event::Extended { .. }
            | Event::GlassBroken { .. }
            | Event::GlassReviewed { .. }
            | Event::Commented { .. } => None,
        }
    }

    /// The word for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Submitted(_) => "submitted",
            Event::Verified { .. } => "verified",
            Event::Surveyed { .. } => "surveyed",
            Event::Ambiguous { .. } => "ambiguous",
            Event::Resolved { .. } => "resolved",
            Event::Approved { .. } => "approved",
            Event::Released { .. } => "released",
            Event::Retracted { .. } => "retracted",
            Event::RunStarted { .. } => "run_started",
            Event::Stepped { .. } => "stepped",
            Event::Recounted { .. } => "recounted",
            Event::Shifted { .. } => "shifted",
            Event::HeldBack { .. } => "held_back",
            Event::Stuck { .. } => "stuck",
            Event::Completed { .. } => "completed",
            Event::Accepted { .. } => "accepted",
            Event::Abandoned { .. } => "abandoned",
            Event::Denied { .. } => "denied",
            Event::Withdrawn { .. } => "withdrawn",
            Event::Expired => "expired",
            Event::Extended { .. } => "extended",
            Event::GlassBroken { .. } => "glass_broken",
            Event::GlassReviewed { .. } => "glass_reviewed",
            Event::Commented { .. } => "commented",
        }
    }
}

impl Outcome {
    /// `complete` if nothing stayed and nothing is left, else `partial`.
    pub fn word(&self) -> &'static str {
        if self.kept.iter().all(|kept| kept.rows == 0) && self.left.rows() == 0 {
            "complete"
        } else {
            "partial"
        }
    }

    /// Rows that stayed, by reason.
    pub fn kept_by_basis(&self) -> BTreeMap<&str, u64> {
        let mut by_basis = BTreeMap::new();
        for kept in &self.kept {
            *by_basis.entry(&*kept.basis).or_default() += kept.rows;
        }
        by_basis
    }
}
