//! The installation: a real store, two nodes over it, their people, and the sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_core::id::{PersonId, RequestId};
use countersign_core::time::Timestamp;
use countersign_ledger::SigningKey;
use countersign_service::caller::Caller;
use countersign_service::keys::Keys;
use countersign_service::ports::notifier::{About, Message};
use countersign_service::ports::source::Source;
use countersign_service::ports::store::{Job, Store};
use countersign_service::seal::DataKey;
use countersign_service::{Parts, Service};
use countersign_store::{PostgresOptions, PostgresStore, SqliteStore};
use countersign_testing::clock::Hand;

use crate::fixture::first_people;
use crate::fixture::plugs::{Inbox, Lines, Seeded};
use crate::laws::{NUMBERS, Spans, bundle};
use crate::wired::{Wired, whole};
use crate::world::{Plug, World};

/// Monday, 23 November 2026, 09:00 UTC.
const MORNING: i64 = 1_795_424_400_000;
pub(crate) const NODES: usize = 2;
/// By how much the clock of each node is wrong where the store has one of its own.
const WRONG_MS: [i64; NODES] = [3_000, -3_000];
/// Who is in the shop, with a contact in the other source or without.
pub(crate) const SUBJECTS: [(&str, bool); 5] =
    [("ana", true), ("ben", false), ("cleo", true), ("dan", false), ("eve", false)];

/// Where a run keeps its state.
#[derive(Clone)]
pub(crate) enum Home {
    /// In one file, which both nodes share.
    File(Arc<tempfile::TempDir>),
    /// In a database, to which each node has its own way.
    Database(String),
}

/// Time: in the hand, or the machine's where the database has its own.
#[derive(Clone)]
pub(crate) enum Time {
    Hand(Hand),
    Machine,
}

impl Time {
    pub(crate) fn now(&self) -> i64 {
        match self {
            Time::Hand(hand) => hand.now_ms(),
            Time::Machine => {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
            }
        }
    }

    pub(crate) async fn pass(&self, ms: i64) {
        let span = Duration::from_millis(ms.unsigned_abs());
        match self {
            Time::Hand(hand) => {
                hand.advance(span);
            }
            Time::Machine => tokio::time::sleep(span).await,
        }
    }

    /// As a clock tells it that is wrong by so much.
    fn told(&self, wrong_ms: i64) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let time = self.clone();
        Arc::new(move || Timestamp::from_millis(time.now() + wrong_ms))
    }
}

pub(crate) struct Rig {
    pub(crate) home: Home,
    pub(crate) time: Time,
    pub(crate) spans: Spans,
    pub(crate) world: Arc<World>,
    stores: Vec<Arc<dyn Store>>,
    pub(crate) nodes: Vec<Arc<Service>>,
    pub(crate) people: BTreeMap<String, PersonId>,
    pub(crate) callers: BTreeMap<String, Caller>,
    /// What the devices of those who have one were fed with.
    pub(crate) devices: BTreeMap<String, String>,
    inbox: Arc<Inbox>,
    chance: Arc<Seeded>,
    scratch: tempfile::TempDir,
}

pub(crate) fn keys() -> Keys {
    Keys { wrapping: [1; 32], epoch: 1, earlier: Vec::new(), index: [2; 32], token: [3; 32] }
}

pub(crate) fn ledger_key() -> SigningKey {
    SigningKey::from_seed("ledger.example.test", &[4; 32]).unwrap()
}

impl Rig {
    pub(crate) async fn begin(home: Home, spans: Spans) -> Self {
        let time = match &home {
            Home::File(_) => Time::Hand(Hand::at(MORNING)),
            Home::Database(_) => Time::Machine,
        };
        let clock = time.clone();
        let world = World::new(Arc::new(move || clock.now()));
        for (n, (name, contact)) in SUBJECTS.into_iter().enumerate() {
            let (email, account) = names(n);
            let rows = [("customer", 1), ("orders", 2 + n as u64)];
            world.shops["shop"].add(name, &[("email", &email), ("account", &account)], &rows);
            if contact {
                world.shops["crm"].add(name, &[("account", &account)], &[("contact", 1)]);
            }
        }
        world.shops["shop"].inside().datasets.insert("app_log".to_owned(), 50);
        world.note();
        let mut rig = Self {
            home,
            time,
            spans,
            world,
            stores: Vec::new(),
            nodes: Vec::new(),
            people: BTreeMap::new(),
            callers: BTreeMap::new(),
            devices: BTreeMap::new(),
            inbox: Arc::default(),
            chance: Arc::default(),
            scratch: tempfile::tempdir().unwrap(),
        };
        rig.open();
        rig.settle_in().await;
        rig
    }

    async fn settle_in(&mut self) {
        let node = Arc::clone(&self.nodes[0]);
        let begun = node.bootstrap(first_people(), bundle(&self.spans, &NUMBERS[0])).await.unwrap();
        self.time.pass(2).await;
        let tokens = begun.people.iter().map(|(_, name, secret)| (name, secret));
        for (name, secret) in tokens.chain(begun.services.iter().map(|(name, secret)| (name, secret))) {
            self.callers.insert(name.clone(), node.caller(secret).await.unwrap());
        }
        self.people = begun.people.into_iter().map(|(id, name, _)| (name, id)).collect();
        for name in ["ana", "ben"] {
            let enrolled = node.enroll_totp(&self.callers["admin"], self.people[name]).await.unwrap();
            self.devices.insert(name.to_owned(), enrolled.secret);
        }
        self.time.pass(2).await;
    }

    /// Opens the store and puts the nodes over it.
    fn open(&mut self) {
        self.stores = match &self.home {
            Home::File(folder) => {
                let path = folder.path().join("store.db");
                let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, self.time.told(0)).unwrap());
                vec![Arc::clone(&store), store]
            }
            Home::Database(url) => (0..NODES)
                .map(|node| {
                    let options =
                        PostgresOptions { node: format!("node {node}"), ..PostgresOptions::new(url.clone()) };
                    let store = whole(async move { PostgresStore::open(options).await }).unwrap();
                    Arc::new(store) as Arc<dyn Store>
                })
                .collect(),
        };
        let store = Arc::clone(&self.stores[0]);
        self.world.measure_ledger(move || {
            let store = Arc::clone(&store);
            whole(async move {
                store.sequence().await.unwrap();
                store.head().await.unwrap().0
            })
        });
        self.nodes = (0..NODES).map(|node| self.node(node)).collect();
    }

    /// Everything that is in memory goes; what was stored is opened again.
    pub(crate) fn restart(&mut self) {
        self.nodes.clear();
        self.stores.clear();
        self.world.measure_ledger(|| 0);
        self.open();
    }

    /// A node dies, and one that remembers nothing takes its place.
    pub(crate) fn replace(&mut self, node: usize) {
        self.nodes[node] = self.node(node);
    }

    fn node(&self, node: usize) -> Arc<Service> {
        let plug = |name: &'static str| {
            let source: Arc<dyn Source> = Arc::new(Plug { name, world: Arc::clone(&self.world) });
            (name.to_owned(), source)
        };
        // The database has a clock of its own, and that one decides.
        let wrong_ms = match &self.home {
            Home::File(_) => 0,
            Home::Database(_) => WRONG_MS[node],
        };
        Arc::new(Service::new(Parts {
            store: Arc::new(Wired(Arc::clone(&self.stores[node]))),
            sources: [plug("shop"), plug("crm")].into(),
            notifier: self.inbox.clone(),
            packager: Arc::new(Lines),
            chance: self.chance.clone(),
            clock: self.time.told(wrong_ms),
            keys: keys(),
            ledger: ledger_key(),
            scratch: self.scratch(),
        }))
    }

    fn scratch(&self) -> std::path::PathBuf {
        Path::to_owned(self.scratch.path())
    }

    /// The store itself, without gates.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.stores[0])
    }

    /// The key of a request, as whoever has the node's keys can read it.
    pub(crate) fn data_key(&self, id: RequestId) -> Option<DataKey> {
        let store = self.store();
        let (epoch, wrapped) = whole(async move { store.key(id).await }).unwrap()?;
        DataKey::unwrap(id, &keys(), epoch, &wrapped).ok()
    }

    pub(crate) fn claim(&self, node: usize, limit: u32) -> Vec<Job> {
        let (store, lease) = (Arc::clone(&self.stores[node]), self.spans.lease);
        whole(async move { store.claim(limit, lease).await }).unwrap()
    }

    /// How many messages were sent so far.
    pub(crate) fn mail_count(&self) -> usize {
        self.inbox.0.lock().unwrap().len()
    }

    /// The latest code for a request among messages from the `from`th on.
    pub(crate) fn code(&self, id: RequestId, from: usize) -> Option<String> {
        let of = |message: &Message| match &message.about {
            About::Code { code, request, .. } if *request == id => Some(code.clone()),
            _ => None,
        };
        self.inbox.0.lock().unwrap().iter().skip(from).rev().find_map(of)
    }

    /// What a device shows in the step of 30 seconds that is now.
    pub(crate) fn device_shows(&self, secret: &str) -> (i64, String) {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let device = totp_rs::Builder::new().with_secret(secret).with_step_duration(30).build_noncompliant();
        let now = self.time.now() / 1000;
        (now / 30, device.generate(now.unsigned_abs()).to_string())
    }
}

/// The address and the account of a subject.
pub(crate) fn names(subject: usize) -> (String, String) {
    (format!("{}@example.test", SUBJECTS[subject].0), format!("A-{subject}"))
}
