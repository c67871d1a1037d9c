//! Judging: policy is asked over facts that the same transaction loaded, and what it says is recorded.
//! What is missing is derived each time; the words that the inbox and the wakers find it by are a cache.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use countersign_core::conflict::Resolution;
use countersign_core::id::RequestId;
use countersign_core::request::{Command, Dossier, State};
use countersign_core::time::Timestamp;
use countersign_core::verdict::{Decision, Missing, Verdict};
use countersign_policy::SurveyState;
use tracing::Instrument;

use crate::app::Service;
use crate::clock;
use crate::hold;
use crate::jobs::wish;
use crate::pause;
use crate::person;
use crate::ports::store::{Change, Find, Gauge, JobChange, Loaded, Needs};
use crate::record::{History, status};
use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::requests::field::{self, Found};
use crate::requests::survey;
use crate::requests::waiting::{self, Full};
use crate::reviewers;
use crate::settings::Settings;
use crate::span;

/// What a judgement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It waits, and no free place would help it.
    Held,
    /// It waits for nothing but a free place of its action.
    Full(Full),
    /// Its sources must be looked at first.
    Unseen,
    /// It is released, runs, or ended.
    Past,
}

/// How often a judgement is repeated when something else moves at the same moment.
const TRIES: u32 = 8;

impl Service {
    /// Takes a request as far as it goes by itself: looks, judges, looks again if that grew old.
    pub(crate) async fn advance(&self, id: RequestId) -> Result<Judged, Refusal> {
        let mut last = Refusal::Again;
        for _ in 0..TRIES {
            match self.advance_once(id).await {
                Ok(Judged::Unseen) | Err(Refusal::Again | Refusal::Stale) => {}
                Ok(judged) => return Ok(judged),
                Err(refusal) => last = refusal,
            }
            if !matches!(last, Refusal::Again) {
                return Err(last);
            }
        }
        Err(last)
    }

    async fn advance_once(&self, id: RequestId) -> Result<Judged, Refusal> {
        let settings = self.settings().await?;
        let needs = Needs { request: Some(id), records: vec![survey::need(id)], ..Needs::default() };
        let asked_ms = self.steady_ms();
        let loaded = self.store.load(needs).await?;
        let latest = self.look_at_clock(asked_ms, loaded.now).await?;
        if loaded.settings_version != settings.version {
            self.reload().await?;
            return Err(Refusal::Again);
        }
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let dossier = match history.state() {
            State::Waiting(dossier) => dossier,
            State::Released(released) => {
                return self.judge(&history, settings, released.dossier(), loaded.now, latest).await;
            }
            State::Running(_) | State::Stuck(_) | State::Ended(..) => return Ok(Judged::Past),
        };
        let unseen = (survey::latest(&loaded)?.is_none() || dossier.survey().is_none())
            && dossier.is_proved()
            && dossier.unresolved().is_none();
        if unseen {
            self.survey(&settings, &history).await?;
            return Ok(Judged::Unseen);
        }
        if dossier.unresolved().is_some() {
            return Ok(Judged::Held);
        }
        let judged = self.judge(&history, Arc::clone(&settings), dossier, loaded.now, latest).await?;
        if judged == Judged::Unseen {
            self.survey(&settings, &history).await?;
        }
        Ok(judged)
    }

    async fn judge(
        &self,
        seen: &History,
        settings: Arc<Settings>,
        dossier: &Dossier,
        now: Timestamp,
        latest: Timestamp,
    ) -> Result<Judged, Refusal> {
        let id = dossier.id();
        let began = Instant::now();
        let found = self.found_of(id).await?;
        let needs = judging_needs(&settings, dossier, now);
        let keys = self.keys.clone();
        let version = seen.version();
        let span = span::judgement(id);
        let (_, (judged, status)) = self
            .act(needs, move |loaded| {
                // A clock that jumped since is looked at first.
                if loaded.settings_version != settings.version || loaded.now > latest {
                    return Err(Refusal::Again);
                }
                let mut history =
                    History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                if history.version() != version {
                    return Err(Refusal::Again);
                }
                let found = current(loaded, found.as_ref())?;
                let world = World::loaded(&keys, &settings, loaded, &history, found)?;
                let (change, judged) = decide(&mut history, &world, &settings, loaded)?;
                Ok((change, (judged, status(history.state()))))
            })
            .instrument(span.clone())
            .await?;
        span.record("status", status.name());
        self.verdicts.record(began.elapsed());
        Ok(judged)
    }

    /// What the latest survey found, opened.
    pub(crate) async fn found_of(&self, id: RequestId) -> Result<Option<Found>, Refusal> {
        let Some(key) = self.data_key(id).await? else { return Ok(None) };
        let Some(plain) = self.field(&key, id, field::FOUND).await? else { return Ok(None) };
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|_| Refusal::Damaged("a survey's findings".to_owned()))
    }
}

/// What was opened beforehand must be what stands now.
pub(crate) fn current<'a>(loaded: &Loaded, found: Option<&'a Found>) -> Result<Option<&'a Found>, Refusal> {
    match (survey::latest(loaded)?, found) {
        (None, _) => Ok(None),
        (Some(latest), Some(found)) if latest.survey.at == found.at => Ok(Some(found)),
        _ => Err(Refusal::Again),
    }
}

/// What a judgement loads: the gauge, who shares the subject, the holds on it, the survey, every voter.
pub(crate) fn judging_needs(settings: &Settings, dossier: &Dossier, now: Timestamp) -> Needs {
    let mut people: BTreeSet<_> = dossier.votes().iter().map(|vote| vote.by).collect();
    people.extend(&dossier.submitted().asking.persons);
    let mut records = vec![
        (hold::KIND.to_owned(), Find::ByRoot),
        survey::need(dossier.id()),
        clock::need(),
        pause::need(&dossier.submitted().action),
    ];
    records.extend(people.into_iter().map(person::need));
    Needs { request: Some(dossier.id()), gauge: Some(gauge(settings, dossier, now)), records }
}

/// What is under way and was started of the actions that a verdict may rest on, the request's own among them.
fn gauge(settings: &Settings, dossier: &Dossier, now: Timestamp) -> Gauge {
    let own = &dossier.submitted().action;
    let read = settings.policies_of(dossier).needs(own);
    let counts = read.is_some_and(|it| !it.started_today.is_empty());
    let read = read.into_iter().flat_map(|it| it.running.iter().chain(&it.started_today));
    Gauge {
        actions: read.chain([own]).cloned().collect(),
        day_start: counts.then(|| settings.day_start(now)),
    }
}

fn decide(
    history: &mut History,
    world: &World,
    settings: &Settings,
    loaded: &Loaded,
) -> Result<(Change, Judged), Refusal> {
    let now = loaded.now;
    let dossier = history.state().dossier().clone();
    let id = dossier.id();
    if let Some((earlier, resolution)) = world.standing(settings, &dossier).refused {
        let code = match resolution {
            Resolution::Duplicate => "duplicate",
            Resolution::Deny | Resolution::Wait => "conflict",
        };
        history.decide(Command::Refuse { code: code.to_owned(), earlier }, now)?;
        return Ok((ended(history, now), Judged::Past));
    }
    let verdict = world.judge(settings, &dossier)?;
    let mut change = Change::default();
    let judged = match &verdict.decision {
        Decision::Release => {
            let ceiling = world.tally(&dossier).ceiling;
            let command = Command::Judge {
                verdict: verdict.clone(),
                holds: world.holds.clone(),
                ceiling,
                max_age_ms: settings.survey_max_age_ms,
            };
            history.decide(command, now)?;
            change.jobs.push(wish("run", id.to_string(), now));
            Judged::Past
        }
        Decision::Deny { .. } => {
            let command = Command::Judge {
                verdict: verdict.clone(),
                holds: world.holds.clone(),
                ceiling: None,
                max_age_ms: settings.survey_max_age_ms,
            };
            history.decide(command, now)?;
            change.jobs = ended(history, now).jobs;
            Judged::Past
        }
        Decision::Hold { paths } => {
            let only_survey = paths.iter().any(|path| path.missing == [Missing::Survey]);
            // What cannot be taken apart may rest on what a source told: it is asked again once that grew old.
            let told = |it: &Missing| matches!(it, Missing::Survey | Missing::Opaque { .. });
            let may_have_changed =
                world.survey == SurveyState::Stale && paths.iter().any(|path| path.missing.iter().all(told));
            if (only_survey || may_have_changed) && world.survey != SurveyState::Absent && dossier.is_proved()
            {
                // A released one is looked at again by whoever starts it, and goes back if that is needed.
                let released = matches!(history.state(), State::Released(_));
                return Ok((Change::default(), if released { Judged::Past } else { Judged::Unseen }));
            }
            let command = Command::Judge {
                verdict: verdict.clone(),
                holds: world.holds.clone(),
                ceiling: None,
                max_age_ms: settings.survey_max_age_ms,
            };
            let retracted = history.decide(command, now)? > 0;
            if retracted {
                change.jobs.push(wish("wake", id.to_string(), now));
            }
            change.jobs.extend(wake_later(&verdict, settings, id, now));
            change.jobs.extend(wake_when_stale(world, settings, &dossier));
            let action = settings.actions.get(&dossier.submitted().action);
            if action.is_none_or(|action| action.call_to_vote) {
                change.jobs.extend(call_voters(history, &dossier, &verdict, now));
            }
            waiting::full(paths, &dossier.submitted().action).map_or(Judged::Held, Judged::Full)
        }
    };
    if world.survey != SurveyState::Absent && history.terms("judged").next().is_none() {
        history.find_under("judged", vec![b"1".to_vec()]);
        // Whoever was judged before this one was known by its subject may have to give way to it now.
        change.jobs.extend(world.beside.iter().map(|row| wish("advance", row.id.to_string(), now)));
    }
    let words = if judged == Judged::Past { Vec::new() } else { waiting::words(&verdict) };
    let not_for = if words.is_empty() { Vec::new() } else { waiting::not_for(history) };
    let room = match judged {
        Judged::Full(full) => vec![full.word(&dossier.submitted().action)],
        _ => Vec::new(),
    };
    // A place that became free since this was read was given to nobody: this was not to be found yet.
    if waiting::differs(history, waiting::ROOM, &room) && !room.is_empty() {
        change.jobs.push(wish("capacity", dossier.submitted().action.clone(), now));
    }
    for (name, words) in [("waiting", words), (waiting::NOT_FOR, not_for), (waiting::ROOM, room)] {
        if waiting::differs(history, name, &words) {
            history.find_under(name, words);
        }
    }
    if history.is_touched() {
        change.request = Some(history.clone().into_change());
    }
    Ok((change, judged))
}

/// What follows from an end: the requester is told, and whoever waited for it is judged again.
pub(crate) fn ended(history: &mut History, now: Timestamp) -> Change {
    let id = history.state().dossier().id().to_string();
    for name in ["waiting", waiting::NOT_FOR, waiting::ROOM] {
        history.find_under(name, Vec::new());
    }
    Change {
        jobs: vec![wish("mail_outcome", id.clone(), now), wish("wake", id, now)],
        request: Some(history.clone().into_change()),
        ..Change::default()
    }
}

/// When time alone may change the verdict: at the end of the shortest wait, or of the day.
fn wake_later(verdict: &Verdict, settings: &Settings, id: RequestId, now: Timestamp) -> Option<JobChange> {
    let Decision::Hold { paths } = &verdict.decision else { return None };
    let mut at: Option<Timestamp> = None;
    let mut sooner = |then: Timestamp| at = Some(at.map_or(then, |at| at.min(then)));
    for missing in paths.iter().flat_map(|path| &path.missing) {
        match missing {
            Missing::Time { remaining_ms, .. } => sooner(now.plus_ms((*remaining_ms).max(1))),
            Missing::Today { .. } => {
                sooner(settings.day_start(settings.day_start(now).plus_ms(26 * 3_600_000)))
            }
            // What cannot be taken apart may rest on the time of day: look again now and then.
            Missing::Opaque { .. } => sooner(now.plus_ms(60_000)),
            _ => {}
        }
    }
    at.map(|at| wish("advance", id.to_string(), at))
}

/// When the oldest verification that counts stops to: what is missing is another thing from then on.
fn wake_when_stale(world: &World, settings: &Settings, dossier: &Dossier) -> Option<JobChange> {
    let action = settings.actions.get(&dossier.submitted().action)?;
    let oldest = dossier.oldest_verification(world.verified_since(settings, dossier))?;
    let at = oldest.plus_ms(action.verification_max_age_ms?).plus_ms(1);
    Some(wish("advance", dossier.id().to_string(), at))
}

/// Seats that are asked to vote for the first time on this digest.
fn call_voters(
    history: &mut History,
    dossier: &Dossier,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<JobChange> {
    let (Decision::Hold { paths }, Some(round)) = (&verdict.decision, reviewers::round(dossier)) else {
        return Vec::new();
    };
    let mut called: BTreeSet<Vec<u8>> = history.terms("called").map(<[u8]>::to_vec).collect();
    let mut jobs = Vec::new();
    for missing in paths.iter().flat_map(|path| &path.missing) {
        let Missing::Vote { group, .. } = missing else { continue };
        if called.insert(format!("{group}/{round}").into_bytes()) {
            jobs.push(wish("call", format!("{}/{group}", dossier.id()), now));
        }
    }
    if !jobs.is_empty() {
        history.find_under("called", called.into_iter().collect());
    }
    jobs
}
