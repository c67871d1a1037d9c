//! The way of entries from `log_queue` into the tree: read in the order of their ids, hashed, and moved by one statement,
//! which is one transaction.

use countersign_ledger::{Edge, Entry, Hash};

use super::lease::Held;
use super::pool::Client;
use super::statement::{Broken, Flight, Statement, ask};
use super::value::{get, int};
use crate::fault::{Fault, damaged};

/// Entries that are moved at once.
pub(super) const BATCH: usize = 1000;

pub(super) const READ: &str = "select id, request, seq, body from log_queue order by id limit $1";
/// The highest id that waits, and whether anything up to `$1` does.
pub(super) const LAST: &str = "select id from log_queue order by id desc limit 1";
pub(super) const WAITS: &str = "select id from log_queue where id <= $1 order by id limit 1";

/// Entries on their way.
#[derive(Default)]
pub(super) struct Waiting {
    ids: Vec<i64>,
    requests: Vec<Option<Vec<u8>>>,
    seqs: Vec<Option<i64>>,
    bodies: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// One more, behind those that were added before.
    pub(super) fn add(
        &mut self,
        id: i64,
        request: Option<Vec<u8>>,
        seq: Option<i64>,
        body: Vec<u8>,
    ) -> Result<(), Fault> {
        let entry = Entry::new(&body).map_err(|_| damaged("an entry in the queue is too long"))?;
        self.leaves.push(entry.leaf_hash());
        self.ids.push(id);
        self.requests.push(request);
        self.seqs.push(seq);
        self.bodies.push(body);
        Ok(())
    }
}

/// The first of the queue, at most [`BATCH`]. A row that becomes visible later although its id is lower was not committed
/// before any of these, so it may come after them.
pub(super) async fn read(client: &Client) -> Result<Waiting, Fault> {
    let rows = ask(client, Ok(Statement::plain(READ, vec![Box::new(BATCH as i64)]))).await?;
    let mut waiting = Waiting::default();
    for row in &rows {
        waiting.add(get(row, 0)?, get(row, 1)?, get(row, 2)?, get(row, 3)?)?;
    }
    Ok(waiting)
}

/// The highest id in the queue.
pub(super) async fn last(client: &Client) -> Result<Option<i64>, Fault> {
    let rows = ask(client, Ok(Statement::plain(LAST, Vec::new()))).await?;
    rows.first().map(|row| get(row, 0)).transpose()
}

/// Whether anything up to `last` waits.
pub(super) async fn waits(client: &Client, last: i64) -> Result<bool, Fault> {
    Ok(!ask(client, Ok(Statement::plain(WAITS, vec![Box::new(last)]))).await?.is_empty())
}

/// Moves what was read behind `edge`, and answers the edge after it.
///
/// INVARIANT: the head moves from the size that the edge has; if somebody else moved it, nothing of this stands. That is
/// what keeps the ledger from forking, whoever believes to hold the lease.
pub(super) async fn enter(
    client: &Client,
    holder: &str,
    held: Held,
    edge: Edge,
    waiting: Waiting,
) -> Result<Edge, Fault> {
    let (statement, edge) = entering(holder, held, edge, waiting)?;
    let flight = Flight::prepare(client, vec![statement]).await?;
    flight.run(client).await?;
    if client.was_warned() { Err(Fault::Unknown) } else { Ok(edge) }
}

/// The statement that moves, and the edge after it.
pub(super) fn entering(
    holder: &str,
    held: Held,
    mut edge: Edge,
    waiting: Waiting,
) -> Result<(Statement, Edge), Fault> {
    let before = edge.size();
    let count = waiting.len();
    let changed = edge.append_all(waiting.leaves.iter().copied());
    let mut statement = Statement::default();

    let (holder, fence) = (statement.value(holder.to_owned()), statement.value(int(held.fence)?));
    statement.part(
        "led",
        &format!(
            "select 1 from lease where name = 'sequencer' and holder = {holder} and fence = {fence}::bigint for update"
        ),
    );
    statement.guard("led", 1, Broken::Fenced);

    let ids = statement.value(waiting.ids);
    statement.part("taken", &format!("delete from log_queue where id = any({ids}::bigint[]) returning 1"));
    statement.guard("taken", count, Broken::Raced);

    let first = statement.value(int(before)?);
    let (requests, seqs, bodies) =
        (statement.value(waiting.requests), statement.value(waiting.seqs), statement.value(waiting.bodies));
    statement.part(
        "entered",
        &format!(
            "insert into log_entry (seq, request, event_seq, body) \
             select {first}::bigint + n - 1, request, event_seq, body from \
             unnest({requests}::bytea[], {seqs}::bigint[], {bodies}::bytea[]) with ordinality \
             as e (request, event_seq, body, n)"
        ),
    );

    let (mut levels, mut places, mut tiles) = (Vec::new(), Vec::new(), Vec::new());
    for changed in changed {
        levels.push(i64::from(changed.tile.level()));
        places.push(int(changed.tile.n())?);
        tiles.push(changed.bytes);
    }
    let (levels, places, tiles) = (statement.value(levels), statement.value(places), statement.value(tiles));
    statement.part(
        "tiled",
        &format!(
            "insert into log_tile (level, n, data) \
             select level, n, data from unnest({levels}::bigint[], {places}::bigint[], {tiles}::bytea[]) as t (level, n, data) \
             on conflict (level, n) do update set data = excluded.data"
        ),
    );

    let (size, root) = (statement.value(int(edge.size())?), statement.value(edge.root().to_vec()));
    statement.part(
        "moved",
        &format!(
            "update log_head set size = {size}::bigint, root = {root}::bytea where size = {first}::bigint returning 1"
        ),
    );
    statement.guard("moved", 1, Broken::Raced);

    Ok((statement.end(), edge))
}
