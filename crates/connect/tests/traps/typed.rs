//! Values that say less, in the types that PostgreSQL has for them; pseudonyms where a column compares texts in its own
//! way, or there are more of them than go into one batch.

use countersign_connect::PseudonymKey;
use countersign_connect::postgres::{Options, PostgresSource};
use countersign_service::ports::source::{RootKey, Severity, Source, Stepped, Target};

use super::map;
use super::permit::{key, permit};

const SCHEMA: &str = "
    CREATE DOMAIN birthday AS date CHECK (VALUE > '1800-01-01');
    CREATE COLLATION anyhow (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL, born birthday NOT NULL, at timestamptz, local timestamp(3),
        ip inet NOT NULL, net cidr, six inet, nick text COLLATE anyhow, code char(40), hour time);
    CREATE TABLE visit (id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES person (id), device text NOT NULL);
    INSERT INTO person VALUES
        (1, 'ana@x', '1980-06-07', '2020-01-01 00:30+01', 'infinity', '203.0.113.77/16', '203.0.113.77/32', '2001:db8:1:2::3', 'Ana', 'ab', '10:00'),
        (2, 'ben@x', '1981-06-07', '2020-06-01 00:30+01', NULL, '203.0.113.77', NULL, NULL, 'ANA', 'ab', '10:00');
    INSERT INTO visit SELECT n, 1, 'device-' || n % 2500 FROM generate_series(1, 5000) AS n;
    INSERT INTO visit VALUES (5001, 2, 'device-7'), (5002, 1, 'DEVICE-7'), (5003, 1, repeat('x', 100000)), (5004, 1, '');";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["id"]
identities = { email = "email" }
treatment = "clear"
replace = { email = "{pseudonym}", born = { generalise = "year" }, at = { generalise = "year" }, local = { generalise = "year" }, ip = { generalise = "network" }, net = { generalise = "network" }, six = { generalise = "network" }, nick = "{pseudonym}", code = "c-{pseudonym}" }
[[table]]
name = "visit"
[[table.way]]
from = "person"
on = { person_id = "id" }
treatment = "clear"
basis = "security"
replace = { device = "{pseudonym}" }
"#;

fn person(id: u8) -> Target {
    let key = format!("[\"{id}\"]");
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "person".to_owned(), key }])
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_dates_and_addresses_are_generalised_and_thousands_of_values_become_pseudonyms() {
    let Some(database) = countersign_testing::postgres::database_or_skip() else { return };
    database.run(SCHEMA).unwrap();
    let options = Options { pseudonyms: Some(PseudonymKey::new([7; 32])), ..Options::new(database.url()) };
    let source = PostgresSource::open("shop", options).unwrap();
    let map_of = map(MAP);
    let findings = source.check(&map_of).await.unwrap();
    assert!(findings.iter().all(|it| it.severity < Severity::Error), "{findings:?}");
    let erase = async |id: u8| source.erase(&permit(id, "erase", None), &key(id), &map_of, &person(id)).await;
    let others = "SELECT * FROM person WHERE id = 2";
    let before = database.run(others).unwrap();
    assert!(matches!(erase(1).await, Ok(Stepped::Done(_))));
    assert_eq!(source.left(&map_of, &person(1)).await.unwrap().rows(), 0);
    assert_eq!(database.run(others).unwrap(), before);
    let row = "SELECT born, at AT TIME ZONE 'UTC', local, ip, net, six, length(email), length(nick), length(code), hour \
               FROM person WHERE id = 1";
    assert_eq!(
        database.run(row).unwrap().trim(),
        "1980-01-01|2019-01-01 00:00:00|infinity|203.0.0.0/16|203.0.113.0/24|2001:db8:1::/48|32|32|34|10:00:00"
    );
    let number = |sql: &str| database.run(sql).unwrap().trim().to_owned();
    assert_eq!(number("SELECT count(DISTINCT device) FROM visit WHERE person_id = 1"), "2503");
    assert_eq!(number("SELECT count(*) FROM visit WHERE person_id = 1 AND device !~ '^[0-9a-f]{32}$'"), "0");
    assert!(matches!(erase(2).await, Ok(Stepped::Done(_))));
    assert_eq!(
        number("SELECT count(*) FROM visit WHERE device = (SELECT device FROM visit WHERE id = 5001)"),
        "3"
    );
    assert_eq!(number("SELECT count(DISTINCT nick COLLATE \"C\") FROM person"), "2", "as texts they are two");
    assert_eq!(number("SELECT count(DISTINCT code) FROM person"), "1");

    for (right, wrong, told) in [
        ("code = \"c-{pseudonym}\"", "hour = { generalise = \"year\" }", "cannot be generalised to a year"),
        ("code = \"c-{pseudonym}\"", "hour = \"{pseudonym}\"", "cannot hold a pseudonym"),
        ("code = \"c-{pseudonym}\"", "code = \"more-than-{pseudonym}\"", "too short for a pseudonym of 42"),
        (
            "born = { generalise = \"year\" }",
            "born = { generalise = \"network\" }",
            "cannot be generalised to a network",
        ),
    ] {
        let findings = source.check(&map(&MAP.replace(right, wrong))).await.unwrap();
        let found = findings.iter().any(|it| it.severity == Severity::Error && it.message.contains(told));
        assert!(found, "{wrong}: {findings:?}");
    }
}
