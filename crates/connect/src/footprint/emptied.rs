//! Which columns an erasure empties because they point to the subject, or to rows that go. It must not know any driver.

use std::collections::BTreeSet;

use super::{Footprint, Lead, Node, NodeWay};

impl<'a> Footprint<'a> {
    /// The columns of a node's table that become NULL although no clearing says so: those by which other people's rows, rows
    /// that stay for others, and rows of the subject point to what goes.
    pub(super) fn emptied(&self, i: usize) -> BTreeSet<&str> {
        let node = &self.nodes[i];
        let hooks = self.ties.hooks.iter().filter(|it| it.child == i).flat_map(|it| &it.empties);
        let detaches = node.detaches.iter().flat_map(|it| &it.empties);
        let mut all: BTreeSet<&str> = hooks.chain(detaches).map(String::as_str).collect();
        if node.stay_line.is_some() {
            all.extend(node.ways.iter().flat_map(|it| self.let_go(node, it)));
        }
        all
    }

    /// The columns by which a row that stays for others lets go of what a way comes from.
    pub(super) fn let_go(&self, node: &Node<'a>, way: &NodeWay<'a>) -> Vec<&str> {
        match &way.lead {
            Lead::Key(on) => {
                let (child, parent) = (&node.table.name, &self.nodes[way.origin].table.name);
                let mut keys = self.catalog.keys.iter();
                let key = keys.find(|it| it.child == *child && it.parent == *parent && it.on == *on);
                key.map_or_else(Vec::new, |it| it.emptiable(self.catalog))
            }
            Lead::Value(column, _) => {
                let can = node.column(column).is_some_and(|it| it.nullable && !it.generated);
                if can { vec![*column] } else { vec![] }
            }
        }
    }

    /// Whether rows of a node are deleted after a column became NULL by which they are found.
    pub(super) fn loses_its_lead(&self, i: usize) -> bool {
        let (node, emptied) = (&self.nodes[i], self.emptied(i));
        !self.deleting(node).is_empty()
            && node.ways.iter().any(|it| match &it.lead {
                Lead::Key(on) => on.iter().any(|(own, _)| emptied.contains(&**own)),
                Lead::Value(column, _) => emptied.contains(*column),
            })
    }
}

#[cfg(test)]
mod tests {
    use countersign_service::settings::datamap::DataMap;

    use super::*;
    use crate::catalog::{Catalog, ForeignKey};
    use crate::footprint::given::{DELETE, catalog, key, map_of};
    use crate::postgres::dialect::Postgres;

    const KEEP: &str = "treatment = \"keep\"\nbasis = \"legal_obligation\"";
    const SHARED: &str = "treatment = \"keep-for-others\"";
    const DETACH: &str = "treatment = \"detach\"";

    /// A key from a column of one table onto a column of another.
    fn onto(child: &str, own: &str, parent: &str, theirs: &str) -> ForeignKey {
        ForeignKey { on: vec![(own.to_owned(), theirs.to_owned())], ..key(child, parent) }
    }

    /// Why a map is refused; empty if it is not.
    fn refused(map: &DataMap, catalog: &Catalog) -> String {
        Footprint::build(map, catalog, &Postgres).1.reason()
    }

    #[test]
    fn what_others_point_to_is_not_emptied() {
        // Pointers of rows that stay when those go that they point to; of rows that stay for others; of other people's.
        for (orders, line, emptied) in [
            (KEEP, DELETE, ("orders", "person_id")),
            (SHARED, SHARED, ("orders", "person_id")),
            (KEEP, DETACH, ("line", "orders_id")),
        ] {
            let map = map_of(DELETE, orders, line);
            assert_eq!(refused(&map, &catalog()), "", "{orders} {line}");
            let mut catalog = catalog();
            // Somebody points to the pointer: `person` is in every map, and its rows go last.
            catalog.keys.push(onto("person", "born", emptied.0, emptied.1));
            let reason = refused(&map, &catalog);
            let told = format!("`{}`.`{}` is emptied", emptied.0, emptied.1);
            assert!(reason.starts_with(&told), "{orders} {line}: {reason}");
            assert!(reason.contains("is what `person` points to"), "{reason}");
        }
    }

    #[test]
    fn what_others_point_to_may_go() {
        let mut catalog = catalog();
        catalog.keys.push(onto("line", "what", "orders", "person_id"));
        assert!(refused(&map_of(DELETE, KEEP, DELETE), &catalog).contains("`orders`.`person_id` is emptied"));
        assert_eq!(refused(&map_of(DELETE, DELETE, DELETE), &catalog), "");
    }
}
