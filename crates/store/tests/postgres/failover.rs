//! A primary that dies, and a standby that takes its place: nodes find it by themselves, and what was acknowledged is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Becomes, Change, Job, JobChange, JobEnd, Needs, NewJob, Status, Store, StoreError,
};
use countersign_store::PostgresStore;
use countersign_testing::postgres::cluster::{Cluster, Down, Shape};
use countersign_testing::servers_are_needed;

use crate::work::{commit, eventually, ledger, node, submitted};

fn cluster_or_skip(standby: bool) -> Option<Cluster> {
    match Cluster::start(Shape { standby, durable: false }) {
        Ok(cluster) => Some(cluster),
        Err(reason) => {
            assert!(!servers_are_needed(), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

async fn opened(cluster: &Cluster, name: &str, statement_timeout_ms: u64) -> Arc<PostgresStore> {
    let soon = |options: &mut countersign_store::PostgresOptions| {
        options.sequencer_lease_ms = 2_000;
        options.connect_timeout_ms = 2_000;
        options.statement_timeout_ms = statement_timeout_ms;
    };
    Arc::new(node(&cluster.url("postgres"), name, soon).await)
}

/// Commits numbers from `next` on until `stop`, and keeps those that were acknowledged.
fn writing(
    store: &Arc<PostgresStore>,
    next: &Arc<AtomicU64>,
    stop: &Arc<AtomicU64>,
) -> tokio::task::JoinHandle<Vec<u64>> {
    let (store, next, stop) = (Arc::clone(store), Arc::clone(next), Arc::clone(stop));
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        while stop.load(Ordering::SeqCst) == 0 {
            let n = next.fetch_add(1, Ordering::SeqCst);
            match commit(&*store, n).await {
                Ok(_) => acknowledged.push(n),
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
        acknowledged
    })
}

async fn act(store: &PostgresStore, change: Change) -> Result<(), StoreError> {
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.map(drop)
}

async fn wish(store: &PostgresStore) {
    let run_at = Timestamp::from_millis(0);
    let job = NewJob { kind: "erase".to_owned(), key: "it".to_owned(), body: Vec::new(), run_at };
    act(store, Change { jobs: vec![JobChange::Wish(job)], ..Change::default() }).await.unwrap();
}

/// The one job, once its lease of before has run out.
async fn claimed(store: &PostgresStore) -> Job {
    loop {
        if let Some(job) = store.claim(1, 60_000).await.unwrap().pop() {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn done(job: &Job) -> JobEnd {
    JobEnd { id: job.id, fence: job.fence, becomes: Becomes::Done }
}

/// Tells the server not to wait for its standby any longer where it does so for this statement, as an impatient
/// administrator would: it then answers as if all were well, with a warning.
async fn stop_waiting(cluster: &Cluster, statement: &str) {
    let cancel = format!(
        "select count(pg_cancel_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep' and query like '%{statement}%'"
    );
    eventually("it waits", async || cluster.run("postgres", &cancel).unwrap() != "0").await;
}

fn number(entry: &[u8]) -> u64 {
    std::str::from_utf8(entry).unwrap().strip_prefix("entry ").unwrap().parse().unwrap()
}

/// Every acknowledged number is in the ledger, and none is there twice.
async fn nothing_is_lost_or_doubled(store: &PostgresStore, acknowledged: &[u64]) {
    store.sequence().await.unwrap();
    let mut kept: Vec<u64> = ledger(store).await.iter().map(|entry| number(entry)).collect();
    kept.sort_unstable();
    let count = kept.len();
    kept.dedup();
    assert_eq!(kept.len(), count, "an entry stands twice");
    let lost: Vec<_> = acknowledged.iter().filter(|n| kept.binary_search(n).is_err()).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_find_the_promoted_standby_and_everything_acknowledged_is_there() {
    let Some(mut cluster) = cluster_or_skip(true) else { return };
    let nodes = [opened(&cluster, "one", 5_000).await, opened(&cluster, "other", 5_000).await];
    eventually("somebody leads", async || nodes.iter().any(|node| node.leads())).await;
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..4).map(|n| writing(&nodes[n % 2], &next, &stop)).collect();
    eventually("there is something to lose", async || next.load(Ordering::SeqCst) > 100).await;
    let before = nodes[0].head().await.unwrap();
    wish(&nodes[0]).await;
    let old = nodes[0].claim(1, 1).await.unwrap().remove(0);
    let fence = cluster.run("postgres", "select fence from lease").unwrap();

    cluster.kill_primary().unwrap();
    for node in &nodes {
        eventually("it says so", async || matches!(node.ready().await, Err(StoreError::Unavailable(_))))
            .await;
    }
    cluster.promote().unwrap();
    cluster.add_standby().unwrap();
    for node in &nodes {
        eventually("it is ready again", async || node.ready().await.is_ok()).await;
    }
    let more = next.load(Ordering::SeqCst) + 100;
    eventually("work goes on", async || next.load(Ordering::SeqCst) > more).await;
    stop.store(1, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    for node in &nodes {
        nothing_is_lost_or_doubled(node, &acknowledged).await;
    }
    // The ledger grew out of the one that was there before.
    let grown = nodes[1].entries(0, before.0 as u32).await.unwrap();
    let mut tree = countersign_ledger::Edge::new();
    tree.append_all(grown.iter().map(|entry| countersign_ledger::Entry::new(entry).unwrap().leaf_hash()));
    assert_eq!((tree.size(), tree.root()), before);

    // Whoever claimed the job before and slept through all of this holds a fence that fits no more.
    let new = claimed(&nodes[1]).await;
    assert_eq!((new.id, new.fence), (old.id, old.fence + 1));
    let hold = JobChange::Hold { id: old.id, fence: old.fence };
    let fenced = act(&nodes[0], Change { jobs: vec![hold], ..submitted(1, Status::Waiting) }).await;
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    assert!(matches!(nodes[0].end(vec![done(&old)]).await, Err(StoreError::Fenced)));
    assert!(!nodes[0].renew(old.id, old.fence, 1).await.unwrap());
    assert_eq!(nodes[1].tally().await.unwrap(), [], "nothing of it stands");
    nodes[1].end(vec![done(&new)]).await.unwrap();
    assert!(matches!(nodes[1].end(vec![done(&new)]).await, Err(StoreError::Fenced)), "it is done once");
    assert_eq!(nodes[0].next_job_at().await.unwrap(), None);

    // The lease of the ledger: `sequencer/tests.rs` wakes its holder of before.
    nodes[0].close().await;
    nodes[1].close().await;
    let third = opened(&cluster, "third", 5_000).await;
    third.sequence().await.unwrap();
    let later = cluster.run("postgres", "select fence from lease").unwrap();
    assert!(later.parse::<u64>().unwrap() > fence.parse::<u64>().unwrap(), "{fence} {later}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_standby_has_is_not_acknowledged_and_not_read_after_a_restart() {
    let Some(mut cluster) = cluster_or_skip(true) else { return };
    let store = opened(&cluster, "one", 1_500).await;
    commit(&*store, 0).await.unwrap();
    store.sequence().await.unwrap();
    cluster.kill_standby().unwrap();
    let outcome = commit(&*store, 1).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(store.ready().await.is_err());
    // After a restart the server shows what was never acknowledged; nobody reads it through us.
    cluster.restart(Down::Immediate).unwrap();
    let shown = "select count(*) from log_queue";
    assert_eq!(cluster.run("postgres", shown).unwrap(), "1");
    eventually("nothing is read", async || store.head().await.is_err()).await;
    assert!(store.head().await.is_err());
    cluster.revive_standby().unwrap();
    eventually("it is ready again", async || store.ready().await.is_ok()).await;
    nothing_is_lost_or_doubled(&store, &[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_found_again_however_it_went_down() {
    let Some(mut cluster) = cluster_or_skip(false) else { return };
    let store = opened(&cluster, "one", 5_000).await;
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let writer = writing(&store, &next, &stop);
    for down in [Down::Fast, Down::Immediate, Down::Killed] {
        let more = next.load(Ordering::SeqCst) + 20;
        eventually("work goes on", async || next.load(Ordering::SeqCst) > more).await;
        cluster.restart(down).unwrap();
        eventually("it is ready again", async || store.ready().await.is_ok()).await;
    }
    stop.store(1, Ordering::SeqCst);
    let acknowledged = writer.await.unwrap();
    nothing_is_lost_or_doubled(&store, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_for_which_the_server_stopped_waiting_is_not_acknowledged_and_not_read() {
    let Some(mut cluster) = cluster_or_skip(true) else { return };
    let store = opened(&cluster, "one", 5_000).await;
    // Some connections that are kept, and wrote long before.
    for outcome in futures::future::join_all((0..4).map(|n| commit(&*store, n))).await {
        outcome.unwrap();
    }
    cluster.kill_standby().unwrap();
    let acting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { act(&store, submitted(1, Status::Waiting)).await })
    };
    stop_waiting(&cluster, "insert into request").await;
    let outcome = acting.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(cluster.run("postgres", "select count(*) from request").unwrap(), "1", "the server shows it");
    for _ in 0..8 {
        let read = store.tally().await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    }
    let says = async || store.ready().await.unwrap_err().to_string().contains("synchronous standby");
    eventually("it says what is missing", says).await;
    cluster.revive_standby().unwrap();
    eventually("it is ready again", async || store.ready().await.is_ok()).await;
    assert_eq!(store.tally().await.unwrap(), [("erase".to_owned(), Status::Waiting, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_checkpoint_is_shown_before_the_standby_has_it() {
    let Some(mut cluster) = cluster_or_skip(true) else { return };
    let store = opened(&cluster, "one", 5_000).await;
    commit(&*store, 0).await.unwrap();
    store.sequence().await.unwrap();
    assert_eq!(store.checkpoint(None).await.unwrap(), None);
    cluster.kill_standby().unwrap();
    let keeping = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.keep_checkpoint(1, b"note".to_vec()).await })
    };
    let waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep' \
                 and query like '%insert into log_checkpoint%'";
    eventually("it waits", async || cluster.run("postgres", waits).unwrap() == "1").await;
    // While it waits, whoever can still read sees none.
    for _ in 0..8 {
        assert!(matches!(store.checkpoint(None).await, Ok(None) | Err(_)));
    }
    stop_waiting(&cluster, "insert into log_checkpoint").await;
    let outcome = keeping.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(cluster.run("postgres", "select count(*) from log_checkpoint").unwrap(), "1");
    for _ in 0..8 {
        let read = store.checkpoint(None).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    }
    cluster.revive_standby().unwrap();
    eventually("it is ready again", async || store.ready().await.is_ok()).await;
    store.keep_checkpoint(1, b"note".to_vec()).await.unwrap();
    assert_eq!(store.checkpoint(None).await.unwrap(), Some((1, b"note".to_vec())));
}
