//! Carrying out an erasure: each source one step, each step under its own receipt, a look for legal holds before each.
//! A source whose map says so does its step in parts (`docs/decisions/027-erasure-in-parts.md`).

use std::collections::BTreeSet;

use countersign_core::id::RequestId;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Treatment};
use countersign_core::receipt::{Outcome as StepOutcome, Receipt, ReceiptKey};
use countersign_core::request::{Command, Dossier, Kept, Outcome, Running};
use countersign_core::subject::Target;

use crate::app::Service;
use crate::hold;
use crate::jobs::halt::Halt;
use crate::jobs::run::{OTHER_MAP, in_run, key, mapped_as_signed, retry};
use crate::jobs::{JobError, Worked, keep_until, tell, unpack};
use crate::ports::source::{RootKey, Source, SourceError, Stepped, Target as Rows};
use crate::ports::store::{Change, Find, Loaded, Needs};
use crate::record::History;
use crate::refusal::Refusal;
use crate::requests::facts;
use crate::requests::look::of_source;
use crate::requests::survey::Latest;
use crate::settings::Settings;
use crate::span::at_source;

/// What the end of a step came to.
enum Did {
    Step(Receipt),
    Halt(Halt),
}

impl Service {
    pub(crate) async fn erase(
        &self,
        settings: &Settings,
        id: RequestId,
        run: u32,
        latest: &Latest,
    ) -> Result<Worked, JobError> {
        self.look_up_receipts(settings, id, run).await?;
        if let Some(halt) = self.shifted(settings, id, run).await? {
            self.halt(id, run, halt).await?;
            return Ok(Worked::Done);
        }
        loop {
            let history = self.history(id).await?;
            let Some(running) = in_run(&history, run) else { return Ok(Worked::Done) };
            let Some(step) = running.open_steps().next().map(str::to_owned) else { break };
            if let Some(halt) = self.held(id).await? {
                self.halt(id, run, halt).await?;
                return Ok(Worked::Done);
            }
            match self.step(settings, &history, running, latest, &step).await? {
                Did::Step(receipt) => self.record_step(id, receipt).await?,
                Did::Halt(halt) => {
                    self.halt(id, run, halt).await?;
                    return Ok(Worked::Done);
                }
            }
        }
        let history = self.history(id).await?;
        if let Some(running) = in_run(&history, run)
            && !running.plan().iter().all(|step| history.state().dossier().is_done(step))
        {
            // A step was made void and the reason was lost, as when a node dies between the two.
            let why = "the run was broken off before anything was committed";
            self.halt(id, run, Halt::Shifted(why.to_owned())).await?;
            return Ok(Worked::Done);
        }
        self.finish(settings, id, run, latest).await
    }

    /// After a crash a step may be done although the history does not know it yet.
    async fn look_up_receipts(&self, settings: &Settings, id: RequestId, run: u32) -> Result<(), JobError> {
        let history = self.history(id).await?;
        let Some(running) = in_run(&history, run) else { return Ok(()) };
        for step in running.open_steps().map(str::to_owned).collect::<Vec<_>>() {
            let (source, _) = self.source(settings, &step)?;
            self.look_up_parts(id, run, &*source, &step).await?;
            if let Some(receipt) =
                at_source("receipt", &step, source.receipt(&key(running, &step))).await.map_err(retry)?
            {
                self.record_step(id, receipt).await?;
            }
        }
        Ok(())
    }

    /// Parts of a step that are done although the history does not know them yet.
    pub(super) async fn look_up_parts(
        &self,
        id: RequestId,
        run: u32,
        source: &dyn Source,
        step: &str,
    ) -> Result<(), JobError> {
        if !source.in_parts() {
            return Ok(());
        }
        let known = self.history(id).await?.state().dossier().parts_done(run, step);
        for chunk in known.saturating_add(1).. {
            let key = ReceiptKey { request: id, run, step: step.to_owned(), chunk };
            match source.receipt(&key).await.map_err(retry)? {
                Some(receipt) => self.record_step(id, receipt).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// A legal hold on one of the root keys, looked for before every step.
    pub(super) async fn held(&self, id: RequestId) -> Result<Option<Halt>, JobError> {
        let records = vec![(hold::KIND.to_owned(), Find::ByRoot)];
        let loaded = self
            .store
            .load(Needs { request: Some(id), records, ..Needs::default() })
            .await
            .map_err(Refusal::from)?;
        let holds = facts::holds(&loaded)?;
        Ok((!holds.is_empty()).then_some(Halt::Held(holds)))
    }

    async fn step(
        &self,
        settings: &Settings,
        history: &History,
        running: &Running,
        latest: &Latest,
        step: &str,
    ) -> Result<Did, JobError> {
        let (source, map) = self.source_for(settings, step, history.state().dossier())?;
        // INVARIANT 3: rows that were signed as kept are not deleted because a newer map says so.
        let Some(map) = mapped_as_signed(latest, step, map) else {
            return Ok(Did::Halt(Halt::Shifted(OTHER_MAP.to_owned())));
        };
        let rows = self.rows(history.state().dossier(), step).await?;
        let permit: Permit = running.permit();
        let mut key = key(running, step);
        if map.chunk_rows.is_some() && source.in_parts() {
            key.chunk = history.state().dossier().parts_done(key.run, step).saturating_add(1);
        }
        let outcome = at_source("erase", step, source.erase(&permit, &key, &map, &rows)).await;
        match outcome {
            Ok(Stepped::Done(receipt) | Stepped::Part(receipt)) => Ok(Did::Step(receipt)),
            Ok(Stepped::Void(receipt)) => {
                self.record_step(permit.request(), receipt).await?;
                Ok(Did::Halt(Halt::Stuck("step_void".to_owned())))
            }
            Ok(Stepped::Beyond { counted }) => Ok(Did::Halt(Halt::Beyond(counted))),
            Ok(Stepped::Changed { what }) => Ok(Did::Halt(Halt::Shifted(what))),
            Err(error @ SourceError::Refused { .. }) => {
                tracing::error!(request = %permit.request(), %error, "a source refused a step");
                Ok(Did::Halt(Halt::Stuck("source_refused".to_owned())))
            }
            // The same key again: if it was committed after all, the receipt says so.
            Err(error) => Err(retry(error)),
        }
    }

    async fn rows(&self, dossier: &Dossier, step: &str) -> Result<Rows, Refusal> {
        match &dossier.submitted().target {
            Target::Dataset { name, .. } => {
                Ok(Rows::Dataset { name: name.clone(), before: self.before(dossier).await? })
            }
            Target::Subject { .. } => {
                let found = self.found_of(dossier.id()).await?;
                let roots: BTreeSet<RootKey> =
                    found.map(|found| found.root_keys()).unwrap_or_default().into_iter().collect();
                Ok(Rows::Subject(of_source(&roots, step)))
            }
        }
    }

    pub(crate) async fn record_step(&self, id: RequestId, receipt: Receipt) -> Result<(), Refusal> {
        self.change(id, None, move |history, loaded| {
            // Somebody else may have said so before, also of a run that is over by now.
            if history.state().dossier().steps().get(&receipt.key) == Some(&receipt.outcome) {
                return Ok(Change::default());
            }
            history.decide(Command::Step { receipt: receipt.clone() }, loaded.now)?;
            Ok(Change { request: Some(history.clone().into_change()), ..Change::default() })
        })
        .await
    }

    async fn finish(
        &self,
        settings: &Settings,
        id: RequestId,
        run: u32,
        latest: &Latest,
    ) -> Result<Worked, JobError> {
        let history = self.history(id).await?;
        let dossier = history.state().dossier();
        let mut left = Counts::default();
        let found = self.found_of(id).await?;
        for plan in &latest.plan.sources {
            let (source, map) = self.source_for(settings, &plan.source, dossier)?;
            let rows = self.rows(dossier, &plan.source).await?;
            if let Some(found) = &found {
                source.remember(map, &found.matches(&plan.source));
            }
            for (source, table, rows) in source.left(map, &rows).await.map_err(retry)?.iter() {
                left.add(source, table, rows);
            }
        }
        let ended = self.store.load(Needs::default()).await.map_err(Refusal::from)?.now;
        let mut kept = kept(latest);
        for kept in kept.iter_mut().filter(|_| keep_until::term(dossier).is_none()) {
            let day = keep_until::day(settings, &kept.source, &kept.table, ended);
            kept.until = day.or(kept.until.take());
        }
        let outcome = Outcome { touched: touched(dossier), kept, left, package: false };
        let terms = match keep_until::term(dossier) {
            None => keep_until::terms_of(settings, latest),
            // The later ones were noted by the erasure.
            Some(_) => BTreeSet::new(),
        };
        let roots = self.found_of(id).await?.map(|found| found.root_keys()).unwrap_or_default();
        let note = self.note_kept(id, terms, &roots);
        let told = match dossier.submitted().target {
            Target::Subject { .. } => tell::wishes(settings, latest, id, ended)?,
            Target::Dataset { .. } => (Vec::new(), Vec::new()),
        };
        let beside = move |loaded: &Loaded| {
            let (mut change, noted) = (unpack::all_loaded(loaded)?, note(loaded.now)?);
            change.jobs.extend(told.0.iter().cloned());
            change.records.extend(told.1.iter().cloned());
            change.records.extend(noted.records);
            change.jobs.extend(noted.jobs);
            Ok(change)
        };
        // What was handed over of this subject and still waits to be fetched dies with the rows that it was read from.
        let packages = vec![(unpack::KIND.to_owned(), Find::ByRoot)];
        self.complete(id, run, outcome, Vec::new(), packages, beside).await?;
        Ok(Worked::Done)
    }
}

fn touched(dossier: &Dossier) -> Counts {
    let mut touched = Counts::default();
    for outcome in dossier.steps().values() {
        if let StepOutcome::Done { touched: step } = outcome {
            touched.add_all(step);
        }
    }
    touched
}

/// Rows that stay by a named rule, as the plan said.
fn kept(latest: &Latest) -> Vec<Kept> {
    let mut kept = Vec::new();
    for source in &latest.plan.sources {
        for line in source.lines.iter().filter(|line| line.rows > 0) {
            let basis = match (line.treatment, &line.basis) {
                (_, Some(basis)) => basis.clone(),
                (Treatment::KeepForOthers, None) => "owned_by_others".to_owned(),
                (Treatment::Keep, None) => "kept".to_owned(),
                (Treatment::Delete | Treatment::Clear | Treatment::Detach, None) => continue,
            };
            kept.push(Kept {
                source: source.source.clone(),
                table: line.table.clone(),
                rows: line.rows,
                basis,
                until: line.until.clone(),
            });
        }
    }
    kept
}
