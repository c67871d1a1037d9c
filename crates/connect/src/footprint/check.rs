//! What does not fit between a map and its source: names that are not there, columns that cannot be emptied,
//! paths without an index, things that act beyond the plan.

use countersign_core::plan::Treatment;
use countersign_service::settings::datamap::{DataMap, Link, Part, Replacement, Rule, Way};
use countersign_service::settings::did_you_mean;

use super::build::Findings;
use super::{Effect, Footprint, Node, index};
use crate::catalog::{Catalog, Column, ForeignKey, OnDelete, Table};
use crate::dialect::Dialect;
use crate::recipe::{DIGITS, Recipe};

/// The table of this name, or an error with a suggestion.
pub(crate) fn table<'a>(name: &str, catalog: &'a Catalog, findings: &mut Findings) -> Option<&'a Table> {
    let found = catalog.tables.get(name);
    if found.is_none() {
        let advice = did_you_mean(name, catalog.tables.keys().map(String::as_str));
        findings.error(format!("there is no table `{name}` in the source{}", behind(&advice)));
    }
    found
}

/// The column of this name, or an error with a suggestion.
pub(crate) fn column<'a>(table: &'a Table, name: &str, findings: &mut Findings) -> Option<&'a Column> {
    let found = table.column(name);
    if found.is_none() {
        let advice = did_you_mean(name, table.columns.iter().map(|it| &*it.name));
        findings.error(format!("`{}` has no column `{name}`{}", table.name, behind(&advice)));
    }
    found
}

fn behind(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!("; {advice}") }
}

/// Every name of the map.
pub(crate) fn names(map: &DataMap, catalog: &Catalog, dialect: &dyn Dialect, findings: &mut Findings) {
    for root in &map.roots {
        let Some(table) = table(&root.table, catalog, findings) else { continue };
        let columns: Vec<&String> = root
            .key
            .iter()
            .chain(root.identities.values().map(|it| &it.column))
            .chain(root.attributes.values().map(|it| &it.column))
            .chain(&root.never_disclose)
            .collect();
        for name in columns {
            column(table, name, findings);
        }
        let key: Vec<&str> = root.key.iter().map(String::as_str).collect();
        if !table.is_unique(&key) {
            findings.error(format!(
                "`{}`: `{}` is not unique, so it names no subject",
                table.name,
                key.join(", ")
            ));
        }
        rule(table, &root.rule, &root.key, catalog, dialect, findings);
        root.ways.iter().for_each(|it| way(table, it, catalog, dialect, findings));
    }
    for mapped in &map.tables {
        let Some(table) = table(&mapped.name, catalog, findings) else { continue };
        for name in &mapped.never_disclose {
            column(table, name, findings);
        }
        mapped.ways.iter().for_each(|it| way(table, it, catalog, dialect, findings));
    }
}

fn way(own: &Table, way: &Way, catalog: &Catalog, dialect: &dyn Dialect, findings: &mut Findings) {
    for name in way.only.iter().flatten() {
        column(own, name, findings);
    }
    rule(own, &way.rule, &own.primary_key, catalog, dialect, findings);
    match &way.link {
        Link::Key { from, on } => {
            let other = catalog.tables.get(from);
            for (mine, theirs) in on {
                column(own, mine, findings);
                other.and_then(|it| column(it, theirs, findings));
            }
        }
        Link::Value { root, column: name, equals, .. } => {
            column(own, name, findings);
            if let Some(other) = catalog.tables.get(root) {
                for name in equals.columns() {
                    column(other, name, findings);
                }
            }
        }
    }
}

/// Whether columns can be cleared as a rule says.
fn rule(
    table: &Table,
    rule: &Rule,
    key: &[String],
    catalog: &Catalog,
    dialect: &dyn Dialect,
    findings: &mut Findings,
) {
    for name in &rule.empty {
        let Some(column) = column(table, name, findings) else { continue };
        if !column.nullable {
            findings.error(format!(
                "`{}`.`{name}` may not be NULL; give it a value under `replace` instead of `empty`",
                table.name
            ));
        }
    }
    for (name, replacement) in &rule.replace {
        let Some(column_here) = column(table, name, findings) else { continue };
        makes(table, column_here, replacement, dialect, findings);
        let Replacement::Text(template) = replacement else { continue };
        for part in &template.0 {
            if let Part::Column(name) = part
                && name != "key"
            {
                column(table, name, findings);
            }
        }
        let constant = template.columns().next().is_none();
        if constant && table.is_unique(&[name]) {
            findings.error(format!(
                "`{}`.`{name}` is unique, so that one value does not do for everybody; put `{{key}}` into it",
                table.name
            ));
        }
    }
    for name in rule.empty.iter().chain(rule.replace.keys()) {
        if table.column(name).is_some_and(|it| it.generated) {
            findings.error(format!("`{}`.`{name}` is computed and cannot be cleared", table.name));
        }
        if key.contains(name) {
            findings.error(format!("`{}`.`{name}` is part of the key and cannot be cleared", table.name));
        }
        if let Some(key) = key_onto(table, name, catalog) {
            findings.error(format!(
                "`{}`.`{name}` is what `{}` points to, and cannot be cleared",
                table.name, key.child
            ));
        }
    }
}

/// A key that points to a column: whoever changes the column is refused by the database, or has changed rows of anybody
/// (ON UPDATE CASCADE).
fn key_onto<'a>(table: &Table, column: &str, catalog: &'a Catalog) -> Option<&'a ForeignKey> {
    let mut keys = catalog.keys.iter().filter(|it| it.parent == table.name);
    keys.find(|it| it.on.iter().any(|(_, theirs)| theirs == column))
}

/// Whether a column can hold a pseudonym, or what is left of its value.
fn makes(
    table: &Table,
    column: &Column,
    replacement: &Replacement,
    dialect: &dyn Dialect,
    findings: &mut Findings,
) {
    let what = format!("`{}`.`{}`, of the type `{}`,", table.name, column.name, column.type_name);
    match replacement {
        Replacement::Pseudonym { before, after } => {
            let length = before.chars().count() + DIGITS + after.chars().count();
            if dialect.made("", column, Recipe::Pseudonym).is_none() {
                findings.error(format!("{what} cannot hold a pseudonym, which is a text"));
            } else if column.limit().is_some_and(|it| it < length) {
                findings.error(format!("{what} is too short for a pseudonym of {length} characters"));
            }
        }
        Replacement::Generalise(how) => {
            let own = dialect.generalised("", column, *how);
            if own.or_else(|| dialect.made("", column, Recipe::from(*how))).is_none() {
                findings.error(format!("{what} cannot be generalised to a {}", how.name()));
            }
        }
        Replacement::Text(_) | Replacement::Int(_) | Replacement::Real(_) | Replacement::Bool(_) => {}
    }
}

/// A cleared subject owns nothing any more: from a row's own columns it must be seen that it was cleared.
fn told_apart(footprint: &Footprint<'_>, findings: &mut Findings) {
    if footprint.nodes.iter().all(|it| it.stay_line.is_none()) {
        return;
    }
    for node in footprint.nodes.iter().filter(|it| it.root.is_some()) {
        let Effect::Clear(rule) = footprint.effects[node.root_line] else { continue };
        let tells = |it: &Replacement| matches!(it, Replacement::Text(_) | Replacement::Pseudonym { .. });
        if !rule.replace.values().any(tells) {
            findings.error(format!(
                "nothing tells a cleared row of `{}` from a living subject's, whose shared rows must stay; replace one \
                 of its columns by a text or a pseudonym",
                node.table.name
            ));
        }
    }
}

/// Pointers are emptied before rows are deleted: one that others point to would take theirs with it, and rows that are
/// reached along those would not be found any more.
fn emptied(footprint: &Footprint<'_>, findings: &mut Findings) {
    for (i, node) in footprint.nodes.iter().enumerate() {
        let name = &node.table.name;
        for column in footprint.emptied(i) {
            if let Some(key) = key_onto(node.table, column, footprint.catalog) {
                findings.error(format!(
                    "`{name}`.`{column}` is emptied where it points to the subject, and is what `{}` points to: the \
                     database would refuse, or change rows of anybody; let `{}` point to another column, or give \
                     `{name}` another treatment",
                    key.child, key.child
                ));
            }
        }
    }
}

/// What will hurt, and what cannot work, once all names are known.
pub(crate) fn fit(footprint: &Footprint<'_>, findings: &mut Findings) {
    for (i, node) in footprint.nodes.iter().enumerate() {
        let name = &node.table.name;
        if node.table.row_id.is_empty() && node.root.is_some() {
            findings.error(format!(
                "`{name}` has no primary key, and no unique column that may not be NULL, so that nothing names the \
                 subject's row while it is erased; add a primary key"
            ));
        } else if node.table.row_id.is_empty()
            && (node.mixes() || hooked(footprint, node) || footprint.loses_its_lead(i))
        {
            findings.error(format!(
                "`{name}` has no primary key, and its rows must be told apart one by one; add one, or leave one way"
            ));
        }
        if node.table.hides_rows {
            findings
                .error(format!("`{name}`: row-level security hides rows from this role; give it BYPASSRLS"));
        }
        let changes =
            node.own_lines().any(|it| !matches!(footprint.effects[it], Effect::Keep | Effect::Stay));
        if let Some(reason) = node.table.unfit.as_ref().filter(|_| changes || !node.detaches.is_empty()) {
            findings.error(format!("`{name}`: {reason}"));
        }
        for remark in &node.table.remarks {
            findings.note(format!("`{name}`: {remark}"));
        }
        if let Some(most) = footprint.map.samples(name) {
            let shown = if most == 1 { "a row".to_owned() } else { format!("up to {most} rows") };
            findings.note(format!("`{name}`: each plan holds {shown} of it, masked: one more copy"));
        }
        if footprint.map.chunk_rows.is_some()
            && let Some(why) = footprint.whole_because(i)
        {
            findings.note(format!("`{name}` goes in the last transaction and not in parts: {why}"));
        }
        let origins = node.ways.iter().map(|it| it.origin).chain(node.detaches.iter().map(|it| it.origin));
        for from in
            origins.map(|it| &footprint.nodes[it]).filter(|it| it.root.is_none() && it.ways.is_empty())
        {
            findings.error(format!(
                "`{name}`: a way from `{}` leads nowhere, for none of its rows are the subject's: they are only detached",
                from.table.name
            ));
        }
        for trigger in &node.table.triggers {
            findings.warning(format!("`{name}`: the trigger `{trigger}` acts beyond the plan"));
        }
        for copy in &node.table.copies {
            findings
                .warning(format!("`{name}`: `{copy}` keeps a copy of its rows until somebody refreshes it"));
        }
        for heir in &node.table.heirs {
            if !footprint.nodes.iter().any(|it| it.table.name == *heir) {
                findings.error(format!(
                    "`{heir}` inherits from `{name}`: its rows are its own, and nothing says what they are; add it"
                ));
            }
        }
        for way in node.ways.iter().map(|it| it.way) {
            // A row with a legal basis is not deleted; but its row of origin may be, and then nothing says whose
            // it was.
            if way.rule.treatment == Treatment::Keep && way.rule.until.is_none() {
                findings.note(format!("`{name}` is kept without an end; say `until` when"));
            }
        }
    }
    index::fit(footprint, findings);
    told_apart(footprint, findings);
    emptied(footprint, findings);
    keys(footprint, findings);
}

fn hooked(footprint: &Footprint<'_>, node: &Node<'_>) -> bool {
    let hooks = &footprint.ties.hooks;
    !node.ways.is_empty() && hooks.iter().any(|it| footprint.nodes[it.child].table.name == node.table.name)
}

/// Foreign keys around the map's tables.
fn keys(footprint: &Footprint<'_>, findings: &mut Findings) {
    let node = |table: &str| footprint.nodes.iter().find(|it| it.table.name == *table);
    for key in &footprint.catalog.keys {
        let Some(parent) = node(&key.parent) else { continue };
        let deletes = parent.own_lines().any(|it| matches!(footprint.effects[it], Effect::Delete));
        let child = footprint.catalog.tables.get(&key.child);
        let columns = key.columns();
        if deletes && child.is_some_and(|it| !it.is_indexed(&columns)) {
            findings.warning(format!(
                "`{}`: no index on `{}`, so every deletion in `{}` reads the whole table",
                key.child,
                columns.join(", "),
                key.parent
            ));
        }
        if deletes && matches!(key.on_delete, OnDelete::Cascade | OnDelete::SetNull | OnDelete::SetDefault) {
            findings.warning(format!(
                "`{}`: the database itself acts on rows that point along `{}` to a deleted row",
                key.child,
                super::build::key_name(&key.parent, &key.on)
            ));
        }
        if !deletes && node(&key.child).is_none() {
            findings.warning(format!(
                "`{}` points to `{}` and is not in the map: are its rows really nobody's?",
                key.child, key.parent
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::footprint::given::{DELETE, catalog, map, map_of};
    use crate::postgres::dialect::Postgres;

    #[test]
    fn a_root_row_that_nothing_names_is_refused() {
        let mut catalog = catalog();
        // Its key is unique, and may be NULL: a row without it is nobody's, and still no name for a row.
        let person = catalog.tables.get_mut("person").unwrap();
        person.primary_key.clear();
        person.row_id.clear();
        for of_person in [DELETE, "treatment = \"clear\"\nempty = [\"born\"]"] {
            let map = map(of_person, DELETE);
            let (footprint, findings) = Footprint::build(&map, &catalog, &Postgres);
            assert!(footprint.is_none());
            assert!(findings.reason().starts_with("`person` has no primary key"), "{}", findings.reason());
        }
    }

    #[test]
    fn a_row_without_a_name_keeps_what_it_is_found_by_until_it_goes() {
        let mut catalog = catalog();
        let line = catalog.tables.get_mut("line").unwrap();
        line.primary_key.clear();
        line.row_id.clear();
        let refused = |column: &str| {
            let text = format!(
                "{DELETE}\n[[table.way]]\ncolumn = \"{column}\"\nequals = \"{{born}}\"\ntreatment = \"detach\""
            );
            Footprint::build(&map_of(DELETE, DELETE, &text), &catalog, &Postgres).1.reason()
        };
        assert_eq!(refused("what"), "");
        assert!(refused("orders_id").contains("`line` has no primary key"), "{}", refused("orders_id"));
    }
}
