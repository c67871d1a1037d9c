//! Whatever the schema: after an erasure nothing of the person is left but what is kept, nothing of anybody else is
//! gone, and an export holds that person's rows and no other. Random small schemas with random rows and maps, erased
//! in the source and beside it by an oracle that goes over every row.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod case;
mod oracle;
#[path = "../conformance/permit.rs"]
mod permit;

use std::collections::BTreeSet;
use std::path::PathBuf;

use case::{Case, Choices};
use countersign_connect::{mysql, postgres, sqlite};
use countersign_service::ports::source::{
    Exported, RootKey, Severity, Source, SourceError, Stepped, Target, Value,
};
use countersign_service::settings::DataMap;
use countersign_testing::{mariadb, postgres::Database};
use permit::{key, permit};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Where a case lives.
enum Place<'a> {
    Sqlite(PathBuf),
    Postgres(&'a Database<'static>, String),
    Mariadb(&'a mariadb::Database<'static>, String),
}

impl Place<'_> {
    fn prefix(&self) -> String {
        match self {
            Place::Sqlite(_) => String::new(),
            Place::Postgres(_, schema) | Place::Mariadb(_, schema) => format!("{schema}."),
        }
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let mut rows: Vec<String> = match self {
            Place::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Place::Postgres(database, _) => database.run(sql).unwrap().lines().map(str::to_owned).collect(),
            Place::Mariadb(database, _) => {
                database.run(&sql.replace("AS TEXT", "AS CHAR")).unwrap().lines().map(str::to_owned).collect()
            }
        };
        rows.sort();
        rows
    }
}

/// How many cases came how far.
#[derive(Debug, Default)]
struct Seen {
    unfit: u32,
    stopped: u32,
    erased: u32,
    shared: u32,
    parts: u32,
}

/// Erases three of the four people, one after the other, and compares everything after each.
async fn holds(case: &Case, source: &dyn Source, place: &Place<'_>, seen: &mut Seen) {
    // Three of four cases in parts, of one to three rows.
    let chunk = case.tables.iter().map(|it| it.rows.len()).sum::<usize>() % 4;
    let parts = if chunk == 0 { String::new() } else { format!("chunk_rows = {chunk}\n") };
    let map = DataMap::parse(&format!("{parts}{}", case.map()))
        .unwrap_or_else(|mistakes| panic!("{}\n{}", mistakes[0], case.map()));
    let findings = source.check(&map).await.unwrap();
    if findings.iter().any(|it| it.severity == Severity::Error) {
        seen.unfit += 1;
        return;
    }
    let mut case = case.clone();
    for person in [1, 2, 3] {
        let target = subject(&case, person);
        exports(&case, source, &map, person).await;
        let wanted = oracle::erased(&case, person);
        let permit = permit(person as u8, "erase", None);
        let mut key = key(person as u8);
        key.chunk = u32::from(chunk > 0);
        let stepped = loop {
            match source.erase(&permit, &key, &map, &target).await {
                Ok(Stepped::Part(receipt)) => {
                    assert_eq!(receipt.key, key);
                    key.chunk += 1;
                    seen.parts += 1;
                }
                other => break other,
            }
        };
        let told = || format!("person {person}\n{}\n{}", case.schema("", true), case.map());
        match (wanted, stepped) {
            (None, Err(SourceError::Refused { .. })) => {
                seen.stopped += 1;
                compare(&case, place, &told());
                return;
            }
            (Some((after, staying)), Ok(Stepped::Done(_))) => {
                compare(&after, place, &told());
                // A row that stayed may have lost what kept it, and is then told for a person to look at; none else is.
                let left = source.left(&map, &target).await.unwrap().rows();
                assert!(left <= staying, "{left} left of {staying} that stayed; {}", told());
                let stays = map.tables.iter().flat_map(|it| &it.ways);
                let shares = |it: &countersign_service::settings::datamap::Way| {
                    it.rule.treatment == countersign_core::plan::Treatment::KeepForOthers
                };
                seen.shared += u32::from(stays.into_iter().any(shares));
                seen.erased += 1;
                case = after;
            }
            (wanted, stepped) => panic!("expected {}, got {stepped:?}\n{}", wanted.is_some(), told()),
        }
    }
}

fn subject(case: &Case, person: i64) -> Target {
    let key = match case::second(&case.tables[0], person) {
        Some(second) => format!("[\"{person}\",\"{second}\"]"),
        None => format!("[\"{person}\"]"),
    };
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "person".to_owned(), key }])
}

fn compare(case: &Case, place: &Place<'_>, told: &str) {
    assert_eq!(place.rows(&case.read(&place.prefix())), case.shown(), "{told}");
}

/// An export, and a plan, have the rows that are reached and each of them once.
async fn exports(case: &Case, source: &dyn Source, map: &DataMap, person: i64) {
    let reached = oracle::reach(case, person);
    let (send, mut receive) = tokio::sync::mpsc::channel(64);
    let target = subject(case, person);
    let permit = permit(200, "export", None);
    let sending = source.export(&permit, map, &target, send);
    let receiving = async {
        let mut all: Vec<(String, i64)> = vec![];
        let mut name = String::new();
        while let Some(piece) = receive.recv().await {
            match piece {
                Exported::Table { table, .. } => name = table,
                Exported::Row(values) => {
                    let Some(Value::Int(id)) = values.first() else { panic!("no number") };
                    all.push((name.clone(), *id));
                }
            }
        }
        all
    };
    let (sent, mut rows) = tokio::join!(sending, receiving);
    sent.unwrap();
    rows.sort();
    let of_table = |(t, ids): (usize, &BTreeSet<i64>)| {
        let name = case.tables[t].name.clone();
        ids.iter().map(|id| (name.clone(), *id)).collect::<Vec<_>>()
    };
    let mut wanted: Vec<(String, i64)> = reached.iter().enumerate().flat_map(of_table).collect();
    wanted.sort();
    assert_eq!(rows, wanted, "person {person}\n{}\n{}", case.schema("", true), case.map());
}

/// Cases from a seed that stands, so that a run is the same everywhere; `PROPTEST_CASES` asks for more.
fn run(cases: u32, shrink: u32, mut test: impl FnMut(Case)) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(cases);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0c0d_e516),
        max_shrink_iters: shrink,
        ..Config::default()
    };
    let test = std::cell::RefCell::new(&mut test);
    let choices = prop::collection::vec(any::<u32>(), 60..260);
    let outcome = TestRunner::new(config).run(&choices, |choices| {
        (test.borrow_mut())(Case::of(&mut Choices(&choices)));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn on_sqlite_every_row_is_treated_as_an_oracle_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Seen::default();
    let mut n = 0;
    run(400, 3_000, |case| {
        n += 1;
        let path = folder.path().join(format!("{n}.sqlite"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = case.schema("", true);
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN; {sql} COMMIT"
            ))
            .unwrap();
        drop(connection);
        let source = sqlite::SqliteSource::open("shop", sqlite::Options::new(&path)).unwrap();
        runtime.block_on(holds(&case, &source, &Place::Sqlite(path.clone()), &mut seen));
        std::fs::remove_file(path).unwrap();
    });
    println!("{seen:?}");
    assert!(seen.erased > 300 && seen.stopped > 5 && seen.shared > 100 && seen.parts > 40, "{seen:?}");
}

#[test]
fn on_postgres_every_row_is_treated_as_an_oracle_says() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    // A transaction that was only read is rolled back behind our back: somebody has to go on working.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut seen = Seen::default();
    let mut n = 0;
    run(25, 100, |case| {
        n += 1;
        let schema = format!("case_{n}");
        let sql = case.schema(&format!("{schema}."), false);
        database.run(&format!("CREATE SCHEMA {schema}; {sql}")).unwrap();
        let options = postgres::Options {
            schemas: vec![schema.clone()],
            pool_size: 1,
            ..postgres::Options::new(database.url())
        };
        let source = postgres::PostgresSource::open("shop", options).unwrap();
        runtime.block_on(holds(&case, &source, &Place::Postgres(&database, schema.clone()), &mut seen));
        database.run(&format!("DROP SCHEMA {schema} CASCADE")).unwrap();
    });
    println!("{seen:?}");
    assert!(seen.erased > 20 && seen.shared > 10 && seen.parts > 0, "{seen:?}");
}

#[test]
fn on_mariadb_every_row_is_treated_as_an_oracle_says() {
    let Some(database) = mariadb::database_or_skip() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut seen = Seen::default();
    let mut n = 0;
    run(25, 100, |case| {
        n += 1;
        let schema = format!("case_{n}");
        let sql = case.schema(&format!("{schema}."), false);
        database.run(&format!("CREATE DATABASE {schema}; {sql}")).unwrap();
        let options = mysql::Options { schemas: vec![schema.clone()], ..mysql::Options::new(database.url()) };
        let source = mysql::MysqlSource::open("shop", options).unwrap();
        runtime.block_on(holds(&case, &source, &Place::Mariadb(&database, schema.clone()), &mut seen));
        database.run(&format!("DROP DATABASE {schema}")).unwrap();
    });
    println!("{seen:?}");
    assert!(seen.erased > 20 && seen.shared > 10 && seen.parts > 0, "{seen:?}");
}
