//! Lists of requests. Each question is answered from the one index that gives it in order; it never reads the
//! table through, and never sorts more than it shows (the expiring, who are few, excepted).

use std::cmp::Ordering;

use countersign_service::ports::store::{IndexTerm, Query, Row, Status};
use tokio_postgres::types::{ToSql, Type};

use super::pool::Client;
use super::request::{COLUMNS, row_of};
use super::value::{Value, bytes};
use crate::fault::Fault;

/// The rows that `query` asks for.
pub(super) async fn list(client: &Client, query: &Query) -> Result<Vec<Row>, Fault> {
    let question = question(query);
    let values: Vec<(&(dyn ToSql + Sync), Type)> =
        question.values.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect();
    // Planned with its values, in the same round trip: a plan for any value could not rely on the limit.
    let rows = client.query_typed(&question.sql, &values).await?;
    let mut found = rows.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by(|one, other| order(query, one, other));
    found.dedup_by_key(|row| row.id);
    found.truncate(query.limit as usize);
    Ok(found)
}

fn order(query: &Query, one: &Row, other: &Row) -> Ordering {
    let ascending = (one.submitted_at, one.id).cmp(&(other.submitted_at, other.id));
    if query.oldest_first { ascending } else { ascending.reverse() }
}

/// One statement and its values.
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) values: Vec<(Value, Type)>,
}

impl Question {
    fn number(&mut self, value: i64) -> String {
        self.place(Box::new(value), Type::INT8)
    }

    fn text(&mut self, value: &str) -> String {
        self.place(Box::new(value.to_owned()), Type::TEXT)
    }

    fn bytes(&mut self, value: Vec<u8>) -> String {
        self.place(Box::new(value), Type::BYTEA)
    }

    fn place(&mut self, value: Value, of: Type) -> String {
        self.values.push((value, of));
        format!("${}", self.values.len())
    }
}

/// What is asked of the database: one part for each state when only an index by state helps, merged by whoever reads.
pub(super) fn question(query: &Query) -> Question {
    let mut question = Question { sql: String::new(), values: Vec::new() };
    if !query.any.is_empty() {
        // One part for each term that leads, merged as well.
        let parts: Vec<_> = query
            .any
            .iter()
            .map(|lead| format!("({})", by_terms(&mut question, query, lead, &query.terms)))
            .collect();
        question.sql = parts.join(" union all ");
        return question;
    }
    if let Some((lead, others)) = query.terms.split_first() {
        question.sql = by_terms(&mut question, query, lead, others);
        return question;
    }
    if query.expires_by.is_some() {
        let conditions = conditions(&mut question, query);
        question.sql = end(&mut question, "request r", conditions, query, "r.submitted_at", "r.id");
        return question;
    }
    let statuses = if query.statuses.is_empty() { &Status::ALL[..] } else { &query.statuses[..] };
    let mut once: Vec<Status> = statuses.to_vec();
    once.sort_unstable();
    once.dedup();
    let parts: Vec<_> = once
        .into_iter()
        .map(|status| {
            let mut conditions = narrow(&mut question, query);
            conditions.push(format!("r.status = '{}'", status.name()));
            format!("({})", end(&mut question, "request r", conditions, query, "r.submitted_at", "r.id"))
        })
        .collect();
    question.sql = parts.join(" union all ");
    question
}

/// One term leads, as it comes in the order of the list. Each request is looked at by itself, with a limit that
/// keeps the planner from making one heap of all that the term finds and sorting it: it guesses far too few.
fn by_terms(question: &mut Question, query: &Query, lead: &IndexTerm, others: &[IndexTerm]) -> String {
    let lead = vec![found(question, "t", lead)];
    let mut all = vec!["r.id = t.request".to_owned()];
    for term in others {
        all.push(format!(
            "exists (select 1 from request_term o where {} \
             and o.submitted_at = t.submitted_at and o.request = t.request)",
            found(question, "o", term)
        ));
    }
    all.extend(conditions(question, query));
    let from = format!(
        "request_term t cross join lateral (select {COLUMNS} from request r where {} limit 1) r",
        all.join(" and ")
    );
    end(question, &from, lead, query, "t.submitted_at", "t.request")
}

fn found(question: &mut Question, alias: &str, term: &IndexTerm) -> String {
    let name = question.text(&term.name);
    let value = question.bytes(term.value.clone());
    format!("{alias}.name = {name} and {alias}.value = {value}")
}

fn conditions(question: &mut Question, query: &Query) -> Vec<String> {
    let mut all = narrow(question, query);
    if !query.statuses.is_empty() {
        let names: Vec<_> = query.statuses.iter().map(|status| format!("'{}'", status.name())).collect();
        all.push(format!("r.status in ({})", names.join(", ")));
    }
    if let Some(moment) = query.expires_by {
        let moment = question.number(moment.as_millis());
        all.push(format!("r.expires_at <= {moment}"));
    }
    all
}

fn narrow(question: &mut Question, query: &Query) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(action) = &query.action {
        all.push(format!("r.action = {}", question.text(action)));
    }
    for term in &query.without {
        all.push(format!(
            "not exists (select 1 from request_term w where {} \
             and w.submitted_at = r.submitted_at and w.request = r.id)",
            found(question, "w", term)
        ));
    }
    all
}

fn end(
    question: &mut Question,
    from: &str,
    mut conditions: Vec<String>,
    query: &Query,
    moment: &str,
    id: &str,
) -> String {
    let (after, direction) = if query.oldest_first { (">", "asc") } else { ("<", "desc") };
    if let Some((at, request)) = query.after {
        let at = question.number(at.as_millis());
        let request = question.bytes(bytes(request));
        conditions.push(format!("({moment}, {id}) {after} ({at}, {request})"));
    }
    let limit = question.number(i64::from(query.limit));
    format!(
        "select {COLUMNS} from {from} where {} order by {moment} {direction}, {id} {direction} limit {limit}",
        conditions.join(" and ")
    )
}
