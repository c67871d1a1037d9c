//! PostgreSQL as a source, 15 or later. Each erasure is one transaction at REPEATABLE READ, done again from its
//! counting when it loses against another one. It must not know any other engine.

mod catalog;
mod connection;
pub(crate) mod dialect;
mod erase;
mod export;
mod make;
mod pool;
mod receipt;
mod rights;
mod roots;
mod survey;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::{DataMap, Root};
use tokio::sync::mpsc;
use tokio_postgres::{Error, GenericClient, IsolationLevel, Transaction};

use crate::catalog::Catalog;
use crate::discover::content;
use crate::erasing::Step;
use crate::footprint::Footprint;
use crate::footprint::lookup::{self, MOST_MATCHES};
use crate::footprint::purge::Purge;
use crate::footprint::reach::Start;
use crate::job::{self, refused};
use crate::memory::Memory;
use crate::recipe::PseudonymKey;
use crate::sql::Sql;
use connection::{failed, lines, texts};
use dialect::Postgres;

/// How a database is used.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host/database?sslmode=…`. Secret.
    pub url: String,
    /// The schemas whose tables may be mapped; tables of the first are named alone, others `schema.table`.
    pub schemas: Vec<String>,
    /// Connections at most.
    pub pool_size: usize,
    /// How long to wait for a lock of somebody else.
    pub lock_timeout_ms: u64,
    /// How long one statement may take.
    pub statement_timeout_ms: u64,
    /// A pause before each statement that changes rows, so that a busy database can breathe; 0: none.
    pub pace_ms: u64,
    /// The key of this source's pseudonyms; without one, a map that makes some is refused.
    pub pseudonyms: Option<PseudonymKey>,
}

impl Options {
    /// The schema `public`, four connections, five seconds for a lock, ten minutes for a statement, no pauses, no
    /// pseudonyms.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schemas: vec!["public".to_owned()],
            pool_size: 4,
            lock_timeout_ms: 5_000,
            statement_timeout_ms: 600_000,
            pace_ms: 0,
            pseudonyms: None,
        }
    }
}

/// A PostgreSQL database.
pub struct PostgresSource {
    name: String,
    schemas: Vec<String>,
    /// Where receipts are kept.
    home: String,
    limits: String,
    pace: Duration,
    pool: deadpool_postgres::Pool,
    /// Whether the table of receipts has been seen.
    prepared: AtomicBool,
    memory: Memory,
    pseudonyms: Option<PseudonymKey>,
}

impl PostgresSource {
    /// A source over a database. It is connected to when it is asked for something.
    ///
    /// # Errors
    /// `Refused` when the address cannot be understood or no schema is named.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        let pool = pool::build(&name, &options.url, options.pool_size).map_err(|why| refused(&name, why))?;
        let Some(home) = options.schemas.first().cloned() else {
            return Err(refused(&name, "no schema is named"));
        };
        let (lock, statement) = (options.lock_timeout_ms, options.statement_timeout_ms);
        Ok(Self {
            name,
            home,
            schemas: options.schemas,
            limits: format!("SET LOCAL lock_timeout = {lock}; SET LOCAL statement_timeout = {statement}"),
            pace: Duration::from_millis(options.pace_ms),
            pool,
            prepared: AtomicBool::new(false),
            memory: Memory::default(),
            pseudonyms: options.pseudonyms,
        })
    }

    async fn client(&self) -> Result<deadpool_postgres::Client, SourceError> {
        self.pool.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Backend(error) => self.failed(&error),
            _ => job::unavailable(&self.name, "no connection became free in time"),
        })
    }

    /// A transaction that reads everything at one moment.
    async fn reading<'a>(
        &self,
        client: &'a mut tokio_postgres::Client,
    ) -> Result<Transaction<'a>, SourceError> {
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(|it| self.failed(&it))?;
        transaction.batch_execute(&self.limits).await.map_err(|it| self.failed(&it))?;
        Ok(transaction)
    }

    fn failed(&self, error: &Error) -> SourceError {
        failed(&self.name, error)
    }

    async fn catalog(&self, client: &impl GenericClient) -> Result<Catalog, SourceError> {
        catalog::read(client, &self.schemas).await.map_err(|it| self.failed(&it))
    }

    fn footprint<'a>(&self, map: &'a DataMap, catalog: &'a Catalog) -> Result<Footprint<'a>, SourceError> {
        let (footprint, findings) = Footprint::build(map, catalog, &Postgres);
        let footprint = footprint.ok_or_else(|| refused(&self.name, findings.reason()))?;
        job::may_make(&self.name, &footprint, self.pseudonyms.as_ref())?;
        Ok(footprint)
    }

    fn purge<'a>(
        &self,
        map: &'a DataMap,
        catalog: &'a Catalog,
        name: &str,
    ) -> Result<Purge<'a>, SourceError> {
        let Some(dataset) = map.dataset(name) else {
            return Err(refused(&self.name, format!("the map has no dataset `{name}`")));
        };
        let (purge, findings) = Purge::build(dataset, catalog, &Postgres);
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
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let catalog = self.catalog(&transaction).await?;
        let asked: Vec<Option<Sql>> = {
            let footprint = self.footprint(map, &catalog)?;
            map.roots.iter().map(|root| statement(&footprint, root)).collect()
        };
        let mut rows = vec![];
        for sql in &asked {
            rows.push(match sql {
                Some(sql) => texts(&transaction, sql).await.map_err(|it| self.failed(&it))?,
                None => vec![],
            });
        }
        let footprint = self.footprint(map, &catalog)?;
        let found = map.roots.iter().zip(rows);
        Ok(found
            .flat_map(|(root, rows)| rows.into_iter().map(move |row| (root, row)))
            .filter_map(|(root, row)| footprint.matched(root, row))
            .collect())
    }
}

#[async_trait]
impl Source for PostgresSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn in_parts(&self) -> bool {
        true
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let catalog = self.catalog(&transaction).await?;
        let (_, mut findings) = Footprint::build(map, &catalog, &Postgres);
        findings.drift(map, &catalog);
        for dataset in &map.datasets {
            findings.0.extend(Purge::build(dataset, &catalog, &Postgres).1.0);
        }
        findings.0.sort_by_key(|it| std::cmp::Reverse(it.severity));
        Ok(findings.0)
    }

    async fn rights(&self, map: &DataMap, to: Option<&str>) -> Result<Rights, SourceError> {
        self.rights_of(map, to).await
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        Ok(self.catalog(&transaction).await?.names())
    }

    async fn discover(&self, root_table: Option<&str>) -> Result<String, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let mut catalog = self.catalog(&transaction).await?;
        for table in catalog.tables.values_mut() {
            let Some((sql, columns)) = content::sample(table, &Postgres) else { continue };
            if !connection::may_read(&transaction, table).await.map_err(|it| self.failed(&it))? {
                continue;
            }
            let rows = texts(&transaction, &sql).await.map_err(|it| self.failed(&it))?;
            table.content = content::look_at(&columns, rows);
        }
        crate::discover::propose(&self.name, &catalog, &Postgres, root_table)
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
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        self.surveyed(&transaction, map, target).await
    }

    async fn samples(&self, map: &DataMap, target: &Target) -> Result<Vec<Sample>, SourceError> {
        let Target::Subject(roots) = target else { return Ok(vec![]) };
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        self.sampled(&transaction, map, roots).await
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
        let client = self.client().await?;
        let client: &tokio_postgres::Client = &client;
        receipt::find(client, &self.home, key).await.map_err(|it| self.failed(&it))
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let client = self.client().await?;
        let client: &tokio_postgres::Client = &client;
        receipt::prepare(client, &self.home).await.map_err(|it| self.failed(&it))?;
        // One statement, one transaction. It waits for an erasure that is taking the key, and then finds it taken.
        receipt::take(client, &self.home, key, "void").await.map_err(|it| self.failed(&it))?;
        let standing = receipt::find(client, &self.home, key).await.map_err(|it| self.failed(&it))?;
        standing.ok_or_else(|| job::unavailable(&self.name, "the receipt that was just written is not there"))
    }

    fn remember(&self, map: &DataMap, found: &[Match]) {
        self.memory.tell(map, found);
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let mut client = self.client().await?;
        let transaction = self.reading(&mut client).await?;
        let catalog = self.catalog(&transaction).await?;
        let sql = match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                let starts = self.memory.recall(self.starts(map, roots)?);
                let mut sql = Sql::new(&Postgres);
                footprint.with_reached(&starts, &mut sql);
                footprint.left(Some(&starts), &mut sql);
                sql
            }
            Target::Dataset { name, before } => self.purge(map, &catalog, name)?.count(*before),
        };
        let lines = lines(&transaction, &sql).await.map_err(|it| self.failed(&it))?;
        match target {
            Target::Subject(_) => Ok(self.footprint(map, &catalog)?.touched(&self.name, &lines)),
            Target::Dataset { name, .. } => {
                let purge = self.purge(map, &catalog, name)?;
                let mut left = Counts::default();
                for (_, rows) in lines.into_iter().filter(|(_, rows)| *rows > 0) {
                    left.add(&self.name, &purge.table.name, rows);
                }
                Ok(left)
            }
        }
    }
}
