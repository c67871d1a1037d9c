//! What is written, statement by statement: none changes a table twice, what is usual is one statement, a guard in any of
//! them undoes all, and whatever is changed is found by an index.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Instant;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_ledger::Edge;
use countersign_service::ports::store::{
    Becomes, Change, IndexTerm, JobChange, JobEnd, Loaded, Needs, NewEvent, NewJob, NewSettings,
    RecordChange, RequestChange, Row, SealedChange, Status, Store, StoreError,
};
use countersign_testing::postgres::database_or_skip;

use super::lease::Held;
use super::plan::{filled, uses_an_index};
use super::queue::{self, Waiting};
use super::statement::{Statement, changes_each_once};
use super::{PostgresOptions, PostgresStore, act, job};

const NOW: Timestamp = Timestamp::from_millis(1);

fn id(n: u8) -> RequestId {
    RequestId::from_bytes([n; 16])
}

fn request(version: u64) -> RequestChange {
    let row = Row {
        id: id(1),
        version,
        status: Status::Waiting,
        action: "erase".to_owned(),
        channel: "api".to_owned(),
        submitted_at: NOW,
        due_at: None,
        expires_at: None,
        started_at: None,
        changed_at: NOW,
    };
    let event = NewEvent { kind: "told".to_owned(), form: 1, body: Vec::new(), entry: b"entry".to_vec() };
    RequestChange { row, events: vec![event], terms: vec![("identity".to_owned(), vec![b"x".to_vec()])] }
}

fn put(id: &str, expect: Option<u64>) -> RecordChange {
    put_under(vec![IndexTerm { name: "identity".to_owned(), value: b"x".to_vec() }], id, expect)
}

fn put_under(terms: Vec<IndexTerm>, id: &str, expect: Option<u64>) -> RecordChange {
    let (kind, id) = ("person".to_owned(), id.to_owned());
    RecordChange::Put { kind, id, body: Vec::new(), terms, expires_at: None, expect }
}

/// A request that comes in, with all that belongs to it.
fn newcomer() -> Change {
    let job = NewJob { kind: "advance".to_owned(), key: "one".to_owned(), body: Vec::new(), run_at: NOW };
    Change {
        request: Some(request(1)),
        // The caller's key, and a count that stood already.
        records: vec![put_under(Vec::new(), "new", Some(0)), put_under(Vec::new(), "counted", Some(2))],
        sealed: vec![
            SealedChange::Key { request: id(1), epoch: 1, wrapped: b"key".to_vec() },
            SealedChange::Field { request: id(1), field: "subject".to_owned(), sealed: b"sealed".to_vec() },
        ],
        jobs: vec![JobChange::Wish(job)],
        entries: vec![b"entry".to_vec()],
        settings: None,
    }
}

/// Everything there is, changed in every way, and a record twice.
fn everything() -> Change {
    let mut change = newcomer();
    change.request = Some(request(2));
    change.records.extend([put("over", Some(3)), put("whatever", None)]);
    change.records.push(RecordChange::Delete { kind: "person".to_owned(), id: "gone".to_owned() });
    change.records.push(put("over", None));
    change.sealed.push(SealedChange::Destroy { request: id(2) });
    change.jobs.push(JobChange::Hold { id: 1, fence: 1 });
    change.settings = Some(NewSettings { version: 2, body: b"settings".to_vec() });
    change
}

fn statements(change: &Change) -> Vec<Statement> {
    let loaded = Loaded {
        now: NOW,
        settings_version: 1,
        checkpointed: 0,
        request: None,
        running: BTreeMap::new(),
        started: BTreeMap::new(),
        beside: Vec::new(),
        records: Vec::new(),
    };
    act::writes(change, &Needs::default(), &loaded).unwrap()
}

fn done(id: u64) -> JobEnd {
    JobEnd { id, fence: 1, becomes: Becomes::Done }
}

fn all() -> Vec<Statement> {
    let mut all = statements(&newcomer());
    all.extend(statements(&everything()));
    let again = JobEnd { becomes: Becomes::Again { after_ms: 1, counts: true }, ..done(2) };
    for careful in [false, true] {
        all.extend(job::ends(&[done(1), again], 0, careful).unwrap());
    }
    let mut waiting = Waiting::default();
    waiting.add(1, Some(vec![1; 16]), Some(1), b"entry".to_vec()).unwrap();
    let held = Held { fence: 1, until: Instant::now() };
    let (entering, _) = queue::entering("node", held, Edge::new(), waiting).unwrap();
    all.push(entering);
    all
}

#[test]
fn no_statement_changes_a_table_twice() {
    for statement in all() {
        assert!(changes_each_once(statement.text()), "{}", statement.text());
    }
}

#[test]
fn what_is_usual_is_one_statement() {
    assert_eq!(statements(&newcomer()).len(), 1, "a new request");
    let records = Change { records: vec![put("one", Some(0)), put("two", Some(0))], ..Change::default() };
    assert_eq!(statements(&records).len(), 1, "new records");
    assert_eq!(job::ends(&[done(1), done(2)], 0, false).unwrap().len(), 1, "jobs that are done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_is_found_by_an_index() {
    let Some(client) = filled().await else { return };
    for statement in all() {
        uses_an_index(&client, "a change", statement.text(), statement.values()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_in_a_later_statement_undoes_the_earlier() {
    let Some(database) = database_or_skip() else { return };
    let store = PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap();
    let change = Change { records: vec![put("new", Some(0)), put("new", Some(7))], ..Change::default() };
    assert_eq!(statements(&change).len(), 3, "the first, then the second, then its terms");
    let outcome = store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await;
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
    assert_eq!(database.run("select count(*) from record").unwrap(), "0");
    store.close().await;
}
