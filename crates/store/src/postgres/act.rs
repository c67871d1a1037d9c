//! One transaction: loads under locks, decides, writes, commits. Two round trips where nothing is unusual: one that
//! loads, one that writes and commits. Where nothing is locked, the second is the whole transaction.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use countersign_service::ports::store::{Change, Committed, Decide, Find, JobEnd, Loaded, Needs, StoreError};
use futures::future::join;
use tokio_postgres::error::SqlState;

use super::chain::Chain;
use super::clock::StoreClock;
use super::connect::{is_cut, is_lost};
use super::load::{For, Look};
use super::pool::{Client, Pool};
use super::statement::{Flight, Statement};
use super::value::{bytes, int};
use super::{job, lock, record, request, sealed, settings};
use crate::fault::{Fault, malformed};

/// What was committed, and whether it left something for the sequencer.
pub(super) struct Done {
    pub(super) committed: Committed,
    /// Whether anything was written.
    pub(super) changed: bool,
    /// Whether entries wait for the ledger.
    pub(super) queued: bool,
}

/// Tries the transaction once.
pub(super) async fn once(
    pool: &Pool,
    clock: &StoreClock,
    needs: &Needs,
    decide: &mut Decide,
) -> Result<Done, Fault> {
    let mut look = Look::new(needs, For::Acting)?;
    // Dropped in the middle, it is closed: the database then undoes what was not committed.
    let client = pool.get().await?;
    let loading = Flight::prepare(&client, look.statements()).await?;
    let begin = begin(needs);
    let open = begin.is_some();
    let answers = match begin {
        Some(begin) => {
            let (began, answers) = join(client.batch_execute(begin), loading.run(&client)).await;
            began.map_err(Fault::from).and(answers)
        }
        None => loading.run(&client).await,
    };
    let loaded = match answers.and_then(|answers| look.read(needs, answers, |now| clock.not_before(now))) {
        Ok(loaded) => loaded,
        Err(fault) => return undo(client, open, fault).await,
    };

    // What a decision that panics said may hold anything, so it is not repeated here.
    let decided = catch_unwind(AssertUnwindSafe(|| decide(&loaded)));
    let change = match decided {
        Ok(Ok(change)) => change,
        Ok(Err(refusal)) => return undo(client, open, StoreError::Refused(refusal).into()).await,
        Err(_) => {
            let panicked = StoreError::Unavailable("a decision panicked".to_owned());
            return undo(client, open, panicked.into()).await;
        }
    };
    let writes = match writes(&change, needs, &loaded) {
        Ok(writes) => writes,
        Err(fault) => return undo(client, open, fault).await,
    };
    let (changed, queued) = (!writes.is_empty(), queued(&change));
    match open {
        true => write(client, writes).await?,
        false => blind(client, writes).await?,
    }
    Ok(Done { committed: Committed { at: loaded.now }, changed, queued })
}

const READ_COMMITTED: &str = "begin isolation level read committed";

/// How a transaction begins that must be open while it is decided. None where nothing is locked and everything is found
/// by its id: what is written over something that was read is guarded by the version that was read, open or not.
fn begin(needs: &Needs) -> Option<&'static str> {
    let searches = needs.records.iter().any(|(_, find)| !matches!(find, Find::Id(_)));
    if searches && needs.gauge.is_none() {
        // Without a lock, what is found by anything but an id could be missed by two who look for each other.
        Some("begin isolation level serializable")
    } else if needs.request.is_some() || needs.gauge.is_some() {
        Some(READ_COMMITTED)
    } else {
        None
    }
}

async fn undo<T>(client: Client, open: bool, why: Fault) -> Result<T, Fault> {
    // A connection that cannot even do that is closed, which comes to the same.
    if !is_lost(&why) && (!open || client.batch_execute("rollback").await.is_ok()) {
        client.release();
    }
    Err(why)
}

/// Tries once to end leases. `tried` counts earlier tries.
pub(super) async fn end(pool: &Pool, clock: &StoreClock, ends: &[JobEnd], tried: u32) -> Result<(), Fault> {
    let writes = job::ends(ends, clock.latest(), tried > 0)?;
    blind(pool.get().await?, writes).await
}

/// Sends writes that need no open transaction before them.
async fn blind(client: Client, writes: Vec<Statement>) -> Result<(), Fault> {
    match writes.len() {
        0 => {
            client.release();
            Ok(())
        }
        1 => alone(client, writes).await,
        _ => {
            // Waited for: without it, each write would be a transaction of its own.
            client.batch_execute(READ_COMMITTED).await?;
            write(client, writes).await
        }
    }
}

/// Sends one write that is a transaction by itself.
async fn alone(client: Client, writes: Vec<Statement>) -> Result<(), Fault> {
    let flight = match Flight::prepare(&client, writes).await {
        Ok(flight) => flight,
        Err(fault) => return undo(client, false, fault).await,
    };
    match flight.run(&client).await {
        // The server may have stopped waiting for its standby.
        Ok(_) if client.was_warned() => Err(Fault::Unknown),
        Ok(_) => {
            client.release();
            Ok(())
        }
        // INVARIANT: what may have been committed is never sent again.
        Err(Fault::Postgres(error)) if is_cut(&error) || is_unknown(&error) => Err(Fault::Unknown),
        Err(fault) => undo(client, false, fault).await,
    }
}

/// Sends all writes and the commit in one flight. A write that fails makes the commit behind it a rollback.
async fn write(client: Client, writes: Vec<Statement>) -> Result<(), Fault> {
    let flight = match Flight::prepare(&client, writes).await {
        Ok(flight) => flight,
        Err(fault) => return undo(client, true, fault).await,
    };
    let (written, committed) = join(flight.run(&client), client.batch_execute("commit")).await;
    match (written, committed) {
        // The server may have stopped waiting for its standby.
        (Ok(_), Ok(())) if client.was_warned() => Err(Fault::Unknown),
        (Ok(_), Ok(())) => {
            client.release();
            Ok(())
        }
        // The database itself said no, and took the commit as the end of what had failed.
        (Err(fault), Ok(())) if !is_silence(&fault) => {
            client.release();
            Err(fault)
        }
        // It said no, and then the connection went: nothing stands.
        (Err(fault), Err(_)) if !is_silence(&fault) => Err(fault),
        (Ok(_), Err(error)) if is_undone(&error) => Err(error.into()),
        // INVARIANT: a commit that was sent and not answered is never sent again.
        (Ok(_) | Err(_), Ok(()) | Err(_)) => Err(Fault::Unknown),
    }
}

/// Whether a write failed without a word of the database.
fn is_silence(fault: &Fault) -> bool {
    matches!(fault, Fault::Postgres(error) if error.as_db_error().is_none())
}

/// Whether the answer to a commit says for certain that nothing stands.
fn is_undone(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(SqlState::code).unwrap_or_default();
    code.starts_with("23") || (code.starts_with("40") && !is_unknown(error))
}

/// Whether the server itself does not know whether it stands.
fn is_unknown(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN)
}

/// Everything that `change` writes, in the order in which it is sent; empty if it changes nothing.
pub(super) fn writes(change: &Change, needs: &Needs, loaded: &Loaded) -> Result<Vec<Statement>, Fault> {
    let mut writes = Vec::new();
    let locks = locks(change, needs, loaded);
    if !locks.is_empty() {
        writes.extend(lock::take(locks));
    }
    // Fences first: a worker that lost its lease finds out before anything else is said.
    let mut jobs = job::changes(&change.jobs)?;
    let mut main = Chain::from(jobs.pop().unwrap_or_default());
    writes.extend(jobs.into_iter().map(Statement::end));

    if let Some(of) = &change.request {
        request::change(&mut main, of, loaded, needs.request == Some(of.row.id))?;
    }
    let records = record::sort(&change.records, needs, loaded)?;
    let (last, earlier) = match records.split_last() {
        Some((last, earlier)) => (Some(last), earlier),
        None => (None, &[][..]),
    };
    for group in earlier {
        writes.extend(group.before());
        let mut own = Chain::default();
        group.write(&mut own)?;
        writes.extend(own.end());
    }
    if let Some(group) = last {
        writes.extend(group.before());
        group.write(&mut main)?;
    }
    let sealed = sealed::sort(&change.sealed);
    writes.extend(sealed.before());
    sealed.write(&mut main);
    if let Some(new) = &change.settings {
        settings::change(&mut main, new, loaded.settings_version, loaded.now)?;
    }
    queue(&mut main, change)?;
    writes.extend(main.end());
    Ok(writes)
}

/// The locks of what others read while they look at a gauge, without those that this transaction holds already.
fn locks(change: &Change, needs: &Needs, loaded: &Loaded) -> BTreeSet<String> {
    let mut locks = BTreeSet::new();
    if let Some(of) = &change.request {
        request::locks(of, loaded.request.as_ref().filter(|before| before.row.id == of.row.id), &mut locks);
    }
    record::locks(&change.records, &mut locks);
    if let Some(gauge) = &needs.gauge {
        for name in &gauge.actions {
            locks.remove(&lock::action(name));
        }
        for term in loaded.request.iter().flat_map(|request| &request.terms) {
            if term.name == "root" {
                locks.remove(&lock::root(&term.value));
            }
        }
    }
    if change.settings.is_some() {
        locks.insert(lock::SETTINGS.to_owned());
    }
    locks
}

fn queued(change: &Change) -> bool {
    !change.entries.is_empty() || change.request.as_ref().is_some_and(|request| !request.events.is_empty())
}

/// Queues the entries for the ledger: those of events first.
fn queue(writes: &mut Chain, change: &Change) -> Result<(), Fault> {
    if !queued(change) {
        return Ok(());
    }
    let (mut requests, mut seqs, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(of) = &change.request {
        let first = of.row.version - of.events.len() as u64 + 1;
        for (event, seq) in of.events.iter().zip(first..) {
            requests.push(Some(bytes(of.row.id)));
            seqs.push(Some(int(seq)?));
            bodies.push(event.entry.clone());
        }
    }
    for entry in &change.entries {
        requests.push(None);
        seqs.push(None);
        bodies.push(entry.clone());
    }
    if bodies.iter().any(|body| body.len() > usize::from(u16::MAX)) {
        return Err(malformed("a ledger entry beyond 65,535 bytes"));
    }
    let statement = writes.changing("log_queue");
    let (requests, seqs, bodies) =
        (statement.value(requests), statement.value(seqs), statement.value(bodies));
    statement.part(
        "queued",
        &format!(
            "insert into log_queue (request, seq, body) select request, seq, body from \
             unnest({requests}::bytea[], {seqs}::bigint[], {bodies}::bytea[]) with ordinality as q (request, seq, body, n) \
             order by n"
        ),
    );
    Ok(())
}
