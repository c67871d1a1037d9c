//! Why an act was refused, named; the doors turn each into an answer.

use countersign_core::request as core;

use crate::ports::store::StoreError;
use crate::sign::Unlet;

/// What sort of refusal it is: a door has one status for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Nobody knows who calls.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// There is no such thing, or none that the caller may know of.
    NotFound,
    /// It does not fit what stands.
    Conflict,
    /// What was sent is wrong.
    Invalid,
    /// Too often.
    TooMany,
    /// Ours to mend; trying again later may help.
    Unavailable,
}

/// A refusal. Nothing was changed, but for what [`Refusal::NeedsSecond`] notes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is missing, unknown, expired or revoked.
    #[error("the token is missing, unknown, expired or revoked; send `Authorization: Bearer …`")]
    Unauthenticated,
    /// The caller's roles do not allow this.
    #[error("this token may not {0}")]
    NotAllowed(&'static str),
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no such {0}, or not for this token")]
    NotFound(&'static str),
    /// A rule of the request's life.
    #[error("{}", sentence(*.0))]
    Rule(core::Refusal),
    /// What was sent is wrong: at which place, and why.
    #[error("`{at}`: {why}")]
    Invalid {
        /// A path into the body: `subject.email`.
        at: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// Settings with mistakes, each at its place.
    #[error("the settings have {} mistakes", .0.len())]
    Mistakes(Vec<crate::settings::Mistake>),
    /// The code is wrong; so many tries are left.
    #[error("the code is wrong; {left} tries are left")]
    WrongCode {
        /// Tries left.
        left: u32,
    },
    /// The code was tried too often, or ran out, or was never asked for.
    #[error("there is no code to compare with any more: ask for a new one")]
    NoChallenge,
    /// Codes were asked for too often.
    #[error("too many codes were asked for; wait until the last one has run out")]
    TooManyChallenges,
    /// Too much was asked from one place, or about one address.
    #[error("too much was asked from here, or for this address: wait an hour")]
    TooManyAsked,
    /// Who fetches a package proves themselves again first.
    #[error(
        "prove once more that it is you: the latest proof is too old for fetching a package; start a verification \
         of this request, and send its code"
    )]
    ProofTooOld,
    /// The person has not enrolled this method, or too late for this request.
    #[error(
        "this method was not enrolled before the request was made, for an identity that the source holds"
    )]
    NotEnrolled,
    /// What was sent proves nothing.
    #[error("that does not prove who you are")]
    NotProved,
    /// It is clear who it is, and they have nothing to do here.
    #[error("the identity provider vouches for you, and that opens nothing here: {}", .0.word())]
    NotLetIn(Unlet),
    /// Whoever calls has to prove once more that they are there, in a session, within this time.
    #[error(
        "this needs a passkey or a one-time password, given in the console within the last {} minutes", (.within_ms / 60_000).max(1)
    )]
    StepUp {
        /// How fresh the proof must be.
        within_ms: i64,
    },
    /// The same key came with another body, or while the first is under way.
    #[error("this `Idempotency-Key` was used for something else")]
    KeyReused,
    /// Somebody changed it meanwhile.
    #[error("somebody else changed this; read it again")]
    Stale,
    /// What the act needs does not stand: a sentence for the caller.
    #[error("{0}")]
    Standing(String),
    /// Noted, and not done: where there are two administrators, another has to ask for the same.
    #[error(
        "noted, and not done yet: there are two administrators, so another has to ask for the very same within a week"
    )]
    NeedsSecond,
    /// What was loaded is not enough any more; load again and decide again.
    #[error("what was loaded has changed")]
    Again,
    /// No settings are active, or they cannot be used by this node.
    #[error("no usable settings are active: enter them with `countersign apply`")]
    NoSettings,
    /// A source did not answer.
    #[error("{0}")]
    Source(String),
    /// What is stored cannot be read; nothing is done with it.
    #[error("what is stored of this cannot be read: {0}")]
    Damaged(String),
    /// The store did not take it.
    #[error("the store is not available now")]
    Unavailable,
    /// This node can not judge, or not store what it judges: why, without a value.
    #[error("{0}")]
    NotReady(String),
}

impl Refusal {
    /// What sort it is.
    pub fn sort(&self) -> Sort {
        match self {
            Refusal::Unauthenticated => Sort::Unauthenticated,
            Refusal::NotAllowed(_)
            | Refusal::ProofTooOld
            | Refusal::StepUp { .. }
            | Refusal::NotProved
            | Refusal::NotLetIn(_) => Sort::Forbidden,
            Refusal::NotFound(_) => Sort::NotFound,
            Refusal::Rule(rule) => match rule {
                core::Refusal::OwnRequest | core::Refusal::OwnData | core::Refusal::NotYourSeat => {
                    Sort::Forbidden
                }
                core::Refusal::CeilingTooLow | core::Refusal::NotLater => Sort::Invalid,
                _ => Sort::Conflict,
            },
            Refusal::Invalid { .. } | Refusal::Mistakes(_) | Refusal::WrongCode { .. } => Sort::Invalid,
            Refusal::NoChallenge | Refusal::NotEnrolled | Refusal::KeyReused | Refusal::Stale => {
                Sort::Conflict
            }
            Refusal::Standing(_) | Refusal::NeedsSecond => Sort::Conflict,
            Refusal::TooManyChallenges | Refusal::TooManyAsked => Sort::TooMany,
            Refusal::Again | Refusal::NoSettings | Refusal::Source(_) | Refusal::Unavailable => {
                Sort::Unavailable
            }
            Refusal::Damaged(_) | Refusal::NotReady(_) => Sort::Unavailable,
        }
    }

    /// The refusal as a code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Unauthenticated => "unauthenticated",
            Refusal::NotAllowed(_) => "not_allowed",
            Refusal::NotFound(_) => "not_found",
            Refusal::Rule(rule) => code(*rule),
            Refusal::Invalid { .. } => "invalid",
            Refusal::Mistakes(_) => "mistakes",
            Refusal::WrongCode { .. } => "wrong_code",
            Refusal::NoChallenge => "no_challenge",
            Refusal::TooManyChallenges => "too_many_codes",
            Refusal::TooManyAsked => "too_many_requests",
            Refusal::NotEnrolled => "not_enrolled",
            Refusal::ProofTooOld => "proof_too_old",
            Refusal::NotProved => "not_proved",
            Refusal::NotLetIn(_) => "not_let_in",
            Refusal::StepUp { .. } => "step_up_required",
            Refusal::KeyReused => "idempotency_key_reused",
            Refusal::Stale => "stale",
            Refusal::Standing(_) => "conflict",
            Refusal::NeedsSecond => "needs_second_administrator",
            Refusal::Again | Refusal::Unavailable => "unavailable",
            Refusal::NotReady(_) => "not_ready",
            Refusal::NoSettings => "no_settings",
            Refusal::Source(_) => "source_unavailable",
            Refusal::Damaged(_) => "damaged",
        }
    }

    /// A wrong input at a place.
    pub fn invalid(at: impl Into<String>, why: impl Into<String>) -> Self {
        Refusal::Invalid { at: at.into(), why: why.into() }
    }
}

impl From<core::Refusal> for Refusal {
    fn from(rule: core::Refusal) -> Self {
        Refusal::Rule(rule)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal,
            StoreError::Conflict | StoreError::Fenced => Refusal::Stale,
            StoreError::Damaged(what) => Refusal::Damaged(what),
            StoreError::Malformed(what) => {
                tracing::error!(what, "a change was not one that the store takes");
                Refusal::Damaged("a change that cannot be stored".to_owned())
            }
            StoreError::Unavailable(why) => {
                tracing::error!(why, "store unavailable");
                Refusal::Unavailable
            }
        }
    }
}

fn code(rule: core::Refusal) -> &'static str {
    use core::Refusal as R;
    match rule {
        R::Closed => "closed",
        R::TooLate => "too_late",
        R::TooEarly => "too_early",
        R::OwnRequest => "own_request",
        R::OwnData => "own_data",
        R::NotYourSeat => "not_your_seat",
        R::AlreadyVoted => "already_voted",
        R::StaleDigest => "stale_digest",
        R::CeilingTooLow => "ceiling_too_low",
        R::NotResolved => "not_resolved",
        R::StaleSurvey => "stale_survey",
        R::NotReleased => "not_released",
        R::NotProven => "not_proven",
        R::OpenSteps => "open_steps",
        R::PartDone => "part_done",
        R::WrongReceipt => "wrong_receipt",
        R::NotExpired => "not_expired",
        R::NotLater => "not_later",
    }
}

fn sentence(rule: core::Refusal) -> &'static str {
    use core::Refusal as R;
    match rule {
        R::Closed => "the request has ended",
        R::TooLate => "the request is past the point where this can be asked",
        R::TooEarly => "the request has not come to where this can be asked",
        R::OwnRequest => {
            "whoever stands on the side that asks does not vote: requester, agent, or author of token or schedule"
        }
        R::OwnData => "the subject does not vote on their own data, whatever account they use",
        R::NotYourSeat => "you are no active member of that seat",
        R::AlreadyVoted => "your vote stands already",
        R::StaleDigest => {
            "what you saw is not what would be done now: read the request again and vote on its present digest"
        }
        R::CeilingTooLow => "the ceiling is lower than the rows that would be touched now",
        R::NotResolved => "several people match: somebody has to settle who is meant first",
        R::StaleSurvey => "the sources were looked at too long ago",
        R::NotReleased => "policy does not release it",
        R::NotProven => "the release is not under a committed checkpoint yet",
        R::OpenSteps => "a step is neither done nor void",
        R::PartDone => "a part was committed already",
        R::WrongReceipt => "the receipt is of another run or contradicts one that stands",
        R::NotExpired => "its time has not run out",
        R::NotLater => "the new date must be later than the present one",
    }
}
