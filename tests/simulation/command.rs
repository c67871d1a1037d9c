//! What can happen in a run. A command names requests by the number of their submission, so that it still means the same,
//! or nothing, when commands before it are left out.

use crate::model::{Asker, Way};
use crate::wheel::Stop;

/// Which digest a voter saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Present,
    /// One of another request.
    Other,
}

/// How the subject is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Email,
    Account,
    Both,
    /// With the account of somebody else.
    Mixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Works,
    /// It is not reached.
    Away,
    /// It is reached and says that it cannot be done.
    Refuses,
    /// It commits the next step and the answer is lost.
    LosesAnswer,
}

/// A call of somebody, on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    Submit {
        n: u32,
        action: &'static str,
        subject: usize,
        by: Asker,
        named: Named,
        key: Option<u8>,
    },
    Start {
        of: u32,
    },
    Code {
        of: u32,
        right: bool,
    },
    Totp {
        of: u32,
        right: bool,
    },
    /// Of a package.
    Fetch {
        of: u32,
    },
    /// `tight`: the ceiling is what was seen, and no row more.
    Vote {
        of: u32,
        by: &'static str,
        seat: &'static str,
        approve: bool,
        seen: Seen,
        tight: bool,
    },
    Withdraw {
        of: u32,
        own: bool,
    },
    Hold {
        name: usize,
        subject: usize,
        named: Named,
    },
    Lift {
        name: usize,
    },
    Seat {
        of: &'static str,
        seat: &'static str,
        held: bool,
    },
    Apply {
        numbers: usize,
    },
    Settle {
        of: u32,
        way: Way,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// One call, or several at once, in an order of their steps; maybe one is cut off on its way.
    Call {
        calls: Vec<(usize, Calls)>,
        order: u64,
        cut: Option<(usize, u32)>,
    },
    /// A node claims jobs and carries them out, all at once; maybe one is stopped on its way.
    Work {
        node: usize,
        jobs: u32,
        order: u64,
        stop: Option<Stop>,
    },
    /// The node that sleeps longest goes on, until it has nothing more to do.
    Wake {
        order: u64,
    },
    /// A node forgets everything; its sleepers are gone.
    Crash {
        node: usize,
    },
    /// All that is in memory is gone.
    Restart,
    /// A node looks what has run out.
    Time {
        node: usize,
    },
    Sign {
        node: usize,
    },
    Pass {
        ms: i64,
    },
    Grow {
        subject: usize,
        rows: u64,
    },
    /// The subject's identities belong to another row from now on.
    Move {
        subject: usize,
    },
    /// Somebody who was erased comes back.
    Return {
        subject: usize,
    },
    Source {
        source: &'static str,
        does: Does,
    },
    /// All sources work, all sleepers are gone, and everything that can be done is done.
    Quiet,
}
