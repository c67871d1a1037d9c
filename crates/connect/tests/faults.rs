//! What goes wrong in the middle: a killed process, a killed backend, a file that somebody else holds, a file that is
//! none, values that break encodings. Nothing is ever half done, and no message says a value.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

#[path = "conformance/permit.rs"]
mod permit;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign_connect::{postgres, sqlite};
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_service::ports::source::{Exported, RootKey, Source, SourceError, Stepped, Target, Value};
use countersign_service::settings::DataMap;
use permit::{key, permit};

const SCHEMA: &str = "
    CREATE TABLE person (id integer PRIMARY KEY, email text NOT NULL);
    CREATE TABLE thing (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id), what text);
    CREATE INDEX thing_by_person ON thing (person_id);
    INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
    INSERT INTO thing VALUES (1, 1, 'hers'), (2, 1, 'hers'), (3, 2, 'his');";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "thing"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
"#;

/// Where the child process finds the file that it is to be killed over.
const CHILD: &str = "COUNTERSIGN_TEST_FILE";
/// Long enough to be found inside the transaction.
const PACE_MS: u64 = 1_000;

fn map() -> DataMap {
    DataMap::parse(MAP).unwrap()
}

fn ana() -> Target {
    let root = RootKey { source: "shop".to_owned(), table: "person".to_owned(), key: "[\"1\"]".to_owned() };
    Target::Subject(vec![root])
}

fn file() -> (PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch(SCHEMA).unwrap();
    (path, folder)
}

fn source(path: &Path, pace_ms: u64) -> sqlite::SqliteSource {
    let options = sqlite::Options { busy_timeout_ms: 200, pace_ms, ..sqlite::Options::new(path) };
    sqlite::SqliteSource::open("shop", options).unwrap()
}

async fn erase(source: &dyn Source) -> Result<Stepped, SourceError> {
    source.erase(&permit(1, "erase", None), &key(1), &map(), &ana()).await
}

fn rows(path: &Path, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
#[ignore = "run by the test below"]
async fn child_erases_slowly() {
    let Ok(path) = std::env::var(CHILD) else { return };
    erase(&source(Path::new(&path), PACE_MS * 30)).await.unwrap();
}

#[tokio::test]
async fn a_process_killed_inside_the_transaction_leaves_no_receipt_and_the_next_try_does_it_once() {
    let (path, _folder) = file();
    // The table of receipts is made before the transaction, so that it says when the child came so far.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_erases_slowly", "--ignored"])
        .env(CHILD, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let began = Instant::now();
    // It is inside when nobody else may begin to write.
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "the child never began");
        let free = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
        let prepared = connection.prepare("SELECT 1 FROM countersign_receipt").is_ok();
        if prepared && !free {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(connection);
    std::thread::sleep(Duration::from_millis(200));
    child.kill().unwrap();
    child.wait().unwrap();
    let source = source(&path, 0);
    assert_eq!(source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!((rows(&path, "person"), rows(&path, "thing")), (2, 3));
    let done = erase(&source).await.unwrap();
    assert!(matches!(done, Stepped::Done(_)));
    assert_eq!(erase(&source).await.unwrap(), done);
    assert_eq!((rows(&path, "person"), rows(&path, "thing")), (1, 1));
}

/// Not a test of its own either.
#[tokio::test]
#[ignore = "run by the test below"]
async fn child_does_the_second_part_slowly() {
    let Ok(path) = std::env::var(CHILD) else { return };
    part(&source(Path::new(&path), PACE_MS * 30), 2).await.unwrap();
}

#[tokio::test]
async fn a_process_killed_inside_a_part_leaves_the_parts_before_and_the_next_goes_on() {
    let (path, _folder) = file();
    let source = source(&path, 0);
    let Stepped::Part(first) = part(&source, 1).await.unwrap() else { panic!("a part") };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_does_the_second_part_slowly", "--ignored"])
        .env(CHILD, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let began = Instant::now();
    while connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "the child never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(connection);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((rows(&path, "person"), rows(&path, "thing")), (2, 2));
    the_rest_is_done_once(&source, &first).await;
    assert_eq!((rows(&path, "person"), rows(&path, "thing")), (1, 1));
    assert_eq!(rows(&path, "countersign_receipt"), 3, "two parts and the whole");
}

async fn part(source: &dyn Source, chunk: u32) -> Result<Stepped, SourceError> {
    let map = DataMap::parse(&format!("chunk_rows = 1\n{MAP}")).unwrap();
    let key = ReceiptKey { chunk, ..key(1) };
    source.erase(&permit(1, "erase", None), &key, &map, &ana()).await
}

/// After the first part, and a try of the second that came to nothing.
async fn the_rest_is_done_once(source: &dyn Source, first: &Receipt) {
    assert_eq!(source.receipt(&key(1)).await.unwrap(), None, "the whole is not done");
    assert_eq!(source.receipt(&ReceiptKey { chunk: 2, ..key(1) }).await.unwrap(), None);
    assert_eq!(part(source, 1).await.unwrap(), Stepped::Part(first.clone()), "and is not done again");
    assert!(matches!(part(source, 2).await, Ok(Stepped::Part(_))));
    assert!(matches!(part(source, 3).await, Ok(Stepped::Done(_))));
}

#[tokio::test]
async fn a_file_that_somebody_else_writes_is_not_available_and_nothing_is_done() {
    let (path, _folder) = file();
    let source = source(&path, 0);
    source.void(&key(9)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(erase(&source).await, Err(SourceError::Unavailable { .. })));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(source.receipt(&key(1)).await.unwrap(), None);
    assert!(matches!(erase(&source).await, Ok(Stepped::Done(_))));
}

#[tokio::test]
async fn a_file_that_is_missing_or_no_database_is_told_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sqlite");
    assert!(matches!(erase(&source(&missing, 0)).await, Err(SourceError::Unavailable { .. })));
    assert!(!missing.exists());
    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "This is a letter and no database, and it is longer than a header.".repeat(20))
        .unwrap();
    assert!(matches!(erase(&source(&text, 0)).await, Err(SourceError::Refused { .. })));
}

#[tokio::test]
async fn a_trigger_that_brings_rows_back_stops_the_erasure() {
    let (path, _folder) = file();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let trigger = "CREATE TRIGGER back AFTER DELETE ON thing WHEN old.id = 2
        BEGIN INSERT INTO thing VALUES (old.id, old.person_id, 'secret-value'); END";
    connection.execute_batch(trigger).unwrap();
    let source = source(&path, 0);
    let refused = erase(&source).await.unwrap_err().to_string();
    assert!(!refused.contains("secret-value"));
    assert_eq!(source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!((rows(&path, "person"), rows(&path, "thing")), (2, 3));
    let findings = source.check(&map()).await.unwrap();
    assert!(findings.iter().any(|it| it.message.contains("the trigger `back`")));
}

#[tokio::test]
async fn messages_carry_no_value_out_of_the_source() {
    let (path, _folder) = file();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let trigger = "CREATE TRIGGER loud BEFORE DELETE ON thing
        BEGIN SELECT RAISE(ABORT, 'cannot delete ana@example.test'); END";
    connection.execute_batch(trigger).unwrap();
    let refused = erase(&source(&path, 0)).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("ana@"));
}

#[tokio::test]
async fn values_that_break_encodings_are_handed_out_as_they_are() {
    let (path, _folder) = file();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "UPDATE thing SET what = CAST(x'ff00fe' AS TEXT) WHERE id = 1; UPDATE thing SET what = 'a' || char(0) || 'b' WHERE id = 2",
        )
        .unwrap();
    let (send, mut receive) = tokio::sync::mpsc::channel(100);
    source(&path, 0).export(&permit(1, "export", None), &map(), &ana(), send).await.unwrap();
    let mut values = vec![];
    while let Some(piece) = receive.recv().await {
        if let Exported::Row(row) = piece {
            values.extend(row);
        }
    }
    assert!(values.contains(&Value::Bytes(vec![0xff, 0, 0xfe])));
    assert!(values.contains(&Value::Text("a\0b".to_owned())));
}

#[tokio::test]
async fn an_export_that_nobody_takes_stops() {
    let (path, _folder) = file();
    let (send, receive) = tokio::sync::mpsc::channel(1);
    drop(receive);
    let stopped = source(&path, 0).export(&permit(1, "export", None), &map(), &ana(), send).await;
    assert!(matches!(stopped, Err(SourceError::Unavailable { .. })));
}

fn server(
    pace_ms: u64,
) -> Option<(postgres::PostgresSource, countersign_testing::postgres::Database<'static>)> {
    let database = countersign_testing::postgres::database_or_skip()?;
    database.run(SCHEMA).unwrap();
    let options =
        postgres::Options { lock_timeout_ms: 200, pace_ms, ..postgres::Options::new(database.url()) };
    Some((postgres::PostgresSource::open("shop", options).unwrap(), database))
}

const IDLE: &str = "FROM pg_stat_activity WHERE datname = current_database() \
                    AND state = 'idle in transaction' AND pid <> pg_backend_pid()";

/// Waits until some backend pauses inside a transaction, and kills it.
async fn kill_inside(database: &countersign_testing::postgres::Database<'_>) -> bool {
    inside(database).await;
    database.run(&format!("SELECT count(pg_terminate_backend(pid)) {IDLE}")).unwrap().trim() == "1"
}

async fn inside(database: &countersign_testing::postgres::Database<'_>) {
    let began = Instant::now();
    while database.run(&format!("SELECT count(*) {IDLE}")).unwrap().trim() != "1" {
        assert!(began.elapsed() < Duration::from_secs(30), "it was never found inside the transaction");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_inside_the_transaction_leaves_no_receipt_and_the_next_try_does_it_once() {
    let Some((slow, database)) = server(PACE_MS * 3) else { return };
    let (tried, killed) = tokio::join!(erase(&slow), kill_inside(&database));
    assert!(killed, "it was never found inside the transaction");
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    let source = postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
    assert_eq!(source.receipt(&key(1)).await.unwrap(), None);
    let done = erase(&source).await.unwrap();
    assert_eq!(erase(&source).await.unwrap(), done);
    assert_eq!(database.run("SELECT count(*) FROM thing").unwrap().trim(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_inside_a_part_leaves_the_parts_before_and_the_next_goes_on() {
    let Some((slow, database)) = server(PACE_MS * 3) else { return };
    let source = postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
    let Stepped::Part(first) = part(&source, 1).await.unwrap() else { panic!("a part") };
    let (tried, killed) = tokio::join!(part(&slow, 2), kill_inside(&database));
    assert!(killed, "it was never found inside the transaction");
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    assert_eq!(database.run("SELECT count(*) FROM thing").unwrap().trim(), "2");
    the_rest_is_done_once(&source, &first).await;
    assert_eq!(database.run("SELECT count(*) FROM thing").unwrap().trim(), "1");
    assert_eq!(database.run("SELECT count(*) FROM countersign_receipt").unwrap().trim(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_do_each_part_once() {
    let Some((source, database)) = server(0) else { return };
    let other = postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
    for chunk in 1..=3 {
        let (one, two) = tokio::join!(part(&source, chunk), part(&other, chunk));
        assert_eq!(one.unwrap(), two.unwrap(), "part {chunk}");
    }
    assert_eq!(database.run("SELECT count(*) FROM thing").unwrap().trim(), "1");
    assert_eq!(database.run("SELECT count(*) FROM countersign_receipt").unwrap().trim(), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn making_void_waits_for_the_part_that_is_under_way() {
    let Some((_, database)) = server(0) else { return };
    let options = |pace_ms| postgres::Options { pace_ms, ..postgres::Options::new(database.url()) };
    let slow = postgres::PostgresSource::open("shop", options(PACE_MS * 2)).unwrap();
    let source = postgres::PostgresSource::open("shop", options(0)).unwrap();
    let voiding = async {
        inside(&database).await;
        let void = source.void(&key(1)).await.unwrap();
        // What was committed of it is there by now, and nothing comes after.
        (void.outcome, source.receipt(&ReceiptKey { chunk: 1, ..key(1) }).await.unwrap())
    };
    let (done, (void, known)) = tokio::join!(part(&slow, 1), voiding);
    let Ok(Stepped::Part(receipt)) = done else { panic!("{done:?}") };
    assert_eq!((void, known), (Outcome::Void, Some(receipt)));
    assert!(matches!(part(&source, 2).await, Ok(Stepped::Void(_))));
    assert_eq!(database.run("SELECT count(*) FROM thing").unwrap().trim(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_somebody_else_holds_is_not_waited_for_long() {
    let Some((source, database)) = server(0) else { return };
    let url = database.url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT * FROM person WHERE id = 1 FOR UPDATE").await.unwrap();
    let began = Instant::now();
    let tried = erase(&source).await;
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    client.batch_execute("ROLLBACK").await.unwrap();
    assert!(matches!(erase(&source).await, Ok(Stepped::Done(_))));
    drop(client);
    let _ = connection.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_not_available() {
    let port = countersign_testing::port::free().unwrap_or(1);
    let options = postgres::Options::new(format!("postgres://nobody@127.0.0.1:{port}/none"));
    let source = postgres::PostgresSource::open("shop", options).unwrap();
    let tried = erase(&source).await;
    assert!(matches!(tried, Err(SourceError::Unavailable { .. })), "{tried:?}");
}
