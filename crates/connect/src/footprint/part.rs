//! What an erasure may do in parts: clear and delete rows so that whose each other row is stays what it was meanwhile
//! (`docs/decisions/027-erasure-in-parts.md`). It must not know any driver.

use std::collections::BTreeSet;

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::Rule;

use super::clear::Making;
use super::purge::Purge;
use super::reach::Start;
use super::{Footprint, Lead, Node, numbers, reach_name, tuple};
use crate::catalog::{Kind, Table};
use crate::dialect::Dialect;
use crate::sql::{Sql, quote};

/// Rows of one table that can be treated in any order and at any time.
pub(crate) struct Portion {
    pub(crate) table: String,
    /// The number of the temporary table into which a part's rows are picked; no node has it.
    pub(crate) number: usize,
    /// Nodes whose reached rows have to be collected before, in order.
    pub(crate) needs: Vec<usize>,
    pick: Sql,
    /// What has to be made of what was picked before anything is done to it.
    pub(crate) makings: Vec<Making>,
    /// Treats what was picked.
    pub(crate) act: Sql,
    /// `line, rows` of what was picked and is not as it should be afterwards.
    pub(crate) undone: Option<Sql>,
}

impl Portion {
    /// Rows that are deleted.
    fn deleting(
        table: &Table,
        number: usize,
        needs: Vec<usize>,
        pick: Sql,
        dialect: &'static dyn Dialect,
    ) -> Self {
        let mut act = Sql::new(dialect);
        act.push(&format!("{} WHERE {}", dialect.delete(&table.quoted), picked(table, number)));
        Self { table: table.name.clone(), number, needs, pick, makings: vec![], act, undone: None }
    }

    /// Selects what names at most so many rows.
    pub(crate) fn pick(&mut self, rows: u64) -> &Sql {
        self.pick.push(&format!(" LIMIT {rows}"));
        &self.pick
    }
}

/// The condition that a row called `x` was picked.
fn picked(table: &Table, number: usize) -> String {
    let own = tuple(table.row_id.iter().map(|it| format!("x.{}", quote(it))));
    format!("{own} IN (SELECT {} FROM {})", ids(table, ""), reach_name(number))
}

/// The names under which a row's id is collected.
fn ids(table: &Table, of: &str) -> String {
    (0..table.row_id.len()).map(|r| format!("{of}r{r}")).collect::<Vec<_>>().join(", ")
}

/// A table's own columns that name one row, as they are collected.
fn own_ids(table: &Table) -> String {
    let each = table.row_id.iter().enumerate().map(|(r, it)| format!("x.{} AS r{r}", quote(it)));
    each.collect::<Vec<_>>().join(", ")
}

/// Whether single rows of a table can be named, and nothing acts when they go or change.
fn is_plain(table: &Table) -> bool {
    !table.row_id.is_empty() && table.triggers.is_empty()
}

fn is_text(node: &Node<'_>, column: &str) -> bool {
    node.column(column).is_none_or(|it| it.kind == Kind::Text)
}

/// The condition that a row of `child` points to the row called `x`.
fn pointing(child: &str, on: &[(String, String)]) -> String {
    let same = on.iter().map(|(own, theirs)| format!("y.{} = x.{}", quote(own), quote(theirs)));
    format!("EXISTS (SELECT 1 FROM {child} AS y WHERE {})", same.collect::<Vec<_>>().join(" AND "))
}

impl<'a> Footprint<'a> {
    /// What goes in parts, in the order of the whole: first what is cleared, then what is deleted.
    pub(crate) fn portions(&self, starts: &[Start]) -> Vec<Portion> {
        let mut portions = vec![];
        for (i, line, rule) in self.cleared_in_parts() {
            portions.push(self.clearing_portion(i, line, rule, self.nodes.len() + portions.len(), starts));
        }
        for i in self.ties.order.iter().flatten().copied() {
            if let Ok(hanging) = self.deletes_alone(i) {
                portions.push(self.deleting_portion(i, &hanging, self.nodes.len() + portions.len(), starts));
            }
        }
        portions
    }

    /// Why rows of a node wait for the last transaction although they are cleared or deleted.
    pub(crate) fn whole_because(&self, i: usize) -> Option<&'static str> {
        let node = &self.nodes[i];
        if node.root.is_some() {
            return None;
        }
        let deleted = !self.deleting(node).is_empty();
        let deleted = deleted.then(|| self.deletes_alone(i).err()).flatten();
        deleted.or_else(|| {
            let mut rules = self.clearing(node).into_iter();
            rules.any(|(_, rule)| !self.clears_alone(i, rule)).then_some(
                "a column that is cleared leads to it or from it, names its rows, or is acted on by a trigger",
            )
        })
    }

    /// The lines whose rows are cleared in parts, each with its node.
    pub(crate) fn cleared_in_parts(&self) -> Vec<(usize, usize, &'a Rule)> {
        let nodes = self.nodes.iter().enumerate();
        let lines = nodes.flat_map(|(i, node)| self.clearing(node).into_iter().map(move |(l, r)| (i, l, r)));
        lines.filter(|(i, _, rule)| self.clears_alone(*i, rule)).collect()
    }

    /// Whether a row that `rule` has cleared is the subject's by the same line as before, or by none, and whose every
    /// other row is stays what it was.
    fn clears_alone(&self, i: usize, rule: &Rule) -> bool {
        let node = &self.nodes[i];
        let changed = |name: &str| rule.empty.iter().any(|it| it == name) || rule.replace.contains_key(name);
        let by_which_it_is_named = node.table.row_id.iter().any(|it| changed(it));
        let on_which_others_rest =
            node.carried.iter().any(|it| changed(it))
                || self.catalog.keys.iter().any(|it| {
                    it.parent == node.table.name && it.on.iter().any(|(_, theirs)| changed(theirs))
                });
        let by_which_it_is_reached = node.ways.iter().any(|it| match &it.lead {
            Lead::Key(on) => on.iter().any(|(own, _)| changed(own)),
            Lead::Value(column, _) => changed(column),
        });
        let stays_whose_it_was = !by_which_it_is_reached || (node.ways.len() == 1 && !self.leads_on(i));
        let told_apart_alone = node.root.is_none() && node.stay_line.is_none();
        told_apart_alone
            && is_plain(node.table)
            && !by_which_it_is_named
            && !on_which_others_rest
            && stays_whose_it_was
    }

    fn leads_on(&self, i: usize) -> bool {
        self.nodes.iter().any(|other| {
            other.ways.iter().any(|it| it.origin == i) || other.detaches.iter().any(|it| it.origin == i)
        })
    }

    /// The conditions that something hangs on a row called `x`: only a row on which nothing hangs any more goes in a
    /// part. Or why it cannot.
    fn deletes_alone(&self, i: usize) -> Result<Vec<String>, &'static str> {
        let node = &self.nodes[i];
        if node.root.is_some() || node.stay_line.is_some() {
            return Err("its rows may be others' too");
        }
        if !is_plain(node.table) {
            return Err("it has a trigger, or nothing names one of its rows");
        }
        let unclear = "what hangs on one of its rows cannot be told by keys";
        let mut pointers: BTreeSet<(&str, &[(String, String)])> = BTreeSet::new();
        for key in self.catalog.keys.iter().filter(|it| it.parent == node.table.name) {
            let child = self.catalog.tables.get(&key.child).filter(|_| !key.on.is_empty());
            pointers.insert((&child.ok_or(unclear)?.quoted, &key.on));
        }
        for other in &self.nodes {
            let ways = other.ways.iter().filter(|it| it.origin == i).map(|it| &it.lead);
            let detaches = other.detaches.iter().filter(|it| it.origin == i).map(|it| &it.lead);
            for lead in ways.chain(detaches) {
                let Lead::Key(on) = lead else { return Err(unclear) };
                // Texts that no key of the source compares may be of two kinds.
                if !self.loose(other, node, on).is_empty() && on.iter().any(|it| is_text(other, &it.0)) {
                    return Err(unclear);
                }
                pointers.insert((&other.table.quoted, on));
            }
        }
        Ok(pointers.into_iter().map(|(child, on)| pointing(child, on)).collect())
    }

    fn deleting_portion(&self, i: usize, hanging: &[String], number: usize, starts: &[Start]) -> Portion {
        let node = &self.nodes[i];
        let mut pick = Sql::new(self.dialect);
        let of_them = format!(") AS p WHERE p.rule IN ({})", numbers(&self.deleting(node)));
        if hanging.is_empty() {
            pick.push(&format!("SELECT {} FROM (", ids(node.table, "p.")));
            self.reached(i, starts, &mut pick);
            pick.push(&of_them);
        } else {
            pick.push(&format!("SELECT {} FROM {} AS x WHERE ", own_ids(node.table), node.table.quoted));
            pick.push(&format!("{} IN (SELECT {} FROM (", node.row_id("x"), ids(node.table, "p.")));
            self.reached(i, starts, &mut pick);
            pick.push(&format!("{of_them})"));
            for it in hanging {
                pick.push(&format!(" AND NOT {it}"));
            }
        }
        Portion::deleting(node.table, number, self.leading_to(i), pick, self.dialect)
    }

    fn clearing_portion(
        &self,
        i: usize,
        line: usize,
        rule: &'a Rule,
        number: usize,
        starts: &[Start],
    ) -> Portion {
        let node = &self.nodes[i];
        let mut pick = Sql::new(self.dialect);
        pick.push(&format!("SELECT {} FROM {} AS x WHERE ", own_ids(node.table), node.table.quoted));
        pick.push(&format!("{} IN (SELECT {} FROM (", node.row_id("x"), ids(node.table, "p.")));
        self.reached(i, starts, &mut pick);
        pick.push(&format!(") AS p WHERE p.rule = {line}) AND NOT "));
        self.cleared(node, rule, "x", &mut pick);
        let picked = picked(node.table, number);
        let mut undone = Sql::new(self.dialect);
        undone.push(&format!("SELECT {line} AS line, count(*) AS n FROM {} AS x WHERE ", node.table.quoted));
        undone.push(&format!("{picked} AND NOT "));
        self.cleared(node, rule, "x", &mut undone);
        Portion {
            table: node.table.name.clone(),
            number,
            needs: self.leading_to(i),
            pick,
            makings: self.makings_of(node, rule, &picked),
            act: self.clear_rows(node, rule, &picked),
            undone: Some(undone),
        }
    }

    /// The nodes that lead to `i`, in order.
    fn leading_to(&self, i: usize) -> Vec<usize> {
        let mut origins = BTreeSet::new();
        self.origins(i, &mut origins);
        self.reach_order.iter().copied().filter(|it| origins.contains(it)).collect()
    }

    pub(super) fn origins(&self, i: usize, all: &mut BTreeSet<usize>) {
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
        let pick = self.pick(&own_ids(self.table), before);
        vec![Portion::deleting(self.table, 0, vec![], pick, self.dialect())]
    }
}
