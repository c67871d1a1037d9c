//! The same list of faults on each engine: down, slow, only to be read, out of space, locked by somebody else, in a deadlock.
//! Whatever happens, the answer says whether it will pass, no message says a value, nothing is half done, and the same key does
//! it once the fault is over. A killed backend or process is in `crates/connect/tests/faults.rs` and
//! `crates/connect/tests/mariadb/faults.rs`, a schema that changed between plan and run in `rules.rs`, odd values in
//! `crates/connect/tests/faults.rs` and `crates/connect/tests/mariadb/values.rs`.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use countersign_service::ports::source::{Source, SourceError, Stepped, Target};
use mysql_async::prelude::Queryable;

use super::given::{Engine, Given, subject};
use super::permit::{key, permit};

const ANA: i64 = 1;
/// Where the child process finds the file that it has no room for.
const CHILD: &str = "COUNTERSIGN_TEST_FULL";

async fn erase(given: &Given, source: &dyn Source) -> Result<Stepped, SourceError> {
    source.erase(&permit(1, "erase", None), &key(1), &given.map, &subject(ANA)).await
}

fn rows(given: &Given) -> Vec<i64> {
    ["customer", "line", "invoice", "event_log", "hen", "egg", "subscriber"].map(|it| given.rows(it)).to_vec()
}

/// It is not available for now, and nothing was done.
async fn passes(given: &Given, before: &[i64], answer: &Result<Stepped, SourceError>) {
    let Err(error @ SourceError::Unavailable { .. }) = answer else { panic!("{answer:?}") };
    let said = format!("{error} {error:?}");
    assert!(!said.contains("ana") && !said.contains("Ana"), "{said}");
    assert_eq!(rows(given), before, "nothing is half done");
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
}

/// The fault is over. A connection of then may have to be found out first: the job comes again.
async fn is_done_now(given: &Given) {
    let mut done = erase(given, &*given.source).await;
    if let Err(SourceError::Unavailable { .. }) = done {
        done = erase(given, &*given.source).await;
    }
    assert!(matches!(done, Ok(Stepped::Done(_))), "{done:?}");
    assert_eq!(given.left(&subject(ANA)).await, 0);
}

/// What happens before a row of the subject is deleted, as a server's trigger.
fn before_deleting(given: &Given, postgres: &str, mariadb: &str) {
    match given.engine() {
        Engine::Postgres(_) => given.run(&format!(
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {postgres}; RETURN OLD; END'; \
             CREATE TRIGGER fault BEFORE DELETE ON event_log FOR EACH ROW EXECUTE FUNCTION fault();"
        )),
        Engine::Mariadb(_) => {
            given.run(&format!("CREATE TRIGGER fault BEFORE DELETE ON event_log FOR EACH ROW {mariadb}"));
        }
        Engine::Sqlite(_) => unreachable!("it has no server"),
    }
}

fn no_trigger(given: &Given) {
    match given.engine() {
        Engine::Postgres(_) => given.run("DROP TRIGGER fault ON event_log"),
        Engine::Mariadb(_) | Engine::Sqlite(_) => given.run("DROP TRIGGER fault"),
    }
}

pub async fn a_source_that_is_down_is_not_available(given: Given) {
    let (before, nowhere) = (rows(&given), given.nowhere());
    passes(&given, &before, &erase(&given, &*nowhere).await).await;
    let (out, _kept) = tokio::sync::mpsc::channel(10);
    let gone = |it: &SourceError| matches!(it, SourceError::Unavailable { .. });
    assert!(nowhere.survey(&given.map, &subject(ANA)).await.is_err_and(|it| gone(&it)));
    assert!(nowhere.check(&given.map).await.is_err_and(|it| gone(&it)));
    assert!(nowhere.receipt(&key(1)).await.is_err_and(|it| gone(&it)));
    assert!(nowhere.left(&given.map, &subject(ANA)).await.is_err_and(|it| gone(&it)));
    let handed = nowhere.export(&permit(1, "export", None), &given.map, &subject(ANA), out).await;
    assert!(handed.is_err_and(|it| gone(&it)));
    is_done_now(&given).await;
}

pub async fn a_statement_that_takes_too_long_is_broken_off(given: Given) {
    // A file has nobody who could be slow: who waits for it waits for a lock.
    if matches!(given.engine(), Engine::Sqlite(_)) {
        return;
    }
    let before = rows(&given);
    before_deleting(&given, "PERFORM pg_sleep(60)", "DO SLEEP(60)");
    let began = Instant::now();
    passes(&given, &before, &erase(&given, &*given.impatient(5_000, 500)).await).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    no_trigger(&given);
    is_done_now(&given).await;
}

pub async fn a_source_that_may_only_be_read_is_not_available(given: Given) {
    let before = rows(&given);
    let named = "quote_ident(current_database())";
    match given.engine() {
        // The file says itself that nobody who knows no more than today may write to it.
        Engine::Sqlite(path) => {
            // The table of receipts has to be there to be looked into.
            given.source.void(&key(9)).await.unwrap();
            let written = write_version(&path, 3);
            passes(&given, &before, &erase(&given, &*given.source).await).await;
            assert!(given.source.survey(&given.map, &subject(ANA)).await.is_ok(), "a look is possible");
            write_version(&path, written);
        }
        Engine::Postgres(_) => {
            let set = |what: &str| {
                given.run(&format!("DO 'BEGIN EXECUTE ''ALTER DATABASE '' || {named} || '' {what}''; END'"));
            };
            set("SET default_transaction_read_only = on");
            passes(&given, &before, &erase(&given, &*given.impatient(5_000, 60_000)).await).await;
            given.run(&format!(
                "SET transaction_read_only = off; \
                 DO 'BEGIN EXECUTE ''ALTER DATABASE '' || {named} || '' RESET default_transaction_read_only''; END'"
            ));
        }
        // As a server with `read_only` says it; the server itself has other tests.
        Engine::Mariadb(_) => {
            before_deleting(&given, "", "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290");
            passes(&given, &before, &erase(&given, &*given.source).await).await;
            no_trigger(&given);
        }
    }
    is_done_now(&given).await;
}

/// Sets the lowest version of the file format that may write; what it was.
fn write_version(path: &Path, version: u8) -> u8 {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut before = [0];
    file.read_exact_at(&mut before, 18).unwrap();
    file.write_all_at(&[version], 18).unwrap();
    before[0]
}

pub async fn a_source_without_room_is_not_available(given: Given) {
    let before = rows(&given);
    match given.engine() {
        // For real: whoever erases may write next to nothing into any file.
        Engine::Sqlite(path) => {
            given.source.void(&key(9)).await.unwrap();
            let exe = std::env::current_exe().unwrap();
            let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact faults::child_has_no_room --ignored --nocapture";
            let child = Command::new("sh").args(["-c", limited]).arg(exe).env(CHILD, &path).output().unwrap();
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            assert!(said.contains("no room: Unavailable"), "{said}");
            assert_eq!(rows(&given), before, "nothing is half done");
            assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
        }
        Engine::Postgres(_) | Engine::Mariadb(_) => {
            // As a server without room says it.
            let full = "RAISE EXCEPTION ''no room for ana@example.test'' USING ERRCODE = ''53100''";
            let full_too = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'no room for ana'";
            before_deleting(&given, full, full_too);
            passes(&given, &before, &erase(&given, &*given.source).await).await;
            no_trigger(&given);
        }
    }
    is_done_now(&given).await;
}

/// Not a test of its own: the process that has no room.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the rule above"]
async fn child_has_no_room() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let source = countersign_connect::sqlite::SqliteSource::open(
        "shop",
        countersign_connect::sqlite::Options::new(path),
    )
    .unwrap();
    let map = super::given::map(super::given::MAP);
    let tried = source.erase(&permit(1, "erase", None), &key(1), &map, &subject(ANA)).await;
    println!(
        "no room: {}",
        if let Err(SourceError::Unavailable { .. }) = tried { "Unavailable" } else { "?" }
    );
}

/// A session that holds rows until it is dropped.
enum Other {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
    Mariadb(Box<mysql_async::Conn>),
}

impl Other {
    async fn begin(given: &Given) -> Self {
        let mut other = match given.engine() {
            Engine::Sqlite(path) => Self::Sqlite(rusqlite::Connection::open(path).unwrap()),
            Engine::Postgres(url) => {
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                Self::Postgres(client)
            }
            Engine::Mariadb(url) => Self::Mariadb(Box::new(mysql_async::Conn::from_url(url).await.unwrap())),
        };
        let begin = if let Self::Sqlite(_) = other { "BEGIN IMMEDIATE" } else { "BEGIN" };
        other.run(begin).await.unwrap();
        other
    }

    async fn run(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(it) => it.execute_batch(sql).map_err(|it| it.to_string()),
            Self::Postgres(it) => it.batch_execute(sql).await.map_err(|it| it.to_string()),
            Self::Mariadb(it) => it.query_drop(sql).await.map_err(|it| it.to_string()),
        }
    }
}

pub async fn what_somebody_else_has_locked_is_not_available(given: Given) {
    let before = rows(&given);
    given.source.void(&key(9)).await.unwrap();
    let mut other = Other::begin(&given).await;
    if !matches!(other, Other::Sqlite(_)) {
        other.run("SELECT 1 FROM event_log WHERE who = 'customer:1' FOR UPDATE").await.unwrap();
    }
    passes(&given, &before, &erase(&given, &*given.impatient(1_000, 60_000)).await).await;
    other.run("ROLLBACK").await.unwrap();
    is_done_now(&given).await;
}

pub async fn out_of_a_deadlock_comes_one_erasure(given: Given) {
    // One writer at a time has none.
    if matches!(given.engine(), Engine::Sqlite(_)) {
        return;
    }
    given.source.void(&key(9)).await.unwrap();
    let mut other = Other::begin(&given).await;
    other.run("SELECT 1 FROM event_log WHERE who = 'customer:1' FOR UPDATE").await.unwrap();
    let crossing = async {
        // The erasure has locked the root row by the time that it waits for the log; if it has not, nobody is in a deadlock.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let got = other.run("SELECT 1 FROM customer WHERE id = 1 FOR UPDATE").await;
        // Whoever lost was rolled back by the server.
        let _ = other.run("ROLLBACK").await;
        got
    };
    let patient = given.impatient(20_000, 60_000);
    let (done, _) = tokio::join!(erase(&given, &*patient), crossing);
    assert!(matches!(done, Ok(Stepped::Done(_))), "{done:?}");
    let target: Target = subject(ANA);
    assert_eq!(given.left(&target).await, 0);
}
