//! Looks into the shop from outside, by SQL of its own: what the server says is compared with this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_shop::{occurrences, row_counts, values_of};
use rusqlite::{Connection, OpenFlags};

/// Rows by table.
pub(super) type Rows = BTreeMap<String, u64>;

/// The shop's file.
pub(super) struct Shop(PathBuf);

/// What is a customer's, table by table. Written for the story: neither server nor data map is asked.
const OWN: [(&str, &str); 15] = [
    ("customer", "SELECT count(*) FROM customer WHERE id = ?1"),
    ("customer_address", "SELECT count(*) FROM customer_address WHERE customer_id = ?1"),
    (
        "address",
        "SELECT count(*) FROM address WHERE owner_id = ?1
           OR id IN (SELECT address_id FROM customer_address WHERE customer_id = ?1)
           OR id IN (SELECT ship_address_id FROM orders WHERE customer_id = ?1)",
    ),
    ("orders", "SELECT count(*) FROM orders WHERE customer_id = ?1"),
    ("order_line", "SELECT count(*) FROM order_line JOIN orders ON id = order_id WHERE customer_id = ?1"),
    (
        "return_line",
        "SELECT count(*) FROM return_line JOIN orders ON orders.id = order_id WHERE customer_id = ?1",
    ),
    ("payment", "SELECT count(*) FROM payment JOIN orders ON orders.id = order_id WHERE customer_id = ?1"),
    ("invoice", "SELECT count(*) FROM invoice WHERE customer_id = ?1"),
    ("message", "SELECT count(*) FROM message WHERE ?1 IN (sender_id, recipient_id)"),
    ("review", "SELECT count(*) FROM review WHERE customer_id = ?1"),
    ("ticket", "SELECT count(*) FROM ticket WHERE customer_id = ?1"),
    ("visit", "SELECT count(*) FROM visit WHERE customer_id = ?1"),
    ("newsletter", "SELECT count(*) FROM newsletter JOIN customer USING (email) WHERE id = ?1"),
    (
        "event_log",
        "SELECT count(*) FROM event_log JOIN customer ON who IN ('customer:' || customer.id, email) WHERE customer.id = ?1",
    ),
    ("old_import", "SELECT count(*) FROM old_import JOIN customer ON mail = email WHERE id = ?1"),
];

impl Shop {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A connection that cannot write.
    pub(super) fn look(&self) -> rusqlite::Result<Connection> {
        Connection::open_with_flags(
            &self.0,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
    }

    /// Somebody else who writes into the shop: its own till.
    pub(super) fn till(&self, patience: Duration) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.0)?;
        connection.busy_timeout(patience)?;
        Ok(connection)
    }

    /// A number that `sql` counts.
    pub(super) fn count(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<u64> {
        self.look()?.query_row(sql, params, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    }

    /// Rows in every table of the shop, without the receipts.
    pub(super) fn rows(&self) -> rusqlite::Result<Rows> {
        let mut rows = row_counts(&self.look()?)?;
        rows.remove("countersign_receipt");
        Ok(rows)
    }

    /// A customer's rows in each table where they can have some.
    pub(super) fn own(&self, customer: i64) -> rusqlite::Result<Rows> {
        let connection = self.look()?;
        let count = |sql: &str| {
            connection.query_row(sql, [customer], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        };
        OWN.iter().map(|(table, sql)| Ok(((*table).to_owned(), count(sql)?))).collect()
    }

    /// Values that point to this customer and nobody else.
    pub(super) fn values(&self, customer: i64) -> rusqlite::Result<Vec<String>> {
        values_of(&self.look()?, customer)
    }

    /// The tables in which any of these values stands, anywhere in the shop, and in how many cells.
    pub(super) fn places(&self, values: &[String]) -> rusqlite::Result<Rows> {
        let connection = self.look()?;
        let mut tables = Rows::new();
        for value in values {
            for found in occurrences(&connection, value)? {
                *tables.entry(found.table).or_default() += found.count;
            }
        }
        Ok(tables)
    }

    /// Receipts of a request by outcome: `done`, `void`.
    pub(super) fn receipts(&self, request: &str) -> rusqlite::Result<Rows> {
        let connection = self.look()?;
        let mut statement = connection.prepare(
            "SELECT outcome, count(*) FROM countersign_receipt WHERE request = ? GROUP BY outcome",
        )?;
        let rows =
            statement.query_map([request], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        rows.collect()
    }

    /// Rows that point to nothing.
    pub(super) fn dangling(&self) -> rusqlite::Result<u64> {
        self.count("SELECT count(*) FROM pragma_foreign_key_check", [])
    }

    /// Whether somebody is writing at this moment.
    pub(super) fn is_being_written(&self) -> rusqlite::Result<bool> {
        let till = self.till(Duration::ZERO)?;
        match till.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => till.execute_batch("ROLLBACK").map(|()| false),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// What became less, table by table.
pub(super) fn fewer(before: &Rows, after: &Rows) -> Rows {
    let less = |(table, rows): (&String, &u64)| {
        let gone = rows.saturating_sub(after.get(table).copied().unwrap_or(0));
        (gone > 0).then(|| (table.clone(), gone))
    };
    before.iter().filter_map(less).collect()
}

/// Without the tables that have no row.
pub(super) fn some(rows: Rows) -> Rows {
    rows.into_iter().filter(|(_, rows)| *rows > 0).collect()
}
