//! Of which tables the statement that deletes tells how many rows there were: to count those before as well would be to
//! find them all twice. It must not know any driver.

use std::collections::BTreeSet;

use super::act::Act;
use super::{Effect, Footprint};
use crate::catalog::{ForeignKey, OnDelete};

impl<'a> Footprint<'a> {
    /// The nodes whose rows may be counted by deleting them: each goes with all of its rows, nothing acts by itself, and
    /// nothing that is done before has written the table, or can have made the database do so; nor can its own deletion.
    pub(crate) fn told_by(&self, acts: &[Act]) -> BTreeSet<usize> {
        let mut told = BTreeSet::new();
        if !self.catalog.nothing_acts() {
            return told;
        }
        let mut written: BTreeSet<&str> = BTreeSet::new();
        for act in acts {
            // A statement about several tables tells of none.
            if let (true, [i]) = (act.deletes, &*act.writes)
                && self.all_go(*i)
                && !written.contains(self.table_of(*i))
                && !self.takes_its_own_along(self.table_of(*i))
            {
                told.insert(*i);
            }
            for table in act.writes.iter().map(|it| self.table_of(*it)) {
                if act.deletes {
                    self.with_those_that_hang_on_it(table, &mut written);
                } else {
                    // No key points to a column that is changed: `check` refuses a map that would change one.
                    written.insert(table);
                }
            }
        }
        told
    }

    /// Whether every row of the subject's in a node's table is deleted.
    fn all_go(&self, i: usize) -> bool {
        self.nodes[i].own_lines().all(|it| matches!(self.effects[it], Effect::Delete))
    }

    /// Whether the database takes rows of a table along when rows of the same table go. SQLite does so row by row, and does
    /// not tell of those.
    fn takes_its_own_along(&self, table: &str) -> bool {
        let (mut going, mut taken) = (vec![table], BTreeSet::new());
        while let Some(parent) = going.pop() {
            let cascades = |it: &&ForeignKey| it.parent == parent && it.on_delete == OnDelete::Cascade;
            let children = self.catalog.keys.iter().filter(cascades).map(|it| &*it.child);
            going.extend(children.filter(|it| taken.insert(*it)));
        }
        taken.contains(table)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_service::settings::datamap::DataMap;

    use super::*;
    use crate::catalog::Catalog;
    use crate::dialect::Dialect;
    use crate::footprint::given::{DELETE, catalog, key, map};
    use crate::postgres::dialect::Postgres;
    use crate::sqlite::dialect::Sqlite;

    /// The tables that tell.
    fn told(map: &DataMap, catalog: &Catalog, dialect: &'static dyn Dialect) -> Vec<String> {
        let (footprint, findings) = Footprint::build(map, catalog, dialect);
        let footprint = footprint.unwrap_or_else(|| panic!("{}", findings.reason()));
        let told = footprint.told_by(&footprint.acts());
        told.into_iter().map(|it| footprint.nodes[it].table.name.clone()).collect()
    }

    /// People and orders that point to each other and need each other, along keys of which some cascade.
    fn ring(cascading: &[(&str, &str)]) -> Catalog {
        let mut catalog = catalog();
        catalog.keys.push(key("person", "orders"));
        let person = catalog.tables.get_mut("person").unwrap();
        let mut pointer = person.columns[1].clone();
        pointer.name = "orders_id".to_owned();
        person.columns.push(pointer);
        for key in catalog.keys.iter_mut().filter(|it| cascading.contains(&(&*it.child, &*it.parent))) {
            key.on_delete = OnDelete::Cascade;
        }
        catalog.tables.values_mut().flat_map(|it| &mut it.columns).for_each(|it| it.nullable = false);
        catalog
    }

    const CLEAR_PERSON: &str = "treatment = \"clear\"\nempty = [\"born\"]";
    const CLEAR: &str = "treatment = \"clear\"\nbasis = \"legal_obligation\"\nempty = [\"person_id\"]";

    #[test]
    fn what_goes_whole_is_counted_by_going() {
        assert_eq!(told(&map(DELETE, DELETE), &catalog(), &Postgres), ["person", "orders", "line"]);
        assert_eq!(told(&map(DELETE, CLEAR), &catalog(), &Postgres), ["person", "line"]);
    }

    #[test]
    fn what_goes_in_part_is_counted_before() {
        // Some of the orders stay.
        let mixed = format!(
            "{DELETE}\n[[table.way]]\ncolumn = \"person_id\"\nequals = \"{{born}}\"\ntreatment = \"keep\"\n\
             basis = \"legal_obligation\""
        );
        assert_eq!(told(&map(CLEAR_PERSON, &mixed), &catalog(), &Sqlite), ["line"]);
    }

    #[test]
    fn where_something_acts_all_is_counted_before() {
        let mut catalog = catalog();
        catalog.tables.get_mut("line").unwrap().triggers.push("back_again".to_owned());
        assert_eq!(told(&map(DELETE, DELETE), &catalog, &Postgres), [""; 0]);
    }

    #[test]
    fn what_the_database_may_have_taken_along_is_counted_before() {
        // A ring: whichever goes first takes rows of the other with it, and these take rows of the first.
        let catalog = ring(&[("orders", "person"), ("person", "orders")]);
        assert_eq!(told(&map(DELETE, DELETE), &catalog, &Sqlite), ["line"]);
    }

    #[test]
    fn what_goes_first_tells_where_nothing_comes_back_to_it() {
        // A ring that cascades one way alone.
        let catalog = ring(&[("orders", "person")]);
        assert_eq!(told(&map(DELETE, DELETE), &catalog, &Sqlite).len(), 2);
    }

    #[test]
    fn a_table_that_takes_rows_of_itself_along_is_counted_before() {
        let mut catalog = catalog();
        let line = catalog.tables.get_mut("line").unwrap();
        line.columns.iter_mut().for_each(|it| it.nullable = false);
        let own = vec![("what".to_owned(), "id".to_owned())];
        catalog.keys.push(ForeignKey { on: own, ..key("line", "line") });
        assert_eq!(told(&map(DELETE, DELETE), &catalog, &Sqlite), ["person", "orders", "line"]);
        catalog.keys[2].on_delete = OnDelete::Cascade;
        assert_eq!(told(&map(DELETE, DELETE), &catalog, &Sqlite), ["person", "orders"]);
    }
}
