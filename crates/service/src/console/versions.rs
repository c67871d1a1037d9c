//! The versions of the settings: who entered each, when, and what it changed.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::ports::store::{Find, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::{Bundle, Settings, difference};

/// The kind of record that notes who entered a version.
const KIND: &str = "entered";

#[derive(Serialize, Deserialize)]
struct Entered {
    at: Timestamp,
    by: PersonId,
}

/// A version of the settings.
#[derive(Clone, Debug)]
pub struct Version {
    /// From 1.
    pub version: u64,
    /// When it was entered, if that was noted.
    pub at: Option<Timestamp>,
    /// By whom: their id, and their name.
    pub by: Option<(PersonId, String)>,
    /// What it changed, in words; empty for the first.
    pub changes: Vec<String>,
}

/// Notes who enters a version.
pub(crate) fn note(version: u64, at: Timestamp, by: PersonId) -> Result<RecordChange, Refusal> {
    record::put(KIND, id(version), &Entered { at, by }, Vec::new(), None)
}

fn id(version: u64) -> String {
    format!("{version:012}")
}

impl Service {
    /// Versions of the settings, newest first, from `from` down; at most `most`.
    ///
    /// # Errors
    /// When the caller may not read the settings.
    pub async fn versions(
        &self,
        caller: &Caller,
        from: Option<u64>,
        most: u64,
    ) -> Result<Vec<Version>, Refusal> {
        caller.may(Act::ReadSettings)?;
        let active = self.reload().await?.version;
        let newest = from.unwrap_or(active).min(active);
        let oldest = newest.saturating_sub(most.clamp(1, 20)).saturating_add(1).max(1);
        let find = |version| (KIND.to_owned(), Find::Id(id(version)));
        let records = (oldest..=newest).map(find).collect();
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let mut entered = BTreeMap::new();
        for record in loaded.of_kind(KIND) {
            entered.insert(record.id.clone(), record::read::<Entered>(record)?);
        }
        let names = self.names(entered.values().map(|it| it.by).collect::<BTreeSet<_>>()).await?;
        let mut versions = Vec::new();
        let mut after = self.version(newest).await?;
        for version in (oldest..=newest).rev() {
            let before = if version > 1 { self.version(version - 1).await? } else { None };
            let changes = match (&before, &after) {
                (Some(before), Some(after)) => difference(before, after),
                _ => Vec::new(),
            };
            let noted = entered.get(&id(version));
            let by = noted.map(|it| (it.by, names.get(&it.by).cloned().unwrap_or_default()));
            versions.push(Version { version, at: noted.map(|it| it.at), by, changes });
            after = before;
        }
        Ok(versions)
    }

    /// A stored version, if it still compiles: what an earlier program took may be refused by this one.
    async fn version(&self, version: u64) -> Result<Option<Settings>, Refusal> {
        let Some((_, body)) = self.store.settings(Some(version)).await? else { return Ok(None) };
        let Ok(bundle) = Bundle::from_bytes(&body) else { return Ok(None) };
        Ok(Settings::compile(version, &bundle).ok())
    }
}
