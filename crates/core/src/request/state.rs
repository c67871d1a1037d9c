//! Where a request stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Commitment, PersonId, RequestId};
use crate::permit::Permit;
use crate::plan::Counts;
use crate::quorum::{self, Tally, Vote, Voter};
use crate::receipt::{Outcome as StepOutcome, ReceiptKey};
use crate::subject::Proof;
use crate::survey::Survey;
use crate::time::Timestamp;

use super::event::{By, Outcome, Submitted};
use super::glass::Glass;

/// Where a request stands, with what is true only there.
///
/// ```text
///                ┌────────────── Retracted ───────────────┐
///                ▼                                        │
/// Submitted ▶ WAITING ───────── Released ─────────▶ RELEASED ──── RunStarted ───▶ RUNNING
///              ▲ │                                      │                         │ │ │ ▲
///              │ ├─ Denied ────▶ DENIED ◀──── Denied ───┤                         │ │ │ │
///              │ ├─ Withdrawn ─▶ WITHDRAWN ◀ Withdrawn ─┤                         │ │ │ │
///              │ └─ Expired ───▶ EXPIRED ◀─── Expired ──┘                         │ │ │ │
///              └─────────── Recounted · Shifted · HeldBack ───────────────────────┘ │ │ │
///                                                                                   │ │ │
///         COMPLETED ◀────────────────────────── Completed ──────────────────────────┘ │ │
///             ▲                                                                       │ │
///             └──── Accepted ─── STUCK ◀──────────────── Stuck ───────────────────────┘ │
///                                 │ └──────────────── RunStarted ───────────────────────┘
///         ABANDONED ◀ Abandoned ──┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is held: something is missing.
    Waiting(Box<Dossier>),
    /// It may happen, and has its place among the running.
    Released(Box<Released>),
    /// Its permit was spent.
    Running(Box<Running>),
    /// A person must say how to go on.
    Stuck(Box<Stuck>),
    /// It ended.
    Ended(Box<Dossier>, Ending),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was carried out.
    Completed { outcome: Outcome, accepted_by: Option<PersonId> },
    /// It never will be.
    Denied { code: String, by: By },
    /// The requester took it back.
    Withdrawn,
    /// Its time ran out.
    Expired,
    /// A person gave it up.
    Abandoned,
}

/// The word for a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Name {
    Waiting,
    Released,
    Running,
    Stuck,
    Completed,
    Denied,
    Withdrawn,
    Expired,
    Abandoned,
}

/// What is known of a request in every state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dossier {
    pub(super) id: RequestId,
    pub(super) submitted: Submitted,
    pub(super) submitted_at: Timestamp,
    pub(super) due_at: Option<Timestamp>,
    pub(super) proofs: Vec<Proof>,
    pub(super) survey: Option<Survey>,
    pub(super) matches: Option<u32>,
    pub(super) choice: Option<Commitment>,
    pub(super) votes: Vec<Vote>,
    pub(super) runs: u32,
    pub(super) steps: BTreeMap<ReceiptKey, StepOutcome>,
    pub(super) glass: Option<Glass>,
}

/// A released request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    pub(super) dossier: Dossier,
    pub(super) at: Timestamp,
}

/// A request whose permit was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub(super) dossier: Dossier,
    pub(super) survey: Survey,
    pub(super) run: u32,
    pub(super) started_at: Timestamp,
    pub(super) plan: Vec<String>,
    pub(super) ceiling: Option<Counts>,
}

/// A request that cannot go on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    pub(super) dossier: Dossier,
    pub(super) survey: Survey,
    pub(super) run: u32,
    pub(super) plan: Vec<String>,
    pub(super) code: String,
}

impl State {
    /// Its word.
    pub fn name(&self) -> Name {
        match self {
            State::Waiting(_) => Name::Waiting,
            State::Released(_) => Name::Released,
            State::Running(_) => Name::Running,
            State::Stuck(_) => Name::Stuck,
            State::Ended(_, Ending::Completed { .. }) => Name::Completed,
            State::Ended(_, Ending::Denied { .. }) => Name::Denied,
            State::Ended(_, Ending::Withdrawn) => Name::Withdrawn,
            State::Ended(_, Ending::Expired) => Name::Expired,
            State::Ended(_, Ending::Abandoned) => Name::Abandoned,
        }
    }

    /// What is known of it.
    pub fn dossier(&self) -> &Dossier {
        match self {
            State::Waiting(dossier) | State::Ended(dossier, _) => dossier,
            State::Released(released) => &released.dossier,
            State::Running(running) => &running.dossier,
            State::Stuck(stuck) => &stuck.dossier,
        }
    }
}

impl Dossier {
    /// Which request.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// How it began.
    pub fn submitted(&self) -> &Submitted {
        &self.submitted
    }

    /// When it began.
    pub fn submitted_at(&self) -> Timestamp {
        self.submitted_at
    }

    /// The law's date.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// When it runs out without a release: sooner as long as nothing was proved.
    pub fn expires_at(&self) -> Timestamp {
        if self.is_proved() { self.submitted.expires_at } else { self.submitted.expires_unproven_at }
    }

    /// Whether it was proved or attested that the requester may name this subject. A dataset needs no proof.
    pub fn is_proved(&self) -> bool {
        !self.proofs.is_empty()
            || self.submitted.attested.iter().any(|name| name == "identity")
            || matches!(self.submitted.target, crate::subject::Target::Dataset { .. })
    }

    /// Every proof, in order.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// The latest survey.
    pub fn survey(&self) -> Option<&Survey> {
        self.survey.as_ref()
    }

    /// How many people matched, if that is not settled.
    pub fn unresolved(&self) -> Option<u32> {
        self.matches.filter(|_| self.choice.is_none())
    }

    /// What a person chose among several, as a commitment to the root keys.
    pub fn choice(&self) -> Option<Commitment> {
        self.choice
    }

    /// Approvals, in order; whether they count is `tally`'s to say.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// What became of each step of each run.
    pub fn steps(&self) -> &BTreeMap<ReceiptKey, StepOutcome> {
        &self.steps
    }

    /// How many runs were started.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// The methods that prove something which the survey holds, by proofs made at `since` or later: an older one no
    /// longer counts. Before a survey, nothing is verified.
    pub fn verified(&self, since: Timestamp) -> BTreeSet<&str> {
        self.counting(since).map(|proof| &*proof.method).collect()
    }

    /// When the first of the proofs was made that count since then.
    pub fn oldest_verification(&self, since: Timestamp) -> Option<Timestamp> {
        self.counting(since).map(|proof| proof.at).min()
    }

    fn counting(&self, since: Timestamp) -> impl Iterator<Item = &Proof> {
        let held = self.survey.iter().flat_map(move |survey| {
            self.proofs.iter().filter(move |proof| survey.identities.contains(&proof.identity))
        });
        held.filter(move |proof| proof.at >= since)
    }

    /// Since when it waits: the latest first proof of one of `methods`, else its submission. Once there is a
    /// survey, only proofs of what it holds count, as in `verified`.
    pub fn waiting_since(&self, methods: &BTreeSet<String>) -> Timestamp {
        let held = |proof: &&Proof| {
            self.survey.as_ref().is_none_or(|survey| survey.identities.contains(&proof.identity))
        };
        let first = |method: &String| {
            let proofs = self.proofs.iter().filter(held);
            proofs.filter(|proof| proof.method == *method).map(|proof| proof.at).min()
        };
        methods.iter().filter_map(first).max().unwrap_or(self.submitted_at)
    }

    /// The approvals that count now, given what is known of the voters.
    pub fn tally(&self, voters: &BTreeMap<PersonId, Voter>) -> Tally {
        match &self.survey {
            Some(survey) => quorum::tally(&self.votes, survey, &self.asking_side(), voters),
            None => Tally::default(),
        }
    }

    /// Whether a source committed anything of any run.
    pub fn is_part_done(&self) -> bool {
        self.steps.values().any(|outcome| matches!(outcome, StepOutcome::Done { .. }))
    }

    fn open_steps<'a>(&'a self, run: u32, plan: &'a [String]) -> impl Iterator<Item = &'a str> {
        plan.iter().map(|step| &**step).filter(move |step| !self.is_done(step) && !self.is_void(run, step))
    }

    fn is_void(&self, run: u32, step: &str) -> bool {
        let mut whole = self.steps.iter().filter(|(key, _)| key.chunk == 0 && key.run == run);
        whole.any(|(key, outcome)| key.step == step && *outcome == StepOutcome::Void)
    }

    /// Whether a step is done, in any run; parts of it are not the whole.
    pub fn is_done(&self, step: &str) -> bool {
        let mut whole = self.steps.iter().filter(|(key, _)| key.chunk == 0);
        whole.any(|(key, outcome)| key.step == step && matches!(outcome, StepOutcome::Done { .. }))
    }

    /// The last part of a step that a run is known to have done; 0: none.
    pub fn parts_done(&self, run: u32, step: &str) -> u32 {
        let parts = self.steps.keys().filter(|key| key.run == run && key.step == step);
        parts.map(|key| key.chunk).max().unwrap_or(0)
    }

    /// What was touched of a step in parts and as a whole, in any run.
    pub fn touched(&self, step: &str) -> Counts {
        let mut touched = Counts::default();
        for outcome in self.steps.iter().filter(|(key, _)| key.step == step).map(|(_, outcome)| outcome) {
            if let StepOutcome::Done { touched: rows } = outcome {
                touched.add_all(rows);
            }
        }
        touched
    }
}

impl Released {
    /// What is known of it.
    pub fn dossier(&self) -> &Dossier {
        &self.dossier
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Running {
    /// The right to act: made again as often as the run is taken up, always the same.
    pub fn permit(&self) -> Permit {
        let dossier = &self.dossier;
        Permit::of_run(
            dossier.id,
            self.run,
            dossier.submitted.action.clone(),
            self.survey.digest,
            self.ceiling.clone(),
        )
    }

    /// Which run, from 1.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// When it started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// What was signed.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Its steps, in order.
    pub fn plan(&self) -> &[String] {
        &self.plan
    }

    /// Steps of this run that neither this nor an earlier run did, and that are not void.
    pub fn open_steps(&self) -> impl Iterator<Item = &str> {
        self.dossier.open_steps(self.run, &self.plan)
    }
}

impl Stuck {
    /// Why, as a code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Which run got stuck.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// What was signed.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Steps of the run of which nobody knows whether they are done.
    pub fn open_steps(&self) -> impl Iterator<Item = &str> {
        self.dossier.open_steps(self.run, &self.plan)
    }
}
