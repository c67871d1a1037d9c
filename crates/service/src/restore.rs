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
    /// Whether that one is stuck elsewhere: until it is given up it stands in the way of another.
    pub stuck: bool,
    /// Its action.
    pub action: String,
    /// Who they are, as the source has it. Personal.
    pub identities: BTreeMap<String, String>,
    /// An open request of that sort which was made since, and where it stands.
    pub asked: Option<(RequestId, Status)>,
    /// The key under which to ask again, so that it is asked once, and once more if that came to nothing.
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
    stuck: bool,
    ended_at: Timestamp,
}

/// Requests to erase a root that were made since.
struct Since {
    open: Option<(RequestId, Status)>,
    /// The newest that ended.
    ended: Option<RequestId>,
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
            let since = self.asked_since(&settings, &root, erasure).await?;
            restored.back.push(Back {
                asked: since.open,
                idempotency_key: self.restore_key(&root, erasure, since.ended),
                table: root.table,
                erasure: erasure.request,
                stuck: erasure.stuck,
                action: erasure.action.clone(),
                identities: identities.map(|it| (it.kind, it.value)).collect(),
            });
        }
        Ok(restored)
    }

    fn root_blind(&self, root: &RootKey) -> Option<[u8; 32]> {
        root_term(&self.keys, root).value.try_into().ok()
    }

    fn restore_key(&self, root: &RootKey, erasure: &Erasure, ended: Option<RequestId>) -> String {
        let term = root_term(&self.keys, root).value;
        let after = ended.unwrap_or(erasure.request);
        format!("restore-{}", hex::encode(mac(&self.keys.index, &[b"restore", &term, after.as_bytes()])))
    }

    /// Every root that a request erased, by its blind index, with the latest one. One that did not come to its end counts
    /// where it had done something in `source`.
    async fn erased(&self, settings: &Settings, source: &str) -> Result<HashMap<[u8; 32], Erasure>, Refusal> {
        let mut erased: HashMap<[u8; 32], Erasure> = HashMap::new();
        for action in erasing(settings) {
            let mut query = Query {
                statuses: vec![Status::Completed, Status::Abandoned, Status::Stuck],
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
                            let stuck = row.status == Status::Stuck;
                            erased.insert(root, Erasure { request: row.id, action, stuck, ended_at });
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
        if row.status != Status::Completed {
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

    async fn asked_since(
        &self,
        settings: &Settings,
        root: &RootKey,
        erasure: &Erasure,
    ) -> Result<Since, Refusal> {
        let query = Query { terms: vec![root_term(&self.keys, root)], limit: PAGE, ..Query::default() };
        let rows = self.store.list(query).await?;
        let erases = |row: &Row| erasing(settings).any(|action| action == row.action);
        let since = |row: &&Row| row.submitted_at > erasure.ended_at && erases(row);
        let (open, ended): (Vec<&Row>, Vec<&Row>) =
            rows.iter().filter(since).partition(|row| row.status.is_open());
        Ok(Since {
            open: open.first().map(|row| (row.id, row.status)),
            ended: ended.first().map(|row| row.id),
        })
    }
}

fn erasing(settings: &Settings) -> impl Iterator<Item = &str> {
    settings.actions.values().filter(|action| action.effect == Effect::Erase).map(|action| &*action.name)
}
