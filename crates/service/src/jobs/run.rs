//! Carrying out a released request: the permit is spent, the steps are done, each under its own receipt.
//! Whatever happens in between, the same run goes on under the same keys.

use std::sync::Arc;

use countersign_core::id::RequestId;
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_core::request::{self, Command, Outcome, Running, State};
use countersign_core::subject::Target;

use crate::app::Service;
use crate::jobs::halt::Halt;
use crate::jobs::{JobError, Worked, wish};
use crate::ports::source::SourceError;
use crate::ports::store::{Change, Find, Loaded, Needs};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::requests::judge;
use crate::requests::survey::{self, Latest};
use crate::settings::datamap::DataMap;
use crate::settings::{Effect, Settings};

/// Tries of a source that does not answer, before a person is asked: about ten minutes.
const TRIES: u32 = 12;

impl Service {
    pub(crate) async fn run(self: &Arc<Self>, id: RequestId, attempts: u32) -> Result<Worked, JobError> {
        let history = self.history(id).await?;
        match history.state() {
            State::Released(_) => match self.start(&history).await {
                Ok(true) => {}
                Ok(false) => return Ok(Worked::Done),
                // Its release waits to enter the ledger.
                Err(Refusal::Rule(request::Refusal::NotProven)) => return Ok(Worked::Later(10)),
                Err(Refusal::Again | Refusal::Stale) => {
                    // Other settings may have been entered, on any node.
                    self.reload().await?;
                    return Ok(Worked::Later(10));
                }
                Err(refusal) => return Err(refusal.into()),
            },
            State::Running(_) => {}
            State::Waiting(_) | State::Stuck(_) | State::Ended(..) => return Ok(Worked::Done),
        }
        // What this worker does and says is about this run alone: should it sleep, the next one is not its to stop.
        let history = self.history(id).await?;
        let State::Running(running) = history.state() else { return Ok(Worked::Done) };
        let run = running.run();
        match self.go_on(id, run).await {
            Err(JobError::Retry(refusal)) if attempts >= TRIES => {
                self.halt(id, run, Halt::Stuck(refusal.code().to_owned())).await?;
                Ok(Worked::Done)
            }
            // Nothing that comes by itself will help: a person has to look.
            Err(JobError::GiveUp(refusal)) => {
                tracing::error!(request = %id, %refusal, "a run cannot go on");
                self.halt(id, run, Halt::Stuck(refusal.code().to_owned())).await?;
                Ok(Worked::Done)
            }
            outcome => outcome,
        }
    }

    pub(crate) async fn history(&self, id: RequestId) -> Result<History, Refusal> {
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)
    }

    /// RELEASED → RUNNING: judged again, in the transaction that spends the permit. `false`: not released any more.
    async fn start(&self, seen: &History) -> Result<bool, Refusal> {
        let settings = self.settings().await?;
        let dossier = seen.state().dossier();
        let id = dossier.id();
        // INVARIANT 1: the release must stand under a committed checkpoint before anything acts on it. Looked at before
        // the locks that judging takes: others want their turn meanwhile.
        let not_proven = || Refusal::Rule(request::Refusal::NotProven);
        let leaf = seen.released_leaf().ok_or_else(not_proven)?;
        self.sign_over(leaf).await?;
        let found = self.found_of(id).await?;
        let asked_ms = self.steady_ms();
        let marks = self.store.load(Needs::default()).await?;
        let latest = self.look_at_clock(asked_ms, marks.now).await?;
        if leaf >= marks.checkpointed {
            return Err(not_proven());
        }
        let needs = judge::judging_needs(&settings, dossier, marks.now);
        let (keys, version) = (self.keys.clone(), seen.version());
        let (_, started) = self
            .act(needs, move |loaded| {
                if loaded.settings_version != settings.version || loaded.now > latest {
                    return Err(Refusal::Again);
                }
                let mut history =
                    History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                if history.version() != version {
                    return Err(Refusal::Again);
                }
                let found = judge::current(loaded, found.as_ref())?;
                // A survey that grew old since the release holds: the request goes back and is looked at again.
                let mut world = World::loaded(&keys, &settings, loaded, &history, found)?;
                world.first = false;
                let dossier = history.state().dossier().clone();
                let steps = survey::latest(loaded)?
                    .map(|latest| latest.plan.sources.into_iter().map(|source| source.source).collect())
                    .unwrap_or_default();
                let command = Command::Start {
                    verdict: world.judge(&settings, &dossier)?,
                    holds: world.holds.clone(),
                    ceiling: world.tally(&dossier).ceiling,
                    proven: history.released_leaf().is_some_and(|leaf| leaf < loaded.checkpointed),
                    steps,
                };
                history.decide(command, loaded.now)?;
                let change = match history.state() {
                    State::Running(_) => {
                        Change { request: Some(history.clone().into_change()), ..Change::default() }
                    }
                    State::Waiting(_) => Change {
                        request: Some(history.clone().into_change()),
                        jobs: vec![
                            wish("advance", id.to_string(), loaded.now),
                            wish("wake", id.to_string(), loaded.now),
                        ],
                        ..Change::default()
                    },
                    _ => judge::ended(&mut history, loaded.now),
                };
                Ok((change, matches!(history.state(), State::Running(_))))
            })
            .await?;
        Ok(started)
    }

    async fn go_on(self: &Arc<Self>, id: RequestId, run: u32) -> Result<Worked, JobError> {
        let settings = self.settings().await?;
        let history = self.history(id).await?;
        let Some(running) = in_run(&history, run) else { return Ok(Worked::Done) };
        let latest = self.latest(id).await?;
        let effect = settings.actions.get(running.permit().action()).map(|action| action.effect);
        match effect {
            Some(Effect::Access | Effect::Export) => {
                if let Some(halt) = self.shifted(&settings, id, run).await? {
                    self.halt(id, run, halt).await?;
                    return Ok(Worked::Done);
                }
                self.hand_over(&settings, running, &latest).await
            }
            Some(Effect::Erase | Effect::Purge) => self.erase(&settings, id, run, &latest).await,
            // An action of the configuration is carried out by whoever asked, with a permit token; not from here.
            Some(Effect::Declared) | None => {
                self.halt(id, run, Halt::Stuck("nobody_carries_this_out".to_owned())).await?;
                Ok(Worked::Done)
            }
        }
    }

    async fn latest(&self, id: RequestId) -> Result<Latest, Refusal> {
        let loaded = self.store.load(Needs { records: vec![survey::need(id)], ..Needs::default() }).await?;
        survey::latest(&loaded)?.ok_or_else(|| Refusal::Damaged("a running request has no survey".to_owned()))
    }

    /// Whether the root keys are still those that were signed. Asked only as long as nothing is done.
    pub(crate) async fn shifted(
        &self,
        settings: &Settings,
        id: RequestId,
        run: u32,
    ) -> Result<Option<Halt>, JobError> {
        let history = self.history(id).await?;
        let Some(running) = in_run(&history, run) else { return Ok(None) };
        let dossier = history.state().dossier();
        if dossier.is_part_done() || !matches!(dossier.submitted().target, Target::Subject { .. }) {
            return Ok(None);
        }
        let key = self.data_key(id).await?.ok_or(Refusal::NotFound("request"))?;
        let named = self.named(dossier, &key).await?;
        let roots = self.roots_now(settings, &named).await?;
        let same = survey::commit_roots(&key, dossier, &roots) == running.survey().roots;
        Ok((!same).then(|| Halt::Shifted("the sources hold other root rows of this subject".to_owned())))
    }

    /// RUNNING → COMPLETED, as long as it is in that run: with the receipts of steps that need none from a source,
    /// and with what is to stand beside the end, decided on `records` too.
    pub(crate) async fn complete(
        &self,
        id: RequestId,
        run: u32,
        outcome: Outcome,
        receipts: Vec<Receipt>,
        records: Vec<(String, Find)>,
        beside: impl Fn(&Loaded) -> Result<Change, Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        self.act(Needs { request: Some(id), records, ..Needs::default() }, move |loaded| {
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            if in_run(&history, run).is_none() {
                return Ok((Change::default(), ()));
            }
            for receipt in &receipts {
                history.decide(Command::Step { receipt: receipt.clone() }, loaded.now)?;
            }
            history.decide(Command::Complete { outcome: outcome.clone() }, loaded.now)?;
            let mut change = judge::ended(&mut history, loaded.now);
            let beside = beside(loaded)?;
            change.records.extend(beside.records);
            change.sealed.extend(beside.sealed);
            change.jobs.extend(beside.jobs);
            change.entries.extend(beside.entries);
            Ok((change, ()))
        })
        .await?;
        Ok(())
    }
}

/// The run, if it is the one that the request is in.
pub(crate) fn in_run(history: &History, run: u32) -> Option<&Running> {
    match history.state() {
        State::Running(running) if running.run() == run => Some(running),
        _ => None,
    }
}

/// A source's map with what its plan rested on, if it is mapped as it was when it was looked at: what is signed is done
/// by that map and in that schema or not at all.
pub(crate) fn mapped_as_signed(latest: &Latest, source: &str, map: &DataMap) -> Option<DataMap> {
    let mut plans = latest.plan.sources.iter();
    let plan = plans.find(|plan| plan.source == source && plan.map_version == map.version())?;
    Some(map.resting_on(&plan.fingerprint))
}

/// What to say when it is not.
pub(crate) const OTHER_MAP: &str = "the data map is not the one that was signed";

/// The key of a whole step of a run.
pub(crate) fn key(running: &Running, step: &str) -> ReceiptKey {
    ReceiptKey { request: running.permit().request(), run: running.run(), step: step.to_owned(), chunk: 0 }
}

pub(crate) fn retry(error: SourceError) -> JobError {
    match error {
        SourceError::Refused { .. } => JobError::GiveUp(Refusal::Source(error.to_string())),
        SourceError::Unavailable { .. } | SourceError::Unknown { .. } => {
            JobError::Retry(Refusal::Source(error.to_string()))
        }
    }
}
