//! What SQL engines say differently. One implementation per engine, in its own folder.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::{AgeFormat, Generalise};

use crate::catalog::Column;
use crate::recipe::Recipe;
use crate::sql::{Param, Sql};

/// The differences that the footprint meets.
pub(crate) trait Dialect: Send + Sync {
    /// The place of the `n`th value, from 1.
    fn placeholder(&self, n: usize, param: &Param) -> String;

    /// An expression of `column`'s type as text.
    fn text(&self, expression: &str, column: &Column) -> String;

    /// A text as `column`'s type.
    fn typed(&self, expression: &str, column: &Column) -> String;

    /// A text as `column`'s type, NULL where it is none, if that can be said without an error.
    fn parsed(&self, text: &str, column: &Column) -> Option<String>;

    /// Whether two expressions of `column`'s type are the same, NULL being the same as NULL.
    fn same(&self, one: &str, other: &str, column: &Column) -> String;

    /// Whether a text stands in `column`, for looking up keys and identities.
    fn holds(&self, expression: &str, column: &Column, sql: &mut Sql, text: &str);

    /// How many characters a text has.
    fn characters(&self, text: &str) -> String {
        format!("length({text})")
    }

    /// Only the digits and `+` of a text.
    fn digits(&self, text: &str) -> String;

    /// How many bytes a value has: of texts and binary values the length, of anything else what the engine writes or
    /// takes for it. Never by reading what stands outside of the row, where the engine can tell without.
    fn bytes(&self, expression: &str, _column: &Column) -> String {
        format!("octet_length({expression})")
    }

    /// A sum of whole numbers as one that the driver reads as such.
    fn total(&self, expression: &str) -> String {
        format!("sum({expression})")
    }

    /// A column as the export reads it.
    fn exported(&self, expression: &str, column: &Column) -> String;

    /// Whether a row is older than a moment.
    fn older(&self, expression: &str, column: &Column, format: AgeFormat, before: Timestamp, sql: &mut Sql);

    /// Whether every foreign key can wait for the commit.
    fn defers_everything(&self) -> bool;

    /// Whether several writers act at once, so that rows have to be locked.
    fn locks_rows(&self) -> bool;

    /// How rows are collected under a name for one statement: the words between the name and the bracket.
    fn collecting(&self) -> &'static str {
        "AS MATERIALIZED"
    }

    /// Several selects of the same columns as one, behind `IN (`.
    fn any_of(&self, selects: &[String]) -> String {
        selects.join(" UNION ")
    }

    /// The beginning of a deletion from a table whose rows are called `x`.
    fn delete(&self, table: &str) -> String {
        format!("DELETE FROM {table} AS x")
    }

    /// The beginning of a change of a table whose rows are called `x`.
    fn update(&self, table: &str) -> String {
        format!("UPDATE {table} AS x")
    }

    /// Where `=` takes different texts for the same, as a collation may: an expression of `column` that is the same
    /// for the same text alone.
    fn exactly(&self, _expression: &str, _column: &Column) -> Option<String> {
        None
    }

    /// What can be said of texts that are the same but for their case so that an index on `column` serves, if
    /// anything: true at least whenever they are.
    fn alike(&self, _expression: &str, _column: &Column, _value: &str, _place: &str) -> Option<String> {
        None
    }

    /// What is left of a value where `column` has a type of the engine's own for it.
    fn generalised(&self, _expression: &str, _column: &Column, _how: Generalise) -> Option<String> {
        None
    }

    /// The text that `recipe` makes of a text out of `column`. `None`: it cannot be made here.
    fn made(&self, _text: &str, _column: &Column, _recipe: Recipe) -> Option<String> {
        None
    }

    /// Whether a text is as `recipe` makes it; `None`: that is seen by making it again.
    fn is_made(&self, _text: &str, _column: &Column, _recipe: Recipe) -> Option<String> {
        None
    }

    /// What has to be read, each value once, and put into a temporary table before [`Dialect::made`] finds it there.
    fn made_of(&self, _text: &str) -> Option<String> {
        None
    }

    /// Whether a statement that changes rows may begin with rows collected for it alone, and that costs less than a
    /// temporary table.
    fn says_anew(&self) -> bool {
        false
    }

    /// How a ring of tables is deleted whose keys can neither be emptied nor wait.
    fn ring(&self) -> Ring {
        Ring::Together
    }
}

/// How tables that point to each other are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    /// In one statement, at the end of which keys are checked.
    Together,
    /// One after the other, keys being checked at the commit.
    Deferred,
    /// One after the other, keys not being checked meanwhile: that nothing else points there was looked at before.
    Unchecked,
}

/// The moment as `2026-10-31T23:59:59.000Z`.
pub(crate) fn iso(moment: Timestamp) -> String {
    let whole = jiff::Timestamp::from_millisecond(moment.as_millis());
    // Beyond what a calendar can say, everything or nothing is older.
    let edge = if moment.as_millis() < 0 { "0000-01-01T00:00:00.000Z" } else { "9999-12-31T23:59:59.999Z" };
    whole.map_or_else(|_| edge.to_owned(), |it| format!("{it:.3}"))
}
