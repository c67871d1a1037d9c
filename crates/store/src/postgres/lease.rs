//! The lease of the sequencer: a row with a holder, a fencing token and an end in the database's time. It saves work;
//! what keeps the ledger whole is the comparison in `queue.rs`.

use std::time::{Duration, Instant};

use super::pool::Client;
use super::statement::{Statement, ask};
use super::value::{get, int, uint};
use crate::fault::Fault;

/// The database's time, in milliseconds.
const NOW: &str = "cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)";

/// A lease that this node took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Its fencing token.
    pub(super) fence: u64,
    /// Until when it is certainly held, by this node's own steady clock.
    pub(super) until: Instant,
}

/// What came of asking for it.
pub(super) enum Asked {
    /// It is this node's.
    Held(Held),
    /// It is another's, for so long at most if that one says nothing more.
    Others(Duration),
}

/// Takes the lease if it is free, or extends it if it is held under `fence`.
pub(super) async fn take(
    client: &Client,
    holder: &str,
    lease_ms: i64,
    fence: Option<u64>,
) -> Result<Asked, Fault> {
    let asked = Instant::now();
    let own = fence.map(int).transpose()?.unwrap_or_default();
    let take = Statement::plain(
        format!(
            "insert into lease (name, holder, fence, until) values ('sequencer', $1, 1, {NOW} + $2::bigint) \
             on conflict (name) do update set holder = excluded.holder, until = excluded.until, \
               fence = lease.fence + case when lease.holder = $1 and lease.fence = $3::bigint then 0 else 1 end \
             where lease.until <= {NOW} or (lease.holder = $1 and lease.fence = $3::bigint) returning fence"
        ),
        vec![Box::new(holder.to_owned()), Box::new(lease_ms), Box::new(own)],
    );
    let rows = ask(client, Ok(take)).await?;
    if let Some(row) = rows.first() {
        let until = asked + Duration::from_millis(lease_ms.unsigned_abs());
        return Ok(Asked::Held(Held { fence: uint(row, 0)?, until }));
    }
    let left = format!("select greatest(until - {NOW}, 0) from lease where name = 'sequencer'");
    let rows = ask(client, Ok(Statement::plain(left, Vec::new()))).await?;
    let left: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
    Ok(Asked::Others(Duration::from_millis(left.unsigned_abs())))
}

/// Gives the lease back, so that another takes it at once.
pub(super) async fn give_back(client: &Client, holder: &str, held: Held) -> Result<(), Fault> {
    let give = Statement::plain(
        "update lease set until = 0 where name = 'sequencer' and holder = $1 and fence = $2",
        vec![Box::new(holder.to_owned()), Box::new(int(held.fence)?)],
    );
    ask(client, Ok(give)).await.map(drop)
}
