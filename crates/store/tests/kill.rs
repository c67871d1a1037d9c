//! `kill -9` while the store works: every change that was acknowledged is there, whole and once, and the ledger's
//! head is the root of its entries. This binary starts itself as the process to be killed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_ledger::{Edge, Entry};
use countersign_service::ports::store::{
    Change, Find, JobChange, Needs, NewEvent, NewJob, RecordChange, RequestChange, Row, Status, Store,
};
use countersign_store::{Clock, SqliteStore};

const STORE: &str = "COUNTERSIGN_TEST_KILLED_STORE";
const ROUNDS: u64 = 5;

fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_millis(since.as_millis() as i64)
    })
}

fn id(n: u64) -> RequestId {
    RequestId::from_bytes(u128::from(n).to_be_bytes())
}

/// Row, two events, a record and a job of one number.
fn change(n: u64, now: Timestamp) -> Change {
    let event = |kind: &str| NewEvent {
        kind: kind.to_owned(),
        form: 1,
        body: n.to_be_bytes().to_vec(),
        entry: format!("{kind} {n}").into_bytes(),
    };
    Change {
        request: Some(RequestChange {
            row: Row {
                id: id(n),
                version: 2,
                status: Status::Waiting,
                action: "erase".to_owned(),
                channel: "api".to_owned(),
                submitted_at: now,
                due_at: None,
                expires_at: None,
                started_at: None,
                changed_at: now,
            },
            events: vec![event("submitted"), event("proved")],
            terms: vec![("root".to_owned(), vec![n.to_be_bytes().to_vec()])],
        }),
        records: vec![RecordChange::Put {
            kind: "survey".to_owned(),
            id: n.to_string(),
            body: vec![0; 200],
            terms: Vec::new(),
            expires_at: None,
            expect: Some(0),
        }],
        jobs: vec![JobChange::Wish(NewJob {
            kind: "judge".to_owned(),
            key: n.to_string(),
            body: Vec::new(),
            run_at: now,
        })],
        ..Change::default()
    }
}

/// Does nothing as a test; as the process that is killed it acts until it is.
#[test]
fn the_process_that_is_killed() {
    let Ok(path) = std::env::var(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(Path::new(&path), clock()).unwrap());
        let start = store.head().await.unwrap().0 * 1000;
        let clients: Vec<_> = (0..16u64)
            .map(|client| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for turn in 0.. {
                        let n = start + turn * 16 + client;
                        let decide = Box::new(move |loaded: &countersign_service::ports::store::Loaded| {
                            Ok(change(n, loaded.now))
                        });
                        store.act(Needs::default(), decide).await.unwrap();
                        let line = format!("ack {n}\n");
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

#[test]
fn no_acknowledged_change_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_process_that_is_killed", "--exact", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        let enough = 200 + 37 * round;
        while seen < enough {
            let line = lines.next().expect("it acts until it is killed").unwrap();
            seen += u64::from(keep(&line, &mut acknowledged));
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // What stood in the pipe was acknowledged too; its last line may be cut off.
        for line in lines.map_while(Result::ok) {
            keep(&line, &mut acknowledged);
        }
        tokio::runtime::Runtime::new().unwrap().block_on(whole(&path, &acknowledged));
    }
}

fn keep(line: &str, acknowledged: &mut BTreeSet<u64>) -> bool {
    let Some(n) = line.strip_prefix("ack ").and_then(|n| n.parse().ok()) else { return false };
    assert!(acknowledged.insert(n), "acknowledged twice");
    true
}

/// Everything acknowledged is there, everything there is whole, and the ledger is the tree of its entries.
async fn whole(path: &Path, acknowledged: &BTreeSet<u64>) {
    let store = SqliteStore::open(path, clock()).unwrap();
    let (size, root) = store.head().await.unwrap();
    let (mut edge, mut entries) = (Edge::new(), Vec::new());
    while (entries.len() as u64) < size {
        let some = store.entries(entries.len() as u64, 5000).await.unwrap();
        assert!(!some.is_empty(), "the ledger has fewer entries than its head says");
        drop(edge.append_all(some.iter().map(|entry| Entry::new(entry).unwrap().leaf_hash())));
        entries.extend(some);
    }
    assert!(store.entries(size, 1).await.unwrap().is_empty(), "an entry beyond the head");
    assert_eq!(edge.root(), root);

    let stored: BTreeSet<u64> = entries
        .iter()
        .filter_map(|entry| {
            std::str::from_utf8(entry).unwrap().strip_prefix("submitted ").map(|n| n.parse().unwrap())
        })
        .collect();
    assert_eq!(stored.len() as u64 * 2, size, "each request has its two entries, once");
    assert!(stored.is_superset(acknowledged), "lost: {:?}", acknowledged.difference(&stored));
    for &n in &stored {
        let needs = Needs {
            request: Some(id(n)),
            records: vec![("survey".to_owned(), Find::Id(n.to_string()))],
            ..Needs::default()
        };
        let loaded = store.load(needs).await.unwrap();
        let request = loaded.request.unwrap();
        assert_eq!((request.events.len(), request.terms.len(), loaded.records.len()), (2, 1, 1), "{n}");
        for event in request.events {
            assert_eq!(entries[event.leaf.unwrap() as usize], format!("{} {n}", event.kind).into_bytes());
        }
    }
    store.release_leases().await.unwrap();
    assert_eq!(store.claim(u32::MAX, 1).await.unwrap().len(), stored.len(), "and its job");
}
