//! A copy of a store that may be in use: one moment of it, in one file of its own, without what is unused in the
//! original's pages. Beside a server that writes nobody waits.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::open::{self, OpenError};
use super::{SqliteStore, migrate};

/// A store's file that was found sound.
pub struct Examined {
    /// Its size in bytes.
    pub length: u64,
    /// That of its write-ahead log.
    pub log: u64,
    /// The settings that were read back, in words.
    pub settings: String,
}

impl SqliteStore {
    /// Copies the store at `from` into the new file `to`, for its owner alone, and answers once it is on the disk.
    ///
    /// # Errors
    /// When there is no store of this version, `to` is there already, or a file cannot be written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::File { path, error }
        };
        // Not the connection that readers have: `query_only` would also keep it from writing the copy.
        let db = Connection::open_with_flags(
            from,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        db.busy_timeout(open::BUSY)?;
        match migrate::version(&db)? {
            0 => return Err(OpenError::NotAStore),
            found if found > migrate::LATEST => {
                return Err(OpenError::NewerSchema { found, known: migrate::LATEST });
            }
            _ => {}
        }
        let file =
            open::private(OpenOptions::new().create_new(true).write(true)).open(to).map_err(failed(to))?;
        // What is unused in the original, such as what was destroyed there, is not copied.
        db.execute("vacuum into ?1", [to.display().to_string()])?;
        file.sync_all().map_err(failed(to))?;
        if let Some(folder) = to.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        }
        Ok(())
    }

    /// Looks whether the file at `path` is sound: that it has a write-ahead log, which durability rests on, that this SQLite
    /// takes the settings that a server writes under, and finds no fault in the file's pages. Nothing is written.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn examine(path: &Path) -> Result<Examined, OpenError> {
        let db = open::reader(path)?;
        let mode: String = db.query_row("pragma journal_mode", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(OpenError::Setting { name: "journal_mode", wanted: "wal".to_owned(), found: mode });
        }
        let settings = format!("journal_mode={mode}, {}", open::hold(&db)?);
        let said: String = db.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(OpenError::Damaged(said));
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        Ok(Examined { length: length(path), log: length(Path::new(&log)), settings })
    }
}
