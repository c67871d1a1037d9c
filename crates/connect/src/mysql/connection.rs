//! A connection, its session, running statements. Each use has a connection of its own: what a session switched off
//! is never found switched off by another one, and a use that is dropped takes its transaction with it.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, Params, Row, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::dialect::{MARIADB, MYSQL, MySql};
use super::statement::{copy_name, opened_once, positional};
use crate::footprint::count::Weighed;
use crate::sql::Sql;

/// How sessions wait, in whole seconds.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) lock_seconds: u64,
    pub(super) statement_ms: u64,
}

/// A connection for one use.
pub(super) struct Session {
    connection: Conn,
    dialect: &'static MySql,
    /// How many tables each node's collected rows stand in.
    collected: BTreeMap<usize, usize>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    pub(super) async fn open(
        opts: &Opts,
        limits: Limits,
        forced: Option<&'static MySql>,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Error> {
        let mut connection = Conn::new(opts.clone()).await?;
        let version: Option<String> = connection.query_first("SELECT VERSION()").await?;
        let is_mariadb = version.is_some_and(|it| it.contains("MariaDB"));
        let (own, time) = if is_mariadb {
            // In seconds; of every statement.
            #[allow(clippy::cast_precision_loss, reason = "a time in milliseconds has fewer than 53 bits")]
            let seconds = limits.statement_ms as f64 / 1000.0;
            (&MARIADB, format!("max_statement_time = {seconds}"))
        } else {
            // In milliseconds; of statements that read.
            (&MYSQL, format!("max_execution_time = {}", limits.statement_ms))
        };
        let lock = limits.lock_seconds;
        connection.query_drop(format!("SET NAMES utf8mb4 COLLATE {}", own.exact)).await?;
        // An export waits for its receiver without the server hanging up.
        connection
            .query_drop(format!(
                "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,\
                 ERROR_FOR_DIVISION_BY_ZERO', time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, \
                 unique_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT, sql_auto_is_null = 0, \
                 innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}, net_write_timeout = 3600, {time}"
            ))
            .await?;
        Ok(Self { connection, dialect: forced.unwrap_or(own), collected: BTreeMap::new(), _place: place })
    }

    pub(super) fn dialect(&self) -> &'static MySql {
        self.dialect
    }

    /// The server's number of this connection.
    pub(super) fn id(&self) -> u32 {
        self.connection.id()
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.dialect.exact == MARIADB.exact
    }

    /// Runs a statement without values.
    pub(super) async fn run(&mut self, text: &str) -> Result<(), Error> {
        self.connection.query_drop(text).await
    }

    /// Runs a statement that returns nothing; how many rows it touched.
    pub(super) async fn execute(&mut self, sql: &Sql) -> Result<u64, Error> {
        let (text, values) = self.prepared(sql).await?;
        self.connection.exec_drop(text, params(values)).await?;
        Ok(self.connection.affected_rows())
    }

    /// Runs a statement of ours with values.
    pub(super) async fn execute_with(&mut self, text: &str, values: Vec<Value>) -> Result<u64, Error> {
        self.connection.exec_drop(text, params(values)).await?;
        Ok(self.connection.affected_rows())
    }

    pub(super) async fn rows(&mut self, text: &str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        self.connection.exec(text, params(values)).await
    }

    /// `line, rows` of every line that has rows.
    pub(super) async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, Error> {
        let (text, values) = self.prepared(sql).await?;
        let rows = self.rows(&text, values).await?;
        let pair = |row: &Row| Some((usize::try_from(whole(row, 0)?).ok()?, whole(row, 1)?));
        Ok(rows.iter().filter_map(pair).collect())
    }

    /// `line, rows, bytes` of every line that has rows.
    pub(super) async fn weighed(&mut self, sql: &Sql) -> Result<Vec<Weighed>, Error> {
        let (text, values) = self.prepared(sql).await?;
        let rows = self.rows(&text, values).await?;
        let line = |row: &Row| {
            let line = usize::try_from(whole(row, 0)?).ok()?;
            Some(Weighed { line, rows: whole(row, 1)?, bytes: whole(row, 2)? })
        };
        Ok(rows.iter().filter_map(line).collect())
    }

    /// Rows of texts.
    pub(super) async fn texts(&mut self, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, Error> {
        let (text, values) = self.prepared(sql).await?;
        let rows = self.rows(&text, values).await?;
        Ok(rows.iter().map(|row| (0..row.len()).map(|at| self::text(row, at)).collect()).collect())
    }

    /// Rows as they come off the wire.
    pub(super) async fn cells(&mut self, sql: &Sql) -> Result<Vec<Vec<Value>>, Error> {
        let (text, values) = self.prepared(sql).await?;
        Ok(self.rows(&text, values).await?.into_iter().map(Row::unwrap).collect())
    }

    /// Reads rows one by one as they come.
    pub(super) async fn stream(
        &mut self,
        sql: &Sql,
    ) -> Result<mysql_async::QueryResult<'_, 'static, mysql_async::BinaryProtocol>, Error> {
        let (text, values) = positional(sql);
        self.connection.exec_iter(text, params(values)).await
    }

    /// Puts what `sql` selects into the temporary table of a node. It does not end the transaction.
    pub(super) async fn collect(&mut self, node: usize, sql: &Sql) -> Result<(), Error> {
        let (text, values) = self.prepared(sql).await?;
        let name = copy_name(node, 1);
        self.execute_with(&format!("CREATE TEMPORARY TABLE {name} ENGINE = InnoDB AS {text}"), values)
            .await?;
        self.collected.insert(node, 1);
        Ok(())
    }

    /// Text and values; temporary tables that the server opens only once have been copied as often as they stand in it.
    async fn prepared(&mut self, sql: &Sql) -> Result<(String, Vec<Value>), Error> {
        let (text, values) = positional(sql);
        if self.dialect.reopens || self.collected.is_empty() {
            return Ok((text, values));
        }
        let (text, opened) = opened_once(&text);
        for (node, times) in opened {
            let Some(made) = self.collected.get_mut(&node) else { continue };
            while *made < times {
                *made += 1;
                let (first, next) = (copy_name(node, 1), copy_name(node, *made));
                self.connection
                    .query_drop(format!(
                        "CREATE TEMPORARY TABLE {next} ENGINE = InnoDB AS SELECT * FROM {first}"
                    ))
                    .await?;
            }
        }
        Ok((text, values))
    }

    /// Says goodbye; what is open is rolled back by the server.
    pub(super) async fn close(self) {
        // It is going either way.
        let _ = self.connection.disconnect().await;
    }
}

fn params(values: Vec<Value>) -> Params {
    if values.is_empty() { Params::Empty } else { Params::Positional(values) }
}

pub(super) fn whole(row: &Row, at: usize) -> Option<u64> {
    match row.as_ref(at)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::UInt(number) => Some(*number),
        Value::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Everything is asked for as text, but for numbers.
pub(super) fn text(row: &Row, at: usize) -> Option<String> {
    match row.as_ref(at)? {
        Value::Bytes(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::NULL | Value::Date(..) | Value::Time(..) => None,
    }
}
