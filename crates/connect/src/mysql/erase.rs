//! The erasing transaction, done again from its start when it loses against another one.

use std::time::Duration;

use async_trait::async_trait;
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{SourceError, Stepped};
use countersign_service::settings::datamap::DataMap;
use mysql_async::Error;

use super::catalog::Read;
use super::connection::Session;
use super::failure::{lost_a_race, was_rolled_back};
use super::{MysqlSource, make, receipt};
use crate::dialect::Dialect;
use crate::erasing::{self, Answer, Ask, Step, Transacting};
use crate::footprint::Footprint;
use crate::footprint::clear::Making;
use crate::footprint::purge::Purge;
use crate::job::{refused, unavailable};
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

impl MysqlSource {
    pub(super) async fn prepare(&self, session: &mut Session) -> Result<(), SourceError> {
        match receipt::prepare(session, &self.home).await {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(refused(&self.name, reason)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    pub(super) async fn erase_again_if_lost(&self, step: &Step<'_>) -> Result<Stepped, SourceError> {
        let whole = ReceiptKey { chunk: 0, ..step.key.clone() };
        let mut parts_left = step.key.chunk > 0;
        for _ in 0..TRIES {
            let mut session = self.session_to_erase().await?;
            let tried = match self.writing(&mut session).await {
                Ok(writing) if parts_left => erasing::part(writing, step).await,
                Ok(writing) => erasing::whole(writing, &Step { key: &whole, ..*step }).await.map(Some),
                Err(broken) => Err(broken),
            };
            // Whatever was not committed is undone before anybody tries again: a statement that failed, or waited too
            // long for a lock, leaves the rest of its transaction standing.
            if matches!(tried, Ok(Some(Stepped::Done(_) | Stepped::Part(_)))) {
                self.rest(session).await;
            } else {
                // Where that cannot be said to the server, the end of the connection says it.
                let _ = session.run("ROLLBACK").await;
                session.close().await;
            }
            match tried {
                Ok(Some(stepped)) => return Ok(stepped),
                Ok(None) => parts_left = false,
                Err(Broken::Server(error)) if lost_a_race(&error) => {}
                Err(Broken::Server(error)) => return Err(self.failed(&error)),
                Err(Broken::Told(error)) => return Err(error),
            }
        }
        Err(unavailable(&self.name, "the erasure lost against other transactions again and again"))
    }

    async fn writing<'a>(&'a self, session: &'a mut Session) -> Result<Writing<'a>, Broken> {
        self.prepare(session).await?;
        session.run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION").await?;
        Ok(Writing { source: self, session })
    }
}

/// A transaction at SERIALIZABLE. Whoever has the session ends it.
struct Writing<'a> {
    source: &'a MysqlSource,
    session: &'a mut Session,
}

#[async_trait]
impl Transacting for Writing<'_> {
    type Error = Broken;
    type Read = Read;

    fn source(&self) -> &str {
        &self.source.name
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.session.dialect()
    }

    fn memory(&self) -> &Memory {
        &self.source.memory
    }

    fn pace(&self) -> Duration {
        self.source.pace
    }

    async fn read(&mut self) -> Result<Read, Broken> {
        Ok(self.source.catalog(self.session).await?)
    }

    fn footprint<'a>(&self, map: &'a DataMap, read: &'a Read) -> Result<Footprint<'a>, SourceError> {
        self.source.footprint(map, read, self.session)
    }

    fn purge<'a>(&self, map: &'a DataMap, read: &'a Read, name: &str) -> Result<Purge<'a>, SourceError> {
        self.source.purge(map, read, name, self.session)
    }

    async fn take(&mut self, key: &ReceiptKey) -> Result<bool, Broken> {
        Ok(receipt::take(self.session, &self.source.home, key, "done").await?)
    }

    async fn find(&mut self, key: &ReceiptKey) -> Result<Option<Receipt>, Broken> {
        Ok(receipt::find(self.session, &self.source.home, key).await?)
    }

    async fn parts(&mut self, key: &ReceiptKey) -> Result<Vec<String>, Broken> {
        Ok(receipt::parts(self.session, &self.source.home, key).await?)
    }

    async fn touched(&mut self, key: &ReceiptKey, touched: &str) -> Result<(), Broken> {
        Ok(receipt::touched(self.session, &self.source.home, key, touched).await?)
    }

    async fn give_back(&mut self, key: &ReceiptKey) -> Result<(), Broken> {
        Ok(receipt::give_back(self.session, &self.source.home, key).await?)
    }

    async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, Broken> {
        Ok(self.session.lines(sql).await?)
    }

    async fn texts(&mut self, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, Broken> {
        Ok(self.session.texts(sql).await?)
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, Broken> {
        Ok(self.session.execute(sql).await?)
    }

    async fn together(&mut self, asked: &[Ask]) -> Result<Vec<Answer>, Broken> {
        Ok(self.session.together(asked).await?)
    }

    async fn collect(&mut self, node: usize, sql: &Sql) -> Result<(), Broken> {
        Ok(self.session.collect(node, sql).await?)
    }

    async fn make(&mut self, makings: &[Making]) -> Result<(), Broken> {
        Ok(make::before(self.session, makings, self.source.pseudonyms.as_ref()).await?)
    }

    async fn commit(self) -> Result<(), Broken> {
        match self.session.run("COMMIT").await {
            Ok(()) => Ok(()),
            Err(error) if was_rolled_back(&error) => Err(error.into()),
            Err(_) => Err(Broken::Told(SourceError::Unknown {
                source_name: self.source.name.clone(),
                reason: "the connection broke, or was killed, while it was committing".to_owned(),
            })),
        }
    }
}
