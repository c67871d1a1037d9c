//! Between our numbers and PostgreSQL's signed ones, and values on their way into a statement.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, ToSql};

use crate::fault::{Fault, damaged, malformed};

/// A value of a statement.
pub(super) type Value = Box<dyn ToSql + Send + Sync>;

/// As the driver takes them.
pub(super) fn refs(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}

/// A number as PostgreSQL keeps it.
pub(super) fn int(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| malformed("a number beyond 2^63"))
}

/// A column, or the damage that it holds another type.
pub(super) fn get<T: FromSqlOwned>(row: &Row, column: usize) -> Result<T, Fault> {
    Ok(row.try_get(column)?)
}

/// A number that was stored as [`int`] says.
pub(super) fn uint(row: &Row, column: usize) -> Result<u64, Fault> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged("a count is negative"))
}

/// A number that was stored from one of 32 bits.
pub(super) fn small(row: &Row, column: usize) -> Result<u32, Fault> {
    u32::try_from(get::<i64>(row, column)?).map_err(|_| damaged("a count is out of its range"))
}

/// A stored moment.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(get(row, column)?))
}

/// A stored moment that may be missing.
pub(super) fn maybe_time(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

/// A moment as PostgreSQL keeps it.
pub(super) fn millis(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(Timestamp::as_millis)
}

/// A request's id as PostgreSQL keeps it.
pub(super) fn bytes(id: RequestId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A stored id of a request.
pub(super) fn request(row: &Row, column: usize) -> Result<RequestId, Fault> {
    let bytes: [u8; 16] =
        get::<Vec<u8>>(row, column)?.try_into().map_err(|_| damaged("an id has not 16 bytes"))?;
    Ok(RequestId::from_bytes(bytes))
}
