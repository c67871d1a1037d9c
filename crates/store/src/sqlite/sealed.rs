//! The tables `dek` and `sealed`: a request's wrapped key and its sealed fields. Opaque bytes; no key is known here.

use countersign_core::id::RequestId;
use countersign_service::ports::store::SealedChange;
use rusqlite::{Connection, OptionalExtension, params};

use super::batch::Batch;
use crate::fault::Fault;

const EMPTY_KEY: &str = "update dek set request = null, epoch = null, wrapped = null where request = ?1";
const EMPTY_FIELDS: &str = "update sealed set request = null, field = null, sealed = null where request = ?1";
const EMPTY_FIELD: &str =
    "update sealed set request = null, field = null, sealed = null where request = ?1 and field = ?2";

/// Writes a key or a field, or destroys all of a request's.
///
/// INVARIANT: a row is appended or emptied, and nothing else; the migration says why.
pub(super) fn change(batch: &mut Batch<'_>, change: &SealedChange) -> Result<(), Fault> {
    let db = batch.db;
    match change {
        SealedChange::Key { request, epoch, wrapped } => {
            db.prepare_cached(EMPTY_KEY)?.execute([request.as_bytes()])?;
            db.prepare_cached("insert into dek (request, epoch, wrapped) values (?1, ?2, ?3)")?
                .execute(params![request.as_bytes(), epoch, wrapped])?;
        }
        SealedChange::Field { request, field, sealed } => {
            let emptied = db.prepare_cached(EMPTY_FIELD)?.execute(params![request.as_bytes(), field])?;
            // Replaced by nothing: what was there is to be gone, as with `Destroy`.
            batch.destroyed |= sealed.is_empty() && emptied > 0;
            db.prepare_cached("insert into sealed (request, field, sealed) values (?1, ?2, ?3)")?
                .execute(params![request.as_bytes(), field, sealed])?;
        }
        SealedChange::Destroy { request } => {
            let keys = db.prepare_cached(EMPTY_KEY)?.execute([request.as_bytes()])?;
            let fields = db.prepare_cached(EMPTY_FIELDS)?.execute([request.as_bytes()])?;
            batch.destroyed |= keys + fields > 0;
        }
    }
    Ok(())
}

/// A sealed field.
pub(super) fn field(db: &Connection, request: RequestId, field: &str) -> Result<Option<Vec<u8>>, Fault> {
    Ok(db
        .prepare_cached("select sealed from sealed where request = ?1 and field = ?2")?
        .query_row(params![request.as_bytes(), field], |row| row.get(0))
        .optional()?)
}

/// A request's wrapped key and its epoch.
pub(super) fn key(db: &Connection, request: RequestId) -> Result<Option<(u32, Vec<u8>)>, Fault> {
    Ok(db
        .prepare_cached("select epoch, wrapped from dek where request = ?1")?
        .query_row([request.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
