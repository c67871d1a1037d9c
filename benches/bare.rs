//! The bare loop: the rows that one submit leaves in a store, inserted again and again under new ids, 64 submits a
//! commit, in a store of the same schema with the same settings, and nothing decided, parsed, sealed or answered.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_core::time::Timestamp;
use countersign_ledger::{Edge, Entry};
use countersign_store::SqliteStore;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params, params_from_iter};

/// The tables in which a submit leaves rows, each with how the request's rows are found.
const TABLES: [(&str, &str); 6] = [
    ("request", "id = ?1"),
    ("log_entry", "seq in (select leaf from event where request = ?1)"),
    ("event", "request = ?1"),
    ("request_term", "request = ?1"),
    ("dek", "request = ?1"),
    ("sealed", "request = ?1"),
];

/// As the store sets them.
const SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;
    pragma secure_delete = on; pragma wal_autocheckpoint = 8000; pragma journal_size_limit = 65536000;
    pragma cache_size = -32768; pragma temp_store = 2;";

/// A value of a row.
enum Cell {
    /// The same in every submit.
    Same(Value),
    /// The request's id.
    Id,
    /// The place in the ledger.
    Leaf,
    /// The time.
    Now,
    /// 32 bytes that no other submit has.
    Fresh,
}

struct Row {
    insert: String,
    cells: Vec<Cell>,
}

pub(crate) struct Loop {
    db: Connection,
    rows: Vec<Row>,
    entries: Vec<Vec<u8>>,
    edge: Edge,
    random: u64,
}

impl Loop {
    /// A loop over a new store at `path`, with the rows of the last request in the store `like`.
    pub(crate) fn like_last_request(like: &Path, path: &Path) -> Self {
        drop(SqliteStore::open(path, Arc::new(now)).unwrap());
        let db = Connection::open(path).unwrap();
        db.execute_batch(SETTINGS).unwrap();
        db.set_prepared_statement_cache_capacity(256);
        let model = Connection::open_with_flags(like, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let id: Vec<u8> = model
            .query_row("select id from request order by submitted_at desc, id desc limit 1", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_left_nothing_else(&model, &id);
        let rows = TABLES.iter().flat_map(|(table, of)| rows(&model, table, of, &id)).collect();
        let mut find = model
            .prepare("select body from log_entry where seq in (select leaf from event where request = ?1)")
            .unwrap();
        let entries: Vec<Vec<u8>> =
            find.query_map([&id], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        // A submit that waits for its proof is one event; `Leaf` rests on it.
        assert_eq!(entries.len(), 1);
        Self { db, rows, entries, edge: Edge::new(), random: 1 }
    }

    /// Inserts `submits`, `batch` a commit.
    pub(crate) fn run(&mut self, submits: usize, batch: usize) {
        for _ in 0..submits / batch {
            self.db.prepare_cached("begin immediate").unwrap().execute([]).unwrap();
            let at = now().as_millis();
            let before = self.edge.size();
            let mut leaves = Vec::with_capacity(batch);
            for n in 0..batch as u64 {
                self.submit(at, before + n);
                leaves.extend(self.entries.iter().map(|body| Entry::new(body).unwrap().leaf_hash()));
            }
            self.grow(leaves);
            self.db.prepare_cached("commit").unwrap().execute([]).unwrap();
        }
    }

    fn submit(&mut self, at: i64, leaf: u64) {
        let id: Vec<u8> = [&at.to_be_bytes()[2..], &self.fresh(10)].concat();
        for n in 0..self.rows.len() {
            let fresh = self.fresh(32);
            let Row { insert, cells } = &self.rows[n];
            let values = cells.iter().map(|cell| match cell {
                Cell::Same(value) => value.clone(),
                Cell::Id => Value::Blob(id.clone()),
                Cell::Leaf => Value::Integer(leaf as i64),
                Cell::Now => Value::Integer(at),
                Cell::Fresh => Value::Blob(fresh.clone()),
            });
            self.db.prepare_cached(insert).unwrap().execute(params_from_iter(values)).unwrap();
        }
    }

    fn grow(&mut self, leaves: Vec<[u8; 32]>) {
        let mut keep = self
            .db
            .prepare_cached(
                "insert into log_tile (level, n, data) values (?1, ?2, ?3) \
                 on conflict (level, n) do update set data = excluded.data",
            )
            .unwrap();
        for changed in self.edge.append_all(leaves) {
            keep.execute(params![changed.tile.level(), changed.tile.n() as i64, changed.bytes]).unwrap();
        }
        self.db
            .prepare_cached("update log_head set size = ?1, root = ?2")
            .unwrap()
            .execute(params![self.edge.size() as i64, self.edge.root()])
            .unwrap();
    }

    /// Bytes that differ from call to call; nothing secret.
    fn fresh(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            bytes.extend(self.random.to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64)
}

/// A submit that left a job or a record would have to be measured with it.
fn assert_left_nothing_else(model: &Connection, id: &[u8]) {
    let text: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    for table in ["job", "record"] {
        let key = if table == "job" { "key" } else { "id" };
        let sql = format!("select count(*) from {table} where replace({key}, '-', '') = ?1");
        let left: i64 = model.query_row(&sql, [&text], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "a submit leaves a {table}");
    }
}

fn rows(model: &Connection, table: &str, of: &str, id: &[u8]) -> Vec<Row> {
    let mut find = model.prepare(&format!("select * from {table} where {of}")).unwrap();
    let columns: Vec<String> = find.column_names().map(str::to_owned).collect();
    // Numbers of their own that the database gives.
    let taken = |name: &str| !(name == "id" && ["dek", "sealed"].contains(&table));
    let names: Vec<&str> = columns.iter().map(|name| &**name).filter(|name| taken(name)).collect();
    let places: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("insert into {table} ({}) values ({})", names.join(", "), places.join(", "));
    let mut rows = Vec::new();
    let mut found = find.query([id]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let is_subject = table == "request_term" && row.get::<_, String>("name").unwrap() == "stated";
        let cells = names.iter().map(|name| match (*name, row.get::<_, Value>(*name).unwrap()) {
            (_, Value::Blob(bytes)) if bytes == id => Cell::Id,
            ("value", Value::Blob(_)) if is_subject => Cell::Fresh,
            ("leaf", _) => Cell::Leaf,
            ("seq", _) if table == "log_entry" => Cell::Leaf,
            ("at" | "submitted_at" | "changed_at", Value::Integer(_)) => Cell::Now,
            (_, value) => Cell::Same(value),
        });
        rows.push(Row { insert: insert.clone(), cells: cells.collect() });
    }
    rows
}
