//! The tables `log_entry`, `log_tile`, `log_head` and `log_checkpoint`, read, and checkpoints kept. What an entry says and
//! what a note signs is not known here; entries get in by `queue.rs` alone.

use std::collections::BTreeMap;

use countersign_ledger::{Edge, Hash, edge_of};
use countersign_service::ports::store::StoreError;
use tokio_postgres::Row;

use super::pool::Client;
use super::statement::{Statement, ask};
use super::value::{Value, get, int, uint};
use crate::fault::{Fault, damaged, malformed};

/// The committed head.
pub(super) const HEAD: &str = "select size, root from log_head";
/// Some tiles.
pub(super) const TILES: &str = "select t.level, t.n, t.data from log_tile t \
     join unnest($1::bigint[], $2::bigint[]) as w (level, n) on w.level = t.level and w.n = t.n";
/// The first `$3` bytes of a tile that has so many.
pub(super) const TILE: &str = "select substr(data, 1, $3::int) from log_tile \
     where level = $1 and n = $2 and octet_length(data) >= $3::int";
pub(super) const ENTRIES: &str = "select body from log_entry where seq >= $1 order by seq limit $2";
pub(super) const NEWEST: &str = "select size, note from log_checkpoint order by size desc limit 1";
pub(super) const OF_SIZE: &str = "select size, note from log_checkpoint where size = $1";
pub(super) const SIZES: &str = "select size from log_checkpoint where size > $1 order by size limit $2";
pub(super) const KEEP: &str = "insert into log_checkpoint (size, note) select h.size, $2::bytea \
     from (select $1::bigint as size) h where h.size <= (select size from log_head) on conflict (size) do nothing";

/// The committed head: size and root.
pub(super) async fn head(client: &Client) -> Result<(u64, Hash), Fault> {
    let rows = ask(client, Ok(Statement::plain(HEAD, Vec::new()))).await?;
    head_of(rows.first())
}

fn head_of(row: Option<&Row>) -> Result<(u64, Hash), Fault> {
    let row = row.ok_or_else(|| damaged("the ledger has no head"))?;
    let root =
        get::<Vec<u8>>(row, 1)?.try_into().map_err(|_| damaged("the ledger's root has not 32 bytes"))?;
    Ok((uint(row, 0)?, root))
}

/// The right edge under the committed head, checked against its root.
pub(super) async fn edge(client: &Client) -> Result<Edge, Fault> {
    client.batch_execute("begin isolation level repeatable read read only").await?;
    let edge = edge_in(client).await;
    client.batch_execute("commit").await?;
    edge
}

async fn edge_in(client: &Client) -> Result<Edge, Fault> {
    let (size, root) = head(client).await?;
    let (mut levels, mut places) = (Vec::new(), Vec::new());
    for tile in edge_of(size) {
        levels.push(i64::from(tile.level()));
        places.push(int(tile.n())?);
    }
    let values: Vec<Value> = vec![Box::new(levels), Box::new(places)];
    let mut tiles = BTreeMap::new();
    for row in ask(client, Ok(Statement::plain(TILES, values))).await? {
        let level =
            u8::try_from(uint(&row, 0)?).map_err(|_| damaged("a tile's level is out of its range"))?;
        tiles.insert((level, uint(&row, 1)?), get::<Vec<u8>>(&row, 2)?);
    }
    Edge::restore(size, &root, &tiles).map_err(|broken| damaged(broken.to_string()))
}

/// Keeps a checkpoint for ever. It stands once this has answered, and not before.
pub(super) async fn keep_checkpoint(client: &Client, size: u64, note: &[u8]) -> Result<(), Fault> {
    let place = int(size)?;
    let keep = Statement::plain(KEEP, vec![Box::new(place), Box::new(note.to_vec())]);
    ask(client, Ok(keep)).await?;
    if client.was_warned() {
        return Err(Fault::Unknown);
    }
    match checkpoint(client, Some(size)).await? {
        Some((_, kept)) if kept == note => Ok(()),
        Some(_) => Err(StoreError::Conflict.into()),
        None => Err(malformed("a checkpoint beyond the committed head")),
    }
}

/// The newest checkpoint, or that of a size.
pub(super) async fn checkpoint(client: &Client, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, Fault> {
    let question = match size {
        Some(size) => Statement::plain(OF_SIZE, vec![Box::new(int(size)?)]),
        None => Statement::plain(NEWEST, Vec::new()),
    };
    let rows = ask(client, Ok(question)).await?;
    rows.first().map(|row| Ok((uint(row, 0)?, get(row, 1)?))).transpose()
}

/// Sizes of all checkpoints after `after`, ascending.
pub(super) async fn checkpoint_sizes(client: &Client, after: u64, limit: u32) -> Result<Vec<u64>, Fault> {
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let question = Statement::plain(SIZES, vec![Box::new(after), Box::new(i64::from(limit))]);
    ask(client, Ok(question)).await?.iter().map(|row| uint(row, 0)).collect()
}

/// The first `width` hashes of a tile, if it has that many.
pub(super) async fn tile(client: &Client, level: u8, n: u64, width: u32) -> Result<Option<Vec<u8>>, Fault> {
    let (Ok(n), Ok(bytes)) = (i64::try_from(n), i32::try_from(u64::from(width) * 32)) else {
        return Ok(None);
    };
    if width == 0 {
        return Ok(None);
    }
    let values: Vec<Value> = vec![Box::new(i64::from(level)), Box::new(n), Box::new(bytes)];
    let rows = ask(client, Ok(Statement::plain(TILE, values))).await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

/// Entries from an index, ascending.
pub(super) async fn entries(client: &Client, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Fault> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let question = Statement::plain(ENTRIES, vec![Box::new(from), Box::new(i64::from(limit))]);
    ask(client, Ok(question)).await?.iter().map(|row| get(row, 0)).collect()
}
