//! What a sample of a column's values looks like: counted value by value, and forgotten. Shapes and check digits only,
//! always told as a guess with its numbers; no value leaves this file.

use std::collections::BTreeMap;

use super::look::{self, Look};
use super::words::{self, Personal};
use crate::catalog::{Column, Kind, Table};
use crate::dialect::Dialect;
use crate::sql::{Sql, quote};

/// Rows that are looked at, of each table.
pub(crate) const ROWS: usize = 200;
/// Fewer values than this say nothing.
const FEWEST: usize = 3;

/// What was seen in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Values that are not empty.
    values: usize,
    looks: BTreeMap<Look, usize>,
    /// Longer texts in which an e-mail address stands.
    mentions: usize,
    /// The first and last year of what looks like dates.
    years: Option<(i32, i32)>,
}

/// What values look like.
pub(crate) struct Says {
    pub(crate) text: String,
    pub(crate) is_address: bool,
}

impl Seen {
    pub(crate) fn add(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        self.values += 1;
        if let Some(look) = look::of(value) {
            *self.looks.entry(look).or_default() += 1;
            if let (Look::Date, Some(year)) = (look, look::year(value)) {
                let (first, last) = self.years.unwrap_or((year, year));
                self.years = Some((first.min(year), last.max(year)));
            }
        } else if look::mentions_email(value) {
            self.mentions += 1;
        }
    }

    /// What the values look like, and how many of them.
    fn likely(&self) -> Option<(Look, usize)> {
        let enough = |(look, count): &(Look, usize)| {
            let percent = match look {
                // Of names and streets, the list of words knows only some.
                Look::Name => 25,
                Look::Address => 40,
                Look::Date => 80,
                _ => 60,
            };
            self.values >= FEWEST && count * 100 >= self.values * percent
        };
        let found = self.looks.iter().map(|(look, count)| (*look, *count)).filter(enough);
        let (look, count) = found.max_by_key(|(_, count)| *count)?;
        (look != Look::Date || self.are_births()).then_some((look, count))
    }

    /// What the values look like, for people to read.
    pub(crate) fn says(&self) -> Option<Says> {
        let (look, count) = self.likely()?;
        let text = format!("{count} of {} values seen look like {}", self.values, look.name());
        Some(Says { text, is_address: look == Look::Email })
    }

    /// Whether texts were seen in which an e-mail address stands.
    pub(crate) const fn mentions_addresses(&self) -> bool {
        self.mentions > 0
    }

    /// Dates of birth lie far apart and not near today; those of orders do not.
    fn are_births(&self) -> bool {
        self.years.is_some_and(|(first, last)| first >= 1900 && last <= 2020 && last - first >= 15)
    }
}

/// What a column seems to hold, by its name, else by what was seen in it.
pub(super) fn personal(column: &Column, table: &Table) -> Option<Personal> {
    words::personal(column, &table.columns).or_else(|| {
        let (look, _) = table.content.get(&column.name)?.likely()?;
        Some(match look {
            Look::Email => Personal::Email,
            Look::Phone => Personal::Phone,
            Look::Name => Personal::Name,
            Look::Address => Personal::Address,
            Look::Date => Personal::Born,
            Look::Card | Look::Bank | Look::NationalId => Personal::Number,
            Look::Ip => Personal::Trace,
        })
    })
}

/// Whether a column holds what nobody is shown, not even the person: by its name, or by what was seen in it.
pub(super) fn is_secret(column: &Column, table: &Table) -> bool {
    let seen = || table.content.get(&column.name)?.likely();
    words::is_secret(&column.name) || matches!(seen(), Some((Look::Card | Look::NationalId, _)))
}

/// What was seen, for people to read; the second says whether it is a doubt.
pub(super) fn remarks(table: &Table) -> Vec<(String, bool)> {
    let mut remarks = vec![];
    for column in &table.columns {
        let Some(seen) = table.content.get(&column.name) else { continue };
        let (name, values) = (&column.name, seen.values);
        if let Some((look, count)) = seen.likely() {
            let said = format!("`{name}`: {count} of {values} values seen look like {}", look.name());
            match words::personal(column, &table.columns) {
                Some(_) => remarks.push((said, false)),
                None => remarks.push((format!("{said}, which its name does not say"), true)),
            }
        } else if seen.mentions > 0 {
            let said =
                format!("`{name}`: {} of {values} values seen mention an e-mail address", seen.mentions);
            remarks.push((said, true));
        }
    }
    remarks
}

/// Reads the first rows of a table, as texts, and which columns they are of; nothing where no column can say anything.
pub(crate) fn sample<'t>(table: &'t Table, dialect: &'static dyn Dialect) -> Option<(Sql, Vec<&'t str>)> {
    let telling = |it: &&Column| !matches!(it.kind, Kind::Bool | Kind::Bytes | Kind::Real);
    let columns: Vec<&Column> = table.columns.iter().filter(telling).collect();
    if columns.is_empty() || table.hides_rows {
        return None;
    }
    let texts = columns.iter().map(|it| dialect.text(&format!("x.{}", quote(&it.name)), it));
    let texts = texts.collect::<Vec<_>>().join(", ");
    let mut sql = Sql::new(dialect);
    sql.push(&format!("SELECT {texts} FROM {} AS x LIMIT {ROWS}", table.quoted));
    Some((sql, columns.into_iter().map(|it| &*it.name).collect()))
}

/// What rows that [`sample`] read look like.
pub(crate) fn look_at(columns: &[&str], rows: Vec<Vec<Option<String>>>) -> BTreeMap<String, Seen> {
    let mut content: BTreeMap<String, Seen> = BTreeMap::new();
    for row in rows {
        for (name, value) in columns.iter().zip(row) {
            if let Some(value) = value {
                content.entry((*name).to_owned()).or_default().add(&value);
            }
        }
    }
    content
}
