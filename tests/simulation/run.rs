//! One run: commands against the installation, and the model beside it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use countersign_core::request::Event;
use countersign_ledger::Checkpoint;
use countersign_service::ports::store::{Needs, Store};

use crate::call::{Made, Told};
use crate::command::{Calls, Command, Does};
use crate::laws::Spans;
use crate::model::{Broken, Call, Held, Model, Read, rule};
use crate::rig::{Home, NODES, Rig, ledger_key, names};
use crate::wheel::{Fate, Stop, Task, turn};
use crate::wired::whole;

/// Tries of what did not work come after five minutes at the latest.
const NEXT_TRY_MS: i64 = 300_000;

pub(crate) struct Run {
    pub(crate) rig: Rig,
    pub(crate) model: Model,
    /// Nodes that sleep, each with the jobs that it was at.
    sleepers: VecDeque<Vec<Task<()>>>,
    /// Every checkpoint that was ever seen.
    notes: BTreeMap<u64, Vec<u8>>,
}

/// A call under way, with what it may be answered at each moment that it may have been decided.
pub(crate) struct Watch {
    call: Call,
    allowed: BTreeSet<&'static str>,
    shown: bool,
}

impl Watch {
    fn of(call: Call, model: &Model, now: i64) -> Self {
        let (allowed, shown) = (model.answers(&call, now), model.is_so(&call, now));
        Self { call, allowed, shown }
    }

    fn saw(&mut self, read: &Read, model: &Model, now: i64) {
        self.allowed.extend(model.answers(&self.call, now));
        self.shown |= self.call.is_shown_by(read) || model.is_so(&self.call, now);
    }
}

impl Run {
    pub(crate) async fn begin(home: Home, spans: Spans) -> Result<Self, Broken> {
        let rig = Rig::begin(home, spans).await;
        let model = Model::of(&rig);
        let mut run = Self { rig, model, sleepers: VecDeque::new(), notes: BTreeMap::new() };
        run.read(&mut []).await?;
        Ok(run)
    }

    pub(crate) async fn step(&mut self, command: &Command) -> Held {
        match command {
            Command::Call { calls, order, cut } => self.call(calls, *order, *cut).await?,
            Command::Work { node, jobs, order, stop } => self.work(*node, *jobs, *order, *stop).await?,
            Command::Wake { order } => {
                if let Some(tasks) = self.sleepers.pop_front() {
                    turn(tasks, *order, None).await;
                }
            }
            Command::Crash { node } => self.rig.replace(*node),
            Command::Restart => {
                self.sleepers.clear();
                self.rig.restart();
            }
            Command::Time { node } => {
                let service = Arc::clone(&self.rig.nodes[*node]);
                Task::new(async move { service.pass_time().await }).finished().await;
            }
            Command::Sign { node } => {
                let signed = self.rig.nodes[*node].sign_head().await;
                rule!(signed.is_ok(), "no checkpoint was signed: {signed:?}");
            }
            Command::Pass { ms } => self.rig.time.pass(*ms).await,
            Command::Grow { subject, rows } => self.grow(*subject, *rows),
            Command::Move { subject } => self.move_to_another_row(*subject),
            Command::Return { subject } => self.come_back(*subject),
            Command::Source { source, does } => self.source(source, *does),
            Command::Quiet => self.quiet().await?,
        }
        self.rig.world.note();
        self.read(&mut []).await
    }

    async fn call(&mut self, calls: &[(usize, Calls)], order: u64, cut: Option<(usize, u32)>) -> Held {
        let mut made = Vec::new();
        for (node, call) in calls {
            made.extend(Made::of(self, *node, call));
        }
        let now = self.rig.time.now();
        let mut watches: Vec<Watch> =
            made.iter().map(|made| Watch::of(made.call.clone(), &self.model, now)).collect();
        for made in &made {
            made.prepare(&mut self.model);
        }
        let alone = made.len() == 1;
        let (tasks, told): (Vec<_>, Vec<_>) = made.into_iter().map(|made| (made.task, made.call)).unzip();
        let (answers, _) =
            turn(tasks, order, cut.map(|(task, gate)| Stop { task, gate, fate: Fate::Dropped })).await;
        for (call, answer) in told.iter().zip(&answers) {
            match (call, answer) {
                (Call::Submit { asked }, Some(Ok(Told::Submitted { id, again: false }))) => {
                    self.model.asked.insert(*id, asked.clone());
                }
                (Call::Submit { asked }, None) => self.model.orphans.push(asked.clone()),
                _ => {}
            }
        }
        let before = self.model.size;
        self.read(&mut watches).await?;
        let now = self.rig.time.now();
        for (watch, answer) in watches.iter().zip(answers) {
            let Some(answer) = answer else { continue };
            let code = answer.as_ref().map_or_else(|no| no.code(), |_| crate::model::YES);
            // Two that meet may be told to come again.
            let met = !alone && matches!(code, "stale" | "unavailable");
            let allowed = &watch.allowed;
            rule!(
                met || allowed.contains(code),
                "{:?} was answered {code}, allowed: {allowed:?}",
                watch.call
            );
            if answer.is_ok() {
                rule!(
                    watch.shown,
                    "{:?} was answered with yes, and nothing of it is in the ledger",
                    watch.call
                );
            }
            let settles = matches!(watch.call, Call::Settle { .. }) && allowed.contains("not_released");
            let said = alone && answer.is_err() && !settles;
            rule!(
                !said || self.model.size == before,
                "{:?} was refused ({code}) and changed something",
                watch.call
            );
            self.after(&watch.call, answer.ok(), code, now)?;
        }
        self.model.orphans.clear();
        self.model.requests.values_mut().for_each(|request| request.proving.clear());
        Ok(())
    }

    /// What an answer tells that the ledger does not.
    fn after(&mut self, call: &Call, told: Option<Told>, code: &str, now: i64) -> Held {
        let mail = self.rig.mail_count();
        match (call, told) {
            (Call::Submit { asked }, Some(Told::Submitted { id, again })) => {
                let known = self.model.requests.get(&id);
                let same =
                    known.is_some_and(|it| crate::model::Asked { n: asked.n, ..it.asked.clone() } == *asked);
                rule!(same, "{asked:?} was answered with another request");
                if let (Some(key), false) = (asked.key, again) {
                    self.model.submissions.insert((asked.by, key), (asked.clone(), id, now));
                }
            }
            (Call::Start { of }, Some(_)) => {
                let request = self.model.requests.get_mut(of).ok_or(Broken("gone".to_owned()))?;
                request.challenge = Some(request.challenge.take().map_or_else(
                    || crate::model::Challenge::new(now, mail, 1, now),
                    |old| old.next(now, mail),
                ));
            }
            (Call::Code { of, .. } | Call::Totp { of, .. }, Some(_)) => {
                let request = self.model.requests.get_mut(of).ok_or(Broken("gone".to_owned()))?;
                if let (Call::Code { .. }, Some(challenge)) = (call, &mut request.challenge) {
                    challenge.live = false;
                }
                if request.package.is_some() {
                    request.proved_again = Some(now);
                    *self.model.seen.entry("proved_again".to_owned()).or_default() += 1;
                }
                if let Call::Totp { device: Some((name, step)), .. } = call {
                    self.model.last_step.insert(name.clone(), *step);
                }
            }
            (Call::Code { of, .. }, None) if code == "wrong_code" => {
                let request = self.model.requests.get_mut(of);
                if let Some(challenge) = request.and_then(|request| request.challenge.as_mut()) {
                    challenge.wrong += 1;
                }
            }
            (Call::Totp { of, .. }, None) if code == "wrong_code" => {
                if let Some(request) = self.model.requests.get_mut(of) {
                    let (wrong, since) = request.wrong;
                    let over = wrong == 0 || now >= since + 15 * 60_000;
                    request.wrong = if over { (1, now) } else { (wrong + 1, since) };
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn work(&mut self, node: usize, jobs: u32, order: u64, stop: Option<Stop>) -> Held {
        let jobs = self.rig.claim(node, jobs);
        let service = &self.rig.nodes[node];
        let tasks = jobs.into_iter().map(|job| Task::new(Arc::clone(service).carry_out(job))).collect();
        let (_, stopped) = turn(tasks, order, stop).await;
        if let Some(stop) = stop.filter(|_| !stopped.is_empty()) {
            // Another takes its place, which knows nothing of what the first was at.
            self.rig.replace(node);
            if stop.fate == Fate::Sleeps {
                self.sleepers.push_back(stopped);
            }
        }
        Ok(())
    }

    fn grow(&self, subject: usize, rows: u64) {
        let (email, _) = names(subject);
        for shop in self.rig.world.shops.values() {
            let mut inside = shop.inside();
            let meant =
                inside.customers.iter_mut().find(|it| it.identities.iter().any(|it| it.value == email));
            if let Some(customer) = meant {
                *customer.rows.entry("orders").or_default() += rows;
            }
        }
    }

    fn move_to_another_row(&self, subject: usize) {
        let (email, _) = names(subject);
        let mut inside = self.rig.world.shops["shop"].inside();
        let next = format!("row {}", inside.customers.len());
        let taken = inside.customers.iter().any(|it| it.key == next);
        let meant = inside.customers.iter_mut().find(|it| it.identities.iter().any(|it| it.value == email));
        if let Some(customer) = meant.filter(|_| !taken) {
            let moved = crate::fixture::shop::Customer { key: next, ..customer.clone() };
            customer.identities.clear();
            inside.customers.push(moved);
        }
    }

    fn come_back(&self, subject: usize) {
        let (email, account) = names(subject);
        let shop = &self.rig.world.shops["shop"];
        let there = shop.inside().customers.iter().any(|it| it.identities.iter().any(|it| it.value == email));
        if !there {
            let key = format!("again {}", self.rig.time.now());
            let rows = [("customer", 1), ("orders", 1)];
            shop.add(&key, &[("email", &email), ("account", &account)], &rows);
        }
    }

    fn source(&self, source: &'static str, does: Does) {
        self.rig.world.put_away(source, does == Does::Away);
        let switches = &mut self.rig.world.shops[source].inside().switches;
        switches.refuses = does == Does::Refuses;
        switches.unknown_after_commit = does == Does::LosesAnswer;
    }

    /// Until nothing is due any more, and nothing will be soon.
    async fn quiet(&mut self) -> Held {
        for source in ["shop", "crm"] {
            self.source(source, Does::Works);
        }
        self.sleepers.clear();
        let spans = self.rig.spans;
        self.rig.time.pass(spans.lease + 1).await;
        for turn in 0..2_000 {
            let node = turn % NODES;
            if turn % 10 == 0 {
                let service = Arc::clone(&self.rig.nodes[node]);
                Task::new(async move { service.pass_time().await }).finished().await;
            }
            self.work(node, 16, turn as u64, None).await?;
            self.read(&mut []).await?;
            let store = self.rig.store();
            let next =
                whole(async move { store.next_job_at().await }).map_err(|why| Broken(why.to_string()))?;
            let wait = next.map_or(i64::MAX, |at| at.as_millis() - self.rig.time.now());
            if wait <= 0 {
                continue;
            }
            if wait > NEXT_TRY_MS.min(spans.cooling / 2) {
                let now = self.rig.time.now();
                let due = self.model.requests.values().any(|it| {
                    it.status == countersign_service::ports::store::Status::Waiting && it.expires_at() <= now
                });
                if !due {
                    match self.model.at_rest(now) {
                        // What did not work is tried again.
                        Err(_) if wait <= NEXT_TRY_MS => self.rig.time.pass(wait).await,
                        held => return held,
                    }
                }
            } else {
                self.rig.time.pass(wait).await;
            }
        }
        Err(Broken("there is no end to the work".to_owned()))
    }

    /// Lets the model read what is new in the ledger, and what the sources did.
    pub(crate) async fn read(&mut self, watches: &mut [Watch]) -> Held {
        let (store, from, over) = (self.rig.store(), self.model.size, self.notes.keys().last().copied());
        let (entries, notes) = whole(news(store, from, over.unwrap_or(0))).map_err(Broken)?;
        for (size, note) in notes {
            let key = ledger_key();
            let opened = Checkpoint::open(&note, std::slice::from_ref(key.verifier()));
            rule!(opened.is_ok_and(|opened| opened.size == size), "the checkpoint over {size} is not signed");
            self.model.checkpoints.insert(size);
            self.notes.insert(size, note);
        }
        let mut effects: VecDeque<_> = self.rig.world.take_effects().into();
        let now = self.rig.time.now();
        for entry in entries {
            while let Some(effect) = effects.pop_front_if(|effect| effect.ledger <= self.model.size) {
                self.model.effect(&effect)?;
            }
            let read = self.model.entry(&entry)?;
            if let Read::Event(id, event) = &read
                && matches!(**event, Event::Submitted(_))
            {
                self.model.keys.extend(self.rig.data_key(*id).map(|key| (*id, key)));
            }
            for watch in &mut *watches {
                watch.saw(&read, &self.model, now);
            }
        }
        effects.iter().try_for_each(|effect| self.model.effect(effect))
    }

    /// Everything is put in order, and all of it is read again.
    pub(crate) async fn end(mut self) -> Result<(Model, [u8; 32]), Broken> {
        self.quiet().await?;
        self.rig.restart();
        let signed = self.rig.nodes[0].sign_head().await;
        rule!(signed.is_ok(), "no checkpoint was signed: {signed:?}");
        self.read(&mut []).await?;
        crate::audit::audit(&self.rig, &self.model, &self.notes)?;
        let store = self.rig.store();
        let (_, root) = whole(async move { store.head().await }).map_err(|why| Broken(why.to_string()))?;
        Ok((self.model, root))
    }
}

type News = (Vec<Vec<u8>>, Vec<(u64, Vec<u8>)>);

/// Entries from an index on, and checkpoints after a size.
async fn news(store: Arc<dyn Store>, from: u64, after: u64) -> Result<News, String> {
    let told = |why: countersign_service::ports::store::StoreError| why.to_string();
    store.sequence().await.map_err(told)?;
    let mut entries: Vec<Vec<u8>> = Vec::new();
    let (size, _) = store.head().await.map_err(told)?;
    while from + (entries.len() as u64) < size {
        entries.extend(store.entries(from + entries.len() as u64, 1000).await.map_err(told)?);
    }
    let mut notes = Vec::new();
    for size in store.checkpoint_sizes(after, 10_000).await.map_err(told)? {
        notes.extend(store.checkpoint(Some(size)).await.map_err(told)?);
    }
    store.load(Needs::default()).await.map_err(told)?;
    Ok((entries, notes))
}
