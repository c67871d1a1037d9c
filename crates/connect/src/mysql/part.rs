//! A part of an erasing step, in a transaction of its own: the keys of the step and of the part first, then picking,
//! comparing, deleting, commit (`docs/decisions/027-erasure-in-parts.md`).

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, ReceiptKey};
use countersign_service::ports::source::{Stepped, Target};
use countersign_service::settings::datamap::DataMap;

use super::connection::Session;
use super::erase::Broken;
use super::{MysqlSource, receipt};
use crate::footprint::part::{self, Portion};
use crate::job::{beyond, refused};
use crate::sql::Sql;

/// What goes in parts, or why nothing does.
enum Ahead {
    Portions(Vec<Portion>),
    RollBack(Stepped),
}

impl MysqlSource {
    /// Does a part; `None` if nothing is left that goes in parts.
    pub(super) async fn part_once(
        &self,
        session: &mut Session,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Option<Stepped>, Broken> {
        self.prepare(session).await?;
        session.run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").await?;
        session.run("START TRANSACTION").await?;
        let whole = ReceiptKey { chunk: 0, ..key.clone() };
        // INVARIANT 6: whoever does a part holds the key of the whole meanwhile; once it is taken there are no parts.
        if !receipt::take(session, &self.home, &whole, "done").await? {
            return self.standing(session, &whole).await.map(Some);
        }
        if !receipt::take(session, &self.home, key, "done").await? {
            return self.standing(session, key).await.map(Some);
        }
        let before = receipt::parts(session, &self.home, key).await?;
        let before = part::so_far(&before).map_err(|it| refused(&self.name, it))?;
        let portions = match self.ahead(session, map, target, ceiling, before.is_none()).await? {
            Ahead::Portions(portions) => portions,
            Ahead::RollBack(stepped) => return Ok(Some(stepped)),
        };
        let mut room = u64::from(map.chunk_rows.unwrap_or(u32::MAX));
        let mut touched = Counts::default();
        for mut portion in portions {
            let number = portion.number;
            session.collect(number, portion.pick(room)).await?;
            self.pause().await;
            let gone = session.execute(&portion.remove).await?;
            self.compare(&portion.table, room, gone)?;
            if gone > 0 {
                touched.add(&self.name, &portion.table, gone);
            }
            room -= gone;
            if room == 0 {
                break;
            }
        }
        if touched.rows() == 0 {
            return Ok(None);
        }
        let mut sum = before.unwrap_or_default();
        sum.add_all(&touched);
        if beyond(&sum, ceiling) {
            return Ok(Some(Stepped::Beyond { counted: sum }));
        }
        let text = serde_json::to_string(&touched).unwrap_or_else(|_| "{}".to_owned());
        receipt::touched(session, &self.home, key, &text).await?;
        receipt::give_back(session, &self.home, &whole).await?;
        self.commit(session).await?;
        Ok(Some(Stepped::Part(receipt::done(key, touched))))
    }

    /// What a key that is taken says.
    pub(super) async fn standing(&self, session: &mut Session, key: &ReceiptKey) -> Result<Stepped, Broken> {
        match receipt::find(session, &self.home, key).await? {
            Some(standing) if standing.outcome == Outcome::Void => Ok(Stepped::Void(standing)),
            Some(standing) if key.chunk > 0 => Ok(Stepped::Part(standing)),
            Some(standing) => Ok(Stepped::Done(standing)),
            None => Err(refused(&self.name, "a receipt is taken and cannot be read").into()),
        }
    }

    /// Collects what leads to the rows that go in parts; before the first of them, looks whether the whole may be done.
    async fn ahead(
        &self,
        session: &mut Session,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        first: bool,
    ) -> Result<Ahead, Broken> {
        let read = self.catalog(session).await?;
        let roots = match target {
            Target::Subject(roots) => roots,
            Target::Dataset { name, before } => {
                let (count, portions, table) = {
                    let purge = self.purge(map, &read, name, session)?;
                    (purge.count(*before), purge.portions(*before), purge.table.name.clone())
                };
                let mut counted = Counts::default();
                if first {
                    for (_, rows) in session.lines(&count).await? {
                        counted.add(&self.name, &table, rows);
                    }
                }
                return Ok(match beyond(&counted, ceiling) {
                    true => Ahead::RollBack(Stepped::Beyond { counted }),
                    false => Ahead::Portions(portions),
                });
            }
        };
        let footprint = self.footprint(map, &read, session)?;
        let starts = self.starts(map, roots)?;
        if let Some(what) = self.roots_missing(session, &footprint, &starts).await? {
            return Ok(Ahead::RollBack(Stepped::Changed { what }));
        }
        if first {
            let found = session.lines(&footprint.look_ahead(&starts)).await?;
            let counted = footprint.counts(&self.name, &found);
            if beyond(&counted, ceiling) {
                return Ok(Ahead::RollBack(Stepped::Beyond { counted }));
            }
            if let Some(sql) = footprint.strangers_ahead(&starts)
                && let Some(reason) = footprint.stopped(&session.lines(&sql).await?)
            {
                return Err(refused(&self.name, reason).into());
            }
        }
        let portions = footprint.portions(&starts);
        for i in footprint.reach_order.iter().copied() {
            if !portions.iter().any(|it| it.needs.contains(&i)) {
                continue;
            }
            let mut sql = Sql::new(session.dialect());
            footprint.reached(i, &starts, &mut sql);
            session.collect(i, &sql).await?;
        }
        Ok(Ahead::Portions(portions))
    }
}
