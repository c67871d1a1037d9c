//! Watches the nodes from outside: which checkpoints they serve while nobody else looks, and how full they say the limit
//! is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::directory::Directory;
use crate::load::Load;

/// What was seen.
#[derive(Default)]
pub(crate) struct Watch {
    fullest: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    /// Ends the watching.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The most places among the erasures that a node said were taken.
    pub(crate) fn fullest(&self) -> u64 {
        self.fullest.load(Ordering::Relaxed)
    }

    /// Collects what a node serves as its newest checkpoint.
    pub(crate) async fn checkpoints(self: Arc<Self>, directory: Arc<Directory>, node: usize) {
        while !self.stop.load(Ordering::Relaxed) {
            directory.look_at_checkpoint(node).await;
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
    }

    /// Asks a node how full it is, and says so to the book when that is too full.
    pub(crate) async fn limits(self: Arc<Self>, load: Arc<Load>, limit: u64) {
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if let Some(client) = load.directory.client(turn % load.directory.len(), "opal-operator")
                && let Ok(limits) = client.limits().await
            {
                for erase in limits.iter().filter(|it| it.action == "erase") {
                    let taken = erase.released + erase.running + erase.stuck;
                    self.fullest.fetch_max(taken, Ordering::Relaxed);
                    if taken > limit {
                        load.book.wrong(format!("{taken} places taken where {limit} are allowed"));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}
