//! What an erasure may do in parts: rows of tables that lead to nothing and to which nothing points, so that whose each
//! is stays what it was while the others go (`docs/decisions/027-erasure-in-parts.md`). It must not know any driver.

use std::collections::BTreeSet;

use countersign_core::time::Timestamp;

use super::purge::Purge;
use super::reach::Start;
use super::{Effect, Footprint, numbers, reach_name, tuple};
use crate::catalog::Table;
use crate::dialect::Dialect;
use crate::sql::{Sql, quote};

/// Rows of one table that can go in any order and at any time.
pub(crate) struct Portion {
    pub(crate) table: String,
    /// The number of the temporary table into which a part's rows are picked; no node has it.
    pub(crate) number: usize,
    /// Nodes whose reached rows have to be collected before, in order.
    pub(crate) needs: Vec<usize>,
    pick: Sql,
    /// Removes what was picked.
    pub(crate) remove: Sql,
}

impl Portion {
    fn of(table: &Table, number: usize, needs: Vec<usize>, pick: Sql, dialect: &'static dyn Dialect) -> Self {
        let ids = (0..table.row_id.len()).map(|r| format!("r{r}")).collect::<Vec<_>>().join(", ");
        let own = tuple(table.row_id.iter().map(|it| format!("x.{}", quote(it))));
        let mut remove = Sql::new(dialect);
        let begin = dialect.delete(&table.quoted);
        remove.push(&format!("{begin} WHERE {own} IN (SELECT {ids} FROM {})", reach_name(number)));
        Self { table: table.name.clone(), number, needs, pick, remove }
    }

    /// Selects what names at most so many rows.
    pub(crate) fn pick(&mut self, rows: u64) -> &Sql {
        self.pick.push(&format!(" LIMIT {rows}"));
        &self.pick
    }
}

/// Whether single rows of a table can be named, and nothing acts when they go.
fn is_plain(table: &Table) -> bool {
    !table.row_id.is_empty() && table.triggers.is_empty()
}

impl<'a> Footprint<'a> {
    /// What goes in parts, in the order of deletion.
    pub(crate) fn portions(&self, starts: &[Start]) -> Vec<Portion> {
        let leaves = self.ties.order.iter().flatten().copied().filter(|it| self.is_leaf(*it));
        leaves.enumerate().map(|(n, i)| self.portion(i, self.nodes.len() + n, starts)).collect()
    }

    fn is_leaf(&self, i: usize) -> bool {
        let node = &self.nodes[i];
        let leads_on = self.nodes.iter().any(|other| {
            other.ways.iter().any(|it| it.origin == i) || other.detaches.iter().any(|it| it.origin == i)
        });
        let is_pointed_to = self.catalog.keys.iter().any(|it| it.parent == node.table.name);
        let told_apart_alone = node.root.is_none() && node.stay_line.is_none();
        told_apart_alone && is_plain(node.table) && !leads_on && !is_pointed_to
    }

    fn portion(&self, i: usize, number: usize, starts: &[Start]) -> Portion {
        let node = &self.nodes[i];
        let mut origins = BTreeSet::new();
        self.origins(i, &mut origins);
        let needs = self.reach_order.iter().copied().filter(|it| origins.contains(it)).collect();
        let deleting: Vec<usize> =
            node.own_lines().filter(|it| matches!(self.effects[*it], Effect::Delete)).collect();
        let ids = (0..node.table.row_id.len()).map(|r| format!("p.r{r}")).collect::<Vec<_>>().join(", ");
        let mut pick = Sql::new(self.dialect);
        pick.push(&format!("SELECT {ids} FROM ("));
        self.reached(i, starts, &mut pick);
        pick.push(&format!(") AS p WHERE p.rule IN ({})", numbers(&deleting)));
        Portion::of(node.table, number, needs, pick, self.dialect)
    }

    fn origins(&self, i: usize, all: &mut BTreeSet<usize>) {
        for way in &self.nodes[i].ways {
            if all.insert(way.origin) {
                self.origins(way.origin, all);
            }
        }
    }

    /// `line, rows` of everything, as [`Footprint::count`] says it, where nothing is collected yet.
    pub(crate) fn look_ahead(&self, starts: &[Start]) -> Sql {
        let mut sql = Sql::new(self.dialect);
        self.with_reached(starts, &mut sql);
        self.count(&mut sql);
        sql
    }

    /// As [`Footprint::strangers`], where nothing is collected yet.
    pub(crate) fn strangers_ahead(&self, starts: &[Start]) -> Option<Sql> {
        let strangers = self.strangers()?;
        let mut sql = Sql::new(self.dialect);
        self.with_reached(starts, &mut sql);
        // It says which rows by what was collected, and binds no value of its own.
        sql.push(&strangers.text);
        Some(sql)
    }
}

impl Purge<'_> {
    /// Old rows as a portion, if they can go in parts.
    pub(crate) fn portions(&self, before: Timestamp) -> Vec<Portion> {
        if !is_plain(self.table) {
            return vec![];
        }
        let ids = self.table.row_id.iter().enumerate().map(|(r, it)| format!("x.{} AS r{r}", quote(it)));
        let pick = self.pick(&ids.collect::<Vec<_>>().join(", "), before);
        vec![Portion::of(self.table, 0, vec![], pick, self.dialect())]
    }
}
