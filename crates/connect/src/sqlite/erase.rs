//! A writing transaction, as the steps of an erasure need it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::SourceError;
use countersign_service::settings::datamap::DataMap;
use rusqlite::Connection;

use super::{Inner, Sqlite, connection, receipt};
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::erasing::Transacting;
use crate::footprint::purge::Purge;
use crate::footprint::{Footprint, reach_name};
use crate::memory::Memory;
use crate::sql::Sql;

/// The only writer of the file until it ends.
pub(super) struct Writing<'a> {
    inner: &'a Inner,
    connection: &'a mut Connection,
}

impl<'a> Writing<'a> {
    pub(super) fn begin(inner: &'a Inner, connection: &'a mut Connection) -> Result<Self, SourceError> {
        connection
            .execute_batch("BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON")
            .map_err(|it| inner.failed(&it))?;
        Ok(Self { inner, connection })
    }

    fn told<T>(&self, result: rusqlite::Result<T>) -> Result<T, SourceError> {
        result.map_err(|it| self.inner.failed(&it))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // Where it cannot be said, the end of the connection says it.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

#[async_trait]
impl Transacting for Writing<'_> {
    type Error = SourceError;
    type Read = Arc<Catalog>;

    fn source(&self) -> &str {
        &self.inner.name
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &Sqlite
    }

    fn memory(&self) -> &Memory {
        &self.inner.memory
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(self.inner.options.pace_ms)
    }

    async fn read(&mut self) -> Result<Arc<Catalog>, SourceError> {
        self.inner.catalog(self.connection)
    }

    fn footprint<'a>(&self, map: &'a DataMap, read: &'a Arc<Catalog>) -> Result<Footprint<'a>, SourceError> {
        self.inner.footprint(map, read)
    }

    fn purge<'a>(
        &self,
        map: &'a DataMap,
        read: &'a Arc<Catalog>,
        name: &str,
    ) -> Result<Purge<'a>, SourceError> {
        self.inner.purge(map, read, name)
    }

    async fn take(&mut self, key: &ReceiptKey) -> Result<bool, SourceError> {
        self.told(receipt::take(self.connection, key, "done"))
    }

    async fn find(&mut self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        self.told(receipt::find(self.connection, key))
    }

    async fn parts(&mut self, key: &ReceiptKey) -> Result<Vec<String>, SourceError> {
        self.told(receipt::parts(self.connection, key))
    }

    async fn touched(&mut self, key: &ReceiptKey, touched: &str) -> Result<(), SourceError> {
        self.told(receipt::touched(self.connection, key, touched))
    }

    async fn give_back(&mut self, key: &ReceiptKey) -> Result<(), SourceError> {
        self.told(receipt::give_back(self.connection, key))
    }

    async fn lines(&mut self, sql: &Sql) -> Result<Vec<(usize, u64)>, SourceError> {
        self.inner.lines(self.connection, sql)
    }

    async fn texts(&mut self, sql: &Sql) -> Result<Vec<Vec<Option<String>>>, SourceError> {
        self.told(connection::texts(self.connection, sql))
    }

    async fn execute(&mut self, sql: &Sql) -> Result<u64, SourceError> {
        self.told(connection::execute(self.connection, sql))
    }

    async fn collect(&mut self, node: usize, sql: &Sql) -> Result<(), SourceError> {
        let mut make = Sql::new(&Sqlite);
        make.push(&format!("CREATE TEMP TABLE {} AS {}", reach_name(node), sql.text));
        make.params.clone_from(&sql.params);
        self.told(connection::execute(self.connection, &make)).map(|_| ())
    }

    async fn commit(self) -> Result<(), SourceError> {
        let error = match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                // What was erased may still stand in the write-ahead log; whoever reads it now keeps it a while.
                let _ = self.connection.busy_timeout(Duration::ZERO);
                let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                return Ok(());
            }
            Err(error) => error,
        };
        // The transaction is still open after a busy file or a broken key: then nothing was committed.
        let open = !self.connection.is_autocommit();
        match self.inner.failed(&error) {
            certain if open => Err(certain),
            SourceError::Unavailable { source_name, reason }
            | SourceError::Unknown { source_name, reason }
            | SourceError::Refused { source_name, reason } => {
                Err(SourceError::Unknown { source_name, reason })
            }
        }
    }
}
