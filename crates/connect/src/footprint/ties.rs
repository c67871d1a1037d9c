//! Foreign keys onto rows that go: which pointers are emptied before, which constraints wait for the commit, and
//! in which order tables are deleted. Children first; rings are opened where a pointer may be NULL, else deferred,
//! else deleted in one statement.

use super::build::{Findings, key_name};
use super::{Detach, Footprint, Lead};
use crate::catalog::{ForeignKey, OnDelete};

/// What ties rows that go to other rows.
#[derive(Default)]
pub(crate) struct Ties {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) guards: Vec<Guard>,
    /// Constraints that wait for the commit, as statements name them.
    pub(crate) deferred: Vec<String>,
    /// Tables in the order of deletion; those of one group go in one statement.
    pub(crate) order: Vec<Vec<usize>>,
}

/// Pointers that are emptied before the rows that they point to are deleted.
pub(crate) struct Hook {
    pub(crate) child: usize,
    pub(crate) parent: usize,
    /// Pairs of the child's and the parent's column.
    pub(crate) on: Vec<(String, String)>,
    /// The child's columns that become NULL.
    pub(crate) empties: Vec<String>,
}

/// A pointer that may not be NULL, onto rows that go, along which no way leads: a row of somebody else that points
/// there would go too where the key cascades, and would stop the erasure where it does not.
pub(crate) struct Guard {
    pub(crate) child: usize,
    pub(crate) parent: usize,
    /// Pairs of the child's and the parent's column.
    pub(crate) on: Vec<(String, String)>,
}

/// A foreign key between two tables of the map, onto rows that go.
struct Edge<'a> {
    child: usize,
    parent: usize,
    key: &'a ForeignKey,
}

/// Fills `footprint.ties`, and adds the lines of pointers that are emptied although the map does not mention them.
pub(crate) fn tie<'a>(footprint: &mut Footprint<'a>, findings: &mut Findings) {
    let catalog = footprint.catalog;
    let mut edges: Vec<Edge<'a>> = vec![];
    for key in &catalog.keys {
        let Some(parent) = index(footprint, &key.parent) else { continue };
        if footprint.deleting(&footprint.nodes[parent]).is_empty() {
            continue;
        }
        let Some(child) = index(footprint, &key.child) else {
            let way = key_name(&key.parent, &key.on);
            let advice = if catalog.tables.contains_key(&key.child) {
                format!("add it with the way `{way}`")
            } else {
                "its schema is not among the `schemas` of the source".to_owned()
            };
            findings.error(format!(
                "`{}` points to `{}`, whose rows are deleted, and is not in the map; {advice}",
                key.child, key.parent
            ));
            continue;
        };
        let edge = Edge { child, parent, key };
        if goes_along(footprint, &edge) {
            edges.push(edge);
            continue;
        }
        let empties = key.emptiable(catalog);
        if !empties.is_empty() {
            hook(footprint, findings, &edge, &empties);
        } else {
            cannot_be_emptied(footprint, findings, &edge);
            edges.push(edge);
        }
    }
    order(footprint, edges, findings);
}

/// Whether every row that points along the edge to a row that goes is itself deleted.
fn goes_along(footprint: &Footprint<'_>, edge: &Edge<'_>) -> bool {
    let node = &footprint.nodes[edge.child];
    // A row that is shared only through its parent has the same owners: it goes when that goes.
    let shares_fate = node.stay_line.is_some() && node.ways.len() == 1;
    (never_stays(footprint, edge) || shares_fate) && has_way(footprint, edge)
}

/// Whether every reached row of the child is deleted.
fn never_stays(footprint: &Footprint<'_>, edge: &Edge<'_>) -> bool {
    let node = &footprint.nodes[edge.child];
    node.own_lines().all(|it| matches!(footprint.effects[it], super::Effect::Delete))
}

fn has_way(footprint: &Footprint<'_>, edge: &Edge<'_>) -> bool {
    footprint.nodes[edge.child]
        .ways
        .iter()
        .any(|it| it.origin == edge.parent && leads_along(&it.lead, edge.key))
}

fn leads_along(lead: &Lead<'_>, key: &ForeignKey) -> bool {
    matches!(lead, Lead::Key(on) if *on == key.on)
}

fn hook(footprint: &mut Footprint<'_>, findings: &mut Findings, edge: &Edge<'_>, empties: &[&str]) {
    let empties: Vec<String> = empties.iter().map(|it| (*it).to_owned()).collect();
    let key = edge.key;
    let declared = footprint.nodes[edge.child]
        .detaches
        .iter()
        .any(|it| it.origin == edge.parent && leads_along(&it.lead, key));
    // Rows that a way reaches along this key are the subject's and have their line already.
    if !declared && !has_way(footprint, edge) {
        let way = key_name(&key.parent, &key.on);
        findings.note(format!("`{}`: pointers along `{way}` to deleted rows will be emptied", key.child));
        let detach = Detach {
            origin: edge.parent,
            lead: Lead::Key(key.on.clone()),
            empties: empties.clone(),
            line: 0,
            to_deleted: true,
        };
        footprint.add_implied(edge.child, detach, way);
    }
    footprint.ties.hooks.push(Hook { child: edge.child, parent: edge.parent, on: key.on.clone(), empties });
}

fn cannot_be_emptied(footprint: &mut Footprint<'_>, findings: &mut Findings, edge: &Edge<'_>) {
    let (child, parent, key) = (&footprint.nodes[edge.child], &footprint.nodes[edge.parent], edge.key);
    let way = key_name(&key.parent, &key.on);
    if has_way(footprint, edge) {
        findings.error(format!(
            "rows of `{}` that stay need their row of `{}`, for `{}` may not be NULL; `clear` `{}` instead of deleting it",
            child.table.name,
            parent.table.name,
            key.columns().join(", "),
            parent.table.name
        ));
        return;
    }
    let reverse = |(own, other): &(String, String)| (other.clone(), own.clone());
    let mut back: Vec<(String, String)> = key.on.iter().map(reverse).collect();
    back.sort();
    let guarded = parent.stay_line.is_some()
        && parent
            .ways
            .iter()
            .any(|it| it.origin == edge.child && matches!(&it.lead, Lead::Key(on) if *on == back));
    if guarded || edge.child == edge.parent || never_stays(footprint, edge) {
        findings.warning(format!(
            "`{}`: `{}` may not be NULL: an erasure stops if somebody else's row points along `{way}` to a row that \
             goes",
            key.child,
            key.columns().join(", ")
        ));
        footprint.ties.guards.push(Guard { child: edge.child, parent: edge.parent, on: key.on.clone() });
    } else {
        findings.error(format!(
            "`{}`: rows may point along `{way}` to rows that are deleted, and the pointer may not be NULL; add that \
             way with a treatment, or treat `{}` as `keep-for-others` with a way from `{}`",
            child.table.name, parent.table.name, child.table.name
        ));
    }
}

fn order(footprint: &mut Footprint<'_>, mut edges: Vec<Edge<'_>>, findings: &mut Findings) {
    edges.retain(|it| it.child != it.parent);
    let deleted: Vec<usize> = (0..footprint.nodes.len())
        .filter(|it| !footprint.deleting(&footprint.nodes[*it]).is_empty())
        .collect();
    if !footprint.dialect.defers_everything() {
        loop {
            let groups = groups(&deleted, &edges);
            let in_ring =
                |it: &Edge<'_>| groups.iter().any(|g| g.contains(&it.child) && g.contains(&it.parent));
            // Back edges first: fewer rows point against the way in which rows are reached.
            let position = |node: usize| footprint.reach_order.iter().position(|it| *it == node);
            let candidates = edges.iter().enumerate().filter(|(_, it)| in_ring(it));
            let nullable = candidates
                .clone()
                .filter(|(_, it)| !it.key.emptiable(footprint.catalog).is_empty())
                .min_by_key(|(_, it)| position(it.child) > position(it.parent))
                .map(|(i, _)| i);
            if let Some(i) = nullable {
                let edge = edges.remove(i);
                let empties = edge.key.emptiable(footprint.catalog).into_iter().map(str::to_owned).collect();
                let Edge { child, parent, key } = edge;
                footprint.ties.hooks.push(Hook { child, parent, on: key.on.clone(), empties });
                continue;
            }
            let Some(i) = candidates.clone().find(|(_, it)| it.key.deferrable).map(|(i, _)| i) else { break };
            let edge = edges.remove(i);
            footprint.ties.deferred.push(edge.key.quoted.clone());
        }
    }
    let groups = groups(&deleted, &edges);
    for edge in &edges {
        let ring = groups.iter().any(|it| it.contains(&edge.child) && it.contains(&edge.parent));
        if ring && edge.key.on_delete == OnDelete::Restrict {
            findings.error(format!(
                "`{}` and `{}` point to each other, and one of the keys is ON DELETE RESTRICT; make it deferrable or \
                 nullable",
                edge.key.child, edge.key.parent
            ));
        }
    }
    footprint.ties.order = groups;
}

/// Strongly connected components over child → parent, children first (Tarjan).
fn groups(nodes: &[usize], edges: &[Edge<'_>]) -> Vec<Vec<usize>> {
    struct Search<'e> {
        edges: &'e [(usize, usize)],
        index: std::collections::BTreeMap<usize, usize>,
        low: std::collections::BTreeMap<usize, usize>,
        stack: Vec<usize>,
        found: Vec<Vec<usize>>,
    }
    impl Search<'_> {
        fn visit(&mut self, node: usize) -> usize {
            let mine = self.index.len();
            self.index.insert(node, mine);
            self.stack.push(node);
            let mut low = mine;
            for (_, parent) in self.edges.iter().filter(|(child, _)| *child == node) {
                match self.index.get(parent) {
                    None => low = low.min(self.visit(*parent)),
                    Some(seen) if self.stack.contains(parent) => low = low.min(*seen),
                    Some(_) => {}
                }
            }
            self.low.insert(node, low);
            if low == mine
                && let Some(from) = self.stack.iter().position(|it| *it == node)
            {
                self.found.push(self.stack.split_off(from));
            }
            low
        }
    }
    let edges: Vec<(usize, usize)> = edges.iter().map(|it| (it.child, it.parent)).collect();
    let mut search = Search {
        edges: &edges,
        index: Default::default(),
        low: Default::default(),
        stack: vec![],
        found: vec![],
    };
    for node in nodes {
        if !search.index.contains_key(node) {
            search.visit(*node);
        }
    }
    // Edges lead only to tables with deletions, so that every visited node is one of `nodes`; parents came first.
    search.found.reverse();
    search.found
}

fn index(footprint: &Footprint<'_>, table: &str) -> Option<usize> {
    footprint.nodes.iter().position(|it| it.table.name == table)
}
