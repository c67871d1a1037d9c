//! Jobs as the store keeps them: wishes, leases, and how a lease ends.

use countersign_core::time::Timestamp;

/// A wish to be carried out after the commit. One per `(kind, key)`: wishing again brings the time forward
/// and makes a leased one run once more after it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Which worker does it.
    pub kind: String,
    /// About what: a request's id, an action, a name.
    pub key: String,
    /// What the worker needs; no personal data.
    pub body: Vec<u8>,
    /// Not before.
    pub run_at: Timestamp,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// Which worker does it.
    pub kind: String,
    /// About what.
    pub key: String,
    /// What the worker needs.
    pub body: Vec<u8>,
    /// How often it was tried before.
    pub attempts: u32,
    /// The fencing token of this lease.
    pub fence: u64,
}

/// Jobs of one kind that failed and are tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrying {
    /// Which worker does them.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// How often the one failed that failed most.
    pub most: u32,
}

/// The end of a claimed job's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Its number.
    pub id: u64,
    /// Its lease's token.
    pub fence: u64,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// It is done. If it was wished again meanwhile, it stays.
    Done,
    /// To be tried again after so many milliseconds, or when it was wished again, if that is sooner.
    Again {
        /// How long from now, by the store's time.
        after_ms: i64,
        /// Whether this was a try; if not, they begin to count anew.
        counts: bool,
    },
}

/// What a change does to jobs. With a fence that is no longer the job's, the whole change fails with `Fenced`.
#[derive(Clone, Debug)]
pub enum JobChange {
    /// A new wish.
    Wish(NewJob),
    /// Changes nothing; only fails if the lease is lost.
    Hold {
        /// Its number.
        id: u64,
        /// Its lease's token.
        fence: u64,
    },
}
