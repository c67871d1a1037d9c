//! Ordered SQL files and a table of those that ran. Each step says the oldest version that can still work with what it
//! leaves, so that nodes are replaced one by one (`docs/howto/change-the-schema.md`); a schema that says nothing of the
//! kind about this version is refused. Any number of nodes may start at once: they stand in line at one row.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Row};

use super::open::PostgresOpenError;
use crate::fault::Fault;

/// A step from one version of the schema to the next.
struct Step {
    name: &'static str,
    sql: &'static str,
    /// The oldest version whose nodes can work with what this step leaves: of a step that only adds, the one before it
    /// or an older one; of a step that takes away, the first that no longer needs what is gone.
    oldest: u64,
}

/// Every step from nothing to the schema of this version, in order: step `n` makes version `n + 1`.
const STEPS: [Step; 1] =
    [Step { name: "first", sql: include_str!("../../migrations/postgres/0001_first.sql"), oldest: 1 }];

/// The schema that this version of Countersign reads and writes.
pub(super) const LATEST: u64 = STEPS.len() as u64;

/// The row of version 0: what the table is, and where nodes stand in line.
const MARK: &str = "countersign store";
/// The database's time, in milliseconds.
const NOW: &str = "cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)";
/// Tries to make the table of versions while others do the same.
const TRIES: u32 = 50;

/// The schema's version; 0 where there is nothing yet.
pub(super) async fn version(db: &Client) -> Result<u64, PostgresOpenError> {
    match look(db).await.map_err(Fault::from)? {
        Found::Nothing => Ok(0),
        Found::Others => Err(PostgresOpenError::NotAStore),
        Found::Ours => current(db).await,
    }
}

enum Found {
    Nothing,
    Ours,
    Others,
}

async fn look(db: &Client) -> Result<Found, Error> {
    let tables =
        "select table_name::text from information_schema.tables where table_schema = current_schema()";
    let tables = db.query(tables, &[]).await?;
    if tables.is_empty() {
        return Ok(Found::Nothing);
    }
    let named = |row: &Row| row.try_get::<_, String>(0).is_ok_and(|name| name == "schema_version");
    if !tables.iter().any(named) {
        return Ok(Found::Others);
    }
    // Somebody else's table of that name has other columns, or another first row.
    let marks = match db.query("select name::text from schema_version where version = 0", &[]).await {
        Ok(marks) => marks,
        Err(error) if is_foreign(&error) => return Ok(Found::Others),
        Err(error) => return Err(error),
    };
    match marks.first() {
        Some(mark) => Ok(if mark.try_get::<_, String>(0)? == MARK { Found::Ours } else { Found::Others }),
        None => Ok(Found::Others),
    }
}

fn is_foreign(error: &Error) -> bool {
    let foreign = [
        SqlState::UNDEFINED_COLUMN,
        SqlState::DATATYPE_MISMATCH,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::CANNOT_COERCE,
    ];
    error.code().is_some_and(|code| foreign.contains(code))
}

async fn current(db: &Client) -> Result<u64, PostgresOpenError> {
    let newest = "select version, oldest from schema_version order by version desc limit 1";
    let row = db.query_one(newest, &[]).await.map_err(Fault::from)?;
    let (version, oldest): (i64, i64) =
        (row.try_get(0).map_err(Fault::from)?, row.try_get(1).map_err(Fault::from)?);
    if oldest.unsigned_abs() > LATEST {
        return Err(PostgresOpenError::NewerSchema { found: version.unsigned_abs(), known: LATEST });
    }
    Ok(version.unsigned_abs())
}

/// Brings the schema to [`LATEST`]. Where it stands there already nothing is written, so that a role that may not
/// change the schema does for every day.
pub(super) async fn migrate(db: &Client) -> Result<(), PostgresOpenError> {
    migrate_to(db, LATEST).await
}

/// Brings the schema to `target`, each step in a transaction of its own.
pub(super) async fn migrate_to(db: &Client, target: u64) -> Result<(), PostgresOpenError> {
    let found = version(db).await?;
    if found >= target {
        return Ok(());
    }
    let outcome = async {
        line_up(db).await?;
        for number in found + 1..=target {
            step(db, number).await?;
        }
        Ok::<_, Error>(())
    }
    .await;
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            // Whatever was begun is undone; the connection is not used further.
            let denied = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
            Err(if denied {
                PostgresOpenError::NotTheOwner { found, known: LATEST }
            } else {
                Fault::from(error).into()
            })
        }
    }
}

/// Makes the table of versions with its first row. `if not exists` alone does not help two who make it at once.
async fn line_up(db: &Client) -> Result<(), Error> {
    let make = format!(
        "create table if not exists schema_version \
           (version bigint not null primary key check (version >= 0), name text not null, \
            oldest bigint not null check (oldest between 0 and version), at bigint not null); \
         insert into schema_version (version, name, oldest, at) values (0, '{MARK}', 0, {NOW}) \
           on conflict (version) do nothing"
    );
    for _ in 0..TRIES {
        match db.batch_execute(&make).await {
            Err(error) if is_race(&error) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            other => return other,
        }
    }
    db.batch_execute(&make).await
}

fn is_race(error: &Error) -> bool {
    let races = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| races.contains(code))
}

/// One step, unless another node made it meanwhile. The row of version 0 is the line.
async fn step(db: &Client, number: u64) -> Result<(), Error> {
    let Some(step) = usize::try_from(number - 1).ok().and_then(|place| STEPS.get(place)) else {
        return Ok(());
    };
    db.batch_execute("begin; select version from schema_version where version = 0 for update").await?;
    let version = number as i64;
    let done = db.query("select 1 from schema_version where version >= $1", &[&version]).await?;
    if !done.is_empty() {
        return db.batch_execute("rollback").await;
    }
    db.batch_execute(step.sql).await?;
    let ran = format!("insert into schema_version (version, name, oldest, at) values ($1, $2, $3, {NOW})");
    db.execute(&ran, &[&version, &step.name, &(step.oldest as i64)]).await?;
    db.batch_execute("commit").await?;
    tracing::info!(version = number, name = step.name, "the store's schema was brought forward");
    Ok(())
}

#[cfg(test)]
mod tests;
