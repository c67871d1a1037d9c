//! What stands at one moment: the request, its job, the sources, the nodes, the ledger.

use countersign_core::receipt::Outcome as Became;

use super::ledger::Ledger;
use crate::book::Page;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Yard {
    pub(super) page: Page,
    pub(super) job: Job,
    /// What the sources have committed, by run and step.
    pub(super) receipts: [[Option<Word>; 2]; 2],
    /// How often each step touched its rows.
    pub(super) effects: [u8; 2],
    pub(super) nodes: [Node; 2],
    /// What somebody was told to be settled.
    pub(super) told: Option<Way>,
    pub(super) ledger: Ledger,
    pub(super) fault: Option<Fault>,
}

/// The row of the job that carries the request out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Job {
    Gone,
    Free,
    /// `again`: it was wished again meanwhile. When a lease runs out is anybody's guess.
    Leased {
        again: bool,
    },
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Word {
    Done,
    Void,
}

/// What a node is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    Idle,
    At { lease: Lease, run: u8, goal: Goal, place: Place },
}

/// By what right a node is at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lease {
    /// A person asked for it: there is none.
    Unneeded,
    /// Its fencing token is the job's.
    Held,
    /// Another has claimed the job since, or it is gone.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Goal {
    /// To do what is open.
    Carry,
    /// To stop the run, for a reason.
    Halt(Why),
    /// To settle what is stuck.
    Settle(Way),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Why {
    /// More rows than were signed: so said a source, of a step of this run.
    Beyond { run: u8 },
    /// The source is not reached, or refuses.
    Stuck,
    /// A step is void and nobody knows why.
    BrokenOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    Retry,
    Abandon,
}

/// How far it came with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// It looks at the history next.
    Looking,
    /// It has made up its mind: this step is done next, or made void.
    Before(usize),
    /// Its transaction in the source is open.
    InSource(usize),
    /// The source has said what became of the step.
    Told(usize, Word),
    /// Whoever asked was told already. Only if that is broken.
    Promised,
    /// The job is over.
    Ending,
}

/// What must not happen, found at the moment when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    NobodyLooks,
    SpokeForAnother,
}

impl Yard {
    pub(super) fn first(page: Page) -> Self {
        Self {
            page,
            job: Job::Free,
            receipts: [[None; 2]; 2],
            effects: [0; 2],
            nodes: [Node::Idle; 2],
            told: None,
            ledger: Ledger::default(),
            fault: None,
        }
    }

    /// Whether another node's open transaction has inserted the receipt: whoever inserts it too waits.
    pub(super) fn is_taken(&self, at: usize, of: u8, step: usize) -> bool {
        let is = |node: &Node| matches!(node, Node::At { run, place: Place::InSource(it), .. } if (*run, *it) == (of, step));
        self.nodes.iter().enumerate().any(|(other, node)| other != at && is(node))
    }

    pub(super) fn receipt(&mut self, run: u8, step: usize) -> &mut Option<Word> {
        &mut self.receipts[usize::from(run) - 1][step]
    }
}

impl Word {
    pub(super) fn of(outcome: &Became) -> Self {
        match outcome {
            Became::Done { .. } => Word::Done,
            Became::Void => Word::Void,
        }
    }
}

impl Job {
    pub(super) fn wish(&mut self) {
        *self = match self {
            Job::Gone | Job::Free => Job::Free,
            Job::Leased { .. } => Job::Leased { again: true },
        };
    }
}
