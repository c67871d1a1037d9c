//! The table `settings`: every version of the settings, the highest being the active one.

use countersign_service::ports::store::{NewSettings, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::batch::Batch;
use super::value::{int, uint};
use crate::fault::{Fault, damaged};

/// The active version; 0 before the first.
pub(super) fn active(db: &Connection) -> Result<u64, Fault> {
    let mut find = db.prepare_cached("select coalesce(max(version), 0) from settings")?;
    let mut rows = find.query([])?;
    rows.next()?.map_or(Ok(0), |row| uint(row, 0))
}

/// The settings of a version; `None`: the active ones.
pub(super) fn read(db: &Connection, version: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, Fault> {
    let row: Option<(i64, Vec<u8>)> = match version {
        Some(version) => db
            .prepare_cached("select version, body from settings where version = ?1")?
            .query_row([int(version)?], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => db
            .prepare_cached("select version, body from settings order by version desc limit 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
    };
    row.map(|(version, body)| {
        u64::try_from(version).map(|version| (version, body)).map_err(|_| damaged("a version is negative"))
    })
    .transpose()
}

/// Adds the version after the active one.
pub(super) fn change(batch: &mut Batch<'_>, new: &NewSettings) -> Result<(), Fault> {
    if new.version != batch.marks.settings_version + 1 {
        return Err(StoreError::Conflict.into());
    }
    batch
        .db
        .prepare_cached("insert into settings (version, at, body) values (?1, ?2, ?3)")?
        .execute(params![int(new.version)?, batch.now().as_millis(), new.body])?;
    batch.marks.settings_version = new.version;
    Ok(())
}
