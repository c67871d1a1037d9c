//! Nothing is left behind: what is moved is all that both schemas hold, and whoever waits sees how far it is.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Change, Needs, Store};
use countersign_testing::postgres::database_or_skip;

use super::*;
use crate::{PostgresOptions, SqliteStore};

/// Made anew in the target, or moved as what it is.
const APART: [&str; 2] = ["schema_version", "log_head"];
/// What an embedded store has no need of.
const OF_MANY: [&str; 4] = ["log_queue", "lock", "lease", "heartbeat"];
/// What is not moved of a table, and why.
const LEFT: [(&str, &str); 5] = [
    // Whoever held a lease is stopped.
    ("job", "lease_until"),
    // An entry knows its event there, and an event its entry here.
    ("event", "leaf"),
    // Rows that are emptied where they stand have a number of their own.
    ("dek", "id"),
    ("sealed", "id"),
    ("log_head", "one"),
];

type Columns = BTreeSet<(String, String)>;

fn tables(columns: &Columns, without: &[&str]) -> BTreeSet<String> {
    let names = columns.iter().map(|(table, _)| table.clone());
    names.filter(|name| !without.contains(&&**name)).collect()
}

fn moved() -> Columns {
    let columns = TABLES.iter().flat_map(|table| table.columns.iter().map(move |(it, _)| (table.name, *it)));
    columns.map(|(table, column)| (table.to_owned(), column.to_owned())).collect()
}

/// What of `columns` is not moved, although its table is.
fn left_behind(columns: &Columns) -> Vec<(String, String)> {
    let (moved, names) = (moved(), tables(&moved(), &[]));
    let left = |(table, column): &&(String, String)| LEFT.contains(&(&**table, &**column));
    let mut of_moved =
        columns.iter().filter(|it| names.contains(&it.0) && !left(it)).cloned().collect::<Vec<_>>();
    of_moved.retain(|it| !moved.contains(it));
    of_moved
}

fn embedded(folder: &tempfile::TempDir) -> (PathBuf, SqliteStore) {
    let path = folder.path().join("store.db");
    let clock = Arc::new(|| Timestamp::from_millis(1_750_000_000_000));
    let store = SqliteStore::open(&path, clock).unwrap();
    (path, store)
}

#[test]
fn every_table_and_column_of_the_embedded_store_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = embedded(&folder);
    drop(store);
    let db = rusqlite::Connection::open(path).unwrap();
    // Hidden are those that the database computes by itself.
    let every = "select m.name, c.name from sqlite_schema m, pragma_table_xinfo(m.name) c \
                 where m.type = 'table' and m.name not like 'sqlite_%' and c.hidden = 0";
    let mut every = db.prepare(every).unwrap();
    let columns: Columns =
        every.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(tables(&columns, &APART), tables(&moved(), &[]));
    assert_eq!(left_behind(&columns), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_and_column_of_the_target_is_filled() {
    let Some(database) = database_or_skip() else { return };
    PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap().close().await;
    let every = "select table_name, column_name from information_schema.columns \
                 where table_schema = 'public' and is_generated = 'NEVER'";
    let every = database.run(every).unwrap();
    let columns: Columns = every
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    assert_eq!(tables(&columns, &[&APART[..], &OF_MANY].concat()), tables(&moved(), &[]));
    assert_eq!(left_behind(&columns), []);
    assert!(moved().is_subset(&columns), "{:?}", moved().difference(&columns));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_sees_it_rise_from_nothing_to_all() {
    let Some(database) = database_or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = embedded(&folder);
    // More than one batch.
    let change =
        Change { entries: (0..1_200u32).map(|n| n.to_be_bytes().to_vec()).collect(), ..Change::default() };
    store.act(Needs::default(), Box::new(move |_| Ok(change.clone()))).await.unwrap();
    store.sequence().await.unwrap();
    drop(store);
    let target = PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap();
    let mut seen = Vec::new();
    let moved = move_store(&path, &target, &mut |done, total| seen.push((done, total))).await.unwrap();
    let total = moved.tables.iter().map(|(_, rows)| rows).sum::<u64>();
    assert!(total >= 1_200, "{total}");
    assert_eq!((seen.first(), seen.last()), (Some(&(0, total)), Some(&(total, total))));
    assert!(seen.len() > 3 && seen.is_sorted_by(|one, next| one.0 < next.0 && one.1 == next.1), "{seen:?}");
}
