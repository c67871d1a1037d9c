//! What MariaDB and MySQL say in their own way. Sessions have `ANSI_QUOTES` and `PIPES_AS_CONCAT`, so that names and
//! joined texts are written as everywhere. Their `=` goes by collations; `exactly` is there for where that is not meant.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::{AgeFormat, Generalise};

use super::make;
use super::statement::place;
use crate::catalog::{Column, Kind};
use crate::dialect::{Dialect, Ring, iso};
use crate::recipe::{CHECKED, DIGITS, Recipe, TAG};
use crate::sql::{Param, Sql};

/// MariaDB 10.6 or later, or MySQL 8.0.
pub(crate) struct MySql {
    /// The collation that takes two texts for the same only if they are.
    pub(super) exact: &'static str,
    /// Whether a temporary table may stand in a statement twice.
    pub(super) reopens: bool,
}

/// MariaDB.
pub(crate) static MARIADB: MySql = MySql { exact: "utf8mb4_nopad_bin", reopens: true };
/// MariaDB, treated as MySQL in what can be tried there.
pub(crate) static MARIADB_OPENING_ONCE: MySql = MySql { exact: MARIADB.exact, reopens: false };
/// MySQL.
pub(crate) static MYSQL: MySql = MySql { exact: "utf8mb4_0900_bin", reopens: false };

/// A text that begins like a date and a time of ISO 8601: only such a text is asked to be one.
const DAY: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
const HOUR: &str = "[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?";
/// The first address of a network, /24 or /48, as Rust writes it.
const NETWORK: &str = "^(([0-9]{1,3}[.]){3}0|([0-9a-f]{1,4}:){0,2}[0-9a-f]{1,4}::|::)$";
const ZONE: &str = "[+-][0-9]{2}(:?[0-9]{2})?";

impl MySql {
    /// Text that is compared byte by byte.
    fn plain(&self, expression: &str) -> String {
        format!("(CONVERT({expression} USING utf8mb4) COLLATE {})", self.exact)
    }

    /// The moment of an ISO text, in UTC.
    fn moment(&self, text: &str) -> String {
        let local = format!("REPLACE(REGEXP_SUBSTR({text}, '^{DAY}({HOUR})?'), 'T', ' ')");
        let offset = format!("REGEXP_SUBSTR({text}, '{ZONE}$')");
        let minutes = format!(
            "CAST(SUBSTR({offset}, 2, 2) AS SIGNED) * 60 + CAST(RIGHT('00' || SUBSTR(REPLACE({offset}, ':', ''), 4, 2), 2) \
             AS SIGNED)"
        );
        format!(
            "CASE WHEN {text} REGEXP '^{DAY}{HOUR}{ZONE}$' THEN CAST({local} AS DATETIME(6)) - INTERVAL ({minutes}) * \
             (CASE SUBSTR({offset}, 1, 1) WHEN '-' THEN -1 ELSE 1 END) MINUTE \
             WHEN {text} REGEXP '^{DAY}({HOUR}Z?)?$' THEN CAST({local} AS DATETIME(6)) END"
        )
    }
}

impl Dialect for MySql {
    fn placeholder(&self, n: usize, _param: &Param) -> String {
        place(n)
    }

    fn text(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            Kind::Text | Kind::Json => self.plain(expression),
            Kind::Bytes => format!("('0x' || HEX({expression}))"),
            _ if is(column, "bit") => self.plain(&format!("CAST({expression} + 0 AS CHAR)")),
            _ if is_shape(column) => self.plain(&format!("ST_AsText({expression})")),
            _ => self.plain(&format!("CAST({expression} AS CHAR)")),
        }
    }

    fn typed(&self, expression: &str, column: &Column) -> String {
        let unsigned = column.type_name.contains(" unsigned") || is(column, "bit") || is(column, "year");
        match column.kind {
            Kind::Int | Kind::Bool if unsigned => format!("CAST({expression} AS UNSIGNED)"),
            Kind::Int | Kind::Bool => format!("CAST({expression} AS SIGNED)"),
            Kind::Real => format!("CAST({expression} AS DOUBLE)"),
            Kind::Text => match set(column) {
                Some((set, collation)) => format!("(CONVERT({expression} USING {set}) COLLATE {collation})"),
                None => expression.to_owned(),
            },
            Kind::Bytes if expression == "NULL" => "CAST(NULL AS BINARY)".to_owned(),
            // As `text` writes them, else as they are.
            Kind::Bytes => format!(
                "CASE WHEN {expression} REGEXP '^0x([0-9A-F]{{2}})*$' THEN UNHEX(SUBSTR({expression}, 3)) \
                 ELSE CAST({expression} AS BINARY) END"
            ),
            Kind::Json if is(column, "json") => format!("CAST({expression} AS JSON)"),
            Kind::Time => match column.type_name.split_once('(') {
                _ if is(column, "date") => format!("CAST({expression} AS DATE)"),
                Some((_, digits)) => format!("CAST({expression} AS {}({digits})", clock(column)),
                None => format!("CAST({expression} AS {})", clock(column)),
            },
            Kind::Other if is(column, "decimal") => {
                let digits = column.type_name.split(' ').next().unwrap_or("decimal");
                format!("CAST({expression} AS {digits})")
            }
            Kind::Other | Kind::Json => expression.to_owned(),
        }
    }

    fn parsed(&self, text: &str, column: &Column) -> Option<String> {
        match column.kind {
            Kind::Text => Some(self.typed(text, column)),
            Kind::Int => {
                Some(format!("CASE WHEN {text} REGEXP '^-?[0-9]{{1,18}}$' THEN CAST({text} AS SIGNED) END"))
            }
            _ => None,
        }
    }

    fn same(&self, one: &str, other: &str, column: &Column) -> String {
        match column.kind {
            Kind::Text => format!("{} <=> {}", self.plain(one), self.plain(other)),
            Kind::Json if !is(column, "json") => format!("{} <=> {}", self.plain(one), self.plain(other)),
            // A float is nearer to its text than to the double that was written.
            Kind::Real => format!("CAST({one} AS CHAR) <=> CAST({other} AS CHAR)"),
            _ if is(column, "bit") => format!("{one} + 0 <=> {other}"),
            _ if is_shape(column) => format!("{} <=> {other}", self.text(one, column)),
            _ => format!("{one} <=> {other}"),
        }
    }

    fn holds(&self, expression: &str, column: &Column, sql: &mut Sql, text: &str) {
        match column.kind {
            Kind::Text => {
                let place = sql.place(Param::Text(text.to_owned()));
                // The first comparison has an index and goes by the collation; the second one is exact.
                sql.push(&format!(
                    "({expression} = {} AND {} = {place})",
                    self.typed(&place, column),
                    self.plain(expression)
                ));
            }
            Kind::Int | Kind::Bool => match (text.parse::<i64>(), text.parse::<u64>()) {
                (Ok(number), _) => {
                    let place = sql.place(Param::Int(number));
                    sql.push(&format!("{expression} = {place}"));
                }
                (Err(_), Ok(number)) => {
                    let place = sql.place(Param::Text(number.to_string()));
                    sql.push(&format!("{expression} = CAST({place} AS UNSIGNED)"));
                }
                // No number is held by a text that is none.
                (Err(_), Err(_)) => drop(sql.push("FALSE")),
            },
            Kind::Bytes => {
                let place = sql.place(Param::Text(text.to_owned()));
                sql.push(&format!("{expression} = {}", self.typed(&place, column)));
            }
            _ => {
                let place = sql.place(Param::Text(text.to_owned()));
                sql.push(&format!("{} = {place}", self.text(expression, column)));
            }
        }
    }

    fn characters(&self, text: &str) -> String {
        // `length` counts bytes here.
        format!("char_length({text})")
    }

    fn digits(&self, text: &str) -> String {
        format!("REGEXP_REPLACE({text}, '[^0-9+]', '')")
    }

    fn total(&self, expression: &str) -> String {
        format!("CAST(sum({expression}) AS SIGNED)")
    }

    fn exported(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            _ if is(column, "bit") => format!("CAST({expression} + 0 AS UNSIGNED)"),
            Kind::Bool | Kind::Int | Kind::Real | Kind::Bytes => expression.to_owned(),
            Kind::Text | Kind::Json | Kind::Time | Kind::Other => self.text(expression, column),
        }
    }

    fn older(&self, expression: &str, column: &Column, format: AgeFormat, before: Timestamp, sql: &mut Sql) {
        match format {
            AgeFormat::UnixMillis => {
                sql.push(&format!("{expression} < ")).bind(Param::Int(before.as_millis()));
            }
            // Whole seconds before the moment: the same rows as with fractions, and an index helps.
            AgeFormat::UnixSeconds => {
                let seconds =
                    before.as_millis().div_euclid(1000) + i64::from(before.as_millis().rem_euclid(1000) > 0);
                sql.push(&format!("{expression} < ")).bind(Param::Int(seconds));
            }
            AgeFormat::Iso => {
                let place = sql.place(Param::Text(calendar(before)));
                let moment = self.moment(&self.text(expression, column));
                // Compared as times, MariaDB takes the 31st of June for one.
                sql.push(&format!("COALESCE(CAST({moment} AS CHAR) < {place}, FALSE)"));
            }
            // A date that is zero is none.
            AgeFormat::Timestamp => {
                let place = sql.place(Param::Text(calendar(before)));
                sql.push(&format!(
                    "({expression} < CAST({place} AS DATETIME(6)) AND {} NOT LIKE '0000%')",
                    self.text(expression, column)
                ));
            }
        }
    }

    fn generalised(&self, expression: &str, column: &Column, how: Generalise) -> Option<String> {
        let first = format!("DATE_FORMAT({expression}, '%Y-01-01')");
        match how {
            Generalise::Year if is(column, "date") => Some(format!("CAST({first} AS DATE)")),
            Generalise::Year if is(column, "datetime") => Some(format!("CAST({first} AS DATETIME)")),
            // The first of January 1970 is no time of this type.
            Generalise::Year if is(column, "timestamp") => {
                Some(format!("GREATEST(CAST({first} AS DATETIME), CAST('1970-01-02' AS DATETIME))"))
            }
            Generalise::Year | Generalise::Network => None,
        }
    }

    fn made(&self, text: &str, column: &Column, recipe: Recipe) -> Option<String> {
        let (table, number) = (make::TABLE, recipe.number());
        (column.kind == Kind::Text).then(|| {
            format!("(SELECT m.made FROM {table} AS m WHERE m.recipe = {number} AND m.old = {text})")
        })
    }

    fn is_made(&self, text: &str, column: &Column, recipe: Recipe) -> Option<String> {
        if column.kind != Kind::Text {
            return None;
        }
        Some(match recipe {
            Recipe::Pseudonym => format!(
                "({text} REGEXP '^[0-9a-f]{{{DIGITS}}}$' AND SUBSTR(SHA2('{CHECKED}' || SUBSTR({text}, 1, {TAG}), 256), \
                 1, {}) = SUBSTR({text}, {}))",
                DIGITS - TAG,
                TAG + 1
            ),
            Recipe::Year => format!("({text} REGEXP '^[0-9]{{4}}-01-01$')"),
            Recipe::Network => format!("({text} REGEXP '{NETWORK}')"),
        })
    }

    fn made_of(&self, text: &str) -> Option<String> {
        // `text` compares letter by letter already.
        Some(text.to_owned())
    }

    fn defers_everything(&self) -> bool {
        false
    }

    fn locks_rows(&self) -> bool {
        true
    }

    fn collecting(&self) -> &'static str {
        "AS"
    }

    fn any_of(&self, selects: &[String]) -> String {
        // A union right behind IN is asked again for every row.
        format!("SELECT * FROM ({}) AS countersign_any", selects.join(" UNION "))
    }

    fn delete(&self, table: &str) -> String {
        format!("DELETE x FROM {table} AS x")
    }

    fn update(&self, table: &str) -> String {
        // Changing one table alone, MariaDB 10 asks a condition with IN again for every row; of a join it makes a join.
        format!("UPDATE {table} AS x JOIN (SELECT 1 AS countersign_one) AS countersign_once")
    }

    fn exactly(&self, expression: &str, _column: &Column) -> Option<String> {
        Some(self.plain(expression))
    }

    fn alike(&self, expression: &str, column: &Column, value: &str, place: &str) -> Option<String> {
        let ignores_case = column.kind == Kind::Text && column.type_name.ends_with("_ci");
        (ignores_case && value.is_ascii()).then(|| format!("{expression} = {}", self.typed(place, column)))
    }

    fn ring(&self) -> Ring {
        Ring::Unchecked
    }
}

/// Whether a column is of this type, whatever its length.
pub(super) fn is(column: &Column, name: &str) -> bool {
    column.type_name.split([' ', '(']).next() == Some(name)
}

/// Character set and collation, as the catalogue writes them into a type's name.
fn set(column: &Column) -> Option<(&str, &str)> {
    column.type_name.split_once(" CHARACTER SET ")?.1.split_once(" COLLATE ")
}

fn is_shape(column: &Column) -> bool {
    let shapes = ["point", "linestring", "polygon", "geometry"];
    shapes.iter().any(|it| is(column, it) || is(column, &format!("multi{it}")))
        || is(column, "geometrycollection")
}

fn clock(column: &Column) -> &'static str {
    if is(column, "time") { "TIME" } else { "DATETIME" }
}

/// The moment as `2026-10-31 23:59:59.000`, in UTC.
fn calendar(moment: Timestamp) -> String {
    iso(moment).replace('T', " ").replace('Z', "")
}
