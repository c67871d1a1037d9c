//! Two who both believe to lead: what one of them does stands, and the ledger never forks.
#![allow(clippy::unwrap_used)]

use countersign_ledger::Entry;
use countersign_service::ports::store::{Change, Needs, Store};
use countersign_testing::postgres::cluster::{Cluster, Shape};
use countersign_testing::postgres::database_or_skip;
use countersign_testing::servers_are_needed;

use super::*;
use crate::postgres::connect::{Connector, is_lost};
use crate::postgres::{PostgresOptions, PostgresStore};

const ENTRIES: u64 = 300;
/// Machines that run many tests at once take their time.
const WITHIN: Duration = Duration::from_secs(120);
/// Longer than any test.
const FOR_EVER_MS: u64 = 3_600_000;

/// A sequencer that works only when it is told to.
fn by_hand(url: &str, lease_ms: u64) -> Arc<Sequencer> {
    let connector = Arc::new(Connector::new(&PostgresOptions::new(url)).unwrap());
    Arc::new(Sequencer::new(Pool::new(connector, 2), "test", lease_ms, None))
}

/// Another that holds the lease as `one` does: the same holder, the same fence, so that no lease tells them apart.
async fn forged(url: &str, one: &Sequencer) -> Arc<Sequencer> {
    let mut other = by_hand(url, FOR_EVER_MS);
    Arc::get_mut(&mut other).unwrap().name = one.name.clone();
    other.turn.lock().await.held = one.turn.lock().await.held;
    other
}

async fn step(sequencer: &Arc<Sequencer>) -> Result<(), Fault> {
    let mut turn = sequencer.turn.lock().await;
    let client = sequencer.pool.get().await?;
    sequencer.empty(&client, &mut turn).await
}

async fn commit(store: &PostgresStore, n: u64) {
    let change = Change { entries: vec![n.to_be_bytes().to_vec()], ..Change::default() };
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.unwrap();
}

async fn lead(sequencer: &Sequencer) -> bool {
    let mut turn = sequencer.turn.lock().await;
    let client = sequencer.pool.get().await.unwrap();
    let leads = sequencer.lead(&client, &mut turn).await.unwrap();
    client.release();
    leads
}

/// A store whose own sequencer rests.
async fn resting(url: &str) -> PostgresStore {
    let store = PostgresStore::open(PostgresOptions::new(url)).await.unwrap();
    store.close().await;
    store
}

/// Every entry once, under a root that is theirs.
async fn is_whole(store: &PostgresStore, count: u64) {
    let (size, root) = store.head().await.unwrap();
    let entries = store.entries(0, u32::MAX).await.unwrap();
    let mut fresh = Edge::new();
    fresh.append_all(entries.iter().map(|entry| Entry::new(entry).unwrap().leaf_hash()));
    assert_eq!((size, root), (fresh.size(), fresh.root()));
    let mut numbers: Vec<_> =
        entries.iter().map(|entry| u64::from_be_bytes(entry.as_slice().try_into().unwrap())).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_both_hold_the_lease_never_fork_the_ledger() {
    let Some(database) = database_or_skip() else { return };
    let store = Arc::new(resting(&database.url()).await);
    let one = by_hand(&database.url(), FOR_EVER_MS);
    assert!(lead(&one).await);
    let other = forged(&database.url(), &one).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in (writer..ENTRIES).step_by(4) {
                    commit(&store, n).await;
                }
            })
        })
        .collect();
    let racers: Vec<_> = [&one, &other]
        .map(|sequencer| {
            let (sequencer, store) = (Arc::clone(sequencer), Arc::clone(&store));
            tokio::spawn(async move {
                let mut worked = 0;
                let began = Instant::now();
                while store.head().await.unwrap().0 < ENTRIES {
                    assert!(began.elapsed() < WITHIN, "the ledger does not come to its end");
                    worked += u64::from(step(&sequencer).await.is_ok());
                }
                worked
            })
        })
        .into();
    for writer in writers {
        writer.await.unwrap();
    }
    for racer in racers {
        assert!(racer.await.unwrap() > 0, "both worked");
    }
    is_whole(&store, ENTRIES).await;
}

/// No race, but the worst of it each time: one works with an edge that the other has left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_was_left_behind_is_read_again_and_nothing_is_written_over() {
    let Some(database) = database_or_skip() else { return };
    let store = resting(&database.url()).await;
    let one = by_hand(&database.url(), FOR_EVER_MS);
    assert!(lead(&one).await);
    let other = forged(&database.url(), &one).await;
    for n in 0..20 {
        commit(&store, n).await;
        let sequencer = if n % 2 == 0 { &one } else { &other };
        let stale = sequencer.turn.lock().await.edge.as_ref().map(Edge::size);
        assert!(n < 2 || stale == Some(n - 1), "its edge is that of its own last step");
        step(sequencer).await.unwrap();
        is_whole(&store, n + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequencer_that_slept_past_its_lease_moves_nothing() {
    let Some(database) = database_or_skip() else { return };
    let store = resting(&database.url()).await;
    let sleeper = by_hand(&database.url(), 1);
    assert!(lead(&sleeper).await);
    commit(&store, 0).await;
    step(&sleeper).await.unwrap();
    // It believes in its lease for ever; the database does not.
    if let Some(held) = &mut sleeper.turn.lock().await.held {
        held.until = Instant::now() + Duration::from_secs(3600);
    }
    let awake = by_hand(&database.url(), FOR_EVER_MS);
    while !lead(&awake).await {}
    commit(&store, 1).await;
    assert!(lead(&sleeper).await, "it believes");
    let outcome = step(&sleeper).await;
    assert!(matches!(outcome, Err(Fault::Store(StoreError::Fenced))), "{outcome:?}");
    is_whole(&store, 1).await;
    assert!(!lead(&sleeper).await && !sleeper.leads(), "and now it knows");
    step(&awake).await.unwrap();
    is_whole(&store, 2).await;
}

/// As above, and in between the primary dies and its standby takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequencer_that_slept_through_a_failover_moves_nothing() {
    let mut cluster = match Cluster::start(Shape { standby: true, durable: false }) {
        Ok(cluster) => cluster,
        Err(reason) => {
            assert!(!servers_are_needed(), "{reason}");
            return eprintln!("skipped: {reason}");
        }
    };
    let url = cluster.url("postgres");
    let store = resting(&url).await;
    let sleeper = by_hand(&url, 1);
    assert!(lead(&sleeper).await);
    commit(&store, 0).await;
    step(&sleeper).await.unwrap();
    let before = sleeper.turn.lock().await.held.unwrap().fence;
    cluster.kill_primary().unwrap();
    cluster.promote().unwrap();
    cluster.add_standby().unwrap();
    let began = Instant::now();
    while store.ready().await.is_err() {
        assert!(began.elapsed() < WITHIN, "the store never comes back");
        sleep(PAUSE).await;
    }
    let awake = by_hand(&url, FOR_EVER_MS);
    while !lead(&awake).await {}
    assert_eq!(awake.turn.lock().await.held.unwrap().fence, before + 1);
    commit(&store, 1).await;
    // It believes in its lease for ever; its connection of before is gone, and with the next it finds out.
    if let Some(held) = &mut sleeper.turn.lock().await.held {
        held.until = Instant::now() + Duration::from_secs(3600);
    }
    let outcome = loop {
        match step(&sleeper).await {
            Err(fault) if is_lost(&fault) && began.elapsed() < WITHIN => {}
            outcome => break outcome,
        }
    };
    assert!(matches!(outcome, Err(Fault::Store(StoreError::Fenced))), "{outcome:?}");
    is_whole(&store, 1).await;
    step(&awake).await.unwrap();
    is_whole(&store, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_longer_than_a_batch_is_emptied_in_batches() {
    let Some(database) = database_or_skip() else { return };
    let store = resting(&database.url()).await;
    let count = queue::BATCH as u64 * 2 + 10;
    let change =
        Change { entries: (0..count).map(|n| n.to_be_bytes().to_vec()).collect(), ..Change::default() };
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.unwrap();
    let one = by_hand(&database.url(), FOR_EVER_MS);
    assert!(lead(&one).await);
    step(&one).await.unwrap();
    is_whole(&store, count).await;
}
