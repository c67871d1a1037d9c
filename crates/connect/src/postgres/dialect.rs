//! What PostgreSQL says in its own way.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::{AgeFormat, Generalise};

use super::make;
use crate::catalog::{Column, Kind};
use crate::dialect::{Dialect, iso};
use crate::recipe::{CHECKED, DIGITS, Recipe, TAG};
use crate::sql::{Param, Sql};

/// PostgreSQL 15 or later.
pub(crate) struct Postgres;

/// A text that begins like a date and a time of ISO 8601: only such a text is asked to be one.
const ISO: &str = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$";

/// The first address of a network, /24 or /48, as Rust writes it.
const NETWORK: &str = r"^(([0-9]{1,3}\.){3}0|([0-9a-f]{1,4}:){0,2}[0-9a-f]{1,4}::|::)$";

impl Dialect for Postgres {
    fn placeholder(&self, n: usize, param: &Param) -> String {
        // The type is said, or the server would guess it from the place.
        match param {
            Param::Text(_) => format!("${n}::text"),
            Param::Int(_) => format!("${n}::bigint"),
            Param::Real(_) => format!("${n}::double precision"),
            Param::Bool(_) => format!("${n}::boolean"),
        }
    }

    fn text(&self, expression: &str, _column: &Column) -> String {
        format!("({expression})::text")
    }

    fn typed(&self, expression: &str, column: &Column) -> String {
        format!("({expression})::{}", column.type_name)
    }

    fn parsed(&self, text: &str, column: &Column) -> Option<String> {
        match column.kind {
            Kind::Text => Some(text.to_owned()),
            Kind::Int => Some(format!("CASE WHEN {text} ~ '^-?[0-9]{{1,18}}$' THEN ({text})::bigint END")),
            _ => None,
        }
    }

    fn same(&self, one: &str, other: &str, column: &Column) -> String {
        match column.kind {
            // Some types have no equality: `json`, `point`.
            Kind::Json | Kind::Other => format!("({one})::text IS NOT DISTINCT FROM ({other})::text"),
            _ => format!("{one} IS NOT DISTINCT FROM {other}"),
        }
    }

    fn holds(&self, expression: &str, column: &Column, sql: &mut Sql, text: &str) {
        match (column.kind, text.parse::<i64>()) {
            (Kind::Text, _) => {
                let place = sql.place(Param::Text(text.to_owned()));
                // Compared as text, a padded column would not use its index.
                let padded = if column.type_name.starts_with("character(") { "::bpchar" } else { "" };
                sql.push(&format!("{expression} = {place}{padded}"));
            }
            (Kind::Int, Ok(number)) => {
                let place = sql.place(Param::Int(number));
                sql.push(&format!("{expression} = {place}"));
            }
            // No number is held by a text that is none; asking would be an error.
            (Kind::Int, Err(_)) => {
                sql.push("FALSE");
            }
            _ if column.type_name == "uuid" && is_uuid(text) => {
                let place = sql.place(Param::Text(text.to_owned()));
                sql.push(&format!("{expression} = {place}::uuid"));
            }
            _ => {
                let place = sql.place(Param::Text(text.to_owned()));
                sql.push(&format!("({expression})::text = {place}"));
            }
        }
    }

    fn digits(&self, text: &str) -> String {
        format!("regexp_replace({text}, '[^0-9+]', '', 'g')")
    }

    fn bytes(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            // The length stands in the head of a value, also of one that is compressed or stored outside.
            Kind::Text => format!("octet_length(({expression})::text)::bigint"),
            Kind::Bytes => format!("octet_length({expression})::bigint"),
            _ => format!("pg_column_size({expression})::bigint"),
        }
    }

    fn total(&self, expression: &str) -> String {
        format!("sum({expression})::bigint")
    }

    fn exported(&self, expression: &str, column: &Column) -> String {
        match column.kind {
            Kind::Bool | Kind::Bytes => expression.to_owned(),
            Kind::Int => format!("({expression})::bigint"),
            Kind::Real => format!("({expression})::double precision"),
            Kind::Text | Kind::Json | Kind::Time | Kind::Other => format!("({expression})::text"),
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
                let place = sql.place(Param::Text(iso(before)));
                sql.push(&format!(
                    "CASE WHEN {expression} ~ '{ISO}' THEN ({expression})::timestamptz < ({place})::timestamptz ELSE FALSE END"
                ));
            }
            AgeFormat::Timestamp => {
                let place = sql.place(Param::Text(iso(before)));
                let moment = match &*column.type_name {
                    name if name.contains("with time zone") => format!("({place})::timestamptz"),
                    _ => format!("(({place})::timestamptz AT TIME ZONE 'UTC')"),
                };
                sql.push(&format!("{expression} < {moment}"));
            }
        }
    }

    fn generalised(&self, expression: &str, column: &Column, how: Generalise) -> Option<String> {
        let type_name = &*column.type_name;
        match how {
            // A time of day has no year. What has a time zone is read in UTC, as sessions are.
            Generalise::Year => (column.kind == Kind::Time && !type_name.starts_with("time "))
                .then(|| !type_name.starts_with("time("))?
                .then(|| format!("(date_trunc('year', ({expression})::timestamp))::{type_name}")),
            Generalise::Network => ["inet", "cidr"].contains(&type_name).then(|| {
                let address = format!("({expression})::inet");
                let most = format!("CASE family({address}) WHEN 4 THEN 24 ELSE 48 END");
                format!("(network(set_masklen({address}, LEAST(masklen({address}), {most}))))::{type_name}")
            }),
        }
    }

    fn made(&self, text: &str, column: &Column, recipe: Recipe) -> Option<String> {
        let (table, number) = (make::TABLE, recipe.number());
        let old = self.made_of(text)?;
        (column.kind == Kind::Text)
            .then(|| format!("(SELECT m.made FROM {table} AS m WHERE m.recipe = {number} AND m.old = {old})"))
    }

    fn is_made(&self, text: &str, column: &Column, recipe: Recipe) -> Option<String> {
        if column.kind != Kind::Text {
            return None;
        }
        let text = self.made_of(text)?;
        Some(match recipe {
            Recipe::Pseudonym => format!(
                "({text} ~ '^[0-9a-f]{{{DIGITS}}}$' AND substr(encode(sha256(convert_to('{CHECKED}' || \
                 substr({text}, 1, {TAG}), 'UTF8')), 'hex'), 1, {}) = substr({text}, {}))",
                DIGITS - TAG,
                TAG + 1
            ),
            Recipe::Year => format!("({text} ~ '^[0-9]{{4}}-01-01$')"),
            Recipe::Network => format!("({text} ~ '{NETWORK}')"),
        })
    }

    fn made_of(&self, text: &str) -> Option<String> {
        // Under another collation, two texts may be the same, or have no patterns.
        Some(format!("({text} COLLATE \"C\")"))
    }

    fn defers_everything(&self) -> bool {
        false
    }

    fn says_anew(&self) -> bool {
        true
    }

    fn locks_rows(&self) -> bool {
        true
    }
}

fn is_uuid(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    digits == 32 && text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}
