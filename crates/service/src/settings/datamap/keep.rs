//! Rows that stay for a stated time: which times there are, and what the map says once one of them is over.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::plan::Treatment;

use super::{DataMap, Root, Rule, Table, Way};
use crate::settings::section::{Page, brief};

impl Rule {
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

    /// A root must not go while rows are to go later: nothing would lead to them any more.
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
    }
}
