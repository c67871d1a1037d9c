//! The reference model, written from the design and not from the code. It reads what an auditor would read, the ledger,
//! entry by entry, and knows besides what the simulation asked for and what the sources hold. Each entry must be one
//! that the rules allow after those before it; what a call was answered must be one that the rules allow at some moment
//! of the call. It takes the shapes of events from the core, and no decision.

mod event;
mod expect;
mod law;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_core::id::{PersonId, RequestId};
use countersign_core::plan::Counts;
use countersign_core::quorum::Vote;
use countersign_core::request::Event;
use countersign_core::subject::Proof;
use countersign_core::survey::Survey;
use countersign_service::ports::store::Status;
use countersign_service::seal::DataKey;
use serde_json::Value;

pub(crate) use self::expect::{Call, Way, YES};
use crate::laws::{FETCHES, NUMBERS, Numbers, Spans};
use crate::rig::Rig;
use crate::world::{Effect, Names, Root, World};

/// A rule was broken, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

pub(crate) type Held = Result<(), Broken>;

/// Ends with a broken rule unless `$holds`.
macro_rules! rule {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err($crate::model::Broken(format!($($words)*)));
        }
    };
}
pub(crate) use rule;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asker {
    /// The subject, through the portal.
    Subject,
    /// A member of staff.
    Stan,
    /// The desk, whose token attests whom it speaks of.
    Desk,
}

/// What was asked for, as the simulation knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) n: u32,
    pub(crate) action: &'static str,
    pub(crate) by: Asker,
    /// Nothing for a dataset.
    pub(crate) names: Names,
    pub(crate) key: Option<u8>,
}

/// A code that was sent, as far as it can be told from outside.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) live: bool,
    pub(crate) wrong: u32,
    pub(crate) starts: u32,
    pub(crate) since: i64,
    pub(crate) ends: i64,
    /// Messages before it.
    pub(crate) mail: usize,
}

/// A request as the ledger tells it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) asked: Asked,
    pub(crate) asking: BTreeSet<PersonId>,
    pub(crate) at: i64,
    pub(crate) expires: (i64, i64),
    pub(crate) status: Status,
    pub(crate) entries: u64,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) survey: Option<Survey>,
    /// Whether a release may rest on the survey: not on one from before a run that went back.
    pub(crate) usable: bool,
    pub(crate) roots: BTreeSet<Root>,
    pub(crate) emails: BTreeSet<String>,
    pub(crate) votes: BTreeMap<PersonId, Vote>,
    pub(crate) released_at: u64,
    pub(crate) run: u32,
    pub(crate) plan: Vec<String>,
    pub(crate) ceiling: Option<Counts>,
    /// By run and step: whether it is done, else it is void.
    pub(crate) steps: BTreeMap<(u32, String), bool>,
    /// Whether a legal hold stood at any time since the run began.
    pub(crate) held_in_run: bool,
    pub(crate) challenge: Option<Challenge>,
    /// Wrong one-time passwords, and since when they are counted.
    pub(crate) wrong: (u32, i64),
    /// Right codes that were sent and not answered yet.
    pub(crate) proving: BTreeSet<&'static str>,
    pub(crate) package: Option<Package>,
    /// When the subject proved once more after the end, which no event tells.
    pub(crate) proved_again: Option<i64>,
}

/// A package that was not destroyed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) until: i64,
    pub(crate) fetched: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) seats: BTreeSet<String>,
}

pub(crate) struct Model {
    pub(crate) spans: Spans,
    pub(crate) world: Arc<World>,
    pub(crate) people: BTreeMap<PersonId, Person>,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    /// The keys of requests, with which an auditor opens what a survey commits to.
    pub(crate) keys: BTreeMap<RequestId, DataKey>,
    /// Legal holds that stand, and those that were asked for.
    pub(crate) holds: BTreeMap<String, BTreeSet<Root>>,
    pub(crate) placing: BTreeMap<String, BTreeSet<Root>>,
    /// The names of all that were ever placed.
    pub(crate) placed: BTreeSet<String>,
    /// The numbers in force, and those that were entered, by the hash of their texts.
    pub(crate) numbers: Numbers,
    pub(crate) entering: BTreeMap<String, Numbers>,
    version: u64,
    /// What was asked for, by the request that was answered; and what was cut off before an answer.
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    pub(crate) orphans: Vec<Asked>,
    /// Submissions by their key, which is each asker's own.
    pub(crate) submissions: BTreeMap<(Asker, u8), (Asked, RequestId, i64)>,
    /// The step of the last one-time password of a device.
    pub(crate) last_step: BTreeMap<String, i64>,
    /// Sizes of the checkpoints.
    pub(crate) checkpoints: BTreeSet<u64>,
    /// Requests of which our own copies are destroyed.
    forgotten: BTreeSet<RequestId>,
    /// Entries read.
    pub(crate) size: u64,
    latest: i64,
    /// What happened, by kind: a simulation in which nothing happens proves nothing.
    pub(crate) seen: BTreeMap<String, u64>,
}

impl Model {
    pub(crate) fn of(rig: &Rig) -> Self {
        let people = crate::fixture::first_people()
            .into_iter()
            .map(|first| {
                let email = first.identities["email"].clone();
                (rig.people[&first.name], Person { email, seats: first.seats })
            })
            .collect();
        Self {
            spans: rig.spans,
            world: Arc::clone(&rig.world),
            people,
            requests: BTreeMap::new(),
            keys: BTreeMap::new(),
            holds: BTreeMap::new(),
            placing: BTreeMap::new(),
            placed: BTreeSet::new(),
            numbers: NUMBERS[0],
            entering: NUMBERS
                .iter()
                .map(|numbers| (crate::laws::bundle(&rig.spans, numbers).hash(), *numbers))
                .collect(),
            version: 0,
            asked: BTreeMap::new(),
            orphans: Vec::new(),
            submissions: BTreeMap::new(),
            last_step: BTreeMap::new(),
            checkpoints: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            size: 0,
            latest: 0,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn labelled(&self, n: u32) -> Option<&Request> {
        self.requests.values().find(|request| request.asked.n == n)
    }

    /// Reads the next entry.
    pub(crate) fn entry(&mut self, body: &[u8]) -> Result<Read, Broken> {
        let text = std::str::from_utf8(body).map_err(|_| Broken("an entry is not text".to_owned()))?;
        // INVARIANT 8: whom we know by name or number stands nowhere.
        for (subject, _) in crate::rig::SUBJECTS.iter().enumerate() {
            let (email, account) = crate::rig::names(subject);
            let quoted = [format!("\"{email}\""), format!("\"{account}\""), email];
            rule!(!quoted.iter().any(|it| text.contains(it)), "personal data in the ledger: {text}");
        }
        let value: Value = serde_json::from_str(text).map_err(|why| Broken(format!("{why}: {text}")))?;
        let at = value["at"].as_i64().ok_or_else(|| Broken(format!("an entry without a time: {text}")))?;
        let index = self.size;
        self.size += 1;
        let read = if value["copies"] == "destroyed" {
            self.copies_destroyed(&value).map_err(|Broken(why)| Broken(format!("{why}: {text}")))?;
            Read::Other
        } else if value["package"].is_string() {
            self.package(&value, at).map_err(|Broken(why)| Broken(format!("{why}: {text}")))?
        } else if let Some(id) = value["request"].as_str() {
            let id: RequestId = id.parse().map_err(|_| Broken(format!("no id: {text}")))?;
            let event: Event = serde_json::from_value(value["event"].clone())
                .map_err(|why| Broken(format!("no event ({why}): {text}")))?;
            *self.seen.entry(event.kind().to_owned()).or_default() += 1;
            let seq = value["seq"].as_u64().unwrap_or(0);
            self.event(id, index, seq, at, &event)
                .map_err(|Broken(why)| Broken(format!("{why}\n  at entry {index}: {text}")))?;
            Read::Event(id, Box::new(event))
        } else if let Some(hold) = value["hold"].as_str() {
            self.hold(hold, value["did"] == "placed")?;
            Read::Hold(hold.to_owned(), value["did"] == "placed")
        } else if let Some(seat) = value["seat"].as_str() {
            let held = value["did"] == "seated";
            let person: PersonId =
                value["person"].as_str().and_then(|id| id.parse().ok()).ok_or(Broken(text.to_owned()))?;
            let seats = &mut self.people.get_mut(&person).ok_or(Broken(text.to_owned()))?.seats;
            if held {
                seats.insert(seat.to_owned())
            } else {
                seats.remove(seat)
            };
            Read::Seat(person, seat.to_owned(), held)
        } else if let Some(version) = value["settings"].as_u64() {
            rule!(version == self.version + 1, "settings {version} follow {}", self.version);
            let hash = value["hash"].as_str().unwrap_or_default();
            let numbers = self.entering.get(hash);
            self.numbers = *numbers.ok_or_else(|| Broken(format!("nobody entered settings {hash}")))?;
            self.version = version;
            Read::Settings(self.numbers)
        } else {
            Read::Other
        };
        self.latest = self.latest.max(at);
        Ok(read)
    }

    /// INVARIANT 11: our own copies about a subject go once a request is over, and once.
    fn copies_destroyed(&mut self, entry: &Value) -> Result<(), Broken> {
        let id = entry["request"].as_str().and_then(|id| id.parse().ok());
        let id: RequestId = id.ok_or_else(|| Broken("no id".to_owned()))?;
        let request = self.requests.get(&id).ok_or_else(|| Broken("nobody asked for that".to_owned()))?;
        let open =
            matches!(request.status, Status::Waiting | Status::Released | Status::Running | Status::Stuck);
        rule!(!open, "copies about a request that is {:?} are destroyed", request.status);
        rule!(self.forgotten.insert(id), "they were destroyed before");
        self.requests.entry(id).and_modify(|request| request.package = None);
        Ok(())
    }

    /// INVARIANT 11: a package is of a request that is complete, and ends once; nobody fetches it afterwards.
    fn package(&mut self, entry: &Value, at: i64) -> Result<Read, Broken> {
        let id = entry["request"].as_str().and_then(|id| id.parse().ok());
        let id: RequestId = id.ok_or_else(|| Broken("no id".to_owned()))?;
        let request = self.requests.get_mut(&id).ok_or_else(|| Broken("nobody asked for that".to_owned()))?;
        let mut package = request.package.ok_or_else(|| Broken("there is no package".to_owned()))?;
        if entry["package"] == "destroyed" {
            request.package = None;
            return Ok(Read::Other);
        }
        rule!(at < package.until && request.is_proved_for_package(at), "nobody may fetch it now");
        package.fetched += 1;
        let counted = entry["fetch"].as_u64() == Some(package.fetched) && package.fetched <= FETCHES;
        rule!(counted, "it was fetched {} times", package.fetched);
        request.package = Some(package);
        *self.seen.entry("fetched".to_owned()).or_default() += 1;
        Ok(Read::Fetched(id))
    }

    fn hold(&mut self, name: &str, placed: bool) -> Held {
        if !placed {
            rule!(self.holds.remove(name).is_some(), "hold {name} was lifted and did not stand");
            return Ok(());
        }
        let roots = self.placing.get(name).cloned();
        let roots = roots.ok_or_else(|| Broken(format!("nobody placed the hold {name}")))?;
        for request in self.requests.values_mut().filter(|request| !request.roots.is_disjoint(&roots)) {
            request.held_in_run = true;
        }
        self.placed.insert(name.to_owned());
        rule!(self.holds.insert(name.to_owned(), roots).is_none(), "hold {name} was placed twice");
        Ok(())
    }

    /// A source committed a step, when the ledger stood where the model has read to.
    pub(crate) fn effect(&mut self, effect: &Effect) -> Held {
        let Effect { key, touched, .. } = effect;
        let request = self.requests.get(&key.request);
        let request = request.ok_or_else(|| Broken(format!("{key:?} was done for no request")))?;
        let status = request.status;
        let runs = matches!(status, Status::Running | Status::Stuck);
        // INVARIANT 1: what nobody let happen does not happen, and nothing happens after the end.
        rule!(
            runs && request.run == key.run,
            "{} is {status:?} in run {}: {key:?}",
            key.request,
            request.run
        );
        rule!(request.plan.contains(&key.step), "{key:?} is no step of the run");
        // INVARIANT 6: at most one effect, and none under a key that was said to be void.
        let stands =
            request.steps.iter().find(|((run, step), done)| *step == key.step && (**done || *run == key.run));
        rule!(stands.is_none(), "{key:?} was done although {stands:?} stands");
        // INVARIANT 3: never beyond what was signed.
        let beyond = request.ceiling.as_ref().and_then(|ceiling| touched.beyond(ceiling));
        rule!(beyond.is_none(), "{key:?} touched more than was signed: {beyond:?}");
        Ok(())
    }
}

/// What an entry said.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    Event(RequestId, Box<Event>),
    Fetched(RequestId),
    Hold(String, bool),
    Seat(PersonId, String, bool),
    Settings(Numbers),
    Other,
}
