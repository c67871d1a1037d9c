//! A request as the store keeps it: its row, its history, what it is found under, and what changes of these.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;

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
