//! What an account may and may not do, and the way to the server.

use countersign_core::receipt::ReceiptKey;

use super::*;

/// An account with these rights, and a source that logs in as it.
fn as_account(given: &Given, account: &str, grants: &[&str]) -> MysqlSource {
    let database = given.database.name();
    let mut sql = format!("CREATE USER {account}@'%' IDENTIFIED BY 'p%40ss/word';");
    for grant in grants {
        sql += &format!("GRANT {} TO {account}@'%';", grant.replace("DB", database));
    }
    given.database.run(&sql).unwrap();
    let url = given.database.url().replace("countersign@", &format!("{account}:p%2540ss%2Fword@"));
    MysqlSource::open("shop", Options::new(url)).unwrap()
}

/// As docs/howto/mariadb.md has them.
const LEAST: [&str; 3] = [
    "SELECT, INSERT, UPDATE, DELETE, TRIGGER, CREATE TEMPORARY TABLES ON DB.*",
    "CREATE ON DB.countersign_receipt",
    "PROCESS ON *.*",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_documented_are_enough() {
    let Some(given) = given("", "") else { return };
    let source = as_account(&given, &format!("{}_least", given.database.name()), &LEAST);
    let given = Given { source, ..given };
    assert!(
        given.findings().await.iter().all(|it| it.severity < Severity::Warning),
        "{:?}",
        given.findings().await
    );
    assert_eq!(given.rows(&ana()).await.len(), 3);
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.source.left(&given.map, &ana()).await.unwrap().rows(), 0);
}

/// Gives an account what the source says it needs, but for the rights on `without`.
fn grant(given: &Given, account: &str, least: &[String], without: &str) -> MysqlSource {
    let mut sql = format!("CREATE USER {account}@'%' IDENTIFIED BY 'p%40ss/word';");
    for statement in least.iter().filter(|it| without.is_empty() || !it.contains(without)) {
        sql += &format!("{statement};");
    }
    given.database.run(&sql).unwrap();
    let url = given.database.url().replace("countersign@", &format!("{account}:p%2540ss%2Fword@"));
    MysqlSource::open("shop", Options::new(url)).unwrap()
}

const KINDS: &str = "CREATE TABLE note (id int PRIMARY KEY, person_id bigint unsigned NULL, body varchar(100), by_name varchar(100),
        FOREIGN KEY (person_id) REFERENCES person (id));
    INSERT INTO note VALUES (1, 1, 'hers', '~ana~'), (2, 2, 'his', '~ben~');
    CREATE TABLE place (id int PRIMARY KEY, one bigint unsigned NULL, two bigint unsigned NULL,
        FOREIGN KEY (one) REFERENCES person (id), FOREIGN KEY (two) REFERENCES person (id));
    INSERT INTO place VALUES (1, 1, 2), (2, 1, NULL);";
const WAYS: &str = r#"
[[table]]
name = "note"
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
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_printed_are_enough_and_the_lack_of_one_is_named() {
    let pseudonyms = || Some(countersign_connect::PseudonymKey::new([7; 32]));
    let more = |url| Options { pseudonyms: pseudonyms(), ..Options::new(url) };
    let Some(mut given) = given_with(KINDS, WAYS, more) else { return };
    given.map = map(&format!("chunk_rows = 1\n{MAP}{WAYS}"));
    let name = given.database.name().to_owned();
    let to = |account: &str| format!("{account}@'%'");
    let account = format!("{name}_g");
    let rights = given.source.rights(&given.map, Some(&to(&account))).await.unwrap();
    assert!(!rights.beyond.is_empty(), "the one who made it all may do more");
    let plain = grant(&given, &account, &rights.least, "");
    let has = plain.rights(&given.map, None).await.unwrap();
    assert_eq!((has.lacks, has.beyond), (vec![], vec![]));
    for (n, (taken, named)) in
        [("`thing`", "DELETE, SELECT on"), ("PROCESS", "PROCESS on *.*"), ("`note`", ".note")]
            .into_iter()
            .enumerate()
    {
        let account = format!("{name}_{n}");
        let least = given.source.rights(&given.map, Some(&to(&account))).await.unwrap().least;
        let told = grant(&given, &account, &least, taken).rights(&given.map, None).await;
        let told = told.map_or_else(|it| it.to_string(), |it| it.lacks.join("; "));
        assert!(told.contains(named) || told.contains(&taken.replace('`', "")), "{taken}: {told}");
    }
    let url = given.database.url().replace("countersign@", &format!("{account}:p%2540ss%2Fword@"));
    given.source =
        MysqlSource::open("shop", Options { pseudonyms: pseudonyms(), ..Options::new(url) }).unwrap();
    let errors = given.errors().await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(given.rows(&ana()).await.len(), 6);
    let mut key = ReceiptKey { chunk: 1, ..key(1) };
    let whole = loop {
        match given.source.erase(&permit(1, "erase", None), &key, &given.map, &ana()).await.unwrap() {
            Stepped::Part(_) => key.chunk += 1,
            other => break other,
        }
    };
    assert!(matches!(whole, Stepped::Done(_)), "{whole:?}");
    assert_eq!(given.source.left(&given.map, &ana()).await.unwrap().rows(), 0);
    assert_eq!(given.number("SELECT count(*) FROM place"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_cannot_see_is_told() {
    let Some(given) = given("", "") else { return };
    let name = format!("{}_few", given.database.name());
    let source = as_account(&given, &name, &["SELECT, UPDATE, DELETE ON DB.*"]);
    let given = Given { source, ..given };
    assert!(given.tells("grant PROCESS").await && given.tells("grant TRIGGER").await);
    let refused = given.erase().await;
    assert!(matches!(&refused, Err(SourceError::Refused { .. })), "{refused:?}");
    assert_eq!(given.number("SELECT count(*) FROM person"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_a_database_that_an_account_has_no_rights_on_stops_it() {
    let Some(given) = given("", "") else { return };
    let (own, other) = (given.database.name().to_owned(), format!("{}_other", given.database.name()));
    given
        .database
        .run(&format!(
            "CREATE DATABASE {other}; CREATE TABLE {other}.`de-tail` (id int PRIMARY KEY, p bigint unsigned,
                FOREIGN KEY (p) REFERENCES {own}.person (id) ON DELETE CASCADE); INSERT INTO {other}.`de-tail` VALUES (1, 1)"
        ))
        .unwrap();
    let source = as_account(&given, &format!("{own}_half"), &LEAST);
    let given = Given { source, ..given };
    let refused = given.erase().await.unwrap_err().to_string();
    assert!(refused.contains(&format!("`{other}.de-tail` points to `person`")), "{refused}");
    assert_eq!(given.number(&format!("SELECT count(*) FROM {other}.`de-tail`")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_several_databases_are_mapped_together() {
    let Some(given) = given("", "") else { return };
    let (own, other) = (given.database.name().to_owned(), format!("{}_crm", given.database.name()));
    given
        .database
        .run(&format!(
            "CREATE DATABASE {other}; CREATE TABLE {other}.call_log (id int PRIMARY KEY, p bigint unsigned,
                FOREIGN KEY (p) REFERENCES {own}.person (id)); INSERT INTO {other}.call_log VALUES (1, 1), (2, 2)"
        ))
        .unwrap();
    let options = Options { schemas: vec![own, other.clone()], ..Options::new(given.database.url()) };
    let way = format!(
        "[[table]]\nname = \"{other}.call_log\"\n[[table.way]]\nfrom = \"person\"\non = {{ p = \"id\" }}\ntreatment = \"delete\"\n"
    );
    let source = MysqlSource::open("shop", options).unwrap();
    let given = Given { source, map: map(&format!("{MAP}{way}")), ..given };
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.database.run(&format!("SELECT id FROM {other}.call_log")).unwrap(), "2");
    let proposed = given.source.discover(Some("person")).await.unwrap();
    assert!(
        proposed.contains(&format!("name = \"{other}.call_log\"")) && proposed.contains("name = \"thing\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_certificate_or_not_talked_to() {
    let Some(given) = given("", "") else { return };
    let server = given.database.server();
    let account = format!("{}_tls", given.database.name());
    given
        .database
        .run(&format!("CREATE USER {account}@'%' REQUIRE SSL; GRANT ALL ON *.* TO {account}@'%'"))
        .unwrap();
    let url = |host: &str, more: &str| {
        let (port, name) = (server.port(), given.database.name());
        format!("mysql://{account}@{host}:{port}/{name}?ssl-mode=verify-identity{more}")
    };
    let ca = format!("&ssl-ca={}", server.certificate().display());
    let tried = async |url: String| {
        let source = MysqlSource::open("shop", Options::new(url)).unwrap();
        source.survey(&given.map, &ana()).await
    };
    let right = tried(url("localhost", &ca)).await;
    assert!(right.is_ok(), "{right:?}");
    assert!(tried(url("127.0.0.1", &format!("{ca}&ssl-name=localhost"))).await.is_ok());
    let unknown = tried(url("localhost", "")).await;
    assert!(
        matches!(&unknown, Err(SourceError::Refused { reason, .. }) if reason.contains("TLS")),
        "{unknown:?}"
    );
    let wrong_name = tried(url("127.0.0.1", &ca)).await;
    assert!(
        matches!(&wrong_name, Err(SourceError::Refused { reason, .. }) if reason.contains("TLS")),
        "{wrong_name:?}"
    );
    let plain = tried(url("127.0.0.1", "").replace("verify-identity", "disabled")).await;
    assert!(matches!(plain, Err(SourceError::Refused { .. })), "the account asks for TLS: {plain:?}");
}
