//! Running statements, and saying what went wrong without saying a value.

use countersign_service::ports::source::{SourceError, Value};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, Row};

use crate::catalog::{Column, Kind, Table};
use crate::footprint::count::Weighed;
use crate::sql::{Param, Sql};

/// The values of a statement as the driver takes them.
pub(super) fn values(sql: &Sql) -> Vec<&(dyn ToSql + Sync)> {
    sql.params
        .iter()
        .map(|param| -> &(dyn ToSql + Sync) {
            match param {
                Param::Text(text) => text,
                Param::Int(number) => number,
                Param::Real(number) => number,
                Param::Bool(flag) => flag,
            }
        })
        .collect()
}

/// The same with the types that the statement's casts give them: then it goes to the server and back only once.
fn typed(sql: &Sql) -> Vec<(&(dyn ToSql + Sync), Type)> {
    let kind = |param: &Param| match param {
        Param::Text(_) => Type::TEXT,
        Param::Int(_) => Type::INT8,
        Param::Real(_) => Type::FLOAT8,
        Param::Bool(_) => Type::BOOL,
    };
    values(sql).into_iter().zip(sql.params.iter().map(kind)).collect()
}

/// Runs a statement; how many rows it touched, or returned.
pub(super) async fn execute(client: &impl GenericClient, sql: &Sql) -> Result<u64, Error> {
    client.execute_typed(&sql.text, &typed(sql)).await
}

/// `line, rows` of every line that has rows.
pub(super) async fn lines(client: &impl GenericClient, sql: &Sql) -> Result<Vec<(usize, u64)>, Error> {
    let rows = client.query_typed(&sql.text, &typed(sql)).await?;
    let pair = |row: &Row| {
        let line = usize::try_from(whole(row, 0)?).ok()?;
        Some((line, u64::try_from(whole(row, 1)?).unwrap_or(0)))
    };
    Ok(rows.iter().filter_map(pair).collect())
}

/// `line, rows, bytes` of every line that has rows.
pub(super) async fn weighed(client: &impl GenericClient, sql: &Sql) -> Result<Vec<Weighed>, Error> {
    let rows = client.query(&sql.text, &values(sql)).await?;
    let line = |row: &Row| {
        let line = usize::try_from(whole(row, 0)?).ok()?;
        let [rows, bytes] =
            [1, 2].map(|at| whole(row, at).and_then(|it| u64::try_from(it).ok()).unwrap_or(0));
        Some(Weighed { line, rows, bytes })
    };
    Ok(rows.iter().filter_map(line).collect())
}

/// Rows of texts.
pub(super) async fn texts(client: &impl GenericClient, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, Error> {
    let rows = client.query_typed(&sql.text, &typed(sql)).await?;
    Ok(rows.iter().map(row_texts).collect())
}

/// A row's cells as texts.
pub(super) fn row_texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len()).map(|at| text(row, at)).collect()
}

/// Whether this role may read all of a table; asking for a row without that would end the transaction.
pub(super) async fn may_read(client: &impl GenericClient, table: &Table) -> Result<bool, Error> {
    let name = table.quoted.strip_prefix("ONLY ").unwrap_or(&table.quoted);
    Ok(client.query_one("SELECT has_table_privilege($1::text, 'SELECT')", &[&name]).await?.get(0))
}

fn whole(row: &Row, at: usize) -> Option<i64> {
    match *row.columns().get(at)?.type_() {
        Type::INT2 => row.get::<_, Option<i16>>(at).map(i64::from),
        Type::INT4 => row.get::<_, Option<i32>>(at).map(i64::from),
        Type::INT8 => row.get(at),
        _ => None,
    }
}

fn text(row: &Row, at: usize) -> Option<String> {
    match *row.columns().get(at)?.type_() {
        Type::BOOL => row.get::<_, Option<bool>>(at).map(|flag| flag.to_string()),
        Type::INT2 | Type::INT4 | Type::INT8 => whole(row, at).map(|number| number.to_string()),
        Type::FLOAT8 => row.get::<_, Option<f64>>(at).map(|number| number.to_string()),
        // Everything else is asked for as text.
        _ => row.try_get::<_, Option<String>>(at).ok().flatten(),
    }
}

/// A cell on its way into an export; asked for as `Dialect::exported` says.
pub(super) fn value(row: &Row, at: usize, column: &Column) -> Result<Value, Error> {
    Ok(match column.kind {
        Kind::Bool => row.try_get::<_, Option<bool>>(at)?.map(Value::Bool),
        Kind::Int => row.try_get::<_, Option<i64>>(at)?.map(Value::Int),
        Kind::Real => row.try_get::<_, Option<f64>>(at)?.map(Value::Real),
        Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map(Value::Bytes),
        Kind::Json => row.try_get::<_, Option<String>>(at)?.map(Value::Json),
        Kind::Text | Kind::Time | Kind::Other => row.try_get::<_, Option<String>>(at)?.map(Value::Text),
    }
    .unwrap_or(Value::Null))
}

/// Whether the transaction lost against another one and can be done again from its start.
pub(super) fn lost_a_race(error: &Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::T_R_SERIALIZATION_FAILURE) || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
}

/// What went wrong, without values out of the source: a server's own message may repeat them, so that only its code
/// and the names of things are told.
pub(super) fn failed(source: &str, error: &Error) -> SourceError {
    let source_name = source.to_owned();
    let Some(told) = error.as_db_error() else {
        let reason =
            if error.is_closed() { "the connection was closed" } else { "the server cannot be reached" };
        return SourceError::Unavailable { source_name, reason: reason.to_owned() };
    };
    let mut reason = format!("SQLSTATE {}", told.code().code());
    for (what, name) in [
        ("schema", told.schema()),
        ("table", told.table()),
        ("column", told.column()),
        ("constraint", told.constraint()),
    ] {
        if let Some(name) = name {
            reason.push_str(&format!(", {what} `{name}`"));
        }
    }
    // A name that is not there stands in the message alone, and is no value.
    if [&SqlState::UNDEFINED_TABLE, &SqlState::UNDEFINED_COLUMN, &SqlState::INSUFFICIENT_PRIVILEGE]
        .contains(&told.code())
    {
        reason.push_str(&format!(": {}", told.message()));
    }
    // Classes of conditions that pass: connections, resources, operator intervention, locks, lost races, read-only.
    let passes =
        ["08", "53", "57", "55", "40", "58"].iter().any(|class| told.code().code().starts_with(class))
            || *told.code() == SqlState::READ_ONLY_SQL_TRANSACTION;
    if passes {
        SourceError::Unavailable { source_name, reason }
    } else {
        SourceError::Refused { source_name, reason }
    }
}
