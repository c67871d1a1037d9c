//! The erasing transaction: receipt first, then locking, counting, comparing, acting, counting again, commit.

use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;
use mysql_async::Error;

use super::connection::Session;
use super::failure::{lost_a_race, was_rolled_back};
use super::{MysqlSource, make, receipt};
use crate::footprint::act::Act;
use crate::footprint::reach::Start;
use crate::footprint::{Footprint, lookup, part};
use crate::job::{beyond, plus, refused, unavailable};
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

/// How the transaction is to end.
enum End {
    Commit(Counts),
    RollBack(Stepped),
}

impl MysqlSource {
    pub(super) async fn prepare(&self, session: &mut Session) -> Result<(), SourceError> {
        match receipt::prepare(session, &self.home).await {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(refused(&self.name, reason)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    pub(super) async fn erase_again_if_lost(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, SourceError> {
        let whole = ReceiptKey { chunk: 0, ..key.clone() };
        let mut parts_left = key.chunk > 0;
        for _ in 0..TRIES {
            let mut session = self.session().await?;
            let tried = match key.chunk {
                0 => self.erase_once(&mut session, key, map, target, ceiling).await.map(Some),
                _ if parts_left => self.part_once(&mut session, key, map, target, ceiling).await,
                _ => self.erase_once(&mut session, &whole, map, target, ceiling).await.map(Some),
            };
            // Whatever was not committed is undone before anybody tries again: a statement that failed, or waited too
            // long for a lock, leaves the rest of its transaction standing.
            if !matches!(tried, Ok(Some(Stepped::Done(_) | Stepped::Part(_)))) {
                // Where that cannot be said to the server, the end of the connection says it.
                let _ = session.run("ROLLBACK").await;
            }
            session.close().await;
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

    async fn erase_once(
        &self,
        session: &mut Session,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, Broken> {
        self.prepare(session).await?;
        session.run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").await?;
        session.run("START TRANSACTION").await?;
        // INVARIANT 6: the receipt is the first statement. Whoever finds its key taken has nothing to do.
        if !receipt::take(session, &self.home, key, "done").await? {
            return self.standing(session, key).await;
        }
        let parts = receipt::parts(session, &self.home, key).await?;
        let parts = part::so_far(&parts).map_err(|it| refused(&self.name, it))?.unwrap_or_default();
        let end = match target {
            Target::Subject(roots) => {
                let starts = self.starts(map, roots)?;
                self.erase_subject(session, map, &starts, ceiling, &parts).await?
            }
            Target::Dataset { .. } => self.erase_dataset(session, map, target, ceiling, &parts).await?,
        };
        match end {
            End::RollBack(stepped) => Ok(stepped),
            End::Commit(touched) => {
                let text = serde_json::to_string(&touched).unwrap_or_else(|_| "{}".to_owned());
                receipt::touched(session, &self.home, key, &text).await?;
                self.commit(session).await?;
                Ok(Stepped::Done(receipt::done(key, touched)))
            }
        }
    }

    async fn erase_dataset(
        &self,
        session: &mut Session,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        parts: &Counts,
    ) -> Result<End, Broken> {
        let Target::Dataset { name, before } = target else {
            return Err(refused(&self.name, "a subject is no dataset").into());
        };
        let read = self.catalog(session).await?;
        let purge = self.purge(map, &read, name, session)?;
        let mut counted = Counts::default();
        for (_, rows) in session.lines(&purge.count(*before)).await? {
            counted.add(&self.name, &purge.table.name, rows);
        }
        let sum = plus(&counted, parts);
        if beyond(&sum, ceiling) {
            return Ok(End::RollBack(Stepped::Beyond { counted: sum }));
        }
        self.pause().await;
        let gone = session.execute(&purge.delete(*before)).await?;
        self.compare(&purge.table.name, counted.rows(), gone)?;
        Ok(End::Commit(counted))
    }

    async fn erase_subject(
        &self,
        session: &mut Session,
        map: &DataMap,
        starts: &[Start],
        ceiling: Option<&Counts>,
        parts: &Counts,
    ) -> Result<End, Broken> {
        let read = self.catalog(session).await?;
        let footprint = self.footprint(map, &read, session)?;
        if let Some(what) = self.roots_missing(session, &footprint, starts).await? {
            return Ok(End::RollBack(Stepped::Changed { what }));
        }
        for i in footprint.reach_order.iter().copied().filter(|it| footprint.nodes[*it].held) {
            if let Some(lock) = footprint.lock_shared(i) {
                session.texts(&lock).await?;
            }
            let mut sql = Sql::new(session.dialect());
            footprint.reached(i, starts, &mut sql);
            session.collect(i, &sql).await?;
        }
        let mut sql = Sql::new(session.dialect());
        footprint.count(&mut sql);
        let found = session.lines(&sql).await?;
        let counted = plus(&footprint.counts(&self.name, &found), parts);
        if beyond(&counted, ceiling) {
            return Ok(End::RollBack(Stepped::Beyond { counted }));
        }
        if let Some(sql) = footprint.strangers()
            && let Some(reason) = footprint.stopped(&session.lines(&sql).await?)
        {
            return Err(refused(&self.name, reason).into());
        }
        for root in &footprint.map.roots {
            let Some((sql, columns)) = footprint.remember(root, starts) else { continue };
            let rows = session.texts(&sql).await?;
            self.memory.keep(rows.into_iter().filter_map(|row| lookup::remembered(root, &columns, row)));
        }
        make::before(session, &footprint.makings(), self.pseudonyms.as_ref()).await?;
        for Act { sql, lines: of } in footprint.acts() {
            self.pause().await;
            let touched = session.execute(&sql).await?;
            if let Some(of) = of {
                let wanted = found.iter().filter(|(line, _)| of.contains(line)).map(|(_, rows)| rows).sum();
                let table = of.first().and_then(|it| footprint.lines.get(*it)).map_or("", |it| &*it.table);
                self.compare(table, wanted, touched)?;
            }
        }
        let mut sql = Sql::new(session.dialect());
        footprint.left(None, &mut sql);
        let left = footprint.touched(&self.name, &session.lines(&sql).await?);
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
        session: &mut Session,
        footprint: &Footprint<'_>,
        starts: &[Start],
    ) -> Result<Option<String>, Error> {
        for (wanted, sql) in footprint.count_roots(starts, true) {
            let there = session.texts(&sql).await?.len();
            if there != wanted {
                return Ok(Some(format!("{there} of {wanted} root rows are there")));
            }
        }
        Ok(None)
    }

    /// Whether a statement did to as many rows as were counted. Fewer may be right, where a row had its value already
    /// or the database itself removed some with others; that nothing is left is looked at afterwards.
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

    pub(super) async fn commit(&self, session: &mut Session) -> Result<(), Broken> {
        match session.run("COMMIT").await {
            Ok(()) => Ok(()),
            Err(error) if was_rolled_back(&error) => Err(error.into()),
            Err(_) => Err(Broken::Told(SourceError::Unknown {
                source_name: self.name.clone(),
                reason: "the connection broke, or was killed, while it was committing".to_owned(),
            })),
        }
    }
}
