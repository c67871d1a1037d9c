//! What goes wrong inside a store, before it becomes the port's error. Texts name tables and settings, never values.

use countersign_service::ports::store::StoreError;
use rusqlite::ErrorCode;

/// An error of the port, or one of the database on its way there.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Already in the port's words.
    Store(StoreError),
    /// As the driver said it.
    Sqlite(rusqlite::Error),
}

/// A change or a question that no correct caller makes: told apart from a conflict, which is worth another try.
pub(crate) fn malformed(what: &str) -> Fault {
    Fault::Store(StoreError::Malformed(what.to_owned()))
}

/// Something stored that this version did not store like that.
pub(crate) fn damaged(what: impl Into<String>) -> Fault {
    Fault::Store(StoreError::Damaged(what.into()))
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sqlite(error) => of_sqlite(&error),
        }
    }
}

fn of_sqlite(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(inner, _)
            if matches!(inner.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
        {
            StoreError::Damaged(error.to_string())
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => {
            StoreError::Damaged("a column holds another type".to_owned())
        }
        other => StoreError::Unavailable(other.to_string()),
    }
}
