//! The database with all the traps, on each engine, and looking into it from outside.

use std::path::PathBuf;

use countersign_connect::{PseudonymKey, mysql, postgres, sqlite};
use countersign_core::plan::Counts;
use countersign_service::ports::source::{
    Exported, Identity, Match, RootKey, Source, Stepped, Target, Value,
};
use countersign_service::settings::DataMap;
use countersign_testing::{mariadb, postgres::Database};

use super::permit::{key, permit};

/// Tables and rows; `{key …}` is a constraint that servers get when all rows are there.
const SCHEMA: &str = include_str!("schema.sql");
/// The map of it.
pub const MAP: &str = include_str!("map.toml");

/// The key of the source's pseudonyms.
const KEY: PseudonymKey = PseudonymKey::new([7; 32]);

/// A source under test.
pub struct Given {
    pub source: Box<dyn Source>,
    pub map: DataMap,
    place: Place,
}

enum Place {
    Sqlite(PathBuf, #[allow(dead_code, reason = "holds the folder")] tempfile::TempDir),
    Postgres(Database<'static>),
    Mariadb(mariadb::Database<'static>),
}

/// An engine, and where it is.
pub enum Engine {
    Sqlite(PathBuf),
    Postgres(String),
    Mariadb(String),
}

pub fn map(text: &str) -> DataMap {
    DataMap::parse(text).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// The traps in SQLite.
pub fn sqlite() -> Option<Given> {
    Some(sqlite_of(SCHEMA, MAP))
}

pub fn sqlite_of(schema: &str, text: &str) -> Given {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("shop.sqlite");
    let connection = rusqlite::Connection::open(&path).expect("a new file");
    // Keys stand inside the tables here: `{key` and `}` only mark them for the servers.
    let (tables, rest) = schema.split_once("-- rows").expect("a schema with rows");
    connection.execute_batch("PRAGMA foreign_keys = OFF").expect("a pragma");
    connection.execute_batch(&with_keys_inside(tables)).expect("tables");
    connection.execute_batch(rest).expect("rows");
    drop(connection);
    let options = sqlite::Options { pseudonyms: Some(KEY), ..sqlite::Options::new(&path) };
    let source = sqlite::SqliteSource::open("shop", options).expect("a source");
    Given { source: Box::new(source), map: map(text), place: Place::Sqlite(path, folder) }
}

/// The traps in PostgreSQL; `None` where there is no server and that is allowed.
pub fn postgres() -> Option<Given> {
    postgres_of(SCHEMA, MAP)
}

pub fn postgres_of(schema: &str, text: &str) -> Option<Given> {
    let database = countersign_testing::postgres::database_or_skip()?;
    let (tables, rest) = schema.split_once("-- rows").expect("a schema with rows");
    let (tables, keys) = with_keys_after(tables);
    database.run(&format!("{tables}{rest}{keys}")).expect("tables and rows");
    let options = postgres::Options { pseudonyms: Some(KEY), ..postgres::Options::new(database.url()) };
    let source = postgres::PostgresSource::open("shop", options).expect("a source");
    Some(Given { source: Box::new(source), map: map(text), place: Place::Postgres(database) })
}

/// The traps in MariaDB; `None` where there is no server and that is allowed.
pub fn mariadb() -> Option<Given> {
    mariadb_of(SCHEMA, MAP, false)
}

/// The same without ever opening a temporary table twice in a statement, as MySQL needs it.
pub fn mariadb_opening_once() -> Option<Given> {
    mariadb_of(SCHEMA, MAP, true)
}

pub fn mariadb_of(schema: &str, text: &str, opens_once: bool) -> Option<Given> {
    let database = countersign_testing::mariadb::database_or_skip()?;
    let (tables, rest) = schema.split_once("-- rows").expect("a schema with rows");
    let (tables, keys) = with_keys_after(tables);
    // A text of any length can be no key there.
    let tables = tables.replace(" text", " varchar(100)");
    database.run(&format!("{tables}{rest}{keys}")).expect("tables and rows");
    let options = mysql::Options { opens_once, pseudonyms: Some(KEY), ..mysql::Options::new(database.url()) };
    let source = mysql::MysqlSource::open("shop", options).expect("a source");
    Some(Given { source: Box::new(source), map: map(text), place: Place::Mariadb(database) })
}

/// `{key …}` lines as they stand, without the braces.
fn with_keys_inside(tables: &str) -> String {
    tables.replace("{key ", "").replace('}', "")
}

/// The tables without `{key …}` lines, and the same as statements.
fn with_keys_after(tables: &str) -> (String, String) {
    let (mut kept, mut keys, mut table) = (String::new(), String::new(), "");
    for line in tables.lines() {
        if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            table = name.split_whitespace().next().unwrap_or_default();
        }
        match line.trim().strip_prefix("{key ").and_then(|it| it.split_once('}')) {
            Some((constraint, _)) => {
                let constraint = constraint.trim().trim_end_matches(',');
                keys += &format!("ALTER TABLE {table} ADD {constraint};\n");
            }
            None => {
                // The comma before a key that is not here any more.
                if line.starts_with(");") {
                    kept.truncate(kept.trim_end().trim_end_matches(',').len());
                    kept.push('\n');
                }
                kept += &format!("{line}\n");
            }
        }
    }
    (kept, keys)
}

pub fn root(id: i64) -> RootKey {
    RootKey { source: "shop".to_owned(), table: "customer".to_owned(), key: format!("[\"{id}\"]") }
}

pub fn subject(id: i64) -> Target {
    Target::Subject(vec![root(id)])
}

impl Given {
    /// The same source to a node that has no key for pseudonyms.
    pub fn without_key(&self) -> Box<dyn Source> {
        match &self.place {
            Place::Sqlite(path, _) => {
                Box::new(sqlite::SqliteSource::open("shop", sqlite::Options::new(path)).expect("a source"))
            }
            Place::Postgres(database) => {
                let options = postgres::Options::new(database.url());
                Box::new(postgres::PostgresSource::open("shop", options).expect("a source"))
            }
            Place::Mariadb(database) => {
                let options = mysql::Options::new(database.url());
                Box::new(mysql::MysqlSource::open("shop", options).expect("a source"))
            }
        }
    }

    /// The same source to a node that waits for nobody: so long for a lock, and so long for a statement.
    pub fn impatient(&self, lock_timeout_ms: u64, statement_timeout_ms: u64) -> Box<dyn Source> {
        match &self.place {
            Place::Sqlite(path, _) => {
                let options =
                    sqlite::Options { busy_timeout_ms: lock_timeout_ms, ..sqlite::Options::new(path) };
                Box::new(sqlite::SqliteSource::open("shop", options).expect("a source"))
            }
            Place::Postgres(database) => {
                let options = postgres::Options {
                    lock_timeout_ms,
                    statement_timeout_ms,
                    ..postgres::Options::new(database.url())
                };
                Box::new(postgres::PostgresSource::open("shop", options).expect("a source"))
            }
            Place::Mariadb(database) => {
                let options = mysql::Options {
                    lock_timeout_ms,
                    statement_timeout_ms,
                    ..mysql::Options::new(database.url())
                };
                Box::new(mysql::MysqlSource::open("shop", options).expect("a source"))
            }
        }
    }

    /// A source of the same kind where nobody answers.
    pub fn nowhere(&self) -> Box<dyn Source> {
        match &self.place {
            Place::Sqlite(path, _) => {
                let options = sqlite::Options::new(path.with_extension("missing"));
                Box::new(sqlite::SqliteSource::open("shop", options).expect("a source"))
            }
            Place::Postgres(_) => {
                let options = postgres::Options::new("postgres://shop@127.0.0.1:1/shop");
                Box::new(postgres::PostgresSource::open("shop", options).expect("a source"))
            }
            Place::Mariadb(_) => {
                let options = mysql::Options::new("mysql://shop@127.0.0.1:1/shop");
                Box::new(mysql::MysqlSource::open("shop", options).expect("a source"))
            }
        }
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match &self.place {
            Place::Sqlite(path, _) => Engine::Sqlite(path.clone()),
            Place::Postgres(database) => Engine::Postgres(database.url()),
            Place::Mariadb(database) => Engine::Mariadb(database.url()),
        }
    }

    /// Runs SQL beside the source.
    pub fn run(&self, sql: &str) {
        match &self.place {
            Place::Sqlite(path, _) => {
                let connection = rusqlite::Connection::open(path).expect("the file");
                connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).expect(sql);
            }
            Place::Postgres(database) => drop(database.run(sql).expect(sql)),
            Place::Mariadb(database) => {
                drop(database.run(&format!("SET foreign_key_checks = 0; {sql}")).expect(sql));
            }
        }
    }

    /// One number out of the source.
    pub fn number(&self, sql: &str) -> i64 {
        match &self.place {
            Place::Sqlite(path, _) => {
                let connection = rusqlite::Connection::open(path).expect("the file");
                connection.query_row(sql, [], |row| row.get(0)).expect(sql)
            }
            Place::Postgres(database) => database.run(sql).expect(sql).trim().parse().expect("a number"),
            Place::Mariadb(database) => database.run(sql).expect(sql).trim().parse().expect("a number"),
        }
    }

    /// Whether no foreign key is without an index.
    pub fn indexes_keys(&self) -> bool {
        matches!(self.place, Place::Mariadb(_))
    }

    /// Whether there are indexes over expressions.
    pub fn indexes_expressions(&self) -> bool {
        !matches!(self.place, Place::Mariadb(_))
    }

    pub fn rows(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}"))
    }

    /// Erases under a request of its own, with nothing signed.
    pub async fn erase(&self, request: u8, target: &Target) -> Stepped {
        self.erase_within(request, target, None).await
    }

    /// To the end, where the map says that it goes in parts.
    pub async fn erase_within(&self, request: u8, target: &Target, ceiling: Option<Counts>) -> Stepped {
        let permit = permit(request, "erase", ceiling);
        let mut key = key(request);
        key.chunk = u32::from(self.map.chunk_rows.is_some());
        loop {
            match self.source.erase(&permit, &key, &self.map, target).await.expect("an answer") {
                Stepped::Part(_) => key.chunk += 1,
                other => return other,
            }
        }
    }

    pub async fn left(&self, target: &Target) -> u64 {
        self.source.left(&self.map, target).await.expect("a look").rows()
    }

    pub async fn resolve(&self, kind: &str, value: &str) -> Vec<Match> {
        let identity = Identity { kind: kind.to_owned(), value: value.to_owned() };
        self.source.resolve(&self.map, &[identity]).await.expect("an answer")
    }

    /// Rows of the plan by table, way and treatment, those without any left out.
    pub async fn plan(&self, target: &Target) -> Vec<String> {
        let plan = self.source.survey(&self.map, target).await.expect("a plan");
        let lines = plan.lines.iter().filter(|it| it.rows > 0);
        lines.map(|it| format!("{}: {} {} ({})", it.table, it.treatment.name(), it.rows, it.way)).collect()
    }

    /// Everything that an export sends: table, columns, rows as texts.
    pub async fn export(&self, target: &Target) -> Vec<(String, Vec<String>, Vec<Vec<String>>)> {
        let (send, mut receive) = tokio::sync::mpsc::channel(4);
        let permit = permit(200, "export", None);
        let sending = self.source.export(&permit, &self.map, target, send);
        let receiving = async {
            let mut all: Vec<(String, Vec<String>, Vec<Vec<String>>)> = vec![];
            while let Some(piece) = receive.recv().await {
                match piece {
                    Exported::Table { table, columns, .. } => all.push((table, columns, vec![])),
                    Exported::Row(values) => {
                        let (_, _, rows) = all.last_mut().expect("a table before its rows");
                        rows.push(values.iter().map(shown).collect());
                    }
                }
            }
            all
        };
        let (counts, all) = tokio::join!(sending, receiving);
        let sent: usize = all.iter().map(|(_, _, rows)| rows.len()).sum();
        assert_eq!(counts.expect("an export").rows(), sent as u64, "what is counted is what was sent");
        all
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Real(it) => it.to_string(),
        Value::Text(it) | Value::Json(it) => it.clone(),
        Value::Bytes(it) => format!("{} bytes", it.len()),
    }
}
