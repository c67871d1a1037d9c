//! What SQLite says in its own way.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::AgeFormat;

use crate::catalog::{Column, Kind};
use crate::dialect::{Dialect, Ring, iso};
use crate::recipe::Recipe;
use crate::sql::{Param, Sql};

/// SQLite.
pub(crate) struct Sqlite;

const DAY_MS: i64 = 86_400_000;

impl Dialect for Sqlite {
    fn placeholder(&self, n: usize, _param: &Param) -> String {
        format!("?{n}")
    }

    fn text(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            Kind::Text | Kind::Int | Kind::Bool => format!("CAST({expression} AS TEXT)"),
            // Any cell may hold bytes; their text is a literal.
            _ => format!(
                "CASE WHEN typeof({expression}) = 'blob' THEN 'x''' || hex({expression}) || '''' \
                 ELSE CAST({expression} AS TEXT) END"
            ),
        }
    }

    fn typed(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            _ if expression == "NULL" => "NULL".to_owned(),
            Kind::Int | Kind::Bool => format!("CAST({expression} AS INTEGER)"),
            Kind::Real => format!("CAST({expression} AS REAL)"),
            _ => expression.to_owned(),
        }
    }

    fn parsed(&self, text: &str, column: &Column) -> Option<String> {
        match column.kind {
            Kind::Text => Some(text.to_owned()),
            Kind::Int => Some(format!("CAST({text} AS INTEGER)")),
            _ => None,
        }
    }

    fn same(&self, one: &str, other: &str, _column: &Column) -> String {
        format!("{one} IS {other}")
    }

    fn holds(&self, expression: &str, column: &Column, sql: &mut Sql, text: &str) {
        let place = sql.place(Param::Text(text.to_owned()));
        match column.kind {
            // The column's affinity turns the text into a number where it is one.
            Kind::Text | Kind::Int => sql.push(&format!("{expression} = {place}")),
            _ => sql.push(&format!("{} = {place}", self.text(expression, column))),
        };
    }

    fn digits(&self, text: &str) -> String {
        format!("countersign_digits({text})")
    }

    fn exported(&self, expression: &str, _column: &Column) -> String {
        expression.to_owned()
    }

    fn older(&self, expression: &str, _column: &Column, format: AgeFormat, before: Timestamp, sql: &mut Sql) {
        match format {
            AgeFormat::UnixMillis => {
                sql.push(&format!("{expression} < ")).bind(Param::Int(before.as_millis()));
                sql.push(&format!(" AND typeof({expression}) IN ('integer', 'real')"));
            }
            AgeFormat::UnixSeconds => {
                #[allow(clippy::cast_precision_loss, reason = "a moment in seconds needs fewer than 53 bits")]
                let seconds = before.as_millis() as f64 / 1000.0;
                sql.push(&format!("{expression} < ")).bind(Param::Real(seconds));
                sql.push(&format!(" AND typeof({expression}) IN ('integer', 'real')"));
            }
            AgeFormat::Iso | AgeFormat::Timestamp => {
                // The first comparison can use an index; a day covers every offset. The last one is exact, and
                // NULL for what is no date.
                sql.push(&format!("{expression} < ")).bind(Param::Text(iso(before.plus_ms(DAY_MS))));
                sql.push(&format!(
                    " AND typeof({expression}) = 'text' AND julianday({expression}) < julianday("
                ));
                sql.bind(Param::Text(iso(before))).push(")");
            }
        }
    }

    fn defers_everything(&self) -> bool {
        true
    }

    fn locks_rows(&self) -> bool {
        false
    }

    fn made(&self, text: &str, column: &Column, recipe: Recipe) -> Option<String> {
        // Of a column without a type, or whose type says that numbers stay numbers, a text stays the text that it is.
        let holds = match recipe {
            Recipe::Pseudonym => column.kind == Kind::Text || column.type_name.is_empty(),
            Recipe::Year | Recipe::Network => {
                matches!(column.kind, Kind::Text | Kind::Time | Kind::Other)
            }
        };
        holds.then(|| format!("countersign_made({}, {text})", recipe.number()))
    }

    fn is_made(&self, text: &str, _column: &Column, recipe: Recipe) -> Option<String> {
        (recipe == Recipe::Pseudonym).then(|| format!("countersign_is_pseudonym({text})"))
    }

    fn ring(&self) -> Ring {
        Ring::Deferred
    }
}
