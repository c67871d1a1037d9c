//! Receipts in the source's own table, in the first of its schemas.

use countersign_core::receipt::{Receipt, ReceiptKey};
use tokio_postgres::{Error, GenericClient};

use super::Postgres;
use super::connection::{execute, texts};
use crate::sql::{Param, Sql, quote};

/// The table's name in a schema.
pub(super) fn table(schema: &str) -> String {
    format!("{}.countersign_receipt", quote(schema))
}

/// Makes the table where it is missing.
pub(super) async fn prepare(client: &impl GenericClient, schema: &str) -> Result<(), Error> {
    let table = table(schema);
    // Asked first: a role may well have the rows of the table without the right to make one.
    if is_there(client, &table).await? {
        return Ok(());
    }
    match client.batch_execute(&making(&table)).await {
        // Somebody else made it at the same moment, which `IF NOT EXISTS` does not see.
        Err(_) if is_there(client, &table).await? => Ok(()),
        made => made,
    }
}

/// The statement that makes the table.
pub(super) fn making(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (
    request text NOT NULL, run bigint NOT NULL, step text NOT NULL, chunk bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'void')), touched text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (request, run, step, chunk)
)"
    )
}

/// Whether there is such a table.
pub(super) async fn is_there(client: &impl GenericClient, table: &str) -> Result<bool, Error> {
    let asked = statement("SELECT to_regclass($1::text)::text", vec![text(table)]);
    Ok(texts(client, &asked).await?.concat().iter().any(Option::is_some))
}

/// Takes a key; false if it is taken. Waits for a transaction that is taking it.
pub(super) async fn take(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
    outcome: &str,
) -> Result<bool, Error> {
    let insert = format!(
        "INSERT INTO {} (request, run, step, chunk, outcome, touched)
         VALUES ($1::text, $2::bigint, $3::text, $4::bigint, $5::text, '{{}}') ON CONFLICT DO NOTHING",
        table(schema)
    );
    let mut params = of(key);
    params.push(text(outcome));
    Ok(execute(client, &statement(&insert, params)).await? == 1)
}

/// Writes what was touched.
pub(super) async fn touched(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
    touched: &str,
) -> Result<(), Error> {
    let update = format!("UPDATE {} SET touched = $5::text WHERE {IS_IT}", table(schema));
    let mut params = of(key);
    params.push(text(touched));
    execute(client, &statement(&update, params)).await.map(|_| ())
}

/// The receipt under a key; none also where there is no table yet.
pub(super) async fn find(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<Option<Receipt>, Error> {
    let table = table(schema);
    if !is_there(client, &table).await? {
        return Ok(None);
    }
    let select = format!("SELECT outcome, touched FROM {table} WHERE {IS_IT}");
    let rows = texts(client, &statement(&select, of(key))).await?;
    let cell = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    Ok(rows.first().map(|row| crate::receipt::read(key, &cell(row, 0), &cell(row, 1))))
}

/// Takes a key away that was taken in this transaction.
pub(super) async fn give_back(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<(), Error> {
    let delete = format!("DELETE FROM {} WHERE {IS_IT}", table(schema));
    execute(client, &statement(&delete, of(key))).await.map(|_| ())
}

/// What each part of the step touched, in any run of the request.
pub(super) async fn parts(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<Vec<String>, Error> {
    let select = format!(
        "SELECT touched FROM {}
          WHERE request = $1::text AND step = $2::text AND chunk > 0 AND touched <> '{{}}'",
        table(schema)
    );
    let params = vec![text(&key.request.to_string()), text(&key.step)];
    Ok(texts(client, &statement(&select, params)).await?.into_iter().flatten().flatten().collect())
}

const IS_IT: &str = "request = $1::text AND run = $2::bigint AND step = $3::text AND chunk = $4::bigint";

/// The values of [`IS_IT`].
fn of(key: &ReceiptKey) -> Vec<Param> {
    let (run, chunk) = (i64::from(key.run), i64::from(key.chunk));
    vec![text(&key.request.to_string()), Param::Int(run), text(&key.step), Param::Int(chunk)]
}

fn text(it: &str) -> Param {
    Param::Text(it.to_owned())
}

fn statement(text: &str, params: Vec<Param>) -> Sql {
    let mut sql = Sql::new(&Postgres);
    sql.push(text).params = params;
    sql
}
