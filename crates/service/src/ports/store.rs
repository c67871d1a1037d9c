//! Our state: one transaction that loads what is named, asks a pure function, and appends what it answers.
//! The store sees bytes and indexed columns; it knows no event, no policy and no key.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;

use crate::refusal::Refusal;

/// Where a request stands, as a column. The states of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Status {
    Waiting,
    Released,
    Running,
    Stuck,
    Completed,
    Denied,
    Withdrawn,
    Expired,
    Abandoned,
}

impl Status {
    /// Every status, in the order of a request's life.
    pub const ALL: [Status; 9] = [
        Status::Waiting,
        Status::Released,
        Status::Running,
        Status::Stuck,
        Status::Completed,
        Status::Denied,
        Status::Withdrawn,
        Status::Expired,
        Status::Abandoned,
    ];

    /// The word in the database and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Released => "released",
            Status::Running => "running",
            Status::Stuck => "stuck",
            Status::Completed => "completed",
            Status::Denied => "denied",
            Status::Withdrawn => "withdrawn",
            Status::Expired => "expired",
            Status::Abandoned => "abandoned",
        }
    }

    /// The status of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether anything can still happen to it.
    pub const fn is_open(self) -> bool {
        matches!(self, Status::Waiting | Status::Released | Status::Running | Status::Stuck)
    }

    /// Whether it holds a place among the running.
    pub const fn holds_place(self) -> bool {
        matches!(self, Status::Released | Status::Running | Status::Stuck)
    }
}

/// A request's row: what queries and the version guard need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub id: RequestId,
    /// The number of its events; the guard against a second writer.
    pub version: u64,
    /// Where it stands.
    pub status: Status,
    /// What is asked for.
    pub action: String,
    /// Where it came in.
    pub channel: String,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The law's date.
    pub due_at: Option<Timestamp>,
    /// When it runs out; `None` once it cannot.
    pub expires_at: Option<Timestamp>,
    /// When its latest run started.
    pub started_at: Option<Timestamp>,
    /// When its last event happened.
    pub changed_at: Timestamp,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Its place in the request's history, from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The event's kind.
    pub kind: String,
    /// The version of the kind's form.
    pub form: u32,
    /// The event.
    pub body: Vec<u8>,
    /// The index of its entry in the ledger; `None` while the entry still waits to be put there.
    pub leaf: Option<u64>,
}

/// A word under which a request can be found: `root`, `identity`, `requester`, `voter`, `waiting`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexTerm {
    /// The index's name.
    pub name: String,
    /// The value: a blind index, an id, a word.
    pub value: Vec<u8>,
}

/// A request with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its row.
    pub row: Row,
    /// Its history, in order.
    pub events: Vec<EventRecord>,
    /// What it is found under.
    pub terms: Vec<IndexTerm>,
}

/// Anything else that is kept: a person, a token, a legal hold, a challenge, a survey, an idempotent answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is: `person`, `token`, `hold`, …
    pub kind: String,
    /// Which, unique in its kind.
    pub id: String,
    /// How often it was written, from 1.
    pub version: u64,
    /// The record.
    pub body: Vec<u8>,
    /// When it may be swept away.
    pub expires_at: Option<Timestamp>,
}

/// How to find records of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Find {
    /// The one of this id.
    Id(String),
    /// Those with this term.
    Term(IndexTerm),
    /// Those that share a `root` term with the request that is loaded.
    ByRoot,
    /// All.
    All,
}

/// What a transaction must load before it can decide.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// A request with its history; absent in `Loaded` if there is none.
    pub request: Option<RequestId>,
    /// Locks gauges, and loads what runs, what started since a moment, and what shares a root. While a decision
    /// looks at a gauge, the records that it loaded do not change either.
    pub gauge: Option<Gauge>,
    /// Records, by kind.
    pub records: Vec<(String, Find)>,
}

/// A look at the running requests, under the locks that keep what is seen true until the commit: of the named
/// actions, and of every `root` term of the request that is loaded with it.
#[derive(Clone, Debug)]
pub struct Gauge {
    /// Whose gauges are locked: the request's own action, and those that its policies read.
    pub actions: BTreeSet<String>,
    /// Since when starts are counted, at the start of a day in the configured time zone; `None` where nobody reads how
    /// many there were, for counting takes the longer the more there were.
    pub day_start: Option<Timestamp>,
}

/// What was loaded, at one moment.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The transaction's time.
    pub now: Timestamp,
    /// The active settings' version; 0 before the first.
    pub settings_version: u64,
    /// How many entries are under a committed checkpoint.
    pub checkpointed: u64,
    /// The request, if it was named and exists.
    pub request: Option<RequestRecord>,
    /// *Other* requests that hold a place, by action (with a gauge).
    pub running: BTreeMap<String, u64>,
    /// *Other* requests whose run started since `day_start`, by action (with a gauge that has one).
    pub started: BTreeMap<String, u64>,
    /// *Other* open requests that share a `root` term (with a gauge), oldest first.
    pub beside: Vec<Row>,
    /// The records that were named.
    pub records: Vec<Record>,
}

impl Loaded {
    /// The loaded records of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.kind == kind)
    }
}

/// A new event, with its entry for the ledger.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event's kind.
    pub kind: String,
    /// The version of the kind's form.
    pub form: u32,
    /// The event.
    pub body: Vec<u8>,
    /// Its entry in the ledger, at most 65,535 bytes.
    pub entry: Vec<u8>,
}

/// What changes in a request.
#[derive(Clone, Debug)]
pub struct RequestChange {
    /// The row as it is to be; `row.version` is the version *after* the change: the old one plus `events.len()`.
    /// A row of which the store has no version is inserted; else the stored version must be
    /// `row.version - events.len()`, or the whole change fails with `Conflict`.
    pub row: Row,
    /// Appended, in order.
    pub events: Vec<NewEvent>,
    /// Index names whose terms are replaced, each with all its new terms.
    pub terms: Vec<(String, Vec<Vec<u8>>)>,
}

/// A change of a record.
#[derive(Clone, Debug)]
pub enum RecordChange {
    /// Writes it. `expect` is the version that stands: `Some(0)` for "not there yet", `None` for "whatever".
    Put {
        /// The kind.
        kind: String,
        /// Which.
        id: String,
        /// The record.
        body: Vec<u8>,
        /// What it is found under; replaces all terms.
        terms: Vec<IndexTerm>,
        /// When it may be swept away.
        expires_at: Option<Timestamp>,
        /// The version that must stand, else `Conflict`.
        expect: Option<u64>,
    },
    /// Removes it, if it is there.
    Delete {
        /// The kind.
        kind: String,
        /// Which.
        id: String,
    },
}

/// A sealed field of a request, or its wrapped key.
#[derive(Clone, Debug)]
pub enum SealedChange {
    /// The request's data key, wrapped under the key of an epoch.
    Key {
        /// Whose.
        request: RequestId,
        /// The epoch of the wrapping key.
        epoch: u32,
        /// The wrapped key.
        wrapped: Vec<u8>,
    },
    /// A field (or a numbered part of a package), sealed. Replaces what was there.
    Field {
        /// Whose.
        request: RequestId,
        /// Which: `subject`, `reason/3`, `package/0`, …
        field: String,
        /// Nonce and ciphertext.
        sealed: Vec<u8>,
    },
    /// Destroys the key and every field.
    Destroy {
        /// Whose.
        request: RequestId,
    },
}

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

/// A new version of the settings.
#[derive(Clone, Debug)]
pub struct NewSettings {
    /// One more than the active version, else `Conflict`.
    pub version: u64,
    /// The set.
    pub body: Vec<u8>,
}

/// Everything that one transaction writes. The default changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// A request.
    pub request: Option<RequestChange>,
    /// Records.
    pub records: Vec<RecordChange>,
    /// Sealed fields and keys.
    pub sealed: Vec<SealedChange>,
    /// Jobs.
    pub jobs: Vec<JobChange>,
    /// Ledger entries that belong to no request.
    pub entries: Vec<Vec<u8>>,
    /// Settings.
    pub settings: Option<NewSettings>,
}

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The transaction's time.
    pub at: Timestamp,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The decision refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody else appended first; load and decide again.
    #[error("somebody else changed this at the same moment")]
    Conflict,
    /// The job's lease belongs to another worker by now.
    #[error("the job's lease was lost")]
    Fenced,
    /// No correct caller makes such a change: trying again is of no use.
    #[error("the change cannot be stored: {0}")]
    Malformed(String),
    /// The database did not take it.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A decision: pure, and called again if the transaction has to be repeated.
pub type Decide = Box<dyn FnMut(&Loaded) -> Result<Change, Refusal> + Send>;

/// A question for a list of requests. Newest first, or oldest first for a queue.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// In any of these states; empty for all.
    pub statuses: Vec<Status>,
    /// Of this action.
    pub action: Option<String>,
    /// Found under *all* of these terms.
    pub terms: Vec<IndexTerm>,
    /// Found under *one* of these terms, unless there are none.
    pub any: Vec<IndexTerm>,
    /// Not found under this term.
    pub without: Option<IndexTerm>,
    /// Running out (`Row::expires_at`) not after this moment.
    pub expires_by: Option<Timestamp>,
    /// Oldest first?
    pub oldest_first: bool,
    /// After this request, in the order asked for.
    pub after: Option<(Timestamp, RequestId)>,
    /// At most so many.
    pub limit: u32,
}

/// Our state.
#[async_trait]
pub trait Store: Send + Sync {
    /// One transaction: loads, decides, appends. Answers after the commit.
    async fn act(&self, needs: Needs, decide: Decide) -> Result<Committed, StoreError>;

    /// A read of the same things, without a lock and without a change. Sees every change acknowledged before.
    async fn load(&self, needs: Needs) -> Result<Loaded, StoreError>;

    /// Rows, for lists.
    async fn list(&self, query: Query) -> Result<Vec<Row>, StoreError>;

    /// How many requests stand where, by action.
    async fn tally(&self) -> Result<Vec<(String, Status, u64)>, StoreError>;

    /// How many requests are found under each value of an index, with the time at which the oldest of them was
    /// submitted. For an index of few values, such as `waiting`.
    async fn count_terms(&self, name: &str) -> Result<Vec<(Vec<u8>, u64, Timestamp)>, StoreError>;

    /// Records of a kind after an id, in the order of ids.
    async fn page(&self, kind: &str, after: Option<&str>, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// A sealed field, if it is there.
    async fn sealed(&self, request: RequestId, field: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// A request's wrapped key and its epoch, if it was not destroyed.
    async fn key(&self, request: RequestId) -> Result<Option<(u32, Vec<u8>)>, StoreError>;

    /// The settings of a version; `None`: the active ones.
    async fn settings(&self, version: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError>;

    /// Claims jobs that are ready, oldest first, for `lease_ms`.
    async fn claim(&self, limit: u32, lease_ms: i64) -> Result<Vec<Job>, StoreError>;

    /// Ends leases, all or none, in one transaction that looks at nothing else.
    ///
    /// # Errors
    /// `Fenced` if one of them was lost.
    async fn end(&self, ends: Vec<JobEnd>) -> Result<(), StoreError>;

    /// Extends a lease; `false` if it was lost.
    async fn renew(&self, id: u64, fence: u64, lease_ms: i64) -> Result<bool, StoreError>;

    /// When the next unclaimed job is due.
    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Jobs that failed at least once and can be claimed before `before`, leased ones when their lease ends; by kind, in the
    /// order of kinds. A try that is under way has not failed.
    async fn retrying(&self, before: Timestamp) -> Result<Vec<Retrying>, StoreError>;

    /// Gives back every lease: for an embedded store at its start, when nobody else can hold one.
    async fn release_leases(&self) -> Result<u64, StoreError>;

    /// Removes records past their `expires_at`; answers how many.
    async fn sweep(&self) -> Result<u64, StoreError>;

    /// Answers once every entry that was committed before the call is in the ledger: events in the order of their
    /// change, those of a request in the order of its history, then the other entries of the change.
    async fn sequence(&self) -> Result<(), StoreError>;

    /// The ledger's committed head: size and root.
    async fn head(&self) -> Result<(u64, [u8; 32]), StoreError>;

    /// Keeps a signed checkpoint over a committed head, for ever. Keeping the same twice changes nothing;
    /// another note for a size that has one is `Conflict`.
    async fn keep_checkpoint(&self, size: u64, note: Vec<u8>) -> Result<(), StoreError>;

    /// The newest checkpoint, or that of a size.
    async fn checkpoint(&self, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError>;

    /// Sizes of all checkpoints after `after`, ascending.
    async fn checkpoint_sizes(&self, after: u64, limit: u32) -> Result<Vec<u64>, StoreError>;

    /// The first `width` hashes of a tile, 32 bytes each; `None` if the tile has fewer.
    async fn tile(&self, level: u8, n: u64, width: u32) -> Result<Option<Vec<u8>>, StoreError>;

    /// Ledger entries from an index, ascending.
    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Stops what the store does by itself, for a node that ends: another may lead the ledger at once. What is asked of it
    /// afterwards is still answered.
    async fn close(&self) {}

    /// Whether this node is the one that puts entries into the ledger, and so the first to know that there is a new
    /// head to sign. A hint that saves work: any node may sign a committed head.
    fn leads(&self) -> bool;

    /// Whether changes can be stored now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Changes whenever something was committed, here or on another node; the number itself only rises and means
    /// nothing. A hint: look, do not rely on it.
    fn changes(&self) -> tokio::sync::watch::Receiver<u64>;
}
