//! The tables `record` and `record_term`: everything that is kept beside requests, by kind and id.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Find, IndexTerm, Record, RecordChange, StoreError};
use rusqlite::{Connection, Params, params};

use super::batch::Batch;
use super::value::{int, maybe_time, millis, uint};
use crate::fault::{Fault, malformed};

/// The records of `kind` that `find` means, in the order of ids.
pub(super) fn find(
    db: &Connection,
    kind: &str,
    find: &Find,
    request: Option<RequestId>,
) -> Result<Vec<Record>, Fault> {
    match find {
        Find::Id(id) => read(
            db,
            "select kind, id, version, body, expires_at from record where kind = ?1 and id = ?2",
            params![kind, id],
        ),
        Find::Term(term) => read(
            db,
            "select r.kind, r.id, r.version, r.body, r.expires_at from record_term t \
             join record r on r.kind = t.kind and r.id = t.id \
             where t.kind = ?1 and t.name = ?2 and t.value = ?3 order by t.id",
            params![kind, term.name, term.value],
        ),
        Find::ByRoot => match request {
            None => Err(malformed("records by root are asked for without a request")),
            Some(request) => read(
                db,
                "select kind, id, version, body, expires_at from record where kind = ?1 and id in \
                 (select t.id from request_term mine cross join record_term t \
                   where mine.request = ?2 and mine.name = 'root' \
                     and t.kind = ?1 and t.name = 'root' and t.value = mine.value) order by id",
                params![kind, request.as_bytes()],
            ),
        },
        Find::All => read(
            db,
            "select kind, id, version, body, expires_at from record where kind = ?1 order by id",
            params![kind],
        ),
    }
}

/// Records of a kind after an id, in the order of ids.
pub(super) fn page(
    db: &Connection,
    kind: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Record>, Fault> {
    match after {
        None => read(
            db,
            "select kind, id, version, body, expires_at from record where kind = ?1 order by id limit ?2",
            params![kind, limit],
        ),
        Some(after) => read(
            db,
            "select kind, id, version, body, expires_at from record where kind = ?1 and id > ?3 order by id limit ?2",
            params![kind, limit, after],
        ),
    }
}

fn read(db: &Connection, sql: &str, values: impl Params) -> Result<Vec<Record>, Fault> {
    let mut find = db.prepare_cached(sql)?;
    let mut rows = find.query(values)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(Record {
            kind: row.get(0)?,
            id: row.get(1)?,
            version: uint(row, 2)?,
            body: row.get(3)?,
            expires_at: maybe_time(row, 4)?,
        });
    }
    Ok(records)
}

/// Writes or removes one record.
pub(super) fn change(batch: &Batch<'_>, change: &RecordChange) -> Result<(), Fault> {
    let db = batch.db;
    match change {
        RecordChange::Put { kind, id, body, terms, expires_at, expect } => {
            put(db, kind, id, body, *expires_at, *expect)?;
            if *expect != Some(0) {
                forget_terms(db, kind, id)?;
            }
            let mut add = db.prepare_cached(
                "insert or ignore into record_term (kind, name, value, id) values (?1, ?2, ?3, ?4)",
            )?;
            for IndexTerm { name, value } in terms {
                add.execute(params![kind, name, value, id])?;
            }
        }
        RecordChange::Delete { kind, id } => remove(db, kind, id)?,
    }
    Ok(())
}

fn put(
    db: &Connection,
    kind: &str,
    id: &str,
    body: &[u8],
    expires_at: Option<Timestamp>,
    expect: Option<u64>,
) -> Result<(), Fault> {
    let expires_at = millis(expires_at);
    let written = match expect {
        Some(0) => db
            .prepare_cached(
                "insert into record (kind, id, version, body, expires_at) values (?1, ?2, 1, ?3, ?4) \
                 on conflict (kind, id) do nothing",
            )?
            .execute(params![kind, id, body, expires_at])?,
        Some(version) => db
            .prepare_cached(
                "update record set version = version + 1, body = ?3, expires_at = ?4 \
                 where kind = ?1 and id = ?2 and version = ?5",
            )?
            .execute(params![kind, id, body, expires_at, int(version)?])?,
        None => db
            .prepare_cached(
                "insert into record (kind, id, version, body, expires_at) values (?1, ?2, 1, ?3, ?4) \
                 on conflict (kind, id) do update set version = version + 1, body = excluded.body, \
                 expires_at = excluded.expires_at",
            )?
            .execute(params![kind, id, body, expires_at])?,
    };
    if written == 0 { Err(StoreError::Conflict.into()) } else { Ok(()) }
}

fn remove(db: &Connection, kind: &str, id: &str) -> Result<(), Fault> {
    forget_terms(db, kind, id)?;
    db.prepare_cached("delete from record where kind = ?1 and id = ?2")?.execute(params![kind, id])?;
    Ok(())
}

fn forget_terms(db: &Connection, kind: &str, id: &str) -> Result<(), Fault> {
    db.prepare_cached("delete from record_term where kind = ?1 and id = ?2")?.execute(params![kind, id])?;
    Ok(())
}

/// Removes at most `limit` records past their `expires_at`.
pub(super) fn sweep(batch: &Batch<'_>, limit: u32) -> Result<u64, Fault> {
    let db = batch.db;
    let mut find = db.prepare_cached(
        "select kind, id from record indexed by record_expiring where expires_at <= ?1 order by expires_at limit ?2",
    )?;
    let past: Vec<(String, String)> = find
        .query_map(params![batch.now().as_millis(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (kind, id) in &past {
        remove(db, kind, id)?;
    }
    Ok(past.len() as u64)
}
