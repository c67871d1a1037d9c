//! Rules of the ledger, held against a tree that is grown beside it.

use std::collections::BTreeMap;

use countersign_ledger::{Edge, Entry, empty_root, tiles_of};
use countersign_service::ports::store::{Change, Needs, Status, Store, StoreError};

use super::Trial;
use super::forms::{commit, event, head, load, put, request, row, submitted};

fn entries(entries: Vec<Vec<u8>>) -> Change {
    Change { entries, ..Change::default() }
}

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

pub(super) async fn an_empty_ledger_has_the_empty_root(trial: &dyn Trial) {
    let store = trial.store();
    assert_eq!(head(&*store).await, (0, empty_root()));
    assert_eq!(store.tile(0, 0, 1).await.unwrap(), None);
    assert!(store.entries(0, 10).await.unwrap().is_empty());
    assert_eq!(store.checkpoint(None).await.unwrap(), None);
}

pub(super) async fn entries_come_back_in_order(trial: &dyn Trial) {
    let store = trial.store();
    for n in 0..10u64 {
        commit(&*store, entries(vec![entry(2 * n), entry(2 * n + 1)])).await.unwrap();
    }
    assert_eq!(head(&*store).await.0, 20);
    assert_eq!(store.entries(0, 100).await.unwrap(), (0..20).map(entry).collect::<Vec<_>>());
    assert_eq!(store.entries(17, 2).await.unwrap(), [entry(17), entry(18)]);
    assert!(store.entries(20, 10).await.unwrap().is_empty());
    assert!(store.entries(u64::MAX, 10).await.unwrap().is_empty());
}

pub(super) async fn events_come_first_and_rolled_back_entries_leave_no_gap(trial: &dyn Trial) {
    let store = trial.store();
    let mut change = submitted(row(1, Status::Waiting));
    change.events.push(event("proved"));
    change.row.version = 2;
    let change = Change { entries: vec![entry(2)], ..request(change) };
    let failing = Change { records: vec![put("token", "t", "x", Some(4))], ..change.clone() };
    assert!(commit(&*store, failing).await.is_err());
    commit(&*store, change).await.unwrap();
    assert_eq!(head(&*store).await.0, 3);
    let kept = store.entries(0, 10).await.unwrap();
    assert_eq!(kept, [b"entry of submitted".to_vec(), b"entry of proved".to_vec(), entry(2)]);
}

/// Every tile and the head, against a fresh tree over the entries that the store gives back.
async fn same_as_a_fresh_tree(store: &dyn Store, size: u64) {
    let (mut fresh, mut tiles) = (Edge::new(), BTreeMap::new());
    store.sequence().await.unwrap();
    let mut from = 0;
    while from < size {
        let some = store.entries(from, 5000).await.unwrap();
        assert!(!some.is_empty());
        from += some.len() as u64;
        for changed in fresh.append_all(some.iter().map(|entry| Entry::new(entry).unwrap().leaf_hash())) {
            tiles.insert((changed.tile.level(), changed.tile.n()), changed.bytes);
        }
    }
    assert_eq!(head(store).await, (size, fresh.root()));
    for tile in tiles_of(size) {
        let stored = store.tile(tile.level(), tile.n(), tile.width().into()).await.unwrap();
        assert_eq!(stored.as_ref(), tiles.get(&(tile.level(), tile.n())), "{}", tile.path());
        if !tile.is_full() {
            assert_eq!(store.tile(tile.level(), tile.n(), u32::from(tile.width()) + 1).await.unwrap(), None);
        }
    }
}

pub(super) async fn tiles_and_root_are_those_of_a_fresh_tree_at_300_entries(trial: &dyn Trial) {
    let store = trial.store();
    for n in 0..300 {
        commit(&*store, entries(vec![entry(n)])).await.unwrap();
        if [0, 1, 2, 254, 255, 256, 257, 299].contains(&n) {
            same_as_a_fresh_tree(&*store, n + 1).await;
        }
    }
}

pub(super) async fn tiles_and_root_are_those_of_a_fresh_tree_beyond_65536_entries(trial: &dyn Trial) {
    let store = trial.store();
    let mut size = 0u64;
    while size < 65_600 {
        commit(&*store, entries((size..size + 777).map(entry).collect())).await.unwrap();
        size += 777;
    }
    same_as_a_fresh_tree(&*store, size).await;
}

pub(super) async fn a_tile_is_served_at_every_width_that_it_has(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, entries((0..300).map(entry).collect())).await.unwrap();
    store.sequence().await.unwrap();
    let full = store.tile(0, 0, 256).await.unwrap().unwrap();
    for width in [1u32, 2, 100, 255] {
        let partial = store.tile(0, 0, width).await.unwrap().unwrap();
        assert_eq!(partial, full[..32 * width as usize]);
    }
    assert_eq!(store.tile(0, 1, 44).await.unwrap().map(|bytes| bytes.len()), Some(44 * 32));
    assert_eq!(store.tile(1, 0, 1).await.unwrap().map(|bytes| bytes.len()), Some(32));
    for (level, n, width) in
        [(0, 1, 45), (0, 0, 257), (0, 0, 0), (0, 2, 1), (1, 0, 2), (2, 0, 1), (0, u64::MAX, 1)]
    {
        assert_eq!(store.tile(level, n, width).await.unwrap(), None, "{level} {n} {width}");
    }
}

pub(super) async fn an_entry_that_is_too_long_is_not_taken(trial: &dyn Trial) {
    let store = trial.store();
    assert!(commit(&*store, entries(vec![entry(0), vec![7; 65_536]])).await.is_err());
    assert_eq!(head(&*store).await.0, 0);
    commit(&*store, entries(vec![vec![7; 65_535]])).await.unwrap();
    assert_eq!(head(&*store).await.0, 1);
}

pub(super) async fn a_checkpoint_is_kept_for_ever(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, entries((0..9).map(entry).collect())).await.unwrap();
    store.sequence().await.unwrap();
    for size in [3u64, 9, 5] {
        store.keep_checkpoint(size, format!("note {size}").into_bytes()).await.unwrap();
        store.keep_checkpoint(size, format!("note {size}").into_bytes()).await.unwrap();
        let other = store.keep_checkpoint(size, b"another".to_vec()).await;
        assert!(matches!(other, Err(StoreError::Conflict)), "{other:?}");
    }
    assert_eq!(store.checkpoint(None).await.unwrap(), Some((9, b"note 9".to_vec())));
    assert_eq!(store.checkpoint(Some(5)).await.unwrap(), Some((5, b"note 5".to_vec())));
    assert_eq!(store.checkpoint(Some(4)).await.unwrap(), None);
    assert_eq!(store.checkpoint_sizes(0, 10).await.unwrap(), [3, 5, 9]);
    assert_eq!(store.checkpoint_sizes(3, 1).await.unwrap(), [5]);
    assert_eq!(load(&*store, Needs::default()).await.checkpointed, 9);
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let told = std::sync::Arc::clone(&seen);
    let look = Box::new(move |loaded: &countersign_service::ports::store::Loaded| {
        told.store(loaded.checkpointed, std::sync::atomic::Ordering::SeqCst);
        Ok(Change::default())
    });
    store.act(Needs::default(), look).await.unwrap();
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 9, "a decision sees it too");
}

pub(super) async fn a_checkpoint_beyond_the_head_is_not_taken(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, entries(vec![entry(0)])).await.unwrap();
    store.sequence().await.unwrap();
    assert!(store.keep_checkpoint(2, b"too far".to_vec()).await.is_err());
    assert_eq!(store.checkpoint(None).await.unwrap(), None);
}
