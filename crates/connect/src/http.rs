//! A service as a source: signed calls to `describe`, `plan`, `export`, `erase`, `status` and `void`. It keeps receipts in
//! its own transaction (`examples/http-source/`); where an answer is lost, only its word under the same key counts. It
//! must not know any other source.

pub(crate) mod address;
mod call;
mod export;
mod mapped;
mod sign;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, PlanLine, SourcePlan, Treatment};
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_service::ports::following;
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Severity, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::DataMap;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::job::{self, refused, unavailable};
use call::Failed;
use mapped::{is_plain, lines, unfit};
pub use sign::SharedKey;
use wire::{Ask, Described, Planned, Said, Whose};

/// How often a service is asked what became of a step whose answer was lost, before somebody else asks later.
const ASKED: u32 = 3;

/// How a service is called.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its address; the names of calls are put behind the path.
    pub url: String,
    /// What calls are signed with.
    pub key: SharedKey,
    /// How long to wait for each answer, and each piece of an export.
    pub timeout: Duration,
    /// Whether it may be on this machine or in a private network, and be called without TLS.
    pub allow_private: bool,
    /// The most bytes of an export.
    pub most_bytes: u64,
}

impl Options {
    /// A service at an address: half a minute of patience, exports of up to 1 GiB, in public networks alone.
    pub fn new(url: impl Into<String>, key: SharedKey) -> Self {
        let timeout = Duration::from_secs(30);
        Self { url: url.into(), key, timeout, allow_private: false, most_bytes: 1 << 30 }
    }
}

/// A service.
pub struct HttpSource {
    name: String,
    options: Options,
}

impl HttpSource {
    /// A source over a service. It is called when it is asked for something.
    ///
    /// # Errors
    /// `Refused` when the address cannot be used.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        address::read(&options.url, options.allow_private).map_err(|why| refused(&name, why))?;
        // Whoever is first sets it for the process; all of ours set the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { name, options })
    }

    /// A call that changes nothing.
    fn harmless(&self, failed: Failed) -> SourceError {
        match failed {
            Failed::Before(why) | Failed::Lost(why) => unavailable(&self.name, why),
            Failed::Refused(why) => refused(&self.name, why),
        }
    }

    fn unknown(&self, why: &str) -> SourceError {
        SourceError::Unknown { source_name: self.name.clone(), reason: why.to_owned() }
    }

    fn whose(&self, map: &DataMap, target: &Target) -> Result<Whose, SourceError> {
        let wrong = unfit(map);
        if !wrong.is_empty() {
            return Err(refused(&self.name, wrong.join("; ")));
        }
        match target {
            Target::Subject(roots) => {
                let mut subject: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for root in roots {
                    let values = following::heard(map, root);
                    let values =
                        values.ok_or_else(|| refused(&self.name, "the root is of another map's making"))?;
                    let mapped = map.root(&root.table).into_iter();
                    for it in mapped.flat_map(|it| following::identities(it, &values)) {
                        subject.entry(it.kind).or_default().push(it.value);
                    }
                }
                Ok(Whose::Subject(subject))
            }
            Target::Dataset { name, before } => {
                map.dataset(name)
                    .ok_or_else(|| refused(&self.name, format!("the map has no dataset `{name}`")))?;
                Ok(Whose::Dataset { name: name.clone(), before_ms: before.as_millis() })
            }
        }
    }

    async fn described(&self) -> Result<Described, SourceError> {
        call::ask(&self.options, "describe", &Ask::default()).await.map_err(|it| self.harmless(it))
    }

    async fn plan(&self, map: &DataMap, target: &Target) -> Result<Vec<PlanLine>, SourceError> {
        let whose = self.whose(map, target)?;
        let ask = Ask { whose: Some(whose), ..Ask::default() };
        let planned: Planned =
            call::ask(&self.options, "plan", &ask).await.map_err(|it| self.harmless(it))?;
        let mut lines = lines(map, target);
        for table in planned.tables {
            let fits = |it: &&mut PlanLine| it.table == table.table && it.treatment.name() == table.treatment;
            let Some(line) = lines.iter_mut().find(fits) else {
                // Names out of an answer may hold anything.
                let why =
                    "its plan has a table or treatment that the map has not: `countersign source check`";
                return Err(refused(&self.name, why));
            };
            line.rows = line.rows.saturating_add(table.rows);
            line.bytes = match (line.bytes, table.bytes) {
                (Some(one), Some(other)) => Some(one.saturating_add(other)),
                (one, other) => one.or(other),
            };
        }
        Ok(lines)
    }

    async fn status(&self, key: &ReceiptKey) -> Result<Said, Failed> {
        let ask = Ask { key: Some(key.into()), ..Ask::default() };
        call::ask(&self.options, "status", &ask).await
    }

    fn counts(&self, tables: &BTreeMap<String, u64>) -> Counts {
        let mut counts = Counts::default();
        tables.iter().for_each(|(table, rows)| counts.add(&self.name, table, *rows));
        counts
    }

    /// What was said, where it has an end.
    fn ended(&self, key: &ReceiptKey, said: &Said, map: Option<&DataMap>) -> Option<Receipt> {
        let outcome = match said {
            Said::Done { touched } => {
                // Names of tables stand in the ledger: none that the map does not have.
                let mut known = touched.clone();
                known.retain(|table, _| {
                    map.is_none_or(|it| {
                        it.tables.iter().any(|it| it.name == *table)
                            || it.datasets.iter().any(|it| it.table == *table)
                    }) && is_plain(table)
                });
                Outcome::Done { touched: self.counts(&known) }
            }
            Said::Void => Outcome::Void,
            Said::Beyond { .. } | Said::Begun | Said::None => return None,
        };
        Some(Receipt { key: key.clone(), outcome })
    }

    /// After a lost answer: only the service's word counts.
    async fn settled(&self, key: &ReceiptKey, map: &DataMap, why: &str) -> Result<Stepped, SourceError> {
        for tried in 0..ASKED {
            tokio::time::sleep(Duration::from_millis(200) * tried).await;
            if let Ok(said) = self.status(key).await
                && let Some(stepped) = self.ended(key, &said, Some(map)).map(stepped)
            {
                return Ok(stepped);
            }
        }
        Err(self.unknown(why))
    }
}

fn stepped(receipt: Receipt) -> Stepped {
    match receipt.outcome {
        Outcome::Done { .. } => Stepped::Done(receipt),
        Outcome::Void => Stepped::Void(receipt),
    }
}

#[async_trait]
impl Source for HttpSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn follows(&self) -> bool {
        true
    }

    async fn rights(&self, _: &DataMap, _: Option<&str>) -> Result<Rights, SourceError> {
        let least = "the service decides what this program may: let the key that signs its calls do `plan`, `export`, \
                     `erase`, `status` and `void`, and nothing else";
        Ok(Rights { least: vec![least.to_owned()], ..Rights::default() })
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let mut findings = vec![];
        let mut say = |severity, message: String| findings.push(Finding { severity, message });
        unfit(map).into_iter().for_each(|it| say(Severity::Error, it));
        let described = self.described().await?;
        for table in &map.tables {
            match described.tables.iter().find(|it| it.table == table.name) {
                None => say(Severity::Error, format!("`{}`: the service has no such table", table.name)),
                Some(there) if table.ways.iter().all(|it| it.rule.treatment.name() != there.treatment) => {
                    let what = "the service treats it in another way than the map says";
                    say(Severity::Error, format!("`{}`: {what}", table.name));
                }
                Some(_) => {}
            }
        }
        let tables: BTreeMap<String, Vec<String>> =
            described.tables.iter().map(|it| (it.table.clone(), it.columns.clone())).collect();
        for there in described.tables.iter().filter(|it| map.tables.iter().all(|ours| ours.name != it.table))
        {
            say(
                Severity::Error,
                format!("`{}`: the map does not have this table of the service", there.table),
            );
        }
        for new in map.drift(&tables) {
            say(Severity::Drift, format!("`{new}` is new: look at it, and then write it down as known"));
        }
        for kind in
            map.identity_kinds().iter().filter(|it| !described.identities.iter().any(|has| has == *it))
        {
            say(Severity::Warning, format!("the service does not know people by `{kind}`"));
        }
        findings.sort_by_key(|it| std::cmp::Reverse(it.severity));
        Ok(findings)
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        Ok(self.described().await?.tables.into_iter().map(|it| (it.table, it.columns)).collect())
    }

    async fn discover(&self, _root_table: Option<&str>) -> Result<String, SourceError> {
        let described = self.described().await?;
        let names: Vec<String> = described.identities.iter().map(|it| format!("{it:?}")).collect();
        let kinds: Vec<String> = described.identities.iter().map(|it| format!("{it} = {it:?}")).collect();
        let mut map = format!(
            "# A map as the service describes itself. Read it, and correct it; then:\n\
             #   countersign source check {0} THIS-FILE\n\
             source = \"{0}\"\n\n[[root]]\ntable = \"person\"\nkey = [{1}]\nidentities = {{ {2} }}\n\
             attributes = {{ {0}_drifted = {{ type = \"drift\" }} }}\n\
             treatment = \"delete\"\n",
            self.name,
            names.join(", "),
            kinds.join(", ")
        );
        let first = described.identities.first().map_or("email", |it| it);
        for table in &described.tables {
            let _ = writeln!(
                map,
                "\n[[table]]\nname = {:?}\n[[table.way]]\ncolumn = \"subject\"\nequals = \"{{{first}}}\"\n\
                 treatment = {:?}",
                table.table, table.treatment
            );
        }
        let _ = writeln!(map, "\n[known]");
        for table in &described.tables {
            let _ = writeln!(map, "{:?} = {:?}", table.table, table.columns);
        }
        Ok(map)
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let Some(found) = following::called(map, identities) else { return Ok(vec![]) };
        let lines = self.plan(map, &Target::Subject(vec![found.root.clone()])).await?;
        Ok(if lines.iter().any(|it| it.rows > 0) { vec![found] } else { vec![] })
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        Ok(following::looked_at(map, roots))
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let lines = self.plan(map, target).await?;
        let mut hash = Sha256::new();
        hash.update(&self.options.url);
        lines.iter().for_each(|it| hash.update(format!("\0{}\0{}", it.table, it.treatment.name())));
        Ok(SourcePlan {
            source: self.name.clone(),
            fingerprint: hex::encode(hash.finalize()),
            map_version: map.version().to_owned(),
            lines,
        })
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        job::may_export(&self.name, permit)?;
        self.hand_out(map, target, &out).await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        job::may_erase(&self.name, permit, key)?;
        job::is_whole(&self.name, key)?;
        let whose = self.whose(map, target)?;
        // Asked first: what was called before and not answered is not called again blindly.
        match self.status(key).await.map_err(|it| self.harmless(it))? {
            Said::None => {}
            Said::Begun => return Err(self.unknown("it is still at this step")),
            said => match self.ended(key, &said, Some(map)) {
                Some(receipt) => return Ok(stepped(receipt)),
                None => return Err(self.unknown("its word on this step is not to be understood")),
            },
        }
        let own = |ceiling: &Counts| -> BTreeMap<String, u64> {
            let ours = ceiling.iter().filter(|(source, ..)| *source == self.name);
            ours.map(|(_, table, rows)| (table.to_owned(), rows)).collect()
        };
        let ceiling = permit.ceiling().map(own);
        let ask = Ask { whose: Some(whose), key: Some(key.into()), ceiling };
        match call::ask::<Said>(&self.options, "erase", &ask).await {
            Ok(Said::Beyond { counted }) => Ok(Stepped::Beyond { counted: self.counts(&counted) }),
            Ok(said) => match self.ended(key, &said, Some(map)) {
                Some(receipt) => Ok(stepped(receipt)),
                None => self.settled(key, map, "it did not say that the step was done").await,
            },
            Err(Failed::Lost(why)) => self.settled(key, map, &why).await,
            Err(failed) => Err(self.harmless(failed)),
        }
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        let said = self.status(key).await.map_err(|it| self.harmless(it))?;
        Ok(self.ended(key, &said, None))
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let ask = Ask { key: Some(key.into()), ..Ask::default() };
        let said: Said = call::ask(&self.options, "void", &ask).await.map_err(|it| self.harmless(it))?;
        self.ended(key, &said, None).ok_or_else(|| unavailable(&self.name, "it did not close the step"))
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let mut left = Counts::default();
        for line in self.plan(map, target).await? {
            let goes = line.treatment != Treatment::Keep && line.basis.is_none();
            if goes && line.rows > 0 {
                left.add(&self.name, &line.table, line.rows);
            }
        }
        Ok(left)
    }
}
