//! Orders with their lines, returns, payment and invoice.

use rusqlite::Result;

use super::{Pen, catalogue};
use crate::calendar::before_the_end;

/// Who buys, how they pay, and where it goes.
pub(super) struct Buyer<'a> {
    pub(super) id: i64,
    pub(super) ship_to: i64,
    pub(super) address: &'a str,
    pub(super) name: &'a str,
    pub(super) card_token: &'a str,
}

/// Writes order `id` of this buyer. `returned`: its first line came back, and it is invoiced; otherwise chance decides.
pub(super) fn order(pen: &mut Pen<'_>, buyer: &Buyer<'_>, id: i64, returned: bool) -> Result<()> {
    let placed_at = before_the_end(pen.chance.between(0, 390 * 86_400));
    let returned = returned || pen.chance.percent(12);
    let status = if returned {
        "returned"
    } else if pen.chance.percent(78) {
        "sent"
    } else {
        "open"
    };
    pen.row(
        "INSERT INTO orders (id, customer_id, ship_address_id, placed_at, status) VALUES (?, ?, ?, ?, ?)",
        &[&id, &buyer.id, &buyer.ship_to, &placed_at, &status],
    )?;
    let total = lines(pen, id)?;
    if returned {
        pen.row("INSERT INTO return_line (order_id, line_no, reason) VALUES (?, 1, 'did not fit')", &[&id])?;
    }
    pen.row(
        "INSERT INTO payment (order_id, card_token, amount_cents, paid_at) VALUES (?, ?, ?, ?)",
        &[&id, &buyer.card_token, &total, &placed_at],
    )?;
    if status == "open" {
        return Ok(());
    }
    pen.row(
        "INSERT INTO invoice (number, customer_id, issued_on, name, address, total_cents) VALUES (?, ?, ?, ?, ?, ?)",
        &[&format!("R-{id:07}"), &buyer.id, &&placed_at[..10], &buyer.name, &buyer.address, &total],
    )
}

/// One to four lines; returns their total in cents.
fn lines(pen: &mut Pen<'_>, order: i64) -> Result<i64> {
    let mut total = 0;
    for line_no in 1..=pen.chance.between(1, 4) {
        let product = pen.chance.below(catalogue::PRODUCTS) as i64 + 1;
        let (quantity, price) = (pen.chance.between(1, 3), catalogue::price_cents(product));
        total += quantity * price;
        pen.row(
            "INSERT INTO order_line (order_id, line_no, product_id, quantity, price_cents) VALUES (?, ?, ?, ?, ?)",
            &[&order, &line_no, &product, &quantity, &price],
        )?;
    }
    Ok(total)
}
