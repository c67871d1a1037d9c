//! The tables `request`, `event` and `request_term`: a request's row, history and terms, read and appended.

use std::collections::BTreeMap;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    EventRecord, IndexTerm, RequestChange, RequestRecord, Row, Status, StoreError,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::batch::Batch;
use super::value::{int, maybe_time, millis, time, uint};
use crate::fault::{Fault, damaged, malformed};

/// The columns of [`row_of`], of `request` under the name `r`.
pub(super) const COLUMNS: &str = "r.id, r.version, r.status, r.action, r.channel, r.submitted_at, r.due_at, \
                                  r.expires_at, r.started_at, r.changed_at";

/// A request's row from [`COLUMNS`].
pub(super) fn row_of(row: &rusqlite::Row<'_>) -> Result<Row, Fault> {
    let status = row.get_ref(2)?.as_str().ok().and_then(Status::of_name);
    Ok(Row {
        id: RequestId::from_bytes(row.get(0)?),
        version: uint(row, 1)?,
        status: status.ok_or_else(|| damaged("a request has an unknown status"))?,
        action: row.get(3)?,
        channel: row.get(4)?,
        submitted_at: time(row, 5)?,
        due_at: maybe_time(row, 6)?,
        expires_at: maybe_time(row, 7)?,
        started_at: maybe_time(row, 8)?,
        changed_at: time(row, 9)?,
    })
}

/// A request with its history.
pub(super) fn load(db: &Connection, id: RequestId) -> Result<Option<RequestRecord>, Fault> {
    let mut find = db.prepare_cached(
        "select r.id, r.version, r.status, r.action, r.channel, r.submitted_at, r.due_at, r.expires_at, \
         r.started_at, r.changed_at from request r where r.id = ?1",
    )?;
    let mut rows = find.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let row = row_of(row)?;

    let mut history = db.prepare_cached(
        "select seq, at, kind, form, body, leaf from event where request = ?1 order by seq",
    )?;
    let mut rows = history.query([id.as_bytes()])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(EventRecord {
            seq: uint(row, 0)?,
            at: time(row, 1)?,
            kind: row.get(2)?,
            form: row.get(3)?,
            body: row.get(4)?,
            leaf: Some(uint(row, 5)?),
        });
    }
    if events.len() as u64 != row.version || events.iter().zip(1..).any(|(event, seq)| event.seq != seq) {
        return Err(damaged("a request's history has a gap"));
    }

    let mut found =
        db.prepare_cached("select name, value from request_term where request = ?1 order by name, value")?;
    let mut rows = found.query([id.as_bytes()])?;
    let mut terms = Vec::new();
    while let Some(row) = rows.next()? {
        terms.push(IndexTerm { name: row.get(0)?, value: row.get(1)? });
    }
    Ok(Some(RequestRecord { row, events, terms }))
}

/// Requests other than `besides` that hold a place, by action.
pub(super) fn running(db: &Connection, besides: Option<RequestId>) -> Result<BTreeMap<String, u64>, Fault> {
    counts(
        db,
        "select action, count(*) from request indexed by request_holding \
         where status in ('released', 'running', 'stuck') and id is not ?1 group by action",
        params![besides.as_ref().map(RequestId::as_bytes)],
    )
}

/// Requests other than `besides` whose latest run started since then, by action.
pub(super) fn started(
    db: &Connection,
    since: Timestamp,
    besides: Option<RequestId>,
) -> Result<BTreeMap<String, u64>, Fault> {
    counts(
        db,
        "select action, count(*) from request indexed by request_started \
         where started_at >= ?2 and id is not ?1 group by action",
        params![besides.as_ref().map(RequestId::as_bytes), since.as_millis()],
    )
}

fn counts(
    db: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<BTreeMap<String, u64>, Fault> {
    let mut count = db.prepare_cached(sql)?;
    let mut rows = count.query(values)?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        counts.insert(row.get(0)?, uint(row, 1)?);
    }
    Ok(counts)
}

/// Those who share the root lead, however many wait: in the order of states it would read all of them.
pub(super) const BESIDE: &str = "select r.id, r.version, r.status, r.action, r.channel, r.submitted_at, r.due_at, \
     r.expires_at, r.started_at, r.changed_at \
     from (select distinct other.request as id from request_term mine cross join request_term other \
            where mine.request = ?1 and mine.name = 'root' \
              and other.name = 'root' and other.value = mine.value and other.request <> ?1) found \
     cross join request r on r.id = found.id \
     where r.status in ('waiting', 'released', 'running', 'stuck') \
     order by r.submitted_at, r.id";

/// *Other* open requests that share a `root` term with `id`, oldest first.
pub(super) fn beside(db: &Connection, id: RequestId) -> Result<Vec<Row>, Fault> {
    let mut find = db.prepare_cached(BESIDE)?;
    let mut rows = find.query([id.as_bytes()])?;
    let mut beside = Vec::new();
    while let Some(row) = rows.next()? {
        beside.push(row_of(row)?);
    }
    Ok(beside)
}

/// Writes a request's row under its version guard, then its events and terms.
pub(super) fn change(batch: &mut Batch<'_>, change: &RequestChange) -> Result<(), Fault> {
    let row = &change.row;
    let appended = change.events.len() as u64;
    let Some(before) = row.version.checked_sub(appended) else {
        return Err(malformed("a request's version is below the number of its events"));
    };
    if row.version == 0 {
        return Err(malformed("a request without events"));
    }
    if before == 0 {
        insert(batch.db, row)?
    } else {
        update(batch.db, row, before)?
    }

    let at = batch.now().as_millis();
    for (event, seq) in change.events.iter().zip(before + 1..) {
        let leaf = batch.append(&event.entry)?;
        batch
            .db
            .prepare_cached("insert into event (request, seq, at, kind, form, leaf, body) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![row.id.as_bytes(), int(seq)?, at, event.kind, event.form, int(leaf)?, event.body])?;
    }
    for (name, values) in &change.terms {
        if before > 0 {
            batch
                .db
                .prepare_cached("delete from request_term where request = ?1 and name = ?2")?
                .execute(params![row.id.as_bytes(), name])?;
        }
        let mut add = batch.db.prepare_cached(
            "insert or ignore into request_term (name, value, submitted_at, request) values (?1, ?2, ?3, ?4)",
        )?;
        for value in values {
            add.execute(params![name, value, row.submitted_at.as_millis(), row.id.as_bytes()])?;
        }
    }
    Ok(())
}

fn insert(db: &Connection, row: &Row) -> Result<(), Fault> {
    let inserted = db
        .prepare_cached(
            "insert into request (id, version, status, action, channel, submitted_at, due_at, expires_at, started_at, \
             changed_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict (id) do nothing",
        )?
        .execute(params![
            row.id.as_bytes(),
            int(row.version)?,
            row.status.name(),
            row.action,
            row.channel,
            row.submitted_at.as_millis(),
            millis(row.due_at),
            millis(row.expires_at),
            millis(row.started_at),
            row.changed_at.as_millis(),
        ])?;
    if inserted == 0 { Err(StoreError::Conflict.into()) } else { Ok(()) }
}

/// INVARIANT: the guard stands in the statement; no row touched is a conflict, never silence.
fn update(db: &Connection, row: &Row, before: u64) -> Result<(), Fault> {
    let updated = db
        .prepare_cached(
            "update request set version = ?3, status = ?4, due_at = ?5, expires_at = ?6, started_at = ?7, changed_at = ?8 \
             where id = ?1 and version = ?2 and action = ?9 and channel = ?10 and submitted_at = ?11",
        )?
        .execute(params![
            row.id.as_bytes(),
            int(before)?,
            int(row.version)?,
            row.status.name(),
            millis(row.due_at),
            millis(row.expires_at),
            millis(row.started_at),
            row.changed_at.as_millis(),
            row.action,
            row.channel,
            row.submitted_at.as_millis(),
        ])?;
    if updated > 0 {
        return Ok(());
    }
    let stands: Option<i64> = db
        .prepare_cached("select version from request where id = ?1")?
        .query_row([row.id.as_bytes()], |row| row.get(0))
        .optional()?;
    if stands == Some(int(before)?) {
        return Err(malformed("a request's action, channel and time of submission never change"));
    }
    Err(StoreError::Conflict.into())
}

/// How many requests are found under each value of an index, and when the oldest was submitted.
pub(super) fn count_terms(db: &Connection, name: &str) -> Result<Vec<(Vec<u8>, u64, Timestamp)>, Fault> {
    let mut count = db.prepare_cached(
        "select value, count(*), min(submitted_at) from request_term where name = ?1 group by value order by value",
    )?;
    let mut rows = count.query([name])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push((row.get(0)?, uint(row, 1)?, Timestamp::from_millis(row.get(2)?)));
    }
    Ok(counts)
}

/// How many requests stand where, by action.
pub(super) fn tally(db: &Connection) -> Result<Vec<(String, Status, u64)>, Fault> {
    let mut count = db.prepare_cached(
        "select action, status, count(*) from request indexed by request_by_action group by action, status",
    )?;
    let mut rows = count.query([])?;
    let mut tally = Vec::new();
    while let Some(row) = rows.next()? {
        let status = row.get_ref(1)?.as_str().ok().and_then(Status::of_name);
        tally.push((
            row.get(0)?,
            status.ok_or_else(|| damaged("a request has an unknown status"))?,
            uint(row, 2)?,
        ));
    }
    Ok(tally)
}
