//! Whose rows they are: by what texts are compared, what engines and keys do by themselves.

use super::*;

const LINKED: &str = r#"
[[table]]
name = "note"
[[table.way]]
column = "who"
equals = "{name}"
compare = "exact"
treatment = "delete"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_collation_that_takes_two_texts_for_the_same_takes_no_rows_of_another() {
    // In each column's own eyes all of these are `Zoë`; trailing blanks are nothing in most.
    for column in [
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "varchar(20) CHARACTER SET latin1 COLLATE latin1_german1_ci",
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "varchar(20) CHARACTER SET utf16 COLLATE utf16_unicode_ci",
        "text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
    ] {
        let more = format!(
            "CREATE TABLE note (id int PRIMARY KEY, who {column});
             UPDATE person SET name = 'Zoë' WHERE id = 1; UPDATE person SET name = 'ZOE' WHERE id = 2;
             INSERT INTO note VALUES (1, 'Zoë'), (2, 'zoe'), (3, 'Zoe'), (4, 'ZOË'), (5, 'Zoë '), (6, NULL), (7, '');"
        );
        let Some(given) = given(&more, LINKED) else { return };
        assert_eq!(given.errors().await, [""; 0], "{column}");
        let plan = given.source.survey(&given.map, &ana()).await.unwrap();
        let notes = plan.lines.iter().find(|it| it.table == "note").unwrap();
        assert_eq!(notes.rows, 1, "{column}");
        assert!(matches!(given.erase().await, Ok(Stepped::Done(_))), "{column}");
        let left = given.database.run("SELECT group_concat(id ORDER BY id) FROM note").unwrap();
        assert_eq!(left, "2,3,4,5,6,7", "{column}");
        assert_eq!(given.source.left(&given.map, &ana()).await.unwrap().rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_found_by_its_letters_and_not_by_what_a_collation_makes_of_them() {
    let more = "INSERT INTO person VALUES (3, 'anà@example.test', 'x'), (4, 'ana@example.test ', 'x')";
    let Some(given) = given(more, "") else { return };
    assert_eq!(given.found("ana@example.test").await, 1);
    assert_eq!(given.found("ANA@example.test").await, 1, "an e-mail has no case");
    assert_eq!(given.found("anà@example.test").await, 1);
    let exact =
        map(&MAP.replace("{ email = \"email\" }", "{ email = { column = \"email\", compare = \"exact\" } }"));
    let given = Given { map: exact, ..given };
    assert_eq!(given.found("ANA@example.test").await, 0);
    assert_eq!(given.found("ana@example.test").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_row_found_by_a_text_stays_for_whoever_has_that_text_exactly() {
    let ways = LINKED.replace("treatment = \"delete\"", "treatment = \"keep-for-others\"");
    let more = "CREATE TABLE note (id int PRIMARY KEY, who varchar(20));
        UPDATE person SET name = 'Zoë' WHERE id = 1; UPDATE person SET name = 'ZOE' WHERE id = 2;
        INSERT INTO person VALUES (3, 'c@example.test', 'Zoë');
        INSERT INTO note VALUES (1, 'Zoë'), (2, 'ZOE')";
    let Some(given) = given(more, &ways) else { return };
    given.erase().await.unwrap();
    assert_eq!(given.number("SELECT count(*) FROM note"), 2, "it is the other Zoë's too");
    given.erase_as(2, &subject(3)).await.unwrap();
    assert_eq!(given.database.run("SELECT id FROM note").unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_transactions_is_refused_by_check_and_by_the_run() {
    for engine in ["MyISAM", "Aria TRANSACTIONAL=1", "MEMORY"] {
        let more = format!(
            "CREATE TABLE note (id int PRIMARY KEY, who varchar(20)) ENGINE={engine}; INSERT INTO note VALUES (1, '~ana~');"
        );
        let Some(given) = given(&more, LINKED) else { return };
        let name = engine.split(' ').next().unwrap();
        let errors = given.errors().await;
        assert!(errors.iter().any(|it| it.contains("`note`") && it.contains(name)), "{errors:?}");
        assert!(matches!(given.erase().await, Err(SourceError::Refused { .. })));
        assert_eq!(given.number("SELECT count(*) FROM note"), 1);
        assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
        // What is only kept may be anywhere.
        let kept = LINKED.replace("treatment = \"delete\"", "treatment = \"keep\"\nbasis = \"tax_law\"");
        let given = Given { map: map(&format!("{MAP}{kept}")), ..given };
        assert_eq!(given.errors().await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_table_without_transactions_is_refused() {
    let Some(given) = given("", "") else { return };
    let made =
        "CREATE TABLE countersign_receipt (request varchar(64), run bigint, step varchar(64), chunk bigint,
        outcome varchar(4), touched longtext, PRIMARY KEY (request, run, step, chunk)) ENGINE=MyISAM";
    given.database.run(made).unwrap();
    let refused = given.erase().await.unwrap_err().to_string();
    assert!(refused.contains("InnoDB"), "{refused}");
    assert_eq!(given.number("SELECT count(*) FROM person"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_keeps_every_former_row_is_refused() {
    let more = "CREATE TABLE note (id int PRIMARY KEY, who varchar(20)) WITH SYSTEM VERSIONING;
        INSERT INTO note VALUES (1, '~ana~');";
    let Some(given) = given(more, LINKED) else { return };
    assert!(given.tells("keeps every former row").await);
    assert!(matches!(given.erase().await, Err(SourceError::Refused { .. })));
    assert_eq!(given.number("SELECT count(*) FROM note"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_pointers_that_may_not_be_null_goes_and_nobody_elses_does() {
    let more = "CREATE TABLE hen (id int PRIMARY KEY, egg_id int NOT NULL, owner bigint unsigned NOT NULL,
            FOREIGN KEY (owner) REFERENCES person (id));
        CREATE TABLE egg (id int PRIMARY KEY, hen_id int NOT NULL, FOREIGN KEY (hen_id) REFERENCES hen (id));
        CREATE TABLE crack (id int PRIMARY KEY, egg_id int NOT NULL, FOREIGN KEY (egg_id) REFERENCES egg (id));
        INSERT INTO hen VALUES (1, 1, 1), (2, 2, 2); INSERT INTO egg VALUES (1, 1), (2, 2);
        INSERT INTO crack VALUES (1, 1), (2, 2);
        ALTER TABLE hen ADD FOREIGN KEY (egg_id) REFERENCES egg (id) ON DELETE CASCADE;";
    let ways = "[[table]]\nname = \"hen\"\n[[table.way]]\nfrom = \"person\"\non = { owner = \"id\" }\ntreatment = \"delete\"\n\
        [[table]]\nname = \"egg\"\n[[table.way]]\nfrom = \"hen\"\non = { hen_id = \"id\" }\ntreatment = \"delete\"\n\
        [[table]]\nname = \"crack\"\n[[table.way]]\nfrom = \"egg\"\non = { egg_id = \"id\" }\ntreatment = \"delete\"\n";
    let Some(given) = given(more, ways) else { return };
    assert_eq!(given.errors().await, [""; 0]);
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    for table in ["hen", "egg", "crack"] {
        assert_eq!(given.database.run(&format!("SELECT id FROM {table}")).unwrap(), "2", "{table}");
    }
    // A hen of Ben's that came out of Ana's egg stops an erasure.
    given
        .database
        .run(
            "INSERT INTO person VALUES (1, 'ana@example.test', 'x'); SET foreign_key_checks = 0; \
        INSERT INTO hen VALUES (1, 1, 1), (3, 1, 2); INSERT INTO egg VALUES (1, 1)",
        )
        .unwrap();
    let refused = given.erase_as(2, &ana()).await.unwrap_err().to_string();
    assert!(refused.contains("somebody else's"), "{refused}");
    assert_eq!(given.number("SELECT count(*) FROM hen"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_point_to_rows_of_their_own_table_go_in_one_statement() {
    let more = "CREATE TABLE post (id int PRIMARY KEY, author bigint unsigned NOT NULL, parent int NOT NULL,
            FOREIGN KEY (author) REFERENCES person (id), FOREIGN KEY (parent) REFERENCES post (id));
        INSERT INTO post VALUES (1, 1, 1), (2, 1, 1), (3, 1, 2), (4, 2, 4);";
    let ways = "[[table]]\nname = \"post\"\n[[table.way]]\nfrom = \"person\"\non = { author = \"id\" }\ntreatment = \"delete\"\n";
    let Some(given) = given(more, ways) else { return };
    let done = given.erase().await;
    assert!(matches!(done, Ok(Stepped::Done(_))), "{done:?}");
    assert_eq!(given.database.run("SELECT id FROM post").unwrap(), "4");
    given
        .database
        .run(
            "INSERT INTO person VALUES (1, 'ana@example.test', 'x'); \
        INSERT INTO post VALUES (1, 1, 1), (5, 2, 1)",
        )
        .unwrap();
    let refused = given.erase_as(2, &ana()).await.unwrap_err().to_string();
    assert!(refused.contains("somebody else's"), "{refused}");
    assert_eq!(given.number("SELECT count(*) FROM post"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_all_parts_of_a_partitioned_table_go() {
    let more = "CREATE TABLE visit (id int NOT NULL, who bigint unsigned NOT NULL, PRIMARY KEY (id, who))
            PARTITION BY HASH (id) PARTITIONS 4;
        INSERT INTO visit VALUES (1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (5, 2);";
    let ways = "[[table]]\nname = \"visit\"\n[[table.way]]\nfrom = \"person\"\non = { who = \"id\" }\ntreatment = \"delete\"\n";
    let Some(given) = given(more, ways) else { return };
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.number("SELECT count(*) FROM visit"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_not_compared_with_a_number() {
    let more = "CREATE TABLE loose (id int PRIMARY KEY, who varchar(20)); INSERT INTO loose VALUES (1, '1 and more')";
    let ways = "[[table]]\nname = \"loose\"\n[[table.way]]\nfrom = \"person\"\non = { who = \"id\" }\ntreatment = \"delete\"\n";
    let Some(given) = given(more, ways) else { return };
    assert!(given.errors().await.iter().any(|it| it.contains("different values for the same")));
    assert!(matches!(given.erase().await, Err(SourceError::Refused { .. })));
    // Said as a soft link it is compared as text.
    let link = "[[table]]\nname = \"loose\"\n[[table.way]]\ncolumn = \"who\"\nequals = \"{id}\"\ntreatment = \"delete\"\n";
    let given = Given { map: map(&format!("{MAP}{link}")), ..given };
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.number("SELECT count(*) FROM loose"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_brings_rows_back_stops_the_erasure_and_its_words_are_not_told() {
    let more = "CREATE TRIGGER back AFTER DELETE ON person FOR EACH ROW
        INSERT INTO thing_log VALUES (old.email); CREATE TABLE thing_log (what varchar(100));
        CREATE TABLE note (id int AUTO_INCREMENT PRIMARY KEY, who varchar(20)); INSERT INTO note (who) VALUES ('~ana~');
        CREATE TRIGGER again BEFORE DELETE ON thing FOR EACH ROW INSERT INTO note (who) VALUES ('~ana~')";
    let Some(given) = given(more, LINKED) else { return };
    assert!(given.tells("the trigger `again`").await && given.tells("the trigger `back`").await);
    let refused = given.erase().await.unwrap_err().to_string();
    assert!(refused.contains("is it a trigger?"), "{refused}");
    assert_eq!(given.number("SELECT count(*) FROM person"), 2);
    given
        .database
        .run(
            "DROP TRIGGER again; CREATE TRIGGER loud BEFORE DELETE ON thing FOR EACH ROW \
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not ana@example.test'",
        )
        .unwrap();
    let refused = given.erase().await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("ana@"), "{refused}");
}
