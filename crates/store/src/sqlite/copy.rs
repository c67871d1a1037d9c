//! A copy of a store that may be in use: one moment of it, in one file of its own, without what is unused in the
//! original's pages. Beside a server that writes nobody waits.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::open::{self, OpenError};
use super::{SqliteStore, migrate};

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
}
