//! What would be done to whose rows: sources, tables and treatments, and how many rows each has.
//! A plan never holds a value out of a source.

mod sample;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use sample::{Masked, Sample};

/// What happens to the rows of a table that are reached in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// The row goes.
    Delete,
    /// The row stays; its personal columns are emptied or replaced.
    Clear,
    /// The row is somebody else's and stays; its pointer to the subject is emptied.
    Detach,
    /// The row stays as it is, on a legal basis.
    Keep,
    /// The row stays as long as another living subject also owns it, and goes with its last owner.
    KeepForOthers,
}

impl Treatment {
    /// The word used in data maps, plans and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Treatment::Delete => "delete",
            Treatment::Clear => "clear",
            Treatment::Detach => "detach",
            Treatment::Keep => "keep",
            Treatment::KeepForOthers => "keep-for-others",
        }
    }
}

/// One line of a plan: a table, the way by which its rows are the subject's, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanLine {
    /// The table, as the source names it.
    pub table: String,
    /// The way in which its rows are reached: `customer_id → customer`, or `root`.
    pub way: String,
    /// What happens to them.
    pub treatment: Treatment,
    /// Why rows are kept, as a code: `legal_obligation`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Until when they are kept, as the data map says it to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How many rows are reached in this way and treated so.
    pub rows: u64,
    /// How many bytes their values have, or the files that they are: texts and binary values their length, anything
    /// else what the source writes or takes for it, without what an engine adds. `None` where the rows are somebody
    /// else's, or the source does not tell. For a reviewer: neither digest nor counts know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What would be done in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// The source's name in the configuration.
    pub source: String,
    /// SHA-256, in hex, of what the plan rests on in the source: tables, columns, keys.
    pub fingerprint: String,
    /// SHA-256, in hex, of the data map.
    pub map_version: String,
    /// Every table of the map, also those without a row.
    pub lines: Vec<PlanLine>,
}

/// What would be done, everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By source, in the order of the steps.
    pub sources: Vec<SourcePlan>,
}

/// How many rows a table of a source has in a plan, by `(source, table)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<String, BTreeMap<String, u64>>);

impl Plan {
    /// Rows per table: lines of one table are added up.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for source in &self.sources {
            for line in &source.lines {
                counts.add(&source.source, &line.table, line.rows);
            }
        }
        counts
    }

    /// Whether anything of it has rows.
    pub fn touches_nothing(&self) -> bool {
        self.sources.iter().all(|source| source.lines.iter().all(|line| line.rows == 0))
    }
}

impl Counts {
    /// Adds `rows` to a table.
    pub fn add(&mut self, source: &str, table: &str, rows: u64) {
        let tables = self.0.entry(source.to_owned()).or_default();
        let count = tables.entry(table.to_owned()).or_default();
        *count = count.saturating_add(rows);
    }

    /// Rows of one table; zero for a table that is not there.
    pub fn of(&self, source: &str, table: &str) -> u64 {
        self.0.get(source).and_then(|tables| tables.get(table)).copied().unwrap_or(0)
    }

    /// Every `(source, table, rows)`, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0
            .iter()
            .flat_map(|(source, tables)| tables.iter().map(move |(table, rows)| (&**source, &**table, *rows)))
    }

    /// Adds what another has, table by table.
    pub fn add_all(&mut self, other: &Counts) {
        for (source, table, rows) in other.iter() {
            self.add(source, table, rows);
        }
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.iter().fold(0, |sum, (_, _, rows)| sum.saturating_add(rows))
    }

    /// Tables with at least one row.
    pub fn tables(&self) -> u64 {
        self.iter().filter(|(_, _, rows)| *rows > 0).count() as u64
    }

    /// Sources with at least one row.
    pub fn sources(&self) -> u64 {
        self.0.values().filter(|tables| tables.values().any(|rows| *rows > 0)).count() as u64
    }

    /// The most rows that a vote over these counts still covers, per table: 110 %, or 20 rows more
    /// if that is more.
    #[must_use]
    pub fn ceiling(&self) -> Counts {
        let mut ceiling = Counts::default();
        for (source, table, rows) in self.iter() {
            let tenth = (rows / 10).max(20);
            ceiling.add(source, table, rows.saturating_add(tenth));
        }
        ceiling
    }

    /// The first table in which `self` has more rows than `ceiling` allows: source, table, counted, allowed.
    /// A table that the ceiling does not know is allowed no row.
    pub fn beyond(&self, ceiling: &Counts) -> Option<(&str, &str, u64, u64)> {
        self.iter()
            .map(|(source, table, rows)| (source, table, rows, ceiling.of(source, table)))
            .find(|(_, _, rows, allowed)| rows > allowed)
    }

    /// The lower of both, table by table: what two ceilings both allow.
    #[must_use]
    pub fn lower(&self, other: &Counts) -> Counts {
        let mut lower = Counts::default();
        for (source, table, rows) in self.iter() {
            lower.add(source, table, rows.min(other.of(source, table)));
        }
        lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_table_are_added_up_and_a_table_without_rows_is_known() {
        let plan = plan(&[("orders", 3), ("orders", 4), ("invoice", 0)]);
        assert_eq!(plan.counts().iter().collect::<Vec<_>>(), [("shop", "invoice", 0), ("shop", "orders", 7)]);
        assert_eq!((plan.counts().rows(), plan.counts().tables(), plan.counts().sources()), (7, 1, 1));
    }

    #[test]
    fn a_plan_touches_nothing_when_no_line_has_a_row() {
        assert!(plan(&[("orders", 0)]).touches_nothing());
        assert!(Plan::default().touches_nothing());
        assert!(!plan(&[("orders", 0), ("invoice", 1)]).touches_nothing());
    }

    #[test]
    fn a_vote_covers_twenty_rows_more_or_a_tenth_if_that_is_more() {
        for (rows, most) in [(0, 20), (1, 21), (200, 220), (209, 229), (210, 231), (1_000, 1_100)] {
            assert_eq!(orders(rows).ceiling(), orders(most), "{rows} rows");
        }
    }

    #[test]
    fn counts_at_the_end_of_the_range_stay_there() {
        assert_eq!(orders(u64::MAX).ceiling(), orders(u64::MAX));
        let mut two = orders(u64::MAX);
        two.add("shop", "orders", 1);
        two.add("crm", "contact", 1);
        assert_eq!((two.of("shop", "orders"), two.rows()), (u64::MAX, u64::MAX));
    }

    #[test]
    fn counts_are_beyond_a_ceiling_by_a_single_row_and_say_where() {
        assert_eq!(orders(5).beyond(&orders(5)), None);
        assert_eq!(orders(6).beyond(&orders(5)), Some(("shop", "orders", 6, 5)));
    }

    #[test]
    fn a_table_that_the_ceiling_does_not_know_is_allowed_no_row() {
        assert_eq!(orders(1).beyond(&Counts::default()), Some(("shop", "orders", 1, 0)));
        assert_eq!(orders(0).beyond(&Counts::default()), None);
    }

    #[test]
    fn two_ceilings_allow_together_what_each_allows() {
        let mut more = orders(9);
        more.add("crm", "contact", 3);
        assert_eq!(more.lower(&orders(5)).of("shop", "orders"), 5);
        assert_eq!(orders(5).lower(&more).of("shop", "orders"), 5);
        assert_eq!(more.lower(&orders(5)).of("crm", "contact"), 0);
        assert_eq!(orders(5).lower(&more).of("crm", "contact"), 0);
    }

    fn orders(rows: u64) -> Counts {
        plan(&[("orders", rows)]).counts()
    }

    fn plan(lines: &[(&str, u64)]) -> Plan {
        let lines = lines.iter().map(|&(table, rows)| PlanLine {
            table: table.to_owned(),
            way: "root".to_owned(),
            treatment: Treatment::Delete,
            basis: None,
            until: None,
            rows,
            bytes: None,
        });
        Plan {
            sources: vec![SourcePlan {
                source: "shop".to_owned(),
                fingerprint: "f".to_owned(),
                map_version: "m".to_owned(),
                lines: lines.collect(),
            }],
        }
    }
}
