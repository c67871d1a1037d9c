//! First maps of real sources: what names do not say is said by a look at the first rows, and none of their values
//! stands in what comes of it.
#![allow(missing_docs, clippy::unwrap_used)]

use countersign_connect::{postgres, sqlite};
use countersign_service::ports::source::{Severity, Source};
use countersign_service::settings::DataMap;
use rusqlite::Connection;

/// A music shop as one often finds them, in names that say little.
const SCHEMA: &str = "
    CREATE TABLE client (id integer PRIMARY KEY, first_name varchar(40) NOT NULL, last_name varchar(20) NOT NULL,
        contact varchar(60) NOT NULL, ref1 varchar(30), ref2 varchar(30), ref3 varchar(40), origin varchar(40), d1 varchar(10),
        remarks text, since varchar(10), line1 varchar(70), reachable varchar(24), colour varchar(10));
    CREATE TABLE invoice (id integer PRIMARY KEY, client_id integer NOT NULL REFERENCES client (id), day varchar(10) NOT NULL,
        total integer NOT NULL, holder varchar(60));
    CREATE TABLE tip (id integer PRIMARY KEY, whose varchar(60), what text);
    CREATE TABLE track (id integer PRIMARY KEY, title varchar(60), length integer);";

/// Five rows, each value with something in it that is found nowhere else.
fn rows() -> String {
    let people = [
        ("Ana", "Zappelin", "1951-02-03", "4111111111111111", "078-05-1120"),
        ("Ben", "Quorxley", "1978-11-30", "5500000000000004", "219-09-9999"),
        ("Cleo", "Vimbrook", "1964-07-01", "340000000000009", "457-55-5462"),
        ("Dan", "Yolcastle", "1990-01-22", "30000000000004", "321-45-6789"),
        ("Eva", "Wrexmire", "1948-05-17", "6011000000000004", "123-45-6780"),
    ];
    let mut sql = String::new();
    for (n, (first, last, born, card, number)) in (1..).zip(people) {
        let mail = format!("{}.{}@mail.example", first.to_lowercase(), last.to_lowercase());
        sql += &format!(
            "INSERT INTO client VALUES ({n}, '{first}', '{last}', '{mail}', '{card}', '{number}', 'DE89370400440532013000', \
             '203.0.113.{n}', '{born}', 'ask {mail} about it', '2024-01-0{n}', '{n} Wuthering Street', '+49 30 98765{n}', 'teal');
             INSERT INTO invoice VALUES ({n}, {n}, '2024-02-0{n}', {n}00, '{first} {last}');
             INSERT INTO tip VALUES ({n}, '{mail}', 'x'); INSERT INTO track VALUES ({n}, 'Song number {n}', 200);"
        );
    }
    sql
}

fn says(text: &str) {
    // Comments are broken between words.
    let flat: String = text.lines().map(|it| it.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ");
    for said in [
        "`contact`: 5 of 5 values seen look like e-mail addresses, which its name does not say",
        "`ref1`: 5 of 5 values seen look like card numbers, which its name does not say",
        "`ref2`: 5 of 5 values seen look like government numbers",
        "`ref3`: 5 of 5 values seen look like bank accounts (IBAN)",
        "`origin`: 5 of 5 values seen look like IP addresses",
        "`d1`: 5 of 5 values seen look like dates of birth",
        "`line1`: 5 of 5 values seen look like postal addresses",
        "`reachable`: 5 of 5 values seen look like phone numbers",
        "DOUBT: `remarks`: 5 of 5 values seen mention an e-mail address",
        "the first 200 rows of each table",
    ] {
        assert!(flat.contains(said), "{said}\n{text}");
    }
    for silent in ["`since`:", "`colour`:", "`title`:", "no row was read"] {
        assert!(!flat.contains(silent), "{silent}\n{text}");
    }
    // Of invoices that stay, the holder goes; secrets are never disclosed; what looks like an e-mail names people.
    assert!(text.contains("never_disclose = [\"ref1\", \"ref2\"]"), "{text}");
    assert!(text.contains("email = \"contact\""), "{text}");
    assert!(
        text.contains("# column = \"whose\"\n# equals = \"{contact}\"")
            || text.contains("# equals = \"{contact}\""),
        "{text}"
    );
    for value in [
        "Zappelin",
        "Quorxley",
        "mail.example",
        "411111",
        "078-05",
        "203.0.113",
        "1951",
        "Wuthering",
        "98765",
        "teal",
        "Song",
    ] {
        assert!(!text.contains(value), "{value} stands in\n{text}");
    }
}

/// The map fits its source, and knows all of it.
async fn fits(source: &dyn Source, text: &str) {
    let map = DataMap::parse(text).unwrap_or_else(|mistakes| panic!("{}\n{text}", mistakes[0]));
    let findings = source.check(&map).await.unwrap();
    assert!(findings.iter().all(|it| it.severity < Severity::Drift), "{findings:?}\n{text}");
    assert_eq!(map.attributes().into_keys().collect::<Vec<_>>(), ["shop_drifted"]);
}

#[tokio::test]
async fn values_say_on_sqlite_what_names_do_not_and_are_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    Connection::open(&path).unwrap().execute_batch(&format!("{SCHEMA}{}", rows())).unwrap();
    let source = sqlite::SqliteSource::open("shop", sqlite::Options::new(&path)).unwrap();
    let text = source.discover(None).await.unwrap();
    says(&text);
    fits(&source, &text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_say_on_postgres_what_names_do_not_and_are_not_repeated() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    database.run(&format!("{SCHEMA}{}", rows())).unwrap();
    let source = postgres::PostgresSource::open("shop", postgres::Options::new(database.url())).unwrap();
    let text = source.discover(None).await.unwrap();
    says(&text);
    fits(&source, &text).await;
    // A role that may not read a table learns its names alone.
    let role = format!("reader_{}", database.name());
    database
        .run(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON invoice, tip, track TO {role}"))
        .unwrap();
    let url = database.url().replace("countersign@", &format!("{role}@"));
    let source = postgres::PostgresSource::open("shop", postgres::Options::new(url)).unwrap();
    let text = source.discover(Some("client")).await.unwrap();
    assert!(!text.contains("`ref1`: ") && text.contains("`whose`: 5 of 5"), "{text}");
}

#[tokio::test]
async fn the_sample_shop_is_discovered_without_a_word_of_its_people() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    countersign_shop::build(&path, countersign_shop::Scale::SMALL, &mut |_, _| {}).unwrap();
    let source = sqlite::SqliteSource::open("shop", sqlite::Options::new(&path)).unwrap();
    let text = source.discover(None).await.unwrap();
    fits(&source, &text).await;
    assert!(text.contains("`email`: 200 of 200 values seen look like e-mail addresses"), "{text}");
    let connection = Connection::open(&path).unwrap();
    for (table, column) in
        [("customer", "email"), ("customer", "phone"), ("customer", "name"), ("address", "street")]
    {
        let mut statement =
            connection.prepare(&format!("SELECT DISTINCT {column} FROM {table} LIMIT 500")).unwrap();
        let values = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        for value in values.filter_map(Result::unwrap).filter(|it| it.len() > 3) {
            assert!(!text.contains(&value), "a value of {table}.{column} stands there");
        }
    }
}
