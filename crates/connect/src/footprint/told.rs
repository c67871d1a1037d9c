//! Of which tables the statement that deletes tells how many rows there were: to count those before as well would be to
//! find them all twice. It must not know any driver.

use std::collections::BTreeSet;

use super::act::Act;
use super::{Effect, Footprint};

impl<'a> Footprint<'a> {
    /// The nodes whose rows are counted by deleting them: each goes with all of its rows, nothing acts by itself, and
    /// nothing that is done before has written the table, or can have made the database do so.
    pub(crate) fn told(&self, acts: &[Act]) -> BTreeSet<usize> {
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
            {
                told.insert(*i);
            }
            for table in act.writes.iter().map(|it| self.table_of(*it)) {
                if act.deletes {
                    self.with_those_that_hang_on_it(table, &mut written);
                } else {
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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_service::settings::datamap::DataMap;

    use super::*;
    use crate::catalog::{Catalog, OnDelete};
    use crate::dialect::Dialect;
    use crate::footprint::given::{DELETE, catalog, key, map};
    use crate::postgres::dialect::Postgres;
    use crate::sqlite::dialect::Sqlite;

    /// The tables that tell.
    fn told(map: &DataMap, catalog: &Catalog, dialect: &'static dyn Dialect) -> Vec<String> {
        let (footprint, findings) = Footprint::build(map, catalog, dialect);
        let footprint = footprint.unwrap_or_else(|| panic!("{}", findings.reason()));
        let told = footprint.told(&footprint.acts());
        told.into_iter().map(|it| footprint.nodes[it].table.name.clone()).collect()
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
        // A ring: whichever goes first takes rows of the other with it.
        let mut catalog = catalog();
        catalog.keys.push(key("person", "orders"));
        let person = catalog.tables.get_mut("person").unwrap();
        let mut pointer = person.columns[1].clone();
        pointer.name = "orders_id".to_owned();
        person.columns.push(pointer);
        catalog.keys.iter_mut().for_each(|it| it.on_delete = OnDelete::Cascade);
        catalog.tables.values_mut().flat_map(|it| &mut it.columns).for_each(|it| it.nullable = false);
        let told = told(&map(DELETE, DELETE), &catalog, &Sqlite);
        assert!(told.contains(&"line".to_owned()), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
