//! Connections that are kept. While the database cannot be reached, one caller at a time finds out whether it can again,
//! later and later, and everybody else is told at once.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_service::ports::store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connect::{Connector, For, NoConnection};
use super::session::Session;
use crate::fault::Fault;

/// The first pause after a connection could not be made, and the longest.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// A server that was there and broke off is no outage yet: somebody may have ended this one connection. So often it is
/// asked for another.
const AFTER_CUT: u32 = 2;

/// A number of connections at most, made when they are needed.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    connector: Arc<Connector>,
    room: Arc<Semaphore>,
    /// Each with the doubts that there had been when it was made.
    idle: Mutex<Vec<(u64, Session)>>,
    /// Shared by all pools over one connector.
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    outage: Mutex<Option<Outage>>,
    /// How often a server warned, so that what it shows may not be acknowledged.
    ///
    /// INVARIANT: a connection of before is read from no more. A new one writes first, and so waits for the standby.
    doubts: AtomicU64,
}

struct Outage {
    why: String,
    failures: u32,
    again_at: Instant,
    is_tried: bool,
}

/// A connection out of the pool; dropped without being released, it is closed, and whatever it had begun is undone.
pub(super) struct Client {
    session: Option<Session>,
    doubts: u64,
    pool: Arc<Inner>,
    _place: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(connector: Arc<Connector>, size: usize) -> Self {
        Self::of(connector, size, Arc::default())
    }

    /// Other connections to the same servers.
    pub(super) fn beside(&self, size: usize) -> Self {
        Self::of(Arc::clone(&self.0.connector), size, Arc::clone(&self.0.shared))
    }

    fn of(connector: Arc<Connector>, size: usize, shared: Arc<Shared>) -> Self {
        let room = Arc::new(Semaphore::new(size.max(1)));
        Self(Arc::new(Inner { connector, room, idle: Mutex::default(), shared }))
    }

    /// A connection that can be trusted.
    ///
    /// # Errors
    /// `Unavailable`: at once while there is an outage, and when every connection stays in use.
    pub(super) async fn get(&self) -> Result<Client, Fault> {
        let Inner { connector, room, .. } = &*self.0;
        let place = timeout(connector.patience(), Arc::clone(room).acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Err(StoreError::Unavailable("every connection to PostgreSQL is in use".to_owned()).into());
        };
        // Before it is made: whatever is doubted while it is made, it may have written before.
        let doubts = self.0.doubts();
        let client =
            |session| Client { session: Some(session), doubts, pool: Arc::clone(&self.0), _place: place };
        if let Some(session) = self.0.kept() {
            return Ok(client(session));
        }
        let attempt = self.0.attempt()?;
        let mut made = connector.connect(&For::State).await;
        for _ in 0..AFTER_CUT {
            if attempt.in_outage() || !made.as_ref().err().is_some_and(NoConnection::was_cut) {
                break;
            }
            made = connector.connect(&For::State).await;
        }
        match made {
            Ok(session) => {
                attempt.succeeded();
                Ok(client(session))
            }
            Err(none) => Err(attempt.failed(&none).into()),
        }
    }
}

impl Inner {
    fn doubts(&self) -> u64 {
        self.shared.doubts.load(Ordering::Acquire)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(u64, Session)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.shared.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> Option<Session> {
        let mut idle = self.idle();
        while let Some((doubts, session)) = idle.pop() {
            if session.is_sound() && doubts == self.doubts() {
                return Some(session);
            }
        }
        None
    }

    /// The right to try: everybody's, or in an outage one caller's at a time.
    fn attempt(&self) -> Result<Attempt<'_>, StoreError> {
        match &mut *self.outage() {
            None => Ok(Attempt { inner: self, ended: false }),
            Some(outage) if outage.is_tried || Instant::now() < outage.again_at => {
                Err(unavailable(&outage.why))
            }
            Some(outage) => {
                outage.is_tried = true;
                Ok(Attempt { inner: self, ended: false })
            }
        }
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(format!("PostgreSQL: {why}"))
}

struct Attempt<'a> {
    inner: &'a Inner,
    ended: bool,
}

impl Attempt<'_> {
    fn in_outage(&self) -> bool {
        self.inner.outage().is_some()
    }

    fn succeeded(mut self) {
        self.ended = true;
        if self.inner.outage().take().is_some() {
            tracing::info!("PostgreSQL can be reached again");
        }
    }

    fn failed(mut self, none: &NoConnection) -> StoreError {
        self.ended = true;
        let why = none.to_string();
        let error = unavailable(&why);
        // What is kept most likely leads to the same server.
        self.inner.idle().clear();
        let mut outage = self.inner.outage();
        let failures = outage.as_ref().map_or(0, |outage| outage.failures);
        if failures == 0 {
            tracing::warn!("{error}");
        }
        let pause = (PAUSE[0] * (1 << failures.min(10))).min(PAUSE[1]);
        *outage =
            Some(Outage { why, failures: failures + 1, again_at: Instant::now() + pause, is_tried: false });
        error
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // Given up in the middle: whoever comes next may try.
        if !self.ended
            && let Some(outage) = &mut *self.inner.outage()
        {
            outage.is_tried = false;
        }
    }
}

impl Client {
    /// Back into the pool: nothing is open on it.
    pub(super) fn release(mut self) {
        if self.is_sound()
            && let Some(session) = self.session.take()
        {
            self.pool.idle().push((self.doubts, session));
        }
    }
}

impl Deref for Client {
    type Target = Session;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("held until it is released")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(session) = &self.session else { return };
        if session.was_warned() {
            self.pool.shared.doubts.fetch_add(1, Ordering::AcqRel);
        }
        // One that was lost was hardly the only one: the others are tried no more, they are made anew.
        if !session.is_sound() {
            self.pool.idle().clear();
        }
    }
}
