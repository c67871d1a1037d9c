//! What a cleared row holds instead of the person: NULL where it may be, else a value that says so.
//! It must not know why the row stays.

use super::content;
use super::words::Personal;
use crate::catalog::{Catalog, Column, Kind, Table};

/// What clearing does to a table's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Clearing {
    pub(super) empty: Vec<String>,
    /// Columns and values, as TOML writes them.
    pub(super) replace: Vec<(String, String)>,
    pub(super) doubts: Vec<String>,
}

impl Clearing {
    pub(super) fn is_nothing(&self) -> bool {
        self.empty.is_empty() && self.replace.is_empty()
    }
}

/// Columns that seem to be a person's and can be written: no keys, no pointers, nothing computed.
pub(super) fn columns<'a>(table: &'a Table, key: &[String], catalog: &Catalog) -> Vec<&'a Column> {
    let points = |it: &Column| {
        let own = catalog.keys.iter().filter(|key| key.child == table.name);
        own.flat_map(|key| key.columns()).any(|name| name == it.name)
    };
    let free =
        |it: &&Column| !it.generated && !key.contains(&it.name) && !table.primary_key.contains(&it.name);
    let is_personal = |it: &&Column| content::personal(it, table).is_some() || content::is_secret(it, table);
    table.columns.iter().filter(free).filter(|it| !points(it)).filter(is_personal).collect()
}

/// How to clear `table`, whose rows `key` names.
pub(super) fn of(table: &Table, key: &[String], catalog: &Catalog) -> Clearing {
    let mut clearing = Clearing::default();
    for column in columns(table, key, catalog) {
        if column.nullable {
            clearing.empty.push(column.name.clone());
        } else if let Some(value) = replacement(table, column) {
            if let Some(doubt) = too_long(column, &value) {
                clearing.doubts.push(doubt);
            }
            clearing.replace.push((column.name.clone(), value));
        } else {
            clearing.doubts.push(format!(
                "`{}` may not be NULL, and no value comes to mind for its type `{}`: put one into `replace`",
                column.name, column.type_name
            ));
        }
    }
    clearing
}

fn replacement(table: &Table, column: &Column) -> Option<String> {
    let unique = table.uniques.iter().any(|it| it.contains(&column.name));
    let limit = column.limit();
    let personal = content::personal(column, table);
    let email = personal == Some(Personal::Email);
    let type_name = column.type_name.to_ascii_lowercase();
    Some(match column.kind {
        Kind::Text if email => "\"erased-{key}@invalid.example\"".to_owned(),
        Kind::Text | Kind::Time if personal == Some(Personal::Born) => "{ generalise = \"year\" }".to_owned(),
        Kind::Text if unique => "\"erased-{key}\"".to_owned(),
        Kind::Text if limit.is_some_and(|it| it < "erased".len()) => "\"-\"".to_owned(),
        Kind::Text => "\"erased\"".to_owned(),
        _ if unique && column.kind == Kind::Int => "\"{key}\"".to_owned(),
        _ if unique => return None,
        Kind::Int => "0".to_owned(),
        Kind::Real => "0.0".to_owned(),
        Kind::Bool => "false".to_owned(),
        // Braces are names in a map; this is JSON without them.
        Kind::Json => "\"null\"".to_owned(),
        Kind::Time => "\"1900-01-01\"".to_owned(),
        Kind::Bytes => return None,
        Kind::Other if type_name.is_empty() || type_name.contains("citext") => "\"erased\"".to_owned(),
        Kind::Other if ["inet", "cidr"].contains(&&*type_name) => "{ generalise = \"network\" }".to_owned(),
        Kind::Other if type_name.contains("numeric") || type_name.contains("decimal") => "0".to_owned(),
        Kind::Other => return None,
    })
}

fn too_long(column: &Column, value: &str) -> Option<String> {
    /// The digits of the largest whole number that a key can be.
    const KEY: usize = 19;
    let needed = value.trim_matches('"').replace("{key}", &"9".repeat(KEY)).len();
    let limit = column.limit().filter(|it| needed > *it)?;
    Some(format!(
        "`{}` takes {limit} characters: is its value, with the longest key, short enough?",
        column.name
    ))
}
