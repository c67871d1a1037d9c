//! The customers, each with their home and everything that hangs on them alone.

use rusqlite::Result;

use super::trade::{self, Buyer};
use super::{Pen, catalogue, traces};
use crate::calendar::{LAST_DAY_NUMBER, before_the_end, date};
use crate::cast;
use crate::profile::Profile;

pub(super) fn fill(pen: &mut Pen<'_>) -> Result<()> {
    let mut next_order = 1;
    for id in 1..=pen.customers {
        let profile = Profile::of(id);
        home(pen, id, &profile)?;
        let favourite = orders(pen, id, &profile, &mut next_order)?;
        customer(pen, id, &profile, favourite)?;
        opinions(pen, id)?;
        traces::of_customer(pen, id, &profile)?;
        pen.step();
    }
    Ok(())
}

/// Whose home this customer shares, besides owning one.
fn lives_with(id: i64) -> Option<i64> {
    if id == cast::BEN.id {
        Some(cast::ANA.id)
    } else {
        (id > cast::FIRST_STRANGER && id % 20 == 0).then_some(id - 1)
    }
}

/// True for people in stories, whose rows are fixed in number.
pub(super) fn in_cast(id: i64) -> bool {
    cast::member(id).is_some()
}

fn customer(pen: &mut Pen<'_>, id: i64, profile: &Profile, favourite_order: i64) -> Result<()> {
    let referred_by = if id == cast::BEN.id {
        Some(cast::ANA.id)
    } else if id > cast::FIRST_STRANGER && pen.chance.percent(20) {
        Some(pen.chance.between(cast::FIRST_STRANGER, id - 1))
    } else {
        None
    };
    let joined_on = date(LAST_DAY_NUMBER - pen.chance.between(400, 3_000));
    pen.row(
        "INSERT INTO customer (id, account, email, name, phone, born_on, joined_on, referred_by, default_address_id,
             favourite_order_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            &id,
            &profile.account,
            &profile.email,
            &profile.name,
            &profile.phone,
            &profile.born_on,
            &joined_on,
            &referred_by,
            &lives_with(id).unwrap_or(id),
            &favourite_order,
        ],
    )
}

/// Everyone owns the address of their own number; who lives with somebody works at it.
fn home(pen: &Pen<'_>, id: i64, profile: &Profile) -> Result<()> {
    pen.row(
        "INSERT INTO address (id, owner_id, street, postcode, city) VALUES (?, ?, ?, ?, ?)",
        &[&id, &id, &profile.street, &profile.postcode, &profile.city],
    )?;
    const LIVES: &str = "INSERT INTO customer_address (customer_id, address_id, kind) VALUES (?, ?, ?)";
    match lives_with(id) {
        Some(other) => {
            pen.row(LIVES, &[&id, &other, &"home"])?;
            pen.row(LIVES, &[&id, &id, &"work"])
        }
        None => pen.row(LIVES, &[&id, &id, &"home"]),
    }
}

/// Returns the customer's favourite order: the first.
fn orders(pen: &mut Pen<'_>, id: i64, profile: &Profile, next_order: &mut i64) -> Result<i64> {
    let count = if in_cast(id) { 3 } else { pen.chance.between(1, 4) };
    let ship_to = lives_with(id).unwrap_or(id);
    let address = Profile::of(ship_to).address_line();
    let buyer =
        Buyer { id, ship_to, address: &address, name: &profile.name, card_token: &profile.card_token };
    let first = *next_order;
    for nth in 0..count {
        trade::order(pen, &buyer, *next_order, in_cast(id) && nth == 0)?;
        *next_order += 1;
    }
    Ok(first)
}

const REVIEWS: [&str; 6] = [
    "Exactly as described.",
    "Arrived late, but lovely.",
    "Smaller than it looks.",
    "Broke after a week.",
    "Would buy again.",
    "A present that was well received.",
];
const TROUBLES: [&str; 5] = [
    "Where is the parcel?",
    "The box was open when it came.",
    "Please send a copy of the last invoice.",
    "Can the colour still be changed?",
    "It was charged twice.",
];

fn opinions(pen: &mut Pen<'_>, id: i64) -> Result<()> {
    if in_cast(id) || pen.chance.percent(80) {
        let product = pen.chance.below(catalogue::PRODUCTS) as i64 + 1;
        let (stars, body) = (pen.chance.between(1, 5), pen.chance.one(&REVIEWS));
        pen.row(
            "INSERT INTO review (customer_id, product_id, stars, body) VALUES (?, ?, ?, ?)",
            &[&id, &product, &stars, &body],
        )?;
    }
    if in_cast(id) || pen.chance.percent(25) {
        let employee = pen.chance.between(1, catalogue::EMPLOYEES);
        let opened_at = before_the_end(pen.chance.between(0, 300 * 86_400));
        let body = pen.chance.one(&TROUBLES);
        pen.row(
            "INSERT INTO ticket (customer_id, employee_id, opened_at, body) VALUES (?, ?, ?, ?)",
            &[&id, &employee, &opened_at, &body],
        )?;
    }
    Ok(())
}
