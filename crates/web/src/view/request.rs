//! A request on the wire: in full, and as a row of a list.

use std::collections::BTreeMap;

use countersign_core::subject::{Proof, Requester, Target};
use countersign_service::ports::store::Row;
use countersign_service::requests::picture::{Picture, StepSeen, VoteSeen};
use countersign_service::settings::datamap::Recipient;
use serde::Serialize;
use utoipa::ToSchema;

use super::glass::GlassView;
use super::moment::Moment;
use super::plan::PlanView;
use super::result::ResultView;
use super::verdict::VerdictView;

/// A request as this caller sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Request {
    #[serde(flatten)]
    row: RequestRow,
    /// Where it is to act.
    #[schema(example = "production")]
    environment: String,
    /// Who asks.
    requester: RequesterView,
    /// About whom or what. Values of identities are not shown.
    target: TargetView,
    /// Why it was asked, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the action was told beside.
    parameters: BTreeMap<String, String>,
    /// What a vote is bound to: 64 hexadecimal digits. There once the sources were looked at.
    digest: Option<String>,
    /// What would be done.
    plan: Option<PlanView>,
    /// When the sources were read last.
    surveyed_at: Option<Moment>,
    /// How many people match, if that is more than one and nobody settled who is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    unresolved: Option<u32>,
    /// What policy says now; null once there is nothing left to say.
    verdict: Option<VerdictView>,
    /// Approvals.
    votes: Vec<VoteView>,
    /// Proofs of intent.
    verifications: Vec<VerificationView>,
    /// What was attested from outside.
    attested: Vec<String>,
    /// How often it was tried to carry it out.
    runs: u32,
    /// Why it is stuck, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<String>,
    /// Who outside is told once it is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tells: Vec<RecipientView>,
    /// How far each source is, once there was a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepView>,
    /// What came of it, once it has ended.
    result: Option<ResultView>,
    /// Whether its glass was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    glass: Option<GlassView>,
    /// What happened, in order.
    events: Vec<EventView>,
    /// The one key to a subject's own request; in the answer to its submission alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_token: Option<String>,
}

/// A request as a row of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestRow {
    /// Its id.
    #[schema(example = "0198c2a4-7b1e-7000-8000-000000000001")]
    id: String,
    /// What is asked for.
    #[schema(example = "erase")]
    action: String,
    /// Where it stands: `waiting`, `released`, `running`, `stuck`, `completed`, `denied`, `withdrawn`, `expired`,
    /// `abandoned`.
    #[schema(example = "waiting")]
    status: &'static str,
    /// Where it came in: `portal`, `api`, `cli`, `gateway`, `schedule`.
    #[schema(example = "api")]
    channel: String,
    /// When it was submitted.
    submitted_at: Moment,
    /// The law's date.
    due_at: Option<Moment>,
    /// When it runs out without a release; null once it cannot.
    expires_at: Option<Moment>,
    /// When its latest run started.
    started_at: Option<Moment>,
    /// When something happened to it last.
    changed_at: Moment,
}

/// Somebody outside who holds what came from a source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecipientView {
    /// The source.
    #[schema(example = "shop")]
    source: String,
    /// Its name.
    #[schema(example = "Example Mailer")]
    name: String,
    /// What it holds.
    holds: String,
}

impl From<(String, Recipient)> for RecipientView {
    fn from((source, recipient): (String, Recipient)) -> Self {
        Self { source, name: recipient.name, holds: recipient.holds }
    }
}

/// How far one source is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// The source.
    #[schema(example = "shop")]
    source: String,
    /// `done`; `undone`, and never will be by the run that was to do it; `unknown`: under way, or nobody heard.
    #[schema(example = "done")]
    state: &'static str,
    /// How many parts of it were done; 0 where all is done in one.
    parts: u64,
    /// Rows that were touched.
    rows: u64,
}

impl From<StepSeen> for StepView {
    fn from(step: StepSeen) -> Self {
        Self { source: step.source, state: step.known.name(), parts: step.parts, rows: step.rows }
    }
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum RequesterView {
    /// The person whose data it is.
    Subject,
    /// Somebody with a mandate of the subject.
    Agent {
        /// Their id.
        person: String,
    },
    /// A member of staff.
    Staff {
        /// Their id.
        person: String,
    },
    /// A program.
    Service {
        /// Its name.
        name: String,
    },
    /// A timer.
    Schedule {
        /// Its name.
        name: String,
    },
}

/// About whom or what.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum TargetView {
    /// A person.
    Subject {
        /// The kinds of the identities that were stated.
        identities: Vec<String>,
    },
    /// A dataset.
    Dataset {
        /// The source that has it.
        source: String,
        /// Its name in the data map.
        name: String,
    },
}

/// An approval.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VoteView {
    /// `approve`; a denial ends the request and stands in its result.
    #[schema(example = "approve")]
    vote: &'static str,
    /// For which seat.
    seat: String,
    /// Whose: a person's id.
    by: String,
    /// When.
    at: Moment,
    /// Whether it covers what would be done now.
    counts: bool,
}

/// A proof of intent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerificationView {
    /// `email`, `totp`, `passkey`.
    #[schema(example = "email")]
    method: String,
    /// The kind of the identity that it proves.
    identity: String,
    /// When.
    at: Moment,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// When.
    at: Moment,
    /// What: `submitted`, `verified`, `approved`, …
    #[schema(example = "submitted")]
    event: String,
}

impl Request {
    /// With the token that a subject gets for their submission.
    pub(crate) fn with_token(picture: Picture, token: Option<String>) -> Self {
        Self { request_token: token, ..Self::from(picture) }
    }
}

impl From<Picture> for Request {
    fn from(picture: Picture) -> Self {
        Self {
            row: picture.row.into(),
            environment: picture.environment,
            requester: picture.requester.into(),
            target: picture.target.into(),
            reason: picture.reason,
            parameters: picture.parameters,
            digest: picture.digest.map(|digest| digest.to_string()),
            plan: picture.plan.map(|plan| PlanView::of(plan, &picture.last_times, &picture.samples)),
            surveyed_at: picture.surveyed_at.map(Into::into),
            unresolved: picture.unresolved,
            verdict: picture.verdict.map(Into::into),
            votes: picture.votes.into_iter().map(Into::into).collect(),
            verifications: picture.proofs.into_iter().map(Into::into).collect(),
            attested: picture.attested,
            runs: picture.runs,
            stuck: picture.stuck,
            tells: picture.tells.into_iter().map(Into::into).collect(),
            steps: picture.steps.into_iter().map(Into::into).collect(),
            result: picture.ending.map(Into::into),
            glass: picture.glass.map(|glass| GlassView::of(glass, picture.glass_reason)),
            events: picture
                .events
                .into_iter()
                .map(|(at, event)| EventView { at: at.into(), event })
                .collect(),
            request_token: None,
        }
    }
}

impl From<Row> for RequestRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            action: row.action,
            status: row.status.name(),
            channel: row.channel,
            submitted_at: row.submitted_at.into(),
            due_at: row.due_at.map(Into::into),
            expires_at: row.expires_at.map(Into::into),
            started_at: row.started_at.map(Into::into),
            changed_at: row.changed_at.into(),
        }
    }
}

impl From<Requester> for RequesterView {
    fn from(requester: Requester) -> Self {
        match requester {
            Requester::Subject => Self::Subject,
            Requester::Agent { person } => Self::Agent { person: person.to_string() },
            Requester::Staff { person } => Self::Staff { person: person.to_string() },
            Requester::Service { name } => Self::Service { name },
            Requester::Schedule { name } => Self::Schedule { name },
        }
    }
}

impl From<Target> for TargetView {
    fn from(target: Target) -> Self {
        match target {
            Target::Subject { stated } => {
                Self::Subject { identities: stated.into_iter().map(|identity| identity.kind).collect() }
            }
            Target::Dataset { source, name } => Self::Dataset { source, name },
        }
    }
}

impl From<VoteSeen> for VoteView {
    fn from(vote: VoteSeen) -> Self {
        let VoteSeen { by, seat, at, counts } = vote;
        Self { vote: "approve", seat, by: by.to_string(), at: at.into(), counts }
    }
}

impl From<Proof> for VerificationView {
    fn from(proof: Proof) -> Self {
        Self { method: proof.method, identity: proof.identity.kind, at: proof.at.into() }
    }
}
