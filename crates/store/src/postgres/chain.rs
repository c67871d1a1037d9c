//! Statements one behind the other, for what no single one may do: change a table twice. They are sent in one flight, and a
//! guard that does not hold in any of them undoes all.

use std::collections::BTreeSet;

use super::statement::Statement;

/// Statements, of which parts are added to the last.
#[derive(Default)]
pub(super) struct Chain {
    whole: Vec<Statement>,
    last: Statement,
    /// What the last one changes.
    changed: BTreeSet<&'static str>,
}

impl Chain {
    /// Goes on in `first`, which changes no table that a part to come changes.
    pub(super) fn from(first: Statement) -> Self {
        Self { last: first, ..Self::default() }
    }

    /// The statement for a part that changes `table`: the last, or another behind it if that one changes it already. Parts
    /// know each other, and values have their numbers, within one statement only.
    pub(super) fn changing(&mut self, table: &'static str) -> &mut Statement {
        if !self.changed.insert(table) {
            self.whole.push(std::mem::take(&mut self.last).end());
            self.changed = BTreeSet::from([table]);
        }
        &mut self.last
    }

    /// All that have parts, in order.
    pub(super) fn end(mut self) -> Vec<Statement> {
        if !self.last.is_empty() {
            self.whole.push(self.last.end());
        }
        self.whole
    }
}
