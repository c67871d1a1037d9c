//! The end of a package: when its time is out, when it was fetched as often as it may be, when its subject is erased.
//! Its key goes at once, in the commit that says so; its parts, which nothing opens any more, go after it.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange, SealedChange};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::field;

/// The kind of record that says what a package is.
pub(crate) const KIND: &str = "package";
/// The form of packages that are sealed under a key of their own. Those of 0.1 have none, and are not handed out.
pub(crate) const FORM: u8 = 1;
/// Parts emptied in one go.
const AT_ONCE: u64 = 64;

/// A package that waits to be fetched. Found under the root keys of its subject.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) made: String,
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
    pub(crate) until: Timestamp,
    #[serde(default)]
    pub(crate) form: u8,
    /// How often it was fetched, on any node.
    #[serde(default)]
    pub(crate) fetched: u32,
}

/// What the ledger says of a package.
#[derive(Serialize)]
pub(crate) struct Entry {
    pub(crate) v: u8,
    pub(crate) at: Timestamp,
    pub(crate) request: RequestId,
    pub(crate) package: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fetch: Option<u32>,
}

/// A request's package, if there is one.
pub(crate) fn need(id: RequestId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id.to_string()))
}

/// The wish that a package ends at a time.
pub(crate) fn at(id: RequestId, at: Timestamp) -> crate::ports::store::JobChange {
    wish("package_end", id.to_string(), at)
}

/// The wish that parts which nothing opens are emptied.
pub(crate) fn parts(id: RequestId, made: &str, parts: u64, now: Timestamp) -> crate::ports::store::JobChange {
    wish("unpack", format!("{id}/{made}/{parts}"), now)
}

/// Ends every package that was loaded.
// INVARIANT 11: nobody fetches what was erased.
pub(crate) fn all_loaded(loaded: &Loaded) -> Result<Change, Refusal> {
    let mut change = Change::default();
    for package in loaded.of_kind(KIND) {
        let id: RequestId =
            package.id.parse().map_err(|_| Refusal::Damaged("a package of no request".to_owned()))?;
        end(&mut change, id, &record::read(package)?, loaded.now)?;
    }
    Ok(change)
}

fn end(change: &mut Change, id: RequestId, packed: &Packed, now: Timestamp) -> Result<(), Refusal> {
    change.records.push(RecordChange::Delete { kind: KIND.to_owned(), id: id.to_string() });
    change.sealed.push(SealedChange::Field {
        request: id,
        field: field::package_key(&packed.made),
        sealed: Vec::new(),
    });
    change.jobs.push(parts(id, &packed.made, packed.parts, now));
    let entry = Entry { v: 1, at: now, request: id, package: "destroyed", fetch: None };
    change.entries.push(record::bytes(&entry)?);
    Ok(())
}

impl Service {
    /// Its time may be out, or its fetches.
    pub(crate) async fn end_package(&self, id: RequestId) -> Result<Worked, JobError> {
        let fetches = self.settings().await?.package_fetches;
        if !self.time_is_sound().await? {
            return Ok(Worked::Later(60_000));
        }
        let records = vec![need(id)];
        let (_, wait) = self
            .act(Needs { records, ..Needs::default() }, move |loaded| {
                let Some(package) = loaded.of_kind(KIND).next() else { return Ok((Change::default(), 0)) };
                let packed: Packed = record::read(package)?;
                let wait = packed.until.since_ms(loaded.now);
                if wait > 0 && packed.fetched < fetches {
                    return Ok((Change::default(), wait));
                }
                Ok((all_loaded(loaded)?, 0))
            })
            .await?;
        Ok(if wait > 0 { Worked::Later(wait) } else { Worked::Done })
    }

    /// `request/made/parts`. Whoever comes after the request's own copies were destroyed finds nothing to empty.
    pub(crate) async fn unpack(&self, key: &str) -> Result<Worked, JobError> {
        let damaged = || Refusal::Damaged("a job names no package".to_owned());
        let mut words = key.split('/');
        let id: RequestId = words.next().and_then(|id| id.parse().ok()).ok_or_else(damaged)?;
        let made = words.next().ok_or_else(damaged)?.to_owned();
        let parts: u64 = words.next().and_then(|parts| parts.parse().ok()).ok_or_else(damaged)?;
        for from in (0..parts).step_by(AT_ONCE as usize) {
            let mut sealed = Vec::new();
            for n in from..parts.min(from + AT_ONCE) {
                let field = field::package(&made, n);
                let there = self.store.sealed(id, &field).await.map_err(Refusal::from)?;
                if there.is_some_and(|part| !part.is_empty()) {
                    sealed.push(SealedChange::Field { request: id, field, sealed: Vec::new() });
                }
            }
            if !sealed.is_empty() {
                let change = Change { sealed, ..Change::default() };
                self.act(Needs::default(), move |_| Ok((change.clone(), ()))).await?;
            }
        }
        Ok(Worked::Done)
    }
}
