//! Small pieces of work for a store, and waiting for what comes of it.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_ledger::{Edge, Entry};
use countersign_service::ports::store::{
    Change, Committed, Loaded, Needs, NewEvent, RequestChange, Row, Status, Store, StoreError,
};
use countersign_store::{PostgresOptions, PostgresStore};
use tokio::sync::watch;

/// Machines that run many tests at once take their time.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// A node over the database at `url`.
pub(crate) async fn node(url: &str, name: &str, with: impl FnOnce(&mut PostgresOptions)) -> PostgresStore {
    let mut options = PostgresOptions::new(url);
    options.node = name.to_owned();
    options.connections = 4;
    with(&mut options);
    PostgresStore::open(options).await.unwrap()
}

pub(crate) fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

/// Commits one entry of the ledger.
pub(crate) async fn commit(store: &dyn Store, n: u64) -> Result<Committed, StoreError> {
    store
        .act(Needs::default(), Box::new(move |_| Ok(Change { entries: vec![entry(n)], ..Change::default() })))
        .await
}

/// A request that was just asked for.
pub(crate) fn submitted(n: u64, status: Status) -> Change {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    let at = Timestamp::from_millis(1000 + n as i64);
    let row = Row {
        id: RequestId::from_bytes(bytes),
        version: 1,
        status,
        action: "erase".to_owned(),
        channel: "api".to_owned(),
        submitted_at: at,
        due_at: None,
        expires_at: None,
        started_at: None,
        changed_at: at,
    };
    let event =
        NewEvent { kind: "submitted".to_owned(), form: 1, body: b"body".to_vec(), entry: b"entry".to_vec() };
    Change {
        request: Some(RequestChange { row, events: vec![event], terms: Vec::new() }),
        ..Change::default()
    }
}

pub(crate) async fn load(store: &dyn Store, needs: Needs) -> Loaded {
    store.load(needs).await.unwrap()
}

/// All entries of the ledger, after its root was compared with that of a fresh tree over them.
pub(crate) async fn ledger(store: &dyn Store) -> Vec<Vec<u8>> {
    let (size, root) = store.head().await.unwrap();
    let mut entries = Vec::new();
    while (entries.len() as u64) < size {
        let some = store.entries(entries.len() as u64, 1000).await.unwrap();
        assert!(!some.is_empty(), "an entry is missing");
        entries.extend(some);
    }
    entries.truncate(size as usize);
    let mut fresh = Edge::new();
    fresh.append_all(entries.iter().map(|entry| Entry::new(entry).unwrap().leaf_hash()));
    assert_eq!((size, root), (fresh.size(), fresh.root()), "the head is not that of its entries");
    entries
}

/// Waits until `there` says so, asked again after each change that a store tells of.
pub(crate) async fn until(what: &str, changes: &mut watch::Receiver<u64>, there: impl AsyncFn() -> bool) {
    let all = async {
        loop {
            changes.mark_unchanged();
            if there().await {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    assert!(tokio::time::timeout(WITHIN, all).await.is_ok(), "{what}: not within a minute");
}

/// Waits until `there` says so, asked again and again: for what nobody tells.
pub(crate) async fn eventually(what: &str, there: impl AsyncFn() -> bool) {
    let all = async {
        while !there().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(WITHIN, all).await.is_ok(), "{what}: not within a minute");
}
