//! What only a file can show: the lock, reading beside a server, what is never rewritten, which bytes are left.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Change, JobChange, Needs, NewEvent, NewJob, RequestChange, Row, SealedChange, Status, Store, StoreError,
};
use countersign_store::{Clock, OpenError, SqliteStore};

fn clock() -> Clock {
    Arc::new(|| Timestamp::from_millis(1_750_000_000_000))
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, clock()).unwrap()
}

async fn commit(store: &SqliteStore, change: Change) -> Result<(), StoreError> {
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.map(drop)
}

/// A request with one of everything.
fn full(n: u8) -> Change {
    let id = RequestId::from_bytes([n; 16]);
    let at = Timestamp::from_millis(1);
    Change {
        request: Some(RequestChange {
            row: Row {
                id,
                version: 1,
                status: Status::Waiting,
                action: "erase".to_owned(),
                channel: "api".to_owned(),
                submitted_at: at,
                due_at: None,
                expires_at: None,
                started_at: None,
                changed_at: at,
            },
            events: vec![NewEvent { kind: "submitted".to_owned(), form: 1, body: vec![1], entry: vec![2] }],
            terms: Vec::new(),
        }),
        jobs: vec![JobChange::Wish(NewJob {
            kind: "judge".to_owned(),
            key: n.to_string(),
            body: vec![],
            run_at: at,
        })],
        ..Change::default()
    }
}

#[tokio::test]
async fn a_second_process_for_writing_is_told_that_the_store_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let first = open(&path);
    let refused = SqliteStore::open(&path, clock()).err().unwrap();
    assert!(matches!(refused, OpenError::InUse(_)));
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    drop(first);
    drop(open(&path));
}

#[tokio::test]
async fn what_was_stored_is_there_after_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    for n in 1..=3 {
        commit(&store, full(n)).await.unwrap();
    }
    store.keep_checkpoint(2, vec![5]).await.unwrap();
    assert_eq!(store.claim(2, 60_000).await.unwrap().len(), 2);
    let head = store.head().await.unwrap();
    drop(store);

    let store = open(&path);
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(*store.changes().borrow(), 3);
    assert_eq!(store.load(Needs::default()).await.unwrap().checkpointed, 2);
    assert_eq!(store.release_leases().await.unwrap(), 2);
    commit(&store, full(4)).await.unwrap();
    assert_eq!(store.head().await.unwrap().0, 4);
}

#[tokio::test]
async fn a_store_is_read_beside_the_process_that_writes_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    commit(&store, full(1)).await.unwrap();
    let reading = SqliteStore::read_only(&path, clock()).unwrap();
    assert_eq!(reading.head().await.unwrap(), store.head().await.unwrap());
    commit(&store, full(2)).await.unwrap();
    assert_eq!(reading.head().await.unwrap().0, 2, "it sees what is committed later");
    let refused = commit(&reading, full(3)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(reading);
    drop(store);
    let reading = SqliteStore::read_only(&path, clock()).unwrap();
    assert_eq!(reading.entries(0, 10).await.unwrap().len(), 2);
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert!(SqliteStore::read_only(&path, clock()).is_err());
    assert!(!path.exists());
    let refused = SqliteStore::open(&folder.path().join("no/such/folder/store.db"), clock()).err().unwrap();
    assert!(matches!(refused, OpenError::File { .. }), "{refused}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let text = "not a database, and longer than one header of a hundred bytes. ".repeat(10);
    std::fs::write(&path, &text).unwrap();
    assert!(SqliteStore::open(&path, clock()).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"));
    commit(&store, full(1)).await.unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        seen += 1;
    }
    assert_eq!(seen, 4, "database, write-ahead log, its index, lock");
}

#[tokio::test]
async fn history_and_ledger_are_not_rewritten_even_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    let settings = countersign_service::ports::store::NewSettings { version: 1, body: vec![] };
    commit(&store, Change { settings: Some(settings), ..full(1) }).await.unwrap();
    store.keep_checkpoint(1, vec![1]).await.unwrap();
    drop(store);
    let db = rusqlite::Connection::open(&path).unwrap();
    for statement in [
        "update event set body = x'00'",
        "delete from event",
        "update log_entry set body = x'00'",
        "delete from log_entry",
        "update log_tile set data = zeroblob(32)",
        "update log_tile set level = 2",
        "delete from log_tile",
        "update log_head set size = 0",
        "delete from log_head",
        "insert into log_head (one, size, root) values (2, 0, zeroblob(32))",
        "update log_checkpoint set note = x'00'",
        "delete from log_checkpoint",
        "update settings set body = x'00'",
        "delete from settings",
        "delete from request",
        "update request set action = 'export'",
        "update request set status = 'done'",
        "update request set version = 0",
        "insert into job (kind, key, body, run_at) select kind, key, body, run_at from job",
    ] {
        assert!(db.execute(statement, []).is_err(), "{statement}");
    }
}

#[tokio::test]
async fn no_byte_of_what_was_destroyed_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    let needle = |n: u32, round: u32| format!("needle-{n:03}-{round}-").into_bytes();
    let id = |n: u32| RequestId::from_bytes(u128::from(n.wrapping_mul(0x9e37_79b9)).to_be_bytes());
    for round in 0..3 {
        for n in 0..120u32 {
            let field = |name: &str, times: usize| SealedChange::Field {
                request: id(n),
                field: name.to_owned(),
                sealed: needle(n, round).repeat(times),
            };
            let sealed = vec![
                SealedChange::Key { request: id(n), epoch: 1, wrapped: needle(n, round) },
                field("subject", 1 + n as usize % 40),
                field("reason/1", 3),
                field("package/0", 100 * (n as usize % 9)),
            ];
            commit(&store, Change { sealed, ..Change::default() }).await.unwrap();
        }
    }
    // Every third stays, so that pages are shared, merged and split around what goes.
    for n in (0..120).filter(|n| n % 3 != 0) {
        let empty =
            |name: &str| SealedChange::Field { request: id(n), field: name.to_owned(), sealed: Vec::new() };
        let sealed = if n % 6 == 1 {
            // Field by field, as a package goes while its request stays.
            let key = SealedChange::Key { request: id(n), epoch: 1, wrapped: b"another".to_vec() };
            vec![empty("subject"), empty("reason/1"), empty("package/0"), key]
        } else {
            vec![SealedChange::Destroy { request: id(n) }]
        };
        commit(&store, Change { sealed, ..Change::default() }).await.unwrap();
    }
    // The writer empties the write-ahead log after the answer, once nobody waits.
    let log = folder.path().join("store.db-wal");
    let patience = std::time::Instant::now();
    while std::fs::metadata(&log).unwrap().len() > 0 {
        assert!(patience.elapsed().as_secs() < 30, "the write-ahead log is not emptied");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    let mut files = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        files.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    // One pass over all bytes: the number and round that follow each needle.
    let left: std::collections::BTreeSet<Vec<u8>> =
        files.windows(13).filter(|window| window.starts_with(b"needle-")).map(<[u8]>::to_vec).collect();
    for n in 0..120 {
        assert_eq!(left.contains(&needle(n, 2)), n % 3 == 0, "request {n}");
        assert!(!left.contains(&needle(n, 0)), "what was replaced in request {n}");
    }
}
