//! What an account needs of each table, by what a map does to its rows. It must not know any engine.

use std::collections::{BTreeMap, BTreeSet};

use countersign_service::settings::datamap::DataMap;

use super::{Footprint, Lead, Node};
use crate::catalog::{Catalog, Table};

/// What is needed of a table beside reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Columns that are changed, or one of a row that is locked.
    pub(crate) update: BTreeSet<String>,
    pub(crate) delete: bool,
}

/// What a map's subjects and datasets need, by the name of the table.
pub(crate) fn needs(
    map: &DataMap,
    catalog: &Catalog,
    footprint: Option<&Footprint<'_>>,
) -> BTreeMap<String, Need> {
    let mut all: BTreeMap<String, Need> = footprint.map(Footprint::needs).unwrap_or_default();
    for dataset in map.datasets.iter().filter(|it| catalog.tables.contains_key(&it.table)) {
        all.entry(dataset.table.clone()).or_default().delete = true;
    }
    all
}

impl<'a> Footprint<'a> {
    fn needs(&self) -> BTreeMap<String, Need> {
        let mut all = BTreeMap::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let mut need = Need { delete: !self.deleting(node).is_empty(), ..Need::default() };
            for (_, rule) in self.clearing(node) {
                need.update.extend(rule.empty.iter().chain(rule.replace.keys()).cloned());
            }
            need.update.extend(node.detaches.iter().flat_map(|it| it.empties.iter().cloned()));
            let hooks = self.ties.hooks.iter().filter(|it| it.child == i);
            need.update.extend(hooks.flat_map(|it| it.empties.iter().cloned()));
            if node.stay_line.is_some() {
                need.update.extend(self.untied(node));
            }
            let locks = self.dialect.locks_rows() && (node.root.is_some() || node.stay_line.is_some());
            if locks && (need.update.is_empty() || node.stay_line.is_some()) {
                need.update.extend(first(node.table));
            }
            all.insert(node.table.name.clone(), need);
        }
        all
    }

    /// Pointers and names that a row that stays for others loses.
    fn untied(&self, node: &Node<'a>) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        let can = |name: &str| node.column(name).is_some_and(|it| it.nullable && !it.generated);
        for way in &node.ways {
            match &way.lead {
                Lead::Key(on) => columns.extend(on.iter().map(|(own, _)| own.clone()).filter(|it| can(it))),
                Lead::Value(column, _) => columns.extend(Some((*column).to_owned()).filter(|it| can(it))),
            }
        }
        columns
    }
}

/// The column that is written to itself so that a row is taken.
fn first(table: &Table) -> Option<String> {
    table.columns.iter().find(|it| !it.generated).map(|it| it.name.clone())
}
