//! What a command adds to a request's history, or why it may not.

use crate::id::PersonId;
use crate::plan::Counts;
use crate::quorum::Vote;
use crate::receipt::{Outcome as StepOutcome, Receipt};
use crate::survey::{Survey, Surveyed};
use crate::time::Timestamp;
use crate::verdict::{Decision, Verdict};

use super::command::{Actor, Command, Refusal};
use super::event::{By, Event};
use super::state::{Dossier, Running, State, Stuck};

type Decided = Result<Vec<Event>, Refusal>;

impl State {
    /// What `command` adds to the history at `now`. No event: nothing to record.
    pub fn decide(&self, command: Command, now: Timestamp) -> Decided {
        match command {
            Command::Comment { by, text } => Ok(vec![Event::Commented { by, text }]),
            Command::Extend { by, due_at, reason } => match self {
                State::Ended(..) => Err(Refusal::Closed),
                _ if self.dossier().due_at >= Some(due_at) => Err(Refusal::NotLater),
                _ => Ok(vec![Event::Extended { by, due_at, reason }]),
            },
            Command::BreakGlass { by, seats, reason, review_due } => {
                self.break_glass(by, seats, reason, review_due)
            }
            Command::ReviewGlass { by, seat, justified, text } => {
                self.review_glass(by, seat, justified, text)
            }
            command => match self {
                State::Waiting(dossier) => dossier.decide_waiting(command, now),
                State::Released(released) => released.dossier.decide_released(command, now),
                State::Running(running) => running.decide(command),
                State::Stuck(stuck) => stuck.decide(command),
                State::Ended(..) => Err(Refusal::Closed),
            },
        }
    }
}

impl Dossier {
    fn decide_waiting(&self, command: Command, now: Timestamp) -> Decided {
        match command {
            Command::Verify { proof } => Ok(vec![Event::Verified { proof }]),
            Command::Survey(surveyed) => Ok(self.surveyed(surveyed)),
            Command::Resolve { by, choice } => {
                self.may_decide(&by)?;
                self.matches.ok_or(Refusal::TooLate)?;
                Ok(vec![Event::Resolved { by: by.person, choice }])
            }
            Command::Approve { by, seat, digest, ceiling, reason } => {
                self.may_vote(&by, &seat)?;
                if self.unresolved().is_some() {
                    return Err(Refusal::NotResolved);
                }
                let survey = self.survey.as_ref().ok_or(Refusal::TooEarly)?;
                if digest != survey.digest {
                    return Err(Refusal::StaleDigest);
                }
                let ceiling = ceiling.unwrap_or_else(|| survey.counts.ceiling());
                if survey.counts.beyond(&ceiling).is_some() {
                    return Err(Refusal::CeilingTooLow);
                }
                if self.votes.iter().any(|vote| vote.by == by.person && vote.covers(survey)) {
                    return Err(Refusal::AlreadyVoted);
                }
                Ok(vec![Event::Approved {
                    vote: Vote { by: by.person, seat, digest, ceiling, reason, at: now },
                }])
            }
            Command::Judge { verdict, holds, ceiling, max_age_ms } => {
                self.judged(verdict, holds, ceiling, max_age_ms, now)
            }
            Command::Start { .. } => Err(Refusal::NotReleased),
            command => self.decide_open(command, now),
        }
    }

    fn decide_released(&self, command: Command, now: Timestamp) -> Decided {
        match command {
            Command::Judge { verdict, holds, .. } => match verdict.decision {
                Decision::Release => Ok(Vec::new()),
                Decision::Hold { .. } => Ok(vec![Event::Retracted { criteria: verdict.criteria }]),
                Decision::Deny { .. } => Ok(vec![denied(verdict, holds)]),
            },
            Command::Start { verdict, holds, ceiling, proven, steps } => match verdict.decision {
                Decision::Release if !proven => Err(Refusal::NotProven),
                Decision::Release => Ok(vec![self.started(verdict, ceiling, steps, None)]),
                Decision::Hold { .. } => Ok(vec![Event::Retracted { criteria: verdict.criteria }]),
                Decision::Deny { .. } => Ok(vec![denied(verdict, holds)]),
            },
            Command::Approve { .. }
            | Command::Resolve { .. }
            | Command::Verify { .. }
            | Command::Survey(_) => Err(Refusal::TooLate),
            command => self.decide_open(command, now),
        }
    }

    /// What waiting and released requests answer alike.
    fn decide_open(&self, command: Command, now: Timestamp) -> Decided {
        match command {
            // A denial needs no digest: whoever sees too little to approve may always say no.
            Command::Deny { by, seat, reason } => {
                self.may_vote(&by, &seat)?;
                let by = By::Person { person: by.person, seat };
                Ok(vec![Event::Denied { code: "denied_by_reviewer".to_owned(), by, reason }])
            }
            Command::Refuse { code, earlier } => {
                Ok(vec![Event::Denied { code, by: By::Conflict { earlier }, reason: None }])
            }
            Command::Withdraw { by } => Ok(vec![Event::Withdrawn { by }]),
            Command::Expire if now < self.expires_at() => Err(Refusal::NotExpired),
            Command::Expire => Ok(vec![Event::Expired]),
            _ => Err(Refusal::TooEarly),
        }
    }

    fn surveyed(&self, surveyed: Surveyed) -> Vec<Event> {
        match surveyed {
            Surveyed::NoMatch => {
                vec![Event::Denied { code: "no_match".to_owned(), by: By::Survey, reason: None }]
            }
            // Asked again also where somebody chose: what fits several of them settles nothing.
            Surveyed::Several { matches } if self.unresolved() == Some(matches) => Vec::new(),
            Surveyed::Several { matches } => vec![Event::Ambiguous { matches }],
            Surveyed::Found(survey) if self.survey.as_ref().is_some_and(|old| same(old, &survey)) => {
                Vec::new()
            }
            Surveyed::Found(survey) => vec![Event::Surveyed { survey }],
        }
    }

    fn judged(
        &self,
        verdict: Verdict,
        holds: Vec<String>,
        ceiling: Option<Counts>,
        max_age_ms: i64,
        now: Timestamp,
    ) -> Decided {
        match verdict.decision {
            Decision::Hold { .. } => Ok(Vec::new()),
            Decision::Deny { .. } => Ok(vec![denied(verdict, holds)]),
            Decision::Release => {
                if self.unresolved().is_some() {
                    return Err(Refusal::NotResolved);
                }
                let survey = self.survey.as_ref().ok_or(Refusal::StaleSurvey)?;
                if now.since_ms(survey.at) > max_age_ms {
                    return Err(Refusal::StaleSurvey);
                }
                Ok(vec![Event::Released { criteria: verdict.criteria, survey_at: survey.at, ceiling }])
            }
        }
    }

    fn started(
        &self,
        verdict: Verdict,
        ceiling: Option<Counts>,
        steps: Vec<String>,
        by: Option<PersonId>,
    ) -> Event {
        Event::RunStarted { run: self.runs.saturating_add(1), criteria: verdict.criteria, steps, by, ceiling }
    }

    fn stepped(&self, run: u32, plan: &[String], receipt: Receipt) -> Decided {
        let key = &receipt.key;
        // Chunk 0 says that the whole step is done or void. Parts before it are done, one after the other; what is
        // not done of them the whole is void for.
        let is_part = matches!(receipt.outcome, StepOutcome::Done { .. })
            && key.chunk <= self.parts_done(run, &key.step).saturating_add(1);
        let fits = plan.contains(&key.step) && (key.chunk == 0 || is_part);
        if key.request != self.id || key.run != run || !fits {
            return Err(Refusal::WrongReceipt);
        }
        match self.steps.get(key) {
            Some(standing) if *standing == receipt.outcome => Ok(Vec::new()),
            Some(_) => Err(Refusal::WrongReceipt),
            None => Ok(vec![Event::Stepped { receipt }]),
        }
    }

    fn may_vote(&self, by: &Actor, seat: &str) -> Result<(), Refusal> {
        self.may_decide(by)?;
        if by.seats.contains(seat) { Ok(()) } else { Err(Refusal::NotYourSeat) }
    }
}

impl Running {
    fn decide(&self, command: Command) -> Decided {
        let run = self.run;
        match command {
            Command::Step { receipt } => self.dossier.stepped(run, &self.plan, receipt),
            Command::Complete { outcome } if self.plan.iter().all(|step| self.dossier.is_done(step)) => {
                Ok(vec![Event::Completed { run, outcome }])
            }
            Command::Complete { .. } => Err(Refusal::OpenSteps),
            Command::Recount { counted } => self.back(Event::Recounted { run, counted }),
            Command::Shift { what } => self.back(Event::Shifted { run, what }),
            Command::HoldBack { holds } if self.dossier.is_part_done() => {
                let code = format!("legal_hold: {}", holds.join(", "));
                Ok(vec![Event::Stuck { run, code }])
            }
            Command::HoldBack { holds } => self.back(Event::HeldBack { run, holds }),
            Command::GetStuck { code } => Ok(vec![Event::Stuck { run, code }]),
            _ => Err(Refusal::TooLate),
        }
    }

    // INVARIANT 6: back to waiting only when every step of the run is known never to happen.
    fn back(&self, event: Event) -> Decided {
        if self.dossier.is_part_done() {
            return Err(Refusal::PartDone);
        }
        if self.open_steps().next().is_some() {
            return Err(Refusal::OpenSteps);
        }
        Ok(vec![event])
    }
}

impl Stuck {
    fn decide(&self, command: Command) -> Decided {
        match command {
            Command::Step { receipt } => self.dossier.stepped(self.run, &self.plan, receipt),
            Command::Retry { by, verdict, ceiling, steps } => {
                if verdict.decision != Decision::Release {
                    return Err(Refusal::NotReleased);
                }
                if self.open_steps().next().is_some() {
                    return Err(Refusal::OpenSteps);
                }
                Ok(vec![self.dossier.started(verdict, ceiling, steps, Some(by))])
            }
            // INVARIANT 6: what is open could still happen after the end, and nobody would look.
            Command::Accept { .. } | Command::Abandon { .. } if self.open_steps().next().is_some() => {
                Err(Refusal::OpenSteps)
            }
            Command::Accept { by, outcome, reason } => Ok(vec![Event::Accepted { by, outcome, reason }]),
            Command::Abandon { by, reason } => Ok(vec![Event::Abandoned { by, reason }]),
            _ => Err(Refusal::TooLate),
        }
    }
}

/// Whether a survey says nothing that the one before did not say. A later look is news even if it found the same:
/// a release rests on its time.
fn same(old: &Survey, new: &Survey) -> bool {
    old.at >= new.at
        && old.digest == new.digest
        && old.roots == new.roots
        && old.identities == new.identities
        && old.counts == new.counts
}

fn denied(verdict: Verdict, holds: Vec<String>) -> Event {
    let code = match &verdict.decision {
        Decision::Deny { code } => code.clone(),
        Decision::Release | Decision::Hold { .. } => "denied".to_owned(),
    };
    Event::Denied { code, by: By::Policy { criteria: verdict.criteria, holds }, reason: None }
}
