//! What stands at one moment: the requests, the ledger's word on their releases, the settings, the nodes.

use super::Ask;
use crate::book::Page;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct House {
    pub(super) pages: [Page; 3],
    /// How far the entry of the latest release came.
    pub(super) proofs: [Proof; 3],
    /// How often each was released, up to twice.
    pub(super) released: [u8; 3],
    /// Whether the permit of the latest release was spent.
    pub(super) spent: [bool; 3],
    /// Which limit is in force: the version of the settings.
    pub(super) limit: usize,
    pub(super) moves: u8,
    /// Whether somebody was told that their withdrawal stands.
    pub(super) withdrawn: bool,
    pub(super) nodes: [Node; 2],
    pub(super) fault: Option<Fault>,
}

/// How far an entry came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Proof {
    /// There is none.
    None,
    /// It is committed and waits to be put into the ledger.
    Queued,
    /// It is in the ledger.
    Sequenced,
    /// It is under a committed checkpoint.
    Checkpointed,
}

/// What a node is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    Idle,
    /// It has its locks and has looked; `ask` is what it made of that.
    At {
        request: usize,
        ask: Ask,
        locks: Locks,
        loaded: Loaded,
    },
}

/// Which locks a transaction holds, besides a share of the settings'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Locks {
    pub(super) action: &'static str,
    /// One bit a root key.
    pub(super) roots: u8,
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
    LimitPassed,
    SpentUnproven,
    SpentTwice,
}

impl House {
    pub(super) fn first(pages: [Page; 3]) -> Self {
        Self {
            pages,
            proofs: [Proof::None; 3],
            released: [0; 3],
            spent: [false; 3],
            limit: 0,
            moves: 0,
            withdrawn: false,
            nodes: [Node::Idle; 2],
            fault: None,
        }
    }
}
