//! Who puts entries into the ledger, and when: one node at a time, by a lease; woken by what it commits itself, by hints
//! of others, and by looking. It also finds out what happened on other nodes, for whoever watches.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_ledger::Edge;
use countersign_service::ports::store::StoreError;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::hint::Hints;
use super::lease::{self, Asked, Held};
use super::pool::{Client, Pool};
use super::statement::{Statement, ask};
use super::value::get;
use super::{log, queue};
use crate::fault::Fault;

/// How often the node that leads looks into the queue: while there was something lately, and else.
const LOOK: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(100)];
/// How long "lately" is.
const LATELY: Duration = Duration::from_secs(5);
/// How often the others look how far the ledger is: without hints, and with.
const FOLLOW: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// Entries that are queued within this go into the ledger together, and those who watch are told once.
const GATHER: Duration = Duration::from_millis(15);
/// Tries of a batch when something was in the way.
const TRIES: u32 = 8;
/// After an error of the database.
const PAUSE: Duration = Duration::from_millis(250);
/// How long whoever asks waits for a queue that does not move, in leases.
const PATIENCE: u32 = 6;

/// How far the ledger is: its size, and what is under checkpoints.
pub(super) const FAR: &str = "select size, (select coalesce(max(size), 0) from log_checkpoint) from log_head";

/// The sequencer of this node.
pub(super) struct Sequencer {
    pool: Pool,
    name: String,
    lease_ms: i64,
    hints: Option<Arc<Hints>>,
    wake: Notify,
    changes: watch::Sender<u64>,
    /// Whoever watches was told a moment ago, and whether there is more to tell since.
    telling: AtomicBool,
    more: AtomicBool,
    asked: AtomicU64,
    leads_until: Mutex<Option<Instant>>,
    turn: tokio::sync::Mutex<Turn>,
}

/// What whoever is at work remembers.
#[derive(Default)]
struct Turn {
    held: Option<Held>,
    /// As it was committed; forgotten with any error, and with the lease.
    edge: Option<Edge>,
    /// The last question of [`Sequencer::drained`] that is answered.
    served: u64,
    /// The lease is another's, so there is no need to ask before this.
    not_before: Option<Instant>,
    /// When something was moved last.
    moved: Option<Instant>,
    far: Option<(i64, i64)>,
}

impl Sequencer {
    pub(super) fn new(pool: Pool, node: &str, lease_ms: u64, hints: Option<Arc<Hints>>) -> Self {
        // Two nodes of one name are still two; chance is enough, as the fence is what counts.
        let name = format!("{node}/{:016x}", RandomState::new().build_hasher().finish());
        Self {
            pool,
            name,
            lease_ms: i64::try_from(lease_ms).unwrap_or(i64::MAX / 4).max(1),
            hints,
            wake: Notify::new(),
            changes: watch::channel(0).0,
            telling: AtomicBool::new(false),
            more: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            leads_until: Mutex::new(None),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// How this one is called among the holders of the lease.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Something was committed here. The first is told at once, what follows on its heels together.
    pub(super) fn noticed(self: &Arc<Self>) {
        if self.telling.swap(true, Ordering::AcqRel) {
            self.more.store(true, Ordering::Release);
            // Whoever was telling may have looked just before.
            if self.telling.load(Ordering::Acquire) || !self.more.swap(false, Ordering::AcqRel) {
                return;
            }
            self.telling.store(true, Ordering::Release);
        }
        self.changes.send_modify(|told| *told += 1);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            sleep(GATHER).await;
            this.telling.store(false, Ordering::Release);
            if this.more.swap(false, Ordering::AcqRel) {
                this.noticed();
            }
        });
    }

    /// Entries were queued here.
    pub(super) fn poke(&self) {
        if self.leads() {
            self.wake.notify_one();
        } else {
            self.tell();
        }
    }

    /// A checkpoint was kept here.
    pub(super) fn told(self: &Arc<Self>) {
        self.noticed();
        self.tell();
    }

    fn tell(&self) {
        if let Some(hints) = &self.hints {
            hints.tell();
        }
    }

    /// Another node told that there is something to see.
    pub(super) fn heard(&self) {
        self.wake.notify_one();
    }

    pub(super) fn leads(&self) -> bool {
        let until = *self.leads_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Goes on until `stop`, then gives the lease back.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let pause = match self.round().await {
                Ok(pause) => pause,
                Err(fault) => {
                    tracing::debug!("the ledger waits: {}", StoreError::from(fault));
                    PAUSE
                }
            };
            let woken = async {
                sleep(GATHER).await;
                self.wake.notified().await;
            };
            tokio::select! {
                _ = stop.changed() => {}
                () = woken => {}
                () = sleep(pause) => {}
            }
        }
        let mut turn = self.turn.lock().await;
        if let Some(held) = turn.held.take()
            && let Ok(client) = self.pool.get().await
            && lease::give_back(&client, &self.name, held).await.is_ok()
        {
            client.release();
        }
        self.hold(&mut turn, None);
    }

    /// Leads if it can, follows if not; answers when to look again.
    async fn round(self: &Arc<Self>) -> Result<Duration, Fault> {
        let mut turn = self.turn.lock().await;
        let upto = self.asked.load(Ordering::Acquire);
        let client = self.pool.get().await?;
        let pause = if self.lead(&client, &mut turn).await? {
            self.empty(&client, &mut turn).await?;
            turn.served = turn.served.max(upto);
            let lately = turn.moved.is_some_and(|moved| moved.elapsed() < LATELY);
            if lately { LOOK[0] } else { LOOK[1] }
        } else {
            let hears = self.hints.as_ref().is_some_and(|hints| hints.hears());
            if hears { FOLLOW[1] } else { FOLLOW[0] }
        };
        self.look(&client, &mut turn).await?;
        client.release();
        Ok(pause)
    }

    /// Whether this node leads: it holds the lease, or it was free.
    async fn lead(&self, client: &Client, turn: &mut Turn) -> Result<bool, Fault> {
        let now = Instant::now();
        let lease = Duration::from_millis(self.lease_ms.unsigned_abs());
        if turn.held.is_some_and(|held| held.until > now + lease * 2 / 3) {
            return Ok(true);
        }
        if turn.held.is_none() && turn.not_before.is_some_and(|moment| now < moment) {
            return Ok(false);
        }
        let fence = turn.held.map(|held| held.fence);
        match lease::take(client, &self.name, self.lease_ms, fence).await? {
            Asked::Held(held) => {
                if fence != Some(held.fence) {
                    turn.edge = None;
                    tracing::debug!(fence = held.fence, "this node leads the ledger");
                }
                self.hold(turn, Some(held));
                Ok(true)
            }
            Asked::Others(left) => {
                self.hold(turn, None);
                // It may also be given back before it runs out.
                turn.not_before = Some(now + left.min(FOLLOW[0]));
                Ok(false)
            }
        }
    }

    fn hold(&self, turn: &mut Turn, held: Option<Held>) {
        turn.held = held;
        if held.is_none() {
            turn.edge = None;
        }
        *self.leads_until.lock().unwrap_or_else(PoisonError::into_inner) = held.map(|held| held.until);
    }

    /// Moves until nothing waits. What was committed before the call is in then.
    async fn empty(self: &Arc<Self>, client: &Client, turn: &mut Turn) -> Result<(), Fault> {
        let mut tried = 0;
        loop {
            match self.batch(client, turn).await {
                Ok(moved) => {
                    tried = 0;
                    if moved < queue::BATCH {
                        return Ok(());
                    }
                    // A long queue is no reason to lose the lease.
                    if !self.lead(client, turn).await? {
                        return Err(StoreError::Fenced.into());
                    }
                }
                // Somebody else moved the head, or was in the way: looked at anew.
                Err(fault) if super::retry::again(&fault) && !client.is_closed() && tried < TRIES => {
                    turn.edge = None;
                    tried += 1;
                    sleep(Duration::from_millis(1 << tried)).await;
                }
                Err(fault) => {
                    turn.edge = None;
                    if matches!(fault, Fault::Store(StoreError::Fenced)) {
                        self.hold(turn, None);
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// One batch; answers how much it moved.
    async fn batch(self: &Arc<Self>, client: &Client, turn: &mut Turn) -> Result<usize, Fault> {
        let Some(held) = turn.held else { return Err(StoreError::Fenced.into()) };
        let waiting = queue::read(client).await?;
        let count = waiting.len();
        if count == 0 {
            return Ok(0);
        }
        // Taken out: whatever fails from here on leaves none, and the next try reads it from the database.
        let edge = match turn.edge.take() {
            Some(edge) => edge,
            None => log::edge(client).await?,
        };
        turn.edge = Some(queue::enter(client, &self.name, held, edge, waiting).await?);
        turn.moved = Some(Instant::now());
        self.told();
        Ok(count)
    }

    /// Tells whoever watches when the ledger went on, here or elsewhere.
    async fn look(self: &Arc<Self>, client: &Client, turn: &mut Turn) -> Result<(), Fault> {
        let rows = ask(client, Ok(Statement::plain(FAR, Vec::new()))).await?;
        let far = rows.first().map(|row| Ok::<_, Fault>((get(row, 0)?, get(row, 1)?))).transpose()?;
        if turn.far != far {
            turn.far = far;
            self.noticed();
        }
        Ok(())
    }

    /// Answers once all that was committed before the call is in the ledger.
    pub(super) async fn drained(self: &Arc<Self>) -> Result<(), Fault> {
        let ticket = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let began = Instant::now();
        let mut last = None;
        loop {
            {
                let mut turn = self.turn.lock().await;
                if turn.served >= ticket {
                    return Ok(());
                }
                // Everybody who asked until now is served by what is read from now on.
                let upto = self.asked.load(Ordering::Acquire);
                let client = self.pool.get().await?;
                if self.lead(&client, &mut turn).await? {
                    match self.empty(&client, &mut turn).await {
                        Ok(()) => {
                            client.release();
                            turn.served = turn.served.max(upto);
                            return Ok(());
                        }
                        Err(Fault::Store(StoreError::Fenced)) => {}
                        Err(fault) => return Err(fault),
                    }
                }
                client.release();
            }
            if self.is_in(&mut last).await? {
                return Ok(());
            }
            if began.elapsed() > Duration::from_millis(self.lease_ms.unsigned_abs()) * PATIENCE {
                return Err(StoreError::Unavailable("the ledger's queue does not move".to_owned()).into());
            }
            self.tell();
            let mut changes = self.changes.subscribe();
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep(LOOK[0]) => {}
            }
        }
    }

    /// Whether all is in the ledger that waited when this was asked first.
    async fn is_in(&self, last: &mut Option<i64>) -> Result<bool, Fault> {
        let client = self.pool.get().await?;
        let waits = match last {
            Some(last) => queue::waits(&client, *last).await?,
            None => {
                *last = queue::last(&client).await?;
                last.is_some()
            }
        };
        client.release();
        Ok(!waits)
    }
}

#[cfg(test)]
mod tests;
