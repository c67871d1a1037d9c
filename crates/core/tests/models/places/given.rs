//! The three requests, whose they are, and what policy says of them.

use countersign_core::conflict::{self, Party};
use countersign_core::plan::Counts;
use countersign_core::request::{Event, Name, State};
use countersign_core::survey::Survey;
use countersign_core::time::Timestamp;

use super::{Mutation, Places};
use crate::book::NOW;
use crate::given;

/// Erasures that may run beside each other, before each change and after the last.
pub(super) const LIMITS: [usize; 3] = [2, 1, 2];
/// Which request its requester may withdraw.
pub(super) const WITHDRAWS: usize = 1;

/// At whose root rows a request starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Roots {
    First,
    Second,
    /// Of both: one person in two accounts.
    Both,
}

impl Roots {
    pub(super) const ALL: [Roots; 3] = [Roots::First, Roots::Second, Roots::Both];

    /// The root keys, one bit each.
    pub(super) const fn keys(self) -> u8 {
        match self {
            Roots::First => 1,
            Roots::Second => 2,
            Roots::Both => 3,
        }
    }

    pub(super) const fn share(self, other: Roots) -> bool {
        self.keys() & other.keys() != 0
    }

    pub(super) fn survey(self) -> Survey {
        given::survey("plan", &format!("{self:?}"), Counts::default())
    }

    pub(super) fn of(survey: &Survey) -> Option<Roots> {
        Self::ALL.into_iter().find(|roots| roots.survey() == *survey)
    }
}

/// What a request asks for.
pub(super) const fn action(request: usize) -> &'static str {
    if request < 2 { "erase" } else { "export" }
}

/// An erasure of each of two people, and an export of the second; each was looked at.
pub(super) fn first() -> [State; 3] {
    let of = [Roots::First, Roots::Second, Roots::Second];
    std::array::from_fn(|request| {
        let state = given::submitted(request as u8 + 1, action(request), &["ana"]);
        let surveyed = Event::Surveyed { survey: of[request].survey() };
        state.next(NOW, &surveyed).expect("what waits can be looked at")
    })
}

/// What stands of the requests, as a transaction loads it.
pub(super) fn parties(model: &Places, pages: &[crate::book::Page; 3]) -> [Party; 3] {
    std::array::from_fn(|request| Party {
        id: given::request(request as u8 + 1),
        action: action(request).to_owned(),
        submitted_at: Timestamp::from_millis(request as i64 + 1),
        holds_place: match model.book.view(pages[request]).name {
            Name::Released => !model.is(Mutation::ReleasedNotCounted),
            Name::Running => true,
            Name::Stuck => !model.is(Mutation::StuckNotCounted),
            Name::Waiting
            | Name::Completed
            | Name::Denied
            | Name::Withdrawn
            | Name::Expired
            | Name::Abandoned => false,
        },
    })
}

/// Policy: a release unless as many erasures as `limit` run beside it, or it waits for another on the same subject.
/// The order among those on one subject is core's; whoever has a place already gives way to no one who waits.
pub(super) fn may(model: &Places, pages: &[crate::book::Page; 3], me: usize, limit: usize) -> bool {
    let parties = parties(model, pages);
    let running = |action: &str| {
        let others = parties.iter().enumerate().filter(|(other, _)| *other != me);
        others.filter(|(_, party)| party.holds_place && party.action == action).count()
    };
    let roots = |request: usize| model.book.view(pages[request]).roots;
    let is_open = |request: usize| {
        let name = model.book.view(pages[request]).name;
        matches!(name, Name::Waiting | Name::Released | Name::Running | Name::Stuck)
    };
    let seen = |other: usize| action(other) == action(me) || !model.is(Mutation::OtherActionsNotSeen);
    let beside: Vec<Party> = (0..3)
        .filter(|other| *other != me && is_open(*other) && roots(*other).share(roots(me)) && seen(*other))
        .map(|other| parties[other].clone())
        .collect();
    let has_room = action(me) != "erase" || running("erase") < limit;
    has_room && conflict::standing(&parties[me], &beside, &[]).waits_for.is_empty()
}
