//! Carrying out an export: rows flow from the sources through the packager and, sealed, into the store. Nothing is whole
//! anywhere on the way, and nothing touches a disk in the clear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::id::RequestId;
use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome as StepOutcome, Receipt};
use countersign_core::request::{Outcome, Running};
use tokio::sync::mpsc;

use crate::app::Service;
use crate::jobs::halt::Halt;
use crate::jobs::run::{OTHER_MAP, key, mapped_as_signed, retry};
use crate::jobs::unpack::{self, Packed};
use crate::jobs::{JobError, Worked};
use crate::ports::chance;
use crate::ports::package::{About, Format};
use crate::ports::source::{Exported, RootKey, Target as Rows};
use crate::ports::store::{Change, Loaded, Needs, SealedChange};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::field;
use crate::requests::look::of_source;
use crate::requests::survey::Latest;
use crate::seal::DataKey;
use crate::settings::{Effect, Settings};
use crate::span::at_source;

/// How much of a package is sealed at once.
const PART: usize = 1 << 20;
/// Rows on their way between a source and the file.
const IN_FLIGHT: usize = 256;

/// Pieces on their way between the packager and the store.
const PIECES: usize = 4;

/// What the sources sent.
enum Sent {
    All(Vec<(String, Counts)>),
    Halted(Halt),
}

/// A package that is in the store, and the key that alone opens it.
struct Kept {
    parts: u64,
    bytes: u64,
    sealed_key: Vec<u8>,
}

impl Service {
    pub(crate) async fn hand_over(
        self: &Arc<Self>,
        settings: &Settings,
        running: &Running,
        latest: &Latest,
    ) -> Result<Worked, JobError> {
        let permit = running.permit();
        let (id, run) = (permit.request(), running.run());
        let data_key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let made = hex::encode(chance::bytes::<8>(&*self.chance));
        let effect = settings.actions.get(permit.action()).map(|action| action.effect);
        let format = if effect == Some(Effect::Access) { Format::Access } else { Format::Export };
        let language = self.language(&data_key, id).await?;
        let about = About { request: id.to_string(), format, made_at: running.started_at(), language };

        let (send, receive) = tokio::sync::mpsc::channel(IN_FLIGHT);
        let (out, pieces) = tokio::sync::mpsc::channel(PIECES);
        let (packager, scratch) = (Arc::clone(&self.packager), self.scratch.clone());
        let writing = tokio::spawn(async move { packager.write(&scratch, about, receive, out).await });
        let begun = Arc::new(AtomicU64::new(0));
        let keeping =
            tokio::spawn(Arc::clone(self).keep(data_key, id, made.clone(), pieces, Arc::clone(&begun)));
        let sent = self.send_all(settings, running, latest, send).await;
        let written =
            writing.await.map_err(|_| "the packager broke off".to_owned()).and_then(|written| written);
        let kept = keeping.await.map_err(|_| Refusal::Source("a package was not kept".to_owned()));
        // The cause before what follows from it: what is not kept is not written, and what is not written not sent.
        let whole = kept.and_then(|kept| kept).map_err(JobError::from).and_then(|kept| {
            written.map_err(|why| JobError::Retry(Refusal::Source(why)))?;
            Ok((sent?, kept))
        });
        let (touched, kept) = match whole {
            Ok((Sent::All(touched), kept)) => (touched, kept),
            Ok((Sent::Halted(halt), _)) => {
                self.drop_parts(id, &made, begun.load(Ordering::SeqCst)).await?;
                self.halt(id, run, halt).await?;
                return Ok(Worked::Done);
            }
            Err(error) => {
                self.drop_parts(id, &made, begun.load(Ordering::SeqCst)).await?;
                return Err(error);
            }
        };
        let receipts = touched
            .iter()
            .map(|(step, counts)| Receipt {
                key: key(running, step),
                outcome: StepOutcome::Done { touched: counts.clone() },
            })
            .collect();
        let outcome = Outcome { touched: all(&touched), package: true, ..Outcome::default() };
        // Not promised for longer than our own copies live.
        let lives_ms = (settings.package_days * 86_400_000).min(settings.own_data_after_ms);
        let beside = move |loaded: &Loaded| {
            let until = loaded.now.plus_ms(lives_ms);
            let (parts, bytes) = (kept.parts, kept.bytes);
            let packed = Packed { made: made.clone(), parts, bytes, until, form: unpack::FORM, fetched: 0 };
            let terms = loaded.request.iter().flat_map(|request| &request.terms);
            let roots = terms.filter(|term| term.name == "root").cloned().collect();
            Ok(Change {
                records: vec![record::put(unpack::KIND, id.to_string(), &packed, roots, None)?],
                // A package that no record names was made in vain: nothing opens it, for its key was never kept.
                sealed: vec![SealedChange::Field {
                    request: id,
                    field: field::package_key(&made),
                    sealed: kept.sealed_key.clone(),
                }],
                jobs: vec![unpack::at(id, until)],
                ..Change::default()
            })
        };
        self.complete(id, run, outcome, receipts, Vec::new(), beside).await?;
        Ok(Worked::Done)
    }

    /// Every source's rows, one source after the other. The channel is closed when it returns.
    async fn send_all(
        &self,
        settings: &Settings,
        running: &Running,
        latest: &Latest,
        send: mpsc::Sender<Exported>,
    ) -> Result<Sent, JobError> {
        let permit = running.permit();
        let found = self
            .found_of(permit.request())
            .await?
            .ok_or_else(|| Refusal::Damaged("a running export found nobody".to_owned()))?;
        let roots: BTreeSet<RootKey> = found.root_keys().into_iter().collect();
        let mut touched = Vec::new();
        for plan in &latest.plan.sources {
            let (source, map) = self.source(settings, &plan.source)?;
            // INVARIANT 3: what was signed as left out is not handed over because a newer map says so.
            let Some(map) = mapped_as_signed(latest, &plan.source, map) else {
                return Ok(Sent::Halted(Halt::Shifted(OTHER_MAP.to_owned())));
            };
            let rows = Rows::Subject(of_source(&roots, &plan.source));
            let handing = source.export(&permit, &map, &rows, send.clone());
            let counts = at_source("export", &plan.source, handing).await.map_err(retry)?;
            touched.push((plan.source.clone(), counts));
        }
        // INVARIANT 3: nothing is handed over beyond what was signed.
        let all = all(&touched);
        Ok(match permit.ceiling() {
            Some(ceiling) if all.beyond(ceiling).is_some() => Sent::Halted(Halt::Beyond(all)),
            _ => Sent::All(touched),
        })
    }

    /// Seals the package as it comes, part by part, under a key of its own that stays in memory until the request has
    /// ended with it, and under names that nobody knows before then. `begun` counts the parts that may be in the store.
    async fn keep(
        self: Arc<Self>,
        data_key: DataKey,
        id: RequestId,
        made: String,
        mut pieces: mpsc::Receiver<Vec<u8>>,
        begun: Arc<AtomicU64>,
    ) -> Result<Kept, Refusal> {
        let (key, sealed_key) = data_key.create_within(&field::package_key(&made), &*self.chance);
        let mut kept = Kept { parts: 0, bytes: 0, sealed_key };
        let mut waiting: Vec<u8> = Vec::with_capacity(PART);
        loop {
            let piece = pieces.recv().await;
            let last = piece.is_none();
            waiting.extend(piece.unwrap_or_default());
            // A part is sealed once it is known whether it is the last.
            while waiting.len() > PART || last {
                let part: Vec<u8> = waiting.drain(..waiting.len().min(PART)).collect();
                let ends = last && waiting.is_empty();
                let sealed = key.seal_part(&field::package_of(&made), kept.parts, ends, &part, &*self.chance);
                let field = field::package(&made, kept.parts);
                kept.parts += 1;
                kept.bytes += part.len() as u64;
                begun.store(kept.parts, Ordering::SeqCst);
                let sealed = vec![SealedChange::Field { request: id, field, sealed }];
                let change = Change { sealed, ..Change::default() };
                self.act(Needs::default(), move |_| Ok((change.clone(), ()))).await?;
                if ends {
                    return Ok(kept);
                }
            }
        }
    }

    /// Parts of a package that does not come about.
    async fn drop_parts(&self, id: RequestId, made: &str, parts: u64) -> Result<(), Refusal> {
        let made = made.to_owned();
        self.act(Needs::default(), move |loaded| {
            let jobs = vec![unpack::parts(id, &made, parts, loaded.now)];
            Ok((Change { jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    /// The language that the requester reads: that of the portal where they asked, or the one that they named.
    async fn language(&self, key: &DataKey, id: RequestId) -> Result<String, Refusal> {
        if let Some(back) = self.way_back(key, id).await? {
            return Ok(back.language);
        }
        let parameters = self.field(key, id, field::PARAMETERS).await?;
        let parameters: BTreeMap<String, String> =
            parameters.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        match parameters.get("language") {
            Some(language) => Ok(language.clone()),
            None => Ok(self.settings().await?.language.clone()),
        }
    }
}

fn all(touched: &[(String, Counts)]) -> Counts {
    let mut all = Counts::default();
    for (source, table, rows) in touched.iter().flat_map(|(_, counts)| counts.iter()) {
        all.add(source, table, rows);
    }
    all
}
