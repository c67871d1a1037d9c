//! Broken glass: a person lets a request be judged by the narrower policies kept for that, and answers for it. The mark
//! stays in the history for good; a review by somebody else is due.

use std::collections::BTreeSet;

use crate::id::{Commitment, PersonId};
use crate::time::Timestamp;

use super::command::{Actor, Refusal};
use super::event::Event;
use super::state::{Dossier, State};

/// What is known of a request whose glass was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glass {
    /// By whom.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Whose members were told, and may review it.
    pub seats: Vec<String>,
    /// Until when it is to be reviewed.
    pub review_due: Timestamp,
    /// The review, once there is one.
    pub review: Option<Review>,
}

/// What somebody else thought of it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Whether breaking the glass was right.
    pub justified: bool,
}

impl State {
    /// A person breaks the glass: once, while it waits, and not over their own data.
    pub(super) fn break_glass(
        &self,
        by: Actor,
        seats: Vec<String>,
        reason: Commitment,
        review_due: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        match self {
            State::Waiting(dossier) if dossier.glass.is_some() => Err(Refusal::TooLate),
            State::Waiting(_) if by.is_subject => Err(Refusal::OwnData),
            State::Waiting(_) => Ok(vec![Event::GlassBroken { by: by.person, seats, reason, review_due }]),
            State::Ended(..) => Err(Refusal::Closed),
            State::Released(_) | State::Running(_) | State::Stuck(_) => Err(Refusal::TooLate),
        }
    }

    /// A person reviews it: in any state, once, and never who broke it or who stands on the side that asked.
    pub(super) fn review_glass(
        &self,
        by: Actor,
        seat: String,
        justified: bool,
        text: Option<Commitment>,
    ) -> Result<Vec<Event>, Refusal> {
        let dossier = self.dossier();
        let glass = dossier.glass.as_ref().ok_or(Refusal::TooEarly)?;
        if glass.review.is_some() {
            return Err(Refusal::TooLate);
        }
        dossier.may_decide(&by)?;
        if !by.seats.contains(&seat) || !glass.seats.contains(&seat) {
            return Err(Refusal::NotYourSeat);
        }
        Ok(vec![Event::GlassReviewed { by: by.person, seat, justified, text }])
    }
}

impl Dossier {
    /// Whether its glass was broken, by whom, and what came of it.
    pub fn glass(&self) -> Option<&Glass> {
        self.glass.as_ref()
    }

    // INVARIANT 2: nobody who stands on the asking side votes, whatever their role, channel or token.
    pub(super) fn may_decide(&self, by: &Actor) -> Result<(), Refusal> {
        if self.asking_side().contains(&by.person) {
            return Err(Refusal::OwnRequest);
        }
        if by.is_subject { Err(Refusal::OwnData) } else { Ok(()) }
    }

    /// Who asks, and who broke the glass for them.
    pub(super) fn asking_side(&self) -> BTreeSet<PersonId> {
        let broke = self.glass.iter().map(|glass| glass.by);
        self.submitted.asking.persons.iter().copied().chain(broke).collect()
    }
}
