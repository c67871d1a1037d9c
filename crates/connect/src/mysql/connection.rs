//! A connection, its session, running statements. Each use has a session of its own: what one switched off is never
//! found switched off by another one, and a use that is dropped takes its transaction and its connection with it. One
//! connection, made new as a session, waits for the next erasure.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, Params, Row, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::dialect::{MARIADB, MYSQL, MySql};
use super::statement::{copy_name, opened_once, positional};
use crate::erasing::{Answer, Ask};
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

/// A connection between two uses.
pub(super) struct Rested {
    connection: Conn,
    dialect: &'static MySql,
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
        let own = if is_mariadb { &MARIADB } else { &MYSQL };
        set_up(&mut connection, own, limits).await?;
        Ok(Self { connection, dialect: forced.unwrap_or(own), collected: BTreeMap::new(), _place: place })
    }

    /// What is left of a session for the next one: a connection on which nothing of this one stands any more; none where
    /// that cannot be had.
    pub(super) async fn rest(mut self, limits: Limits) -> Option<Rested> {
        // Ends what is open, drops temporary tables, and switches on what was switched off.
        let renewed = self.connection.reset().await.ok()?;
        let own = if self.is_mariadb() { &MARIADB } else { &MYSQL };
        set_up(&mut self.connection, own, limits).await.ok().filter(|()| renewed)?;
        Some(Rested { connection: self.connection, dialect: self.dialect })
    }

    /// A session on a connection that rested, if the server still answers there.
    pub(super) async fn wake(
        rested: Rested,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, OwnedSemaphorePermit> {
        let Rested { mut connection, dialect } = rested;
        match connection.ping().await {
            Ok(()) => Ok(Self { connection, dialect, collected: BTreeMap::new(), _place: place }),
            Err(_) => Err(place),
        }
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
        self.execute_with(&text, values).await
    }

    /// Runs a statement of ours with values.
    pub(super) async fn execute_with(&mut self, text: &str, values: Vec<Value>) -> Result<u64, Error> {
        if values.is_empty() {
            // Without values there is nothing to prepare: it goes to the server and back once.
            self.connection.query_drop(text).await?;
        } else {
            self.connection.exec_drop(text, Params::Positional(values)).await?;
        }
        Ok(self.connection.affected_rows())
    }

    pub(super) async fn rows(&mut self, text: &str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        if values.is_empty() {
            return self.connection.query(text).await;
        }
        self.connection.exec(text, Params::Positional(values)).await
    }

    /// Runs statements without values in one go: how many rows each touched, and its rows. The first that fails is the
    /// last that is run.
    pub(super) async fn rows_of_each(&mut self, texts: &[String]) -> Result<Vec<(u64, Vec<Row>)>, Error> {
        let mut all = Vec::with_capacity(texts.len());
        if texts.is_empty() {
            return Ok(all);
        }
        let mut result = self.connection.query_iter(texts.join("; ")).await?;
        for _ in texts {
            let touched = result.affected_rows();
            all.push((touched, result.collect().await?));
        }
        result.drop_result().await?;
        Ok(all)
    }

    /// `line, rows` of every line that has rows.
    pub(super) async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, Error> {
        let (text, values) = self.prepared(sql).await?;
        Ok(pairs(&self.rows(&text, values).await?))
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
        Ok(rows.iter().map(row_texts).collect())
    }

    /// Rows as they come off the wire.
    pub(super) async fn cells(&mut self, sql: &Sql) -> Result<Vec<Vec<Value>>, Error> {
        let (text, values) = self.prepared(sql).await?;
        let rows: Vec<Row> = self.connection.exec(text, params(values)).await?;
        Ok(rows.into_iter().map(Row::unwrap).collect())
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
        self.execute_with(&collecting(node, &text), values).await?;
        self.collected.insert(node, 1);
        Ok(())
    }

    /// All of them in this order. Those without values that follow each other go together.
    pub(super) async fn together(&mut self, asked: &[Ask]) -> Result<Vec<Answer>, Error> {
        let mut answers = Vec::with_capacity(asked.len());
        let mut waiting: Vec<(&Ask, String)> = vec![];
        for ask in asked {
            let sql = ask.sql();
            // A temporary table that the server opens only once has to be copied in between.
            if self.dialect.reopens && sql.params.is_empty() {
                waiting.push((ask, sql.text.clone()));
                continue;
            }
            self.answer(&mut waiting, &mut answers).await?;
            answers.push(match ask {
                Ask::Execute(sql) => Answer::Touched(self.execute(sql).await?),
                Ask::Lines(sql) => Answer::Lines(self.lines(sql).await?),
                Ask::Texts(sql) => Answer::Texts(self.texts(sql).await?),
                Ask::Collect(node, sql) => {
                    self.collect(*node, sql).await?;
                    Answer::Collected
                }
            });
        }
        self.answer(&mut waiting, &mut answers).await?;
        Ok(answers)
    }

    async fn answer(
        &mut self,
        waiting: &mut Vec<(&Ask, String)>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Error> {
        let (asked, texts): (Vec<&Ask>, Vec<String>) = waiting
            .drain(..)
            .map(|(ask, text)| match ask {
                Ask::Collect(node, _) => (ask, collecting(*node, &text)),
                _ => (ask, text),
            })
            .unzip();
        for (ask, (touched, rows)) in asked.into_iter().zip(self.rows_of_each(&texts).await?) {
            answers.push(match ask {
                Ask::Execute(_) => Answer::Touched(touched),
                Ask::Lines(_) => Answer::Lines(pairs(&rows)),
                Ask::Texts(_) => Answer::Texts(rows.iter().map(row_texts).collect()),
                Ask::Collect(node, _) => {
                    self.collected.insert(*node, 1);
                    Answer::Collected
                }
            });
        }
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

/// Sets everything that a session rests on.
async fn set_up(connection: &mut Conn, own: &MySql, limits: Limits) -> Result<(), Error> {
    let time = if own.exact == MARIADB.exact {
        // In seconds; of every statement.
        #[allow(clippy::cast_precision_loss, reason = "a time in milliseconds has fewer than 53 bits")]
        let seconds = limits.statement_ms as f64 / 1000.0;
        format!("max_statement_time = {seconds}")
    } else {
        // In milliseconds; of statements that read.
        format!("max_execution_time = {}", limits.statement_ms)
    };
    let lock = limits.lock_seconds;
    // An export waits for its receiver without the server hanging up.
    connection
        .query_drop(format!(
            "SET NAMES utf8mb4 COLLATE {}; \
             SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,\
             ERROR_FOR_DIVISION_BY_ZERO', time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, \
             unique_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT, sql_auto_is_null = 0, \
             innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}, net_write_timeout = 3600, {time}",
            own.exact
        ))
        .await
}

/// The statement that puts what `text` selects into the temporary table of a node.
fn collecting(node: usize, text: &str) -> String {
    format!("CREATE TEMPORARY TABLE {} ENGINE = InnoDB AS {text}", copy_name(node, 1))
}

fn pairs(rows: &[Row]) -> Vec<(usize, u64)> {
    let pair = |row: &Row| Some((usize::try_from(whole(row, 0)?).ok()?, whole(row, 1)?));
    rows.iter().filter_map(pair).collect()
}

fn row_texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|at| text(row, at)).collect()
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
