//! What stands at one moment: the request, the source, the voters' screens, the nodes, and what was truly said.

use crate::book::Page;

use super::ballot::{Ballot, Seat, Who, World};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Office {
    pub(super) page: Page,
    pub(super) world: World,
    pub(super) changes: u8,
    /// Whether Bo has his seats.
    pub(super) seated: bool,
    /// What Bo and Cy have on their screens.
    pub(super) screens: [Option<World>; 2],
    pub(super) nodes: [Node; 2],
    /// Approvals that were acknowledged and not made void since: by whom, for which seat, of what.
    pub(super) said: [Option<(Seat, World)>; 4],
    /// Whether somebody was told that their denial stands.
    pub(super) denied: bool,
    pub(super) fault: Option<Fault>,
}

/// What a node is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    Idle,
    Voting { ballot: Ballot, loaded: Loaded },
    Surveying { found: World, loaded: Loaded },
    Judging { seated: bool, loaded: Loaded },
    Starting { seated: bool, loaded: Loaded },
}

/// Which version of the request a node has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Loaded {
    /// The one that stands.
    Newest,
    /// One before it: the version guard refuses whatever rests on it.
    Older,
    /// One before it, and nobody compares.
    Unguarded(Page),
}

/// What must not happen, found at the moment when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    StartedUnsigned,
    BeyondWhatWasSigned,
}

impl Office {
    pub(super) fn first(page: Page) -> Self {
        Self {
            page,
            world: World::Some,
            changes: 0,
            seated: true,
            screens: [None; 2],
            nodes: [Node::Idle; 2],
            said: [None; 4],
            denied: false,
            fault: None,
        }
    }

    /// Whether two people who may vote signed for `now`, one for each seat. `seated`: as the transaction knew it.
    pub(super) fn is_signed(&self, now: World, seated: bool) -> bool {
        let signed = |seat: Seat| {
            Who::ALL.into_iter().filter(move |who| {
                let said = self.said[*who as usize];
                who.may_vote()
                    && (*who != Who::Bo || seated)
                    && said.is_some_and(|(of, seen)| of == seat && seen.was_signed_for(now))
            })
        };
        signed(Seat::Privacy).any(|one| signed(Seat::Legal).any(|other| one != other))
    }
}

impl Node {
    pub(super) fn loaded(&mut self) -> Option<&mut Loaded> {
        match self {
            Node::Idle => None,
            Node::Voting { loaded, .. }
            | Node::Surveying { loaded, .. }
            | Node::Judging { loaded, .. }
            | Node::Starting { loaded, .. } => Some(loaded),
        }
    }
}
