//! Blank changes to fill in, and the shortest way to commit one.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Change, Committed, Decide, Find, IndexTerm, JobChange, Loaded, Needs, NewEvent, NewJob, RecordChange,
    RequestChange, Row, Status, Store, StoreError,
};

pub(super) fn id(n: u64) -> RequestId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    RequestId::from_bytes(bytes)
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

pub(super) fn row(n: u64, status: Status) -> Row {
    Row {
        id: id(n),
        version: 1,
        status,
        action: "erase".to_owned(),
        channel: "api".to_owned(),
        submitted_at: at(1000 + n as i64),
        due_at: None,
        expires_at: None,
        started_at: None,
        changed_at: at(1000 + n as i64),
    }
}

pub(super) fn event(kind: &str) -> NewEvent {
    NewEvent {
        kind: kind.to_owned(),
        form: 1,
        body: format!("body of {kind}").into_bytes(),
        entry: format!("entry of {kind}").into_bytes(),
    }
}

/// A row's first event.
pub(super) fn submitted(row: Row) -> RequestChange {
    RequestChange { row, events: vec![event("submitted")], terms: Vec::new() }
}

/// The same request, one event further.
pub(super) fn moved(mut row: Row, status: Status) -> RequestChange {
    row.version += 1;
    row.status = status;
    RequestChange { row, events: vec![event("moved")], terms: Vec::new() }
}

pub(super) fn request(change: RequestChange) -> Change {
    Change { request: Some(change), ..Change::default() }
}

pub(super) fn term(name: &str, value: &str) -> IndexTerm {
    IndexTerm { name: name.to_owned(), value: value.as_bytes().to_vec() }
}

/// One named index with its values.
pub(super) fn terms(name: &str, values: &[&str]) -> (String, Vec<Vec<u8>>) {
    (name.to_owned(), values.iter().map(|value| value.as_bytes().to_vec()).collect())
}

pub(super) fn put(kind: &str, id: &str, body: &str, expect: Option<u64>) -> RecordChange {
    RecordChange::Put {
        kind: kind.to_owned(),
        id: id.to_owned(),
        body: body.as_bytes().to_vec(),
        terms: Vec::new(),
        expires_at: None,
        expect,
    }
}

pub(super) fn records(records: Vec<RecordChange>) -> Change {
    Change { records, ..Change::default() }
}

pub(super) fn wish(key: &str, run_at: Timestamp) -> JobChange {
    JobChange::Wish(NewJob {
        kind: "judge".to_owned(),
        key: key.to_owned(),
        body: key.as_bytes().to_vec(),
        run_at,
    })
}

pub(super) fn jobs(jobs: Vec<JobChange>) -> Change {
    Change { jobs, ..Change::default() }
}

pub(super) fn of_request(n: u64) -> Needs {
    Needs { request: Some(id(n)), ..Needs::default() }
}

pub(super) fn of_record(kind: &str, find: Find) -> Needs {
    Needs { records: vec![(kind.to_owned(), find)], ..Needs::default() }
}

/// A decision that answers `change`, however often it is asked.
pub(super) fn always(change: Change) -> Decide {
    Box::new(move |_| Ok(change.clone()))
}

/// Commits `change` without a look.
pub(super) async fn commit(store: &dyn Store, change: Change) -> Result<Committed, StoreError> {
    store.act(Needs::default(), always(change)).await
}

/// The store's time.
pub(super) async fn now(store: &dyn Store) -> Timestamp {
    load(store, Needs::default()).await.now
}

/// The ledger's head, once everything that was committed is in it.
pub(super) async fn head(store: &dyn Store) -> (u64, [u8; 32]) {
    store.sequence().await.unwrap();
    store.head().await.unwrap()
}

pub(super) async fn load(store: &dyn Store, needs: Needs) -> Loaded {
    store.load(needs).await.unwrap()
}
