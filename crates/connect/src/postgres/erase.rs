//! The erasing transaction, done again from its start when it loses against another one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{SourceError, Stepped};
use countersign_service::settings::datamap::DataMap;
use deadpool_postgres::ClientWrapper;
use futures::future::join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, IsolationLevel, Transaction};

use super::connection::{execute, lines, lost_a_race, texts};
use super::{Postgres, PostgresSource, catalog, make, receipt};
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::erasing::{self, Answer, Ask, Opened, Step, Transacting};
use crate::footprint::clear::Making;
use crate::footprint::purge::Purge;
use crate::footprint::{Footprint, reach_name};
use crate::job::unavailable;
use crate::memory::Memory;
use crate::sql::Sql;

/// How often a transaction is done again after it lost against another one.
const TRIES: u32 = 5;

/// Why a try did not come to an end of its own.
pub(super) enum Broken {
    /// The server said so.
    Server(Error),
    /// We did.
    Told(SourceError),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken::Server(error)
    }
}

impl From<SourceError> for Broken {
    fn from(error: SourceError) -> Self {
        Broken::Told(error)
    }
}

impl PostgresSource {
    pub(super) async fn erase_again_if_lost(&self, step: &Step<'_>) -> Result<Stepped, SourceError> {
        let mut seen = self.prepared.load(Ordering::Relaxed);
        for _ in 0..TRIES {
            match self.tried(step).await {
                Ok(stepped) => return Ok(stepped),
                Err(Broken::Server(error)) if lost_a_race(&error) => {}
                // Somebody may have dropped the table of receipts since it was seen.
                Err(Broken::Server(error)) if seen && error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                    seen = false;
                    self.prepared.store(false, Ordering::Relaxed);
                }
                Err(Broken::Server(error)) => return Err(self.failed(&error)),
                Err(Broken::Told(error)) => return Err(error),
            }
        }
        Err(unavailable(&self.name, "the erasure lost against other transactions again and again"))
    }

    async fn tried(&self, step: &Step<'_>) -> Result<Stepped, Broken> {
        let mut client = self.client().await?;
        let tried = self.tried_by(&mut client, step).await;
        if let Err(Broken::Server(error)) = &tried
            && error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
        {
            // A session may go on only reading when the server does not any more.
            drop(deadpool_postgres::Object::take(client));
        }
        tried
    }

    async fn tried_by(&self, client: &mut ClientWrapper, step: &Step<'_>) -> Result<Stepped, Broken> {
        if !self.prepared.load(Ordering::Relaxed) {
            receipt::prepare(&**client, &self.home).await?;
            self.prepared.store(true, Ordering::Relaxed);
        }
        if step.key.chunk > 0 {
            let writing = self.writing(client).await?;
            writing.transaction.batch_execute(&self.limits).await?;
            if let Some(stepped) = erasing::part(writing, step).await? {
                return Ok(stepped);
            }
        }
        let whole = ReceiptKey { chunk: 0, ..step.key.clone() };
        erasing::whole(self.writing(client).await?, &Step { key: &whole, ..*step }).await
    }

    /// A transaction whose limits are not set yet.
    async fn writing<'a>(&'a self, client: &'a mut ClientWrapper) -> Result<Writing<'a>, Broken> {
        let asked = catalog::Asked::prepare(client, &self.schemas).await?;
        let client: &mut tokio_postgres::Client = client;
        let transaction =
            client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
        Ok(Writing { source: self, transaction, asked })
    }
}

/// Statements that are sent before an answer is waited for.
const AT_ONCE: usize = 24;

/// A transaction at REPEATABLE READ.
struct Writing<'a> {
    source: &'a PostgresSource,
    transaction: Transaction<'a>,
    asked: catalog::Asked,
}

#[async_trait]
impl Transacting for Writing<'_> {
    type Error = Broken;
    type Read = Catalog;

    fn source(&self) -> &str {
        &self.source.name
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &Postgres
    }

    fn memory(&self) -> &Memory {
        &self.source.memory
    }

    fn pace(&self) -> Duration {
        self.source.pace
    }

    async fn read(&mut self) -> Result<Catalog, Broken> {
        let read = self.asked.read(&self.transaction, &self.source.schemas).await;
        Ok(read?)
    }

    fn footprint<'a>(&self, map: &'a DataMap, read: &'a Catalog) -> Result<Footprint<'a>, SourceError> {
        self.source.footprint(map, read)
    }

    fn purge<'a>(&self, map: &'a DataMap, read: &'a Catalog, name: &str) -> Result<Purge<'a>, SourceError> {
        self.source.purge(map, read, name)
    }

    async fn take(&mut self, key: &ReceiptKey) -> Result<bool, Broken> {
        Ok(receipt::take(&self.transaction, &self.source.home, key, "done").await?)
    }

    async fn open(&mut self, key: &ReceiptKey) -> Result<Option<Opened<Catalog>>, Broken> {
        let (on, source) = (&self.transaction, self.source);
        // In this order, in one go: what was sent first is done first.
        let (limited, taken, parts, read) = futures::join!(
            on.batch_execute(&source.limits),
            receipt::take(on, &source.home, key, "done"),
            receipt::parts(on, &source.home, key),
            self.asked.read(on, &source.schemas),
        );
        limited?;
        if !taken? {
            return Ok(None);
        }
        Ok(Some(Opened { parts: parts?, read: read? }))
    }

    async fn find(&mut self, key: &ReceiptKey) -> Result<Option<Receipt>, Broken> {
        Ok(receipt::find(&self.transaction, &self.source.home, key).await?)
    }

    async fn parts(&mut self, key: &ReceiptKey) -> Result<Vec<String>, Broken> {
        Ok(receipt::parts(&self.transaction, &self.source.home, key).await?)
    }

    async fn touched(&mut self, key: &ReceiptKey, touched: &str) -> Result<(), Broken> {
        Ok(receipt::touched(&self.transaction, &self.source.home, key, touched).await?)
    }

    async fn give_back(&mut self, key: &ReceiptKey) -> Result<(), Broken> {
        Ok(receipt::give_back(&self.transaction, &self.source.home, key).await?)
    }

    async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, Broken> {
        Ok(lines(&self.transaction, sql).await?)
    }

    async fn texts(&mut self, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, Broken> {
        Ok(texts(&self.transaction, sql).await?)
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Broken> {
        Ok(execute(&self.transaction, sql).await?)
    }

    async fn together(&mut self, asked: &[Ask]) -> Result<Vec<Answer>, Broken> {
        let mut answers = Vec::with_capacity(asked.len());
        for some in asked.chunks(AT_ONCE) {
            for answer in join_all(some.iter().map(|ask| answer(&self.transaction, ask))).await {
                answers.push(answer?);
            }
        }
        Ok(answers)
    }

    async fn collect(&mut self, node: usize, sql: &Sql) -> Result<(), Broken> {
        Ok(collect(&self.transaction, &reach_name(node), sql).await?)
    }

    async fn make(&mut self, makings: &[Making]) -> Result<(), Broken> {
        Ok(make::before(&self.transaction, makings, self.source.pseudonyms.as_ref()).await?)
    }

    async fn commit(self) -> Result<(), Broken> {
        match self.transaction.commit().await {
            Ok(()) => Ok(()),
            // The server's own word: it was rolled back.
            Err(error) if error.as_db_error().is_some() => Err(error.into()),
            Err(_) => Err(Broken::Told(SourceError::Unknown {
                source_name: self.source.name.clone(),
                reason: "the connection broke while it was committing".to_owned(),
            })),
        }
    }
}

/// Sends what is asked when it is first polled, whole.
async fn answer(transaction: &Transaction<'_>, ask: &Ask) -> Result<Answer, Error> {
    Ok(match ask {
        Ask::Execute(sql) => Answer::Touched(execute(transaction, sql).await?),
        Ask::Lines(sql) => Answer::Lines(lines(transaction, sql).await?),
        Ask::Texts(sql) => Answer::Texts(texts(transaction, sql).await?),
        Ask::Collect(node, sql) => {
            collect(transaction, &reach_name(*node), sql).await?;
            Answer::Collected
        }
    })
}

/// Puts what `sql` selects into a temporary table. A statement that makes a table takes no values: the table is
/// made without rows from the same statement, with NULL in their places.
async fn collect(transaction: &Transaction<'_>, name: &str, sql: &Sql) -> Result<(), Error> {
    let shape = (1..=sql.params.len())
        .rev()
        .fold(sql.text.clone(), |text, n| text.replace(&format!("${n}::"), "NULL::"));
    let table = format!("pg_temp.{name}");
    let make = format!("CREATE TEMP TABLE {name} ON COMMIT DROP AS {shape} WITH NO DATA");
    let mut insert = Sql::new(&Postgres);
    insert.push(&format!("INSERT INTO {table} {}", sql.text));
    insert.params.clone_from(&sql.params);
    // Of a table that it was told nothing about, the planner thinks that it has thousands of rows, and then reads all of
    // the tables whose few rows these lead to.
    let tell = format!("ANALYZE {table}");
    let (made, filled, told) = futures::join!(
        transaction.batch_execute(&make),
        execute(transaction, &insert),
        transaction.batch_execute(&tell),
    );
    made?;
    filled?;
    told
}
