//! Rows that stay without the person: pseudonyms that are the same for the same value all over a source, years and
//! networks instead of dates and addresses. And what appears in a source after somebody looked at it.

use countersign_service::ports::source::{RootKey, Severity, Source, SourceError, Stepped, Target};
use countersign_service::settings::datamap::with_known;

use super::given::{Given, map};
use super::permit::{key, permit};

pub const SCHEMA: &str = "
CREATE TABLE patient (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE,
    born text,
    entered text NOT NULL,
    ip text
);
CREATE TABLE visit (
    id integer PRIMARY KEY,
    patient_id integer NOT NULL,
    mail text,
    ip text NOT NULL,
    born varchar(10),
    device text,
    {key FOREIGN KEY (patient_id) REFERENCES patient (id)}
);
CREATE TABLE flat (
    id integer PRIMARY KEY,
    patient_id integer,
    {key FOREIGN KEY (patient_id) REFERENCES patient (id)}
);
-- rows
INSERT INTO patient VALUES (1, 'ana@example.test', '1980-02-03', '2020-05-06T07:08:09Z', '203.0.113.77'),
    (2, 'ben@example.test', '1980-01-01', 'long ago', '2001:db8:1:2::3'),
    (3, 'cleo@example.test', NULL, '2021-01-01', NULL);
INSERT INTO visit VALUES
    (1, 1, 'ana@example.test', '203.0.113.77', '1980-02-03', '0123456789abcdef0123456789abcdef'),
    (2, 1, 'ANA@example.test', 'unknown', 'unknown', NULL),
    (3, 1, 'ben@example.test', '2001:DB8:1:2::3', NULL, ''),
    (4, 2, 'ben@example.test', '198.51.100.1', '1981-12-31', '0123456789abcdef0123456789abcdef');
INSERT INTO flat VALUES (1, 1), (2, 2), (3, 3);
";

pub const MAP: &str = r#"
source = "shop"
[[root]]
table = "patient"
key = ["id"]
identities = { email = "email" }
treatment = "clear"
replace = { email = "{pseudonym}@invalid.example", born = { generalise = "year" }, entered = { generalise = "year" }, ip = { generalise = "network" } }
[[table]]
name = "visit"
[[table.way]]
from = "patient"
on = { patient_id = "id" }
treatment = "clear"
basis = "medical_records"
until = "thirty years after the last visit"
replace = { mail = "{pseudonym}@invalid.example", ip = { generalise = "network" }, born = { generalise = "year" }, device = "{pseudonym}" }
[[table]]
name = "flat"
[[table.way]]
from = "patient"
on = { patient_id = "id" }
treatment = "keep-for-others"
"#;

fn patient(id: i64) -> Target {
    let key = format!("[\"{id}\"]");
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "patient".to_owned(), key }])
}

impl Given {
    fn holds(&self, table: &str, condition: &str) -> bool {
        self.number(&format!("SELECT count(*) FROM {table} WHERE {condition}")) > 0
    }
}

pub async fn values_become_pseudonyms_and_say_less(given: Given) {
    let plan = given.source.survey(&given.map, &patient(1)).await.unwrap();
    let line = plan.lines.iter().find(|it| it.table == "visit").unwrap();
    assert_eq!((line.rows, line.until.as_deref()), (3, Some("thirty years after the last visit")));
    assert!(given.left(&patient(1)).await > 0, "nothing is cleared yet");
    assert!(matches!(given.erase(1, &patient(1)).await, Stepped::Done(_)));
    assert_eq!(given.left(&patient(1)).await, 0);

    // What this key makes of this value, in whatever engine.
    let ana = "5c0aa2d9673767665c104f840042315c@invalid.example";
    assert!(given.holds("patient", &format!("id = 1 AND email = '{ana}'")));
    assert!(given.holds("visit", &format!("id = 1 AND mail = '{ana}'")), "the same all over the source");
    assert!(given.holds("visit", &format!("id = 2 AND mail LIKE '%@invalid.example' AND mail <> '{ana}'")));
    assert!(given.holds(
        "patient",
        "id = 1 AND born = '1980-01-01' AND entered = '2020-01-01' AND ip = '203.0.113.0'"
    ));
    assert!(given.holds("visit", "id = 1 AND ip = '203.0.113.0' AND born = '1980-01-01'"));
    assert!(
        given.holds("visit", "id = 2 AND ip = '' AND born IS NULL AND device IS NULL"),
        "neither address nor date"
    );
    assert!(given.holds("visit", "id = 3 AND ip = '2001:db8:1::' AND born IS NULL AND length(device) = 32"));
    let digits = "0123456789abcdef0123456789abcdef";
    assert!(
        given.holds("visit", &format!("id = 1 AND length(device) = 32 AND device <> '{digits}'")),
        "not one of ours"
    );
    assert!(
        given.holds("visit", &format!("id = 4 AND ip = '198.51.100.1' AND device = '{digits}'")),
        "Ben's"
    );
    assert!(given.holds("patient", "id = 2 AND email = 'ben@example.test' AND entered = 'long ago'"));
    assert_eq!(given.rows("flat"), 2, "a cleared subject is no owner any more");

    // Once more, by another request, changes nothing.
    assert!(matches!(given.erase(2, &patient(1)).await, Stepped::Done(_)));
    assert!(given.holds("visit", &format!("id = 1 AND mail = '{ana}' AND born = '1980-01-01'")));
    assert!(matches!(given.erase(3, &patient(2)).await, Stepped::Done(_)));
    let same = "SELECT count(*) FROM visit AS a JOIN visit AS b ON a.id = 3 AND b.id = 4 AND a.mail = b.mail";
    assert_eq!(given.number(same), 1, "Ben's mail in Ana's row and in his own");
    assert!(given.holds("patient", "id = 2 AND entered = '' AND ip = '2001:db8:1::'"));
    assert!(given.holds("patient", "id = 3 AND email = 'cleo@example.test' AND entered = '2021-01-01'"));

    for (right, wrong, told) in [
        ("device = \"{pseudonym}\"", "born = \"{pseudonym}\"", "too short"),
        ("replace = { mail", "replace = { patient_id = \"{pseudonym}\", mail", "cannot hold a pseudonym"),
        (
            "ip = { generalise = \"network\" }, device",
            "patient_id = { generalise = \"year\" }, device",
            "cannot be generalised",
        ),
        ("email = \"{pseudonym}@invalid.example\", ", "", "nothing tells a cleared row"),
    ] {
        let text =
            MAP.replace(", born = { generalise = \"year\" }, device", ", device").replacen(right, wrong, 1);
        let findings = given.source.check(&map(&text)).await.unwrap();
        let found = findings.iter().any(|it| it.severity == Severity::Error && it.message.contains(told));
        assert!(found, "{wrong}: {findings:?}");
    }
}

pub async fn what_is_new_is_named_as_drift(given: Given) {
    let known = with_known(MAP, &given.source.tables().await.unwrap());
    let known = map(&known);
    assert!(known.known.as_ref().unwrap()["visit"].contains(&"device".to_owned()));
    assert!(!known.known.as_ref().unwrap().contains_key("countersign_receipt"));
    let told = async |severity: Severity, word: &str| -> Vec<String> {
        let findings = given.source.check(&known).await.unwrap().into_iter();
        let wanted = findings.filter(|it| it.severity == severity && it.message.contains(word));
        wanted.map(|it| it.message).collect()
    };
    assert!(told(Severity::Drift, "").await.is_empty());
    // Receipts of ours are none of theirs.
    let permit = permit(1, "erase", None);
    given.source.erase(&permit, &key(1), &given.map, &patient(3)).await.unwrap();
    assert!(known.drift(&given.source.tables().await.unwrap()).is_empty());
    given.run(
        "ALTER TABLE visit ADD COLUMN phone text; CREATE TABLE lead (id integer PRIMARY KEY, mail text)",
    );
    assert_eq!(known.drift(&given.source.tables().await.unwrap()), ["lead", "visit.phone"]);
    assert_eq!(told(Severity::Drift, "is not in [known]").await.len(), 2);
    given.run("DROP TABLE lead; ALTER TABLE visit DROP COLUMN phone; ALTER TABLE visit DROP COLUMN device");
    assert!(told(Severity::Drift, "").await.is_empty());
    assert_eq!(
        told(Severity::Note, "any more").await,
        ["`visit.device` is in [known] and not in the source any more"]
    );
}

pub async fn without_a_key_there_are_no_pseudonyms(source: &dyn Source, text: &str) {
    let refused = source.survey(&map(text), &patient(1)).await.unwrap_err();
    assert!(
        matches!(refused, SourceError::Refused { .. }) && refused.to_string().contains("no key"),
        "{refused}"
    );
    assert!(source.check(&map(text)).await.unwrap().iter().all(|it| it.severity != Severity::Error));
}
