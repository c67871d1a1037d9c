//! Traps that stand alone: each a small schema of its own.

use countersign_connect::postgres::{Options, PostgresSource};
use countersign_core::plan::Counts;
use countersign_service::ports::source::{Finding, RootKey, Severity, Source, SourceError, Stepped, Target};
use countersign_service::settings::DataMap;
use countersign_testing::postgres::Database;

use super::map;
use super::permit::{key, permit};

const SCHEMA: &str = "
    CREATE TABLE person (id bigint PRIMARY KEY, email text NOT NULL, born date);
    CREATE TABLE thing (id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES person (id), what text);
    CREATE INDEX thing_by_person ON thing (person_id);
    INSERT INTO person VALUES (1, 'ana@example.test'), (2, 'ben@example.test');
    INSERT INTO thing VALUES (1, 1, 'hers'), (2, 1, 'hers'), (3, 2, 'his');";

const MAP: &str = r#"
source = "shop"
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
"#;

struct Given {
    source: PostgresSource,
    map: DataMap,
    database: Database<'static>,
}

/// The small schema, what `more` adds to it, and what `ways` adds to the map.
fn given(more: &str, ways: &str) -> Option<Given> {
    let database = countersign_testing::postgres::database_or_skip()?;
    database.run(&format!("{SCHEMA}{more}")).unwrap();
    let source = PostgresSource::open("shop", Options::new(database.url())).unwrap();
    Some(Given { source, map: map(&format!("{MAP}{ways}")), database })
}

fn ana() -> Target {
    let root = RootKey { source: "shop".to_owned(), table: "person".to_owned(), key: "[\"1\"]".to_owned() };
    Target::Subject(vec![root])
}

impl Given {
    async fn erase(&self) -> Result<Stepped, SourceError> {
        self.source.erase(&permit(1, "erase", None), &key(1), &self.map, &ana()).await
    }

    async fn findings(&self) -> Vec<Finding> {
        self.source.check(&self.map).await.unwrap()
    }

    fn rows(&self, sql: &str) -> String {
        self.database.run(sql).unwrap().trim().replace('\n', " ")
    }

    /// The reason why nothing was done; and nothing was.
    async fn refused(&self) -> String {
        let tried = self.erase().await;
        let Err(SourceError::Refused { reason, .. }) = tried else { panic!("{tried:?}") };
        assert_eq!(self.rows("SELECT count(*) FROM person"), "2");
        assert_eq!(self.rows("SELECT count(*) FROM thing"), "3");
        reason
    }
}

fn told(findings: &[Finding], severity: Severity, text: &str) -> bool {
    findings.iter().any(|it| it.severity == severity && it.message.contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_from_a_schema_that_nobody_named_stops_the_erasure() {
    let more = "CREATE SCHEMA audit; CREATE TABLE audit.trail (person_id bigint REFERENCES person (id) ON DELETE CASCADE);
                INSERT INTO audit.trail VALUES (1), (2);";
    let Some(given) = given(more, "") else { return };
    assert!(told(&given.findings().await, Severity::Error, "`audit.trail` points to `person`"));
    assert!(given.refused().await.contains("its schema is not among"));
    assert_eq!(given.rows("SELECT count(*) FROM audit.trail"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_never_takes_other_peoples_rows() {
    // Ben's thing is part of Ana's box.
    let more = "CREATE TABLE box (id bigint PRIMARY KEY, owner bigint NOT NULL REFERENCES person (id));
                INSERT INTO box VALUES (1, 1), (2, 2);
                ALTER TABLE thing ADD box_id bigint NOT NULL DEFAULT 1 REFERENCES box (id) ON DELETE CASCADE;";
    let ways = "[[table]]\nname = \"box\"\n[[table.way]]\nfrom = \"person\"\non = { owner = \"id\" }\ntreatment = \"delete\"\n";
    let Some(given) = given(more, ways) else { return };
    let reason = given.refused().await;
    assert!(reason.contains("1 rows of `thing` that are somebody else's point to rows of `box`"), "{reason}");
    given.database.run("UPDATE thing SET box_id = 2 WHERE id = 3").unwrap();
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.rows("SELECT id FROM thing"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_from_a_row_to_its_own_table_never_takes_other_people() {
    let more = "ALTER TABLE person ADD boss bigint; UPDATE person SET boss = 1; ALTER TABLE person ALTER boss SET NOT NULL;
                ALTER TABLE person ADD FOREIGN KEY (boss) REFERENCES person (id) ON DELETE CASCADE;";
    let Some(given) = given(more, "") else { return };
    assert!(given.refused().await.contains("1 rows of `person`"));
    given.database.run("UPDATE person SET boss = 2 WHERE id = 2").unwrap();
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))), "she may point to herself");
    assert_eq!(given.rows("SELECT id FROM person"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_policy_hides_stop_everything() {
    let more = "ALTER TABLE thing ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON thing USING (id <> 2);";
    let Some(mut given) = given(more, "") else { return };
    assert!(given.source.survey(&given.map, &ana()).await.is_ok(), "the owner sees everything");
    let role = format!("reader_{}", given.database.name());
    given
        .database
        .run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO {role};
             GRANT SELECT, DELETE, UPDATE ON person, thing TO {role};"
        ))
        .unwrap();
    let url = given.database.url().replace("countersign@", &format!("{role}@"));
    given.source = PostgresSource::open("shop", Options::new(url)).unwrap();
    assert!(told(&given.findings().await, Severity::Error, "row-level security hides rows"));
    assert!(given.refused().await.contains("row-level security"));
    given.database.run(&format!("ALTER ROLE {role} BYPASSRLS")).unwrap();
    assert!(matches!(given.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(given.rows("SELECT id FROM thing"), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_act_on_a_deletion_are_named_and_one_that_holds_rows_back_stops_it() {
    let more = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER hold BEFORE DELETE ON thing FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION nothing();
                CREATE TRIGGER only_new BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION nothing();
                CREATE TRIGGER asleep BEFORE DELETE ON thing FOR EACH ROW EXECUTE FUNCTION nothing();
                ALTER TABLE thing DISABLE TRIGGER asleep;
                CREATE RULE quiet AS ON UPDATE TO person DO ALSO NOTIFY person;
                CREATE MATERIALIZED VIEW book AS SELECT person.id, what FROM person JOIN thing ON person_id = person.id;";
    let Some(given) = given(more, "") else { return };
    let findings = given.findings().await;
    assert!(told(&findings, Severity::Warning, "`thing`: the trigger `hold`"));
    assert!(told(&findings, Severity::Warning, "`person`: the trigger `quiet`"));
    assert!(told(&findings, Severity::Warning, "`public.book` keeps a copy"));
    assert!(!findings.iter().any(|it| it.message.contains("only_new") || it.message.contains("asleep")));
    let reason = given.refused().await;
    assert!(reason.contains("`thing`"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_inherit_are_not_forgotten() {
    let more = "CREATE TABLE gizmo (extra text, PRIMARY KEY (id)) INHERITS (thing); INSERT INTO gizmo VALUES (1, 2, 'his', 'x');";
    let Some(given) = given(more, "") else { return };
    assert!(told(&given.findings().await, Severity::Error, "`gizmo` inherits from `thing`"));
    let tried = given.erase().await;
    assert!(matches!(tried, Err(SourceError::Refused { .. })), "{tried:?}");
    let ways = "[[table]]\nname = \"gizmo\"\n[[table.way]]\nfrom = \"person\"\non = { person_id = \"id\" }\ntreatment = \"delete\"\n";
    let mapped = Given { map: map(&format!("{MAP}{ways}")), ..given };
    assert!(matches!(mapped.erase().await, Ok(Stepped::Done(_))));
    assert_eq!(
        mapped.rows("SELECT id FROM thing ORDER BY id"),
        "1 3",
        "Ben's gizmo has the number of Ana's thing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_key_that_breaks_at_the_commit_is_told_as_not_done() {
    // A row that appears behind the plan's back and points to what goes, checked only when the work is done.
    let more = "CREATE TABLE note (id bigint, thing_id bigint);
                ALTER TABLE note ADD FOREIGN KEY (thing_id) REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED;
                CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO note VALUES (1, OLD.id); RETURN OLD; END';
                CREATE TRIGGER back AFTER DELETE ON thing FOR EACH ROW EXECUTE FUNCTION again();";
    let ways = "[[table]]\nname = \"note\"\n[[table.way]]\nfrom = \"thing\"\non = { thing_id = \"id\" }\ntreatment = \"detach\"\n";
    let Some(given) = given(more, ways) else { return };
    let reason = given.refused().await;
    assert!(reason.contains("note") || reason.contains("23503"), "{reason}");
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!(
        given.source.left(&given.map, &ana()).await.unwrap().beyond(&Counts::default()).map(|it| it.1),
        Some("person")
    );
}
