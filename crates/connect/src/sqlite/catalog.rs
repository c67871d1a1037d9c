//! Reads SQLite's catalogue: its pragmas as tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::catalog::{self, Catalog, Column, ForeignKey, Kind, OnDelete, Table};
use crate::sql::quote;

/// A file's catalogue, kept for as long as its schema is written in the same words.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Vec<String>, Arc<Catalog>)>>);

impl Kept {
    /// As it is in the connection's transaction.
    pub(super) fn read(&self, connection: &Connection) -> rusqlite::Result<Arc<Catalog>> {
        let mut statement = connection.prepare(
            "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM main.sqlite_schema \
             WHERE tbl_name <> 'countersign_receipt'",
        )?;
        let words: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((known, catalog)) if *known == words => Ok(Arc::clone(catalog)),
            _ => {
                let catalog = Arc::new(read(connection)?);
                *kept = Some((words, Arc::clone(&catalog)));
                Ok(catalog)
            }
        }
    }
}

/// Every ordinary table of the file, and its foreign keys.
fn read(connection: &Connection) -> rusqlite::Result<Catalog> {
    let mut catalog = Catalog::default();
    let mut statement = connection.prepare(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
         AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> 'countersign_receipt'",
    )?;
    let names: Vec<(String, bool)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, without_rowid) in &names {
        catalog.tables.insert(name.clone(), table(connection, name, *without_rowid)?);
    }
    for (name, _) in &names {
        let keys = foreign_keys(connection, name, &catalog.tables)?;
        catalog.keys.extend(keys);
    }
    Ok(catalog)
}

fn table(connection: &Connection, name: &str, without_rowid: bool) -> rusqlite::Result<Table> {
    let mut primary_key: Vec<(i64, String)> = vec![];
    let mut columns = vec![];
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1)")?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let (column, type_name): (String, String) = (row.get(0)?, row.get(1)?);
        let (not_null, key, hidden): (bool, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        if key > 0 {
            primary_key.push((key, column.clone()));
        }
        let kind = kind(&type_name);
        let nullable = !not_null && key == 0;
        columns.push(Column { name: column, type_name, kind, nullable, generated: hidden > 0 });
    }
    primary_key.sort();
    let primary_key: Vec<String> = primary_key.into_iter().map(|(_, name)| name).collect();
    let (mut uniques, mut indexes) = (vec![], vec![]);
    if !primary_key.is_empty() {
        uniques.push(primary_key.clone());
        indexes.push(primary_key.clone());
    }
    let mut statement = connection.prepare("SELECT name, \"unique\", partial FROM pragma_index_list(?1)")?;
    let listed: Vec<(String, bool, bool)> = statement
        .query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let lowered = lowered(connection, name, &columns)?;
    for (index, unique, partial) in listed {
        let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
        let names: Vec<Option<String>> =
            statement.query_map([index], |row| row.get(0))?.collect::<Result<_, _>>()?;
        // A part without a name is an expression: what stands before it can be used, but not for uniqueness.
        let whole = names.iter().all(Option::is_some);
        let names: Vec<String> = names.into_iter().map_while(|it| it).collect();
        if partial || names.is_empty() {
            continue;
        }
        if unique && whole {
            uniques.push(names.clone());
        }
        indexes.push(names);
    }
    // A trigger's table stands there as whoever wrote the trigger spelled it.
    let mut statement = connection.prepare(
        "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
    )?;
    let triggers = statement.query_map([name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let hidden_id = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|it| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(it)));
    let row_id = match hidden_id.filter(|_| !without_rowid) {
        Some(id) => vec![id.to_owned()],
        None => primary_key.clone(),
    };
    Ok(Table {
        name: name.to_owned(),
        quoted: format!("main.{}", quote(name)),
        columns,
        primary_key,
        row_id,
        uniques,
        indexes,
        lowered,
        triggers,
        ..Table::default()
    })
}

/// Columns that an index without a condition begins with in lower case.
fn lowered(connection: &Connection, table: &str, columns: &[Column]) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare(
        "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE \
         AND sql LIKE '%lower(%' AND sql NOT LIKE '%)%where%'",
    )?;
    let written: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let column = |sql: &String| {
        // Up to where the first part ends: `lower(mail), id)`.
        let (_, parts) = sql.split_once('(')?;
        let column = catalog::lowered(&parts[..=parts.find(')')?])?;
        columns.iter().map(|it| &it.name).find(|it| it.eq_ignore_ascii_case(&column)).cloned()
    };
    Ok(written.iter().filter_map(column).collect())
}

fn foreign_keys(
    connection: &Connection,
    child: &str,
    tables: &BTreeMap<String, Table>,
) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    let mut statement = connection.prepare(
        "SELECT id, seq, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = statement.query([child])?;
    while let Some(row) = rows.next()? {
        let (id, part, parent): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (own, to, on_delete): (String, Option<String>, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
        // Names in a key are written without regard to capitals; a parent may be missing altogether.
        let Some(parent) = tables.values().find(|it| it.name.eq_ignore_ascii_case(&parent)) else { continue };
        let to = to.or_else(|| parent.primary_key.get(usize::try_from(part).ok()?).cloned());
        let spelled = |table: &Table, name: &str| {
            table.columns.iter().find(|it| it.name.eq_ignore_ascii_case(name)).map(|it| it.name.clone())
        };
        let own = tables.get(child).and_then(|it| spelled(it, &own));
        let (Some(own), Some(other)) = (own, to.and_then(|it| spelled(parent, &it))) else { continue };
        let key = keys.entry(id).or_insert_with(|| ForeignKey {
            quoted: String::new(),
            child: child.to_owned(),
            parent: parent.name.clone(),
            on: vec![],
            on_delete: match &*on_delete {
                "RESTRICT" => OnDelete::Restrict,
                "CASCADE" => OnDelete::Cascade,
                "SET NULL" => OnDelete::SetNull,
                "SET DEFAULT" => OnDelete::SetDefault,
                _ => OnDelete::NoAction,
            },
            deferrable: true,
        });
        key.on.push((own, other));
        key.on.sort();
    }
    Ok(keys.into_values().collect())
}

/// By SQLite's own rules of affinity, and by words that say more.
fn kind(type_name: &str) -> Kind {
    let name = type_name.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|it| name.contains(it));
    if has(&["BOOL"]) {
        Kind::Bool
    } else if has(&["INT"]) {
        Kind::Int
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Kind::Text
    } else if has(&["BLOB"]) {
        Kind::Bytes
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Kind::Real
    } else if has(&["JSON"]) {
        Kind::Json
    } else if has(&["DATE", "TIME"]) {
        Kind::Time
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_the_same_however_their_capitals_are_written() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE person (id integer PRIMARY KEY, mail text);
             CREATE TABLE thing (id integer PRIMARY KEY, person_id integer REFERENCES PERSON (ID));
             CREATE INDEX by_mail ON PERSON (lower(MAIL));
             CREATE INDEX by_person ON Thing (PERSON_ID);
             CREATE TRIGGER hold BEFORE DELETE ON THING BEGIN SELECT RAISE(IGNORE); END;",
        )
        .unwrap();
        let catalog = read(&db).unwrap();
        assert_eq!(catalog.tables["thing"].triggers, ["hold"]);
        assert!(!catalog.nothing_acts());
        assert_eq!(catalog.tables["person"].lowered, BTreeSet::from(["mail".to_owned()]));
        assert!(catalog.tables["thing"].is_indexed(&["person_id"]));
        let key = &catalog.keys[0];
        assert_eq!((&*key.child, &*key.parent), ("thing", "person"));
        assert_eq!(key.on, [("person_id".to_owned(), "id".to_owned())]);
    }
}
