//! Opens the file: the lock that keeps a second writer out, the settings that durability and erasure rest on, each
//! read back, and connections of both kinds.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Pages in the write-ahead log before it is moved into the database: 32 MiB at 4 KiB.
const WAL_PAGES: i64 = 8000;
/// How long a connection waits for a lock.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared; there are about a hundred.
const STATEMENTS: usize = 256;

/// What a connection that writes rests on: answered commits survive a power cut (FULL), rows point to rows that are there,
/// destroyed bytes are overwritten.
const HELD: [(&str, i64); 3] = [("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)];

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open for writing.
    #[error("the store {} is in use by another process; stop that one first, or give this one a store of its own", .0.display())]
    InUse(PathBuf),
    /// The file or its lock could not be opened.
    #[error("cannot open {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The database has tables, but not ours.
    #[error("this SQLite database was not made by Countersign; name another file for the store")]
    NotAStore,
    /// The schema was made by a newer version.
    #[error(
        "the store has schema version {found} and this version of Countersign knows only {known}; \
         start the version that made it, or a newer one"
    )]
    NewerSchema {
        /// The schema's version.
        found: u64,
        /// The newest that is known here.
        known: u64,
    },
    /// The schema is older, and a store opened for reading cannot be brought forward.
    #[error(
        "the store has schema version {found} and this version of Countersign reads {known}; \
         start the server once, which brings it forward"
    )]
    OlderSchema {
        /// The schema's version.
        found: u64,
        /// The version that is read here.
        known: u64,
    },
    /// A setting did not take.
    #[error(
        "SQLite did not take {name} = {wanted} but holds {found}; without it no change is safe, so the store stays closed"
    )]
    Setting {
        /// Which.
        name: &'static str,
        /// What was asked for.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The ledger within does not hold together.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// SQLite refused.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Takes the lock beside the database, held until the file is dropped or the process ends, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let beside = PathBuf::from(name);
    let file = private(OpenOptions::new().create(true).truncate(false).write(true))
        .open(&beside)
        .map_err(|error| OpenError::File { path: beside.clone(), error })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::File { path: beside, error }),
    }
}

/// For the owner alone: SQLite gives its other files the mode of the first.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    private(OpenOptions::new().create(true).truncate(false).write(true))
        .open(path)
        .map_err(|error| OpenError::File { path: path.to_owned(), error })?;
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    setting(&db, "busy_timeout", (BUSY.as_millis() as i64).into())?;
    setting(&db, "journal_mode", "wal".to_owned().into())?;
    hold(&db)?;
    setting(&db, "wal_autocheckpoint", WAL_PAGES.into())?;
    setting(&db, "journal_size_limit", (2 * WAL_PAGES * 4096).into())?;
    setting(&db, "cache_size", (-32_768).into())?; // KiB, taken as needed
    setting(&db, "temp_store", 2.into())?; // sorted rows and savepoints never reach a file elsewhere
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let db = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    setting(&db, "busy_timeout", (BUSY.as_millis() as i64).into())?;
    setting(&db, "query_only", 1.into())?;
    setting(&db, "temp_store", 2.into())?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// What a connection that writes rests on, read back; answers with it in words.
pub(super) fn hold(db: &Connection) -> Result<String, OpenError> {
    for (name, value) in HELD {
        setting(db, name, value.into())?;
    }
    Ok(HELD.map(|(name, value)| format!("{name}={value}")).join(", "))
}

/// Sets, reads back, compares.
fn setting(db: &Connection, name: &'static str, wanted: Value) -> Result<(), OpenError> {
    let spelt = match &wanted {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Null | Value::Real(_) | Value::Blob(_) => String::new(),
    };
    // Some settings answer with a row when they are set, some do not.
    db.prepare(&format!("pragma {name} = {spelt}"))?.query([])?.next()?;
    let found: Value = db.query_row(&format!("pragma {name}"), [], |row| row.get(0))?;
    if found == wanted {
        return Ok(());
    }
    Err(OpenError::Setting { name, wanted: spelt, found: format!("{found:?}") })
}
