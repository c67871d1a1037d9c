//! Takes over every row of an embedded store, in one transaction that is committed once all was found to be there.

use std::pin::pin;

use countersign_ledger::{Edge, Entry};
use countersign_service::ports::store::StoreError;
use futures::TryStreamExt;
use tokio::sync::mpsc::Receiver;
use tokio_postgres::types::ToSql;

use super::PostgresStore;
use super::connect::is_cut;
use super::pool::Client;
use super::value::{get, int};
use crate::fault::{Fault, damaged};
use crate::moving::{Column, Inventory, Kind, MoveError, Part, TABLES, Table};

/// Nothing of it is quick, and nobody else is here yet.
const BEGIN: &str =
    "begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";

impl PostgresStore {
    /// Takes over what `parts` bring, which is all that `inventory` says.
    pub(crate) async fn take_over(
        &self,
        inventory: &Inventory,
        parts: Receiver<Part>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), MoveError> {
        self.writing().map_err(MoveError::Target)?;
        // Dropped without being released, the connection is closed, and with it the transaction is gone.
        let client = self.pool.get().await.map_err(target)?;
        client.batch_execute(BEGIN).await.map_err(failed)?;
        begin(&client, inventory).await?;
        write(&client, inventory, parts, progress).await?;
        compare(&client, inventory).await?;
        client.batch_execute("commit").await.map_err(|error| match is_cut(&error) {
            true => MoveError::Unknown,
            false => failed(error),
        })?;
        // Taken without its standby, a commit is not acknowledged.
        if client.was_warned() {
            return Err(MoveError::Unknown);
        }
        client.release();
        Ok(())
    }
}

/// Moves the ledger's head from nothing, which no two can, and makes sure that nothing else is there.
async fn begin(client: &Client, inventory: &Inventory) -> Result<(), MoveError> {
    let size = int(inventory.size).map_err(target)?;
    let claim = "update log_head set size = $1, root = $2 where size = 0";
    if client.execute(claim, &[&size, &inventory.root.as_slice()]).await.map_err(failed)? == 0 {
        return Err(MoveError::NotEmpty("log_head"));
    }
    for name in TABLES.iter().map(|table| table.name).chain(["log_queue"]) {
        if client.query_opt(&format!("select 1 from {name} limit 1"), &[]).await.map_err(failed)?.is_some() {
            return Err(MoveError::NotEmpty(name));
        }
    }
    // No number of a job is ever given twice, so that no old fence fits a new one.
    let next = inventory.last_job.saturating_add(1);
    let from_there_on = format!("alter table job alter column id restart with {next}");
    client.batch_execute(&from_there_on).await.map_err(failed)
}

async fn write(
    client: &Client,
    inventory: &Inventory,
    mut parts: Receiver<Part>,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<(), MoveError> {
    let (mut done, total) = (0, inventory.rows.iter().sum());
    progress(done, total);
    while let Some(Part { table, columns, rows }) = parts.recv().await {
        let statement = client.prepare_cached(&insert(table)).await.map_err(failed)?;
        let values: Vec<&(dyn ToSql + Sync)> = columns
            .iter()
            .map(|column| -> &(dyn ToSql + Sync) {
                match column {
                    Column::Int(cells) => cells,
                    Column::Text(cells) => cells,
                    Column::Bytes(cells) => cells,
                }
            })
            .collect();
        client.execute(&statement, &values).await.map_err(failed)?;
        done += rows;
        progress(done, total);
    }
    Ok(())
}

fn insert(table: &Table) -> String {
    let names = table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let arrays = table.columns.iter().zip(1..).map(|((_, kind), place)| match kind {
        Kind::Int => format!("${place}::bigint[]"),
        Kind::Text => format!("${place}::text[]"),
        Kind::Bytes => format!("${place}::bytea[]"),
    });
    let arrays = arrays.collect::<Vec<_>>().join(", ");
    format!("insert into {} ({names}) select {names} from unnest({arrays}) as part ({names})", table.name)
}

/// Reads back: as many rows of each table, and a ledger whose entries give the same root.
async fn compare(client: &Client, inventory: &Inventory) -> Result<(), MoveError> {
    for (table, wanted) in TABLES.iter().zip(&inventory.rows) {
        let count = format!("select count(*) from {}", table.name);
        let row = client.query_one(&count, &[]).await.map_err(failed)?;
        let found = get::<i64>(&row, 0).map_err(target)?.unsigned_abs();
        if found != *wanted {
            let what = format!("the rows of `{}`", table.name);
            return Err(MoveError::Different { what, found: found.to_string(), wanted: wanted.to_string() });
        }
    }
    let none: [&(dyn ToSql + Sync); 0] = [];
    let entries = client.query_raw("select body from log_entry order by seq", none).await.map_err(failed)?;
    let mut entries = pin!(entries);
    let mut edge = Edge::new();
    while let Some(row) = entries.try_next().await.map_err(failed)? {
        let body: Vec<u8> = get(&row, 0).map_err(target)?;
        let entry = Entry::new(&body).map_err(|_| target(damaged("an entry beyond 65,535 bytes")))?;
        edge.append(entry.leaf_hash(), |_, _| {});
    }
    if (edge.size(), edge.root()) == (inventory.size, inventory.root) {
        return Ok(());
    }
    let what = "the ledger: entries and the root that they give".to_owned();
    Err(MoveError::Different {
        what,
        found: shown(edge.size(), &edge.root()),
        wanted: shown(inventory.size, &inventory.root),
    })
}

fn shown(size: u64, root: &[u8; 32]) -> String {
    let root: String = root.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{size} ({root}…)")
}

fn target(fault: Fault) -> MoveError {
    MoveError::Target(StoreError::from(fault))
}

fn failed(error: tokio_postgres::Error) -> MoveError {
    target(Fault::from(error))
}
