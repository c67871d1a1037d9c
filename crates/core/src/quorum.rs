//! Counting votes: distinct people, one seat each, each for what they saw, none from the side that asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Commitment, Digest, PersonId};
use crate::plan::Counts;
use crate::survey::Survey;
use crate::time::Timestamp;

/// One person's approval for one seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Whose.
    pub by: PersonId,
    /// For which seat.
    pub seat: String,
    /// Of what.
    pub digest: Digest,
    /// The most rows per table that it covers.
    pub ceiling: Counts,
    /// Of the reason, which is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Commitment>,
    /// When.
    pub at: Timestamp,
}

impl Vote {
    /// Whether it covers what the survey found.
    // INVARIANT 3: for the digest that the voter saw, and within the counts that the voter signed.
    pub fn covers(&self, survey: &Survey) -> bool {
        self.digest == survey.digest && survey.counts.beyond(&self.ceiling).is_none()
    }
}

/// What is known of a voter at the moment of counting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voter {
    /// The seats of which they are an active member now.
    pub seats: BTreeSet<String>,
    /// Whether one of their identities is one that the survey holds, or one of the requester's.
    pub is_subject: bool,
}

/// Approvals that count: by seat, and of anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// People by seat.
    pub by_seat: BTreeMap<String, i64>,
    /// People in all.
    pub any: i64,
    /// The lowest ceiling of them all; `None` where nobody's vote counts.
    pub ceiling: Option<Counts>,
}

/// Counts the votes that cover `survey`. A voter who is not in `voters` has no seat any more.
// INVARIANT 2: one vote a person, one seat a vote, nobody from the asking side.
pub fn tally(
    votes: &[Vote],
    survey: &Survey,
    asking: &BTreeSet<PersonId>,
    voters: &BTreeMap<PersonId, Voter>,
) -> Tally {
    let mut tally = Tally::default();
    let mut counted = BTreeSet::new();
    for vote in votes.iter().filter(|vote| vote.covers(survey)) {
        let Some(voter) = voters.get(&vote.by) else { continue };
        let stands = voter.seats.contains(&vote.seat) && !voter.is_subject && !asking.contains(&vote.by);
        if stands && counted.insert(vote.by) {
            *tally.by_seat.entry(vote.seat.clone()).or_default() += 1;
            tally.any += 1;
            tally.ceiling = Some(match tally.ceiling.take() {
                Some(ceiling) => ceiling.lower(&vote.ceiling),
                None => vote.ceiling.clone(),
            });
        }
    }
    tally
}

#[cfg(test)]
mod tests;
