//! After a source was restored from a backup: whoever is in it again and was erased since the backup was made. Compares
//! keyed hashes: the blind indexes of what was erased, which outlive everything else about it, with those of the rows.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use countersign_core::id::RequestId;
use countersign_core::receipt::Outcome as StepOutcome;
use countersign_core::time::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

use crate::app::Service;
use crate::keys::mac;
use crate::ports::source::{RootKey, Target};
use crate::ports::store::{Needs, Query, Row, Status};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::look::{refused, root_term};
use crate::settings::{Effect, Settings};

/// Requests that are read in one go.
const PAGE: u32 = 500;
/// Histories that are read at once.
const AT_ONCE: usize = 16;

/// Somebody who was erased and is back.
#[derive(Clone, PartialEq, Eq)]
pub struct Back {
    /// The root table that holds them.
    pub table: String,
    /// The request that erased them; of several the last.
    pub erasure: RequestId,
    /// Its action.
    pub action: String,
    /// Who they are, as the source has it. Personal.
    pub identities: BTreeMap<String, String>,
    /// A request of that sort which was made since, and where it stands.
    pub asked: Option<(RequestId, Status)>,
    /// The key under which to ask again, so that it is asked once.
    pub idempotency_key: String,
}

impl fmt::Debug for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Back({} in {}, asked {:?})", self.erasure, self.table, self.asked)
    }
}

/// What a restored source holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Root rows that were looked at.
    pub rows: u64,
    /// Root rows, of all sources, that were erased at some time.
    pub erased: u64,
    /// Who is back.
    pub back: Vec<Back>,
}

/// What erased a root row.
struct Erasure {
    request: RequestId,
    action: String,
    ended_at: Timestamp,
}

impl Service {
    /// Looks for people in a source who were erased. `progress` is told how many root rows were looked at.
    ///
    /// # Errors
    /// When the source has no data map or does not answer, or the store does not.
    pub async fn restored(
        &self,
        source: &str,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Restored, Refusal> {
        let settings = self.settings().await?;
        let (port, map) = self.source(&settings, source)?;
        let erased = self.erased(&settings, source).await?;
        let mut restored = Restored { erased: erased.len() as u64, ..Restored::default() };
        let mut suspects: Vec<(RootKey, &Erasure)> = Vec::new();
        let (out, mut listed) = mpsc::channel::<Vec<RootKey>>(4);
        let looking = async {
            while let Some(batch) = listed.recv().await {
                restored.rows += batch.len() as u64;
                let known = |root: RootKey| Some((erased.get(&self.root_blind(&root)?)?, root));
                suspects.extend(batch.into_iter().filter_map(known).map(|(erasure, root)| (root, erasure)));
                progress(restored.rows);
            }
        };
        let (ended, ()) = tokio::join!(port.roots(map, out), looking);
        ended.map_err(refused)?;
        for (root, erasure) in suspects {
            let rows = Target::Subject(vec![root.clone()]);
            // What the map keeps stands there rightly: only what an erasure would have taken is back.
            if port.left(map, &rows).await.map_err(refused)?.rows() == 0 {
                continue;
            }
            let held = port.look(map, std::slice::from_ref(&root)).await.map_err(refused)?;
            let identities = held.into_iter().flat_map(|found| found.identities);
            restored.back.push(Back {
                asked: self.asked_since(&settings, &root, erasure).await?,
                idempotency_key: self.restore_key(&root, erasure),
                table: root.table,
                erasure: erasure.request,
                action: erasure.action.clone(),
                identities: identities.map(|it| (it.kind, it.value)).collect(),
            });
        }
        Ok(restored)
    }

    fn root_blind(&self, root: &RootKey) -> Option<[u8; 32]> {
        root_term(&self.keys, root).value.try_into().ok()
    }

    fn restore_key(&self, root: &RootKey, erasure: &Erasure) -> String {
        let term = root_term(&self.keys, root).value;
        format!(
            "restore-{}",
            hex::encode(mac(&self.keys.index, &[b"restore", &term, erasure.request.as_bytes()]))
        )
    }

    /// Every root that a request erased, by its blind index, with the latest one. One that was given up counts where it had
    /// done something in `source`.
    async fn erased(&self, settings: &Settings, source: &str) -> Result<HashMap<[u8; 32], Erasure>, Refusal> {
        let mut erased: HashMap<[u8; 32], Erasure> = HashMap::new();
        for action in erasing(settings) {
            let mut query = Query {
                statuses: vec![Status::Completed, Status::Abandoned],
                action: Some(action.to_owned()),
                oldest_first: true,
                limit: PAGE,
                ..Query::default()
            };
            loop {
                let page = self.store.list(query.clone()).await?;
                query.after = page.last().map(|row| (row.submitted_at, row.id));
                let full = page.len() == PAGE as usize;
                let reading = stream::iter(page)
                    .map(|row| self.roots_of_request(row, source))
                    .buffer_unordered(AT_ONCE);
                let read: Vec<(Row, Vec<[u8; 32]>)> = reading.try_collect().await?;
                for (row, roots) in read {
                    for root in roots {
                        let later = erased.get(&root).is_none_or(|known| known.ended_at < row.changed_at);
                        if later {
                            let (action, ended_at) = (action.to_owned(), row.changed_at);
                            erased.insert(root, Erasure { request: row.id, action, ended_at });
                        }
                    }
                }
                if !full {
                    break;
                }
            }
        }
        Ok(erased)
    }

    async fn roots_of_request(&self, row: Row, source: &str) -> Result<(Row, Vec<[u8; 32]>), Refusal> {
        let loaded = self.store.load(Needs { request: Some(row.id), ..Needs::default() }).await?;
        let record = loaded.request.ok_or(Refusal::NotFound("request"))?;
        if row.status == Status::Abandoned {
            let history = History::read(&record)?;
            let mut steps = history.state().dossier().steps().iter();
            let is_done = |outcome: &StepOutcome| matches!(outcome, StepOutcome::Done { .. });
            if !steps.any(|(key, outcome)| key.step == source && is_done(outcome)) {
                return Ok((row, Vec::new()));
            }
        }
        let roots = record.terms.into_iter().filter(|term| term.name == "root");
        Ok((row, roots.filter_map(|term| term.value.try_into().ok()).collect()))
    }

    /// The newest request to erase a root that came after it was erased.
    async fn asked_since(
        &self,
        settings: &Settings,
        root: &RootKey,
        erasure: &Erasure,
    ) -> Result<Option<(RequestId, Status)>, Refusal> {
        let query = Query { terms: vec![root_term(&self.keys, root)], limit: PAGE, ..Query::default() };
        let newest = self.store.list(query).await?.into_iter().find(|row| {
            row.submitted_at > erasure.ended_at && erasing(settings).any(|action| action == row.action)
        });
        Ok(newest.map(|row| (row.id, row.status)))
    }
}

fn erasing(settings: &Settings) -> impl Iterator<Item = &str> {
    settings.actions.values().filter(|action| action.effect == Effect::Erase).map(|action| &*action.name)
}
