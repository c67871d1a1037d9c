//! The store of many nodes, over PostgreSQL: locks are rows, time is the database's, and the ledger has a queue.
//! `docs/decisions/014-many-nodes.md` says why.

mod act;
mod chain;
mod clock;
mod connect;
mod hint;
mod job;
mod lease;
mod list;
mod load;
mod lock;
mod log;
mod migrate;
mod open;
mod options;
#[cfg(test)]
mod plan;
mod pool;
mod queue;
mod record;
mod request;
mod retry;
mod sealed;
mod sequencer;
mod session;
mod settings;
mod statement;
mod take;
mod tls;
mod value;
#[cfg(test)]
mod written;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Committed, Decide, Job, JobEnd, Loaded, Needs, Query, Record, Retrying, Row, Status, Store, StoreError,
};
use futures::future::join3;
use tokio::sync::watch;
use tokio::time::timeout;

use self::clock::StoreClock;
use self::load::{For, Look};
pub use self::open::PostgresOpenError;
pub use self::options::{PostgresOptions, PostgresTls};
use self::pool::{Client, Pool};
use self::retry::Tries;
use self::sequencer::Sequencer;
use self::statement::{Flight, Statement, ask};
use self::value::{Value, bytes, get, int, small, time, uint};
use crate::fault::{Fault, damaged};

/// Records removed in one transaction, so that a long sweep keeps nobody waiting.
const SWEEP: i64 = 500;

/// Our state in PostgreSQL, shared by any number of nodes.
pub struct PostgresStore {
    pool: Pool,
    clock: StoreClock,
    sequencer: Arc<Sequencer>,
    /// How long a transaction may take in all, as this node sees it.
    patience: Duration,
    read_only: bool,
    node: String,
    loops: open::Loops,
}

type Rows = tokio_postgres::Row;

/// Asks on a connection of the pool, and on another if that one was lost. A macro, since the futures of async closures
/// that borrow are not known to be `Send`.
macro_rules! on_one {
    ($store:expr, $client:ident => $question:expr) => {
        on_one!($store, StoreError::Unavailable("PostgreSQL did not answer in time".to_owned()).into(), $client => $question)
    };
    ($store:expr, $late:expr, $client:ident => $question:expr) => {{
        let mut tries = Tries::default();
        loop {
            let outcome: Result<_, Fault> = match $store.pool.get().await {
                Err(fault) => Err(fault),
                Ok($client) => match timeout($store.patience, async { $question }).await {
                    Ok(answer) => {
                        if !answer.as_ref().is_err_and(connect::is_lost) {
                            $client.release();
                        }
                        answer
                    }
                    // Not released: it is closed.
                    Err(_) => Err($late),
                },
            };
            if let Some(answer) = tries.settle(outcome).await? {
                break Ok(answer);
            }
        }
    }};
}

impl PostgresStore {
    /// Opens the store, makes its tables if there are none, and brings its schema forward. Any number of nodes may do so
    /// at once. It is asked for within a runtime, on which it goes on working until it is closed or dropped.
    ///
    /// # Errors
    /// When no server that takes writes can be reached, when its schema is not for this version, when a setting that
    /// durability rests on does not hold, when the ledger's right edge does not give its root.
    pub async fn open(options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        open::open(options).await
    }

    /// Which of the server's settings are off that keep what was acknowledged from being lost with its machine. The store
    /// opens all the same: whoever tests wants it quick.
    ///
    /// # Errors
    /// When no server that takes writes can be reached.
    pub async fn loose(options: &PostgresOptions) -> Result<Vec<String>, PostgresOpenError> {
        open::examine(options).await
    }

    /// Stops its own work and lets another node lead the ledger at once. What is asked of it afterwards is still
    /// answered. Dropping the store does the same, if the runtime lives long enough.
    pub async fn close(&self) {
        self.loops.end().await;
    }

    fn writing(&self) -> Result<(), StoreError> {
        if self.read_only {
            Err(StoreError::Unavailable("it was opened for reading only".to_owned()))
        } else {
            Ok(())
        }
    }

    /// Asks one question that writes nothing, or nothing that doing twice would harm.
    async fn ask(
        &self,
        statement: impl Fn() -> Result<Statement, Fault> + Send,
    ) -> Result<Vec<Rows>, StoreError> {
        on_one!(self, client => ask(&client, statement()).await)
    }

    /// As [`PostgresStore::ask`], of a statement that must not be sent twice when its answer was lost.
    async fn once(
        &self,
        statement: impl Fn() -> Result<Statement, Fault> + Send,
    ) -> Result<Vec<Rows>, StoreError> {
        self.writing()?;
        on_one!(self, Fault::Unknown, client => match ask(&client, statement()).await {
            Ok(_) if client.was_warned() => Err(Fault::Unknown),
            Err(Fault::Postgres(error)) if connect::is_cut(&error) => Err(Fault::Unknown),
            other => other,
        })
    }

    /// All of `needs` from one moment.
    async fn look(&self, client: &Client, needs: &Needs) -> Result<Loaded, Fault> {
        let mut look = Look::new(needs, For::Reading)?;
        let flight = Flight::prepare(client, look.statements()).await?;
        let (began, answers, ended) = join3(
            client.batch_execute("begin isolation level repeatable read read only"),
            flight.run(client),
            client.batch_execute("commit"),
        )
        .await;
        began?;
        let answers = answers?;
        ended?;
        look.read(needs, answers, |now| self.clock.not_before(now))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn act(&self, needs: Needs, mut decide: Decide) -> Result<Committed, StoreError> {
        self.writing()?;
        let mut tries = Tries::default();
        let done = loop {
            let once = act::once(&self.pool, &self.clock, &needs, &mut decide);
            let outcome = timeout(self.patience, once).await.unwrap_or(Err(Fault::Unknown));
            if let Some(done) = tries.settle(outcome).await? {
                break done;
            }
        };
        if done.changed {
            self.sequencer.noticed();
        }
        if done.queued {
            self.sequencer.poke();
        }
        Ok(done.committed)
    }

    async fn load(&self, needs: Needs) -> Result<Loaded, StoreError> {
        on_one!(self, client => self.look(&client, &needs).await)
    }

    async fn list(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        on_one!(self, client => list::list(&client, &query).await)
    }

    async fn tally(&self) -> Result<Vec<(String, Status, u64)>, StoreError> {
        let rows = self.ask(|| Ok(Statement::plain(request::TALLY, Vec::new()))).await?;
        rows.iter().map(request::tally_of).collect::<Result<_, _>>().map_err(StoreError::from)
    }

    async fn count_terms(&self, name: &str) -> Result<Vec<(Vec<u8>, u64, Timestamp)>, StoreError> {
        let values = || -> Vec<Value> { vec![Box::new(name.to_owned())] };
        let rows = self.ask(|| Ok(Statement::plain(request::COUNT_TERMS, values()))).await?;
        let count = |row: &Rows| Ok::<_, Fault>((get(row, 0)?, uint(row, 1)?, time(row, 2)?));
        Ok(rows.iter().map(count).collect::<Result<_, _>>()?)
    }

    async fn page(&self, kind: &str, after: Option<&str>, limit: u32) -> Result<Vec<Record>, StoreError> {
        let rows = self.ask(|| Ok(record::page(kind, after, limit))).await?;
        Ok(rows.iter().map(record::record_of).collect::<Result<_, _>>()?)
    }

    async fn sealed(&self, request: RequestId, field: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let values = || -> Vec<Value> { vec![Box::new(bytes(request)), Box::new(field.to_owned())] };
        let rows = self.ask(|| Ok(Statement::plain(sealed::FIELD, values()))).await?;
        Ok(rows.first().map(|row| get(row, 0)).transpose()?)
    }

    async fn key(&self, request: RequestId) -> Result<Option<(u32, Vec<u8>)>, StoreError> {
        let rows = self.ask(|| Ok(Statement::plain(sealed::KEY, vec![Box::new(bytes(request))]))).await?;
        Ok(rows.first().map(|row| Ok::<_, Fault>((small(row, 0)?, get(row, 1)?))).transpose()?)
    }

    async fn settings(&self, version: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let rows = match version {
            None => self.ask(|| Ok(Statement::plain(settings::ACTIVE, Vec::new()))).await?,
            Some(version) => {
                self.ask(|| Ok(Statement::plain(settings::OF_VERSION, vec![Box::new(int(version)?)]))).await?
            }
        };
        Ok(rows.first().map(|row| Ok::<_, Fault>((uint(row, 0)?, get(row, 1)?))).transpose()?)
    }

    async fn claim(&self, limit: u32, lease_ms: i64) -> Result<Vec<Job>, StoreError> {
        let now = self.clock.latest();
        let values = || -> Vec<Value> { vec![Box::new(now), Box::new(i64::from(limit)), Box::new(lease_ms)] };
        let rows = self.once(|| Ok(Statement::plain(job::CLAIM, values()))).await?;
        Ok(job::claimed(&rows)?)
    }

    async fn end(&self, ends: Vec<JobEnd>) -> Result<(), StoreError> {
        self.writing()?;
        if ends.is_empty() {
            return Ok(());
        }
        let mut tries = Tries::default();
        loop {
            let once = act::end(&self.pool, &self.clock, &ends, tries.before());
            let outcome = timeout(self.patience, once).await.unwrap_or(Err(Fault::Unknown));
            if tries.settle(outcome).await?.is_some() {
                break;
            }
        }
        self.sequencer.noticed();
        Ok(())
    }

    async fn renew(&self, id: u64, fence: u64, lease_ms: i64) -> Result<bool, StoreError> {
        let now = self.clock.latest();
        let renew = || {
            let values: Vec<Value> =
                vec![Box::new(int(id)?), Box::new(int(fence)?), Box::new(lease_ms), Box::new(now)];
            Ok(Statement::plain(job::RENEW, values))
        };
        Ok(!self.once(renew).await?.is_empty())
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.ask(|| Ok(Statement::plain(job::NEXT, Vec::new()))).await?;
        Ok(rows.first().map(|row| time(row, 0)).transpose()?)
    }

    async fn retrying(&self, before: Timestamp) -> Result<Vec<Retrying>, StoreError> {
        let before = before.as_millis();
        let rows = self.ask(|| Ok(Statement::plain(job::RETRYING, vec![Box::new(before)]))).await?;
        Ok(job::retrying(&rows)?)
    }

    async fn release_leases(&self) -> Result<u64, StoreError> {
        let now = self.clock.latest();
        let released = self.once(|| Ok(Statement::plain(job::RELEASE, vec![Box::new(now)]))).await?.len();
        if released > 0 {
            self.sequencer.noticed();
        }
        Ok(released as u64)
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let now = self.load(Needs::default()).await?.now.as_millis();
            let sweep = || Ok(Statement::plain(record::SWEEP, vec![Box::new(now), Box::new(SWEEP)]));
            let rows = self.once(sweep).await?;
            let some = uint(rows.first().ok_or_else(|| damaged("a sweep counts nothing"))?, 0)?;
            removed += some;
            if some < SWEEP.unsigned_abs() {
                return Ok(removed);
            }
        }
    }

    async fn sequence(&self) -> Result<(), StoreError> {
        if self.read_only {
            return Ok(());
        }
        Ok(self.sequencer.drained().await?)
    }

    async fn head(&self) -> Result<(u64, [u8; 32]), StoreError> {
        on_one!(self, client => log::head(&client).await)
    }

    async fn keep_checkpoint(&self, size: u64, note: Vec<u8>) -> Result<(), StoreError> {
        self.writing()?;
        let kept: Result<(), StoreError> =
            on_one!(self, client => log::keep_checkpoint(&client, size, &note).await);
        kept?;
        self.sequencer.told();
        Ok(())
    }

    async fn checkpoint(&self, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        on_one!(self, client => log::checkpoint(&client, size).await)
    }

    async fn checkpoint_sizes(&self, after: u64, limit: u32) -> Result<Vec<u64>, StoreError> {
        on_one!(self, client => log::checkpoint_sizes(&client, after, limit).await)
    }

    async fn tile(&self, level: u8, n: u64, width: u32) -> Result<Option<Vec<u8>>, StoreError> {
        on_one!(self, client => log::tile(&client, level, n, width).await)
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        on_one!(self, client => log::entries(&client, from, limit).await)
    }

    async fn close(&self) {
        PostgresStore::close(self).await;
    }

    fn leads(&self) -> bool {
        self.sequencer.leads()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writing()?;
        // Only what is acknowledged tells that commits are.
        self.once(|| Ok(Statement::plain(connect::BEAT, vec![Box::new(self.node.clone())]))).await.map(drop)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.sequencer.changes()
    }
}
