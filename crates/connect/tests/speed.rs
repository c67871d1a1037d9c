//! How long an erasure takes beside hand-written SQL that does the same. By hand: `cargo test --release -p
//! countersign-connect --test speed -- --ignored --nocapture`; the product's own benches print it too.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

#[path = "conformance/permit.rs"]
mod permit;

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_connect::{mysql, postgres, sqlite};
use countersign_service::ports::source::{RootKey, Source, Stepped, Target};
use countersign_service::settings::DataMap;
use permit::{key, permit};

const SCHEMA: &str = "
    CREATE TABLE person (id integer PRIMARY KEY, email text NOT NULL);
    CREATE TABLE orders (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id), at text);
    CREATE TABLE line (order_id integer NOT NULL REFERENCES orders (id), no integer NOT NULL, what text,
        PRIMARY KEY (order_id, no));
    CREATE TABLE visit (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id), ip text);
    CREATE INDEX orders_by_person ON orders (person_id);
    CREATE INDEX visit_by_person ON visit (person_id);
    INSERT INTO person SELECT i, 'p' || i FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6) SELECT i FROM n) s;
    INSERT INTO orders SELECT i, 1 + i % 2, 'now' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n) s;
    INSERT INTO line SELECT id, k, 'thing' FROM orders, (SELECT 1 AS k UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) s;
    INSERT INTO visit SELECT i, 1 + i % 2, '192.0.2.1' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n) s;";

/// About 100,000 rows of person 1 or 2.
const BY_HAND: [&str; 4] = [
    "DELETE FROM line WHERE order_id IN (SELECT id FROM orders WHERE person_id = $)",
    "DELETE FROM orders WHERE person_id = $",
    "DELETE FROM visit WHERE person_id = $",
    "DELETE FROM person WHERE id = $",
];

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "orders"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "line"
[[table.way]]
from = "orders"
on = { order_id = "id" }
treatment = "delete"
[[table]]
name = "visit"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
"#;

async fn erase(source: &dyn Source) -> Duration {
    let root = RootKey { source: "shop".to_owned(), table: "person".to_owned(), key: "[\"1\"]".to_owned() };
    let (permit, map, target) =
        (permit(1, "erase", None), DataMap::parse(MAP).unwrap(), Target::Subject(vec![root]));
    let began = Instant::now();
    let done = source.erase(&permit, &key(1), &map, &target).await.unwrap();
    assert!(matches!(done, Stepped::Done(_)));
    began.elapsed()
}

fn told(engine: &str, mut pairs: Vec<(Duration, Duration)>) {
    pairs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let all: Vec<String> = pairs.iter().map(|it| format!("{:.2}", ratio(it))).collect();
    let (ours, by_hand) = pairs[pairs.len() / 2];
    println!("{engine}: ours {ours:.0?}, by hand {by_hand:.0?}, ratios {}", all.join(" "));
}

fn ratio((ours, by_hand): &(Duration, Duration)) -> f64 {
    ours.as_secs_f64() / by_hand.as_secs_f64()
}

fn sqlite_by_hand(path: &Path) -> Duration {
    let began = Instant::now();
    let connection = rusqlite::Connection::open(path).unwrap();
    // The same settings: keys are checked, deleted content is overwritten.
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; BEGIN IMMEDIATE").unwrap();
    for sql in BY_HAND {
        connection.execute_batch(&sql.replace('$', "1")).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    began.elapsed()
}

#[tokio::test]
#[ignore = "takes long and is told, not judged"]
async fn sqlite_beside_sql_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    rusqlite::Connection::open(&made).unwrap().execute_batch(SCHEMA).unwrap();
    let mut pairs = vec![];
    for _ in 0..7 {
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::copy(&made, &one).unwrap();
        std::fs::copy(&made, &other).unwrap();
        let source = sqlite::SqliteSource::open("shop", sqlite::Options::new(&one)).unwrap();
        pairs.push((erase(&source).await, sqlite_by_hand(&other)));
    }
    told("SQLite", pairs);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long and is told, not judged"]
async fn postgres_beside_sql_by_hand() {
    let mut pairs = vec![];
    for _ in 0..5 {
        let mut times = [Duration::ZERO; 2];
        for (which, time) in times.iter_mut().enumerate() {
            let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
            database.run(SCHEMA).unwrap();
            database.run("VACUUM ANALYZE").unwrap();
            *time = if which == 0 {
                let source =
                    postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
                erase(&source).await
            } else {
                let began = Instant::now();
                let (mut client, connection) =
                    tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                let transaction = client.transaction().await.unwrap();
                for sql in BY_HAND {
                    transaction.execute(&sql.replace('$', "1"), &[]).await.unwrap();
                }
                transaction.commit().await.unwrap();
                began.elapsed()
            };
        }
        pairs.push((times[0], times[1]));
    }
    told("PostgreSQL", pairs);
}

/// The schema with keys where MariaDB reads them, and texts that can be keys.
fn for_mariadb() -> String {
    let mut schema = SCHEMA.replace(" text", " varchar(100)");
    for (inside, key) in [
        (" REFERENCES person (id), at", "person_id) REFERENCES person (id"),
        (" REFERENCES orders (id), no", "order_id) REFERENCES orders (id"),
        (" REFERENCES person (id), ip", "person_id) REFERENCES person (id"),
    ] {
        let (_, column) = inside.split_once(", ").unwrap();
        schema = schema.replace(inside, &format!(", FOREIGN KEY ({key}), {column}"));
    }
    format!("SET max_recursive_iterations = 1000000; {schema} ANALYZE TABLE person, orders, line, visit")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long and is told, not judged"]
async fn mariadb_beside_sql_by_hand() {
    use mysql_async::prelude::Queryable;
    let mut pairs = vec![];
    for _ in 0..5 {
        let mut times = [Duration::ZERO; 2];
        for (which, time) in times.iter_mut().enumerate() {
            let Some(database) = countersign_testing::mariadb::database_or_skip() else { return };
            database.run(&for_mariadb()).unwrap();
            *time = if which == 0 {
                let source = mysql::MysqlSource::open("shop", mysql::Options::new(database.url())).unwrap();
                erase(&source).await
            } else {
                let began = Instant::now();
                let mut connection = mysql_async::Conn::from_url(database.url()).await.unwrap();
                connection.query_drop("START TRANSACTION").await.unwrap();
                for sql in BY_HAND {
                    connection.query_drop(sql.replace('$', "1")).await.unwrap();
                }
                connection.query_drop("COMMIT").await.unwrap();
                began.elapsed()
            };
        }
        pairs.push((times[0], times[1]));
    }
    told("MariaDB", pairs);
}

/// How long the look at a plan takes beside statements by hand that only count, and count from indexes where they can.
async fn look(engine: &str, source: &dyn Source, mut count: impl AsyncFnMut(&str)) {
    let root = RootKey { source: "shop".to_owned(), table: "person".to_owned(), key: "[\"1\"]".to_owned() };
    let (map, target) = (DataMap::parse(MAP).unwrap(), Target::Subject(vec![root]));
    let mut pairs = vec![];
    for _ in 0..5 {
        let began = Instant::now();
        let plan = source.survey(&map, &target).await.unwrap();
        let ours = began.elapsed();
        assert!(plan.lines.iter().all(|it| it.bytes > Some(it.rows)));
        let began = Instant::now();
        for sql in BY_HAND {
            count(&sql.replace("DELETE", "SELECT count(*)").replace('$', "1")).await;
        }
        pairs.push((ours, began.elapsed()));
    }
    told(&format!("{engine}, a look at the plan"), pairs);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long and is told, not judged"]
async fn a_look_beside_counts_by_hand() {
    use mysql_async::prelude::Queryable;
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    rusqlite::Connection::open(&made).unwrap().execute_batch(SCHEMA).unwrap();
    let source = sqlite::SqliteSource::open("shop", sqlite::Options::new(&made)).unwrap();
    look("SQLite", &source, async |sql| {
        let connection = rusqlite::Connection::open(&made).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    })
    .await;
    if let Some(database) = countersign_testing::postgres::database_or_skip() {
        database.run(SCHEMA).unwrap();
        database.run("VACUUM ANALYZE").unwrap();
        let source = postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
        let (client, connection) =
            tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        look("PostgreSQL", &source, async |sql| drop(client.query_one(sql, &[]).await.unwrap())).await;
    }
    if let Some(database) = countersign_testing::mariadb::database_or_skip() {
        database.run(&for_mariadb()).unwrap();
        let source = mysql::MysqlSource::open("shop", mysql::Options::new(database.url())).unwrap();
        let mut connection = mysql_async::Conn::from_url(database.url()).await.unwrap();
        look("MariaDB", &source, async |sql| connection.query_drop(sql).await.unwrap()).await;
    }
}
