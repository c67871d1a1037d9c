//! Statements that are put together from parts, and the guards within them. One statement may write to many tables;
//! a guard that does not hold makes it fail, so that whatever was sent behind it, the commit too, undoes everything.

use std::fmt::Write;

use countersign_service::ports::store::StoreError;
use futures::future::join_all;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::pool::Client;
use super::value::{Value, refs};
use crate::fault::{Fault, malformed};

/// What it means that a guard does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A lease was lost.
    Fenced,
    /// Somebody else wrote first, and the change expected otherwise.
    Conflict,
    /// Somebody else wrote what this transaction had read: it is decided again.
    Raced,
    /// No correct caller makes such a change.
    Malformed(&'static str),
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Fenced => StoreError::Fenced.into(),
            Broken::Conflict => StoreError::Conflict.into(),
            Broken::Raced => Fault::Again("somebody else kept changing the same things at the same moment"),
            Broken::Malformed(what) => malformed(what),
        }
    }
}

struct Guard {
    part: &'static str,
    rows: i64,
    broken: Broken,
}

/// A statement: named parts that run together, over one snapshot.
#[derive(Default)]
pub(super) struct Statement {
    text: String,
    values: Vec<Value>,
    guards: Vec<Guard>,
}

impl Statement {
    /// A statement that is written out in full.
    pub(super) fn plain(text: impl Into<String>, values: Vec<Value>) -> Self {
        Self { text: text.into(), values, guards: Vec::new() }
    }

    /// Takes a value in and answers its place, as `$7`.
    pub(super) fn value(
        &mut self,
        value: impl tokio_postgres::types::ToSql + Send + Sync + 'static,
    ) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// Adds a part under a name. No two parts of a statement may write the same row.
    pub(super) fn part(&mut self, name: &str, text: &str) {
        let before = if self.text.is_empty() { "with" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{before} {name} as ({text})");
    }

    /// The part must give so many rows.
    pub(super) fn guard(&mut self, part: &'static str, rows: usize, broken: Broken) {
        self.guards.push(Guard { part, rows: rows as i64, broken });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The statement as a whole, once all its parts are in; one that was written out in full is whole already.
    pub(super) fn end(mut self) -> Self {
        if !self.text.starts_with("with ") {
            return self;
        }
        if self.guards.is_empty() {
            self.text.push_str(" select 0::bigint");
            return self;
        }
        let (mut holds, mut told, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..self.guards.len() {
            let (part, rows) = (self.guards[place].part, self.guards[place].rows);
            let rows = self.value(rows);
            holds.push(format!("g{place}.n = {rows}"));
            told.push(format!("' ' || cast(g{place}.n as text)"));
            counts.push(format!("(select count(*) as n from {part}) g{place}"));
        }
        // The cast fails on purpose, with the counts in its text; its input is no constant, so it is not made early.
        let _ = write!(
            self.text,
            " select case when {} then 0 else cast('guard' || {} as bigint) end from {}",
            holds.join(" and "),
            told.join(" || "),
            counts.join(", ")
        );
        self
    }

    /// Which guard did not hold, if that is what the error says. The first one counts.
    fn broken(&self, error: &tokio_postgres::Error) -> Option<Broken> {
        let said = error.as_db_error()?;
        if *said.code() != SqlState::INVALID_TEXT_REPRESENTATION {
            return None;
        }
        let counts = said.message().split("\"guard ").nth(1)?.split('"').next()?;
        let counts = counts.split(' ').map(|count| count.parse::<i64>().ok());
        self.guards
            .iter()
            .zip(counts)
            .find(|(guard, count)| *count != Some(guard.rows))
            .map(|(guard, _)| guard.broken)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Statements that are sent together, and answered together.
pub(super) struct Flight {
    statements: Vec<(tokio_postgres::Statement, Statement)>,
}

impl Flight {
    /// Prepares what the connection has not prepared before.
    pub(super) async fn prepare(client: &Client, statements: Vec<Statement>) -> Result<Self, Fault> {
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push((client.prepare_cached(statement.text()).await?, statement));
        }
        Ok(Self { statements: prepared })
    }

    /// Sends all, in order, without waiting in between. The first error counts: those behind it come of it.
    pub(super) async fn run(&self, client: &Client) -> Result<Vec<Vec<Row>>, Fault> {
        // `join_all` asks in order, and each is sent when it is first asked.
        let values: Vec<_> = self.statements.iter().map(|(_, statement)| refs(&statement.values)).collect();
        let sent =
            self.statements.iter().zip(&values).map(|((prepared, _), values)| client.query(prepared, values));
        let mut answers = Vec::with_capacity(values.len());
        for (answer, (_, statement)) in join_all(sent).await.into_iter().zip(&self.statements) {
            answers.push(answer.map_err(|error| {
                statement.broken(&error).map_or_else(|| Fault::Postgres(error), Fault::from)
            })?);
        }
        Ok(answers)
    }
}

/// Runs one statement by itself.
pub(super) async fn ask(client: &Client, statement: Result<Statement, Fault>) -> Result<Vec<Row>, Fault> {
    let Statement { text, values, .. } = statement?;
    let prepared = client.prepare_cached(&text).await?;
    Ok(client.query(&prepared, &refs(&values)).await?)
}
