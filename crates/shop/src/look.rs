//! Looking into a shop from outside: counts, a person's values, and where a value stands.
//! Trusts neither schema nor data map: it searches every column of every table that is there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result};

/// A column in which a value stands, and in how many rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The table's name.
    pub table: String,
    /// The column's name.
    pub column: String,
    /// How many rows hold the value there; never zero.
    pub count: u64,
}

/// Rows in each table of the database, also those that are empty.
///
/// # Errors
/// Only what SQLite reports.
pub fn row_counts(conn: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for table in tables(conn)? {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table));
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
        counts.insert(table, count.unsigned_abs());
    }
    Ok(counts)
}

/// Every value that points to this customer and nobody else: account, name, e-mail, phone, birthday, `customer:42`,
/// streets where only they live, internet addresses, card tokens. What another account has too is left out, as are an
/// address that is shared and a customer who does not exist (no values). Ask before an erasure; afterwards they are gone.
///
/// # Errors
/// Only what SQLite reports.
pub fn values_of(conn: &Connection, customer: i64) -> Result<Vec<String>> {
    let own = conn
        .query_row(
            "SELECT account, name, email, phone, born_on FROM customer WHERE id = ?",
            [customer],
            |row| (0..5).map(|at| row.get::<_, Option<String>>(at)).collect::<Result<Vec<_>>>(),
        )
        .optional()?;
    let Some(own) = own else { return Ok(Vec::new()) };
    let mut values = BTreeSet::from([format!("customer:{customer}")]);
    for value in own.into_iter().flatten().filter(|value| !value.is_empty()) {
        let others: i64 = conn.query_row(
            "SELECT count(*) FROM customer WHERE id <> ?1 AND ?2 IN (account, name, email, phone, born_on)",
            (customer, &value),
            |row| row.get(0),
        )?;
        if others == 0 {
            values.insert(value);
        }
    }
    for sql in [
        "SELECT street FROM address a WHERE
             (owner_id = ?1 OR id IN (SELECT address_id FROM customer_address WHERE customer_id = ?1))
             AND coalesce(owner_id, ?1) = ?1
             AND NOT EXISTS (SELECT 1 FROM customer_address x WHERE x.address_id = a.id AND x.customer_id <> ?1)",
        "SELECT DISTINCT ip FROM visit WHERE customer_id = ?1",
        "SELECT DISTINCT card_token FROM payment WHERE order_id IN (SELECT id FROM orders WHERE customer_id = ?1)",
    ] {
        let mut statement = conn.prepare(sql)?;
        for value in statement.query_map([customer], |row| row.get::<_, String>(0))? {
            values.insert(value?);
        }
    }
    Ok(values.into_iter().collect())
}

/// Where `value` stands, in every column of every table: as the whole value or as words within a longer text, without
/// regard to ASCII case. `1 Elm Road` does not stand in `11 Elm Road`, but in an invoice's `1 Elm Road, 10000 Dunmere`.
/// Sorted by table and column. An empty value stands nowhere.
///
/// # Errors
/// Only what SQLite reports.
pub fn occurrences(conn: &Connection, value: &str) -> Result<Vec<Occurrence>> {
    let mut found = Vec::new();
    if value.is_empty() {
        return Ok(found);
    }
    let wanted = value.to_ascii_lowercase();
    for table in tables(conn)? {
        for column in columns(conn, &table)? {
            // The cast finds numbers and blobs too; what it lets through is looked at more closely here.
            let (name, text) = (quoted(&table), quoted(&column));
            let sql = format!(
                "SELECT CAST({text} AS TEXT) FROM {name} WHERE instr(lower(CAST({text} AS TEXT)), ?1) > 0"
            );
            let mut statement = conn.prepare(&sql)?;
            let mut rows = statement.query([&wanted])?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                if let ValueRef::Text(bytes) = row.get_ref(0)? {
                    count += u64::from(holds(&String::from_utf8_lossy(bytes).to_ascii_lowercase(), &wanted));
                }
            }
            if count > 0 {
                found.push(Occurrence { table: table.clone(), column, count });
            }
        }
    }
    Ok(found)
}

/// Whether `wanted` stands in `text` with no letter or digit directly before or after it.
fn holds(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + wanted.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

fn tables(conn: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info(?) ORDER BY name";
    conn.prepare(sql)?.query_map([table], |row| row.get(0))?.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
