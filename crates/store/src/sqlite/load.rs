//! Loads what a decision needs, within whatever transaction the connection is in.

use std::collections::BTreeSet;

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Loaded, Needs};
use rusqlite::Connection;

use super::batch::Marks;
use super::{record, request};
use crate::fault::Fault;

/// What `needs` names, as it stands at `now`.
pub(super) fn load(db: &Connection, needs: &Needs, now: Timestamp, marks: &Marks) -> Result<Loaded, Fault> {
    let mut loaded = Loaded {
        now,
        settings_version: marks.settings_version,
        checkpointed: marks.checkpointed,
        request: None,
        running: Default::default(),
        started: Default::default(),
        beside: Vec::new(),
        records: Vec::new(),
    };
    if let Some(id) = needs.request {
        loaded.request = request::load(db, id)?;
    }
    if let Some(gauge) = &needs.gauge {
        loaded.running = request::running(db, needs.request)?;
        if let Some(since) = gauge.day_start {
            loaded.started = request::started(db, since, needs.request)?;
        }
        if let Some(id) = needs.request {
            loaded.beside = request::beside(db, id)?;
        }
    }
    for (kind, find) in &needs.records {
        loaded.records.append(&mut record::find(db, kind, find, needs.request)?);
    }
    if needs.records.len() > 1 {
        // Two questions may find the same record; it is loaded once.
        let mut seen = BTreeSet::new();
        let first: Vec<bool> =
            loaded.records.iter().map(|record| seen.insert((&record.kind, &record.id))).collect();
        let mut first = first.into_iter();
        loaded.records.retain(|_| first.next().unwrap_or(true));
    }
    Ok(loaded)
}
