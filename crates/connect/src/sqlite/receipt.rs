//! Receipts in the source's own table.

use countersign_core::receipt::{Receipt, ReceiptKey};
use rusqlite::{Connection, OptionalExtension, params};

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS main.countersign_receipt (
    request  TEXT NOT NULL,
    run      INTEGER NOT NULL,
    step     TEXT NOT NULL,
    chunk    INTEGER NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('done', 'void')),
    touched  TEXT NOT NULL,
    at       TEXT NOT NULL,
    PRIMARY KEY (request, run, step, chunk)
)";

/// Makes the table where it is missing.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLE)
}

/// Takes a key; false if it is taken.
pub(super) fn take(connection: &Connection, key: &ReceiptKey, outcome: &str) -> rusqlite::Result<bool> {
    let taken = connection.execute(
        "INSERT INTO main.countersign_receipt (request, run, step, chunk, outcome, touched, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, '{}', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) ON CONFLICT DO NOTHING",
        params![key.request.to_string(), key.run, key.step, key.chunk, outcome],
    )?;
    Ok(taken == 1)
}

/// Writes what was touched.
pub(super) fn touched(connection: &Connection, key: &ReceiptKey, touched: &str) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE main.countersign_receipt SET touched = ?5 WHERE request = ?1 AND run = ?2 AND step = ?3 AND chunk = ?4",
        params![key.request.to_string(), key.run, key.step, key.chunk, touched],
    )?;
    Ok(())
}

/// The receipt under a key; none also where there is no table yet.
pub(super) fn find(connection: &Connection, key: &ReceiptKey) -> rusqlite::Result<Option<Receipt>> {
    let there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'countersign_receipt')",
        [],
        |row| row.get(0),
    )?;
    if !there {
        return Ok(None);
    }
    let row: Option<(String, String)> = connection
        .query_row(
            "SELECT outcome, touched FROM main.countersign_receipt \
             WHERE request = ?1 AND run = ?2 AND step = ?3 AND chunk = ?4",
            params![key.request.to_string(), key.run, key.step, key.chunk],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(row.map(|(outcome, touched)| crate::receipt::read(key, &outcome, &touched)))
}

/// Takes a key away that was taken in this transaction.
pub(super) fn give_back(connection: &Connection, key: &ReceiptKey) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM main.countersign_receipt WHERE request = ?1 AND run = ?2 AND step = ?3 AND chunk = ?4",
        params![key.request.to_string(), key.run, key.step, key.chunk],
    )?;
    Ok(())
}

/// What each part of the step touched, in any run of the request.
pub(super) fn parts(connection: &Connection, key: &ReceiptKey) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT touched FROM main.countersign_receipt \
         WHERE request = ?1 AND step = ?2 AND chunk > 0 AND touched <> '{}'",
    )?;
    let rows = statement.query_map(params![key.request.to_string(), key.step], |row| row.get(0))?;
    rows.collect()
}
