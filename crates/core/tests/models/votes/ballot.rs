//! Who votes, what they see, and how a vote is put to the core.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;
use countersign_core::plan::Counts;
use countersign_core::quorum::Voter;
use countersign_core::request::{Actor, Command};
use countersign_core::survey::Survey;

use super::Mutation;
use crate::given;

/// What the source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum World {
    /// 100 rows: whoever sees them signs for 120.
    Some,
    /// 119 rows: within what was signed for 100; whoever sees them signs for 139.
    More,
    /// 131 rows: within what was signed for 119, beyond what was signed for 100.
    Most,
    /// 100 rows, under another data map.
    Other,
}

impl World {
    pub(super) const ALL: [World; 4] = [World::Some, World::More, World::Most, World::Other];

    pub(super) const fn rows(self) -> u64 {
        match self {
            World::Some | World::Other => 100,
            World::More => 119,
            World::Most => 131,
        }
    }

    pub(super) const fn shape(self) -> &'static str {
        if matches!(self, World::Other) { "other plan" } else { "plan" }
    }

    /// Whether somebody who saw `self` signed for `now`: told here once more, apart from the core.
    pub(super) fn was_signed_for(self, now: World) -> bool {
        self.shape() == now.shape() && now.rows() <= self.rows() + 20
    }

    pub(super) fn counts(self) -> Counts {
        given::orders(self.rows())
    }

    pub(super) fn survey(self) -> Survey {
        given::survey(self.shape(), "customer 7", self.counts())
    }

    pub(super) fn of(survey: &Survey) -> Option<World> {
        Self::ALL.into_iter().find(|world| world.survey() == *survey)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Who {
    Bo,
    Cy,
    /// On the asking side.
    Ana,
    /// Has one of the subject's identities.
    Di,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Seat {
    Privacy,
    Legal,
}

/// A vote on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ballot {
    pub(super) by: Who,
    pub(super) seat: Seat,
    /// What they saw and approve; nothing: they deny.
    pub(super) approves: Option<World>,
    /// Whether Bo has his seats, as far as the transaction knows.
    pub(super) seated: bool,
}

impl Ballot {
    /// As `service` puts it: the digest and the counts on the voter's page.
    pub(super) fn command(self, survey: Option<&Survey>, broken: Option<Mutation>) -> Command {
        let seats = voters(self.seated, broken);
        let person = self.by.person(self.seat, broken);
        let Voter { seats, is_subject } = seats.get(&person).cloned().unwrap_or_default();
        let by = Actor { person, seats, is_subject };
        let seat = self.seat.name().to_owned();
        let Some(seen) = self.approves else { return Command::Deny { by, seat, reason: None } };
        let newest = survey.filter(|_| broken == Some(Mutation::DigestFilledIn));
        let digest = newest.map_or_else(|| given::digest(seen.shape()), |survey| survey.digest);
        let ceiling = (broken != Some(Mutation::CountsFilledIn)).then(|| seen.counts().ceiling());
        Command::Approve { by, seat, digest, ceiling, reason: None }
    }
}

impl Who {
    pub(super) const ALL: [Who; 4] = [Who::Bo, Who::Cy, Who::Ana, Who::Di];

    pub(super) const fn seats(self) -> &'static [Seat] {
        match self {
            Who::Bo => &[Seat::Privacy, Seat::Legal],
            Who::Cy => &[Seat::Legal],
            Who::Ana | Who::Di => &[Seat::Privacy],
        }
    }

    /// Whether their vote may count, told apart from the core.
    pub(super) const fn may_vote(self) -> bool {
        matches!(self, Who::Bo | Who::Cy)
    }

    fn person(self, seat: Seat, broken: Option<Mutation>) -> PersonId {
        let name = match self {
            Who::Bo => "bo",
            Who::Cy => "cy",
            Who::Ana => "ana",
            Who::Di => "di",
        };
        match broken {
            Some(Mutation::AccountsForPersons) => given::person(&format!("{name} of {}", seat.name())),
            _ => given::person(name),
        }
    }
}

impl Seat {
    const fn name(self) -> &'static str {
        match self {
            Seat::Privacy => "privacy",
            Seat::Legal => "legal",
        }
    }
}

/// What is known of everybody.
pub(super) fn voters(seated: bool, broken: Option<Mutation>) -> BTreeMap<PersonId, Voter> {
    let mut voters = BTreeMap::new();
    for who in Who::ALL {
        for seat in who.seats() {
            let has_seats = who != Who::Bo || seated || broken == Some(Mutation::SeatsNotLookedUp);
            let seats: BTreeSet<String> = who.seats().iter().map(|seat| seat.name().to_owned()).collect();
            let voter = Voter {
                seats: if has_seats { seats } else { BTreeSet::new() },
                is_subject: who == Who::Di && broken != Some(Mutation::IdentitiesNotCompared),
            };
            voters.insert(who.person(*seat, broken), voter);
        }
    }
    voters
}
