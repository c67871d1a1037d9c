//! An embedded store becomes one that many nodes share: every row in one transaction of the target, or none. What is
//! moved is told by `TABLES`; what a row means is not known here.

use std::path::{Path, PathBuf};

use countersign_ledger::Hash;
use countersign_service::ports::store::StoreError;
use tokio::sync::mpsc;

use crate::postgres::PostgresStore;
use crate::sqlite::{Giver, OpenError};

/// Batches that are read ahead of those that are written.
const AHEAD: usize = 2;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

use Kind::{Bytes, Int, Text};

/// A table of both stores: what is read from one and written to the other, column by column.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// What the embedded store has of it, and in which order.
    pub(crate) read: &'static str,
}

/// All of them, those first that others refer to. The ledger's head is not among them: it is moved as what it is.
pub(crate) const TABLES: [Table; 12] = [
    Table {
        name: "request",
        columns: &[
            ("id", Bytes),
            ("version", Int),
            ("status", Text),
            ("action", Text),
            ("channel", Text),
            ("submitted_at", Int),
            ("due_at", Int),
            ("expires_at", Int),
            ("started_at", Int),
            ("changed_at", Int),
        ],
        read: "select id, version, status, action, channel, submitted_at, due_at, expires_at, started_at, changed_at \
               from request",
    },
    Table {
        name: "event",
        columns: &[
            ("request", Bytes),
            ("seq", Int),
            ("at", Int),
            ("kind", Text),
            ("form", Int),
            ("body", Bytes),
        ],
        read: "select request, seq, at, kind, form, body from event",
    },
    Table {
        name: "request_term",
        columns: &[("name", Text), ("value", Bytes), ("submitted_at", Int), ("request", Bytes)],
        read: "select name, value, submitted_at, request from request_term",
    },
    Table {
        name: "record",
        columns: &[("kind", Text), ("id", Text), ("version", Int), ("expires_at", Int), ("body", Bytes)],
        read: "select kind, id, version, expires_at, body from record",
    },
    Table {
        name: "record_term",
        columns: &[("kind", Text), ("name", Text), ("value", Bytes), ("id", Text)],
        read: "select kind, name, value, id from record_term",
    },
    Table {
        name: "dek",
        columns: &[("request", Bytes), ("epoch", Int), ("wrapped", Bytes)],
        // What was destroyed is an empty row there, and none here.
        read: "select request, epoch, wrapped from dek where request is not null",
    },
    Table {
        name: "sealed",
        columns: &[("request", Bytes), ("field", Text), ("sealed", Bytes)],
        read: "select request, field, sealed from sealed where request is not null",
    },
    Table {
        name: "job",
        columns: &[
            ("id", Int),
            ("kind", Text),
            ("key", Text),
            ("body", Bytes),
            ("run_at", Int),
            ("attempts", Int),
            ("generation", Int),
            ("claimed", Int),
            ("fence", Int),
        ],
        // Without leases: whoever held one is stopped.
        read: "select id, kind, key, body, run_at, attempts, generation, claimed, fence from job",
    },
    Table {
        name: "settings",
        columns: &[("version", Int), ("at", Int), ("body", Bytes)],
        read: "select version, at, body from settings",
    },
    Table {
        name: "log_entry",
        columns: &[("seq", Int), ("request", Bytes), ("event_seq", Int), ("body", Bytes)],
        // There an event knows its entry, here an entry its event.
        read: "select l.seq, e.request, e.seq, l.body from log_entry l left join event e on e.leaf = l.seq",
    },
    Table {
        name: "log_tile",
        columns: &[("level", Int), ("n", Int), ("data", Bytes)],
        read: "select level, n, data from log_tile",
    },
    Table {
        name: "log_checkpoint",
        columns: &[("size", Int), ("note", Bytes)],
        read: "select size, note from log_checkpoint",
    },
];

/// A column of some rows.
pub(crate) enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Int => Self::Int(Vec::new()),
            Text => Self::Text(Vec::new()),
            Bytes => Self::Bytes(Vec::new()),
        }
    }
}

/// Some rows of one of the [`TABLES`].
pub(crate) struct Part {
    pub(crate) table: &'static Table,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: u64,
}

/// What an embedded store holds.
pub(crate) struct Inventory {
    /// Rows of each of the [`TABLES`], in their order.
    pub(crate) rows: Vec<u64>,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// The highest number that a job ever had.
    pub(crate) last_job: i64,
}

/// What was moved, and was found in the target as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Rows by table.
    pub tables: Vec<(&'static str, u64)>,
    /// Entries in the ledger.
    pub size: u64,
    /// The ledger's root, recomputed from the entries in the target.
    pub root: Hash,
    /// Where the embedded store lies now. Nobody starts it by mistake there: two stores that go on from one ledger
    /// would be a fork of it.
    pub kept: PathBuf,
}

/// Why a store was not moved. Both are as they were, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is none.
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    /// It could not be opened: a server runs, most likely.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The target is in use.
    #[error("the target is not empty: its table `{0}` has rows; name a database that was never served from")]
    NotEmpty(&'static str),
    /// The target did not take it.
    #[error("the target did not take it, and nothing was moved: {0}")]
    Target(StoreError),
    /// The embedded store could not be read to its end.
    #[error("the store could not be read, and nothing was moved: {0}")]
    Source(StoreError),
    /// What was written is not what was read.
    #[error("the target has {found} of {what} where the store has {wanted}; nothing was moved")]
    Different {
        /// Of what.
        what: String,
        /// In the target.
        found: String,
        /// In the store.
        wanted: String,
    },
    /// The answer to the commit was lost.
    #[error(
        "the target did not say whether it took it: `countersign doctor` with the new address shows it. If it has \
         settings, all was moved"
    )]
    Unknown,
    /// It was moved, and the file could not be put aside.
    #[error(
        "it was moved, but {} could not be renamed ({error}): put it aside by hand, and never serve from it again",
        path.display()
    )]
    PutAside {
        /// The embedded store.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

/// Copies the embedded store at `from` into an empty store in PostgreSQL, and puts the file aside. It holds the lock of
/// the embedded store all the while. `progress` is told how many rows of how many are written.
///
/// # Errors
/// When a server has the store open, when the target is not empty or does not take it, when what is read back there is
/// not what was read here.
pub async fn move_store(
    from: &Path,
    to: &PostgresStore,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Moved, MoveError> {
    if !from.exists() {
        return Err(MoveError::NoStore(from.to_owned()));
    }
    let giver = Giver::open(from)?;
    let inventory = giver.inventory().map_err(MoveError::Source)?;
    let (parts, arriving) = mpsc::channel(AHEAD);
    // The lock goes with it, and comes back.
    let giving = tokio::task::spawn_blocking(move || {
        let given = giver.give(&parts);
        (giver, given)
    });
    let taken = to.take_over(&inventory, arriving, progress).await;
    let broken = |_| MoveError::Source(StoreError::Unavailable("the reading broke off".to_owned()));
    let (giver, given) = giving.await.map_err(broken)?;
    match (taken, given) {
        // What was not read to its end was not taken either; the reason is here.
        (Err(MoveError::Different { .. }), Err(why)) => return Err(MoveError::Source(why)),
        (taken, _) => taken?,
    }
    let kept = giver.put_aside(from)?;
    let tables = TABLES.iter().zip(&inventory.rows).map(|(table, rows)| (table.name, *rows)).collect();
    Ok(Moved { tables, size: inventory.size, root: inventory.root, kept })
}

#[cfg(test)]
mod tests;
