//! What goes wrong inside a store, before it becomes the port's error. Texts name tables and settings, never values.

use countersign_service::ports::store::StoreError;
use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

/// An error of the port, or one of the database on its way there.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Already in the port's words.
    Store(StoreError),
    /// As the driver said it.
    Sqlite(rusqlite::Error),
    /// As the driver said it; whatever was sent before the commit is undone.
    Postgres(tokio_postgres::Error),
    /// Another transaction was in the way: the whole of this one is worth another try.
    Again(&'static str),
    /// A commit was sent and its answer was lost: it may stand or not, so it is never sent again blindly.
    Unknown,
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

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sqlite(error) => of_sqlite(&error),
            Fault::Postgres(error) => of_postgres(&error),
            Fault::Again(why) => StoreError::Unavailable(why.to_owned()),
            Fault::Unknown => StoreError::Unavailable(
                "the answer to a commit was lost; the change may stand or not".to_owned(),
            ),
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

/// The server's own words only where they cannot hold a value of ours: it likes to repeat what it does not like.
fn of_postgres(error: &tokio_postgres::Error) -> StoreError {
    let Some(said) = error.as_db_error() else {
        return if error.is_closed() {
            StoreError::Unavailable("the connection to PostgreSQL was lost".to_owned())
        } else if error.to_string().starts_with("error deserializing") {
            StoreError::Damaged("a column holds another type".to_owned())
        } else {
            StoreError::Unavailable("the talk with PostgreSQL broke off".to_owned())
        };
    };
    let code = said.code();
    let text = match code.code().get(..2) {
        // Connections, resources, an operator, the system: no values are in these.
        Some("08" | "25" | "53" | "57" | "58") => said.message().to_owned(),
        _ => format!(
            "error {}{}{}",
            code.code(),
            said.table().map(|table| format!(" on table {table}")).unwrap_or_default(),
            said.constraint().map(|name| format!(" by {name}")).unwrap_or_default(),
        ),
    };
    if matches!(*code, SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED) {
        StoreError::Damaged(format!("PostgreSQL: {text}"))
    } else {
        StoreError::Unavailable(format!("PostgreSQL: {text}"))
    }
}
