//! Which ways to a subject's rows read a whole table, for want of an index that serves how they are compared.

use std::collections::BTreeSet;

use countersign_service::settings::datamap::{Compare, Link};

use super::build::Findings;
use super::{Footprint, Lead, Node};
use crate::catalog::{Column, Kind, Table};

/// What serves a comparison.
enum Served {
    Yes,
    /// An index on this would.
    By(String),
    /// None could.
    Never,
}

/// Says of every way whether it has an index, and of every identity by which subjects are looked up.
pub(crate) fn fit(footprint: &Footprint<'_>, findings: &mut Findings) {
    for node in &footprint.nodes {
        let leads = node.ways.iter().map(|it| (it.origin, &it.lead));
        let leads = leads.chain(node.detaches.iter().map(|it| (it.origin, &it.lead)));
        // Several ways along the same columns want one index.
        let mut said = BTreeSet::new();
        for (origin, lead) in leads {
            let name = &node.table.name;
            let message = match footprint.serves(node, &footprint.nodes[origin], lead) {
                Served::Yes => continue,
                Served::By(on) => {
                    format!("`{name}`: no index on `{on}`, so every look reads the whole table")
                }
                Served::Never => format!(
                    "`{name}`: no index serves how `{}` is compared, so every look reads the whole table",
                    columns(lead).join(", ")
                ),
            };
            if said.insert(message.clone()) {
                findings.warning(message);
            }
        }
        let Some(root) = node.root else { continue };
        for (kind, identity) in &root.identities {
            let Some(column) = node.column(&identity.column) else { continue };
            let (name, held) = (&node.table.name, &column.name);
            match footprint.finds(node.table, column, identity.compare) {
                Served::Yes => {}
                Served::By(on) => findings.warning(format!(
                    "`{name}`: no index on `{on}`, so that looking somebody up by {kind} reads the whole table"
                )),
                Served::Never => findings.note(format!(
                    "`{name}`: no index serves how `{held}` is compared, so that looking somebody up by {kind} alone \
                     reads the whole table"
                )),
            }
        }
    }
}

fn columns<'l>(lead: &'l Lead<'_>) -> Vec<&'l str> {
    match lead {
        Lead::Key(on) => on.iter().map(|(own, _)| &**own).collect(),
        Lead::Value(column, _) => vec![column],
    }
}

/// An index on the columns themselves.
fn plainly(table: &Table, columns: &[&str]) -> Served {
    if table.is_indexed(columns) || table.is_unique(columns) {
        Served::Yes
    } else {
        Served::By(columns.join(", "))
    }
}

impl<'a> Footprint<'a> {
    /// As [`Footprint::leads`] compares.
    fn serves(&self, node: &Node<'a>, from: &Node<'a>, lead: &Lead<'a>) -> Served {
        let Lead::Value(name, k) = lead else { return plainly(node.table, &columns(lead)) };
        let (Some(column), Some(link)) = (node.column(name), from.links.get(*k)) else { return Served::Yes };
        let Link::Value { compare, .. } = &link.way.link else { return Served::Yes };
        match (column.kind, compare) {
            _ if !link.as_text => plainly(node.table, &[name]),
            (Kind::Text, Compare::Exact) => plainly(node.table, &[name]),
            (Kind::Text, Compare::IgnoreCase) => self.lowered(node.table, column),
            _ => Served::Never,
        }
    }

    /// As [`Footprint::resolve`] compares.
    fn finds(&self, table: &Table, column: &Column, compare: Compare) -> Served {
        match (column.kind, compare) {
            (_, Compare::Exact) => plainly(table, &[&column.name]),
            (Kind::Text, Compare::IgnoreCase) if self.dialect.alike("x", column, "a", "?").is_some() => {
                plainly(table, &[&column.name])
            }
            (Kind::Text, Compare::IgnoreCase) => self.lowered(table, column),
            _ => Served::Never,
        }
    }

    fn lowered(&self, table: &Table, column: &Column) -> Served {
        match self.dialect.exactly("x", column) {
            _ if table.lowered.contains(&column.name) => Served::Yes,
            // A collation, and no index over an expression.
            Some(_) => Served::Never,
            None => Served::By(format!("lower({})", column.name)),
        }
    }
}
