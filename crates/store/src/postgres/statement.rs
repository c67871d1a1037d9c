//! Statements that are put together from parts, and the guards within them. One statement may write to many tables;
//! a guard that does not hold makes it fail, so that whatever was sent behind it, the commit too, undoes everything.

use std::collections::BTreeSet;
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
        let text = text.into();
        debug_assert!(changes_each_once(&text), "a table is changed twice: {text}");
        Self { text, values, guards: Vec::new() }
    }

    /// Takes a value in and answers its place, as `$7`.
    pub(super) fn value(
        &mut self,
        value: impl tokio_postgres::types::ToSql + Send + Sync + 'static,
    ) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// Adds a part under a name. No two parts of a statement may change the same table: `chain.rs` sees to that.
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
        debug_assert!(changes_each_once(&self.text), "a table is changed twice: {}", self.text);
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
        self.guards
            .iter()
            .zip(counts(said.message())?)
            .find(|(guard, count)| *count != guard.rows)
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

/// The counts that the server repeats when the cast of [`Statement::end`] fails, in whatever language and between whatever
/// quotes it says that.
fn counts(message: &str) -> Option<Vec<i64>> {
    let (_, said) = message.split_once("guard ")?;
    let end = said.find(|c: char| !c.is_ascii_digit() && c != ' ').unwrap_or(said.len());
    said[..end].split_ascii_whitespace().map(|count| count.parse().ok()).collect()
}

/// Whether a statement changes no table twice, which not every engine takes (`docs/decisions/015-only-portable-sql.md`).
pub(super) fn changes_each_once(text: &str) -> bool {
    let mut changed = BTreeSet::new();
    for verb in ["insert into ", "update ", "delete from "] {
        for (at, _) in text.match_indices(verb) {
            // `for update` only locks, and `do update` is said of the table that is inserted into.
            if text[..at].ends_with("for ") || text[..at].ends_with("do ") {
                continue;
            }
            let table = text[at + verb.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next();
            if !changed.insert(table) {
                return false;
            }
        }
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_guard_is_understood_in_every_language() {
        for (said, wanted) in [
            ("invalid input syntax for type bigint: \"guard 0\"", vec![0]),
            ("invalid input syntax for type bigint: \"guard 1 0 12\"", vec![1, 0, 12]),
            ("ungültige Eingabesyntax für Typ bigint: »guard 1 0 12«", vec![1, 0, 12]),
            ("syntaxe en entrée invalide pour le type bigint : « guard 1 0 12 »", vec![1, 0, 12]),
            ("syntaxe en entrée invalide pour le type bigint : «\u{a0}guard 0\u{a0}»", vec![0]),
            ("la sintaxis de entrada no es válida para tipo bigint: «guard 1 0 12»", vec![1, 0, 12]),
            (
                "could not parse \"guard 0 3\" as type int: strconv.ParseInt: parsing \"guard 0 3\": invalid syntax",
                vec![0, 3],
            ),
        ] {
            assert_eq!(counts(said), Some(wanted), "{said}");
        }
        assert_eq!(counts("invalid input syntax for type bigint: \"word\""), None);
    }

    #[test]
    fn a_table_that_is_changed_twice_is_seen() {
        let lease = "insert into lease (name) values ($1) on conflict (name) do update set fence = 1";
        let claim =
            "with ready as (select id from job for update skip locked) update job j set fence = j.fence + 1";
        let locked = "select 1 from job j for update of j";
        let two = "with gone as (delete from record r using past), unfound as (delete from record_term t using past) \
                   select 1";
        for once in [lease, claim, locked, two] {
            assert!(changes_each_once(once), "{once}");
        }
        let terms =
            "with a as (delete from request_term t), b as (insert into request_term (name) select 'x')";
        let jobs = "with a as (delete from job j using f), b as (update job set fence = 1) select 1";
        let twice =
            "with a as (update record r set version = 1), b as (update record set version = 2) select 1";
        for twice in [terms, jobs, twice] {
            assert!(!changes_each_once(twice), "{twice}");
        }
    }
}
