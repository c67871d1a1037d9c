//! Opening the file, running statements, and saying what went wrong without saying a value.

use std::path::Path;
use std::time::Duration;

use countersign_service::ports::source::{SourceError, Value};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};

use super::Options;
use crate::catalog::{Column, Kind};
use crate::footprint::count::Weighed;
use crate::recipe::{self, Recipe};
use crate::sql::{Param, Sql};

/// What the user of this program needs, in words.
pub(super) const LEAST: &str = "the user that runs this program reads and writes the file (mode 0600, or 0660 for a group) and makes files in its \
     folder (0700, 0770), for a journal stands beside it; SQLite knows no rights on tables";

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Reading,
    Erasing,
}

pub(super) fn open(options: &Options, purpose: For) -> rusqlite::Result<Connection> {
    // Read-write even for reading: only so can a journal that a killed writer left be rolled back.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let path: &Path = &options.path;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(options.busy_timeout_ms))?;
    // Reached keys are personal: they stay in memory, and deleted content is overwritten in the file.
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;")?;
    match purpose {
        For::Reading => connection.execute_batch("PRAGMA query_only = ON;")?,
        For::Erasing => connection.execute_batch("PRAGMA secure_delete = ON;")?,
    }
    // Not for what stands in the file: a trigger or a view of somebody else's calls none of them.
    let flags =
        FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("countersign_digits", 1, flags, |context| {
        let text = context.get::<Option<String>>(0)?;
        Ok(text.map(|it| it.chars().filter(|it| it.is_ascii_digit() || *it == '+').collect::<String>()))
    })?;
    let key = options.pseudonyms.clone();
    connection.create_scalar_function("countersign_made", 2, flags, move |context| {
        let number = context.get::<i64>(0)?;
        let recipe = Recipe::ALL.into_iter().find(|it| it.number() == number);
        let old = text_of(context.get_raw(1));
        Ok(recipe.zip(old).and_then(|(recipe, old)| recipe.make(old, key.as_ref())))
    })?;
    connection.create_scalar_function("countersign_is_pseudonym", 1, flags, |context| {
        Ok(text_of(context.get_raw(0)).is_some_and(recipe::is_pseudonym))
    })?;
    Ok(connection)
}

fn text_of(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) => Some(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Param::Text(text) => ToSqlOutput::from(text.as_str()),
            Param::Int(number) => ToSqlOutput::from(*number),
            Param::Real(number) => ToSqlOutput::from(*number),
            Param::Bool(flag) => ToSqlOutput::from(*flag),
        })
    }
}

/// Runs a statement that returns nothing; how many rows it touched.
pub(super) fn execute(connection: &Connection, sql: &Sql) -> rusqlite::Result<u64> {
    let touched = connection.prepare(&sql.text)?.execute(rusqlite::params_from_iter(&sql.params))?;
    Ok(touched as u64)
}

/// `line, rows` of every line that has rows.
pub(super) fn lines(connection: &Connection, sql: &Sql) -> rusqlite::Result<Vec<(usize, u64)>> {
    let mut statement = connection.prepare(&sql.text)?;
    let rows = statement.query_map(rusqlite::params_from_iter(&sql.params), |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, i64>(1)?))
    })?;
    let mut lines = vec![];
    for row in rows {
        if let (Some(line), rows) = row? {
            lines.push((usize::try_from(line).unwrap_or(usize::MAX), u64::try_from(rows).unwrap_or(0)));
        }
    }
    Ok(lines)
}

/// `line, rows, bytes` of every line that has rows.
pub(super) fn weighed(connection: &Connection, sql: &Sql) -> rusqlite::Result<Vec<Weighed>> {
    let mut statement = connection.prepare(&sql.text)?;
    let rows = statement.query_map(rusqlite::params_from_iter(&sql.params), |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut lines = vec![];
    for row in rows {
        let (line, rows, bytes) = row?;
        let Some(line) = line.and_then(|it| usize::try_from(it).ok()) else { continue };
        let [rows, bytes] = [rows, bytes].map(|it| u64::try_from(it).unwrap_or(0));
        lines.push(Weighed { line, rows, bytes });
    }
    Ok(lines)
}

/// Rows of texts.
pub(super) fn texts(connection: &Connection, sql: &Sql) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
    let mut statement = connection.prepare(&sql.text)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&sql.params))?;
    let mut all = vec![];
    while let Some(row) = rows.next()? {
        all.push(row_texts(row)?);
    }
    Ok(all)
}

/// A row's cells as texts.
pub(super) fn row_texts(row: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<Option<String>>> {
    let cells = 0..row.as_ref().column_count();
    cells
        .map(|i| {
            Ok(match row.get_ref(i)? {
                ValueRef::Null => None,
                ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Blob(bytes) => Some(format!("x'{}'", hex::encode_upper(bytes))),
            })
        })
        .collect()
}

/// A cell on its way into an export.
pub(super) fn value(cell: ValueRef<'_>, column: Option<&Column>) -> Value {
    match (cell, column.map(|it| it.kind)) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number @ (0 | 1)), Some(Kind::Bool)) => Value::Bool(number == 1),
        (ValueRef::Integer(number), _) => Value::Int(number),
        (ValueRef::Real(number), _) => Value::Real(number),
        // A text that is none is handed out as the bytes that it is.
        (ValueRef::Text(bytes), kind) => match (std::str::from_utf8(bytes), kind) {
            (Ok(text), Some(Kind::Json)) => Value::Json(text.to_owned()),
            (Ok(text), _) => Value::Text(text.to_owned()),
            (Err(_), _) => Value::Bytes(bytes.to_vec()),
        },
        (ValueRef::Blob(bytes), _) => Value::Bytes(bytes.to_vec()),
    }
}

/// What went wrong, without values out of the source.
pub(super) fn failed(source: &str, error: &rusqlite::Error) -> SourceError {
    let source_name = source.to_owned();
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let code = rusqlite::ffi::code_to_str(failure.extended_code);
            // These four and names that are missing say tables and columns; any other text may hold a value.
            let telling = ["UNIQUE ", "FOREIGN KEY ", "NOT NULL ", "CHECK ", "no such "];
            let reason = match message.as_deref().filter(|it| telling.iter().any(|word| it.starts_with(word)))
            {
                Some(message) => message.to_owned(),
                None => format!("{code} (code {})", failure.extended_code),
            };
            match failure.code {
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted
                | ErrorCode::OutOfMemory => SourceError::Unavailable { source_name, reason },
                _ => SourceError::Refused { source_name, reason },
            }
        }
        rusqlite::Error::SqlInputError { msg, .. } if msg.starts_with("no such ") => {
            SourceError::Refused { source_name, reason: msg.clone() }
        }
        _ => SourceError::Refused { source_name, reason: "a statement could not be run".to_owned() },
    }
}
