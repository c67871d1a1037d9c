//! Two owners of one row, erased at once, in the order that hurts: one has counted and not committed when the other
//! begins. Seen to fail without the lock and the write on rows that may have several owners.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_connect::postgres::{Options, PostgresSource};
use countersign_service::ports::source::{RootKey, Source, Stepped, Target};
use countersign_testing::postgres::Database;

use super::map;
use super::permit::{key, permit};

const SCHEMA: &str = "
    CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL);
    CREATE TABLE flat (id bigint PRIMARY KEY, street text NOT NULL);
    CREATE TABLE lives_in (person_id bigint NOT NULL REFERENCES person (id), flat_id bigint NOT NULL REFERENCES flat (id),
                           PRIMARY KEY (person_id, flat_id));
    INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test'), (3, 'cleo@example.test');
    INSERT INTO flat VALUES (1, 'shared by Ana and Ben'), (2, 'shared by all');
    INSERT INTO lives_in VALUES (1, 1), (2, 1), (1, 2), (2, 2), (3, 2);";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "lives_in"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "flat"
[[table.way]]
from = "lives_in"
on = { id = "flat_id" }
treatment = "keep-for-others"
"#;

/// What the server says of sessions of ours in this database.
fn sessions(database: &Database<'_>, condition: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'countersign/shop' \
         AND {condition}"
    );
    database.run(&sql).unwrap().trim().parse().unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn source(database: &Database<'_>, pace_ms: u64) -> Arc<PostgresSource> {
    let options = Options { pace_ms, lock_timeout_ms: 120_000, pool_size: 1, ..Options::new(database.url()) };
    Arc::new(PostgresSource::open("shop", options).unwrap())
}

fn erasing(source: Arc<PostgresSource>, person: u8) -> tokio::task::JoinHandle<Stepped> {
    tokio::spawn(async move {
        let key_of = format!("[\"{person}\"]");
        let root = RootKey { source: "shop".to_owned(), table: "person".to_owned(), key: key_of };
        let target = Target::Subject(vec![root]);
        source.erase(&permit(person, "erase", None), &key(person), &map(MAP), &target).await.unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_erased_at_once_do_not_leave_their_rows_to_each_other() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    database.run(SCHEMA).unwrap();
    // Ana's erasure has counted, Ben among the living, and pauses before each of its statements.
    let ana = erasing(source(&database, 600), 1);
    let paused = "state = 'idle in transaction'";
    let counted = || {
        let there = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                     WHERE c.relname = 'flat' AND l.mode = 'AccessShareLock'";
        sessions(&database, paused) == 1 && database.run(there).unwrap().trim() != "0"
    };
    until("Ana's erasure paused with the last of its tables read", counted).await;
    let ben = erasing(source(&database, 0), 2);
    // Ben's either waits for a row of Ana's, or is done already with what he saw.
    until("Ben's erasure waits or is done", || {
        ben.is_finished() || sessions(&database, "wait_event_type = 'Lock'") > 0
    })
    .await;
    let (ana, ben) = (ana.await.unwrap(), ben.await.unwrap());
    assert!(matches!((ana, ben), (Stepped::Done(_), Stepped::Done(_))));
    assert_eq!(
        database.run("SELECT id FROM flat").unwrap().trim(),
        "2",
        "Cleo lives there, and nobody in the other"
    );
}
