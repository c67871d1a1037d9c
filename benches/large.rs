//! A source to act on: a SQLite file of 11 tables with one customer who has 100,000 rows, and a thousand others with
//! about 100 each. Two levels of foreign keys, a soft link, and a table that is cleared and not deleted.

use std::path::Path;

use countersign_service::settings::datamap::DataMap;
use rusqlite::{Connection, params};

/// The customer with many rows; the others follow.
pub(crate) const LARGE: i64 = 1;
/// The rows of that customer.
pub(crate) const LARGE_ROWS: i64 = 100_000;
/// How many others there are.
pub(crate) const OTHERS: i64 = 1_000;
const OTHERS_ROWS: i64 = 100;

const SCHEMA: &str = "
create table customer (id integer primary key, email text not null unique, name text not null, phone text);
create table address (id integer primary key, customer_id integer not null references customer, line text not null);
create table orders (id integer primary key, customer_id integer not null references customer, placed_at text not null);
create table order_line (order_id integer not null references orders, line_no integer not null, product text not null,
    price integer not null, primary key (order_id, line_no)) without rowid;
create table payment (id integer primary key, order_id integer not null references orders, card text not null);
create table invoice (id integer primary key, customer_id integer references customer, name text, total integer);
create table visit (id integer primary key, customer_id integer not null references customer, page text not null);
create table message (id integer primary key, customer_id integer not null references customer, body text not null);
create table ticket (id integer primary key, customer_id integer not null references customer, question text not null);
create table review (id integer primary key, customer_id integer not null references customer, body text not null);
create table newsletter (id integer primary key, email text not null, since text not null);
create index address_of on address (customer_id);
create index orders_of on orders (customer_id);
create index payment_of on payment (order_id);
create index invoice_of on invoice (customer_id);
create index visit_of on visit (customer_id);
create index message_of on message (customer_id);
create index ticket_of on ticket (customer_id);
create index review_of on review (customer_id);
create index newsletter_of on newsletter (email);
";

/// What a person who knows the tables writes; `:c` is the customer.
pub(crate) const BY_HAND: [&str; 11] = [
    "delete from order_line where order_id in (select id from orders where customer_id = :c)",
    "delete from payment where order_id in (select id from orders where customer_id = :c)",
    "delete from orders where customer_id = :c",
    "delete from address where customer_id = :c",
    "update invoice set customer_id = null, name = null where customer_id = :c",
    "delete from visit where customer_id = :c",
    "delete from message where customer_id = :c",
    "delete from ticket where customer_id = :c",
    "delete from review where customer_id = :c",
    "delete from newsletter where email = (select email from customer where id = :c)",
    "delete from customer where id = :c",
];

/// The data map, as `maps/large.toml` of the settings.
pub(crate) fn map_text() -> String {
    let mut map = "source = \"large\"\n\
        [[root]]\ntable = \"customer\"\nkey = [\"id\"]\nidentities = { email = \"email\" }\ntreatment = \"delete\"\n"
        .to_owned();
    let mut way = |table: &str, from: &str, on: &str, rule: &str| {
        map += &format!(
            "[[table]]\nname = \"{table}\"\n[[table.way]]\nfrom = \"{from}\"\non = {{ {on} = \"id\" }}\n{rule}\n"
        );
    };
    let delete = "treatment = \"delete\"";
    for table in ["address", "orders", "visit", "message", "ticket", "review"] {
        way(table, "customer", "customer_id", delete);
    }
    let clear = "treatment = \"clear\"\nbasis = \"legal_obligation\"\nempty = [\"name\", \"customer_id\"]";
    way("invoice", "customer", "customer_id", clear);
    for table in ["order_line", "payment"] {
        way(table, "orders", "order_id", delete);
    }
    map += "[[table]]\nname = \"newsletter\"\n[[table.way]]\ncolumn = \"email\"\nequals = \"{email}\"\n\
            treatment = \"delete\"\n";
    map
}

pub(crate) fn map() -> DataMap {
    DataMap::read("maps/large.toml", &map_text()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

pub(crate) fn email(customer: i64) -> String {
    format!("customer.{customer}@example.test")
}

/// Makes the file.
pub(crate) fn build(path: &Path) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("pragma synchronous = off").unwrap();
    let transaction = db.transaction().unwrap();
    transaction.execute_batch(SCHEMA).unwrap();
    // The others stand on both sides, so that the rows of the one are not the end of every table.
    for customer in 2..=OTHERS / 2 {
        fill(&transaction, customer, OTHERS_ROWS);
    }
    fill(&transaction, LARGE, LARGE_ROWS);
    for customer in OTHERS / 2 + 1..=OTHERS + 1 {
        fill(&transaction, customer, OTHERS_ROWS);
    }
    transaction.commit().unwrap();
    db.execute_batch("analyze; pragma journal_mode = wal;").unwrap();
}

/// The same schema in PostgreSQL, and statements that fill it with as many rows.
pub(crate) fn postgres_script() -> String {
    let schema = SCHEMA
        .replace("integer primary key", "integer generated by default as identity primary key")
        .replace(" without rowid", "");
    let text = "'what a customer wrote or bought or looked at, number ' || n";
    let each = |percent: i64, less: i64| {
        let (large, other) = (LARGE_ROWS * percent / 100 - less, (OTHERS_ROWS * percent / 100).max(1) - less);
        format!(
            "from customer c, generate_series(1, case when c.id = {LARGE} then {large} else {other} end) n"
        )
    };
    let mut script = format!(
        "{schema}
        insert into customer select n, 'customer.' || n || '@example.test', 'customer ' || n, '+49 30 000000'
            from generate_series(1, {}) n;
        insert into newsletter (email, since) select email, '2024-05-06' from customer;
        insert into address (customer_id, line) select id, 'line of ' || id from customer;
        insert into orders (customer_id, placed_at) select c.id, '2024-05-06 07:08:09' {};
        insert into order_line select id, n, {text}, 1999 from orders, generate_series(1, 3) n;
        insert into payment (order_id, card) select id, 'card of order ' || id from orders;
        insert into invoice (customer_id, name, total) select c.id, {text}, 4900 {};",
        OTHERS + 1,
        each(10, 0),
        each(2, 0),
    );
    for (table, column, percent, less) in [
        ("message", "body", 12, 0),
        ("ticket", "question", 4, 0),
        ("review", "body", 2, 0),
        ("visit", "page", 30, 3),
    ] {
        script += &format!(
            "insert into {table} (customer_id, {column}) select c.id, {text} {};",
            each(percent, less)
        );
    }
    script
}

fn fill(db: &Connection, customer: i64, rows: i64) {
    let text = |n: i64| format!("what customer {customer} wrote or bought or looked at, number {n}");
    let one = |sql: &str, n: i64| {
        db.prepare_cached(sql).unwrap().execute(params![customer, text(n)]).unwrap();
    };
    db.prepare_cached("insert into customer values (?1, ?2, ?3, '+49 30 000000')")
        .unwrap()
        .execute(params![customer, email(customer), text(0)])
        .unwrap();
    db.prepare_cached("insert into newsletter (email, since) values (?1, '2024-05-06')")
        .unwrap()
        .execute([email(customer)])
        .unwrap();
    let orders = rows / 10;
    for n in 0..orders {
        one("insert into orders (customer_id, placed_at) values (?1, substr(?2, 1, 20))", n);
        let order = db.last_insert_rowid();
        for line in 1..=3 {
            db.prepare_cached("insert into order_line values (?1, ?2, ?3, 1999)")
                .unwrap()
                .execute(params![order, line, text(line)])
                .unwrap();
        }
        db.prepare_cached("insert into payment (order_id, card) values (?1, ?2)")
            .unwrap()
            .execute(params![order, text(n)])
            .unwrap();
    }
    one("insert into address (customer_id, line) values (?1, ?2)", 1);
    let share = |percent: i64| (rows * percent / 100).max(1);
    (0..share(2))
        .for_each(|n| one("insert into invoice (customer_id, name, total) values (?1, ?2, 4900)", n));
    (0..share(12)).for_each(|n| one("insert into message (customer_id, body) values (?1, ?2)", n));
    (0..share(4)).for_each(|n| one("insert into ticket (customer_id, question) values (?1, ?2)", n));
    (0..share(2)).for_each(|n| one("insert into review (customer_id, body) values (?1, ?2)", n));
    // Customer, newsletter and address are three more.
    (0..share(30) - 3).for_each(|n| one("insert into visit (customer_id, page) values (?1, ?2)", n));
}
