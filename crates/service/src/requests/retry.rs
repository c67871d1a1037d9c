//! A person tries a stuck request again: judged like any other, in a new run, after the old one is closed.

use countersign_core::id::RequestId;
use countersign_core::request::{self as core, Command, State};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::jobs::wish;
use crate::ports::store::{Change, Needs};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::requests::{judge, picture::Picture, survey};

impl Service {
    /// STUCK → RUNNING, if policy still releases it and no step of an earlier run is open.
    pub async fn retry(&self, caller: &Caller, id: RequestId) -> Result<Picture, Refusal> {
        let holder = caller.may(Act::Settle)?.clone();
        self.close_steps(id).await?;
        match self.retry_once(holder.clone(), id).await {
            // Other settings were entered meanwhile, maybe on another node: by those, then.
            Err(Refusal::Again) => {
                self.reload().await?;
                self.retry_once(holder, id).await?;
            }
            retried => retried?,
        }
        self.picture(id).await
    }

    async fn retry_once(&self, holder: Holder, id: RequestId) -> Result<(), Refusal> {
        let settings = self.settings().await?;
        let found = self.found_of(id).await?;
        let first = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let seen = History::read(first.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let mut needs = judge::judging_needs(&settings, seen.state().dossier(), first.now);
        needs.records.push(holder.need());
        let (keys, version) = (self.keys.clone(), seen.version());
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            if loaded.settings_version != settings.version {
                return Err(Refusal::Again);
            }
            let mut history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
            // The voters and root keys that were asked for are those of the history that was seen.
            if history.version() != version {
                return Err(Refusal::Again);
            }
            // What is over stays so, and our copies about it may be gone: nothing to load again.
            if matches!(history.state(), State::Ended(..)) {
                return Err(Refusal::Rule(core::Refusal::TooLate));
            }
            let found = judge::current(loaded, found.as_ref())?;
            let mut world = World::loaded(&keys, &settings, loaded, &history, found)?;
            // What is left was signed and surveyed; part of it may be gone by now, so it is not looked at again.
            world.survey = countersign_policy::SurveyState::Fresh;
            world.first = false;
            // Who has a place already does not give way to who waits: else both would wait for each other.
            world.beside.retain(|row| row.status.holds_place());
            let dossier = history.state().dossier().clone();
            let steps = survey::latest(loaded)?
                .map(|latest| latest.plan.sources.into_iter().map(|source| source.source).collect())
                .unwrap_or_default();
            let command = Command::Retry {
                by: holder.person,
                verdict: world.judge(&settings, &dossier)?,
                ceiling: world.tally(&dossier).ceiling,
                steps,
            };
            history.decide(command, loaded.now)?;
            let jobs = vec![wish("run", id.to_string(), loaded.now)];
            Ok((Change { request: Some(history.into_change()), jobs, ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}
