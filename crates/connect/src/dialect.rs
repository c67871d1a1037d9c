//! What SQL engines say differently. One implementation per engine, in its own folder.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::AgeFormat;

use crate::catalog::Column;
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

    /// Only the digits and `+` of a text.
    fn digits(&self, text: &str) -> String;

    /// A column as the export reads it.
    fn exported(&self, expression: &str, column: &Column) -> String;

    /// Whether a row is older than a moment.
    fn older(&self, expression: &str, column: &Column, format: AgeFormat, before: Timestamp, sql: &mut Sql);

    /// Whether every foreign key can wait for the commit.
    fn defers_everything(&self) -> bool;

    /// Whether several writers act at once, so that rows have to be locked.
    fn locks_rows(&self) -> bool;
}

/// The moment as `2026-10-31T23:59:59.000Z`.
pub(crate) fn iso(moment: Timestamp) -> String {
    let whole = jiff::Timestamp::from_millisecond(moment.as_millis());
    // Beyond what a calendar can say, everything or nothing is older.
    let edge = if moment.as_millis() < 0 { "0000-01-01T00:00:00.000Z" } else { "9999-12-31T23:59:59.999Z" };
    whole.map_or_else(|_| edge.to_owned(), |it| format!("{it:.3}"))
}
