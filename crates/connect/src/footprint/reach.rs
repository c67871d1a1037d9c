//! The SQL that says which rows are a subject's. Reached rows of a table are collected under a name of ours when other
//! tables depend on them: as common table expressions where nothing may be written, as temporary tables in an
//! erasing transaction, where the rows that led somewhere go before what they led to.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::plan::Treatment;
use countersign_service::settings::datamap::{Compare, Link, Part, Root, Template};

use super::count::bytes;
use super::{Detach, Footprint, Lead, Node, REACHED, numbers, reach_name, tuple};
use crate::catalog::{Column, Kind};
use crate::sql::{Param, Sql, quote};

/// Where a subject starts.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) table: String,
    /// The key's values as texts.
    pub(crate) key: Vec<String>,
    /// For a look afterwards: what the row held, as far as it is known. `None`: the row itself is read.
    pub(crate) known: Option<BTreeMap<String, String>>,
}

/// What a collected row has with it beside what leads on from it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carry {
    Needed,
    Bytes,
}

/// The nodes whose collected rows stand in a statement.
pub(super) fn named(text: &str) -> BTreeSet<usize> {
    let pieces = text.split(REACHED).skip(1);
    let number = |it: &str| it.split(|c: char| !c.is_ascii_digit()).next().and_then(|it| it.parse().ok());
    pieces.filter_map(number).collect()
}

impl<'a> Footprint<'a> {
    /// `WITH … ` for every table whose reached rows are collected.
    pub(crate) fn with_reached(&self, starts: &[Start], sql: &mut Sql) {
        self.with(starts, Carry::Needed, sql);
    }

    /// The same, and each row has its bytes with it.
    pub(crate) fn with_weighed(&self, starts: &[Start], sql: &mut Sql) {
        self.with(starts, Carry::Bytes, sql);
    }

    fn with(&self, starts: &[Start], carry: Carry, sql: &mut Sql) {
        let held = self.reach_order.iter().copied().filter(|it| self.nodes[*it].held);
        self.with_of(&held.collect::<Vec<_>>(), starts, carry, self.dialect.collecting(), sql);
    }

    /// The same of `nodes` alone, each of which stands after those that lead to it; the engine may make one statement of
    /// all, as it does of what is written by hand.
    pub(super) fn with_these(&self, nodes: &[usize], starts: &[Start], sql: &mut Sql) {
        self.with_of(nodes, starts, Carry::Needed, "AS", sql);
    }

    fn with_of(&self, nodes: &[usize], starts: &[Start], carry: Carry, collecting: &str, sql: &mut Sql) {
        let mut first = true;
        for i in nodes.iter().copied() {
            sql.push(if first { "WITH " } else { ", " }).push(&reach_name(i));
            sql.push(&format!(" {collecting} ("));
            first = false;
            self.reached_with(i, starts, carry, sql);
            sql.push(")");
        }
        sql.push(" ");
    }

    /// The rows of a node that the subject reaches, each with its line.
    pub(crate) fn reached(&self, i: usize, starts: &[Start], sql: &mut Sql) {
        self.reached_with(i, starts, Carry::Needed, sql);
    }

    fn reached_with(&self, i: usize, starts: &[Start], carry: Carry, sql: &mut Sql) {
        let node = &self.nodes[i];
        match node.root {
            Some(root) => self.reached_roots(node, root, starts, carry, sql),
            None => self.reached_rows(node, carry, sql),
        }
    }

    fn reached_roots(&self, node: &Node<'a>, root: &Root, starts: &[Start], carry: Carry, sql: &mut Sql) {
        let mine: Vec<&Start> = starts.iter().filter(|it| it.table == root.table).collect();
        let known: Vec<&Start> = mine.iter().copied().filter(|it| it.known.is_some()).collect();
        if known.is_empty() {
            sql.push("SELECT ");
            self.collected(node, "x", carry, sql);
            for (k, link) in node.links.iter().enumerate() {
                let Link::Value { equals, compare, .. } = &link.way.link else { continue };
                self.link_value(node, "x", equals, *compare, link.as_text, sql);
                sql.push(&format!(" AS l{k}, "));
            }
            sql.push(&format!("{} AS rule FROM {} AS x WHERE ", node.root_line, node.table.quoted));
            self.keyed(node, root, "x", &mine, sql);
            return;
        }
        for (n, start) in known.into_iter().enumerate() {
            sql.push(if n == 0 { "SELECT " } else { " UNION ALL SELECT " });
            self.remembered(node, root, start, sql);
        }
    }

    /// A root row that may be gone, out of what is known of it.
    fn remembered(&self, node: &Node<'a>, root: &Root, start: &Start, sql: &mut Sql) {
        let mut known: BTreeMap<&str, &str> =
            root.key.iter().map(|it| &**it).zip(start.key.iter().map(|it| &**it)).collect();
        known.extend(start.known.iter().flatten().map(|(name, value)| (&**name, &**value)));
        for (r, name) in node.table.row_id.iter().enumerate() {
            let nothing =
                node.column(name).map_or_else(|| "NULL".to_owned(), |it| self.dialect.typed("NULL", it));
            sql.push(&format!("{nothing} AS r{r}, "));
        }
        for name in &node.carried {
            match (known.get(&**name), node.column(name)) {
                (Some(value), Some(column)) => {
                    let place = sql.place(Param::Text((*value).to_owned()));
                    sql.push(&self.dialect.typed(&place, column));
                }
                (None, Some(column)) => drop(sql.push(&self.dialect.typed("NULL", column))),
                _ => drop(sql.push("NULL")),
            }
            sql.push(&format!(" AS {}, ", node.carried_as(name)));
        }
        for (k, link) in node.links.iter().enumerate() {
            let Link::Value { equals, compare, .. } = &link.way.link else { continue };
            let whole = equals.columns().all(|it| known.get(it).is_some_and(|it| !it.is_empty()));
            if whole {
                let part = |part: &'_ Part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Column(name) => known.get(&**name).copied().unwrap_or_default().to_owned(),
                };
                let text: String = equals.0.iter().map(part).collect();
                let place = sql.place(Param::Text(text));
                let one_column = equals.columns().next().and_then(|it| node.column(it));
                match one_column.filter(|_| !link.as_text) {
                    Some(column) => sql.push(&self.dialect.typed(&place, column)),
                    None => sql.push(&self.compared(&place, *compare)),
                };
            } else {
                sql.push("NULL");
            }
            sql.push(&format!(" AS l{k}, "));
        }
        sql.push(&format!("{} AS rule", node.root_line));
    }

    fn reached_rows(&self, node: &Node<'a>, carry: Carry, sql: &mut Sql) {
        sql.push("SELECT ");
        self.collected(node, "x", carry, sql);
        if !node.mixes() {
            let Some(way) = node.ways.first() else { return };
            sql.push(&format!("{} AS rule FROM {} AS x WHERE ", way.line, node.table.quoted));
            sql.push(&self.leads(node, way.origin, &way.lead, "x", None));
            return;
        }
        let mut ranked: Vec<(u8, usize, String)> = node
            .ways
            .iter()
            .map(|it| {
                let rule = &it.way.rule;
                let rank = match rule.treatment {
                    Treatment::Keep => 0,
                    Treatment::Clear if rule.basis.is_some() => 1,
                    Treatment::Delete | Treatment::KeepForOthers => 3,
                    Treatment::Clear => 4,
                    Treatment::Detach => 5,
                };
                (rank, it.line, self.leads(node, it.origin, &it.lead, "x", None))
            })
            .collect();
        ranked.sort_by_key(|(rank, ..)| *rank);
        sql.push("CASE");
        let mut others = node.stay_line;
        for (rank, line, leads) in &ranked {
            if *rank > 2
                && let Some(stay) = others.take()
            {
                sql.push(" WHEN ");
                self.others(node, "x", 1, sql);
                sql.push(&format!(" THEN {stay}"));
            }
            sql.push(&format!(" WHEN {leads} THEN {line}"));
        }
        sql.push(&format!(" END AS rule FROM {} AS x WHERE ", node.table.quoted));
        sql.push(&self.row_in_any(node, "x"));
    }

    /// The condition that a row called `alias` is reached in any way.
    pub(crate) fn row_in_any(&self, node: &Node<'a>, alias: &str) -> String {
        if let [way] = &*node.ways {
            return self.leads(node, way.origin, &way.lead, alias, None);
        }
        self.row_in(node, alias, &node.ways.iter().map(|it| (it.origin, &it.lead)).collect::<Vec<_>>())
    }

    /// The condition that a row called `alias` is reached along any of `leads`; by the rows' ids, so that each way
    /// can use its index.
    pub(crate) fn row_in(&self, node: &Node<'a>, alias: &str, leads: &[(usize, &Lead<'a>)]) -> String {
        if node.table.row_id.is_empty() || leads.len() < 2 {
            let each = leads.iter().map(|(origin, lead)| self.leads(node, *origin, lead, alias, None));
            return format!("({})", each.collect::<Vec<_>>().join(" OR "));
        }
        let ids =
            node.table.row_id.iter().map(|it| format!("y.{}", quote(it))).collect::<Vec<_>>().join(", ");
        let each = leads.iter().map(|(origin, lead)| {
            format!(
                "SELECT {ids} FROM {} AS y WHERE {}",
                node.table.quoted,
                self.leads(node, *origin, lead, "y", None)
            )
        });
        format!("{} IN ({})", node.row_id(alias), self.dialect.any_of(&each.collect::<Vec<_>>()))
    }

    /// Row ids and carried columns, each with a comma behind.
    fn collected(&self, node: &Node<'a>, alias: &str, carry: Carry, sql: &mut Sql) {
        if carry == Carry::Bytes {
            sql.push(&format!("{} AS w, ", bytes(node.table, alias, self.dialect)));
        }
        for (r, name) in node.table.row_id.iter().enumerate() {
            sql.push(&format!("{alias}.{} AS r{r}, ", quote(name)));
        }
        for name in &node.carried {
            sql.push(&format!("{alias}.{} AS {}, ", quote(name), node.carried_as(name)));
        }
    }

    /// The condition that `lead` leads to a row called `alias` from a collected row of `origin`, of one of `lines`
    /// if they are given.
    pub(crate) fn leads(
        &self,
        node: &Node<'a>,
        origin: usize,
        lead: &Lead<'a>,
        alias: &str,
        lines: Option<&[usize]>,
    ) -> String {
        let from = &self.nodes[origin];
        let only = lines.map_or_else(String::new, |it| format!(" AND rule IN ({})", numbers(it)));
        match lead {
            Lead::Key(on) => {
                let mut own: Vec<_> = on.iter().map(|(own, _)| format!("{alias}.{}", quote(own))).collect();
                let mut theirs: Vec<_> = on.iter().map(|(_, other)| from.carried_as(other)).collect();
                for n in self.loose(node, from, on) {
                    let Some((exact, column)) = self.exactly(node, &on[n].0, &own[n]) else { continue };
                    own.push(exact);
                    theirs.extend(self.dialect.exactly(&theirs[n], column));
                    theirs[n] = self.dialect.typed(&theirs[n], column);
                }
                let (own, theirs) = (tuple(own.into_iter()), theirs.join(", "));
                format!("{own} IN (SELECT {theirs} FROM {} WHERE 1 = 1{only})", reach_name(origin))
            }
            Lead::Value(column, k) => {
                let mut own = self.link_column(node, column, from, *k, alias);
                let mut value = format!("l{k}");
                if let Some((exact, column)) = self.exactly(node, column, &own)
                    && self.compares(from, *k) == Compare::Exact
                {
                    let text = self.dialect.exactly(&value, column).unwrap_or_default();
                    own = format!("({own}, {exact})");
                    value = format!("{}, {text}", self.dialect.typed(&value, column));
                }
                format!("{own} IN (SELECT {value} FROM {} WHERE l{k} IS NOT NULL{only})", reach_name(origin))
            }
        }
    }

    /// The pairs of a key that the source itself does not know as one: its own keys compare texts as it sees fit.
    pub(super) fn loose(
        &self,
        node: &Node<'a>,
        from: &Node<'a>,
        on: &[(String, String)],
    ) -> std::ops::Range<usize> {
        let declared = self
            .catalog
            .keys
            .iter()
            .any(|it| it.child == node.table.name && it.parent == from.table.name && it.on == on);
        0..if declared { 0 } else { on.len() }
    }

    /// An expression of a text column that is the same for the same text alone, where `=` does not say that.
    pub(super) fn exactly(
        &self,
        node: &Node<'a>,
        column: &str,
        expression: &str,
    ) -> Option<(String, &'a Column)> {
        let column = node.column(column).filter(|it| it.kind == Kind::Text)?;
        Some((self.dialect.exactly(expression, column)?, column))
    }

    fn compares(&self, from: &Node<'a>, k: usize) -> Compare {
        match from.links.get(k).map(|it| &it.way.link) {
            Some(Link::Value { compare, .. }) => *compare,
            _ => Compare::Exact,
        }
    }

    /// The condition of a detach.
    pub(crate) fn detaches(&self, node: &Node<'a>, detach: &Detach<'a>, alias: &str) -> String {
        let origin = &self.nodes[detach.origin];
        let lines: Vec<usize> = if detach.to_deleted {
            self.deleting(origin)
        } else {
            origin.own_lines().filter(|it| origin.stay_line != Some(*it)).collect()
        };
        self.leads(node, detach.origin, &detach.lead, alias, Some(&lines))
    }

    /// The own side of a soft link.
    pub(super) fn link_column(
        &self,
        node: &Node<'a>,
        column: &str,
        from: &Node<'a>,
        k: usize,
        alias: &str,
    ) -> String {
        let expression = format!("{alias}.{}", quote(column));
        let (Some(column), Some(link)) = (node.column(column), from.links.get(k)) else { return expression };
        let Link::Value { compare, .. } = &link.way.link else { return expression };
        if !link.as_text {
            return expression;
        }
        let text = match column.kind {
            Kind::Text if *compare == Compare::Exact => expression,
            Kind::Text => self.dialect.exactly(&expression, column).unwrap_or(expression),
            _ => self.dialect.text(&expression, column),
        };
        self.compared(&text, *compare)
    }

    /// The root's side of a soft link; NULL if a column in it is NULL or empty, so that nobody's empty cell is
    /// taken for everybody's.
    pub(super) fn link_value(
        &self,
        node: &Node<'a>,
        alias: &str,
        equals: &Template,
        compare: Compare,
        as_text: bool,
        sql: &mut Sql,
    ) {
        let text = |name: &str| {
            let expression = format!("{alias}.{}", quote(name));
            node.column(name).map_or_else(|| expression.clone(), |it| self.dialect.text(&expression, it))
        };
        let filled: Vec<String> = equals.columns().map(|it| format!("{} <> ''", text(it))).collect();
        sql.push(&format!("CASE WHEN {} THEN ", filled.join(" AND ")));
        if as_text {
            let parts: Vec<String> = equals
                .0
                .iter()
                .map(|part| match part {
                    Part::Text(it) => sql.place(Param::Text(it.clone())),
                    Part::Column(name) => text(name),
                })
                .collect();
            sql.push(&self.compared(&format!("({})", parts.join(" || ")), compare));
        } else if let Some(name) = equals.columns().next() {
            sql.push(&format!("{alias}.{}", quote(name)));
        }
        sql.push(" END");
    }

    pub(crate) fn compared(&self, text: &str, compare: Compare) -> String {
        match compare {
            Compare::Exact => text.to_owned(),
            Compare::IgnoreCase => format!("lower({text})"),
            Compare::Digits => self.dialect.digits(text),
        }
    }
}
