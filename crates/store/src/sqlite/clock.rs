//! The store's time: a clock that is handed in, and that never goes back as long as the process lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign_core::time::Timestamp;

/// Tells the time. Handed in, so that tests hold it in their hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that stands still rather than go back.
pub(super) struct StoreClock {
    clock: Clock,
    latest: AtomicI64,
}

impl StoreClock {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, latest: AtomicI64::new(i64::MIN) }
    }

    /// The time now, not before any time told earlier.
    pub(super) fn now(&self) -> Timestamp {
        let now = (self.clock)().as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}
