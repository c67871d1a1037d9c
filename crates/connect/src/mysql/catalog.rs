//! Reads the catalogue of MariaDB and MySQL: `information_schema`, and InnoDB's own list of foreign keys, for the
//! former shows an account only keys of tables that it has rights on, and the database acts along all of them.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::{Error, Row, Value};

use super::connection::{Session, text, whole};
use super::failure::{NEEDS_RIGHT, code};
use crate::catalog::{Catalog, Column, ForeignKey, Kind, OnDelete, Table};
use crate::sql::quote;

/// Tables, and MariaDB's tables that keep every former row.
const TABLES: &str = "
SELECT TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES
 WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
   AND TABLE_NAME <> 'countersign_receipt' AND COALESCE(TEMPORARY, 'N') <> 'Y'";

const COLUMNS: &str = "
SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION";

/// MariaDB's JSON is a text with such a check.
const JSON: &str = "
SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
 WHERE CONSTRAINT_SCHEMA = ? AND CHECK_CLAUSE LIKE 'json_valid(%'";

const INDEXES: &str = "
SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME FROM information_schema.STATISTICS
 WHERE TABLE_SCHEMA = ? AND INDEX_TYPE IN ('BTREE', 'HASH') ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";

const TRIGGERS: &str = "
SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS
 WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_MANIPULATION IN ('UPDATE', 'DELETE') ORDER BY TRIGGER_NAME";

const KEYS: &str = "
SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME,
       REFERENCED_COLUMN_NAME
  FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = ?";

const RULES: &str = "
SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_NAME, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS
 WHERE UNIQUE_CONSTRAINT_SCHEMA = ?";

/// Behind either of the two: of the tables of one database. Without it the server opens every table that it has.
const CHILDREN: [&str; 2] = [" AND TABLE_SCHEMA = ?", " AND CONSTRAINT_SCHEMA = ?"];

/// InnoDB's own list: `database/child`, `database/parent`, `database/constraint`.
const ALL_KEYS: [&str; 2] = [
    "SELECT FOR_NAME, REF_NAME, ID FROM information_schema.INNODB_SYS_FOREIGN",
    "SELECT FOR_NAME, REF_NAME, ID FROM information_schema.INNODB_FOREIGN",
];

const RIGHTS: &str = "
SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER'
UNION ALL SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND ? LIKE TABLE_SCHEMA
UNION ALL SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE PRIVILEGE_TYPE = 'TRIGGER' AND TABLE_SCHEMA = ?";

/// A catalogue, and what this account may not see of it.
pub(super) struct Read {
    pub(super) catalog: Catalog,
    pub(super) unseen: Vec<String>,
}

/// The tables of `schemas`. Those of the first are named alone, the others `schema.table`.
pub(super) async fn read(session: &mut Session, schemas: &[String]) -> Result<Read, Error> {
    let mut catalog = Catalog::default();
    let mut unseen = vec![];
    let mut keys = vec![];
    let listed = listed(session, schemas).await?;
    for (at, schema) in schemas.iter().enumerate() {
        let named = |table: &str| if at == 0 { table.to_owned() } else { format!("{schema}.{table}") };
        let [shown, json, shown_columns, shown_indexes, triggers, rights] =
            of_schema(session, schema).await?;
        let mut tables = tables(&shown, schema, named);
        columns(&shown_columns, &json, &mut tables);
        indexes(&shown_indexes, &mut tables);
        for row in triggers {
            let (table, trigger) = (cell(&row, 0), cell(&row, 1));
            tables.entry(table).and_modify(|it| it.triggers.push(trigger));
        }
        if rights.is_empty() {
            unseen.push(format!("triggers in `{schema}` (grant TRIGGER): they would act unseen"));
        }
        match &listed {
            Some(all) => {
                let onto = all.iter().filter(|it| it.parent.0 == *schema).map(|it| &*it.child.0);
                for home in onto.collect::<BTreeSet<_>>() {
                    keys.extend(self::keys(session, schema, Some(home), schemas).await?);
                }
            }
            None => keys.extend(self::keys(session, schema, None, schemas).await?),
        }
        catalog.tables.extend(tables.into_values().map(|it| (it.name.clone(), it)));
    }
    match listed {
        Some(all) => {
            let hidden = all.into_iter().filter(|it| !keys.iter().any(|(id, _)| *id == it.id));
            let hidden: Vec<_> = hidden.map(|it| it.without_columns(schemas)).collect();
            keys.extend(hidden);
        }
        None => unseen.push(
            "foreign keys of tables that it has no rights on (grant PROCESS): the database would act along them unseen"
                .to_owned(),
        ),
    }
    catalog.keys =
        keys.into_iter().map(|(_, key)| key).filter(|it| catalog.tables.contains_key(&it.parent)).collect();
    catalog.hides_what_acts = !unseen.is_empty();
    Ok(Read { catalog, unseen })
}

/// What is asked of each database, in one go.
async fn of_schema(session: &mut Session, schema: &str) -> Result<[Vec<Row>; 6], Error> {
    // MySQL has neither such tables nor such checks.
    let (tables, json) = match session.is_mariadb() {
        true => (TABLES.to_owned(), JSON),
        false => {
            (TABLES.replace(" AND COALESCE(TEMPORARY, 'N') <> 'Y'", ""), "SELECT 1 FROM dual WHERE 1 = 0")
        }
    };
    let asked = [&*tables, json, COLUMNS, INDEXES, TRIGGERS, RIGHTS].map(|it| with(it, &[schema]));
    let mut rows = session.rows_of_each(&asked).await?.into_iter().map(|(_, rows)| rows);
    Ok(std::array::from_fn(|_| rows.next().unwrap_or_default()))
}

/// A statement with names in its places; the last one also in those that are left. Sessions know no escape but a doubled
/// quote.
fn with(asked: &str, names: &[&str]) -> String {
    let mut names = names.iter();
    let (mut text, mut name) = (String::new(), "");
    for (n, piece) in asked.split('?').enumerate() {
        if n > 0 {
            name = names.next().copied().unwrap_or(name);
            text.push_str(&format!("'{}'", name.replace('\'', "''")));
        }
        text.push_str(piece);
    }
    text
}

fn tables(rows: &[Row], schema: &str, named: impl Fn(&str) -> String) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    for row in rows {
        let (name, engine, kind) = (cell(row, 0), cell(row, 1), cell(row, 2));
        let unfit = match &*engine {
            _ if kind == "SYSTEM VERSIONED" => Some(
                "it keeps every former row (SYSTEM VERSIONING), so that nothing that is erased in it is gone; drop \
                 the versioning"
                    .to_owned(),
            ),
            "InnoDB" => None,
            engine => Some(format!(
                "its engine {engine} has no transactions, so that a receipt would promise nothing; convert it to InnoDB"
            )),
        };
        let quoted = format!("{}.{}", quote(schema), quote(&name));
        tables.insert(name.clone(), Table { name: named(&name), quoted, unfit, ..Table::default() });
    }
    tables
}

fn columns(rows: &[Row], json: &[Row], tables: &mut BTreeMap<String, Table>) {
    let json: Vec<(String, String)> = json.iter().map(|row| (cell(row, 0), cell(row, 1))).collect();
    for row in rows {
        let table_name = cell(row, 0);
        let Some(table) = tables.get_mut(&table_name) else { continue };
        let (name, mut type_name, extra) = (cell(row, 1), cell(row, 2), cell(row, 4).to_ascii_lowercase());
        // As a session with names in double quotes is shown it.
        let checked = format!("json_valid({})", quote(&name));
        let kind = if json.iter().any(|(table, check)| *table == table_name && *check == checked) {
            Kind::Json
        } else {
            kind(&type_name)
        };
        if let (Kind::Text, Some(set), Some(collation)) = (kind, text(row, 5), text(row, 6)) {
            type_name.push_str(&format!(" CHARACTER SET {set} COLLATE {collation}"));
        }
        if extra.contains("on update") {
            table.remarks.push(format!(
                "`{name}` is set to the time of each change, also where only a pointer is emptied or a column cleared"
            ));
        }
        table.columns.push(Column {
            name,
            type_name,
            kind,
            nullable: cell(row, 3) == "YES",
            generated: ["virtual generated", "stored generated"].iter().any(|it| extra.contains(it)),
        });
    }
}

/// An index; instead of a column it may have an expression.
#[derive(Default)]
struct Index {
    unique: bool,
    columns: Vec<Option<String>>,
}

fn indexes(rows: &[Row], tables: &mut BTreeMap<String, Table>) {
    let mut indexes: BTreeMap<(String, String), Index> = BTreeMap::new();
    for row in rows {
        let index = indexes.entry((cell(row, 0), cell(row, 1))).or_default();
        index.unique = whole(row, 2) == Some(0);
        index.columns.push(text(row, 3));
    }
    for ((table, name), Index { unique, columns }) in indexes {
        let Some(table) = tables.get_mut(&table) else { continue };
        // An index over an expression says nothing about a column.
        let Some(columns) = columns.into_iter().collect::<Option<Vec<String>>>() else { continue };
        if unique {
            table.uniques.push(columns.clone());
        }
        if name == "PRIMARY" {
            table.primary_key = columns.clone();
        }
        table.indexes.push(columns);
    }
    for table in tables.values_mut() {
        let never_null = |columns: &Vec<String>| {
            columns.iter().all(|name| table.column(name).is_some_and(|it| !it.nullable))
        };
        let own = Some(&table.primary_key).filter(|key| !key.is_empty());
        table.row_id =
            own.or_else(|| table.uniques.iter().find(|it| never_null(it))).cloned().unwrap_or_default();
    }
}

/// Keys onto `schema` by `database/constraint`, as InnoDB calls them; of all tables, or of those of one database.
async fn keys(
    session: &mut Session,
    schema: &str,
    home: Option<&str>,
    schemas: &[String],
) -> Result<Vec<(String, ForeignKey)>, Error> {
    let [usage, ruled] = [(KEYS, CHILDREN[0]), (RULES, CHILDREN[1])]
        .map(|(all, of_one)| home.map_or_else(|| all.to_owned(), |_| format!("{all}{of_one}")));
    let names: Vec<&str> = [Some(schema), home].into_iter().flatten().collect();
    let mut rows = session.rows_of_each(&[with(&ruled, &names), with(&usage, &names)]).await?.into_iter();
    let [ruled, usage] = std::array::from_fn(|_| rows.next().map(|(_, rows)| rows).unwrap_or_default());
    let mut rules: BTreeMap<(String, String, String), String> = BTreeMap::new();
    for row in ruled {
        rules.insert((cell(&row, 0), cell(&row, 2), cell(&row, 1)), cell(&row, 3));
    }
    let mut keys: BTreeMap<(String, String, String), ForeignKey> = BTreeMap::new();
    for row in usage {
        let (home, name) = (cell(&row, 0), cell(&row, 1));
        let (child_schema, child) = (cell(&row, 2), cell(&row, 3));
        let rule = rules.get(&(home.clone(), child.clone(), name.clone())).map(String::as_str);
        let key = keys.entry((home.clone(), child.clone(), name.clone())).or_insert_with(|| ForeignKey {
            quoted: quote(&name),
            child: named(&child_schema, &child, schemas),
            parent: named(schema, &cell(&row, 5), schemas),
            on: vec![],
            on_delete: match rule {
                Some("CASCADE") => OnDelete::Cascade,
                Some("SET NULL") => OnDelete::SetNull,
                Some("SET DEFAULT") => OnDelete::SetDefault,
                // RESTRICT is the same here: every key is checked at once, row by row.
                Some(_) => OnDelete::NoAction,
                // An account that may only read is not told.
                None => OnDelete::Cascade,
            },
            deferrable: false,
        });
        key.on.push((cell(&row, 4), cell(&row, 6)));
        key.on.sort();
    }
    Ok(keys.into_iter().map(|((home, _, name), key)| (format!("{home}/{name}"), key)).collect())
}

/// A key as InnoDB lists it.
struct Listed {
    /// `database/constraint`.
    id: String,
    /// Database and table.
    child: (String, String),
    parent: (String, String),
}

impl Listed {
    /// A key that `information_schema` did not show.
    fn without_columns(self, schemas: &[String]) -> (String, ForeignKey) {
        let key = ForeignKey {
            quoted: String::new(),
            child: named(&self.child.0, &self.child.1, schemas),
            parent: named(&self.parent.0, &self.parent.1, schemas),
            on: vec![],
            on_delete: OnDelete::Cascade,
            deferrable: false,
        };
        (self.id, key)
    }
}

/// InnoDB's own list of keys onto our tables; `None` if it is closed to this account.
async fn listed(session: &mut Session, schemas: &[String]) -> Result<Option<Vec<Listed>>, Error> {
    let rows = match session.rows(ALL_KEYS[usize::from(!session.is_mariadb())], vec![]).await {
        Err(error) if code(&error) == Some(NEEDS_RIGHT) => return Ok(None),
        rows => rows?,
    };
    let mut all = vec![];
    for row in rows {
        let [child, parent, id] = [0, 1, 2].map(|at| pair(&cell(&row, at)));
        let (Some(child), Some(parent)) = (child, parent) else { continue };
        if schemas.contains(&parent.0) {
            let id = id.map(|(home, name)| format!("{home}/{name}")).unwrap_or_default();
            all.push(Listed { id, child, parent });
        }
    }
    Ok(Some(all))
}

/// `database/table` with characters beyond letters and digits as `@0020`.
fn pair(name: &str) -> Option<(String, String)> {
    let decoded = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('@') {
            out.push_str(before);
            let code =
                behind.get(..4).and_then(|it| u32::from_str_radix(it, 16).ok()).and_then(char::from_u32);
            match code {
                Some(letter) => {
                    out.push(letter);
                    rest = &behind[4..];
                }
                None => {
                    out.push('@');
                    rest = behind;
                }
            }
        }
        out + rest
    };
    name.split_once('/').map(|(home, own)| (decoded(home), decoded(own)))
}

fn named(schema: &str, table: &str, schemas: &[String]) -> String {
    if schemas.first().is_some_and(|it| it == schema) {
        table.to_owned()
    } else {
        format!("{schema}.{table}")
    }
}

fn cell(row: &Row, at: usize) -> String {
    match row.as_ref(at) {
        Some(Value::NULL) | None => String::new(),
        Some(_) => text(row, at).unwrap_or_default(),
    }
}

fn kind(type_name: &str) -> Kind {
    if type_name.starts_with("tinyint(1)") {
        return Kind::Bool;
    }
    match type_name.split([' ', '(']).next().unwrap_or_default() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Kind::Int,
        "float" | "double" => Kind::Real,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        "json" => Kind::Json,
        "date" | "time" | "datetime" | "timestamp" => Kind::Time,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_read_back() {
        assert_eq!(pair("a@0020b/c@002dd"), Some(("a b".to_owned(), "c-d".to_owned())));
        assert_eq!(pair("test@1/x"), Some(("test@1".to_owned(), "x".to_owned())));
    }
}
