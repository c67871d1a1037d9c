//! The tables `request`, `event` and `request_term`: a request's row, history and terms, read and appended.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    EventRecord, IndexTerm, Loaded, RequestChange, RequestRecord, Row, Status,
};

use super::chain::Chain;
use super::statement::{Broken, Statement};
use super::value::{bytes, get, int, maybe_time, millis, small, time, uint};
use super::{lock, value};
use crate::fault::{Fault, damaged, malformed};

/// The columns of [`row_of`], of `request` under the name `r`.
pub(super) const COLUMNS: &str = "r.id, r.version, r.status, r.action, r.channel, r.submitted_at, r.due_at, \
                                  r.expires_at, r.started_at, r.changed_at";

/// A request's row from [`COLUMNS`].
pub(super) fn row_of(row: &tokio_postgres::Row) -> Result<Row, Fault> {
    Ok(Row {
        id: value::request(row, 0)?,
        version: uint(row, 1)?,
        status: status(row, 2)?,
        action: get(row, 3)?,
        channel: get(row, 4)?,
        submitted_at: time(row, 5)?,
        due_at: maybe_time(row, 6)?,
        expires_at: maybe_time(row, 7)?,
        started_at: maybe_time(row, 8)?,
        changed_at: time(row, 9)?,
    })
}

fn status(row: &tokio_postgres::Row, column: usize) -> Result<Status, Fault> {
    let name: &str = row.try_get(column)?;
    Status::of_name(name).ok_or_else(|| damaged("a request has an unknown status"))
}

/// Asks for a request's row, and locks it if something is to be decided about it.
pub(super) fn row(id: RequestId, lock: bool) -> Statement {
    let lock = if lock { " for update" } else { "" };
    Statement::plain(
        format!("select {COLUMNS} from request r where r.id = $1{lock}"),
        vec![Box::new(bytes(id))],
    )
}

/// Asks for a request's history.
pub(super) fn events(id: RequestId) -> Statement {
    Statement::plain(
        "select e.seq, e.at, e.kind, e.form, e.body, l.seq from event e \
         left join log_entry l on l.request = e.request and l.event_seq = e.seq \
         where e.request = $1 order by e.seq",
        vec![Box::new(bytes(id))],
    )
}

/// An event from [`events`].
pub(super) fn event_of(row: &tokio_postgres::Row) -> Result<EventRecord, Fault> {
    let leaf = get::<Option<i64>>(row, 5)?.map(u64::try_from).transpose();
    Ok(EventRecord {
        seq: uint(row, 0)?,
        at: time(row, 1)?,
        kind: get(row, 2)?,
        form: small(row, 3)?,
        body: get(row, 4)?,
        leaf: leaf.map_err(|_| damaged("a place in the ledger is negative"))?,
    })
}

/// Asks for what a request is found under.
pub(super) fn terms(id: RequestId) -> Statement {
    Statement::plain(
        "select name, value from request_term where request = $1 order by name, value",
        vec![Box::new(bytes(id))],
    )
}

/// A term from [`terms`].
pub(super) fn term_of(row: &tokio_postgres::Row) -> Result<IndexTerm, Fault> {
    Ok(IndexTerm { name: get(row, 0)?, value: get(row, 1)? })
}

/// Requests other than `$1` that hold a place, by action.
pub(super) const RUNNING: &str = "select action, count(*) from request \
     where status in ('released', 'running', 'stuck') and ($1::bytea is null or id <> $1) group by action";

/// Requests other than `$1` whose latest run started since `$2`, by action.
pub(super) const STARTED: &str = "select action, count(*) from request \
     where started_at is not null and started_at >= $2 and ($1::bytea is null or id <> $1) group by action";

/// Counts by action.
pub(super) fn counts(rows: &[tokio_postgres::Row]) -> Result<BTreeMap<String, u64>, Fault> {
    rows.iter().map(|row| Ok((get(row, 0)?, uint(row, 1)?))).collect()
}

/// Asks for *other* open requests that share a `root` term with `id`, oldest first. Their ids as an array: among millions of
/// terms a planner takes a value for one that hundreds share, and would rather read all that are open.
pub(super) fn beside(id: RequestId) -> Statement {
    Statement::plain(
        format!(
            "select {COLUMNS} from request r \
             where r.id = any(array(select other.request from request_term mine join request_term other \
                                      on other.name = 'root' and other.value = mine.value \
                                     where mine.request = $1 and mine.name = 'root' and other.request <> $1)) \
               and r.status in ('waiting', 'released', 'running', 'stuck') \
             order by r.submitted_at, r.id"
        ),
        vec![Box::new(bytes(id))],
    )
}

/// The locks that a change needs because decisions that look at a gauge read what it writes.
pub(super) fn locks(change: &RequestChange, before: Option<&RequestRecord>, locks: &mut BTreeSet<String>) {
    let row = &change.row;
    let entered = row.status.holds_place() && before.is_none_or(|before| !before.row.status.holds_place());
    let started =
        row.started_at.is_some() && before.is_none_or(|before| before.row.started_at != row.started_at);
    if entered || started {
        locks.insert(lock::action(&row.action));
    }
    for (name, values) in &change.terms {
        if name == "root" {
            locks.extend(values.iter().map(|value| lock::root(value)));
        }
    }
}

/// Writes a request's row under its version guard, then its events and terms.
///
/// INVARIANT: the guard stands in the statement; no row touched is a conflict, never silence.
pub(super) fn change(
    writes: &mut Chain,
    change: &RequestChange,
    loaded: &Loaded,
    asked: bool,
) -> Result<(), Fault> {
    let row = &change.row;
    let Some(before) = row.version.checked_sub(change.events.len() as u64) else {
        return Err(malformed("a request's version is below the number of its events"));
    };
    if row.version == 0 {
        return Err(malformed("a request without events"));
    }
    let stood = loaded.request.as_ref().filter(|stood| stood.row.id == row.id);
    let known = stood.map(|stood| stood.row.version).or(asked.then_some(0));
    let broken = if known == Some(before) { Broken::Raced } else { Broken::Conflict };
    if known.is_some_and(|known| known != before) {
        return Err(Broken::Conflict.into());
    }
    if let Some(stood) = stood.map(|stood| &stood.row)
        && (&stood.action, &stood.channel, stood.submitted_at)
            != (&row.action, &row.channel, row.submitted_at)
    {
        return Err(malformed(NEVER_CHANGES));
    }
    let statement = writes.changing("request");
    if before == 0 {
        insert(statement, row)?;
    } else {
        update(statement, row, before, stood.is_none())?;
    }
    statement.guard("moved", 1, broken);
    append(statement, change, before, loaded.now)?;
    terms_of(writes, change, before == 0);
    Ok(())
}

const NEVER_CHANGES: &str = "a request's action, channel and time of submission never change";

fn insert(statement: &mut Statement, row: &Row) -> Result<(), Fault> {
    let values = [
        statement.value(bytes(row.id)),
        statement.value(int(row.version)?),
        statement.value(row.status.name()),
        statement.value(row.action.clone()),
        statement.value(row.channel.clone()),
        statement.value(row.submitted_at.as_millis()),
        statement.value(millis(row.due_at)),
        statement.value(millis(row.expires_at)),
        statement.value(millis(row.started_at)),
        statement.value(row.changed_at.as_millis()),
    ];
    statement.part(
        "moved",
        &format!(
            "insert into request (id, version, status, action, channel, submitted_at, due_at, expires_at, \
             started_at, changed_at) values ({}) on conflict (id) do nothing returning id",
            values.join(", ")
        ),
    );
    Ok(())
}

/// `look`: whether nobody has yet looked at what the request asks for.
fn update(statement: &mut Statement, row: &Row, before: u64, look: bool) -> Result<(), Fault> {
    let id = statement.value(bytes(row.id));
    let before = statement.value(int(before)?);
    let version = statement.value(int(row.version)?);
    let status = statement.value(row.status.name());
    let due = statement.value(millis(row.due_at));
    let expires = statement.value(millis(row.expires_at));
    let started = statement.value(millis(row.started_at));
    let changed = statement.value(row.changed_at.as_millis());
    let mut same = String::new();
    if look {
        let action = statement.value(row.action.clone());
        let channel = statement.value(row.channel.clone());
        let submitted = statement.value(row.submitted_at.as_millis());
        same = format!("(action = {action} and channel = {channel} and submitted_at = {submitted})");
        statement.part(
            "other",
            &format!("select 1 from request where id = {id} and version = {before} and not {same}"),
        );
        statement.guard("other", 0, Broken::Malformed(NEVER_CHANGES));
        same = format!(" and {same}");
    }
    statement.part(
        "moved",
        &format!(
            "update request set version = {version}, status = {status}, due_at = {due}, expires_at = {expires}, \
             started_at = {started}, changed_at = {changed} where id = {id} and version = {before}{same} returning id"
        ),
    );
    Ok(())
}

/// Of what was moved: so that nothing but the guard fails where nothing was.
fn append(
    statement: &mut Statement,
    change: &RequestChange,
    before: u64,
    now: Timestamp,
) -> Result<(), Fault> {
    if change.events.is_empty() {
        return Ok(());
    }
    let first = statement.value(int(before)?);
    let at = statement.value(now.as_millis());
    let kinds = statement.value(change.events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>());
    let forms = statement.value(change.events.iter().map(|event| i64::from(event.form)).collect::<Vec<_>>());
    let bodies = statement.value(change.events.iter().map(|event| event.body.clone()).collect::<Vec<_>>());
    statement.part(
        "told",
        &format!(
            "insert into event (request, seq, at, kind, form, body) \
             select moved.id, {first}::bigint + n, {at}::bigint, kind, form, body from moved, \
             unnest({kinds}::text[], {forms}::bigint[], {bodies}::bytea[]) with ordinality as e (kind, form, body, n)"
        ),
    );
    Ok(())
}

/// What stands and is to stand is left alone, so nothing is written twice.
fn terms_of(writes: &mut Chain, change: &RequestChange, new: bool) {
    if change.terms.is_empty() {
        return;
    }
    let pairs: BTreeSet<(&str, &[u8])> = change
        .terms
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_slice())))
        .collect();
    if !new {
        let statement = writes.changing("request_term");
        let wanted = wanted(statement, &pairs);
        let id = statement.value(bytes(change.row.id));
        let replaced = statement.value(change.terms.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        statement.part(
            "forgotten",
            &format!(
                "delete from request_term t where t.request = {id} and t.name = any({replaced}::text[]) \
                 and not exists (select 1 from {wanted} where w.name = t.name and w.value = t.value)"
            ),
        );
    }
    if pairs.is_empty() {
        return;
    }
    let statement = writes.changing("request_term");
    let wanted = wanted(statement, &pairs);
    let submitted = statement.value(change.row.submitted_at.as_millis());
    let id = statement.value(bytes(change.row.id));
    statement.part(
        "found",
        &format!(
            "insert into request_term (name, value, submitted_at, request) \
             select w.name, w.value, {submitted}::bigint, {id}::bytea from {wanted} on conflict do nothing"
        ),
    );
}

/// These terms, as rows `w`.
fn wanted(statement: &mut Statement, pairs: &BTreeSet<(&str, &[u8])>) -> String {
    let names = statement.value(pairs.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    let values = statement.value(pairs.iter().map(|(_, value)| value.to_vec()).collect::<Vec<_>>());
    format!("unnest({names}::text[], {values}::bytea[]) as w (name, value)")
}

/// How many requests are found under each value of the index `$1`, and when the oldest was submitted.
pub(super) const COUNT_TERMS: &str = "select value, count(*), min(submitted_at) from request_term where name = $1 \
                                      group by value order by value";

/// How many requests stand where, by action. From each pair that there is to the next, so that the table is never read:
/// each is counted in its own piece of the index.
pub(super) const TALLY: &str = "with recursive pair (action, status) as (\
       (select r.action, r.status from request r order by r.action, r.status limit 1) \
     union all \
       select next.action, next.status from pair, lateral (select r.action, r.status from request r \
         where (r.action, r.status) > (pair.action, pair.status) order by r.action, r.status limit 1) next) \
     select action, status, \
       (select count(*) from request r where r.action = pair.action and r.status = pair.status) from pair";

/// A line of [`TALLY`].
pub(super) fn tally_of(row: &tokio_postgres::Row) -> Result<(String, Status, u64), Fault> {
    Ok((get(row, 0)?, status(row, 1)?, uint(row, 2)?))
}
