//! A role that is made by exactly the statements that are printed does everything, and the lack of one is named.

use countersign_connect::postgres::{Options, PostgresSource};
use countersign_core::receipt::ReceiptKey;
use countersign_service::ports::source::{Source, Stepped};

use crate::permit::{key, permit};
use crate::{Person, map, subject};

const SCHEMA: &str = "
    CREATE SCHEMA crm;
    CREATE TABLE person (id integer PRIMARY KEY, email text NOT NULL, born date);
    CREATE TABLE thing (id integer PRIMARY KEY, person_id integer NOT NULL REFERENCES person (id));
    CREATE TABLE crm.note (id integer PRIMARY KEY, person_id integer REFERENCES person (id), body text, by_name text);
    CREATE TABLE place (id integer PRIMARY KEY, one integer REFERENCES person (id), two integer REFERENCES person (id));
    CREATE TABLE friend (id integer PRIMARY KEY, of integer REFERENCES person (id));
    CREATE TABLE other (id integer PRIMARY KEY);
    INSERT INTO person VALUES (1, 'ana@example.test', '1980-02-03'), (2, 'ben@example.test', NULL);
    INSERT INTO thing VALUES (1, 1), (2, 1), (3, 2);
    INSERT INTO crm.note VALUES (1, 1, 'hers', 'ana'), (2, 2, 'his', 'ben');
    INSERT INTO place VALUES (1, 1, 2), (2, 1, NULL);
    INSERT INTO friend VALUES (1, 1), (2, 2);";

const MAP: &str = r#"
source = "shop"
chunk_rows = 1
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "delete"
[[table]]
name = "thing"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "delete"
[[table]]
name = "crm.note"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "clear"
basis = "law"
empty = ["body"]
replace = { by_name = "{pseudonym}" }
[[table]]
name = "place"
[[table.way]]
from = "person"
on = { one = "id" }
treatment = "keep-for-others"
[[table.way]]
from = "person"
on = { two = "id" }
treatment = "keep-for-others"
[[table]]
name = "friend"
[[table.way]]
from = "person"
on = { of = "id" }
treatment = "detach"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_printed_are_enough_and_the_lack_of_one_is_named() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    database.run(SCHEMA).unwrap();
    let map = map(MAP);
    let open = |url: String| {
        let pseudonyms = Some(countersign_connect::PseudonymKey::new([7; 32]));
        let schemas = vec!["public".to_owned(), "crm".to_owned()];
        PostgresSource::open("shop", Options { pseudonyms, schemas, ..Options::new(url) }).unwrap()
    };
    let owner = open(database.url());
    let mine = owner.rights(&map, None).await.unwrap();
    assert!(mine.beyond.iter().any(|it| it.contains("SUPERUSER")), "{:?}", mine.beyond);
    // A role of this database alone; roles are the whole server's.
    let role = format!(
        "least_{}",
        database.run("SELECT oid FROM pg_database WHERE datname = current_database()").unwrap().trim()
    );
    let least = owner.rights(&map, Some(&role)).await.unwrap().least;
    database.run(&format!("CREATE ROLE {role} LOGIN; {};", least.join(";"))).unwrap();
    let user = database.run("SELECT current_user").unwrap();
    let url = database.url().replace(&format!("//{}@", user.trim()), &format!("//{role}@"));
    assert!(url.contains(&role), "{url}");
    let source = open(url.clone());
    let has = source.rights(&map, None).await.unwrap();
    assert_eq!((has.lacks, has.beyond), (vec![], vec![]));
    for (statement, named) in [
        ("DELETE ON thing", "DELETE on `thing`"),
        ("UPDATE (by_name) ON crm.note", "UPDATE (by_name) on `crm.note`"),
        ("SELECT ON person", "SELECT on `person`"),
        ("DELETE ON countersign_receipt", "DELETE on \"public\".countersign_receipt"),
        ("USAGE ON SCHEMA crm", "USAGE on the schema `crm`"),
    ] {
        database.run(&format!("REVOKE {statement} FROM {role}")).unwrap();
        let has = open(url.clone()).rights(&map, None).await.unwrap();
        assert!(has.lacks.iter().any(|it| it == named), "{named} in {:?}", has.lacks);
        database.run(&format!("GRANT {statement} TO {role}")).unwrap();
    }
    database.run(&format!("GRANT TRUNCATE ON thing TO {role}; GRANT SELECT ON other TO {role}")).unwrap();
    let beyond = open(url.clone()).rights(&map, None).await.unwrap().beyond;
    assert_eq!(beyond, ["SELECT on `other`", "TRUNCATE on `thing`"]);
    let ana = subject(Person { name: "~ana~", key: "[\"1\"]" });
    assert!(source.survey(&map, &ana).await.is_ok());
    let (send, mut receive) = tokio::sync::mpsc::channel(100);
    assert!(source.export(&permit(1, "export", None), &map, &ana, send).await.unwrap().rows() > 4);
    receive.close();
    let mut key = ReceiptKey { chunk: 1, ..key(1) };
    let whole = loop {
        match source.erase(&permit(1, "erase", None), &key, &map, &ana).await.unwrap() {
            Stepped::Part(_) => key.chunk += 1,
            other => break other,
        }
    };
    assert!(matches!(whole, Stepped::Done(_)), "{whole:?}");
    assert_eq!(key.chunk, 4, "her two things went in parts, and the note");
    assert_eq!(source.left(&map, &ana).await.unwrap().rows(), 0);
    drop(source);
    database.run(&format!("DROP OWNED BY {role}")).unwrap();
}
