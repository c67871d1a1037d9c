//! A part of an erasing step, in a transaction of its own: the keys of the step and of the part first, then picking,
//! comparing, deleting, commit (`docs/decisions/027-erasure-in-parts.md`).

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, ReceiptKey};
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{Inner, Sqlite, connection, receipt};
use crate::footprint::part::{self, Portion};
use crate::footprint::reach_name;
use crate::job::{beyond, refused};
use crate::sql::Sql;

/// What goes in parts, or why nothing does.
enum Ahead {
    Portions(Vec<Portion>),
    RollBack(Stepped),
}

impl Inner {
    /// Does a part; `None` if nothing is left that goes in parts.
    pub(super) fn part(
        &self,
        connection: &mut Connection,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Option<Stepped>, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let whole = ReceiptKey { chunk: 0, ..key.clone() };
        // INVARIANT 6: whoever does a part holds the key of the whole meanwhile; once it is taken there are no parts.
        if !receipt::take(&transaction, &whole, "done").map_err(failed)? {
            return self.standing(&transaction, &whole).map(Some);
        }
        if !receipt::take(&transaction, key, "done").map_err(failed)? {
            return self.standing(&transaction, key).map(Some);
        }
        let before = receipt::parts(&transaction, key).map_err(failed)?;
        let before = part::so_far(&before).map_err(|it| refused(&self.name, it))?;
        let portions = match self.ahead(&transaction, map, target, ceiling, before.is_none())? {
            Ahead::Portions(portions) => portions,
            Ahead::RollBack(stepped) => return Ok(Some(stepped)),
        };
        let mut room = u64::from(map.chunk_rows.unwrap_or(u32::MAX));
        let mut touched = Counts::default();
        for mut portion in portions {
            let mut pick = Sql::new(&Sqlite);
            pick.push(&format!("CREATE TEMP TABLE {} AS ", reach_name(portion.number)));
            let picked = portion.pick(room);
            pick.push(&picked.text).params.extend(picked.params.iter().cloned());
            connection::execute(&transaction, &pick).map_err(failed)?;
            self.pause();
            let gone = connection::execute(&transaction, &portion.remove).map_err(failed)?;
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
        receipt::touched(&transaction, key, &text).map_err(failed)?;
        receipt::give_back(&transaction, &whole).map_err(failed)?;
        self.commit(transaction)?;
        Ok(Some(Stepped::Part(receipt::done(key, touched))))
    }

    /// What a key that is taken says.
    pub(super) fn standing(
        &self,
        transaction: &Transaction<'_>,
        key: &ReceiptKey,
    ) -> Result<Stepped, SourceError> {
        match receipt::find(transaction, key).map_err(|it| self.failed(&it))? {
            Some(standing) if standing.outcome == Outcome::Void => Ok(Stepped::Void(standing)),
            Some(standing) if key.chunk > 0 => Ok(Stepped::Part(standing)),
            Some(standing) => Ok(Stepped::Done(standing)),
            None => Err(refused(&self.name, "a receipt is taken and cannot be read")),
        }
    }

    /// Collects what leads to the rows that go in parts; before the first of them, looks whether the whole may be done.
    fn ahead(
        &self,
        transaction: &Transaction<'_>,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
        first: bool,
    ) -> Result<Ahead, SourceError> {
        let failed = |it: rusqlite::Error| self.failed(&it);
        let catalog = self.catalog(transaction)?;
        let roots = match target {
            Target::Subject(roots) => roots,
            Target::Dataset { name, before } => {
                let purge = self.purge(map, &catalog, name)?;
                let mut counted = Counts::default();
                if first {
                    for (_, rows) in self.lines(transaction, &purge.count(*before))? {
                        counted.add(&self.name, &purge.table.name, rows);
                    }
                }
                return Ok(match beyond(&counted, ceiling) {
                    true => Ahead::RollBack(Stepped::Beyond { counted }),
                    false => Ahead::Portions(purge.portions(*before)),
                });
            }
        };
        let footprint = self.footprint(map, &catalog)?;
        let starts = self.starts(map, roots)?;
        if let Some(what) = self.roots_missing(transaction, &footprint, &starts)? {
            return Ok(Ahead::RollBack(Stepped::Changed { what }));
        }
        if first {
            let counted =
                footprint.counts(&self.name, &self.lines(transaction, &footprint.look_ahead(&starts))?);
            if beyond(&counted, ceiling) {
                return Ok(Ahead::RollBack(Stepped::Beyond { counted }));
            }
            if let Some(sql) = footprint.strangers_ahead(&starts)
                && let Some(reason) = footprint.stopped(&self.lines(transaction, &sql)?)
            {
                return Err(refused(&self.name, reason));
            }
        }
        let portions = footprint.portions(&starts);
        for i in &footprint.reach_order {
            if !portions.iter().any(|it| it.needs.contains(i)) {
                continue;
            }
            let mut sql = Sql::new(&Sqlite);
            sql.push(&format!("CREATE TEMP TABLE {} AS ", reach_name(*i)));
            footprint.reached(*i, &starts, &mut sql);
            connection::execute(transaction, &sql).map_err(failed)?;
        }
        Ok(Ahead::Portions(portions))
    }
}
