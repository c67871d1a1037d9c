//! The settings in use: entered as a whole, read by everybody who may, tried before they are entered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::{PersonId, RequestId};
use countersign_core::request::State;
use countersign_core::time::Timestamp;
use countersign_core::verdict::Verdict;
use serde::Serialize;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::console::versions;
use crate::jobs::wish;
use crate::jobs::{rejudge, schedule};
use crate::pause::{self, Pause};
use crate::ports::store::{Change, Find, Needs, NewSettings, Status};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::facts::World;
use crate::requests::judge;
use crate::second::{self, Second, What};
use crate::settings::{Bundle, Settings, difference};

/// How long a store may take to say that it is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// What entering settings did, or would do.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The version that is active then.
    pub version: u64,
    /// What changes, in words.
    pub changes: Vec<String>,
    /// Conditions that are enforced but cannot be explained.
    pub warnings: Vec<String>,
    /// Whether it was entered, or only tried.
    pub dry_run: bool,
}

/// An action's gauge.
#[derive(Clone, Debug)]
pub struct GaugeView {
    /// Which.
    pub action: String,
    /// Requests in each state that is open.
    pub waiting: u64,
    /// Released, with a place among the running.
    pub released: u64,
    /// Running.
    pub running: u64,
    /// Stuck, with their place.
    pub stuck: u64,
    /// Runs that started today.
    pub started_today: u64,
    /// Whether it is paused after repeated failures.
    pub paused: Option<Pause>,
}

/// What a node can say of itself.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The active settings.
    pub settings_version: u64,
    /// Entries in the ledger.
    pub ledger_size: u64,
    /// Entries under a checkpoint.
    pub checkpoint_size: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    v: u8,
    at: Timestamp,
    settings: u64,
    hash: &'a str,
    policy_set: &'a str,
    by: PersonId,
}

impl Service {
    /// The active settings as they were entered.
    pub async fn read_settings(&self, caller: &Caller) -> Result<Arc<Settings>, Refusal> {
        caller.may(Act::ReadSettings)?;
        self.reload().await
    }

    /// Enters a version, if `expected` is the one that stands. Everything open is judged again.
    pub async fn apply(
        &self,
        caller: &Caller,
        bundle: Bundle,
        expected: Option<u64>,
        dry_run: bool,
    ) -> Result<Applied, Refusal> {
        let holder = caller.may(Act::ApplySettings)?.clone();
        let before = match self.reload().await {
            Ok(before) => Some(before),
            Err(Refusal::NoSettings) => None,
            Err(refusal) => return Err(refusal),
        };
        let standing = self.store.settings(None).await?.map_or(0, |(version, _)| version);
        if expected.is_some_and(|expected| expected != standing) {
            return Err(Refusal::Stale);
        }
        let settings = Settings::compile(standing + 1, &bundle).map_err(Refusal::Mistakes)?;
        let changes = match &before {
            Some(before) => difference(before, &settings),
            None => vec!["the first settings".to_owned()],
        };
        let applied =
            Applied { version: settings.version, changes, warnings: settings.warnings.clone(), dry_run };
        if dry_run {
            return Ok(applied);
        }
        let author = holder.person;
        let what = What::Settings { version: settings.version, hash: settings.hash.clone() };
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([holder.need(), (schedule::KIND.to_owned(), Find::All)]);
        let (_, entered) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                match second::ask(loaded, &holder, &what)? {
                    Second::Noted(change) => Ok((change, false)),
                    Second::Go(with) => {
                        Ok((second::along(with, enter(&settings, &bundle, loaded, author)?), true))
                    }
                }
            })
            .await?;
        if !entered {
            return Err(Refusal::NeedsSecond);
        }
        self.reload().await?;
        Ok(applied)
    }

    /// What other policies would say of a stored request now. Nothing is changed.
    pub async fn try_policies(
        &self,
        caller: &Caller,
        id: RequestId,
        policies: BTreeMap<String, String>,
    ) -> Result<Verdict, Refusal> {
        caller.may(Act::TryPolicies)?;
        let settings = self.settings().await?;
        let mut bundle = settings.bundle.clone();
        // Those for broken glass stand aside, and are not tried.
        let glass = settings.break_glass.as_ref().map(|glass| &*glass.file);
        bundle.files.retain(|path, _| !path.starts_with("policies/") || Some(&**path) == glass);
        bundle.files.extend(policies.into_iter().map(|(name, text)| (format!("policies/{name}"), text)));
        let tried = Settings::compile(settings.version, &bundle).map_err(Refusal::Mistakes)?;
        let found = self.found_of(id).await?;
        let first = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let seen = History::read(first.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let loaded = self.store.load(judge::judging_needs(&tried, seen.state().dossier(), first.now)).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        if matches!(history.state(), State::Ended(..)) {
            return Err(Refusal::Rule(countersign_core::request::Refusal::Closed));
        }
        let found = judge::current(&loaded, found.as_ref())?;
        World::loaded(&self.keys, &tried, &loaded, &history, found)?.judge(&tried, history.state().dossier())
    }

    /// How much of each action is under way.
    pub async fn limits(&self, caller: &Caller) -> Result<Vec<GaugeView>, Refusal> {
        caller.may(Act::ReadLimits)?;
        let settings = self.settings().await?;
        let tally = self.store.tally().await?;
        let gauge = crate::ports::store::Gauge {
            actions: Default::default(),
            day_start: Some(settings.day_start(self.store_time().await?)),
        };
        let needs = Needs { gauge: Some(gauge), records: vec![pause::need_all()], ..Needs::default() };
        let loaded = self.store.load(needs).await?;
        let started = &loaded.started;
        let count = |action: &str, status: Status| {
            tally.iter().filter(|(of, at, _)| of == action && *at == status).map(|(_, _, count)| count).sum()
        };
        settings
            .actions
            .keys()
            .map(|action| {
                Ok(GaugeView {
                    action: action.clone(),
                    waiting: count(action, Status::Waiting),
                    released: count(action, Status::Released),
                    running: count(action, Status::Running),
                    stuck: count(action, Status::Stuck),
                    started_today: started.get(action).copied().unwrap_or(0),
                    paused: pause::paused(&loaded, action)?,
                })
            })
            .collect()
    }

    /// Whether this node can judge, and store what it judged.
    ///
    /// # Errors
    /// `NotReady` with the reason, also when the store does not answer within three seconds.
    pub async fn ready(&self) -> Result<Ready, Refusal> {
        let looked = async {
            // What the store says of itself names no value and no address.
            self.store.ready().await.map_err(|why| Refusal::NotReady(why.to_string()))?;
            self.look_at_readiness().await
        };
        let silent = |_| Refusal::NotReady("the store does not answer".to_owned());
        tokio::time::timeout(ANSWERS_WITHIN, looked).await.map_err(silent)?
    }

    async fn look_at_readiness(&self) -> Result<Ready, Refusal> {
        let settings = self.reload().await?;
        let (ledger_size, _) = self.store.head().await?;
        let checkpoint_size = self.store.checkpoint(None).await?.map_or(0, |(size, _)| size);
        Ok(Ready { settings_version: settings.version, ledger_size, checkpoint_size })
    }
}

/// What entering a version writes: itself, an entry, the authors of new schedules, and the wish to judge again.
pub(crate) fn enter(
    settings: &Settings,
    bundle: &Bundle,
    loaded: &crate::ports::store::Loaded,
    author: PersonId,
) -> Result<Change, Refusal> {
    let known: Vec<&str> = loaded.of_kind(schedule::KIND).map(|record| &*record.id).collect();
    let new = settings.schedules.iter().filter(|schedule| !known.contains(&&*schedule.name));
    let mut records = new
        .map(|new| {
            let ticked = schedule::Ticked { until: loaded.now, author };
            record::put(schedule::KIND, new.name.clone(), &ticked, Vec::new(), Some(0))
        })
        .collect::<Result<Vec<_>, _>>()?;
    records.push(versions::note(settings.version, loaded.now, author)?);
    let entry = Entry {
        v: 1,
        at: loaded.now,
        settings: settings.version,
        hash: &settings.hash,
        policy_set: settings.policies.hash(),
        by: author,
    };
    Ok(Change {
        records,
        entries: vec![record::bytes(&entry)?],
        settings: Some(NewSettings { version: settings.version, body: bundle.to_bytes() }),
        jobs: vec![wish("rejudge", rejudge::ALL.to_owned(), loaded.now)],
        ..Change::default()
    })
}
