//! An erasure without temporary tables: each statement says anew which rows are the subject's. Only where nothing that
//! is done before it can have changed the answer; it must not know any driver.

use std::collections::BTreeSet;

use super::Footprint;
use super::act::Act;
use super::reach::{Start, named};
use crate::catalog::OnDelete;
use crate::dialect::Ring;
use crate::sql::Sql;

impl<'a> Footprint<'a> {
    /// Everything that changes or removes rows, each statement saying anew which rows it is about if that can be and
    /// `wanted`; else of collected rows.
    pub(crate) fn acts_anew_if(&mut self, wanted: bool) -> Vec<Act> {
        if wanted && self.dialect.says_anew() {
            self.anew = true;
            let acts = self.acts();
            if self.can_say_anew(&acts) {
                return acts;
            }
            self.anew = false;
        }
        self.acts()
    }

    /// Whether every statement of `acts` finds the rows that were counted, if it says anew which they are. What replaces a
    /// value may be stored otherwise than it was written, which is seen by looking at the row again: NULL may not.
    fn can_say_anew(&self, acts: &[Act]) -> bool {
        let moves = |it: &crate::catalog::ForeignKey| it.on_delete == OnDelete::SetDefault;
        self.catalog.nothing_acts()
            && !self.catalog.keys.iter().any(moves)
            && self.nodes.iter().all(|it| self.clearing(it).iter().all(|(_, rule)| rule.replace.is_empty()))
            && self.nodes.iter().all(|it| it.stay_line.is_none())
            && !(0..self.nodes.len()).any(|it| self.loses_its_lead(it))
            && (self.dialect.ring() != Ring::Together || self.ties.order.iter().all(|it| it.len() == 1))
            && self.rests_on_nothing_written(acts)
    }

    /// INVARIANT: a statement that says which rows are reached reads no table that a statement before it wrote, or that
    /// the database may have written along with that one.
    fn rests_on_nothing_written(&self, acts: &[Act]) -> bool {
        let mut written: BTreeSet<&str> = BTreeSet::new();
        for act in acts {
            if self.read_for(&act.sql.text).iter().any(|it| written.contains(self.table_of(*it))) {
                return false;
            }
            for node in &act.writes {
                self.with_those_that_hang_on_it(self.table_of(*node), &mut written);
            }
        }
        true
    }

    pub(super) fn table_of(&self, i: usize) -> &'a str {
        &self.nodes[i].table.name
    }

    /// A table, and every table that the database may change when rows of it change or go.
    pub(super) fn with_those_that_hang_on_it<'t>(&'t self, table: &'t str, all: &mut BTreeSet<&'t str>) {
        if all.insert(table) {
            for key in self.catalog.keys.iter().filter(|it| it.parent == table) {
                self.with_those_that_hang_on_it(&key.child, all);
            }
        }
    }

    /// The nodes whose rows are read to say which rows a statement is about, in order: those that stand in it, and those
    /// that lead to them.
    fn read_for(&self, text: &str) -> Vec<usize> {
        // A table of the source may be called so too.
        let mut all: BTreeSet<usize> = named(text).into_iter().filter(|it| *it < self.nodes.len()).collect();
        for i in all.clone() {
            self.origins(i, &mut all);
        }
        self.reach_order.iter().copied().filter(|it| all.contains(it)).collect()
    }

    /// The same statement, saying by itself which rows are the subject's where they were not collected.
    pub(crate) fn said(&self, starts: &[Start], said: Sql) -> Sql {
        if !self.anew {
            return said;
        }
        let nodes = self.read_for(&said.text);
        if nodes.is_empty() {
            return said;
        }
        // Its own values have the first places already.
        let mut sql = Sql::new(self.dialect);
        sql.params = said.params;
        self.with_these(&nodes, starts, &mut sql);
        sql.push(&said.text);
        sql
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_service::settings::datamap::DataMap;

    use super::*;
    use crate::catalog::{Catalog, ForeignKey};
    use crate::footprint::given::{self, DELETE, catalog, key, map};
    use crate::postgres::dialect::Postgres;

    /// Whether statements say anew which rows they are about.
    fn anew(map: &DataMap, catalog: &Catalog) -> bool {
        let (footprint, findings) = Footprint::build(map, catalog, &Postgres);
        let mut footprint = footprint.unwrap_or_else(|| panic!("{}", findings.reason()));
        footprint.acts_anew_if(true);
        footprint.anew
    }

    #[test]
    fn what_leads_to_others_goes_last_and_is_found_anew() {
        assert!(anew(&map(DELETE, DELETE), &catalog()));
    }

    #[test]
    fn what_was_written_before_is_not_asked_who_is_reached() {
        // The orders lose their pointer before their lines are found along it.
        let clear = "treatment = \"clear\"\nbasis = \"legal_obligation\"\nempty = [\"person_id\"]";
        assert!(!anew(&map(DELETE, clear), &catalog()));
        // So does a person, before anything is found along it.
        let clear = "treatment = \"clear\"\nempty = [\"born\"]";
        assert!(!anew(&map(clear, DELETE), &catalog()));
    }

    #[test]
    fn what_was_emptied_before_is_not_what_a_row_is_found_by() {
        // Lines point to people too, whom no way leads along: that pointer is emptied before a line goes.
        let onto_people = |own: &str| {
            let mut catalog = catalog();
            let on = vec![(own.to_owned(), "id".to_owned())];
            catalog.keys.push(ForeignKey { on, ..key("line", "person") });
            anew(&map(DELETE, DELETE), &catalog)
        };
        assert!(onto_people("what"));
        assert!(!onto_people("orders_id"), "by this a line is found");
    }

    #[test]
    fn where_something_acts_by_itself_nothing_is_said_anew() {
        let mut catalog = catalog();
        catalog.tables.get_mut("line").unwrap().triggers.push("back_again".to_owned());
        assert!(!anew(&map(DELETE, DELETE), &catalog));
        catalog = given::catalog();
        catalog.keys[1].on_delete = OnDelete::SetDefault;
        assert!(!anew(&map(DELETE, DELETE), &catalog));
    }
}
