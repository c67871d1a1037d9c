//! SQLite files as a source. One erasing transaction at a time per process and source; readers aside.
//! It must not know any other engine.

mod catalog;
mod connection;
pub(crate) mod dialect;
mod erase;
mod export;
mod receipt;
mod roots;
mod survey;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::DataMap;
use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::catalog::Catalog;
use crate::discover::content;
use crate::erasing::{self, Step};
use crate::footprint::Footprint;
use crate::footprint::lookup::{self, MOST_MATCHES};
use crate::footprint::purge::Purge;
use crate::footprint::reach::Start;
use crate::job::{self, refused};
use crate::memory::Memory;
use crate::recipe::PseudonymKey;
use crate::sql::Sql;
use connection::{For, failed};
use dialect::Sqlite;
use erase::Writing;

/// How a file is used.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file; it is never made.
    pub path: PathBuf,
    /// How long to wait for another writer.
    pub busy_timeout_ms: u64,
    /// A pause before each statement that changes rows, so that a busy machine can breathe; 0: none.
    pub pace_ms: u64,
    /// The key of this source's pseudonyms; without one, a map that makes some is refused.
    pub pseudonyms: Option<PseudonymKey>,
}

impl Options {
    /// The file at `path`, five seconds of patience, no pauses, no pseudonyms.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), busy_timeout_ms: 5_000, pace_ms: 0, pseudonyms: None }
    }
}

/// A SQLite file.
pub struct SqliteSource {
    inner: Arc<Inner>,
    /// Held by whoever erases.
    writer: Arc<tokio::sync::Mutex<()>>,
}

struct Inner {
    name: String,
    options: Options,
    memory: Memory,
    catalog: catalog::Kept,
}

impl SqliteSource {
    /// A source over a file. The file is opened when it is asked for something, so that one that is missing now
    /// does not keep the program from starting.
    ///
    /// # Errors
    /// `Refused` when the path is empty.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        if options.path.as_os_str().is_empty() {
            return Err(refused(&name, "the path of the file is empty"));
        }
        let inner = Inner { name, options, memory: Memory::default(), catalog: catalog::Kept::default() };
        Ok(Self { inner: Arc::new(inner), writer: Arc::default() })
    }

    /// Runs `work` beside the async threads, on a connection of its own.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Connection) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let inner = Arc::clone(&self.inner);
        let running = tokio::task::spawn_blocking(move || {
            let connection = inner.connect(For::Reading)?;
            // One transaction: everything is read at one moment.
            connection.execute_batch("BEGIN").map_err(|it| inner.failed(&it))?;
            work(&inner, &connection)
        });
        running.await.map_err(|_| job::unavailable(&self.inner.name, "the work broke off"))?
    }

    async fn writing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Connection) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let inner = Arc::clone(&self.inner);
        let running = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, even if nobody waits for it any more.
            let _turn = turn;
            let mut connection = inner.connect(For::Erasing)?;
            receipt::prepare(&connection).map_err(|it| inner.failed(&it))?;
            work(&inner, &mut connection)
        });
        running.await.map_err(|_| job::unavailable(&self.inner.name, "the work broke off"))?
    }
}

impl Inner {
    fn connect(&self, purpose: For) -> Result<Connection, SourceError> {
        connection::open(&self.options, purpose).map_err(|it| self.failed(&it))
    }

    fn failed(&self, error: &rusqlite::Error) -> SourceError {
        failed(&self.name, error)
    }

    fn catalog(&self, connection: &Connection) -> Result<Arc<Catalog>, SourceError> {
        self.catalog.read(connection).map_err(|it| self.failed(&it))
    }

    fn lines(&self, connection: &Connection, sql: &Sql) -> Result<Vec<(usize, u64)>, SourceError> {
        connection::lines(connection, sql).map_err(|it| self.failed(&it))
    }

    fn footprint<'a>(&self, map: &'a DataMap, catalog: &'a Catalog) -> Result<Footprint<'a>, SourceError> {
        let (footprint, findings) = Footprint::build(map, catalog, &Sqlite);
        let footprint = footprint.ok_or_else(|| refused(&self.name, findings.reason()))?;
        job::may_make(&self.name, &footprint, self.options.pseudonyms.as_ref())?;
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
        let (purge, findings) = Purge::build(dataset, catalog, &Sqlite);
        purge.ok_or_else(|| refused(&self.name, findings.reason()))
    }

    fn starts(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Start>, SourceError> {
        lookup::starts(map, roots).map_err(|it| refused(&self.name, it))
    }

    fn matches(
        &self,
        connection: &Connection,
        map: &DataMap,
        statement: impl Fn(&Footprint<'_>, &countersign_service::settings::datamap::Root) -> Option<Sql>,
    ) -> Result<Vec<Match>, SourceError> {
        let catalog = self.catalog(connection)?;
        let footprint = self.footprint(map, &catalog)?;
        let mut matches = vec![];
        for root in &map.roots {
            let Some(sql) = statement(&footprint, root) else { continue };
            let rows = connection::texts(connection, &sql).map_err(|it| self.failed(&it))?;
            matches.extend(rows.into_iter().filter_map(|row| footprint.matched(root, row)));
        }
        Ok(matches)
    }

    fn left(&self, connection: &Connection, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let catalog = self.catalog(connection)?;
        match target {
            Target::Subject(roots) => {
                let footprint = self.footprint(map, &catalog)?;
                let starts = self.memory.recall(self.starts(map, roots)?);
                let mut sql = Sql::new(&Sqlite);
                footprint.with_reached(&starts, &mut sql);
                footprint.left(Some(&starts), &mut sql);
                Ok(footprint.touched(&self.name, &self.lines(connection, &sql)?))
            }
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                let mut left = Counts::default();
                for (_, rows) in
                    self.lines(connection, &purge.count(*before))?.iter().filter(|(_, rows)| *rows > 0)
                {
                    left.add(&self.name, &purge.table.name, *rows);
                }
                Ok(left)
            }
        }
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn in_parts(&self) -> bool {
        true
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        let map = map.clone();
        self.reading(move |inner, connection| {
            let catalog = inner.catalog(connection)?;
            let (_, mut findings) = Footprint::build(&map, &catalog, &Sqlite);
            findings.drift(&map, &catalog);
            for dataset in &map.datasets {
                findings.0.extend(Purge::build(dataset, &catalog, &Sqlite).1.0);
            }
            findings.0.sort_by_key(|it| std::cmp::Reverse(it.severity));
            Ok(findings.0)
        })
        .await
    }

    async fn rights(&self, _: &DataMap, _: Option<&str>) -> Result<Rights, SourceError> {
        Ok(crate::access::of(&self.inner.options.path, connection::LEAST))
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        self.reading(|inner, connection| Ok(inner.catalog(connection)?.names())).await
    }

    async fn discover(&self, root_table: Option<&str>) -> Result<String, SourceError> {
        let root_table = root_table.map(str::to_owned);
        self.reading(move |inner, connection| {
            let mut catalog = Catalog::clone(&*inner.catalog(connection)?);
            for table in catalog.tables.values_mut() {
                let Some((sql, columns)) = content::sample(table, &Sqlite) else { continue };
                let rows = connection::texts(connection, &sql).map_err(|it| inner.failed(&it))?;
                table.content = content::look_at(&columns, rows);
            }
            let proposed = crate::discover::propose(&inner.name, &catalog, &Sqlite, root_table.as_deref());
            proposed.map_err(|it| refused(&inner.name, it))
        })
        .await
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let (map, identities) = (map.clone(), identities.to_vec());
        self.reading(move |inner, connection| {
            let mut matches = inner.matches(connection, &map, |it, root| it.resolve(root, &identities))?;
            matches.truncate(MOST_MATCHES);
            Ok(matches)
        })
        .await
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        let (map, roots) = (map.clone(), roots.to_vec());
        self.reading(move |inner, connection| {
            let starts = inner.starts(&map, &roots)?;
            inner.matches(connection, &map, |it, root| it.look(root, &starts))
        })
        .await
    }

    async fn roots(&self, map: &DataMap, out: mpsc::Sender<Vec<RootKey>>) -> Result<(), SourceError> {
        let map = map.clone();
        self.reading(move |inner, connection| inner.roots(connection, &map, &out)).await
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        let (map, target) = (map.clone(), target.clone());
        self.reading(move |inner, connection| inner.survey(connection, &map, &target)).await
    }

    async fn samples(&self, map: &DataMap, target: &Target) -> Result<Vec<Sample>, SourceError> {
        let Target::Subject(roots) = target else { return Ok(vec![]) };
        let (map, roots) = (map.clone(), roots.clone());
        self.reading(move |inner, connection| inner.samples(connection, &map, &roots)).await
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        job::may_export(&self.inner.name, permit)?;
        let (map, target, ceiling) = (map.clone(), target.clone(), permit.ceiling().cloned());
        self.reading(move |inner, connection| inner.export(connection, &map, &target, ceiling.as_ref(), &out))
            .await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        job::may_erase(&self.inner.name, permit, key)?;
        let (key, map, target) = (key.clone(), map.clone(), target.clone());
        let ceiling = permit.ceiling().cloned();
        let runtime = Handle::current();
        self.writing(move |inner, connection| {
            runtime.block_on(async {
                let step = Step { key: &key, map: &map, target: &target, ceiling: ceiling.as_ref() };
                if key.chunk > 0
                    && let Some(stepped) = erasing::part(Writing::begin(inner, connection)?, &step).await?
                {
                    return Ok(stepped);
                }
                let whole = ReceiptKey { chunk: 0, ..key.clone() };
                erasing::whole(Writing::begin(inner, connection)?, &Step { key: &whole, ..step }).await
            })
        })
        .await
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        let key = key.clone();
        self.reading(move |inner, connection| receipt::find(connection, &key).map_err(|it| inner.failed(&it)))
            .await
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let key = key.clone();
        self.writing(move |inner, connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|it| inner.failed(&it))?;
            receipt::take(&transaction, &key, "void").map_err(|it| inner.failed(&it))?;
            let standing = receipt::find(&transaction, &key).map_err(|it| inner.failed(&it))?;
            transaction.commit().map_err(|it| inner.failed(&it))?;
            standing.ok_or_else(|| {
                job::unavailable(&inner.name, "the receipt that was just written is not there")
            })
        })
        .await
    }

    fn remember(&self, map: &DataMap, found: &[Match]) {
        self.inner.memory.tell(map, found);
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        let (map, target) = (map.clone(), target.clone());
        self.reading(move |inner, connection| inner.left(connection, &map, &target)).await
    }
}
