//! Three people of a family are erased, in each of the six orders, by the real binary on a database full of what people
//! share: addresses, letters with two ends, orders paid with somebody else's card, documents that several wrote, a log
//! that names them in its own words, invoices that stay by law. After each erasure every table has what a list made
//! by hand says, and nothing of the fourth, who stays, is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use countersign_client::Client;
use countersign_client::view::{Ballot, Choice, Submission};
use rusqlite::Connection;

use crate::node::Node;

const ORDERS: [[i64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

/// Each family has people 1 to 4; `10 * family + n` is a number of its own.
const FAMILY: &str = "
insert into person values (:f1, :f || '.1@example.test', 'Ana'), (:f2, :f || '.2@example.test', 'Ben'),
    (:f3, :f || '.3@example.test', 'Cleo'), (:f4, :f || '.4@example.test', 'Dan');
insert into address select :f || i, 'line' from (select 1 i union select 2 union select 3 union select 4);
insert into lives values (:f1, :f1), (:f2, :f1), (:f1, :f2), (:f2, :f2), (:f3, :f2), (:f3, :f3), (:f3, :f4), (:f4, :f4);
insert into letter values (:f1, :f1, :f2, 'l'), (:f2, :f2, :f3, 'l'), (:f3, :f3, :f4, 'l'), (:f4, :f1, :f4, 'l');
insert into card values (:f1, :f1), (:f2, :f2), (:f4, :f4);
insert into orders values (:f1, :f1, :f2), (:f2, :f2, :f2), (:f3, :f4, :f1), (:f4, :f3, :f4);
insert into document select :f || i, 'text' from (select 1 i union select 2 union select 3 union select 4);
insert into author values (:f1, :f1), (:f1, :f3), (:f2, :f2), (:f3, :f1), (:f3, :f2), (:f3, :f3), (:f4, :f3), (:f4, :f4);
insert into log (who) values ('person:' || :f1), ('person:' || :f2), ('person:' || :f3), ('person:' || :f4);
insert into invoice values (:f1, :f1, 'Ana'), (:f2, :f2, 'Ben'), (:f3, :f3, 'Cleo'), (:f4, :f4, 'Dan');
";

const SCHEMA: &str = "
create table person (id integer primary key, email text not null unique, name text);
create table address (id integer primary key, line text);
create table lives (person_id integer not null references person, address_id integer not null references address,
    primary key (person_id, address_id));
create table letter (id integer primary key, from_id integer references person, to_id integer references person, body text);
create table card (id integer primary key, person_id integer not null references person);
create table orders (id integer primary key, person_id integer not null references person, card_id integer references card);
create table document (id integer primary key, body text);
create table author (document_id integer not null references document, person_id integer not null references person,
    primary key (document_id, person_id));
create table log (id integer primary key, who text not null);
create table invoice (id integer primary key, person_id integer references person, name text);
";

const MAP: &str = r#"source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "lives"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "address"
[[table.way]]
from = "lives"
on = { id = "address_id" }
treatment = "keep-for-others"
[[table]]
name = "letter"
[[table.way]]
from = "person"
on = { from_id = "id" }
treatment = "keep-for-others"
[[table.way]]
from = "person"
on = { to_id = "id" }
treatment = "keep-for-others"
[[table]]
name = "card"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "orders"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table.way]]
from = "card"
on = { card_id = "id" }
treatment = "detach"
[[table]]
name = "author"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "document"
[[table.way]]
from = "author"
on = { id = "document_id" }
treatment = "keep-for-others"
[[table]]
name = "log"
[[table.way]]
column = "who"
equals = "person:{id}"
treatment = "delete"
[[table]]
name = "invoice"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "clear"
basis = "legal_obligation"
empty = ["name", "person_id"]
"#;

type Rows = BTreeSet<String>;

/// What is to be there of a family once these of it are erased, table by table.
fn expected(family: i64, erased: &BTreeSet<i64>) -> BTreeMap<&'static str, Rows> {
    let id = |n: i64| 10 * family + n;
    let lives = |n: &i64| !erased.contains(n);
    let or_null = |n: i64| if lives(&n) { id(n).to_string() } else { "-".to_owned() };
    let owned = |owners: &[(i64, &[i64])]| -> Rows {
        let stays = |(_, people): &&(i64, &[i64])| people.iter().any(lives);
        owners.iter().filter(stays).map(|(row, _)| id(*row).to_string()).collect()
    };
    let pairs = |pairs: &[(i64, i64)], person: fn(&(i64, i64)) -> i64| -> Rows {
        let stay = pairs.iter().filter(|pair| lives(&person(pair)));
        stay.map(|(one, other)| format!("{} {}", id(*one), id(*other))).collect()
    };
    let letters = [(1, 1, 2), (2, 2, 3), (3, 3, 4), (4, 1, 4)];
    let orders = [(1, 1, 2), (2, 2, 2), (3, 4, 1), (4, 3, 4)];
    let everybody = 1..=4;
    BTreeMap::from([
        ("person", everybody.clone().filter(lives).map(|n| id(n).to_string()).collect()),
        (
            "lives",
            pairs(&[(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3), (3, 4), (4, 4)], |(person, _)| *person),
        ),
        ("address", owned(&[(1, &[1, 2]), (2, &[1, 2, 3]), (3, &[3]), (4, &[3, 4])])),
        (
            "letter",
            letters
                .iter()
                .filter(|(_, from, to)| lives(from) || lives(to))
                .map(|(row, from, to)| format!("{} {} {}", id(*row), or_null(*from), or_null(*to)))
                .collect(),
        ),
        ("card", [1, 2, 4].iter().filter(|n| lives(n)).map(|n| id(*n).to_string()).collect()),
        (
            "orders",
            orders
                .iter()
                .filter(|(_, person, _)| lives(person))
                .map(|(row, person, card)| format!("{} {} {}", id(*row), id(*person), or_null(*card)))
                .collect(),
        ),
        ("document", owned(&[(1, &[1, 3]), (2, &[2]), (3, &[1, 2, 3]), (4, &[3, 4])])),
        (
            "author",
            pairs(&[(1, 1), (1, 3), (2, 2), (3, 1), (3, 2), (3, 3), (4, 3), (4, 4)], |(_, person)| *person),
        ),
        ("log", everybody.clone().filter(lives).map(|n| format!("person:{}", id(n))).collect()),
        (
            "invoice",
            everybody
                .map(|n| {
                    let name = ["", "Ana", "Ben", "Cleo", "Dan"][n as usize];
                    format!("{} {} {}", id(n), or_null(n), if lives(&n) { name } else { "-" })
                })
                .collect(),
        ),
    ])
}

/// What is there. The family of a row is that of the first number in it.
fn found(shop: &Connection, family: i64) -> BTreeMap<&'static str, Rows> {
    let columns = [
        ("person", "id"),
        ("lives", "person_id || ' ' || address_id"),
        ("address", "id"),
        ("letter", "id || ' ' || coalesce(from_id, '-') || ' ' || coalesce(to_id, '-')"),
        ("card", "id"),
        ("orders", "id || ' ' || person_id || ' ' || coalesce(card_id, '-')"),
        ("document", "id"),
        ("author", "document_id || ' ' || person_id"),
        ("log", "who"),
        ("invoice", "id || ' ' || coalesce(person_id, '-') || ' ' || coalesce(name, '-')"),
    ];
    let of = |table: &str, columns: &str| -> Rows {
        let sql = format!("select cast({columns} as text) from {table}");
        let mut rows = shop.prepare(&sql).unwrap();
        let all = rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        let ours = |row: &String| {
            let number = row.trim_start_matches("person:").split(' ').next().unwrap();
            number.parse::<i64>().unwrap() / 10 == family
        };
        all.filter(ours).collect()
    };
    columns.map(|(table, columns)| (table, of(table, columns))).into()
}

fn plant(node: &Node) {
    std::fs::remove_file(node.shop()).unwrap();
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch(SCHEMA).unwrap();
    for family in 1..=ORDERS.len() {
        let mut script = FAMILY.to_owned();
        for n in 1..=4 {
            script = script.replace(&format!(":f{n}"), &format!("{family}{n}"));
        }
        shop.execute_batch(&script.replace(":f", &format!("'{family}'"))).unwrap();
    }
    std::fs::write(node.folder().join("settings/maps/shop.toml"), MAP).unwrap();
    // The sample settings purge tables of the sample shop.
    let settings = node.folder().join("settings/settings.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let kept = text.split("[schedules").next().unwrap();
    std::fs::write(settings, kept).unwrap();
}

pub(crate) async fn erase(desk: &Client, officer: &Client, operator: &Client, email: &str) {
    let asked = Submission {
        action: "erase".to_owned(),
        subject: BTreeMap::from([("email".to_owned(), email.to_owned())]),
        ..Submission::default()
    };
    let id = desk.submit(&asked, None).await.unwrap().id;
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut voted = false;
    loop {
        let request = operator.request(&id).await.unwrap();
        if request.status == "completed" {
            assert_eq!(request.result.unwrap().left, [], "something is left of {email}");
            return;
        }
        if let Some(digest) = request.digest.filter(|_| !voted) {
            let ballot = Ballot {
                vote: Choice::Approve,
                seat: "privacy".to_owned(),
                digest: Some(digest),
                ceiling: None,
                reason: None,
            };
            officer.vote(&id, &ballot).await.unwrap();
            voted = true;
        }
        assert!(Instant::now() < deadline, "{email} is {}", request.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn in_every_order_each_table_has_what_is_left_of_those_who_stay() {
    let mut node = Node::prepare(5, plant);
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (desk, officer, operator) =
        (node.client("desk"), node.client("olga-officer"), node.client("opal-operator"));
    let shop = Connection::open(node.shop()).unwrap();
    let families: Vec<i64> = (1..).take(ORDERS.len()).collect();
    let mut erased: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for turn in 0..3 {
        for (family, order) in families.iter().zip(ORDERS) {
            let person = order[turn];
            runtime.block_on(erase(&desk, &officer, &operator, &format!("{family}.{person}@example.test")));
            erased.entry(*family).or_default().insert(person);
            for other in &families {
                let gone = erased.get(other).cloned().unwrap_or_default();
                assert_eq!(found(&shop, *other), expected(*other, &gone), "family {other} without {gone:?}");
            }
        }
    }
}
