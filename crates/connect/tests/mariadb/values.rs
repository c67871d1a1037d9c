//! Values that are not what they seem: numbers beyond signed ones, bits, dates that are none, bytes, JSON, letters
//! beyond the plane; and what clearing makes of a column of each type.

use super::*;

const EVERYTHING: &str = "CREATE TABLE everything (
        id binary(16) PRIMARY KEY,
        person_id bigint unsigned NOT NULL,
        big bigint unsigned, tiny tinyint(1), flag bit(1), mask bit(64), price decimal(10,2), ratio float, exact_ratio double,
        born date, at datetime(3), stamp timestamp NULL, length time, y year,
        mood enum('gone', 'calm', 'loud'), moods set('a', 'b'), doc json, code uuid, address inet6, place point,
        latin varchar(20) CHARACTER SET latin1, emoji varchar(20), raw varbinary(20), long_text longtext,
        twice int GENERATED ALWAYS AS (tiny * 2) STORED, once int AS (tiny + 1) VIRTUAL,
        changed timestamp NOT NULL DEFAULT '2020-01-01' ON UPDATE current_timestamp,
        FOREIGN KEY (person_id) REFERENCES person (id));
    SET sql_mode = '';
    INSERT INTO everything (id, person_id, big, tiny, flag, mask, price, ratio, exact_ratio, born, at, stamp, length, y, mood,
        moods, doc, code, address, place, latin, emoji, raw, long_text) VALUES
        (UNHEX('00FF0102030405060708090A0B0C0D0E'), 1, 18446744073709551615, 1, b'1', 18446744073709551615, 1.10, 0.1, 0.1,
         '0000-00-00', '2026-02-03 04:05:06.789', '0000-00-00 00:00:00', '-838:59:59', 1999, 'loud', 'a,b',
         '{\"n\": \"~ana~\"}', '123e4567-e89b-12d3-a456-426655440000', '::1', POINT(1, 2), 'ä€', '👩‍👩‍👧', x'00ff', 'x'),
        (UNHEX('00FF0102030405060708090A0B0C0D0F'), 2, 1, 0, b'0', 0, 0, 0, 0, '2000-01-01', '2026-01-01', '2026-01-01', '01:00:00',
         2000, 'calm', 'a', '[]', '123e4567-e89b-12d3-a456-426655440001', '::2', POINT(1, 2), 'b', 'b', x'01', 'y');";

const WAY: &str =
    "[[table]]\nname = \"everything\"\n[[table.way]]\nfrom = \"person\"\non = { person_id = \"id\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_handed_out_as_it_is() {
    let Some(given) = given(EVERYTHING, &format!("{WAY}treatment = \"delete\"\n")) else { return };
    let rows = given.rows(&ana()).await;
    let row = rows.iter().find(|it| it.len() > 20).unwrap();
    let text = |it: &str| Value::Text(it.to_owned());
    let id = vec![0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    let expected = [
        Value::Bytes(id),
        Value::Int(1),
        text("18446744073709551615"),
        Value::Bool(true),
        Value::Int(1),
        text("18446744073709551615"),
        text("1.10"),
        Value::Real(0.1),
        Value::Real(0.1),
        text("0000-00-00"),
        text("2026-02-03 04:05:06.789"),
        text("0000-00-00 00:00:00"),
        text("-838:59:59"),
        Value::Int(1999),
        text("loud"),
        text("a,b"),
        Value::Json("{\"n\": \"~ana~\"}".to_owned()),
        text("123e4567-e89b-12d3-a456-426655440000"),
        text("::1"),
        text("POINT(1 2)"),
        text("ä€"),
        text("👩‍👩‍👧"),
        Value::Bytes(vec![0, 0xff]),
        text("x"),
        Value::Int(2),
        Value::Int(2),
        text("2020-01-01 00:00:00"),
    ];
    for (at, (found, expected)) in row.iter().zip(&expected).enumerate() {
        assert!(found == expected, "column {at}");
    }
    assert_eq!(row.len(), expected.len());
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.number("SELECT count(*) FROM everything"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_can_be_cleared_and_is_seen_to_be() {
    let ways = format!(
        "{WAY}treatment = \"clear\"\nbasis = \"tax_law\"\nempty = [\"length\", \"place\"]\nreplace = {{ big = 18, tiny = false, flag = 0, \
         mask = 3, price = 0, ratio = 0.1, exact_ratio = 0.1, born = \"1900-01-01\", at = \"1900-01-01\", \
         stamp = \"1970-01-02\", y = 1970, mood = \"gone\", moods = \"b\", doc = \"[]\", \
         code = \"00000000-0000-0000-0000-000000000000\", address = \"::\", latin = \"gelöscht {{big}}\", emoji = \"\", \
         raw = \"-\", long_text = \"{{key}}\" }}\n"
    )
    .replace("{big}", "");
    let map_text = MAP.replacen(
        "treatment = \"delete\"",
        "treatment = \"clear\"\nempty = [\"name\"]\nreplace = { email = \"-{key}\" }",
        1,
    );
    let Some(given) = given(EVERYTHING, "") else { return };
    let given = Given { map: map(&format!("{map_text}{ways}")), ..given };
    assert_eq!(given.errors().await, [""; 0]);
    assert!(given.tells("`changed` is set to the time of each change").await);
    let done = given.erase().await;
    assert!(matches!(done, Ok(Stepped::Done(_))), "{done:?}");
    assert_eq!(given.source.left(&given.map, &ana()).await.unwrap().rows(), 0);
    let cleared = "SELECT count(*) FROM everything WHERE big = 18 AND tiny = 0 AND mask = 3 AND price = 0 AND born = '1900-01-01' \
        AND mood = 'gone' AND moods = 'b' AND doc = '[]' AND place IS NULL AND latin = 'gelöscht ' AND emoji = '' AND raw = '-' \
        AND long_text = '0x00FF0102030405060708090A0B0C0D0E' AND twice = 0";
    assert_eq!(given.number(cleared), 1);
    assert_eq!(given.number("SELECT count(*) FROM everything WHERE emoji = 'b'"), 1, "Ben's is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_refused_and_nothing_is_cut() {
    let ways = format!(
        "{WAY}treatment = \"clear\"\nbasis = \"tax_law\"\nreplace = {{ latin = \"far too long for twenty letters\" }}\n"
    );
    let map_text = MAP.replacen("treatment = \"delete\"", "treatment = \"clear\"\nempty = [\"name\"]", 1);
    let Some(given) = given(EVERYTHING, "") else { return };
    let given = Given { map: map(&format!("{map_text}{ways}")), ..given };
    assert!(matches!(given.erase().await, Err(SourceError::Refused { .. })));
    assert_eq!(given.number("SELECT count(*) FROM everything WHERE latin LIKE 'far%'"), 0);
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_beyond_signed_numbers_is_found_looked_at_and_erased() {
    let more = "INSERT INTO person VALUES (18446744073709551615, 'big@example.test', 'big');
        INSERT INTO thing VALUES (9, 18446744073709551615, 'big');";
    let Some(given) = given(more, "") else { return };
    let identity = Identity { kind: "email".to_owned(), value: "big@example.test".to_owned() };
    let found = given.source.resolve(&given.map, &[identity]).await.unwrap();
    assert_eq!(found[0].root.key, "[\"18446744073709551615\"]");
    assert_eq!(given.source.look(&given.map, &[found[0].root.clone()]).await.unwrap().len(), 1);
    let big = subject(u64::MAX);
    assert!(matches!(given.erase_as(1, &big).await, Ok(Stepped::Done(_))));
    assert_eq!(
        (given.number("SELECT count(*) FROM person"), given.number("SELECT count(*) FROM thing")),
        (2, 3)
    );
    assert_eq!(given.source.left(&given.map, &big).await.unwrap().rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_whose_key_is_bytes_is_found_and_erased() {
    const BYTES: &str = r#"
source = "shop"
[[root]]
table = "everything"
key = ["id"]
identities = { account = "emoji" }
treatment = "delete"
[[table]]
name = "part"
[[table.way]]
from = "everything"
on = { whole = "id" }
treatment = "delete"
"#;
    let more = "CREATE TABLE part (n int PRIMARY KEY, whole binary(16));
        INSERT INTO part SELECT person_id, id FROM everything;";
    let Some(given) = given(&format!("{EVERYTHING}{more}"), "") else { return };
    let given = Given { map: map(BYTES), ..given };
    let identity = Identity { kind: "account".to_owned(), value: "👩‍👩‍👧".to_owned() };
    let found = given.source.resolve(&given.map, &[identity]).await.unwrap();
    assert_eq!(found[0].root.key, "[\"0x00FF0102030405060708090A0B0C0D0E\"]");
    let target = Target::Subject(vec![found[0].root.clone()]);
    assert!(matches!(given.erase_as(1, &target).await, Ok(Stepped::Done(_))));
    assert_eq!(given.database.run("SELECT n FROM part").unwrap(), "2");
    given.database.run("INSERT INTO part VALUES (7, UNHEX('00FF0102030405060708090A0B0C0D0E'))").unwrap();
    assert_eq!(given.source.left(&given.map, &target).await.unwrap().rows(), 1, "what came back is seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_older_than_a_moment_are_told_by_dates_that_are_dates() {
    let more = "CREATE TABLE log (id int PRIMARY KEY, at datetime(3), KEY (at));
        SET sql_mode = ''; INSERT INTO log VALUES (1, '2026-06-30 23:59:59.999'), (2, '2026-07-01'), (3, '0000-00-00'), (4, NULL);
        CREATE TABLE texts (id int PRIMARY KEY, at varchar(40));
        INSERT INTO texts VALUES (1, '1950-06-30T23:00:00-02:30'), (2, '2026-07-01T01:59:59.5+0200'), (3, '2026-07-01T00:00:00+02'),
            (4, '2026-06-31'), (5, '2026-06-30'), (6, '2026-06-30T23:30:00-01:00'), (7, 'soon'), (8, ''), (9, NULL), (10, '2026-13-01')";
    let datasets = "[[dataset]]\nname = \"log\"\ntable = \"log\"\nage = \"at\"\nformat = \"timestamp\"\n\
        [[dataset]]\nname = \"texts\"\ntable = \"texts\"\nage = \"at\"\nformat = \"iso\"\n";
    let Some(given) = given(more, datasets) else { return };
    // 2026-07-01T00:00:00Z
    let before = countersign_core::time::Timestamp::from_millis(1_782_864_000_000);
    for (request, name, left) in [(1, "log", "2,3,4"), (2, "texts", "4,6,7,8,9,10")] {
        let target = Target::Dataset { name: name.to_owned(), before };
        let permit = permit(request, "purge", None);
        let done = given.source.erase(&permit, &key(request), &given.map, &target).await;
        assert!(matches!(done, Ok(Stepped::Done(_))), "{done:?}");
        let rows = given.database.run(&format!("SELECT group_concat(id ORDER BY id) FROM {name}")).unwrap();
        assert_eq!(rows, left, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_break_encodings_are_handed_out() {
    let Some(given) = given("", "") else { return };
    given
        .database
        .run("UPDATE thing SET what = concat('a', char(0), 'b', char(10), '=1+1') WHERE id = 1")
        .unwrap();
    let rows = given.rows(&ana()).await;
    assert!(rows.iter().flatten().any(|it| *it == Value::Text("a\0b\n=1+1".to_owned())));
}
