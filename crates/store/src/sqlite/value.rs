//! Between our numbers and SQLite's signed ones.

use countersign_core::time::Timestamp;
use rusqlite::Row;

use crate::fault::{Fault, damaged, malformed};

/// A number as SQLite keeps it.
pub(super) fn int(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| malformed("a number beyond 2^63"))
}

/// A number that was stored as [`int`] says.
pub(super) fn uint(row: &Row<'_>, column: usize) -> Result<u64, Fault> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| damaged("a count is negative"))
}

/// A stored moment.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

/// A stored moment that may be missing.
pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A moment as SQLite keeps it.
pub(super) fn millis(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(Timestamp::as_millis)
}
