//! The truth about the sources, as somebody sees it who stands beside them: who is in them at each moment, and what was
//! done there. The sources are those in memory that the rules of the service are held against, behind gates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::DataMap;
use tokio::sync::mpsc;

use crate::fixture::shop::Shop;
use crate::wheel::Gate;

/// Kinds of identities that each source knows.
const SOURCES: [(&str, &[&str]); 2] = [("shop", &["email", "account"]), ("crm", &["account"])];

pub(crate) type Names = BTreeMap<String, String>;
/// A source and a key in it.
pub(crate) type Root = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) root: Root,
    pub(crate) names: Names,
    pub(crate) rows: BTreeMap<String, u64>,
}

/// All that the sources hold at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) rows: Vec<Row>,
    pub(crate) log: u64,
}

/// What a look comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nobody,
    Several,
    One { roots: BTreeSet<Root>, emails: BTreeSet<String> },
}

/// A step that a source committed, when the ledger had so many entries.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) ledger: u64,
    pub(crate) key: ReceiptKey,
    pub(crate) touched: Counts,
}

pub(crate) struct World {
    pub(crate) shops: BTreeMap<&'static str, Arc<Shop>>,
    past: Mutex<Vec<(i64, Arc<Snapshot>)>>,
    effects: Mutex<Vec<Effect>>,
    away: Mutex<BTreeSet<&'static str>>,
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    ledger: Mutex<Arc<dyn Fn() -> u64 + Send + Sync>>,
}

impl World {
    pub(crate) fn new(now: Arc<dyn Fn() -> i64 + Send + Sync>) -> Arc<Self> {
        let shops = [("shop", Shop::new("shop", "customer")), ("crm", Shop::new("crm", "contact"))];
        Arc::new(Self {
            shops: shops.into(),
            past: Mutex::default(),
            effects: Mutex::default(),
            away: Mutex::default(),
            now,
            ledger: Mutex::new(Arc::new(|| 0)),
        })
    }

    /// How the size of the ledger is asked for when a source commits.
    pub(crate) fn measure_ledger(&self, size: impl Fn() -> u64 + Send + Sync + 'static) {
        *self.ledger.lock().unwrap() = Arc::new(size);
    }

    pub(crate) fn is_away(&self, source: &str) -> bool {
        self.away.lock().unwrap().contains(source)
    }

    pub(crate) fn put_away(&self, source: &'static str, away: bool) {
        let mut all = self.away.lock().unwrap();
        if away {
            all.insert(source)
        } else {
            all.remove(source)
        };
    }

    pub(crate) fn look(&self) -> Snapshot {
        let mut rows = Vec::new();
        for (source, shop) in &self.shops {
            for customer in &shop.inside().customers {
                rows.push(Row {
                    root: ((*source).to_owned(), customer.key.clone()),
                    names: customer.identities.iter().map(|it| (it.kind.clone(), it.value.clone())).collect(),
                    rows: customer.rows.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect(),
                });
            }
        }
        Snapshot { rows, log: self.shops["shop"].inside().datasets["app_log"] }
    }

    /// Keeps what the sources hold now, if it is something new.
    pub(crate) fn note(&self) {
        let now = self.look();
        let mut past = self.past.lock().unwrap();
        if past.last().is_none_or(|(_, last)| **last != now) {
            past.push(((self.now)(), Arc::new(now)));
        }
    }

    /// What the sources held at any moment since `since`, that one included.
    pub(crate) fn since(&self, since: i64) -> Vec<Arc<Snapshot>> {
        let past = self.past.lock().unwrap();
        let first = past.iter().rposition(|(at, _)| *at < since).unwrap_or(0);
        past[first..].iter().map(|(_, snapshot)| Arc::clone(snapshot)).collect()
    }

    pub(crate) fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut *self.effects.lock().unwrap())
    }

    pub(crate) fn receipt(&self, key: &ReceiptKey) -> Option<Receipt> {
        self.shops.get(&*key.step)?.inside().receipts.get(key).cloned()
    }
}

impl Snapshot {
    /// Whom these identities mean: those proved find, those merely stated take away.
    pub(crate) fn find(&self, proved: &Names, stated: &Names) -> Found {
        let mut found = self.holders(proved);
        for wanted in stated {
            let holds = |row: &&Row| row.names.get(wanted.0) == Some(wanted.1);
            if !found.iter().any(holds) {
                return Found::Nobody;
            }
            found.retain(|row| !row.names.contains_key(wanted.0) || holds(row));
        }
        if found.is_empty() {
            return Found::Nobody;
        }
        let sources: BTreeSet<_> = found.iter().map(|row| &row.root.0).collect();
        if sources.len() < found.len() {
            return Found::Several;
        }
        let emails = found.iter().filter_map(|row| row.names.get("email").cloned()).collect();
        Found::One { roots: found.iter().map(|row| row.root.clone()).collect(), emails }
    }

    /// What there is of a root: nothing where it is gone.
    pub(crate) fn add(&self, root: &Root, counts: &mut Counts) {
        if *root == dataset() {
            counts.add("shop", "app_log", self.log);
        }
        for row in self.rows.iter().filter(|row| row.root == *root) {
            for (table, rows) in &row.rows {
                counts.add(&root.0, table, *rows);
            }
        }
    }

    /// Rows of a source that hold all the names it knows, and those that another source links to them.
    pub(crate) fn holders(&self, names: &Names) -> Vec<&Row> {
        let mut found: Vec<&Row> = Vec::new();
        let mut silent = Vec::new();
        for (source, kinds) in SOURCES {
            let known: Names = only(names, kinds);
            let holds = |row: &&Row| row.root.0 == source && known.iter().all(|it| has(row, it));
            let those: Vec<_> = self.rows.iter().filter(holds).filter(|_| !known.is_empty()).collect();
            if those.is_empty() {
                silent.push((source, kinds));
            }
            found.extend(those);
        }
        let sources: BTreeSet<_> = found.iter().map(|row| &row.root.0).collect();
        if sources.len() == found.len() {
            let linked: Vec<_> = found.iter().flat_map(|row| row.names.clone()).collect();
            for (source, kinds) in silent {
                let meant = |row: &&Row| {
                    let known = |it: &&(String, String)| kinds.contains(&&*it.0);
                    row.root.0 == source && linked.iter().filter(known).any(|(k, v)| has(row, (k, v)))
                };
                found.extend(self.rows.iter().filter(meant));
            }
        }
        found
    }
}

/// The root of what is purged.
pub(crate) fn dataset() -> Root {
    ("shop".to_owned(), "dataset app_log".to_owned())
}

fn only(names: &Names, kinds: &[&str]) -> Names {
    names.iter().filter(|(kind, _)| kinds.contains(&&***kind)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn has(row: &Row, (kind, value): (&String, &String)) -> bool {
    row.names.get(kind) == Some(value)
}

/// A source behind gates, which can be away altogether.
pub(crate) struct Plug {
    pub(crate) name: &'static str,
    pub(crate) world: Arc<World>,
}

impl Plug {
    async fn reach(&self) -> Result<&Shop, SourceError> {
        if let Some(gate) = Gate::own() {
            gate.pass().await;
        }
        if self.world.is_away(self.name) {
            let reason = "it is away".to_owned();
            return Err(SourceError::Unavailable { source_name: self.name.to_owned(), reason });
        }
        Ok(&self.world.shops[self.name])
    }

    async fn leave(&self) {
        if let Some(gate) = Gate::own() {
            gate.pass().await;
        }
    }
}

#[async_trait]
impl Source for Plug {
    fn name(&self) -> &str {
        self.name
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        self.reach().await?.check(map).await
    }

    async fn discover(&self, root_table: Option<&str>) -> Result<String, SourceError> {
        self.reach().await?.discover(root_table).await
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        self.reach().await?.resolve(map, identities).await
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        self.reach().await?.look(map, roots).await
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        self.reach().await?.survey(map, target).await
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        self.reach().await?.export(permit, map, target, out).await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        let shop = self.reach().await?;
        let before = shop.inside().erased;
        let stepped = shop.erase(permit, key, map, target).await;
        if shop.inside().erased > before {
            let touched = match self.world.receipt(key).map(|receipt| receipt.outcome) {
                Some(countersign_core::receipt::Outcome::Done { touched }) => touched,
                other => panic!("a step was committed under a receipt that says {other:?}"),
            };
            let measure = Arc::clone(&*self.world.ledger.lock().unwrap());
            let effect = Effect { ledger: measure(), key: key.clone(), touched };
            self.world.effects.lock().unwrap().push(effect);
            self.world.note();
        }
        self.leave().await;
        stepped
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        self.reach().await?.receipt(key).await
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let shop = self.reach().await?;
        let receipt = shop.void(key).await;
        self.leave().await;
        receipt
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        self.reach().await?.left(map, target).await
    }
}
