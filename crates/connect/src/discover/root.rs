//! Which table the subjects are in, and how they are named there. It must not know what becomes of their rows.

use countersign_service::settings::did_you_mean;

use super::content;
use super::words::{self, Personal};
use crate::catalog::{Catalog, Column, Table};

/// The table to start at.
pub(super) struct Root<'a> {
    pub(super) table: &'a Table,
    pub(super) key: &'a [String],
    /// Kinds of identity and their columns, and what is doubtful about each.
    pub(super) identities: Vec<(&'static str, &'a str, Option<String>)>,
    /// Why this table.
    pub(super) reason: String,
    pub(super) doubt: Option<String>,
}

/// The table of this name, else the one that looks most like people.
pub(super) fn choose<'a>(catalog: &'a Catalog, given: Option<&str>) -> Result<Root<'a>, String> {
    if let Some(name) = given {
        let table = named(catalog, name)?;
        let key = key(table).ok_or_else(|| {
            format!("`{}` has neither a primary key nor a unique index that is never NULL, so nothing names its rows", table.name)
        })?;
        return Ok(root(table, key, "it was named with --root".to_owned(), None));
    }
    let mut candidates: Vec<(i32, &Table, &[String])> = catalog
        .tables
        .values()
        .filter_map(|it| Some((score(catalog, it)?, it, key(it)?)))
        .filter(|(score, ..)| *score >= LEAST)
        .collect();
    // The table is by name where two look alike, so that the same catalogue gives the same map.
    candidates.sort_by(|(a, x, _), (b, y, _)| b.cmp(a).then_with(|| x.name.cmp(&y.name)));
    let Some((best, table, key)) = candidates.first().copied() else {
        let names: Vec<&str> = catalog.tables.keys().map(String::as_str).collect();
        return Err(match &*names {
            [] => "the source has no tables that this role can see".to_owned(),
            _ => format!("no table looks like people; name one with --root: {}", names.join(", ")),
        });
    };
    let reason = reason(catalog, table);
    let others: Vec<String> =
        candidates.iter().skip(1).take(3).map(|(_, it, _)| format!("`{}`", it.name)).collect();
    let doubt = match &*others {
        [] => None,
        all => {
            let how = if candidates[1].0 + 3 > best { "look nearly as much" } else { "look, less," };
            Some(format!("{} {how} like people; --root starts at another table", all.join(", ")))
        }
    };
    Ok(root(table, key, reason, doubt))
}

const LEAST: i32 = 5;

fn named<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Table, String> {
    if let Some(table) = catalog.tables.get(name) {
        return Ok(table);
    }
    let advice = did_you_mean(name, catalog.tables.keys().map(String::as_str));
    let advice = if advice.is_empty() {
        let names: Vec<&str> = catalog.tables.keys().map(String::as_str).collect();
        format!("there are: {}", names.join(", "))
    } else {
        advice
    };
    Err(format!("there is no table `{name}` in the source; {advice}"))
}

/// The primary key, else the shortest unique columns that are never NULL.
fn key(table: &Table) -> Option<&[String]> {
    if !table.primary_key.is_empty() {
        return Some(&table.primary_key);
    }
    let whole = |it: &&Vec<String>| {
        !it.is_empty() && it.iter().all(|name| table.column(name).is_some_and(|it| !it.nullable))
    };
    table.uniques.iter().filter(whole).min_by_key(|it| (it.len(), (*it).clone())).map(Vec::as_slice)
}

/// How much a table looks like people; none if nothing in it does.
fn score(catalog: &Catalog, table: &Table) -> Option<i32> {
    let people = words::is_people(&table.name);
    let holds =
        |wanted: Personal| table.columns.iter().any(|it| content::personal(it, table) == Some(wanted));
    let (email, phone, name) = (holds(Personal::Email), holds(Personal::Phone), holds(Personal::Name));
    if !people && !email && !phone && !name {
        return None;
    }
    let mut score = i32::try_from(children(catalog, table).len().min(5)).unwrap_or(5);
    for (applies, weight) in [(people, 6), (email, 4), (phone, 2), (name, 2)] {
        score += if applies { weight } else { 0 };
    }
    for (applies, weight) in [(words::is_staff(&table.name), 8), (words::is_kept_by_law(&table.name), 4)] {
        score -= if applies { weight } else { 0 };
    }
    Some(score)
}

fn children<'a>(catalog: &'a Catalog, table: &Table) -> Vec<&'a str> {
    let keys = catalog.keys.iter().filter(|it| it.parent == table.name && it.child != table.name);
    let mut names: Vec<&str> = keys.map(|it| &*it.child).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn reason(catalog: &Catalog, table: &Table) -> String {
    let mut reasons = vec![];
    if words::is_people(&table.name) {
        reasons.push("its name".to_owned());
    }
    for (kind, word) in
        [(Personal::Email, "an e-mail"), (Personal::Phone, "a phone"), (Personal::Name, "a name")]
    {
        let found = table.columns.iter().find(|it| content::personal(it, table) == Some(kind));
        reasons.extend(found.map(|it| format!("{word} column, `{}`", it.name)));
    }
    let children = children(catalog, table).len();
    if children > 0 {
        reasons.push(match children {
            1 => "a table that points to it".to_owned(),
            _ => format!("{children} tables that point to it"),
        });
    }
    format!("chosen for {}", reasons.join("; "))
}

fn root<'a>(table: &'a Table, key: &'a [String], reason: String, doubt: Option<String>) -> Root<'a> {
    Root { table, key, identities: identities(table, key), reason, doubt }
}

fn identities<'a>(table: &'a Table, key: &'a [String]) -> Vec<(&'static str, &'a str, Option<String>)> {
    let mut identities = vec![];
    for (kind, wanted) in
        [("email", Personal::Email), ("phone", Personal::Phone), ("username", Personal::Account)]
    {
        let fits = |it: &&Column| {
            content::personal(it, table) == Some(wanted)
                && !words::words(&it.name).iter().any(|it| it == "fax")
                && !key.contains(&it.name)
        };
        let all: Vec<&Column> = table.columns.iter().filter(fits).collect();
        let unique = all.iter().find(|it| table.is_unique(&[&it.name])).or(all.first());
        let Some(column) = unique else { continue };
        let shared = !table.is_unique(&[&column.name]);
        let doubt = match (shared, all.len() > 1) {
            (_, true) => {
                let others =
                    all.iter().filter(|it| it.name != column.name).map(|it| format!("`{}`", it.name));
                Some(format!("`{}` rather than {}", column.name, others.collect::<Vec<_>>().join(", ")))
            }
            (true, false) => Some(format!(
                "`{}` is not unique: where several rows match, a person has to say who it is",
                column.name
            )),
            _ => None,
        };
        let given = kind == "username" && words::is_given_number(&column.name);
        identities.push((if given { "account" } else { kind }, &*column.name, doubt));
    }
    if identities.iter().any(|(kind, ..)| *kind == "account") {
        return identities;
    }
    if let [own] = key {
        let doubt = format!("take `account` out if people do not know their `{own}`");
        identities.push(("account", &**own, Some(doubt)));
    } else if identities.is_empty()
        && let Some(own) = key.first()
    {
        let doubt = format!("nothing here names one person by itself; `{own}` is only a part of the key");
        identities.push(("account", &**own, Some(doubt)));
    }
    identities
}
