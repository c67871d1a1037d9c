//! A clock that moves only when a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A clock in the hand: milliseconds since 1970-01-01 UTC. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(now_ms: i64) -> Hand {
        Hand(Arc::new(AtomicI64::new(now_ms)))
    }

    /// What it shows.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Moves it on and returns the new time. A duration beyond the range of the clock stops at its end.
    pub fn advance(&self, by: Duration) -> i64 {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let now = self.now_ms().saturating_add(by);
        self.set(now);
        now
    }

    /// Sets it, also back.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_time_that_the_hand_sets() {
        let hand = Hand::at(1_000);
        let other = hand.clone();
        assert_eq!(hand.advance(Duration::from_secs(2)), 3_000);
        assert_eq!(other.now_ms(), 3_000);
        other.set(-5);
        assert_eq!(hand.now_ms(), -5);
    }
}
