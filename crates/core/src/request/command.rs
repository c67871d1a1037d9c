//! What can be asked of a request, and why it may be refused.

use std::collections::BTreeSet;

use crate::id::{Commitment, Digest, PersonId, RequestId};
use crate::plan::Counts;
use crate::receipt::Receipt;
use crate::subject::Proof;
use crate::survey::Surveyed;
use crate::time::Timestamp;
use crate::verdict::Verdict;

use super::event::Outcome;

/// A person who acts on a request, with what is known of them at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub person: PersonId,
    /// The seats of which they are an active member.
    pub seats: BTreeSet<String>,
    /// Whether one of their identities is one that the survey holds, or one of the requester's.
    pub is_subject: bool,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// The requester proved intent.
    Verify { proof: Proof },
    /// The sources were looked at. Worth recording when something changed, or when a release is to rest on it.
    Survey(Surveyed),
    /// A person says which of several is meant.
    Resolve { by: Actor, choice: Commitment },
    /// A person approves for a seat: of what they saw, up to the counts that they saw or a ceiling of their own.
    Approve { by: Actor, seat: String, digest: Digest, ceiling: Option<Counts>, reason: Option<Commitment> },
    /// A person denies for a seat.
    Deny { by: Actor, seat: String, reason: Option<Commitment> },
    /// A rule about an earlier request refuses this one.
    Refuse { code: String, earlier: RequestId },
    /// Policy was asked. `holds` names legal holds, `ceiling` is what the votes that count cover together, and
    /// `max_age_ms` how old a survey may be for a release.
    Judge { verdict: Verdict, holds: Vec<String>, ceiling: Option<Counts>, max_age_ms: i64 },
    /// Policy was asked again, to spend the permit. `proven`: the release is under a committed checkpoint.
    Start { verdict: Verdict, holds: Vec<String>, ceiling: Option<Counts>, proven: bool, steps: Vec<String> },
    /// A source confirmed a step of the run.
    Step { receipt: Receipt },
    /// A recount inside the source found more than was signed, and every step of the run is void.
    Recount { counted: Counts },
    /// Roots or plan are not those that were signed, and every step of the run is void.
    Shift { what: String },
    /// A legal hold arrived, and every step not done is void.
    HoldBack { holds: Vec<String> },
    /// There is no way on without a person.
    GetStuck { code: String },
    /// All steps are done.
    Complete { outcome: Outcome },
    /// Tries a stuck request again, in a new run.
    Retry { by: PersonId, verdict: Verdict, ceiling: Option<Counts>, steps: Vec<String> },
    /// Declares a stuck request done as it is.
    Accept { by: PersonId, outcome: Outcome, reason: Option<Commitment> },
    /// Gives a stuck request up.
    Abandon { by: PersonId, reason: Option<Commitment> },
    /// The requester takes it back.
    Withdraw { by: Option<PersonId> },
    /// Asks whether its time ran out.
    Expire,
    /// Moves the law's date.
    Extend { by: PersonId, due_at: Timestamp, reason: Option<Commitment> },
    /// Lets a waiting request be judged by the policies for broken glass.
    BreakGlass { by: Actor, seats: Vec<String>, reason: Commitment, review_due: Timestamp },
    /// Reviews that afterwards.
    ReviewGlass { by: Actor, seat: String, justified: bool, text: Option<Commitment> },
    /// Adds a remark.
    Comment { by: PersonId, text: Commitment },
}

/// Why a command changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request has ended.
    Closed,
    /// It is past the point where this can be asked.
    TooLate,
    /// It has not come to where this can be asked.
    TooEarly,
    /// The person stands on the side that asks.
    OwnRequest,
    /// The person is the subject, by one of their identities.
    OwnData,
    /// The person is no active member of that seat.
    NotYourSeat,
    /// The person's vote stands already.
    AlreadyVoted,
    /// What was seen is not what would be done now.
    StaleDigest,
    /// The ceiling is lower than what would be done now.
    CeilingTooLow,
    /// Several people match, and nobody settled who is meant.
    NotResolved,
    /// The sources were looked at too long ago.
    StaleSurvey,
    /// Policy does not release it.
    NotReleased,
    /// The release is not under a committed checkpoint yet.
    NotProven,
    /// Steps of an earlier run are neither done nor void.
    OpenSteps,
    /// Something was committed in a source already.
    PartDone,
    /// The receipt is of another run or step, or contradicts one that stands.
    WrongReceipt,
    /// Its time has not run out.
    NotExpired,
    /// The new date is not later than the old one.
    NotLater,
}
