//! How sources without root rows call a subject: logs, files and services hold things under identities that other
//! sources know. Their root is made of these identities, in the order of the map's `key`. It must not know any source.

use std::collections::BTreeMap;

use super::source::{Identity, Match, RootKey};
use crate::settings::datamap::{DataMap, Part, Root, Template};

/// Values of one column of the root, several where somebody has several.
pub type Values = BTreeMap<String, Vec<String>>;

/// The root by which a following source calls whoever has all these identities; `None` if its map knows none of their
/// kinds.
pub fn called(map: &DataMap, identities: &[Identity]) -> Option<Match> {
    let root = map.roots.first()?;
    let mut known: Vec<Identity> = vec![];
    let mut key = vec![];
    for column in &root.key {
        let holds = |it: &&Identity| root.identities.get(&it.kind).is_some_and(|it| it.column == *column);
        let mut held: Vec<Identity> =
            identities.iter().filter(holds).filter(|it| fits(&it.value)).cloned().collect();
        held.sort();
        held.dedup();
        key.push(held.iter().map(|it| &*it.value).collect::<Vec<_>>().join("\n"));
        known.extend(held);
    }
    if known.is_empty() {
        return None;
    }
    let root = RootKey {
        source: map.source.clone(),
        table: root.table.clone(),
        key: serde_json::to_string(&key).unwrap_or_default(),
    };
    Some(Match { root, identities: known, attributes: vec![] })
}

/// Line ends part the values of a key.
fn fits(value: &str) -> bool {
    !value.trim().is_empty() && !value.contains('\n')
}

/// What a root made by [`called`] says: the values of each column. `None` if it is of another map's making.
pub fn heard(map: &DataMap, root: &RootKey) -> Option<Values> {
    let mapped = map.root(&root.table)?;
    let key: Vec<String> = serde_json::from_str(&root.key).ok()?;
    if key.len() != mapped.key.len() || root.source != map.source {
        return None;
    }
    let values = |it: String| it.split('\n').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    Some(mapped.key.iter().cloned().zip(key.into_iter().map(values)).collect())
}

/// The identities that a root made by [`called`] is made of.
pub fn identities(root: &Root, values: &Values) -> Vec<Identity> {
    let each = root.identities.iter().flat_map(|(kind, it)| {
        let held = values.get(&it.column).into_iter().flatten();
        held.map(|value| Identity { kind: kind.clone(), value: value.clone() })
    });
    each.collect()
}

/// What there is to say of roots made by [`called`]: they are there as long as somebody says so.
pub fn looked_at(map: &DataMap, roots: &[RootKey]) -> Vec<Match> {
    let named = roots.iter().filter_map(|root| {
        let held = identities(map.root(&root.table)?, &heard(map, root)?);
        Some(Match { root: root.clone(), identities: held, attributes: vec![] })
    });
    named.collect()
}

/// Every text that a template makes out of these values; none if a column has no value.
pub fn filled(template: &Template, values: &Values) -> Vec<String> {
    let mut made = vec![String::new()];
    for part in &template.0 {
        match part {
            Part::Text(text) => made.iter_mut().for_each(|it| it.push_str(text)),
            Part::Column(column) => {
                let held: &[String] = values.get(column).map_or(&[], Vec::as_slice);
                made =
                    made.iter().flat_map(|it| held.iter().map(move |value| format!("{it}{value}"))).collect();
            }
        }
    }
    made
}

/// What keeps a map from being used by a following source; nothing if it can be.
pub fn unfit(map: &DataMap) -> Vec<String> {
    let mut wrong = vec![];
    if map.chunk_rows.is_some() {
        wrong.push("it does nothing in transactions: take `chunk_rows` out".to_owned());
    }
    if map.asks_for_samples() {
        wrong.push("samples are taken of tables of a database alone: take `samples` out".to_owned());
    }
    if map.roots.len() > 1 {
        wrong.push(
            "it has several roots: whoever is meant is told by identities, so write one [[root]]".to_owned(),
        );
    }
    for root in &map.roots {
        let table = &root.table;
        for (kind, it) in &root.identities {
            if !root.key.contains(&it.column) {
                wrong.push(format!("`{table}`: the identity `{kind}` is not in `key`: add `{}`", it.column));
            }
        }
        for column in &root.key {
            if !root.identities.values().any(|it| it.column == *column) {
                wrong.push(format!("`{table}`: `{column}` in `key` is no identity: take it out"));
            }
        }
        if !root.attributes.is_empty() {
            wrong.push(format!("`{table}`: there are no root rows here, so they have no attributes"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MAP: &str = r#"
        source = "logs"
        [[root]]
        table = "person"
        key = ["email", "account"]
        identities = { email = "email", account = "account" }
        treatment = "delete"
        [[table]]
        name = "app.log*"
        [[table.way]]
        column = "line"
        equals = "{email}"
        treatment = "delete"
    "#;

    fn identity(kind: &str, value: &str) -> Identity {
        Identity { kind: kind.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn what_is_called_is_heard_whatever_the_order() {
        let map = DataMap::parse(MAP).unwrap();
        let held = [identity("account", "42"), identity("email", "b@x.test"), identity("email", "a@x.test")];
        let one = called(&map, &held).unwrap();
        let mut turned = held.clone();
        turned.reverse();
        assert_eq!(called(&map, &turned).unwrap().root, one.root);
        let values = heard(&map, &one.root).unwrap();
        assert_eq!(values["email"], ["a@x.test", "b@x.test"]);
        assert_eq!(values["account"], ["42"]);
        assert_eq!(identities(&map.roots[0], &values).len(), 3);
    }

    #[test]
    fn nobody_is_called_by_kinds_that_the_map_does_not_know() {
        let map = DataMap::parse(MAP).unwrap();
        assert_eq!(called(&map, &[identity("phone", "+4930")]), None);
        assert_eq!(called(&map, &[identity("email", " ")]), None);
        assert_eq!(called(&map, &[identity("email", "a@x\nb@x")]), None);
    }

    #[test]
    fn no_row_is_shown_of_what_has_no_rows() {
        assert!(unfit(&DataMap::parse(MAP).unwrap()).is_empty());
        let asking = MAP.replacen("name = \"app.log*\"", "name = \"app.log*\"\nsamples = 1", 1);
        let wrong = unfit(&DataMap::parse(&asking).unwrap());
        assert!(wrong[0].contains("take `samples` out"), "{wrong:?}");
    }

    #[test]
    fn a_template_without_a_value_makes_nothing() {
        let template = Template(vec![Part::Text("user=".into()), Part::Column("account".into())]);
        let mut values = Values::from([("account".to_owned(), vec![])]);
        assert!(filled(&template, &values).is_empty());
        values.insert("account".to_owned(), vec!["1".into(), "2".into()]);
        assert_eq!(filled(&template, &values), ["user=1", "user=2"]);
    }
}
