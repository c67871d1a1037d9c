//! The desk's data: tickets, which go, and calls, which stay by law without the caller. And receipts: one a key.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};

pub(crate) struct Desk(Connection);

pub(crate) enum Failed {
    Ask(&'static str),
    Database(#[allow(dead_code)] rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

const SCHEMA: &str = "
    create table if not exists ticket (id integer primary key, email text not null, at_ms integer not null, text text);
    create table if not exists call (id integer primary key, account text, minutes integer not null);
    create table if not exists receipt (
        request text, run integer, step text, chunk integer, outcome text not null, touched text not null,
        primary key (request, run, step, chunk)
    )";

/// What there is, and what an erasure does with it.
pub(crate) fn describe() -> Value {
    json!({
        "identities": ["email", "account"],
        "tables": [
            { "table": "ticket", "columns": ["id", "email", "at_ms", "text"], "treatment": "delete" },
            { "table": "call", "columns": ["id", "account", "minutes"], "treatment": "clear" },
        ],
    })
}

/// Whose, as JSON lists that SQLite reads; or which.
enum Whose {
    Subject { emails: String, accounts: String },
    Older { before_ms: i64 },
}

fn whose(ask: &Value) -> Result<Whose, Failed> {
    if let Some(subject) = ask.get("subject") {
        let list = |kind: &str| subject.get(kind).cloned().unwrap_or_else(|| json!([])).to_string();
        return Ok(Whose::Subject { emails: list("email"), accounts: list("account") });
    }
    let before_ms = ask["dataset"]["before_ms"].as_i64();
    match (ask["dataset"]["name"].as_str(), before_ms) {
        (Some("old_tickets"), Some(before_ms)) => Ok(Whose::Older { before_ms }),
        _ => Err(Failed::Ask("neither a subject nor a dataset of ours")),
    }
}

const THEIR_TICKETS: &str =
    "exists (select 1 from json_each(?1) where lower(json_each.value) = lower(ticket.email))";
const THEIR_CALLS: &str = "account in (select json_each.value from json_each(?1))";

/// Rows by table.
fn count(desk: &Connection, whose: &Whose) -> rusqlite::Result<Vec<(&'static str, &'static str, u64)>> {
    let one = |sql: String, value: &dyn rusqlite::ToSql| {
        desk.query_row(&sql, [value], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
    };
    Ok(match whose {
        Whose::Subject { emails, accounts } => vec![
            ("ticket", "delete", one(format!("select count(*) from ticket where {THEIR_TICKETS}"), emails)?),
            ("call", "clear", one(format!("select count(*) from call where {THEIR_CALLS}"), accounts)?),
        ],
        Whose::Older { before_ms } => {
            vec![(
                "ticket",
                "delete",
                one("select count(*) from ticket where at_ms < ?1".to_owned(), before_ms)?,
            )]
        }
    })
}

fn key(ask: &Value) -> Result<(String, i64, String, i64), Failed> {
    let key = &ask["key"];
    let text = |name: &str| key[name].as_str().map(str::to_owned);
    let parts = (text("request"), key["run"].as_i64(), text("step"), key["chunk"].as_i64());
    match parts {
        (Some(request), Some(run), Some(step), Some(chunk)) => Ok((request, run, step, chunk)),
        _ => Err(Failed::Ask("there is no key")),
    }
}

/// What stands under the key.
fn standing(desk: &Connection, ask: &Value) -> Result<Option<Value>, Failed> {
    let sql =
        "select outcome, touched from receipt where request = ?1 and run = ?2 and step = ?3 and chunk = ?4";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let found = desk.query_row(sql, key(ask)?, read).optional()?;
    Ok(found.map(|(outcome, touched)| match &*outcome {
        "void" => json!({ "outcome": "void" }),
        _ => json!({ "outcome": "done", "touched": serde_json::from_str::<Value>(&touched).unwrap_or(json!({})) }),
    }))
}

fn put(transaction: &Transaction<'_>, ask: &Value, outcome: &str, touched: &Value) -> Result<(), Failed> {
    let (request, run, step, chunk) = key(ask)?;
    let sql =
        "insert into receipt (request, run, step, chunk, outcome, touched) values (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.execute(sql, params![request, run, step, chunk, outcome, touched.to_string()])?;
    Ok(())
}

impl Desk {
    pub(crate) fn open(path: &str) -> rusqlite::Result<Self> {
        let desk = Connection::open(path)?;
        desk.busy_timeout(std::time::Duration::from_secs(5))?;
        desk.execute_batch(SCHEMA)?;
        Ok(Self(desk))
    }

    pub(crate) fn plan(&self, ask: &Value) -> Result<Value, Failed> {
        let tables: Vec<Value> = count(&self.0, &whose(ask)?)?
            .into_iter()
            .map(|(table, treatment, rows)| json!({ "table": table, "treatment": treatment, "rows": rows }))
            .collect();
        Ok(json!({ "tables": tables }))
    }

    /// A line a table, a line a row, and one that says that this was all.
    pub(crate) fn export(&self, ask: &Value) -> Result<String, Failed> {
        let Whose::Subject { emails, accounts } = whose(ask)? else {
            return Err(Failed::Ask("a dataset is not exported"));
        };
        let mut lines = vec![json!({ "table": { "table": "ticket", "columns": ["id", "email", "text"] } })];
        let sql = format!("select id, email, text from ticket where {THEIR_TICKETS} order by id");
        let mut find = self.0.prepare(&sql)?;
        let rows = find.query_map([emails], |row| {
            Ok(json!({ "row": [row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?] }))
        })?;
        for row in rows {
            lines.push(row?);
        }
        lines.push(json!({ "table": { "table": "call", "columns": ["id", "account", "minutes"] } }));
        let mut find =
            self.0.prepare(&format!("select id, account, minutes from call where {THEIR_CALLS}"))?;
        let rows = find.query_map([accounts], |row| {
            Ok(json!({ "row": [row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?] }))
        })?;
        for row in rows {
            lines.push(row?);
        }
        lines.push(json!("end"));
        Ok(lines.iter().map(|it| format!("{it}\n")).collect())
    }

    /// One transaction: the receipt that stands there, or counting, comparing, acting, and the receipt.
    pub(crate) fn erase(&mut self, ask: &Value) -> Result<Value, Failed> {
        let whose = whose(ask)?;
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(standing) = standing(&transaction, ask)? {
            return Ok(standing);
        }
        let counted = count(&transaction, &whose)?;
        let counts: Value =
            counted.iter().map(|(table, _, rows)| ((*table).to_owned(), json!(rows))).collect();
        if let Some(ceiling) = ask.get("ceiling") {
            let beyond = |(table, _, rows): &(&str, &str, u64)| *rows > ceiling[*table].as_u64().unwrap_or(0);
            if counted.iter().any(beyond) {
                return Ok(json!({ "outcome": "beyond", "counted": counts }));
            }
        }
        match &whose {
            Whose::Subject { emails, accounts } => {
                transaction.execute(&format!("delete from ticket where {THEIR_TICKETS}"), [emails])?;
                transaction
                    .execute(&format!("update call set account = null where {THEIR_CALLS}"), [accounts])?;
            }
            Whose::Older { before_ms } => {
                transaction.execute("delete from ticket where at_ms < ?1", [before_ms])?;
            }
        }
        put(&transaction, ask, "done", &counts)?;
        transaction.commit()?;
        Ok(json!({ "outcome": "done", "touched": counts }))
    }

    pub(crate) fn status(&self, ask: &Value) -> Result<Value, Failed> {
        Ok(standing(&self.0, ask)?.unwrap_or_else(|| json!({ "outcome": "none" })))
    }

    /// After this, the key is done or never will be.
    pub(crate) fn void(&mut self, ask: &Value) -> Result<Value, Failed> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(standing) = standing(&transaction, ask)? {
            return Ok(standing);
        }
        put(&transaction, ask, "void", &json!({}))?;
        transaction.commit()?;
        Ok(json!({ "outcome": "void" }))
    }
}
