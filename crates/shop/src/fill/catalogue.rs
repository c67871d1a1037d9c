//! What the shop sells and who works there: nobody's personal data as a customer.

use rusqlite::Result;

use super::Pen;

/// Products are numbered from 1 to this.
pub(crate) const PRODUCTS: u64 = 400;
/// Employees are numbered from 1 to this.
pub(crate) const EMPLOYEES: i64 = 12;

const ROOMS: [&str; 4] = ["Kitchen", "Living room", "Bedroom", "Garden"];
const THINGS: [&str; 20] = [
    "kettle", "pan", "bowl", "mug", "tray", "lamp", "rug", "shelf", "clock", "chair", "blanket", "pillow",
    "mirror", "hook", "basket", "bench", "lantern", "planter", "spade", "hose",
];
const KINDS: [&str; 20] = [
    "Blue", "Red", "Green", "White", "Black", "Grey", "Oak", "Walnut", "Copper", "Brass", "Linen", "Wool",
    "Cork", "Glass", "Stone", "Small", "Large", "Folding", "Striped", "Plain",
];
const STAFF: [&str; EMPLOYEES as usize] = [
    "Agnes Voss",
    "Boris Wahl",
    "Clara Yost",
    "Detlef Zorn",
    "Erna Voigt",
    "Falk Unger",
    "Gerda Tietz",
    "Horst Sommer",
    "Inge Rabe",
    "Jens Quast",
    "Klara Pohl",
    "Ludwig Noack",
];

/// What a product costs, in cents.
pub(super) fn price_cents(product: i64) -> i64 {
    495 + product * 37 % 9_000
}

pub(super) fn fill(pen: &Pen<'_>) -> Result<()> {
    const CATEGORY: &str = "INSERT INTO category (id, parent_id, name) VALUES (?, ?, ?)";
    for (id, room) in (1_i64..).zip(ROOMS) {
        pen.row(CATEGORY, &[&id, &None::<i64>, &room])?;
    }
    for (index, thing) in (0_i64..).zip(THINGS) {
        let id = index + 5;
        pen.row(CATEGORY, &[&id, &(index / 5 + 1), &format!("{thing}s")])?;
        for (nth, kind) in (1_i64..).zip(KINDS) {
            let product = index * 20 + nth;
            pen.row(
                "INSERT INTO product (id, category_id, name, price_cents) VALUES (?, ?, ?, ?)",
                &[&product, &id, &format!("{kind} {thing}"), &price_cents(product)],
            )?;
        }
    }
    for (id, name) in (1_i64..).zip(STAFF) {
        // The first leads the next three, those lead three each.
        let manager = (id > 1).then(|| (id - 2) / 3 + 1);
        let email = format!("{}@shop.example.test", name.to_lowercase().replace(' ', "."));
        pen.row(
            "INSERT INTO employee (id, manager_id, name, email) VALUES (?, ?, ?, ?)",
            &[&id, &manager, &name, &email],
        )?;
    }
    Ok(())
}
