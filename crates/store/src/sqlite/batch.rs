//! One write transaction with many commands in it. One that fails takes nothing with it: before it wrote, there is
//! nothing to take back; in the middle of its writes, which is rare, the whole batch is run again, each command in a
//! savepoint of its own. Savepoints for all, always, cost a copy of every page that a command touches. What the whole
//! batch appended to the ledger enters the tree at its end.

use countersign_core::time::Timestamp;
use countersign_ledger::Hash;
use countersign_service::ports::store::{Change, Committed, Decide, Needs, StoreError};
use rusqlite::Connection;

use super::{job, load, log, record, request, sealed, settings};
use crate::fault::Fault;

/// What every command wants to know and no command should have to ask the database for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// The active settings' version.
    pub(super) settings_version: u64,
    /// Entries under a checkpoint.
    pub(super) checkpointed: u64,
}

impl Marks {
    pub(super) fn read(db: &Connection) -> Result<Self, Fault> {
        Ok(Self { settings_version: settings::active(db)?, checkpointed: log::checkpointed(db)? })
    }
}

/// The open transaction.
pub(super) struct Batch<'db> {
    pub(super) db: &'db Connection,
    /// As they are within the transaction.
    pub(super) marks: Marks,
    /// Whether sealed bytes were deleted, so that the write-ahead log must be emptied of them.
    pub(super) destroyed: bool,
    /// Whether somebody outside may want to look.
    pub(super) notable: bool,
    now: Timestamp,
    size: u64,
    leaves: Vec<Hash>,
    careful: bool,
    writing: bool,
}

/// Where a batch stood before a command, to go back to if it fails.
pub(super) struct Mark {
    marks: Marks,
    destroyed: bool,
    notable: bool,
    leaves: usize,
}

impl<'db> Batch<'db> {
    /// A batch in the transaction that `db` is in, over a ledger of `size` entries; `careful` if each command is to have
    /// a savepoint.
    pub(super) fn new(db: &'db Connection, now: Timestamp, marks: Marks, size: u64, careful: bool) -> Self {
        Self {
            db,
            marks,
            destroyed: false,
            notable: false,
            now,
            size,
            leaves: Vec::new(),
            careful,
            writing: false,
        }
    }

    /// The transaction's time.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The leaf hashes of all entries that the batch appended.
    pub(super) fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// Keeps an entry and answers its index, which stands if the command does.
    pub(super) fn append(&mut self, entry: &[u8]) -> Result<u64, Fault> {
        let index = self.size + self.leaves.len() as u64;
        self.leaves.push(log::keep_entry(self.db, index, entry)?);
        Ok(index)
    }

    /// Loads, decides, writes.
    pub(super) fn act(&mut self, needs: &Needs, decide: &mut Decide) -> Result<Committed, Fault> {
        let loaded = load::load(self.db, needs, self.now, &self.marks)?;
        let change = decide(&loaded).map_err(StoreError::Refused)?;
        if !is_empty(&change) {
            self.savepoint()?;
            self.apply(&change)?;
            self.keep()?;
            self.notable = true;
        }
        Ok(Committed { at: self.now })
    }

    fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        // Fences first: a worker that lost its lease finds out before anything is written.
        for change in &change.jobs {
            job::change(self, change)?;
        }
        if let Some(change) = &change.request {
            request::change(self, change)?;
        }
        for change in &change.records {
            record::change(self, change)?;
        }
        for change in &change.sealed {
            sealed::change(self, change)?;
        }
        if let Some(new) = &change.settings {
            settings::change(self, new)?;
        }
        for entry in &change.entries {
            self.append(entry)?;
        }
        Ok(())
    }

    /// Where the batch stands.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            marks: self.marks,
            destroyed: self.destroyed,
            notable: self.notable,
            leaves: self.leaves.len(),
        }
    }

    /// Goes back to `mark` after a command that failed; `false` if there is no way back but to run the batch again, with
    /// care.
    ///
    /// # Errors
    /// When the transaction itself is gone: then nothing of the batch stands.
    pub(super) fn undo(&mut self, mark: &Mark) -> Result<bool, Fault> {
        if self.writing {
            self.writing = false;
            if !self.careful {
                return Ok(false);
            }
            self.db.prepare_cached("rollback to command")?.execute([])?;
            self.db.prepare_cached("release command")?.execute([])?;
        }
        if self.db.is_autocommit() {
            return Err(StoreError::Unavailable("the database rolled the transaction back".to_owned()).into());
        }
        self.marks = mark.marks;
        self.destroyed = mark.destroyed;
        self.notable = mark.notable;
        self.leaves.truncate(mark.leaves);
        Ok(true)
    }

    /// From here on until [`Batch::keep`], a failure takes everything back.
    pub(super) fn savepoint(&mut self) -> Result<(), Fault> {
        if self.careful {
            self.db.prepare_cached("savepoint command")?.execute([])?;
        }
        self.writing = true;
        Ok(())
    }

    /// What was written since [`Batch::savepoint`] stands, if the batch does.
    pub(super) fn keep(&mut self) -> Result<(), Fault> {
        if self.careful {
            self.db.prepare_cached("release command")?.execute([])?;
        }
        self.writing = false;
        Ok(())
    }
}

fn is_empty(change: &Change) -> bool {
    let Change { request, records, sealed, jobs, entries, settings } = change;
    request.is_none()
        && records.is_empty()
        && sealed.is_empty()
        && jobs.is_empty()
        && entries.is_empty()
        && settings.is_none()
}
