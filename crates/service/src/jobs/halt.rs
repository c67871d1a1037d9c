//! Stopping a run for good. Every open step is made void first, so that nothing of it can happen later.

use countersign_core::id::RequestId;
use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome as StepOutcome, Receipt, ReceiptKey};
use countersign_core::request::{Command, State};

use crate::app::Service;
use crate::jobs::run::{in_run, retry};
use crate::jobs::{JobError, wish};
use crate::pause;
use crate::ports::store::{Change, Gauge, Needs, RecordChange};
use crate::refusal::Refusal;
use crate::requests::survey;
use crate::settings::Effect;
use crate::span::at_source;

/// Why a run does not go on.
pub(crate) enum Halt {
    Beyond(Counts),
    Shifted(String),
    Held(Vec<String>),
    Stuck(String),
}

impl Service {
    /// Stops a run for good: every open step is made void first, so that nothing of it can happen later. If the
    /// request is in another run by now, or in none, nothing is done.
    pub(crate) async fn halt(&self, id: RequestId, run: u32, halt: Halt) -> Result<(), JobError> {
        if in_run(&self.history(id).await?, run).is_none() {
            return Ok(());
        }
        match (self.void_steps_of(id, run).await, &halt) {
            // A source that does not answer cannot be told either; whoever takes it up again closes what is open.
            (Ok(()), _) | (Err(_), Halt::Stuck(_)) => {}
            (Err(error), _) => return Err(error),
        }
        let settings = self.settings().await?;
        let action = self.history(id).await?.state().dossier().submitted().action.clone();
        let action = settings.actions.get(&action).filter(|_| matches!(halt, Halt::Stuck(_))).cloned();
        let mut needs = Needs { request: Some(id), ..Needs::default() };
        if let Some(action) = &action {
            // One failure too many pauses the action, under the lock of its gauge.
            needs.gauge = Some(Gauge { actions: [action.name.clone()].into(), day_start: None });
            needs.records.push(pause::need(&action.name));
        }
        self.change_with(needs, None, move |history, loaded| {
            if in_run(history, run).is_none() {
                return Ok(Change::default());
            }
            let command = match &halt {
                Halt::Beyond(counted) => Command::Recount { counted: counted.clone() },
                Halt::Shifted(what) => Command::Shift { what: what.clone() },
                Halt::Held(holds) => Command::HoldBack { holds: holds.clone() },
                Halt::Stuck(code) => Command::GetStuck { code: code.clone() },
            };
            let code = match &halt {
                Halt::Beyond(_) => "beyond_what_was_signed",
                Halt::Shifted(_) => "subject_changed",
                Halt::Held(_) => "legal_hold",
                Halt::Stuck(_) => "stuck",
            };
            match history.decide(command, loaded.now) {
                Err(Refusal::Rule(countersign_core::request::Refusal::PartDone)) => {
                    history.decide(Command::GetStuck { code: code.to_owned() }, loaded.now)?;
                }
                decided => {
                    decided?;
                }
            }
            let mut jobs = vec![wish("wake", id.to_string(), loaded.now)];
            if matches!(history.state(), State::Waiting(_)) {
                // What voters saw is void: look again, and ask again.
                history.find_under("called", Vec::new());
                jobs.push(wish("advance", id.to_string(), loaded.now));
            }
            // The look that the votes rested on is void too.
            let records = if matches!(history.state(), State::Waiting(_)) {
                vec![RecordChange::Delete { kind: survey::KIND.to_owned(), id: id.to_string() }]
            } else {
                Vec::new()
            };
            let request = Some(history.clone().into_change());
            let mut change = Change { request, jobs, records, ..Change::default() };
            if let Some(action) = &action {
                pause::failed(loaded, action, &mut change)?;
            }
            Ok(change)
        })
        .await?;
        Ok(())
    }

    /// After this, each step of the run is done or never will be. Of a run that is over nothing is open.
    pub(crate) async fn void_steps_of(&self, id: RequestId, run: u32) -> Result<(), JobError> {
        let settings = self.settings().await?;
        let history = self.history(id).await?;
        let open: Vec<String> = match history.state() {
            State::Running(running) if running.run() == run => {
                running.open_steps().map(str::to_owned).collect()
            }
            State::Stuck(stuck) if stuck.run() == run => stuck.open_steps().map(str::to_owned).collect(),
            _ => return Ok(()),
        };
        let action = settings.actions.get(&history.state().dossier().submitted().action);
        let erases = action.is_some_and(|action| matches!(action.effect, Effect::Erase | Effect::Purge));
        for step in open {
            let key = ReceiptKey { request: id, run, step, chunk: 0 };
            let receipt = if erases {
                let (source, _) = self.source(&settings, &key.step)?;
                let standing = at_source("void", &key.step, source.void(&key)).await.map_err(retry)?;
                // From here on there are no more parts; what was done of them must be known before it is said that
                // nothing was.
                self.look_up_parts(id, run, &*source, &key.step).await?;
                standing
            } else {
                // Reading leaves no receipt in a source: that nobody will read for this run is ours to say.
                Receipt { key, outcome: StepOutcome::Void }
            };
            self.record_step(id, receipt).await?;
        }
        Ok(())
    }
}
