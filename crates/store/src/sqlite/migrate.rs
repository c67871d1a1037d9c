//! Ordered SQL files and a table of those that ran. A schema of a newer version is refused, never guessed at.

use countersign_core::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::open::OpenError;

/// Every step from nothing to the schema of this version, in order: step `n` makes version `n + 1`.
const STEPS: [(&str, &str); 1] = [("first", include_str!("../../migrations/sqlite/0001_first.sql"))];

/// The schema that this version of Countersign reads and writes.
pub(super) const LATEST: u64 = STEPS.len() as u64;

/// The schema's version; 0 for an empty database.
pub(super) fn version(db: &Connection) -> Result<u64, OpenError> {
    let ours: bool = db.query_row(
        "select exists (select 1 from sqlite_schema where name = 'schema_version')",
        [],
        |row| row.get(0),
    )?;
    if !ours {
        let others: bool =
            db.query_row("select exists (select 1 from sqlite_schema)", [], |row| row.get(0))?;
        return if others { Err(OpenError::NotAStore) } else { Ok(0) };
    }
    let version: i64 =
        db.query_row("select coalesce(max(version), 0) from schema_version", [], |row| row.get(0))?;
    Ok(version.unsigned_abs())
}

/// Brings the schema to [`LATEST`].
pub(super) fn migrate(db: &mut Connection, now: Timestamp) -> Result<(), OpenError> {
    migrate_to(db, LATEST, now)
}

/// Brings the schema to `target`, each step in a transaction of its own.
pub(super) fn migrate_to(db: &mut Connection, target: u64, now: Timestamp) -> Result<(), OpenError> {
    let found = version(db)?;
    if found > LATEST {
        return Err(OpenError::NewerSchema { found, known: LATEST });
    }
    for ((name, sql), number) in STEPS.iter().zip(1u64..) {
        if number <= found || number > target {
            continue;
        }
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(
            "create table if not exists schema_version \
             (version integer not null primary key, name text not null, at integer not null) strict",
        )?;
        step.execute_batch(sql)?;
        step.execute(
            "insert into schema_version (version, name, at) values (?1, ?2, ?3)",
            params![number as i64, name, now.as_millis()],
        )?;
        step.commit()?;
        tracing::info!(version = number, name, "the store's schema was brought forward");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
