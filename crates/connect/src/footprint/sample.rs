//! A few rows of a subject for whoever looks at a plan: what an export would show of them, masked here, so that no value goes
//! any further.

use countersign_core::plan::{Masked, Sample};
use countersign_service::ports::source::Value;

use super::Footprint;
use super::reach::Start;
use super::read::Section;
use crate::catalog::{Column, Kind};
use crate::sql::{Sql, quote};

/// How many characters of a text are read.
const BEGINNING: u32 = 200;

/// A few rows that show the same columns.
pub(crate) struct Asked<'a> {
    table: &'a str,
    pub(crate) columns: Vec<&'a Column>,
    /// At most so many of the table's.
    most: usize,
    pub(crate) sql: Sql,
}

impl<'a> Footprint<'a> {
    /// What to read, in the order of an export.
    pub(crate) fn samples(&self, starts: &[Start]) -> Vec<Asked<'a>> {
        self.sections().into_iter().filter_map(|it| self.sample(it, starts)).collect()
    }

    fn sample(&self, section: Section<'a>, starts: &[Start]) -> Option<Asked<'a>> {
        let most = self.map.samples(section.table)?;
        let mut sql = Sql::new(self.dialect);
        self.with_reached(starts, &mut sql);
        // Of binary values and documents there is no shape to show.
        let shown = |it: &&Column| !matches!(it.kind, Kind::Bytes | Kind::Json);
        let columns: Vec<&Column> = section.columns.iter().copied().filter(shown).collect();
        if columns.is_empty() {
            return None;
        }
        let each = columns.iter().map(|it| {
            let value = self.dialect.exported(&format!("x.{}", quote(&it.name)), it);
            if it.kind == Kind::Text { format!("substr({value}, 1, {BEGINNING})") } else { value }
        });
        let each = each.collect::<Vec<_>>().join(", ");
        self.read_columns(&section, &each, &mut sql);
        sql.push(&format!(" LIMIT {most}"));
        Some(Asked { table: section.table, columns, most: most as usize, sql })
    }
}

impl Asked<'_> {
    /// What is left of the rows that were read. `so_far`: samples of other sections, of which the table may be one.
    pub(crate) fn masked(&self, source: &str, rows: Vec<Vec<Value>>, so_far: &[Sample]) -> Option<Sample> {
        let taken: usize = so_far.iter().filter(|it| it.table == self.table).map(|it| it.rows.len()).sum();
        let rows: Vec<Vec<Masked>> = rows
            .into_iter()
            .take(self.most.saturating_sub(taken))
            .map(|row| row.iter().map(masked).collect())
            .collect();
        let columns = self.columns.iter().map(|it| it.name.clone()).collect();
        (!rows.is_empty()).then(|| Sample {
            source: source.to_owned(),
            table: self.table.to_owned(),
            columns,
            rows,
        })
    }
}

fn masked(value: &Value) -> Masked {
    match value {
        Value::Null => Masked::nothing(),
        Value::Bool(_) => Masked::kind("true or false"),
        Value::Int(number) => Masked::text(&number.to_string()),
        Value::Real(number) => Masked::text(&number.to_string()),
        Value::Text(text) => Masked::text(text),
        Value::Bytes(_) => Masked::kind("bytes"),
        Value::Json(_) => Masked::kind("JSON"),
    }
}
