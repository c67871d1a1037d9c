//! From identities to root rows, and from root rows to what the source holds of them.

use countersign_service::ports::source::{AttributeValue, Identity, Match, RootKey};
use countersign_service::settings::datamap::{AttributeKind, Compare, Root};

use super::reach::Start;
use super::{Footprint, Node};
use crate::catalog::{Column, Kind};
use crate::sql::{Param, Sql, quote};

/// Root keys that are sent in one go.
pub(crate) const BATCH: usize = 500;
/// The most rows that a resolution returns.
pub(crate) const MOST_MATCHES: usize = 100;

impl<'a> Footprint<'a> {
    /// Reads the root rows that hold all of `identities`, as far as this root knows their kinds; none if it knows
    /// none of them.
    pub(crate) fn resolve(&self, root: &Root, identities: &[Identity]) -> Option<Sql> {
        let table = self.catalog.tables.get(&root.table)?;
        let known: Vec<(&Identity, &Column, Compare)> = identities
            .iter()
            .filter_map(|it| {
                let held = root.identities.get(&it.kind)?;
                Some((it, table.column(&held.column)?, held.compare))
            })
            .collect();
        if known.is_empty() || known.iter().any(|(it, ..)| it.value.is_empty()) {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        self.held_columns(root, &mut sql);
        sql.push(" WHERE 1 = 1");
        for (identity, column, compare) in known {
            let expression = format!("x.{}", quote(&column.name));
            sql.push(" AND ");
            if compare == Compare::Exact {
                self.dialect.holds(&expression, column, &mut sql, &identity.value);
            } else {
                let place = sql.place(Param::Text(identity.value.clone()));
                if compare == Compare::IgnoreCase
                    && let Some(alike) = self.dialect.alike(&expression, column, &identity.value, &place)
                {
                    sql.push(&format!("{alike} AND "));
                }
                let own = match column.kind {
                    Kind::Text => self.dialect.exactly(&expression, column).unwrap_or(expression),
                    _ => self.dialect.text(&expression, column),
                };
                sql.push(&format!("{} = {}", self.compared(&own, compare), self.compared(&place, compare)));
                // A value without a digit would match every other such value.
                sql.push(&format!(" AND {} <> ''", self.compared(&own, compare)));
            }
        }
        sql.push(&format!(" LIMIT {MOST_MATCHES}"));
        Some(sql)
    }

    /// Reads these very root rows.
    pub(crate) fn look(&self, root: &Root, starts: &[Start]) -> Option<Sql> {
        let node = self.nodes.iter().find(|it| it.root.is_some_and(|it| it.table == root.table))?;
        let mine: Vec<&Start> = starts.iter().filter(|it| it.table == root.table).collect();
        if mine.is_empty() {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        self.held_columns(root, &mut sql);
        sql.push(" WHERE ");
        self.keyed(node, root, "x", &mine, &mut sql);
        Some(sql)
    }

    /// Reads the keys of all rows of a root; [`Footprint::key_of`] takes each.
    pub(crate) fn roots(&self, root: &Root) -> Option<Sql> {
        let table = self.catalog.tables.get(&root.table)?;
        let texts: Option<Vec<String>> = root
            .key
            .iter()
            .map(|name| Some(self.dialect.text(&format!("x.{}", quote(name)), table.column(name)?)))
            .collect();
        let mut sql = Sql::new(self.dialect);
        sql.push(&format!("SELECT {} FROM {} AS x", texts?.join(", "), table.quoted));
        Some(sql)
    }

    /// The key of a row that [`Footprint::roots`] read; none if a part of it is NULL.
    pub(crate) fn key_of(&self, root: &Root, row: Vec<Option<String>>) -> Option<RootKey> {
        let key: Option<Vec<String>> = row.into_iter().collect();
        let key = serde_json::to_string(&key?).ok()?;
        Some(RootKey { source: self.map.source.clone(), table: root.table.clone(), key })
    }

    /// Key, identities, attributes: as texts.
    fn held_columns(&self, root: &Root, sql: &mut Sql) {
        let Some(table) = self.catalog.tables.get(&root.table) else { return };
        let identities = root.identities.values().map(|it| &it.column);
        let attributes = root.attributes.values().map(|it| &it.column);
        let texts = root.key.iter().chain(identities).chain(attributes).map(|name| {
            let expression = format!("x.{}", quote(name));
            table.column(name).map_or_else(|| expression.clone(), |it| self.dialect.text(&expression, it))
        });
        let texts = texts.collect::<Vec<_>>().join(", ");
        sql.push(&format!("SELECT {texts} FROM {} AS x", table.quoted));
    }

    /// A row that [`Footprint::resolve`] or [`Footprint::look`] read; none if a part of its key is NULL.
    pub(crate) fn matched(&self, root: &Root, row: Vec<Option<String>>) -> Option<Match> {
        let mut values = row.into_iter();
        let key: Option<Vec<String>> = values.by_ref().take(root.key.len()).collect();
        let key = serde_json::to_string(&key?).ok()?;
        let mut identities = vec![];
        for kind in root.identities.keys() {
            if let Some(value) = values.next().flatten().filter(|it| !it.is_empty()) {
                identities.push(Identity { kind: kind.clone(), value });
            }
        }
        let mut attributes = vec![];
        for (name, attribute) in &root.attributes {
            let value = values.next().flatten();
            if let Some(value) = value.and_then(|it| attribute_value(attribute.kind, it)) {
                attributes.push((name.clone(), value));
            }
        }
        let root = RootKey { source: self.map.source.clone(), table: root.table.clone(), key };
        Some(Match { root, identities, attributes })
    }
}

/// A value that is not of its type is left out: policy holds on a fact that is not there.
fn attribute_value(kind: AttributeKind, text: String) -> Option<AttributeValue> {
    match kind {
        AttributeKind::Text => Some(AttributeValue::Text(text)),
        AttributeKind::Long => text.parse().ok().map(AttributeValue::Long),
        AttributeKind::Bool => match &*text.to_ascii_lowercase() {
            "1" | "t" | "true" | "y" | "yes" => Some(AttributeValue::Bool(true)),
            "0" | "f" | "false" | "n" | "no" => Some(AttributeValue::Bool(false)),
            _ => None,
        },
    }
}

/// Root keys as starts; says what is wrong with one that this map does not have.
pub(crate) fn starts(
    map: &countersign_service::settings::datamap::DataMap,
    roots: &[RootKey],
) -> Result<Vec<Start>, String> {
    let mut starts: Vec<Start> = vec![];
    for key in roots {
        let Some(root) = map.root(&key.table) else {
            return Err(format!("`{}` is no root of the map any more", key.table));
        };
        let values: Option<Vec<String>> = serde_json::from_str(&key.key).ok();
        let Some(values) = values.filter(|it| it.len() == root.key.len()) else {
            return Err(format!(
                "a root key of `{}` does not have the columns of the map's `key`",
                key.table
            ));
        };
        if !starts.iter().any(|it| it.table == key.table && it.key == values) {
            starts.push(Start { table: key.table.clone(), key: values, known: None });
        }
    }
    Ok(starts)
}

impl<'a> Footprint<'a> {
    /// What a root's rows hold that leads to other rows: the statement, and the columns that it reads as texts.
    pub(crate) fn remember(&self, root: &Root, starts: &[Start]) -> Option<(Sql, Vec<&'a str>)> {
        let node = self.nodes.iter().find(|it| it.root.is_some_and(|it| it.table == root.table))?;
        let mine: Vec<&Start> = starts.iter().filter(|it| it.table == root.table).collect();
        let linked = node.links.iter().flat_map(|link| match &link.way.link {
            countersign_service::settings::datamap::Link::Value { equals, .. } => equals.columns().collect(),
            countersign_service::settings::datamap::Link::Key { .. } => vec![],
        });
        let names: std::collections::BTreeSet<&str> =
            linked.chain(node.carried.iter().map(String::as_str)).collect();
        let columns: Vec<&'a Column> = names.into_iter().filter_map(|it| node.column(it)).collect();
        if mine.is_empty() || columns.is_empty() {
            return None;
        }
        let mut sql = Sql::new(self.dialect);
        let texts = columns.iter().map(|it| self.dialect.text(&format!("x.{}", quote(&it.name)), it));
        let texts = texts.collect::<Vec<_>>().join(", ");
        sql.push(&format!("SELECT {texts} FROM {} AS x WHERE ", node.table.quoted));
        self.keyed(node, root, "x", &mine, &mut sql);
        Some((sql, columns.into_iter().map(|it| &*it.name).collect()))
    }

    /// Whether a root row is one of `starts`.
    pub(crate) fn keyed(&self, node: &Node<'a>, root: &Root, alias: &str, starts: &[&Start], sql: &mut Sql) {
        let whole = |it: &&&Start| !root.key.is_empty() && it.key.len() == root.key.len();
        // Nothing stands here that is always so or never: beside it SQLite uses no index.
        let mut before = "((";
        for start in starts.iter().filter(whole) {
            sql.push(before);
            before = ") OR (";
            let mut and = "";
            for (name, value) in root.key.iter().zip(&start.key) {
                sql.push(and);
                and = " AND ";
                match node.column(name) {
                    Some(column) => {
                        self.dialect.holds(&format!("{alias}.{}", quote(name)), column, sql, value);
                    }
                    None => drop(sql.push("1 = 0")),
                }
            }
        }
        sql.push(if before == "((" { "(1 = 0)" } else { "))" });
    }

    /// Counts the root rows that are there.
    pub(crate) fn count_roots(&self, starts: &[Start], lock: bool) -> Vec<(usize, Sql)> {
        let mut all = vec![];
        for node in &self.nodes {
            let Some(root) = node.root else { continue };
            let mine: Vec<&Start> = starts.iter().filter(|it| it.table == root.table).collect();
            if mine.is_empty() {
                continue;
            }
            let mut sql = Sql::new(self.dialect);
            sql.push(&format!("SELECT 1 FROM {} AS x WHERE ", node.table.quoted));
            self.keyed(node, root, "x", &mine, &mut sql);
            if lock {
                sql.push(" FOR UPDATE");
            }
            all.push((mine.len(), sql));
        }
        all
    }
}

/// A remembered row: its table, its key, and what it held.
pub(crate) type Remembered = (String, Vec<String>, std::collections::BTreeMap<String, String>);

/// A row that [`Footprint::remember`] read.
pub(crate) fn remembered(root: &Root, columns: &[&str], row: Vec<Option<String>>) -> Option<Remembered> {
    let pairs = columns.iter().zip(row).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
    let values: std::collections::BTreeMap<String, String> = pairs.collect();
    let key: Option<Vec<String>> = root.key.iter().map(|it| values.get(it).cloned()).collect();
    Some((root.table.clone(), key?, values))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rusqlite::Connection;

    use super::*;
    use crate::footprint::given::{DELETE, catalog, map};
    use crate::sqlite::dialect::Sqlite;

    #[test]
    fn root_rows_are_found_by_their_key_and_not_by_reading_all() {
        let (map, catalog) = (map(DELETE, DELETE), catalog());
        let (footprint, _) = Footprint::build(&map, &catalog, &Sqlite);
        let footprint = footprint.unwrap();
        let start = |key: &str| Start { table: "person".to_owned(), key: vec![key.to_owned()], known: None };
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE person (id integer PRIMARY KEY, born integer UNIQUE)").unwrap();
        for starts in [vec![start("1")], vec![start("1"), start("2")]] {
            let (wanted, sql) = footprint.count_roots(&starts, false).pop().unwrap();
            assert_eq!(wanted, starts.len());
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text)).unwrap();
            let keys = rusqlite::params_from_iter(&sql.params);
            let steps = plan.query_map(keys, |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
            assert!(!steps.iter().any(|it| it.starts_with("SCAN")), "{steps:?}");
        }
    }
}
