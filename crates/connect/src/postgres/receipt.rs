//! Receipts in the source's own table, in the first of its schemas.

use countersign_core::receipt::{Receipt, ReceiptKey};
use tokio_postgres::{Error, GenericClient};

use crate::sql::quote;

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
    Ok(client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table]).await?.get(0))
}

/// Takes a key; false if it is taken. Waits for a transaction that is taking it.
pub(super) async fn take(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
    outcome: &str,
) -> Result<bool, Error> {
    let statement = format!(
        "INSERT INTO {} (request, run, step, chunk, outcome, touched)
         VALUES ($1::text, $2::bigint, $3::text, $4::bigint, $5::text, '{{}}') ON CONFLICT DO NOTHING",
        table(schema)
    );
    let (request, run, chunk) = parts_of(key);
    let taken = client.execute(&statement, &[&request, &run, &key.step, &chunk, &outcome]).await?;
    Ok(taken == 1)
}

/// Writes what was touched.
pub(super) async fn touched(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
    touched: &str,
) -> Result<(), Error> {
    let statement = format!(
        "UPDATE {} SET touched = $5::text
          WHERE request = $1::text AND run = $2::bigint AND step = $3::text AND chunk = $4::bigint",
        table(schema)
    );
    let (request, run, chunk) = parts_of(key);
    client.execute(&statement, &[&request, &run, &key.step, &chunk, &touched]).await?;
    Ok(())
}

/// The receipt under a key; none also where there is no table yet.
pub(super) async fn find(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<Option<Receipt>, Error> {
    let table = table(schema);
    let there =
        client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table]).await?.get::<_, bool>(0);
    if !there {
        return Ok(None);
    }
    let statement = format!(
        "SELECT outcome, touched FROM {table}
          WHERE request = $1::text AND run = $2::bigint AND step = $3::text AND chunk = $4::bigint"
    );
    let (request, run, chunk) = parts_of(key);
    let row = client.query_opt(&statement, &[&request, &run, &key.step, &chunk]).await?;
    Ok(row.map(|row| crate::receipt::read(key, row.get(0), row.get(1))))
}

/// Takes a key away that was taken in this transaction.
pub(super) async fn give_back(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<(), Error> {
    let statement = format!(
        "DELETE FROM {}
          WHERE request = $1::text AND run = $2::bigint AND step = $3::text AND chunk = $4::bigint",
        table(schema)
    );
    let (request, run, chunk) = parts_of(key);
    client.execute(&statement, &[&request, &run, &key.step, &chunk]).await?;
    Ok(())
}

/// What each part of the step touched, in any run of the request.
pub(super) async fn parts(
    client: &impl GenericClient,
    schema: &str,
    key: &ReceiptKey,
) -> Result<Vec<String>, Error> {
    let statement = format!(
        "SELECT touched FROM {}
          WHERE request = $1::text AND step = $2::text AND chunk > 0 AND touched <> '{{}}'",
        table(schema)
    );
    let rows = client.query(&statement, &[&key.request.to_string(), &key.step]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn parts_of(key: &ReceiptKey) -> (String, i64, i64) {
    (key.request.to_string(), i64::from(key.run), i64::from(key.chunk))
}
