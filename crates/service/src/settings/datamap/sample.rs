//! How many of a subject's rows a plan shows, masked. Each is one more copy of what it was taken from: only where a map asks
//! for it. It must not know any database.

use super::DataMap;
use crate::settings::section::Section;

/// The most rows of one table.
const MOST: i64 = 5;

impl DataMap {
    /// How many rows of a table (or root table) are shown.
    pub fn samples(&self, table: &str) -> Option<u32> {
        let roots = self.roots.iter().map(|it| (&it.table, it.samples));
        let tables = self.tables.iter().map(|it| (&it.name, it.samples));
        roots.chain(tables).find(|(name, _)| *name == table).and_then(|(_, samples)| samples)
    }

    /// Whether rows of any table are shown.
    pub fn asks_for_samples(&self) -> bool {
        let roots = self.roots.iter().map(|it| it.samples);
        roots.chain(self.tables.iter().map(|it| it.samples)).any(|it| it.is_some())
    }
}

/// As a root or a table of the map says it.
pub(super) fn samples(section: &Section<'_>) -> Option<u32> {
    section.number("samples", 1..=MOST).and_then(|it| u32::try_from(it).ok())
}
