//! MariaDB 10.6 or later as a source, and MySQL 8.0. Each erasure is one transaction at SERIALIZABLE: what it reads is
//! locked, for at REPEATABLE READ these engines count in a snapshot and delete outside of it. One that loses against
//! another transaction is done again from its counting. It must not know any other engine.

mod address;
mod catalog;
mod connection;
mod dialect;
mod erase;
mod export;
mod failure;
mod fit;
mod make;
mod receipt;
mod rights;
mod roots;
mod sessions;
mod statement;
mod survey;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::{DataMap, Root};
use mysql_async::{Error, Opts};
use tokio::sync::{Semaphore, mpsc};

use crate::discover::content;
use crate::erasing::Step;
use crate::footprint::Footprint;
use crate::footprint::lookup::{self, MOST_MATCHES};
use crate::footprint::purge::Purge;
use crate::footprint::reach::Start;
use crate::job::{self, refused, unavailable};
use crate::memory::Memory;
use crate::recipe::PseudonymKey;
use crate::sql::Sql;
use catalog::Read;
use connection::{Limits, Rested, Session};

/// How a database is used.
#[derive(Clone)]
pub struct Options {
    /// `mysql://user:password@host/database`, or `mariadb://…`; behind `?` may stand `ssl-mode`, `ssl-ca`, `ssl-name`
    /// and `socket`. Secret.
    pub url: String,
    /// The databases whose tables may be mapped; tables of the first are named alone, others `database.table`. Empty
    /// for the one in the address.
    pub schemas: Vec<String>,
    /// Connections at most.
    pub pool_size: usize,
    /// How long to wait for a lock of somebody else; whole seconds are waited.
    pub lock_timeout_ms: u64,
    /// How long one statement may take.
    pub statement_timeout_ms: u64,
    /// A pause before each statement that changes rows, so that a busy database can breathe; 0: none.
    pub pace_ms: u64,
    /// The key of this source's pseudonyms; without one, a map that makes some is refused.
    pub pseudonyms: Option<PseudonymKey>,
    /// Never opens a temporary table twice in a statement, as MySQL needs it. Found out by itself; here for tests.
    #[doc(hidden)]
    pub opens_once: bool,
}

impl Options {
    /// The database of the address, four connections, five seconds for a lock, ten minutes for a statement, no pauses.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schemas: vec![],
            pool_size: 4,
            lock_timeout_ms: 5_000,
            statement_timeout_ms: 600_000,
            pace_ms: 0,
            pseudonyms: None,
            opens_once: false,
        }
    }
}

/// A MariaDB or MySQL database.
pub struct MysqlSource {
    name: String,
    schemas: Vec<String>,
    /// Where receipts are kept.
    home: String,
    opts: Opts,
    limits: Limits,
    pace: Duration,
    places: Arc<Semaphore>,
    /// The connection of the last erasure.
    rested: Mutex<Option<Rested>>,
    /// In place of the server's own dialect.
    forced: Option<&'static dialect::MySql>,
    memory: Memory,
    pseudonyms: Option<PseudonymKey>,
}

impl MysqlSource {
    /// A source over a database. It is connected to when it is asked for something.
    ///
    /// # Errors
    /// `Refused` when the address cannot be understood or names no database.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        let opts = address::read(&options.url).map_err(|why| refused(&name, why))?;
        let mut schemas = options.schemas;
        if schemas.is_empty() {
            schemas.extend(opts.db_name().map(str::to_owned));
        }
        let Some(home) = schemas.first().cloned() else {
            return Err(refused(&name, "its url names no database"));
        };
        let limits = Limits {
            lock_seconds: options.lock_timeout_ms.div_ceil(1000).max(1),
            statement_ms: options.statement_timeout_ms,
        };
        // Temporary tables stand where receipts do.
        let opts = mysql_async::OptsBuilder::from_opts(opts)
            .db_name(Some(home.clone()))
            .connect_attribute("program_name", format!("countersign/{name}"))
            .into();
        Ok(Self {
            name,
            schemas,
            home,
            opts,
            limits,
            pace: Duration::from_millis(options.pace_ms),
            places: Arc::new(Semaphore::new(options.pool_size.max(1))),
            rested: Mutex::default(),
            forced: options.opens_once.then_some(&dialect::MARIADB_OPENING_ONCE),
            memory: Memory::default(),
            pseudonyms: options.pseudonyms,
        })
    }

    fn failed(&self, error: &Error) -> SourceError {
        failure::failed(&self.name, error)
    }

    async fn catalog(&self, session: &mut Session) -> Result<Read, SourceError> {
        catalog::read(session, &self.schemas).await.map_err(|it| self.failed(&it))
    }

    fn footprint<'a>(
        &self,
        map: &'a DataMap,
        read: &'a Read,
        session: &Session,
    ) -> Result<Footprint<'a>, SourceError> {
        let (footprint, findings) = fit::build(map, read, session.dialect());
        let footprint = footprint.ok_or_else(|| refused(&self.name, findings.reason()))?;
        job::may_make(&self.name, &footprint, self.pseudonyms.as_ref())?;
        Ok(footprint)
    }

    fn purge<'a>(
        &self,
        map: &'a DataMap,
        read: &'a Read,
        name: &str,
        session: &Session,
    ) -> Result<Purge<'a>, SourceError> {
        let Some(dataset) = map.dataset(name) else {
            return Err(refused(&self.name, format!("the map has no dataset `{name}`")));
        };
        let (purge, findings) = Purge::build(dataset, &read.catalog, session.dialect());
        purge.ok_or_else(|| refused(&self.name, findings.reason()))
    }

    fn starts(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Start>, SourceError> {
        lookup::starts(map, roots).map_err(|it| refused(&self.name, it))
    }

    async fn matches(
        &self,
        map: &DataMap,
        statement: impl Fn(&Footprint<'_>, &Root) -> Option<Sql> + Send,
    ) -> Result<Vec<Match>, SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        let footprint = self.footprint(map, &read, &session)?;
        let mut found = vec![];
        for root in &map.roots {
            let Some(sql) = statement(&footprint, root) else { continue };
            let rows = session.texts(&sql).await.map_err(|it| self.failed(&it))?;
            found.extend(rows.into_iter().filter_map(|row| footprint.matched(root, row)));
        }
        session.close().await;
        Ok(found)
    }
}

#[async_trait]
impl Source for MysqlSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn in_parts(&self) -> bool {
        true
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        let (_, mut findings) = fit::build(map, &read, session.dialect());
        findings.drift(map, &read.catalog);
        for dataset in &map.datasets {
            findings.0.extend(Purge::build(dataset, &read.catalog, session.dialect()).1.0);
        }
        findings.0.sort_by_key(|it| std::cmp::Reverse(it.severity));
        session.close().await;
        Ok(findings.0)
    }

    async fn rights(&self, map: &DataMap, to: Option<&str>) -> Result<Rights, SourceError> {
        self.rights_of(map, to).await
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        session.close().await;
        Ok(read.catalog.names())
    }

    async fn discover(&self, root_table: Option<&str>) -> Result<String, SourceError> {
        let mut session = self.reading().await?;
        let mut read = self.catalog(&mut session).await?;
        for table in read.catalog.tables.values_mut() {
            let Some((sql, columns)) = content::sample(table, session.dialect()) else { continue };
            match session.texts(&sql).await {
                Ok(rows) => table.content = content::look_at(&columns, rows),
                // What this account may not read is not looked at.
                Err(error) if failure::is_denied(&error) => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        crate::discover::propose(&self.name, &read.catalog, session.dialect(), root_table)
            .map_err(|it| refused(&self.name, it))
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let mut matches = self.matches(map, |it, root| it.resolve(root, identities)).await?;
        matches.truncate(MOST_MATCHES);
        Ok(matches)
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        let starts = self.starts(map, roots)?;
        self.matches(map, |it, root| it.look(root, &starts)).await
    }

    async fn roots(&self, map: &DataMap, out: mpsc::Sender<Vec<RootKey>>) -> Result<(), SourceError> {
        self.every_root(map, &out).await
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let mut session = self.reading().await?;
        let plan = self.surveyed(&mut session, map, target).await?;
        session.close().await;
        Ok(plan)
    }

    async fn samples(&self, map: &DataMap, target: &Target) -> Result<Vec<Sample>, SourceError> {
        let Target::Subject(roots) = target else { return Ok(vec![]) };
        let mut session = self.reading().await?;
        let samples = self.sampled(&mut session, map, roots).await?;
        session.close().await;
        Ok(samples)
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        job::may_export(&self.name, permit)?;
        self.hand_out(map, target, permit.ceiling(), &out).await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        job::may_erase(&self.name, permit, key)?;
        self.erase_again_if_lost(&Step { key, map, target, ceiling: permit.ceiling() }).await
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        let mut session = self.session().await?;
        let found = receipt::find(&mut session, &self.home, key).await.map_err(|it| self.failed(&it))?;
        session.close().await;
        Ok(found)
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let mut session = self.session().await?;
        self.prepare(&mut session).await?;
        // One statement, one transaction. It waits for an erasure that is taking the key, and then finds it taken.
        receipt::take(&mut session, &self.home, key, "void").await.map_err(|it| self.failed(&it))?;
        let standing = receipt::find(&mut session, &self.home, key).await.map_err(|it| self.failed(&it))?;
        session.close().await;
        standing.ok_or_else(|| unavailable(&self.name, "the receipt that was just written is not there"))
    }

    fn remember(&self, map: &DataMap, found: &[Match]) {
        self.memory.tell(map, found);
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let mut session = self.reading().await?;
        let read = self.catalog(&mut session).await?;
        let mut left = Counts::default();
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &read, &session)?;
                let starts = self.memory.recall(self.starts(map, roots)?);
                let mut sql = Sql::new(session.dialect());
                footprint.with_reached(&starts, &mut sql);
                footprint.left(Some(&starts), &mut sql);
                let lines = session.lines(&sql).await.map_err(|it| self.failed(&it))?;
                left = footprint.touched(&self.name, &lines);
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &read, name, &session)?;
                let lines = session.lines(&purge.count(*before)).await.map_err(|it| self.failed(&it))?;
                for (_, rows) in lines.into_iter().filter(|(_, rows)| *rows > 0) {
                    left.add(&self.name, &purge.table.name, rows);
                }
            }
        }
        session.close().await;
        Ok(left)
    }
}
