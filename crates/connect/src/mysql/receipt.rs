//! Receipts in the source's own table, in the first of its databases. The table is made beforehand: making one ends a
//! transaction.

use countersign_core::receipt::{Receipt, ReceiptKey};
use mysql_async::{Error, Value};

use super::connection::{Session, text};
use super::failure::{DUPLICATE, NO_TABLE, code};
use crate::sql::quote;

/// The table's name in a database.
fn table(home: &str) -> String {
    format!("{}.countersign_receipt", quote(home))
}

/// Makes the table where it is missing; why it cannot be used, if it cannot.
pub(super) async fn prepare(session: &mut Session, home: &str) -> Result<Option<String>, Error> {
    // Asked first: an account may well have the rows of the table without the right to make one.
    let mut engine = engine(session, home).await?;
    if engine.is_none() {
        session.run(&making(&table(home))).await?;
        engine = self::engine(session, home).await?;
    }
    Ok(match engine.as_deref() {
        Some("InnoDB") => None,
        other => Some(format!(
            "the table `countersign_receipt` must be of the engine InnoDB, or it promises nothing; it is of {}",
            other.unwrap_or("none")
        )),
    })
}

/// The statement that makes the table.
pub(super) fn making(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (
    request varchar(64) NOT NULL, run bigint NOT NULL, step varchar(255) NOT NULL, chunk bigint NOT NULL,
    outcome varchar(4) NOT NULL CHECK (outcome IN ('done', 'void')), touched longtext NOT NULL,
    at timestamp(3) NOT NULL DEFAULT current_timestamp(3), PRIMARY KEY (request, run, step, chunk)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
}

async fn engine(session: &mut Session, home: &str) -> Result<Option<String>, Error> {
    let asked = "SELECT ENGINE FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'countersign_receipt'";
    let rows = session.rows(asked, vec![home.into()]).await?;
    Ok(rows.first().map(|row| text(row, 0).unwrap_or_default()))
}

/// Takes a key; false if it is taken. Waits for a transaction that is taking it.
pub(super) async fn take(
    session: &mut Session,
    home: &str,
    key: &ReceiptKey,
    outcome: &str,
) -> Result<bool, Error> {
    let statement = format!(
        "INSERT INTO {} (request, run, step, chunk, outcome, touched) VALUES (?, ?, ?, ?, ?, '{{}}')",
        table(home)
    );
    let mut values = parts_of(key);
    values.push(outcome.into());
    match session.execute_with(&statement, values).await {
        Ok(_) => Ok(true),
        Err(error) if code(&error) == Some(DUPLICATE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes what was touched.
pub(super) async fn touched(
    session: &mut Session,
    home: &str,
    key: &ReceiptKey,
    touched: &str,
) -> Result<(), Error> {
    let statement = format!(
        "UPDATE {} SET touched = ? WHERE request = ? AND run = ? AND step = ? AND chunk = ?",
        table(home)
    );
    let mut values = vec![touched.into()];
    values.extend(parts_of(key));
    session.execute_with(&statement, values).await?;
    Ok(())
}

/// The receipt under a key; none also where there is no table yet.
pub(super) async fn find(
    session: &mut Session,
    home: &str,
    key: &ReceiptKey,
) -> Result<Option<Receipt>, Error> {
    let statement = format!(
        "SELECT outcome, touched FROM {} WHERE request = ? AND run = ? AND step = ? AND chunk = ?",
        table(home)
    );
    let rows = match session.rows(&statement, parts_of(key)).await {
        Err(error) if code(&error) == Some(NO_TABLE) => return Ok(None),
        rows => rows?,
    };
    let part = |row, at| text(row, at).unwrap_or_default();
    Ok(rows.first().map(|row| crate::receipt::read(key, &part(row, 0), &part(row, 1))))
}

/// Takes a key away that was taken in this transaction.
pub(super) async fn give_back(session: &mut Session, home: &str, key: &ReceiptKey) -> Result<(), Error> {
    let statement =
        format!("DELETE FROM {} WHERE request = ? AND run = ? AND step = ? AND chunk = ?", table(home));
    session.execute_with(&statement, parts_of(key)).await?;
    Ok(())
}

/// What each part of the step touched, in any run of the request.
pub(super) async fn parts(session: &mut Session, home: &str, key: &ReceiptKey) -> Result<Vec<String>, Error> {
    let statement = format!(
        "SELECT touched FROM {} WHERE request = ? AND step = ? AND chunk > 0 AND touched <> '{{}}'",
        table(home)
    );
    let values = vec![key.request.to_string().into(), key.step.as_str().into()];
    let rows = session.rows(&statement, values).await?;
    Ok(rows.iter().filter_map(|row| text(row, 0)).collect())
}

fn parts_of(key: &ReceiptKey) -> Vec<Value> {
    vec![key.request.to_string().into(), key.run.into(), key.step.as_str().into(), key.chunk.into()]
}
