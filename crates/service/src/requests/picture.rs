//! A request as a reader sees it: its state, and what policy says of it at this moment.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::{Digest, PersonId, RequestId};
use countersign_core::plan::{Plan, Sample};
use countersign_core::request::{Ending, Glass, State};
use countersign_core::subject::{Proof, Requester, Target};
use countersign_core::time::Timestamp;
use countersign_core::verdict::Verdict;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::tell;
use crate::ports::store::{Needs, Query, Row, Status};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::requests::last_time::LastTime;
use crate::requests::survey::{self, Latest};
use crate::requests::{ask, field, glass, judge, waiting};
use crate::seal;
use crate::settings::datamap::{DataMap, Recipient};
use crate::settings::{Effect, Settings};

/// A vote, and whether it counts now.
#[derive(Clone, Debug)]
pub struct VoteSeen {
    /// Whose.
    pub by: PersonId,
    /// For which seat.
    pub seat: String,
    /// When.
    pub at: Timestamp,
    /// Whether it covers what would be done now.
    pub counts: bool,
}

/// How far a step of the run is, in one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSeen {
    /// The source.
    pub source: String,
    /// What is known of it.
    pub known: Known,
    /// How many parts of it were done, in all runs.
    pub parts: u64,
    /// Rows that were touched, in parts and as a whole.
    pub rows: u64,
}

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is done.
    Done,
    /// It is not done, and never will be by the run that was to do it; parts of it may be.
    Undone,
    /// It may be under way, or done without anybody having heard.
    Unknown,
}

impl Known {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Known::Done => "done",
            Known::Undone => "undone",
            Known::Unknown => "unknown",
        }
    }
}

/// A request as a reader sees it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its row.
    pub row: Row,
    /// Who asks.
    pub requester: Requester,
    /// About whom or what; identities as commitments.
    pub target: Target,
    /// Where it is to act.
    pub environment: String,
    /// What a vote would be bound to.
    pub digest: Option<Digest>,
    /// What would be done.
    pub plan: Option<Plan>,
    /// When the sources were read last.
    pub surveyed_at: Option<Timestamp>,
    /// What policy says now; `None` once nothing can be said any more.
    pub verdict: Option<Verdict>,
    /// Approvals.
    pub votes: Vec<VoteSeen>,
    /// Proofs of intent.
    pub proofs: Vec<Proof>,
    /// What was attested.
    pub attested: Vec<String>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Why it is stuck.
    pub stuck: Option<String>,
    /// Who outside is told once it is done: the source, the name, and what they hold.
    pub tells: Vec<(String, Recipient)>,
    /// How far each step is, once there was a run.
    pub steps: Vec<StepSeen>,
    /// How many people match, if nobody settled it.
    pub unresolved: Option<u32>,
    /// Runs so far.
    pub runs: u32,
    /// Why it was asked, opened.
    pub reason: Option<String>,
    /// Parameters, opened.
    pub parameters: BTreeMap<String, String>,
    /// Whether its glass was broken, and what came of it.
    pub glass: Option<Glass>,
    /// Why it was broken, opened.
    pub glass_reason: Option<String>,
    /// What happened, in order.
    pub events: Vec<(Timestamp, String)>,
    /// How long the same took the last time; for whoever may read that request too.
    pub last_times: Vec<LastTime>,
    /// A few rows, masked, where the data map asks for them. Personal; only to be read.
    pub samples: Vec<Sample>,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// In any of these states; empty for all.
    pub status: Vec<Status>,
    /// Of this action.
    pub action: Option<String>,
    /// `me`, or a word such as `vote:privacy`, `capacity:erase`.
    pub waiting_for: Option<String>,
    /// The seats that `me` holds, where they were read for this very call.
    pub seats: Option<BTreeSet<String>>,
    /// Whose glass was broken: `any`, or where its review is: `due`, `overdue`, `done`.
    pub glass: Option<String>,
    /// Naming this identity: kind and value.
    pub subject: Option<(String, String)>,
    /// After this one.
    pub after: Option<(Timestamp, RequestId)>,
    /// At most so many, up to 200.
    pub limit: u32,
    /// The order.
    pub oldest_first: bool,
}

impl Picture {
    pub(crate) fn of(
        history: &History,
        verdict: Option<Verdict>,
        latest: Option<&Latest>,
        settings: &Settings,
    ) -> Self {
        let state = history.state();
        let dossier = state.dossier();
        let submitted = dossier.submitted();
        let row = history.row();
        let survey = dossier.survey();
        Self {
            requester: submitted.asking.requester.clone(),
            target: submitted.target.clone(),
            environment: submitted.environment.clone(),
            digest: survey.map(|survey| survey.digest),
            plan: latest.map(|latest| latest.plan.clone()),
            surveyed_at: latest.map(|latest| latest.survey.at),
            verdict: row.status.is_open().then_some(verdict).flatten(),
            votes: dossier
                .votes()
                .iter()
                .map(|vote| VoteSeen {
                    by: vote.by,
                    seat: vote.seat.clone(),
                    at: vote.at,
                    counts: survey.is_some_and(|survey| vote.covers(survey)),
                })
                .collect(),
            proofs: dossier.proofs().to_vec(),
            attested: submitted.attested.clone(),
            ending: match state {
                State::Ended(_, ending) => Some(ending.clone()),
                State::Waiting(_) | State::Released(_) | State::Running(_) | State::Stuck(_) => None,
            },
            stuck: match state {
                State::Stuck(stuck) => Some(stuck.code().to_owned()),
                _ => None,
            },
            tells: latest.map(|latest| tells(settings, state, latest)).unwrap_or_default(),
            steps: latest.map(|latest| steps(state, &latest.plan)).unwrap_or_default(),
            unresolved: dossier.unresolved(),
            runs: dossier.runs(),
            reason: None,
            parameters: BTreeMap::new(),
            glass: dossier.glass().cloned(),
            glass_reason: None,
            events: Vec::new(),
            last_times: Vec::new(),
            samples: Vec::new(),
            row,
        }
    }
}

/// Who outside is told of an erasure of a subject.
fn tells(settings: &Settings, state: &State, latest: &Latest) -> Vec<(String, Recipient)> {
    let submitted = state.dossier().submitted();
    let erases = settings.actions.get(&submitted.action).is_some_and(|it| it.effect == Effect::Erase);
    if !erases || !matches!(submitted.target, Target::Subject { .. }) {
        return Vec::new();
    }
    let all = tell::recipients(settings, latest).into_iter();
    all.map(|(source, recipient)| (source.to_owned(), recipient.clone())).collect()
}

/// Whether a source was looked at by this very map.
fn is_by(plan: &Plan, source: &str, map: &DataMap) -> bool {
    plan.sources.iter().any(|it| it.source == source && it.map_version == map.version())
}

/// How far each step is; none before the first run.
fn steps(state: &State, plan: &Plan) -> Vec<StepSeen> {
    let dossier = state.dossier();
    if dossier.runs() == 0 {
        return Vec::new();
    }
    let open: Vec<&str> = match state {
        State::Running(running) => running.open_steps().collect(),
        State::Stuck(stuck) => stuck.open_steps().collect(),
        State::Waiting(_) | State::Released(_) | State::Ended(..) => Vec::new(),
    };
    let seen = |source: &str| {
        let known = if dossier.is_done(source) {
            Known::Done
        } else if open.contains(&source) {
            Known::Unknown
        } else {
            Known::Undone
        };
        let parts = dossier.steps().keys().filter(|key| key.step == source && key.chunk > 0).count() as u64;
        StepSeen { source: source.to_owned(), known, parts, rows: dossier.touched(source).rows() }
    };
    plan.sources.iter().map(|it| seen(&it.source)).collect()
}

impl Service {
    /// A request, for whoever may see it.
    pub async fn read(&self, caller: &Caller, id: RequestId) -> Result<Picture, Refusal> {
        self.may_see(caller, id).await?;
        let mut picture = self.picture(id).await?;
        // Before proof, a subject's token shows nothing that the subject did not say themselves.
        if matches!(caller, Caller::Subject(_)) && picture.proofs.is_empty() {
            picture.plan = None;
            picture.digest = None;
        }
        // Why somebody else broke the glass is for those who review it.
        if matches!(caller, Caller::Subject(_)) {
            picture.glass_reason = None;
        }
        let settings = self.settings().await?;
        if let Some(plan) = &picture.plan {
            let found = self.found_of(id).await?.filter(|found| Some(found.at) == picture.surveyed_at);
            let mut samples = found.map(|found| found.samples).unwrap_or_default();
            // A map that was entered since may not ask for them any more, or never disclose what they show.
            samples.retain(|sample| {
                let map = settings.maps.get(&sample.source);
                map.is_some_and(|map| is_by(plan, &sample.source, map))
            });
            picture.samples = samples;
        }
        // Of somebody else's request: for whoever may read all.
        if let (Some(plan), true, Caller::Token(holder)) =
            (&picture.plan, picture.row.status.is_open(), caller)
            && holder.may(Act::ReadAny)
            && let Some(action) = settings.actions.get(&picture.row.action)
        {
            let sources: Vec<&str> = plan.sources.iter().map(|it| &*it.source).collect();
            picture.last_times = self.last_times(&picture.row.action, action.effect, &sources).await?;
        }
        Ok(picture)
    }

    /// The request's own token, its own requester, or a role that reads all.
    pub(crate) async fn may_see(&self, caller: &Caller, id: RequestId) -> Result<(), Refusal> {
        match caller {
            Caller::Subject(own) if *own == id => Ok(()),
            Caller::Subject(_) => Err(Refusal::NotFound("request")),
            Caller::Token(holder) if holder.may(Act::ReadAny) => Ok(()),
            Caller::Token(holder) => {
                holder.may(Act::ReadOwn).then_some(()).ok_or(Refusal::NotAllowed(Act::ReadOwn.words()))?;
                let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
                let record = loaded.request.ok_or(Refusal::NotFound("request"))?;
                let own = record::term("requester", holder.person.as_bytes());
                record.terms.contains(&own).then_some(()).ok_or(Refusal::NotFound("request"))
            }
        }
    }

    pub(crate) async fn picture(&self, id: RequestId) -> Result<Picture, Refusal> {
        for _ in 0..4 {
            match self.picture_once(id).await {
                Err(Refusal::Again) => {}
                answer => return answer,
            }
        }
        Err(Refusal::Again)
    }

    async fn picture_once(&self, id: RequestId) -> Result<Picture, Refusal> {
        let settings = self.settings().await?;
        let found = self.found_of(id).await?;
        let first = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let seen = History::read(first.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let needs = judge::judging_needs(&settings, seen.state().dossier(), first.now);
        let loaded = self.store.load(needs).await?;
        let record = loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?;
        let history = History::read(record)?;
        let latest = survey::latest(&loaded)?;
        let verdict = match history.state() {
            State::Waiting(_) | State::Released(_) => {
                let found = judge::current(&loaded, found.as_ref())?;
                let world = World::loaded(&self.keys, &settings, &loaded, &history, found)?;
                Some(world.judge(&settings, history.state().dossier())?)
            }
            State::Running(_) | State::Stuck(_) | State::Ended(..) => None,
        };
        let mut picture = Picture::of(&history, verdict, latest.as_ref(), &settings);
        picture.events = record.events.iter().map(|event| (event.at, event.kind.clone())).collect();
        if let Some(key) = self.data_key(id).await? {
            if let Some(reason) = self.field(&key, id, field::REASON).await? {
                picture.reason = String::from_utf8(reason).ok();
            }
            if let Some(reason) = self.field(&key, id, field::GLASS).await? {
                picture.glass_reason = String::from_utf8(reason).ok();
            }
            if let Some(parameters) = self.field(&key, id, field::PARAMETERS).await? {
                picture.parameters = serde_json::from_slice(&parameters).unwrap_or_default();
            }
        }
        Ok(picture)
    }

    /// Rows, newest first unless asked otherwise.
    pub async fn list(&self, caller: &Caller, asked: ListQuery) -> Result<Vec<Row>, Refusal> {
        let Caller::Token(holder) = caller else { return Err(Refusal::NotAllowed(Act::List.words())) };
        let mut query = Query {
            statuses: asked.status,
            action: asked.action,
            oldest_first: asked.oldest_first,
            after: asked.after,
            limit: asked.limit.clamp(1, 200),
            ..Query::default()
        };
        if !holder.may(Act::List) {
            holder.may(Act::ReadOwn).then_some(()).ok_or(Refusal::NotAllowed(Act::List.words()))?;
            query.terms.push(record::term("requester", holder.person.as_bytes()));
        }
        if let Some((kind, value)) = &asked.subject {
            let value = ask::normalise(kind, value);
            query.terms.push(record::term("stated", seal::blind(&self.keys, kind, &value).as_bytes()));
        }
        if let Some(word) = &asked.glass {
            query.terms.push(record::term(glass::INDEX, word));
        }
        match asked.waiting_for.as_deref() {
            None => Ok(self.store.list(query).await?),
            Some("me") => self.waiting_for_me(holder.person, asked.seats, query).await,
            Some(word) => {
                query.terms.push(record::term("waiting", word));
                Ok(self.store.list(query).await?)
            }
        }
    }

    /// What waits for one of a person's seats, and not for a vote of theirs that stands.
    async fn waiting_for_me(
        &self,
        person: PersonId,
        seats: Option<BTreeSet<String>>,
        query: Query,
    ) -> Result<Vec<Row>, Refusal> {
        let seats = match seats {
            Some(seats) => seats,
            None => self.seats_of(person).await?,
        };
        let mut words: Vec<String> = seats.iter().map(|seat| format!("vote:{seat}")).collect();
        if !words.is_empty() {
            words.push("vote:any".to_owned());
        }
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let any = words.into_iter().map(|word| record::term("waiting", word)).collect();
        let without = vec![record::term(waiting::NOT_FOR, person.as_bytes())];
        Ok(self.store.list(Query { any, without, ..query }).await?)
    }
}
