//! Gives away every row, for a store that many nodes share. Holds the lock that a server would need.

use std::fs::File;
use std::path::{Path, PathBuf};

use countersign_service::ports::store::StoreError;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::mpsc::Sender;

use super::{OpenError, log, migrate, open};
use crate::fault::{Fault, damaged};
use crate::moving::{Column, Inventory, MoveError, Part, TABLES, Table};

/// Rows in one batch.
const ROWS: u64 = 500;
/// Bytes after which a batch is sent, however few rows it has.
const BYTES: usize = 1 << 20;

/// An embedded store at rest.
pub(crate) struct Giver {
    db: Connection,
    _lock: File,
}

impl Giver {
    /// Takes the lock, and looks at everything from one moment.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = open::lock(path)?;
        let db = open::reader(path)?;
        match migrate::version(&db)? {
            migrate::LATEST => {}
            0 => return Err(OpenError::NotAStore),
            found if found > migrate::LATEST => {
                return Err(OpenError::NewerSchema { found, known: migrate::LATEST });
            }
            found => return Err(OpenError::OlderSchema { found, known: migrate::LATEST }),
        }
        log::edge(&db).map_err(|fault| OpenError::Damaged(StoreError::from(fault).to_string()))?;
        db.execute_batch("begin")?;
        Ok(Self { db, _lock: lock })
    }

    /// What there is to give.
    pub(crate) fn inventory(&self) -> Result<Inventory, StoreError> {
        Ok(self.counted()?)
    }

    fn counted(&self) -> Result<Inventory, Fault> {
        let mut rows = Vec::new();
        for table in &TABLES {
            let count = format!("select count(*) from ({})", table.read);
            let count: i64 = self.db.query_row(&count, [], |row| row.get(0))?;
            rows.push(count.unsigned_abs());
        }
        let (size, root) = log::head(&self.db)?;
        let last_job = self
            .db
            .query_row("select seq from sqlite_sequence where name = 'job'", [], |row| row.get(0))
            .optional()?;
        Ok(Inventory { rows, size, root, last_job: last_job.unwrap_or(0) })
    }

    /// Sends every row. Ends early, without saying so, when nobody takes them any more.
    pub(crate) fn give(&self, parts: &Sender<Part>) -> Result<(), StoreError> {
        for table in &TABLES {
            if !self.table(table, parts)? {
                break;
            }
        }
        Ok(())
    }

    fn table(&self, table: &'static Table, parts: &Sender<Part>) -> Result<bool, Fault> {
        let empty = || table.columns.iter().map(|(_, kind)| Column::of(*kind)).collect::<Vec<_>>();
        let mut statement = self.db.prepare(table.read)?;
        let mut found = statement.query([])?;
        let (mut columns, mut rows, mut bytes) = (empty(), 0, 0);
        while let Some(row) = found.next()? {
            for (at, column) in columns.iter_mut().enumerate() {
                bytes += add(column, row.get_ref(at)?)?;
            }
            rows += 1;
            if rows == ROWS || bytes >= BYTES {
                let full = std::mem::replace(&mut columns, empty());
                if parts.blocking_send(Part { table, columns: full, rows }).is_err() {
                    return Ok(false);
                }
                (rows, bytes) = (0, 0);
            }
        }
        Ok(rows == 0 || parts.blocking_send(Part { table, columns, rows }).is_ok())
    }

    /// Renames the store's files, while nobody else can open them.
    pub(crate) fn put_aside(self, path: &Path) -> Result<PathBuf, MoveError> {
        let Self { db, _lock } = self;
        drop(db);
        let named = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let kept = named(".moved");
        // The log of writes first: without it the file is not whole, and with it alone nothing opens.
        for (from, to) in [("-wal", ".moved-wal"), ("-shm", ".moved-shm"), ("", ".moved")] {
            match std::fs::rename(named(from), named(to)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !from.is_empty() => {}
                Err(error) => return Err(MoveError::PutAside { path: path.to_owned(), error }),
            }
        }
        Ok(kept)
    }
}

/// Adds a cell; how many bytes it has.
fn add(column: &mut Column, cell: ValueRef<'_>) -> Result<usize, Fault> {
    match (column, cell) {
        (Column::Int(cells), ValueRef::Integer(number)) => {
            cells.push(Some(number));
            Ok(8)
        }
        (Column::Text(cells), ValueRef::Text(text)) => {
            let text = std::str::from_utf8(text).map_err(|_| damaged("a text is no UTF-8"))?;
            cells.push(Some(text.to_owned()));
            Ok(text.len())
        }
        (Column::Bytes(cells), ValueRef::Blob(bytes)) => {
            cells.push(Some(bytes.to_vec()));
            Ok(bytes.len())
        }
        (column, ValueRef::Null) => {
            match column {
                Column::Int(cells) => cells.push(None),
                Column::Text(cells) => cells.push(None),
                Column::Bytes(cells) => cells.push(None),
            }
            Ok(1)
        }
        _ => Err(damaged("a column holds another type")),
    }
}
