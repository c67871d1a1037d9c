//! Rows that stay for a time after an erasure, and the map by which they go when it is over: first rows whose time is
//! shorter, with those that hang on them, last the subject's own row.

use countersign_service::ports::source::{RootKey, Stepped, Target};

use super::given::Given;

const DAY_MS: i64 = 86_400_000;

pub const SCHEMA: &str = "
CREATE TABLE client (
    id integer PRIMARY KEY,
    mail text NOT NULL UNIQUE,
    name text
);
CREATE TABLE bill (
    id integer PRIMARY KEY,
    client_id integer NOT NULL,
    total integer NOT NULL,
    {key FOREIGN KEY (client_id) REFERENCES client (id)}
);
CREATE TABLE bill_line (
    bill_id integer NOT NULL,
    no integer NOT NULL,
    what text,
    PRIMARY KEY (bill_id, no),
    {key FOREIGN KEY (bill_id) REFERENCES bill (id)}
);
CREATE TABLE contract (
    id integer PRIMARY KEY,
    client_id integer NOT NULL,
    words text,
    {key FOREIGN KEY (client_id) REFERENCES client (id)}
);
CREATE TABLE letter (
    id integer PRIMARY KEY,
    mail text
);
-- rows
INSERT INTO client VALUES (1, 'ana@example.test', 'Ana'), (2, 'ben@example.test', 'Ben');
INSERT INTO bill VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30);
INSERT INTO bill_line VALUES (1, 1, 'shoes'), (1, 2, 'socks'), (3, 1, 'hat');
INSERT INTO contract VALUES (1, 1, 'of Ana'), (2, 2, 'of Ben');
INSERT INTO letter VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
";

pub const MAP: &str = r#"
source = "shop"
[[root]]
table = "client"
key = ["id"]
identities = { email = "mail" }
treatment = "clear"
empty = ["name"]
replace = { mail = "erased-{key}@invalid.example" }
basis = "legal_obligation"
keep_for = "10d"
[[table]]
name = "bill"
[[table.way]]
from = "client"
on = { client_id = "id" }
treatment = "keep"
basis = "tax"
keep_for = "10d"
[[table]]
name = "bill_line"
[[table.way]]
from = "bill"
on = { bill_id = "id" }
treatment = "keep"
basis = "tax"
keep_for = "10d"
[[table]]
name = "contract"
[[table.way]]
from = "client"
on = { client_id = "id" }
treatment = "clear"
empty = ["words"]
basis = "limitation"
keep_for = "3d"
[[table]]
name = "letter"
[[table.way]]
column = "mail"
equals = "{mail}"
treatment = "delete"
"#;

fn ana() -> Target {
    let (table, key) = ("client".to_owned(), "[\"1\"]".to_owned());
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table, key }])
}

pub async fn what_was_kept_goes_when_its_time_is_over(mut given: Given) {
    let (map, rows) = (given.map.clone(), |given: &Given| {
        ["client", "bill", "bill_line", "contract", "letter"].map(|it| given.rows(it))
    });
    assert!(matches!(given.erase(1, &ana()).await, Stepped::Done(_)));
    assert_eq!(rows(&given), [2, 3, 3, 2, 1], "only the letter went");
    assert_eq!(given.number("SELECT count(*) FROM contract WHERE id = 1 AND words IS NULL"), 1);

    given.map = map.after(3 * DAY_MS);
    let plan = given.source.survey(&given.map, &ana()).await.unwrap();
    let deleted = plan.lines.iter().filter(|it| it.treatment.name() == "delete" && it.rows > 0);
    assert_eq!(deleted.map(|it| (&*it.table, it.rows)).collect::<Vec<_>>(), [("contract", 1)]);
    assert!(matches!(given.erase(2, &ana()).await, Stepped::Done(_)));
    assert_eq!(rows(&given), [2, 3, 3, 1, 1], "the contract's time was over");
    assert_eq!(given.left(&ana()).await, 0);

    given.map = map.after(10 * DAY_MS);
    assert!(matches!(given.erase(3, &ana()).await, Stepped::Done(_)));
    assert_eq!(rows(&given), [1, 1, 1, 1, 1], "all of Ana's is gone, and nothing of Ben's");
    assert_eq!(given.number("SELECT count(*) FROM client WHERE id = 2 AND name = 'Ben'"), 1);
    assert_eq!(given.left(&ana()).await, 0);
}
