//! The erasing transaction: receipt first, then counting, comparing, acting, counting again, commit.

use std::time::Duration;

use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Inner, Sqlite, connection, receipt};
use crate::footprint::lookup;
use crate::footprint::reach::Start;
use crate::footprint::{Footprint, part, reach_name};
use crate::job::{beyond, plus, refused};
use crate::sql::Sql;

/// How the transaction is to end.
enum End {
    Commit(Counts),
    RollBack(Stepped),
}

impl Inner {
    pub(super) fn erase(
        &self,
        connection: &mut Connection,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // INVARIANT 6: the receipt is the first statement. Whoever finds its key taken has nothing to do.
        if !receipt::take(&transaction, key, "done").map_err(failed)? {
            return self.standing(&transaction, key);
        }
        let parts = receipt::parts(&transaction, key).map_err(failed)?;
        let parts = part::so_far(&parts).map_err(|it| refused(&self.name, it))?.unwrap_or_default();
        let end = match target {
            Target::Subject(roots) => {
                self.erase_subject(&transaction, map, &self.starts(map, roots)?, ceiling, &parts)?
            }
            Target::Dataset { name, before } => {
                let catalog = self.catalog(&transaction)?;
                let purge = self.purge(map, &catalog, name)?;
                let mut counted = Counts::default();
                for (_, rows) in self.lines(&transaction, &purge.count(*before))? {
                    counted.add(&self.name, &purge.table.name, rows);
                }
                let sum = plus(&counted, &parts);
                if beyond(&sum, ceiling) {
                    End::RollBack(Stepped::Beyond { counted: sum })
                } else {
                    self.pause();
                    let gone = connection::execute(&transaction, &purge.delete(*before)).map_err(failed)?;
                    self.compare(&purge.table.name, counted.rows(), gone)?;
                    End::Commit(counted)
                }
            }
        };
        match end {
            End::RollBack(stepped) => Ok(stepped),
            End::Commit(touched) => {
                let text = serde_json::to_string(&touched).unwrap_or_else(|_| "{}".to_owned());
                receipt::touched(&transaction, key, &text).map_err(failed)?;
                self.commit(transaction)?;
                Ok(Stepped::Done(receipt::done(key, touched)))
            }
        }
    }

    fn erase_subject(
        &self,
        transaction: &Transaction<'_>,
        map: &DataMap,
        starts: &[Start],
        ceiling: Option<&Counts>,
        parts: &Counts,
    ) -> Result<End, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let catalog = self.catalog(transaction)?;
        let footprint = self.footprint(map, &catalog)?;
        if let Some(what) = self.roots_missing(transaction, &footprint, starts)? {
            return Ok(End::RollBack(Stepped::Changed { what }));
        }
        transaction.execute_batch("PRAGMA defer_foreign_keys = ON").map_err(failed)?;
        let held: Vec<usize> =
            footprint.reach_order.iter().copied().filter(|it| footprint.nodes[*it].held).collect();
        for i in &held {
            let mut sql = Sql::new(&Sqlite);
            sql.push(&format!("CREATE TEMP TABLE {} AS ", reach_name(*i)));
            footprint.reached(*i, starts, &mut sql);
            connection::execute(transaction, &sql).map_err(failed)?;
        }
        let mut sql = Sql::new(&Sqlite);
        footprint.count(&mut sql);
        let lines = self.lines(transaction, &sql)?;
        let counted = plus(&footprint.counts(&self.name, &lines), parts);
        if beyond(&counted, ceiling) {
            return Ok(End::RollBack(Stepped::Beyond { counted }));
        }
        if let Some(sql) = footprint.strangers()
            && let Some(reason) = footprint.stopped(&self.lines(transaction, &sql)?)
        {
            return Err(refused(&self.name, reason));
        }
        self.remember(transaction, &footprint, starts)?;
        for act in footprint.acts() {
            self.pause();
            let touched = connection::execute(transaction, &act.sql).map_err(failed)?;
            if let Some(of) = act.lines {
                let wanted = lines.iter().filter(|(line, _)| of.contains(line)).map(|(_, rows)| rows).sum();
                let table = of.first().and_then(|it| footprint.lines.get(*it)).map_or("", |it| &*it.table);
                self.compare(table, wanted, touched)?;
            }
        }
        let mut sql = Sql::new(&Sqlite);
        footprint.left(None, &mut sql);
        let left = footprint.touched(&self.name, &self.lines(transaction, &sql)?);
        if let Some((_, table, rows, _)) = left.beyond(&Counts::default()) {
            let reason =
                format!("{rows} rows of `{table}` are there again after they were treated; is it a trigger?");
            return Err(refused(&self.name, reason));
        }
        for i in held {
            transaction.execute_batch(&format!("DROP TABLE temp.{}", reach_name(i))).map_err(failed)?;
        }
        Ok(End::Commit(footprint.touched(&self.name, &lines)))
    }

    /// Root rows that should be there and are not.
    pub(super) fn roots_missing(
        &self,
        transaction: &Transaction<'_>,
        footprint: &Footprint<'_>,
        starts: &[Start],
    ) -> Result<Option<String>, SourceError> {
        for (wanted, sql) in footprint.count_roots(starts, false) {
            let there = connection::texts(transaction, &sql).map_err(|it| self.failed(&it))?.len();
            if there != wanted {
                return Ok(Some(format!("{there} of {wanted} root rows are there")));
            }
        }
        Ok(None)
    }

    fn remember(
        &self,
        transaction: &Transaction<'_>,
        footprint: &Footprint<'_>,
        starts: &[Start],
    ) -> Result<(), SourceError> {
        for root in &footprint.map.roots {
            let Some((sql, columns)) = footprint.remember(root, starts) else { continue };
            let rows = connection::texts(transaction, &sql).map_err(|it| self.failed(&it))?;
            self.memory.keep(rows.into_iter().filter_map(|row| lookup::remembered(root, &columns, row)));
        }
        Ok(())
    }

    /// Whether a statement did to as many rows as were counted. Fewer may be right, where the database itself
    /// removed some with others; that nothing is left is looked at afterwards.
    pub(super) fn compare(&self, table: &str, counted: u64, touched: u64) -> Result<(), SourceError> {
        if touched > counted {
            let reason = format!("{touched} rows of `{table}` would be touched where {counted} were counted");
            return Err(refused(&self.name, reason));
        }
        Ok(())
    }

    pub(super) fn pause(&self) {
        if self.options.pace_ms > 0 {
            std::thread::sleep(Duration::from_millis(self.options.pace_ms));
        }
    }

    pub(super) fn commit(&self, transaction: Transaction<'_>) -> Result<(), SourceError> {
        let error = match transaction.execute_batch("COMMIT") {
            Ok(()) => {
                // What was erased may still stand in the write-ahead log; whoever reads it now keeps it a while.
                let _ = transaction.busy_timeout(Duration::ZERO);
                let _ = transaction.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                return Ok(());
            }
            Err(error) => error,
        };
        // The transaction is still open after a busy file or a broken key: then nothing was committed.
        let open = !transaction.is_autocommit();
        match self.failed(&error) {
            certain if open => Err(certain),
            SourceError::Unavailable { source_name, reason }
            | SourceError::Unknown { source_name, reason }
            | SourceError::Refused { source_name, reason } => {
                Err(SourceError::Unknown { source_name, reason })
            }
        }
    }
}
