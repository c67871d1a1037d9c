//! The thread that owns the only write connection. It takes what waits, runs it in one transaction, commits, and
//! only then answers. It knows commands, never what they mean.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use countersign_ledger::Edge;
use countersign_service::ports::store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::batch::{Batch, Marks};
use super::clock::StoreClock;
use super::log;
use super::open::BUSY;
use crate::fault::Fault;

/// Commands that may wait before whoever asks must wait to ask.
const QUEUE: usize = 4096;
/// Commands in one transaction beside the first.
const BATCH: usize = 1024;
/// How long after a destruction the write-ahead log is emptied although others wait.
const SCRUB_WITHIN: Duration = Duration::from_secs(5);
/// How long until it is tried again when a reader was in the way.
const SCRUB_PAUSE: Duration = Duration::from_secs(1);
/// How long emptying it waits for readers.
const SCRUB_WAIT: Duration = Duration::from_millis(100);

/// Asks the writer thread; dropping it ends the thread once what waits is done.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Command>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread over a connection that was set up and migrated.
    pub(super) fn start(
        db: Connection,
        clock: Arc<StoreClock>,
        changes: watch::Sender<u64>,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            Thread { db, clock, changes, state: None, scrub: None }.run(waiting);
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `work` in a transaction and answers after its commit.
    pub(super) async fn ask<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let (reply, answer) = oneshot::channel();
        let ask = Ask { work, outcome: None, reply };
        self.queue.as_ref().ok_or_else(gone)?.send(Box::new(ask)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

/// What the writer runs.
trait Command: Send {
    /// Runs within the batch; `false` if it failed and must be undone.
    fn run(&mut self, batch: &mut Batch<'_>) -> bool;
    /// Answers: with the outcome, or with why nothing of the batch stands.
    fn answer(self: Box<Self>, failed: Option<&StoreError>);
}

struct Ask<T, F> {
    work: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Command for Ask<T, F>
where
    T: Send,
    F: FnMut(&mut Batch<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, batch: &mut Batch<'_>) -> bool {
        // A decision that panics must not take the others' writer with it. What it said may hold anything, so
        // it is not repeated here.
        let outcome = match catch_unwind(AssertUnwindSafe(|| (self.work)(batch))) {
            Ok(outcome) => outcome.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable("a decision panicked".to_owned())),
        };
        let stands = outcome.is_ok();
        self.outcome = Some(outcome);
        stands
    }

    fn answer(self: Box<Self>, failed: Option<&StoreError>) {
        let outcome = match (failed, self.outcome) {
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::Unavailable("the command was not run".to_owned())),
            (Some(StoreError::Damaged(why)), _) => Err(StoreError::Damaged(why.clone())),
            (Some(StoreError::Unavailable(why)), _) => Err(StoreError::Unavailable(why.clone())),
            (Some(other), _) => Err(StoreError::Unavailable(other.to_string())),
        };
        // Whoever asked may be gone; the change stands all the same.
        let _ = self.reply.send(outcome);
    }
}

/// What the thread remembers between batches; read again after any failure.
struct State {
    edge: Edge,
    marks: Marks,
}

struct Thread {
    db: Connection,
    clock: Arc<StoreClock>,
    changes: watch::Sender<u64>,
    state: Option<State>,
    scrub: Option<Scrub>,
}

/// The write-ahead log still holds bytes that were destroyed.
struct Scrub {
    since: Instant,
    not_before: Instant,
}

impl Scrub {
    /// When nobody waits, or after a while even so; not at once again if a reader was in the way.
    fn is_due(&self, idle: bool) -> bool {
        Instant::now() >= self.not_before && (idle || self.since.elapsed() > SCRUB_WITHIN)
    }
}

impl Thread {
    fn run(mut self, mut waiting: mpsc::Receiver<Box<dyn Command>>) {
        let mut commands: Vec<Box<dyn Command>> = Vec::with_capacity(BATCH + 1);
        while let Some(first) = waiting.blocking_recv() {
            commands.push(first);
            while commands.len() <= BATCH
                && let Ok(next) = waiting.try_recv()
            {
                commands.push(next);
            }
            let failed = self.batch(&mut commands).err().map(StoreError::from);
            if let Some(why) = &failed {
                tracing::error!(commands = commands.len(), "nothing was committed: {why}");
            }
            for command in commands.drain(..) {
                command.answer(failed.as_ref());
            }
            if self.scrub.as_ref().is_some_and(|scrub| scrub.is_due(waiting.is_empty())) {
                self.empty_the_log();
            }
        }
        if self.scrub.is_some() {
            self.empty_the_log();
        }
    }

    /// Runs all commands in one transaction. On an error nothing of them stands.
    fn batch(&mut self, commands: &mut [Box<dyn Command>]) -> Result<(), Fault> {
        match self.transaction(commands, false)? {
            true => Ok(()),
            false => self.transaction(commands, true).map(drop),
        }
    }

    /// `false` if one of them failed in the middle of its writes, so that all were taken back.
    fn transaction(&mut self, commands: &mut [Box<dyn Command>], careful: bool) -> Result<bool, Fault> {
        self.db.prepare_cached("begin immediate")?.execute([])?;
        let outcome = self.within(commands, careful);
        if !matches!(outcome, Ok(true)) && !self.db.is_autocommit() {
            self.db.prepare_cached("rollback")?.execute([])?;
        }
        outcome
    }

    fn within(&mut self, commands: &mut [Box<dyn Command>], careful: bool) -> Result<bool, Fault> {
        // Taken out: whatever fails from here on leaves none, and the next batch reads it from the database.
        let State { mut edge, marks } = match self.state.take() {
            Some(state) => state,
            None => State { edge: log::edge(&self.db)?, marks: Marks::read(&self.db)? },
        };
        let mut batch = Batch::new(&self.db, self.clock.now(), marks, edge.size(), careful);
        for command in commands {
            let mark = batch.mark();
            if !command.run(&mut batch) && !batch.undo(&mark)? {
                return Ok(false);
            }
        }
        if !batch.leaves().is_empty() {
            log::grow(&self.db, &mut edge, batch.leaves())?;
        }
        let (marks, destroyed, notable) = (batch.marks, batch.destroyed, batch.notable);
        self.db.prepare_cached("commit")?.execute([])?;

        let size = edge.size();
        self.state = Some(State { edge, marks });
        if destroyed && self.scrub.is_none() {
            let now = Instant::now();
            self.scrub = Some(Scrub { since: now, not_before: now });
        }
        if notable {
            self.changes.send_replace(size);
        }
        Ok(true)
    }

    /// Moves the write-ahead log into the database and cuts it to nothing, so that bytes that were destroyed do
    /// not live on in it. A reader in the way: tried again after a later batch.
    fn empty_the_log(&mut self) {
        // Writers wait meanwhile, so the wait for a reader is short here.
        let emptied = self.db.busy_timeout(SCRUB_WAIT).and_then(|()| {
            self.db.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0))
        });
        match emptied {
            Ok(0) => self.scrub = None,
            Ok(_) => self.scrub_later(),
            Err(error) => {
                tracing::warn!("the write-ahead log could not be emptied yet: {error}");
                self.scrub_later();
            }
        }
        if let Err(error) = self.db.busy_timeout(BUSY) {
            tracing::warn!("the time to wait for a lock could not be set: {error}");
        }
    }

    fn scrub_later(&mut self) {
        if let Some(scrub) = &mut self.scrub {
            scrub.not_before = Instant::now() + SCRUB_PAUSE;
        }
    }
}

#[cfg(test)]
mod tests;
