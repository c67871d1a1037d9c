//! The tables `log_entry`, `log_tile`, `log_head` and `log_checkpoint`: the ledger as rows. What an entry says
//! and what a note signs is not known here.

use std::collections::BTreeMap;

use countersign_ledger::{Edge, Entry, Hash, edge_of};
use countersign_service::ports::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::batch::Batch;
use super::value::{int, uint};
use crate::fault::{Fault, damaged, malformed};

/// The committed head: size and root.
pub(super) fn head(db: &Connection) -> Result<(u64, Hash), Fault> {
    let mut find = db.prepare_cached("select size, root from log_head")?;
    let mut rows = find.query([])?;
    let row = rows.next()?.ok_or_else(|| damaged("the ledger has no head"))?;
    Ok((uint(row, 0)?, row.get(1)?))
}

/// The right edge under the committed head, checked against its root.
pub(super) fn edge(db: &Connection) -> Result<Edge, Fault> {
    let (size, root) = head(db)?;
    let mut tiles = BTreeMap::new();
    for tile in edge_of(size) {
        if let Some(data) = row(db, tile.level(), tile.n())? {
            tiles.insert((tile.level(), tile.n()), data);
        }
    }
    Edge::restore(size, &root, &tiles).map_err(|broken| damaged(broken.to_string()))
}

/// Keeps one entry at `index` and answers its leaf hash.
pub(super) fn keep_entry(db: &Connection, index: u64, body: &[u8]) -> Result<Hash, Fault> {
    let entry = Entry::new(body).map_err(|_| malformed("a ledger entry beyond 65,535 bytes"))?;
    db.prepare_cached("insert into log_entry (seq, body) values (?1, ?2)")?
        .execute(params![int(index)?, body])?;
    Ok(entry.leaf_hash())
}

/// Adds leaves to the tree: every tile that they change, then the head.
///
/// INVARIANT: the head moves from the size that the edge had; anything else rolls the whole transaction back.
pub(super) fn grow(db: &Connection, edge: &mut Edge, leaves: &[Hash]) -> Result<(), Fault> {
    let before = edge.size();
    let mut keep = db.prepare_cached(
        "insert into log_tile (level, n, data) values (?1, ?2, ?3) \
         on conflict (level, n) do update set data = excluded.data",
    )?;
    for changed in edge.append_all(leaves.iter().copied()) {
        keep.execute(params![changed.tile.level(), int(changed.tile.n())?, changed.bytes])?;
    }
    let moved = db
        .prepare_cached("update log_head set size = ?1, root = ?2 where size = ?3")?
        .execute(params![int(edge.size())?, edge.root(), int(before)?])?;
    if moved == 1 { Ok(()) } else { Err(damaged("another process moved the ledger's head")) }
}

/// Keeps a checkpoint for ever; `true` if it is new.
pub(super) fn keep_checkpoint(batch: &mut Batch<'_>, size: u64, note: &[u8]) -> Result<bool, Fault> {
    if size > head(batch.db)?.0 {
        return Err(malformed("a checkpoint beyond the committed head"));
    }
    match checkpoint(batch.db, Some(size))? {
        Some((_, kept)) if kept == note => return Ok(false),
        Some(_) => return Err(StoreError::Conflict.into()),
        None => {}
    }
    batch
        .db
        .prepare_cached("insert into log_checkpoint (size, note) values (?1, ?2)")?
        .execute(params![int(size)?, note])?;
    batch.marks.checkpointed = batch.marks.checkpointed.max(size);
    batch.notable = true;
    Ok(true)
}

/// How many entries are under a checkpoint.
pub(super) fn checkpointed(db: &Connection) -> Result<u64, Fault> {
    let mut find = db.prepare_cached("select coalesce(max(size), 0) from log_checkpoint")?;
    let mut rows = find.query([])?;
    rows.next()?.map_or(Ok(0), |row| uint(row, 0))
}

/// The newest checkpoint, or that of a size.
pub(super) fn checkpoint(db: &Connection, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, Fault> {
    let mut find = match size {
        Some(_) => db.prepare_cached("select size, note from log_checkpoint where size = ?1")?,
        None => db.prepare_cached("select size, note from log_checkpoint order by size desc limit 1")?,
    };
    let mut rows = match size {
        Some(size) => find.query([int(size)?])?,
        None => find.query([])?,
    };
    rows.next()?.map(|row| Ok((uint(row, 0)?, row.get(1)?))).transpose()
}

/// Sizes of all checkpoints after `after`, ascending.
pub(super) fn checkpoint_sizes(db: &Connection, after: u64, limit: u32) -> Result<Vec<u64>, Fault> {
    let mut find =
        db.prepare_cached("select size from log_checkpoint where size > ?1 order by size limit ?2")?;
    let mut rows = find.query(params![int(after)?, limit])?;
    let mut sizes = Vec::new();
    while let Some(row) = rows.next()? {
        sizes.push(uint(row, 0)?);
    }
    Ok(sizes)
}

/// The first `width` hashes of a tile, if it has that many.
pub(super) fn tile(db: &Connection, level: u8, n: u64, width: u32) -> Result<Option<Vec<u8>>, Fault> {
    let Ok(n) = i64::try_from(n) else { return Ok(None) };
    let bytes = i64::from(width) * 32;
    Ok(db
        .prepare_cached(
            "select substr(data, 1, ?3) from log_tile where level = ?1 and n = ?2 and ?3 > 0 and length(data) >= ?3",
        )?
        .query_row(params![level, n, bytes], |row| row.get(0))
        .optional()?)
}

fn row(db: &Connection, level: u8, n: u64) -> Result<Option<Vec<u8>>, Fault> {
    Ok(db
        .prepare_cached("select data from log_tile where level = ?1 and n = ?2")?
        .query_row(params![level, int(n)?], |row| row.get(0))
        .optional()?)
}

/// Entries from an index, ascending.
pub(super) fn entries(db: &Connection, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, Fault> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    let mut find = db.prepare_cached("select body from log_entry where seq >= ?1 order by seq limit ?2")?;
    Ok(find.query_map(params![from, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
