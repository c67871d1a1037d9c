//! The erasing transaction: receipt first, then locking, counting, comparing, acting, counting again, commit.

use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;
use tokio_postgres::{Error, IsolationLevel, Transaction};

use super::connection::{execute, lines, lost_a_race, texts, values};
use super::{Postgres, PostgresSource, make, receipt};
use crate::footprint::act::Act;
use crate::footprint::reach::Start;
use crate::footprint::{Footprint, lookup, part, reach_name};
use crate::job::{beyond, plus, refused, unavailable};
use crate::sql::Sql;

/// How often a transaction is done again after it lost against another one.
const TRIES: u32 = 5;
/// Collected rows from which on the planner is told how many they are.
const MANY: u64 = 1_000;

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

/// How the transaction is to end.
enum End {
    Commit(Counts),
    RollBack(Stepped),
}

impl PostgresSource {
    pub(super) async fn erase_again_if_lost(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, SourceError> {
        for _ in 0..TRIES {
            match self.tried(key, map, target, ceiling).await {
                Ok(stepped) => return Ok(stepped),
                Err(Broken::Server(error)) if lost_a_race(&error) => {}
                Err(Broken::Server(error)) => return Err(self.failed(&error)),
                Err(Broken::Told(error)) => return Err(error),
            }
        }
        Err(unavailable(&self.name, "the erasure lost against other transactions again and again"))
    }

    async fn tried(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, Broken> {
        if key.chunk > 0
            && let Some(stepped) = self.part_once(key, map, target, ceiling).await?
        {
            return Ok(stepped);
        }
        self.erase_once(&ReceiptKey { chunk: 0, ..key.clone() }, map, target, ceiling).await
    }

    async fn erase_once(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, Broken> {
        let mut client = self.client().await?;
        let client: &mut tokio_postgres::Client = &mut client;
        receipt::prepare(&*client, &self.home).await?;
        let transaction =
            client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
        transaction.batch_execute(&self.limits).await?;
        // INVARIANT 6: the receipt is the first statement. Whoever finds its key taken has nothing to do.
        if !receipt::take(&transaction, &self.home, key, "done").await? {
            return self.standing(&transaction, key).await;
        }
        let parts = receipt::parts(&transaction, &self.home, key).await?;
        let parts = part::so_far(&parts).map_err(|it| refused(&self.name, it))?.unwrap_or_default();
        let end = match target {
            Target::Subject(roots) => {
                self.erase_subject(&transaction, map, &self.starts(map, roots)?, ceiling, &parts).await?
            }
            Target::Dataset { name, before } => {
                let catalog = self.catalog(&transaction).await?;
                let (count, delete, table) = {
                    let purge = self.purge(map, &catalog, name)?;
                    (purge.count(*before), purge.delete(*before), purge.table.name.clone())
                };
                let mut counted = Counts::default();
                for (_, rows) in lines(&transaction, &count).await? {
                    counted.add(&self.name, &table, rows);
                }
                let sum = plus(&counted, &parts);
                if beyond(&sum, ceiling) {
                    End::RollBack(Stepped::Beyond { counted: sum })
                } else {
                    self.pause().await;
                    let gone = execute(&transaction, &delete).await?;
                    self.compare(&table, counted.rows(), gone)?;
                    End::Commit(counted)
                }
            }
        };
        match end {
            End::RollBack(stepped) => {
                transaction.rollback().await?;
                Ok(stepped)
            }
            End::Commit(touched) => {
                let text = serde_json::to_string(&touched).unwrap_or_else(|_| "{}".to_owned());
                receipt::touched(&transaction, &self.home, key, &text).await?;
                self.commit(transaction).await?;
                Ok(Stepped::Done(receipt::done(key, touched)))
            }
        }
    }

    async fn erase_subject(
        &self,
        transaction: &Transaction<'_>,
        map: &DataMap,
        starts: &[Start],
        ceiling: Option<&Counts>,
        parts: &Counts,
    ) -> Result<End, Broken> {
        let catalog = self.catalog(transaction).await?;
        let footprint = self.footprint(map, &catalog)?;
        if let Some(what) = self.roots_missing(transaction, &footprint, starts).await? {
            return Ok(End::RollBack(Stepped::Changed { what }));
        }
        let held: Vec<usize> =
            footprint.reach_order.iter().copied().filter(|it| footprint.nodes[*it].held).collect();
        for i in held {
            if let Some(lock) = footprint.lock_shared(i) {
                transaction.query(&lock.text, &values(&lock)).await?;
            }
            let mut sql = Sql::new(&Postgres);
            footprint.reached(i, starts, &mut sql);
            collect(transaction, &reach_name(i), &sql).await?;
        }
        let mut sql = Sql::new(&Postgres);
        footprint.count(&mut sql);
        let found = lines(transaction, &sql).await?;
        let counted = plus(&footprint.counts(&self.name, &found), parts);
        if beyond(&counted, ceiling) {
            return Ok(End::RollBack(Stepped::Beyond { counted }));
        }
        if let Some(sql) = footprint.strangers()
            && let Some(reason) = footprint.stopped(&lines(transaction, &sql).await?)
        {
            return Err(refused(&self.name, reason).into());
        }
        for root in &footprint.map.roots {
            let Some((sql, columns)) = footprint.remember(root, starts) else { continue };
            let rows = texts(transaction, &sql).await?;
            self.memory.keep(rows.into_iter().filter_map(|row| lookup::remembered(root, &columns, row)));
        }
        make::before(transaction, &footprint.makings(), self.pseudonyms.as_ref()).await?;
        for Act { sql, lines: of } in footprint.acts() {
            self.pause().await;
            let touched = execute(transaction, &sql).await?;
            if let Some(of) = of {
                let wanted = found.iter().filter(|(line, _)| of.contains(line)).map(|(_, rows)| rows).sum();
                let table = of.first().and_then(|it| footprint.lines.get(*it)).map_or("", |it| &*it.table);
                self.compare(table, wanted, touched)?;
            }
        }
        let mut sql = Sql::new(&Postgres);
        footprint.left(None, &mut sql);
        let left = footprint.touched(&self.name, &lines(transaction, &sql).await?);
        if let Some((_, table, rows, _)) = left.beyond(&Counts::default()) {
            let reason =
                format!("{rows} rows of `{table}` are there again after they were treated; is it a trigger?");
            return Err(refused(&self.name, reason).into());
        }
        Ok(End::Commit(footprint.touched(&self.name, &found)))
    }

    /// Root rows that should be there and are not; those that are there are locked.
    pub(super) async fn roots_missing(
        &self,
        transaction: &Transaction<'_>,
        footprint: &Footprint<'_>,
        starts: &[Start],
    ) -> Result<Option<String>, Error> {
        for (wanted, sql) in footprint.count_roots(starts, true) {
            let there = transaction.query(&sql.text, &values(&sql)).await?.len();
            if there != wanted {
                return Ok(Some(format!("{there} of {wanted} root rows are there")));
            }
        }
        Ok(None)
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

    pub(super) async fn pause(&self) {
        if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
    }

    pub(super) async fn commit(&self, transaction: Transaction<'_>) -> Result<(), Broken> {
        match transaction.commit().await {
            Ok(()) => Ok(()),
            // The server's own word: it was rolled back.
            Err(error) if error.as_db_error().is_some() => Err(error.into()),
            Err(_) => Err(Broken::Told(SourceError::Unknown {
                source_name: self.name.clone(),
                reason: "the connection broke while it was committing".to_owned(),
            })),
        }
    }
}

/// Puts what `sql` selects into a temporary table. A statement that makes a table takes no values: the table is
/// made without rows from the same statement, with NULL in their places.
pub(super) async fn collect(transaction: &Transaction<'_>, name: &str, sql: &Sql) -> Result<(), Error> {
    let shape = (1..=sql.params.len())
        .rev()
        .fold(sql.text.clone(), |text, n| text.replace(&format!("${n}::"), "NULL::"));
    let table = format!("pg_temp.{name}");
    transaction
        .batch_execute(&format!("CREATE TEMP TABLE {name} ON COMMIT DROP AS {shape} WITH NO DATA"))
        .await?;
    let rows = transaction.execute(&format!("INSERT INTO {table} {}", sql.text), &values(sql)).await?;
    if rows >= MANY {
        transaction.batch_execute(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}
