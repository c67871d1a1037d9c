//! Lists of requests. Each question is answered from the one index that gives it in order; it never reads the
//! table through, and never sorts more than it shows (the expiring, who are few, excepted).

use std::cmp::Ordering;

use countersign_service::ports::store::{IndexTerm, Query, Row, Status};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::request::{COLUMNS, row_of};
use crate::fault::Fault;

/// The rows that `query` asks for.
pub(super) fn list(db: &Connection, query: &Query) -> Result<Vec<Row>, Fault> {
    let mut found = Vec::new();
    let question = question(query);
    let mut find = db.prepare_cached(&question.sql)?;
    let mut rows = find.query(params_from_iter(&question.values))?;
    while let Some(row) = rows.next()? {
        found.push(row_of(row)?);
    }
    // The parts of a statement come in their order, each with no more rows than are shown: here they are merged.
    found.sort_by(|one, other| order(query, one, other));
    found.dedup_by_key(|row| row.id);
    found.truncate(query.limit as usize);
    Ok(found)
}

fn order(query: &Query, one: &Row, other: &Row) -> Ordering {
    let ascending = (one.submitted_at, one.id).cmp(&(other.submitted_at, other.id));
    if query.oldest_first { ascending } else { ascending.reverse() }
}

/// One statement, or a part of one, and its values.
pub(super) struct Question {
    pub(super) sql: String,
    values: Vec<Value>,
    /// How many values the parts before it have.
    before: usize,
}

impl Question {
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.before + self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.contains(" where ") { " and " } else { " where " });
        self.sql.push_str(condition);
    }
}

/// What is asked of the database: one statement, with a part for each state when only an index by state helps, or for
/// each term of which one is enough.
pub(super) fn question(query: &Query) -> Question {
    if !query.any.is_empty() {
        return all_of(&query.any, |lead, before| by_terms(query, lead, &query.terms, before));
    }
    if let Some((lead, others)) = query.terms.split_first() {
        return by_terms(query, lead, others, 0);
    }
    if query.expires_by.is_some() {
        return by_expiry(query);
    }
    let statuses = if query.statuses.is_empty() { &Status::ALL[..] } else { &query.statuses[..] };
    let mut once: Vec<Status> = statuses.to_vec();
    once.sort_unstable();
    once.dedup();
    all_of(&once, |status, before| by_status(query, *status, before))
}

/// One statement of as many parts.
fn all_of<T>(leads: &[T], part: impl Fn(&T, usize) -> Question) -> Question {
    let mut all = Question { sql: String::new(), values: Vec::new(), before: 0 };
    for lead in leads {
        let part = part(lead, all.values.len());
        let joined = if all.sql.is_empty() { "" } else { " union all " };
        all.sql += &format!("{joined}select * from ({})", part.sql);
        all.values.extend(part.values);
    }
    all
}

fn by_status(query: &Query, status: Status, before: usize) -> Question {
    let index = if query.action.is_some() { "request_by_action" } else { "request_by_status" };
    let mut question = from(&format!("request r indexed by {index}"), before);
    narrow(&mut question, query);
    let status = question.value(status.name().to_owned());
    question.and(&format!("r.status = {status}"));
    end(question, query, "r.submitted_at", "r.id")
}

fn by_expiry(query: &Query) -> Question {
    let mut question = from("request r indexed by request_expiring", 0);
    conditions(&mut question, query);
    end(question, query, "r.submitted_at", "r.id")
}

fn by_terms(query: &Query, lead: &IndexTerm, others: &[IndexTerm], before: usize) -> Question {
    // `cross join` keeps this order: one term leads, as it comes in the order of the list.
    let mut question = from("request_term t cross join request r on r.id = t.request", before);
    let lead = found(&mut question, "t", lead);
    question.and(&lead);
    for term in others {
        let found = found(&mut question, "o", term);
        question.and(&format!(
            "exists (select 1 from request_term o where {found} \
             and o.submitted_at = t.submitted_at and o.request = t.request)"
        ));
    }
    conditions(&mut question, query);
    end(question, query, "t.submitted_at", "t.request")
}

fn found(question: &mut Question, alias: &str, term: &IndexTerm) -> String {
    let name = question.value(term.name.clone());
    let value = question.value(term.value.clone());
    format!("{alias}.name = {name} and {alias}.value = {value}")
}

fn from(tables: &str, before: usize) -> Question {
    Question { sql: format!("select {COLUMNS} from {tables}"), values: Vec::new(), before }
}

fn conditions(question: &mut Question, query: &Query) {
    narrow(question, query);
    if !query.statuses.is_empty() {
        let names: Vec<_> = query.statuses.iter().map(|s| question.value(s.name().to_owned())).collect();
        question.and(&format!("r.status in ({})", names.join(", ")));
    }
    if let Some(moment) = query.expires_by {
        let moment = question.value(moment.as_millis());
        question.and(&format!("r.expires_at <= {moment}"));
    }
}

fn narrow(question: &mut Question, query: &Query) {
    if let Some(action) = &query.action {
        let action = question.value(action.clone());
        question.and(&format!("r.action = {action}"));
    }
    for term in &query.without {
        let found = found(question, "w", term);
        question.and(&format!(
            "not exists (select 1 from request_term w where {found} \
             and w.submitted_at = r.submitted_at and w.request = r.id)"
        ));
    }
}

fn end(mut question: Question, query: &Query, moment: &str, id: &str) -> Question {
    let (after, direction) = if query.oldest_first { (">", "asc") } else { ("<", "desc") };
    if let Some((at, request)) = query.after {
        let at = question.value(at.as_millis());
        let request = question.value(request.as_bytes().to_vec());
        question.and(&format!("({moment}, {id}) {after} ({at}, {request})"));
    }
    let limit = question.value(i64::from(query.limit));
    question.sql.push_str(&format!(" order by {moment} {direction}, {id} {direction} limit {limit}"));
    question
}

#[cfg(test)]
mod tests;
