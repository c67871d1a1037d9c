//! Rows that arrive later: a customer who goes on buying while a request about them waits.

use rusqlite::{Connection, OptionalExtension, Result};

/// Adds `orders` open orders to a customer in one transaction, each with three lines and a payment: five rows an order.
/// Returns the rows written; zero when there is no such customer.
///
/// # Errors
/// Only what SQLite reports; nothing is written then.
pub fn place_orders(conn: &Connection, customer: i64, orders: u32) -> Result<u64> {
    let transaction = conn.unchecked_transaction()?;
    let address = "SELECT default_address_id FROM customer WHERE id = ?";
    let Some(ship_to) =
        transaction.query_row(address, [customer], |row| row.get::<_, Option<i64>>(0)).optional()?
    else {
        return Ok(0);
    };
    let first: i64 =
        transaction.query_row("SELECT coalesce(max(id), 0) + 1 FROM orders", [], |row| row.get(0))?;
    let mut rows = 0;
    {
        let mut order = transaction.prepare_cached(
            "INSERT INTO orders (id, customer_id, ship_address_id, placed_at, status) VALUES (?, ?, ?, ?, 'open')",
        )?;
        let mut line = transaction.prepare_cached(
            "INSERT INTO order_line (order_id, line_no, product_id, quantity, price_cents) VALUES (?, ?, ?, 1, 1000)",
        )?;
        let mut payment = transaction.prepare_cached(
            "INSERT INTO payment (order_id, card_token, amount_cents, paid_at) VALUES (?, ?, 3000, ?)",
        )?;
        let at = crate::calendar::before_the_end(0);
        let card_token = crate::profile::Profile::of(customer).card_token;
        for id in first..first + i64::from(orders) {
            rows += order.execute((id, customer, ship_to, &at))?;
            for line_no in 1..=3 {
                rows += line.execute((id, line_no, (id + line_no) % 400 + 1))?;
            }
            rows += payment.execute((id, &card_token, &at))?;
        }
    }
    transaction.commit()?;
    Ok(rows as u64)
}
