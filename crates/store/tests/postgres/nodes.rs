//! Several nodes over one database.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Change, Find, Gauge, Needs, RecordChange, Status, Store, StoreError,
};
use countersign_service::refusal::Refusal;
use countersign_store::PostgresStore;
use countersign_testing::postgres::database_or_skip;

use crate::work::{commit, entry, eventually, ledger, load, node, submitted, until};

/// Longer than any test: only what gives the lease back gets it to another.
const FOR_EVER_MS: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_on_one_node_is_told_on_another_with_hints_and_without() {
    for notify in [true, false] {
        let Some(database) = database_or_skip() else { return };
        let url = database.url();
        let one = node(&url, "one", |options| options.notify = notify).await;
        eventually("the first node leads", async || one.leads()).await;
        let other = node(&url, "other", |options| options.notify = notify).await;
        let mut told = other.changes();
        commit(&one, 0).await.unwrap();
        until("the entry", &mut told, async || other.head().await.unwrap().0 == 1).await;
        one.keep_checkpoint(1, b"note".to_vec()).await.unwrap();
        let note = async || other.checkpoint(None).await.unwrap() == Some((1, b"note".to_vec()));
        until("the checkpoint", &mut told, note).await;
        // And the other way round, by a node that does not lead.
        let mut told = one.changes();
        commit(&other, 1).await.unwrap();
        until("the second entry", &mut told, async || one.head().await.unwrap().0 == 2).await;
        assert!(one.leads() && !other.leads());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_is_only_sent_where_it_is_wanted() {
    let Some(database) = database_or_skip() else { return };
    let listening = "select count(*) from pg_stat_activity where datname = current_database() and query ilike '%listen%' \
                     and pid <> pg_backend_pid()";
    let silent = node(&database.url(), "silent", |options| options.notify = false).await;
    commit(&silent, 0).await.unwrap();
    silent.sequence().await.unwrap();
    assert_eq!(database.run(listening).unwrap(), "0");
    let _telling = node(&database.url(), "telling", |_| {}).await;
    eventually("it listens", async || database.run(listening).unwrap() == "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_waits_until_the_entries_of_every_node_are_in() {
    let Some(database) = database_or_skip() else { return };
    let (one, other) =
        (node(&database.url(), "one", |_| {}).await, node(&database.url(), "other", |_| {}).await);
    for n in 0..30 {
        let (by, asked) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        commit(by, n).await.unwrap();
        asked.sequence().await.unwrap();
        assert_eq!(asked.head().await.unwrap().0, n + 1);
    }
    assert_eq!(ledger(&one).await, (0..30).map(entry).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_closes_lets_another_lead_at_once() {
    let Some(database) = database_or_skip() else { return };
    let lasting = |options: &mut countersign_store::PostgresOptions| options.sequencer_lease_ms = FOR_EVER_MS;
    let one = node(&database.url(), "one", lasting).await;
    eventually("the first node leads", async || one.leads()).await;
    let other = node(&database.url(), "other", lasting).await;
    commit(&other, 0).await.unwrap();
    other.sequence().await.unwrap();
    assert!(one.leads() && !other.leads());
    one.close().await;
    assert!(!one.leads());
    // Still answered, by whoever leads now.
    commit(&one, 1).await.unwrap();
    other.sequence().await.unwrap();
    assert!(other.leads());
    assert_eq!(ledger(&one).await, [entry(0), entry(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_store_gives_the_lease_back_too() {
    let Some(database) = database_or_skip() else { return };
    let lasting = |options: &mut countersign_store::PostgresOptions| options.sequencer_lease_ms = FOR_EVER_MS;
    let one = node(&database.url(), "one", lasting).await;
    eventually("the first node leads", async || one.leads()).await;
    drop(one);
    let other = node(&database.url(), "other", lasting).await;
    eventually("the second node leads", async || other.leads()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_takes_over_from_a_node_that_says_nothing_more() {
    let Some(database) = database_or_skip() else { return };
    let one = node(&database.url(), "one", |_| {}).await;
    eventually("the first node leads", async || one.leads()).await;
    one.close().await;
    let ghost = "update lease set holder = 'a ghost', fence = fence + 1, \
         until = floor(extract(epoch from clock_timestamp()) * 1000) + 3600000";
    database.run(ghost).unwrap();
    let other = node(&database.url(), "other", |_| {}).await;
    commit(&other, 0).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(300), other.sequence()).await;
    assert!(waits.is_err() && !other.leads(), "the ghost's lease holds");
    assert_eq!(database.run("select count(*) from log_queue").unwrap(), "1");
    database.run("update lease set until = floor(extract(epoch from clock_timestamp()) * 1000) - 1").unwrap();
    other.sequence().await.unwrap();
    assert!(other.leads());
    assert_eq!(database.run("select fence from lease").unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_never_exceeded_on_two_nodes() {
    const LIMIT: u64 = 3;
    let Some(database) = database_or_skip() else { return };
    let url = database.url();
    let nodes = [Arc::new(node(&url, "one", |_| {}).await), Arc::new(node(&url, "other", |_| {}).await)];
    let gauge = Gauge { actions: ["erase".to_owned()].into(), day_start: Some(Timestamp::from_millis(0)) };
    let asking: Vec<_> = (1..=40u64)
        .map(|n| {
            let (store, gauge) = (Arc::clone(&nodes[n as usize % 2]), Some(gauge.clone()));
            tokio::spawn(async move {
                let decide = move |loaded: &countersign_service::ports::store::Loaded| {
                    if loaded.running.get("erase").copied().unwrap_or(0) >= LIMIT {
                        return Err(Refusal::NotFound("place"));
                    }
                    Ok(submitted(n, Status::Released))
                };
                store.act(Needs { gauge, ..Needs::default() }, Box::new(decide)).await
            })
        })
        .collect();
    let mut placed = 0;
    for answer in asking {
        match answer.await.unwrap() {
            Ok(_) => placed += 1,
            Err(StoreError::Refused(Refusal::NotFound("place"))) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(placed, LIMIT);
    let look = Needs { gauge: Some(gauge), ..Needs::default() };
    assert_eq!(load(&*nodes[0], look).await.running.get("erase"), Some(&LIMIT));
}

/// Puts a record of a person over the version that is expected.
async fn put(store: &PostgresStore, expect: u64) -> Result<(), StoreError> {
    let put = RecordChange::Put {
        kind: "person".to_owned(),
        id: "olga".to_owned(),
        body: b"body".to_vec(),
        terms: Vec::new(),
        expires_at: None,
        expect: Some(expect),
    };
    let change = Change { records: vec![put], ..Change::default() };
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.map(drop)
}

/// Whoever's seat is taken away is told so only once nothing rests on it any more that was not committed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_decision_under_a_gauge_has_loaded_is_not_changed_before_its_commit() {
    let Some(database) = database_or_skip() else { return };
    let url = database.url();
    let (one, other) = (node(&url, "one", |_| {}).await, Arc::new(node(&url, "other", |_| {}).await));
    put(&one, 0).await.unwrap();
    let (loaded, is_loaded) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let deciding = tokio::spawn(async move {
        let gauge =
            Gauge { actions: ["erase".to_owned()].into(), day_start: Some(Timestamp::from_millis(0)) };
        let records = vec![("person".to_owned(), Find::Id("olga".to_owned()))];
        let needs = Needs { gauge: Some(gauge), records, ..Needs::default() };
        let decide = move |found: &countersign_service::ports::store::Loaded| {
            assert_eq!(found.records.len(), 1);
            loaded.send(()).unwrap();
            goes.recv().unwrap();
            Ok(submitted(1, Status::Released))
        };
        one.act(needs, Box::new(decide)).await.map(|_| ())
    });
    tokio::task::spawn_blocking(move || is_loaded.recv().unwrap()).await.unwrap();
    let changing = {
        let other = Arc::clone(&other);
        tokio::spawn(async move { put(&other, 1).await })
    };
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("it waits, or is done", async || {
        changing.is_finished() || database.run(waits).unwrap() == "1"
    })
    .await;
    assert!(!changing.is_finished(), "it was changed under a decision that rests on it");
    go.send(()).unwrap();
    deciding.await.unwrap().unwrap();
    changing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_opened_for_reading_sees_all_and_changes_nothing() {
    let Some(database) = database_or_skip() else { return };
    let options = countersign_store::PostgresOptions {
        read_only: true,
        ..countersign_store::PostgresOptions::new(database.url())
    };
    let refused = countersign_store::PostgresStore::open(options.clone()).await;
    assert!(matches!(refused, Err(countersign_store::PostgresOpenError::NotAStore)));
    let one = node(&database.url(), "one", |_| {}).await;
    commit(&one, 0).await.unwrap();
    one.sequence().await.unwrap();
    let reading = countersign_store::PostgresStore::open(options).await.unwrap();
    assert_eq!(ledger(&reading).await, [entry(0)]);
    assert!(matches!(commit(&reading, 1).await, Err(StoreError::Unavailable(_))));
    let empty = reading.act(Needs::default(), Box::new(|_| Ok(Change::default()))).await;
    assert!(matches!(empty, Err(StoreError::Unavailable(_))));
    assert!(!reading.leads());
}
