//! Keys by which the database itself acts or that stand in each other's way, and a root without any.

use countersign_core::plan::Counts;
use countersign_core::receipt::Outcome;
use countersign_service::ports::source::{RootKey, Severity, SourceError, Stepped, Target};

use super::given::{Engine, Given, map};
use super::permit::{key, permit};

/// Folders of which the top one is its own parent.
pub const TREE: &str = "
CREATE TABLE person (
    id integer PRIMARY KEY,
    mail text NOT NULL
);
CREATE TABLE folder (
    id integer PRIMARY KEY,
    owner integer NOT NULL,
    parent integer NOT NULL,
    {key FOREIGN KEY (owner) REFERENCES person (id),}
    {key FOREIGN KEY (parent) REFERENCES folder (id) ON DELETE CASCADE}
);
-- rows
INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
INSERT INTO folder VALUES (1, 1, 1), (2, 1, 1), (3, 1, 2), (4, 2, 4);
";

pub const TREE_MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "mail" }
treatment = "delete"
[[table]]
name = "folder"
[[table.way]]
from = "person"
on = { owner = "id" }
treatment = "delete"
"#;

/// Badges that point to a pointer.
pub const POINTER: &str = "
CREATE TABLE person (
    id integer PRIMARY KEY,
    mail text NOT NULL
);
CREATE TABLE profile (
    id integer PRIMARY KEY,
    person_id integer UNIQUE,
    bio text,
    {key FOREIGN KEY (person_id) REFERENCES person (id)}
);
CREATE TABLE badge (
    id integer PRIMARY KEY,
    profile_person integer,
    {key FOREIGN KEY (profile_person) REFERENCES profile (person_id) ON UPDATE CASCADE}
);
-- rows
INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
INSERT INTO profile VALUES (1, 1, 'Ana'), (2, 2, 'Ben');
INSERT INTO badge VALUES (1, 1), (2, 1), (3, 2);
";

pub const POINTER_MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "mail" }
treatment = "delete"
[[table]]
name = "profile"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "clear"
empty = ["bio"]
[[table]]
name = "badge"
[[table.way]]
from = "profile"
on = { profile_person = "person_id" }
treatment = "delete"
"#;

/// Visits with one column that points to two tables, of which the map follows one.
pub const TWICE: &str = "
CREATE TABLE person (
    id integer PRIMARY KEY,
    mail text NOT NULL
);
CREATE TABLE profile (
    id integer PRIMARY KEY,
    {key FOREIGN KEY (id) REFERENCES person (id)}
);
CREATE TABLE visit (
    id integer PRIMARY KEY,
    person_id integer,
    {key FOREIGN KEY (person_id) REFERENCES person (id),}
    {key FOREIGN KEY (person_id) REFERENCES profile (id)}
);
-- rows
INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
INSERT INTO profile VALUES (1), (2);
INSERT INTO visit VALUES (1, 1), (2, 1), (3, 2);
";

pub const TWICE_MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "mail" }
treatment = "delete"
[[table]]
name = "profile"
[[table.way]]
from = "person"
on = { id = "id" }
treatment = "delete"
[[table]]
name = "visit"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
"#;

/// A root whose rows have a unique value or none.
pub const NAMELESS: &str = "
CREATE TABLE person (
    mail text UNIQUE,
    name text
);
CREATE TABLE letter (
    id integer PRIMARY KEY,
    mail text
);
-- rows
INSERT INTO person VALUES ('ana@example.test', 'Ana'), ('ben@example.test', 'Ben');
INSERT INTO letter VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
";

pub const NAMELESS_MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["mail"]
identities = { email = "mail" }
treatment = "delete"
[[table]]
name = "letter"
[[table.way]]
column = "mail"
equals = "{mail}"
treatment = "delete"
"#;

fn person(key: &str) -> Target {
    let (table, key) = ("person".to_owned(), format!("[\"{key}\"]"));
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table, key }])
}

fn touched(stepped: Stepped) -> Counts {
    let Stepped::Done(receipt) = stepped else { panic!("not done: {stepped:?}") };
    let Outcome::Done { touched } = receipt.outcome else { panic!("void") };
    touched
}

/// An engine does not tell of rows that it takes along: what was signed holds for them too.
pub async fn rows_that_a_deletion_takes_along_are_counted(given: Given) {
    let ana = person("1");
    let plan = given.source.survey(&given.map, &ana).await.unwrap();
    let mut signed = Counts::default();
    plan.lines.iter().for_each(|it| signed.add("shop", &it.table, it.rows));
    assert_eq!(signed.of("shop", "folder"), 3);
    given.run("INSERT INTO folder VALUES (5, 1, 1)");
    let stepped = given.erase_within(1, &ana, Some(signed.clone())).await;
    let Stepped::Beyond { counted } = stepped else { panic!("it ran: {stepped:?}") };
    assert_eq!(counted.of("shop", "folder"), 4);
    assert_eq!((given.rows("person"), given.rows("folder")), (2, 5));
    let touched = touched(given.erase_within(1, &ana, Some(signed.ceiling())).await);
    assert_eq!(touched.of("shop", "folder"), 4, "the receipt says all of them");
    assert_eq!((given.rows("person"), given.rows("folder")), (1, 1));
    assert_eq!(given.left(&ana).await, 0);
}

/// The database would empty the badges' pointers with it, and no badge would be found.
pub async fn a_pointer_that_others_point_to_is_not_emptied(mut given: Given) {
    let ana = person("1");
    let findings = given.source.check(&given.map).await.unwrap();
    let told = findings.iter().find(|it| it.severity == Severity::Error).map(|it| &*it.message);
    assert!(told.is_some_and(|it| it.starts_with("`profile`.`person_id` is emptied")), "{told:?}");
    let refused = given.source.survey(&given.map, &ana).await;
    assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");

    // Profiles that go keep their pointer until then.
    let cleared = "treatment = \"clear\"\nempty = [\"bio\"]";
    given.map = map(&POINTER_MAP.replace(cleared, "treatment = \"delete\""));
    assert_eq!(touched(given.erase(1, &ana).await).of("shop", "badge"), 2);
    assert_eq!((given.rows("person"), given.rows("profile"), given.rows("badge")), (1, 1, 1));
}

/// What points to a row that goes is emptied, and it is what the row itself is found by.
pub async fn a_row_goes_although_its_pointer_was_emptied_before(given: Given) {
    let ana = person("1");
    assert_eq!(touched(given.erase(1, &ana).await).of("shop", "visit"), 2);
    assert_eq!((given.rows("person"), given.rows("profile"), given.rows("visit")), (1, 1, 1));
    assert_eq!(given.number("SELECT count(*) FROM visit WHERE id = 3 AND person_id = 2"), 1);
    assert_eq!(given.left(&ana).await, 0);
}

pub async fn a_root_row_that_nothing_names_is_refused(given: Given) {
    let ana = person("ana@example.test");
    // In SQLite every row has a number.
    if !matches!(given.engine(), Engine::Sqlite(_)) {
        let findings = given.source.check(&given.map).await.unwrap();
        let told = findings.iter().find(|it| it.severity == Severity::Error).map(|it| &*it.message);
        assert!(told.is_some_and(|it| it.starts_with("`person` has no primary key")), "{told:?}");
        let refused = given.source.erase(&permit(1, "erase", None), &key(1), &given.map, &ana).await;
        assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");
        assert_eq!((given.rows("person"), given.rows("letter")), (2, 2));
        given.run("ALTER TABLE person ADD PRIMARY KEY (mail)");
    }
    assert_eq!(touched(given.erase(1, &ana).await).of("shop", "person"), 1);
    assert_eq!((given.rows("person"), given.rows("letter")), (1, 1));
}
