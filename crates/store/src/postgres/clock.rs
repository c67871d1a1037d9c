//! The store's time: the database's, but never earlier than a time that this store told before.

use std::sync::atomic::{AtomicI64, Ordering};

use countersign_core::time::Timestamp;

/// The latest time that was told.
pub(super) struct StoreClock(AtomicI64);

impl StoreClock {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// `told` by the database, or the latest time if that is later: after a failover another clock tells the time.
    pub(super) fn not_before(&self, told: Timestamp) -> Timestamp {
        let told = told.as_millis();
        Timestamp::from_millis(self.0.fetch_max(told, Ordering::Relaxed).max(told))
    }

    /// The latest time that was told.
    pub(super) fn latest(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
