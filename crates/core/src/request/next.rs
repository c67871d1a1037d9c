//! The state after an event. The same function runs live and on replay.

use std::collections::BTreeMap;
use std::fmt;

use crate::id::RequestId;
use crate::time::Timestamp;

use super::event::Event;
use super::glass::{Glass, Review};
use super::state::{Dossier, Ending, Released, Running, State, Stuck};

/// An event that the state before it cannot take: the history was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenHistory {
    /// Whose.
    pub request: RequestId,
    /// The kind of the event that does not fit.
    pub event: &'static str,
}

impl fmt::Display for BrokenHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the history of request {} is damaged: `{}` does not follow from what stands before it",
            self.request, self.event
        )
    }
}

impl std::error::Error for BrokenHistory {}

impl State {
    /// The state that a history begins with.
    pub fn begin(id: RequestId, at: Timestamp, event: &Event) -> Result<State, BrokenHistory> {
        let Event::Submitted(submitted) = event else {
            return Err(BrokenHistory { request: id, event: event.kind() });
        };
        Ok(State::Waiting(Box::new(Dossier {
            id,
            submitted: (**submitted).clone(),
            submitted_at: at,
            due_at: submitted.due_at,
            proofs: Vec::new(),
            survey: None,
            matches: None,
            choice: None,
            votes: Vec::new(),
            runs: 0,
            steps: BTreeMap::new(),
            glass: None,
        })))
    }

    /// The state after a whole history.
    pub fn replay<'a>(
        id: RequestId,
        events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
    ) -> Result<State, BrokenHistory> {
        let mut events = events.into_iter();
        let (at, first) = events.next().ok_or(BrokenHistory { request: id, event: "nothing" })?;
        events.try_fold(State::begin(id, at, first)?, |state, (at, event)| state.next(at, event))
    }

    /// The state after `event`.
    pub fn next(mut self, at: Timestamp, event: &Event) -> Result<State, BrokenHistory> {
        let broken = BrokenHistory { request: self.dossier().id, event: event.kind() };
        if event.of_run().is_some_and(|run| run != self.dossier().runs) {
            return Err(broken);
        }
        match (&mut self, event) {
            (State::Waiting(_) | State::Released(_), Event::Denied { code, by, .. }) => {
                let ending = Ending::Denied { code: code.clone(), by: by.clone() };
                return Ok(self.ended(ending));
            }
            (State::Waiting(_) | State::Released(_), Event::Withdrawn { .. }) => {
                return Ok(self.ended(Ending::Withdrawn));
            }
            (State::Waiting(_) | State::Released(_), Event::Expired) => {
                return Ok(self.ended(Ending::Expired));
            }

            (State::Waiting(dossier), Event::Verified { proof }) => dossier.proofs.push(proof.clone()),
            (State::Waiting(dossier), Event::Surveyed { survey }) => {
                dossier.matches = None;
                dossier.survey = Some(survey.clone());
            }
            (State::Waiting(dossier), Event::Ambiguous { matches }) => {
                dossier.matches = Some(*matches);
                dossier.choice = None;
                dossier.survey = None;
            }
            (State::Waiting(dossier), Event::Resolved { choice, .. }) => dossier.choice = Some(*choice),
            (State::Waiting(dossier), Event::Approved { vote }) => {
                dossier.votes.retain(|standing| standing.by != vote.by);
                dossier.votes.push(vote.clone());
            }
            (State::Waiting(dossier), Event::Released { .. }) => {
                return Ok(State::Released(Box::new(Released { dossier: (**dossier).clone(), at })));
            }

            (State::Released(released), Event::Retracted { .. }) => {
                return Ok(State::Waiting(Box::new(released.dossier.clone())));
            }
            (State::Released(released), Event::RunStarted { run, steps, ceiling, .. }) => {
                let survey = released.dossier.survey.clone().ok_or(broken)?;
                return started(released.dossier.clone(), survey, *run, at, steps, ceiling).ok_or(broken);
            }
            (State::Stuck(stuck), Event::RunStarted { run, steps, ceiling, .. }) => {
                if stuck.open_steps().next().is_some() {
                    return Err(broken);
                }
                return started(stuck.dossier.clone(), stuck.survey.clone(), *run, at, steps, ceiling)
                    .ok_or(broken);
            }

            (State::Running(running), Event::Stepped { receipt }) => {
                if running.dossier.steps.insert(receipt.key.clone(), receipt.outcome.clone()).is_some() {
                    return Err(broken);
                }
            }
            (State::Stuck(stuck), Event::Stepped { receipt }) => {
                if stuck.dossier.steps.insert(receipt.key.clone(), receipt.outcome.clone()).is_some() {
                    return Err(broken);
                }
            }
            (State::Running(running), Event::Recounted { .. } | Event::Shifted { .. }) => {
                let mut dossier = running.dossier.clone();
                dossier.votes.clear();
                // What it found is known to be wrong: nothing may rest on it, however young it is.
                dossier.survey = None;
                return Ok(State::Waiting(Box::new(dossier)));
            }
            (State::Running(running), Event::HeldBack { .. }) => {
                return Ok(State::Waiting(Box::new(running.dossier.clone())));
            }
            (State::Running(running), Event::Stuck { run, code }) => {
                return Ok(State::Stuck(Box::new(Stuck {
                    dossier: running.dossier.clone(),
                    survey: running.survey.clone(),
                    run: *run,
                    plan: running.plan.clone(),
                    code: code.clone(),
                })));
            }
            (State::Running(_), Event::Completed { outcome, .. }) => {
                let ending = Ending::Completed { outcome: outcome.clone(), accepted_by: None };
                return Ok(self.ended(ending));
            }
            (State::Stuck(_), Event::Accepted { by, outcome, .. }) => {
                let ending = Ending::Completed { outcome: outcome.clone(), accepted_by: Some(*by) };
                return Ok(self.ended(ending));
            }
            (State::Stuck(_), Event::Abandoned { .. }) => return Ok(self.ended(Ending::Abandoned)),

            (state, Event::Extended { due_at, .. }) if !matches!(state, State::Ended(..)) => {
                state.dossier_mut().due_at = Some(*due_at);
            }
            (State::Waiting(dossier), Event::GlassBroken { by, seats, review_due, .. })
                if dossier.glass.is_none() =>
            {
                let (by, seats, review_due) = (*by, seats.clone(), *review_due);
                dossier.glass = Some(Glass { by, at, seats, review_due, review: None });
            }
            (state, Event::GlassReviewed { by, justified, .. }) => {
                let glass = state.dossier_mut().glass.as_mut().filter(|glass| glass.review.is_none());
                glass.ok_or(broken)?.review = Some(Review { by: *by, at, justified: *justified });
            }
            (_, Event::Commented { .. }) => {}

            _ => return Err(broken),
        }
        Ok(self)
    }

    fn ended(self, ending: Ending) -> State {
        let dossier = match self {
            State::Waiting(dossier) | State::Ended(dossier, _) => dossier,
            State::Released(released) => Box::new(released.dossier),
            State::Running(running) => Box::new(running.dossier),
            State::Stuck(stuck) => Box::new(stuck.dossier),
        };
        State::Ended(dossier, ending)
    }

    fn dossier_mut(&mut self) -> &mut Dossier {
        match self {
            State::Waiting(dossier) | State::Ended(dossier, _) => dossier,
            State::Released(released) => &mut released.dossier,
            State::Running(running) => &mut running.dossier,
            State::Stuck(stuck) => &mut stuck.dossier,
        }
    }
}

/// The one place where a run begins. Runs are numbered without a gap.
fn started(
    mut dossier: Dossier,
    survey: crate::survey::Survey,
    run: u32,
    at: Timestamp,
    steps: &[String],
    ceiling: &Option<crate::plan::Counts>,
) -> Option<State> {
    if Some(run) != dossier.runs.checked_add(1) {
        return None;
    }
    dossier.runs = run;
    Some(State::Running(Box::new(Running {
        dossier,
        survey,
        run,
        started_at: at,
        plan: steps.to_vec(),
        ceiling: ceiling.clone(),
    })))
}
