//! Rows that stay for a stated time: which times there are, and what the map says once one of them is over.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::plan::Treatment;

use super::{DataMap, Link, Root, Rule, Table, Way};
use crate::settings::section::{Page, brief};

impl Rule {
    /// Whether a column of a row that is treated so has another value then.
    fn changes(&self, column: &str) -> bool {
        self.empty.iter().any(|it| it == column) || self.replace.contains_key(column)
    }

    /// The rule once rows have stayed for so long.
    fn after(&self, term_ms: i64) -> Self {
        match self.keep_for_ms {
            Some(keep_for_ms) if keep_for_ms <= term_ms => Rule {
                treatment: Treatment::Delete,
                basis: None,
                until: None,
                keep_for_ms: None,
                empty: Vec::new(),
                replace: BTreeMap::new(),
            },
            _ => self.clone(),
        }
    }
}

impl DataMap {
    /// For how long rows of a table, or of any, stay after an erasure: each time once.
    pub fn terms(&self, table: Option<&str>) -> BTreeSet<i64> {
        let roots = self.roots.iter().map(|root| (&root.table, &root.rule));
        let ways = self.tables.iter().flat_map(|it| it.ways.iter().map(move |way| (&it.name, &way.rule)));
        roots
            .chain(ways)
            .filter(|(name, _)| table.is_none_or(|table| *name == table))
            .filter_map(|(_, rule)| rule.keep_for_ms)
            .collect()
    }

    /// The map as it is for a subject whose erasure was so long ago: rows that were to stay no longer go. It has a version
    /// of its own, for something else is done by it.
    #[must_use]
    pub fn after(&self, term_ms: i64) -> Self {
        let ways = |all: &[Way]| -> Vec<Way> {
            all.iter().map(|way| Way { rule: way.rule.after(term_ms), ..way.clone() }).collect()
        };
        let roots = self.roots.iter().map(|root| Root {
            rule: root.rule.after(term_ms),
            ways: ways(&root.ways),
            ..root.clone()
        });
        let tables =
            self.tables.iter().map(|table| Table { ways: ways(&table.ways), ..table.clone() }).collect();
        DataMap::versioned(DataMap { roots: roots.collect(), tables, ..self.clone() })
    }

    /// Rows that are to go later must be found then: a root must not go before, nor anything else by which they are reached.
    pub(super) fn check_terms(&self, page: &Page<'_>) {
        let Some(last) = self.terms(None).into_iter().next_back() else { return };
        let stays = |root: &&Root| {
            root.rule.treatment == Treatment::Clear && root.rule.keep_for_ms.is_none_or(|term| term >= last)
        };
        if let Some(root) = self.roots.iter().find(|root| !stays(root)) {
            let root = brief(&root.table);
            let message =
                format!("rows are kept for a time, and the root `{root}` that leads to them goes before");
            let advice = "treat it as `clear`; with a `keep_for` of its own, none shorter than the others";
            page.wrong(0..0, message, advice);
        }
        for table in &self.tables {
            let lost = table.ways.iter().filter_map(|way| self.lost(way, way.rule.keep_for_ms?));
            for lost in lost {
                let message =
                    format!("rows of `{}` are kept for a time, and then {lost}", brief(&table.name));
                page.wrong(0..0, message, "let stay what leads to them, or take `keep_for` away");
            }
        }
    }

    /// What will not be there any more once rows that a way leads to have stayed for so long.
    fn lost(&self, way: &Way, term_ms: i64) -> Option<String> {
        let gone = |table: &str, column: &str| {
            format!("`{}.{}`, by which they are found, is cleared", brief(table), brief(column))
        };
        let (from, own, theirs): (&str, Vec<&str>, Vec<&str>) = match &way.link {
            Link::Key { from, on } => {
                (from, on.iter().map(|it| &*it.0).collect(), on.iter().map(|it| &*it.1).collect())
            }
            Link::Value { root, column, equals, .. } => (root, vec![column], equals.columns().collect()),
        };
        if let Some(column) = own.into_iter().find(|it| way.rule.changes(it)) {
            return Some(format!("`{}`, by which they are found, is cleared", brief(column)));
        }
        let root = self.root(from).map(|it| &it.rule);
        let between = self.tables.iter().filter(|it| it.name == from).flat_map(|it| &it.ways);
        for rule in root.into_iter().chain(between.clone().map(|it| &it.rule)) {
            if let Some(column) = theirs.iter().find(|it| rule.changes(it)) {
                return Some(gone(from, column));
            }
        }
        let stays = |rule: &Rule| {
            matches!(rule.treatment, Treatment::Keep | Treatment::Clear)
                && rule.keep_for_ms.is_none_or(|it| it >= term_ms)
        };
        let mut between = between;
        between
            .any(|it| !stays(&it.rule))
            .then(|| format!("the rows of `{}` that lead to them are gone", brief(from)))
    }
}
