//! A source to act on: 11 tables with customers of stated sizes among many others with about 100 rows each. Two levels of
//! foreign keys, a soft link, and a table that is cleared and not deleted.

use std::ops::RangeInclusive;
use std::path::Path;

use countersign_service::settings::datamap::DataMap;
use rusqlite::{Connection, params};

/// How many others there are usually.
pub(crate) const OTHERS: i64 = 1_000;
const OTHERS_ROWS: i64 = 100;

/// Who is in it. Customers of stated sizes have the first numbers, from 1; the others follow.
pub(crate) struct Customers {
    /// How many rows each has, and how many of these there are.
    pub(crate) sized: Vec<(i64, i64)>,
    pub(crate) others: i64,
}

impl Customers {
    /// One with 100,000 rows and a thousand others.
    pub(crate) fn usual() -> Self {
        Self { sized: vec![(100_000, 1)], others: OTHERS }
    }

    /// Those of the size that stands at `place`.
    pub(crate) fn of_size(&self, place: usize) -> RangeInclusive<i64> {
        let before: i64 = self.sized[..place].iter().map(|(_, many)| many).sum();
        before + 1..=before + self.sized[place].1
    }

    fn all(&self) -> i64 {
        self.sized.iter().map(|(_, many)| many).sum::<i64>() + self.others
    }

    /// Numbers and rows of each size, the others last.
    fn groups(&self) -> Vec<(RangeInclusive<i64>, i64)> {
        let sized = self.sized.iter().enumerate().map(|(place, (rows, _))| (self.of_size(place), *rows));
        let others = self.all() - self.others + 1..=self.all();
        sized.chain([(others, OTHERS_ROWS)]).collect()
    }
}

/// How many rows a customer has in each table.
struct Share {
    orders: i64,
    invoices: i64,
    messages: i64,
    tickets: i64,
    reviews: i64,
    visits: i64,
}

impl Share {
    fn of(rows: i64) -> Self {
        let share = |percent: i64| (rows * percent / 100).max(1);
        Self {
            orders: share(10),
            invoices: share(2),
            messages: share(12),
            tickets: share(4),
            reviews: share(2),
            // Customer, newsletter and address are three more.
            visits: (share(30) - 3).max(0),
        }
    }
}

/// The rows of a customer: what was asked for, but for a few where that is very little.
pub(crate) fn rows(asked: i64) -> i64 {
    let share = Share::of(asked);
    // An order has three lines and a payment.
    3 + 5 * share.orders + share.invoices + share.messages + share.tickets + share.reviews + share.visits
}

const SCHEMA: &str = "
create table customer (id integer primary key, email text not null unique, name text not null, phone text);
create table address (id integer primary key, customer_id integer not null references customer (id), line text not null);
create table orders (id integer primary key, customer_id integer not null references customer (id), placed_at text not null);
create table order_line (order_id integer not null references orders (id), line_no integer not null, product text not null,
    price integer not null, primary key (order_id, line_no)) without rowid;
create table payment (id integer primary key, order_id integer not null references orders (id), card text not null);
create table invoice (id integer primary key, customer_id integer references customer (id), name text, total integer);
create table visit (id integer primary key, customer_id integer not null references customer (id), page text not null);
create table message (id integer primary key, customer_id integer not null references customer (id), body text not null);
create table ticket (id integer primary key, customer_id integer not null references customer (id), question text not null);
create table review (id integer primary key, customer_id integer not null references customer (id), body text not null);
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

/// The same for MariaDB, which reads the whole table where rows are deleted by those of another one.
pub(crate) const BY_HAND_IN_MARIADB: [&str; 2] = [
    "delete x from order_line x join orders o on o.id = x.order_id where o.customer_id = :c",
    "delete x from payment x join orders o on o.id = x.order_id where o.customer_id = :c",
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
pub(crate) fn build(path: &Path, customers: &Customers) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("pragma synchronous = off").unwrap();
    let transaction = db.transaction().unwrap();
    transaction.execute_batch(SCHEMA).unwrap();
    let mut groups = customers.groups();
    let (others, few) = groups.pop().unwrap();
    // Others stand on both sides, so that the rows of the sized ones are not the end of every table.
    let half = (others.start() + others.end()) / 2;
    (*others.start()..=half).for_each(|it| fill(&transaction, it, few));
    for (sized, rows) in groups {
        sized.for_each(|it| fill(&transaction, it, rows));
    }
    (half + 1..=*others.end()).for_each(|it| fill(&transaction, it, few));
    transaction.commit().unwrap();
    db.execute_batch("analyze; pragma journal_mode = wal;").unwrap();
}

/// The same in PostgreSQL.
pub(crate) fn postgres_script(customers: &Customers) -> String {
    let schema = SCHEMA
        .replace("integer primary key", "integer generated by default as identity primary key")
        .replace(" without rowid", "");
    let series = |many: i64| format!("(select generate_series(1, {many}) as seq) n");
    schema + &script(customers, series)
}

/// The same in MariaDB.
pub(crate) fn mariadb_script(customers: &Customers) -> String {
    let schema = SCHEMA
        .replace("integer primary key", "integer auto_increment primary key")
        .replace("email text", "email varchar(190)")
        .replace(" without rowid", "");
    let series = |many: i64| {
        if many > 0 { format!("seq_1_to_{many} n") } else { "(select 1 seq limit 0) n".to_owned() }
    };
    schema + &script(customers, series)
}

/// Fills the tables on the server; `series` gives so many rows with a number `n.seq`.
fn script(customers: &Customers, series: impl Fn(i64) -> String) -> String {
    let text = "'what a customer wrote or bought or looked at, number ' || n.seq";
    let mut script = format!(
        "insert into customer select n.seq, 'customer.' || n.seq || '@example.test', 'customer ' || n.seq, \
            '+49 30 000000' from {};
        insert into newsletter (email, since) select email, '2024-05-06' from customer;
        insert into address (customer_id, line) select id, 'line of ' || id from customer;",
        series(customers.all())
    );
    for (numbers, rows) in customers.groups() {
        let share = Share::of(rows);
        for (table, column, many) in [
            ("orders", "placed_at", share.orders),
            ("invoice", "name", share.invoices),
            ("message", "body", share.messages),
            ("ticket", "question", share.tickets),
            ("review", "body", share.reviews),
            ("visit", "page", share.visits),
        ] {
            script += &format!(
                "insert into {table} (customer_id, {column}) select c.id, {text} from customer c, {} \
                 where c.id between {} and {};",
                series(many),
                numbers.start(),
                numbers.end()
            );
        }
    }
    script
        + &format!(
            "insert into order_line select o.id, n.seq, {text}, 1999 from orders o, {};
            insert into payment (order_id, card) select id, 'card of order ' || id from orders;",
            series(3)
        )
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
    let share = Share::of(rows);
    for n in 0..share.orders {
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
    for (sql, many) in [
        ("insert into invoice (customer_id, name, total) values (?1, ?2, 4900)", share.invoices),
        ("insert into message (customer_id, body) values (?1, ?2)", share.messages),
        ("insert into ticket (customer_id, question) values (?1, ?2)", share.tickets),
        ("insert into review (customer_id, body) values (?1, ?2)", share.reviews),
        ("insert into visit (customer_id, page) values (?1, ?2)", share.visits),
    ] {
        (0..many).for_each(|n| one(sql, n));
    }
}
