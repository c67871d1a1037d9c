//! The embedded store: every rule of the conformance suite, and what only a file can show: the lock, the kill,
//! the bytes that are left.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::Store;
use countersign_store::conformance::{Trial, exercise};
use countersign_store::{Clock, SqliteStore};
use tempfile::TempDir;

/// A store in a folder of its own, with its clock in the hand.
struct Embedded {
    store: Arc<SqliteStore>,
    now: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Embedded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_750_000_000_000));
        let store = Arc::new(SqliteStore::open(&folder.path().join("store.db"), in_hand(&now)).unwrap());
        Self { store, now, _folder: folder }
    }
}

fn in_hand(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)))
}

#[async_trait]
impl Trial for Embedded {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn wait(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_every_rule_of_a_store() {
    exercise(async || Embedded::new()).await;
}
