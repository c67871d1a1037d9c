//! Where a subject's rows are and what happens to them: a data map laid over a source's catalogue.
//! Set-based throughout: one statement per table and treatment, never one per row. It must not know any driver.
//!
//! - [`build`]: names resolved, lines of the plan, mistakes found.
//! - [`reach`]: the SQL that collects reached rows, as common table expressions or temporary tables.
//! - [`ties`]: foreign keys onto rows that go: which pointers are emptied first, in which order tables are deleted.
//! - [`count`], [`guard`], [`act`], [`read`]: counting, whether somebody else's rows are in the way, erasing, exporting.
//! - [`anew`]: erasing without temporary tables, where each statement can say anew which rows it is about.
//! - [`told`]: which rows are counted by deleting them.
//! - [`emptied`]: which pointers are emptied.
//! - [`sample`]: a few rows, masked, for whoever looks at a plan.
//! - [`index`]: which ways no index serves.
//! - [`part`]: what of an erasure may go in transactions of its own.

pub(crate) mod act;
mod anew;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod clear;
pub(crate) mod count;
mod emptied;
#[cfg(test)]
pub(crate) mod given;
pub(crate) mod guard;
pub(crate) mod index;
pub(crate) mod lookup;
pub(crate) mod need;
mod others;
pub(crate) mod part;
pub(crate) mod purge;
pub(crate) mod reach;
pub(crate) mod read;
pub(crate) mod sample;
pub(crate) mod ties;
mod told;

use std::collections::BTreeSet;

use countersign_core::plan::PlanLine;
use countersign_service::settings::datamap::{DataMap, Root, Rule, Way};

use crate::catalog::{Catalog, Column, Table};
use crate::dialect::Dialect;
use crate::sql::quote;

/// A data map that fits its source.
pub(crate) struct Footprint<'a> {
    pub(crate) map: &'a DataMap,
    pub(crate) catalog: &'a Catalog,
    pub(crate) dialect: &'static dyn Dialect,
    /// Roots, then tables, in the map's order.
    pub(crate) nodes: Vec<Node<'a>>,
    /// Nodes so that each stands after those that lead to it.
    pub(crate) reach_order: Vec<usize>,
    /// The plan's lines without rows, and what happens to the rows of each.
    pub(crate) lines: Vec<PlanLine>,
    pub(crate) effects: Vec<Effect<'a>>,
    pub(crate) ties: ties::Ties,
    /// Whether each statement says anew which rows it is about; else they were collected.
    pub(crate) anew: bool,
    /// Nodes whose rows are counted by deleting them, not before.
    pub(crate) told: BTreeSet<usize>,
}

/// A table of the map.
pub(crate) struct Node<'a> {
    pub(crate) table: &'a Table,
    pub(crate) root: Option<&'a Root>,
    pub(crate) never_disclose: &'a [String],
    /// The root's own line.
    pub(crate) root_line: usize,
    /// Ways that make rows the subject's.
    pub(crate) ways: Vec<NodeWay<'a>>,
    /// Pointers of other people's rows.
    pub(crate) detaches: Vec<Detach<'a>>,
    /// The line of rows that stay because another living subject owns them too; `None` if nothing here does.
    pub(crate) stay_line: Option<usize>,
    /// Whether reached rows are collected; otherwise the only way's condition says it all.
    pub(crate) held: bool,
    /// Columns that are collected for other tables.
    pub(crate) carried: BTreeSet<String>,
    /// Soft links that start here (roots only).
    pub(crate) links: Vec<SoftLink<'a>>,
}

/// A way that makes rows the subject's.
pub(crate) struct NodeWay<'a> {
    pub(crate) way: &'a Way,
    pub(crate) origin: usize,
    /// Of rows that are treated as this way says.
    pub(crate) line: usize,
    pub(crate) lead: Lead<'a>,
}

/// What leads from the origin's collected rows to a row.
#[derive(Clone)]
pub(crate) enum Lead<'a> {
    /// Pairs of the own and the origin's column.
    Key(Vec<(String, String)>),
    /// The column, and the number of the origin's soft link.
    Value(&'a str, usize),
}

/// A value that a root row gives to soft links.
pub(crate) struct SoftLink<'a> {
    pub(crate) way: &'a Way,
    /// Whether it is compared as text.
    pub(crate) as_text: bool,
}

/// Columns of rows that stay, emptied because they point to the subject.
pub(crate) struct Detach<'a> {
    pub(crate) origin: usize,
    pub(crate) lead: Lead<'a>,
    pub(crate) empties: Vec<String>,
    pub(crate) line: usize,
    /// Only pointers to rows that are deleted; otherwise to all that are reached.
    pub(crate) to_deleted: bool,
}

/// What happens to the rows of a line.
#[derive(Clone, Copy)]
pub(crate) enum Effect<'a> {
    Keep,
    Clear(&'a Rule),
    Stay,
    Delete,
    Detach,
}

impl<'a> Footprint<'a> {
    /// The lines of a node whose rows are deleted.
    pub(crate) fn deleting(&self, node: &Node<'a>) -> Vec<usize> {
        node.own_lines().filter(|line| matches!(self.effects[*line], Effect::Delete)).collect()
    }

    /// The lines of a node whose rows are cleared, with how.
    pub(crate) fn clearing(&self, node: &Node<'a>) -> Vec<(usize, &'a Rule)> {
        let clears = |line| match self.effects[line] {
            Effect::Clear(rule) => Some((line, rule)),
            _ => None,
        };
        node.own_lines().filter_map(clears).collect()
    }
}

impl<'a> Node<'a> {
    /// The lines that rows of the subject can have, each once.
    pub(crate) fn own_lines(&self) -> impl Iterator<Item = usize> + '_ {
        let root = self.root.map(|_| self.root_line);
        root.into_iter().chain(self.ways.iter().map(|it| it.line)).chain(self.stay_line)
    }

    /// Whether rows have to be told apart one by one.
    pub(crate) fn mixes(&self) -> bool {
        self.ways.len() > 1 || self.stay_line.is_some()
    }

    pub(crate) fn column(&self, name: &str) -> Option<&'a Column> {
        self.table.column(name)
    }

    /// The columns that name one row, of the rows called `alias`.
    pub(crate) fn row_id(&self, alias: &str) -> String {
        tuple(self.table.row_id.iter().map(|it| format!("{alias}.{}", quote(it))))
    }

    /// The name under which a column is collected.
    pub(crate) fn carried_as(&self, column: &str) -> String {
        let position = self.table.columns.iter().position(|it| it.name == column);
        format!("c{}", position.unwrap_or(usize::MAX))
    }
}

/// How the names begin under which reached rows are collected.
pub(crate) const REACHED: &str = "countersign_reach_";

/// The name under which a node's reached rows are collected.
pub(crate) fn reach_name(node: usize) -> String {
    format!("{REACHED}{node}")
}

/// `a`, or `(a, b)`.
pub(crate) fn tuple(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.len() == 1 { items.concat() } else { format!("({})", items.join(", ")) }
}

/// `1, 2, 3`.
pub(crate) fn numbers(lines: &[usize]) -> String {
    lines.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}
