//! Our state: one transaction that loads what is named, asks a pure function, and appends what it answers.
//! The store sees bytes and indexed columns; it knows no event, no policy and no key.

mod job;
mod request;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;

pub use self::job::{Becomes, Job, JobChange, JobEnd, NewJob, Retrying};
pub use self::request::{EventRecord, IndexTerm, NewEvent, RequestChange, RequestRecord, Row, Status};
use crate::refusal::Refusal;

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
    /// Found under *none* of these terms.
    pub without: Vec<IndexTerm>,
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
