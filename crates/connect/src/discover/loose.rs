//! Tables that no foreign key leads to: columns that may link them all the same, for a person to confirm.
//! A soft link is never proposed as if it were known.

use super::content;
use super::root::Root;
use super::sketch::Sketch;
use super::words::{self, Naming, Personal};
use crate::catalog::{Catalog, Column, Table};

/// A table that is not in the map.
pub(super) enum Loose<'a> {
    /// Those who work here.
    Staff(&'a Table),
    /// Columns that may name a subject.
    Linked(&'a Table, Vec<Link<'a>>),
    /// Columns that look personal, and nothing that names a subject.
    Personal(&'a Table, Vec<&'a str>),
    /// Nothing of a person, by its columns' names.
    Nothing(&'a Table),
}

/// A column that may name a subject.
pub(super) struct Link<'a> {
    pub(super) column: &'a str,
    /// As the map would write it.
    pub(super) equals: String,
    pub(super) compare: Option<&'static str>,
    pub(super) doubt: String,
}

/// Every table that `sketch` does not have, by name.
pub(super) fn find<'a>(catalog: &'a Catalog, root: &Root<'a>, sketch: &Sketch<'_>) -> Vec<Loose<'a>> {
    let out = |it: &&Table| it.name != root.table.name && sketch.drawn(&it.name).is_none();
    catalog.tables.values().filter(out).map(|table| loose(catalog, root, table)).collect()
}

fn loose<'a>(catalog: &'a Catalog, root: &Root<'a>, table: &'a Table) -> Loose<'a> {
    if words::is_staff(&table.name) {
        return Loose::Staff(table);
    }
    let keys = catalog.keys.iter().filter(|it| it.child == table.name);
    let pointers: Vec<&str> = keys.flat_map(|it| it.columns()).collect();
    let free = || table.columns.iter().filter(|it| !pointers.contains(&&*it.name));
    let links: Vec<Link<'a>> = free().filter_map(|it| link(root, table, it)).collect();
    if !links.is_empty() {
        return Loose::Linked(table, links);
    }
    let personal = free().filter(|it| {
        let found = content::personal(it, table);
        found.is_some_and(|it| it != Personal::Text && it != Personal::Account)
    });
    let personal: Vec<&str> = personal.map(|it| &*it.name).collect();
    if personal.is_empty() { Loose::Nothing(table) } else { Loose::Personal(table, personal) }
}

fn link<'a>(root: &Root<'a>, table: &'a Table, column: &'a Column) -> Option<Link<'a>> {
    let held = |kind: &str| root.identities.iter().find(|(it, ..)| *it == kind).map(|(_, column, _)| *column);
    let naming = words::may_name_a_root(&column.name, &root.table.name);
    let own_key = table.primary_key.contains(&column.name);
    let (equals, compare, doubt) = match (content::personal(column, table), naming, root.key) {
        (Some(Personal::Email), ..) => {
            (braced(held("email")?)?, Some("ignore-case"), "is it the same person's e-mail?".to_owned())
        }
        (Some(Personal::Phone), ..) => {
            (braced(held("phone")?)?, Some("digits"), "is it the same person's phone?".to_owned())
        }
        (_, Naming::Key, [key]) => {
            let doubt =
                format!("is it the `{key}` of `{}`? Then a foreign key would be better", root.table.name);
            (braced(key)?, None, doubt)
        }
        (_, Naming::Somebody, [key]) if !own_key => {
            let name = root.table.name.rsplit('.').next().unwrap_or_default();
            let id = braced(key)?;
            let also = held("email").and_then(braced).map_or_else(String::new, |it| format!(", or `{it}`"));
            let doubt = format!("what does it hold? Perhaps `{name}:{id}`{also}; perhaps staff");
            (id, None, doubt)
        }
        _ => return None,
    };
    Some(Link { column: &column.name, equals, compare, doubt })
}

/// A column as a template names it, unless its own name has braces.
fn braced(column: &str) -> Option<String> {
    (!column.contains(['{', '}'])).then(|| format!("{{{column}}}"))
}
