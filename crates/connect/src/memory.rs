//! What an erased subject's root rows held, for the look afterwards: soft links by e-mail, say, can only be followed
//! by somebody who still knows the e-mail. In this process alone, for an hour at most: the row as it went, or, where another
//! process erased it, the identities that were found in it before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_service::ports::source::Match;
use countersign_service::settings::datamap::DataMap;

use crate::footprint::reach::Start;

const LONGEST: Duration = Duration::from_secs(3600);
const MOST: usize = 4096;

/// Root rows as they were, the oldest first.
#[derive(Default)]
pub(crate) struct Memory(Mutex<VecDeque<Remembered>>);

struct Remembered {
    since: Instant,
    table: String,
    key: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Memory {
    /// Keeps what root rows held.
    pub(crate) fn keep(
        &self,
        rows: impl IntoIterator<Item = (String, Vec<String>, BTreeMap<String, String>)>,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (table, key, values) in rows {
            all.retain(|it| it.table != table || it.key != key);
            all.push_back(Remembered { since: Instant::now(), table, key, values });
        }
        while all.len() > MOST || all.front().is_some_and(|it| it.since.elapsed() > LONGEST) {
            all.pop_front();
        }
    }

    /// Keeps what root rows held when they were looked at, of rows that nobody here has erased.
    pub(crate) fn tell(&self, map: &DataMap, found: &[Match]) {
        let known = |it: &Match| {
            let key: Vec<String> = serde_json::from_str(&it.root.key).ok()?;
            let root = map.root(&it.root.table)?;
            let held = it.identities.iter().filter_map(|identity| {
                Some((root.identities.get(&identity.kind)?.column.clone(), identity.value.clone()))
            });
            Some((it.root.table.clone(), key, held.collect::<BTreeMap<_, _>>()))
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (table, key, values) in found.iter().filter_map(known) {
            let fresh = |it: &Remembered| it.since.elapsed() <= LONGEST && it.table == table && it.key == key;
            if !all.iter().any(fresh) {
                all.push_back(Remembered { since: Instant::now(), table, key, values });
            }
        }
        while all.len() > MOST {
            all.pop_front();
        }
    }

    /// The same starts with what is known of their rows.
    pub(crate) fn recall(&self, starts: Vec<Start>) -> Vec<Start> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |start: &Start| {
            let fresh = all.iter().filter(|it| it.since.elapsed() <= LONGEST);
            let found = fresh.rev().find(|it| it.table == start.table && it.key == start.key);
            found.map_or_else(BTreeMap::new, |it| it.values.clone())
        };
        starts.into_iter().map(|start| Start { known: Some(known(&start)), ..start }).collect()
    }
}
