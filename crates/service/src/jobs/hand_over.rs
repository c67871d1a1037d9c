//! Carrying out an export: rows flow from the sources into one file, and from there, sealed, into the store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome as StepOutcome, Receipt};
use countersign_core::request::{Outcome, Running};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::app::Service;
use crate::jobs::halt::Halt;
use crate::jobs::run::{OTHER_MAP, key, mapped_as_signed, retry};
use crate::jobs::{JobError, Worked};
use crate::ports::chance;
use crate::ports::package::{About, Format};
use crate::ports::source::{RootKey, Target as Rows};
use crate::ports::store::{Change, Needs, SealedChange};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::field;
use crate::requests::look::of_source;
use crate::requests::survey::Latest;
use crate::settings::{Effect, Settings};

/// The kind of record that says what a package is.
pub(crate) const KIND: &str = "package";
/// How much of a package is sealed at once.
const PART: usize = 1 << 20;
/// Rows on their way between a source and the file.
const IN_FLIGHT: usize = 256;

/// A package that waits to be fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) made: String,
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
    pub(crate) until: countersign_core::time::Timestamp,
}

impl Service {
    pub(crate) async fn hand_over(
        self: &Arc<Self>,
        settings: &Settings,
        running: &Running,
        latest: &Latest,
    ) -> Result<Worked, JobError> {
        let permit = running.permit();
        let id = permit.request();
        let made = hex::encode(chance::bytes::<8>(&*self.chance));
        let file = Scratch(self.scratch.join(format!("{id}-{made}.zip")));
        let effect = settings.actions.get(permit.action()).map(|action| action.effect);
        let format = if effect == Some(Effect::Access) { Format::Access } else { Format::Export };
        let about = About { request: id.to_string(), format, made_at: running.started_at() };

        let (send, receive) = tokio::sync::mpsc::channel(IN_FLIGHT);
        let packager = Arc::clone(&self.packager);
        let path = file.0.clone();
        let writing = tokio::spawn(async move { packager.write(&path, about, receive).await });
        let found = self
            .found_of(id)
            .await?
            .ok_or_else(|| Refusal::Damaged("a running export found nobody".to_owned()))?;
        let roots: BTreeSet<RootKey> = found.root_keys().into_iter().collect();
        let mut touched = Vec::new();
        for plan in &latest.plan.sources {
            let (source, map) = self.source(settings, &plan.source)?;
            // INVARIANT 3: what was signed as left out is not handed over because a newer map says so.
            if !mapped_as_signed(latest, &plan.source, map) {
                self.halt(id, running.run(), Halt::Shifted(OTHER_MAP.to_owned())).await?;
                return Ok(Worked::Done);
            }
            let rows = Rows::Subject(of_source(&roots, &plan.source));
            let counts = source.export(&permit, map, &rows, send.clone()).await.map_err(retry)?;
            touched.push((plan.source.clone(), counts));
        }
        drop(send);
        let written =
            writing.await.map_err(|_| "the packager broke off".to_owned()).and_then(|written| written);
        written.map_err(|why| JobError::Retry(Refusal::Source(why)))?;

        let mut all = Counts::default();
        for (source, table, rows) in touched.iter().flat_map(|(_, counts)| counts.iter()) {
            all.add(source, table, rows);
        }
        // INVARIANT 3: nothing is handed over beyond what was signed.
        if permit.ceiling().is_some_and(|ceiling| all.beyond(ceiling).is_some()) {
            self.halt(id, running.run(), Halt::Beyond(all)).await?;
            return Ok(Worked::Done);
        }
        let packed = self.keep_package(settings, running, &file.0, made).await?;
        let receipts = touched
            .iter()
            .map(|(step, counts)| Receipt {
                key: key(running, step),
                outcome: StepOutcome::Done { touched: counts.clone() },
            })
            .collect();
        let outcome = Outcome { touched: all, package: true, ..Outcome::default() };
        let beside = move |now| {
            let packed = packed(now);
            Ok(vec![record::put(KIND, id.to_string(), &packed, Vec::new(), None)?])
        };
        self.complete(id, running.run(), outcome, receipts, beside).await?;
        Ok(Worked::Done)
    }

    /// Seals the file part by part, under names that nobody knows before the record is written that names them: with
    /// the request's end, or never.
    async fn keep_package(
        &self,
        settings: &Settings,
        running: &Running,
        path: &Path,
        made: String,
    ) -> Result<impl Fn(Timestamp) -> Packed + Send + 'static, JobError> {
        let id = running.permit().request();
        let data_key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let broken = |_| JobError::Retry(Refusal::Source("the package cannot be read back".to_owned()));
        let mut file = tokio::fs::File::open(path).await.map_err(broken)?;
        let (mut parts, mut bytes) = (0, 0);
        loop {
            let mut part = Vec::with_capacity(PART);
            (&mut file).take(PART as u64).read_to_end(&mut part).await.map_err(broken)?;
            if part.is_empty() {
                break;
            }
            bytes += part.len() as u64;
            let name = field::package(&made, parts);
            let sealed = data_key.seal(&name, &part, &*self.chance);
            let change = Change {
                sealed: vec![SealedChange::Field { request: id, field: name, sealed }],
                ..Change::default()
            };
            self.act(Needs::default(), move |_| Ok((change.clone(), ()))).await?;
            parts += 1;
        }
        // Not promised for longer than our own copies live.
        let lives_ms = (settings.package_days * 86_400_000).min(settings.own_data_after_ms);
        Ok(move |now: Timestamp| Packed { made: made.clone(), parts, bytes, until: now.plus_ms(lives_ms) })
    }
}

/// A file that goes when nobody needs it any more.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(%error, "a package's working file could not be removed");
        }
    }
}
