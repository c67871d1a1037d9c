//! The tables and columns that somebody looked at, as a map writes them down. It must not know any database.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::DataMap;
use crate::settings::section::{Section, brief};

const HEADER: &str = "[known]";

impl DataMap {
    /// What there is in a source whose `tables` these are, each with its columns, and does not stand in `[known]`:
    /// `table` or `table.column`, in their order. Nothing where the map has no `[known]`.
    pub fn drift(&self, tables: &BTreeMap<String, Vec<String>>) -> Vec<String> {
        let Some(known) = &self.known else { return vec![] };
        let mut new = vec![];
        for (table, columns) in tables {
            match known.get(table) {
                None => new.push(table.clone()),
                Some(seen) => {
                    let unseen = columns.iter().filter(|it| !seen.contains(it));
                    new.extend(unseen.map(|it| format!("{table}.{it}")));
                }
            }
        }
        new
    }
}

/// The section as it is written.
pub fn known_text(tables: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = format!("{HEADER}{}# other tables and columns of the source are drift\n", " ".repeat(44));
    for (table, columns) in tables {
        let columns: Vec<String> = columns.iter().map(|it| quoted(it)).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{} = [{}]", key(table), columns.join(", "));
    }
    text
}

/// A map's text with its section `[known]` replaced, or put behind everything else.
pub fn with_known(map: &str, tables: &BTreeMap<String, Vec<String>>) -> String {
    let lines: Vec<&str> = map.lines().collect();
    let section = known_text(tables);
    let Some(start) = lines.iter().position(|it| it.trim_start().starts_with(HEADER)) else {
        return format!("{}\n\n{section}", map.trim_end());
    };
    let behind = lines[start + 1..].iter().position(|it| it.starts_with('[')).map(|it| start + 1 + it);
    let next = behind.unwrap_or(lines.len());
    // Remarks and empty lines before the next section are that one's.
    let is_said = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let end = lines[..next].iter().rposition(is_said).map_or(start + 1, |it| it + 1);
    let mut text: String = lines[..start].iter().flat_map(|it| [it, "\n"]).collect();
    text.push_str(&section);
    text.extend(lines[end..].iter().flat_map(|it| [it, "\n"]));
    text
}

/// A TOML key: bare where it can be.
fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            it if it.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(it))),
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

/// The tables and columns that somebody looked at.
pub(super) fn known(top: &Section<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    let section = top.section("known")?;
    let mut tables = BTreeMap::new();
    for (table, value) in section.entries() {
        let Some(array) = value.get_ref().as_array() else {
            let message = format!("`{}` is no list of columns", brief(table.value));
            section.page().wrong(value.span(), message, "write a list, as in [\"id\", \"email\"]");
            continue;
        };
        let columns = array.iter().filter_map(|it| section.as_text(table.value, it));
        tables.insert(table.value.to_owned(), columns.map(|it| it.value.to_owned()).collect());
    }
    Some(tables)
}
