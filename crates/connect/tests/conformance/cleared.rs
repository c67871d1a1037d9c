//! Subjects with a key of two columns whose row stays, without the person, because kept rows need it.

use countersign_service::ports::source::{Identity, RootKey, Severity, SourceError, Stepped, Target};

use super::given::Given;

pub const SCHEMA: &str = "
CREATE TABLE member (
    tenant text NOT NULL,
    no integer NOT NULL,
    mail text NOT NULL UNIQUE,
    name text NOT NULL,
    phone text,
    PRIMARY KEY (tenant, no)
);
CREATE TABLE bill (
    id integer PRIMARY KEY,
    tenant text NOT NULL,
    no integer NOT NULL,
    {key FOREIGN KEY (tenant, no) REFERENCES member (tenant, no)}
);
CREATE TABLE flat (
    id integer PRIMARY KEY,
    tenant text,
    no integer
);
CREATE TABLE shared_flat (
    flat_id integer NOT NULL,
    tenant text NOT NULL,
    no integer NOT NULL,
    PRIMARY KEY (flat_id, tenant, no),
    {key FOREIGN KEY (flat_id) REFERENCES flat (id),}
    {key FOREIGN KEY (tenant, no) REFERENCES member (tenant, no)}
);
-- rows
INSERT INTO member VALUES ('a', 1, 'ana@example.test', 'Ana', '1'), ('b', 1, 'ben@example.test', 'Ben', '2');
INSERT INTO bill VALUES (1, 'a', 1), (2, 'b', 1);
INSERT INTO flat VALUES (1, 'a', 1);
INSERT INTO shared_flat VALUES (1, 'a', 1), (1, 'b', 1);
";

pub const MAP: &str = r#"
source = "shop"
[[root]]
table = "member"
key = ["tenant", "no"]
identities = { email = "mail" }
treatment = "clear"
empty = ["phone"]
replace = { name = "erased", mail = "erased-{key}@invalid.example" }
[[table]]
name = "bill"
[[table.way]]
from = "member"
on = { tenant = "tenant", no = "no" }
treatment = "keep"
basis = "legal_obligation"
[[table]]
name = "shared_flat"
[[table.way]]
from = "member"
on = { tenant = "tenant", no = "no" }
treatment = "delete"
[[table]]
name = "flat"
[[table.way]]
from = "member"
on = { tenant = "tenant", no = "no" }
treatment = "keep-for-others"
[[table.way]]
from = "shared_flat"
on = { id = "flat_id" }
treatment = "keep-for-others"
"#;

/// A column that anybody's rows point to.
pub const POINTED_TO: &str = "
CREATE TABLE member (
    id integer PRIMARY KEY,
    nick varchar(40) NOT NULL UNIQUE
);
CREATE TABLE mention (
    id integer PRIMARY KEY,
    nick varchar(40),
    {key FOREIGN KEY (nick) REFERENCES member (nick) ON UPDATE CASCADE}
);
-- rows
INSERT INTO member VALUES (1, 'ana'), (2, 'ben');
INSERT INTO mention VALUES (1, 'ana'), (2, 'ben');
";

pub const POINTED_TO_MAP: &str = r#"
source = "shop"
[[root]]
table = "member"
key = ["id"]
identities = { nick = "nick" }
treatment = "clear"
replace = { nick = "erased-{key}" }
[[table]]
name = "mention"
[[table.way]]
from = "member"
on = { nick = "nick" }
treatment = "detach"
"#;

/// The database would change them along the key, beyond the plan.
pub async fn a_column_that_others_point_to_is_not_cleared(given: Given) {
    let findings = given.source.check(&given.map).await.unwrap();
    let told = findings.iter().find(|it| it.severity == Severity::Error).map(|it| &*it.message);
    assert_eq!(told, Some("`member`.`nick` is what `mention` points to, and cannot be cleared"));
    let root = RootKey { source: "shop".to_owned(), table: "member".to_owned(), key: "[\"1\"]".to_owned() };
    let refused = given.source.survey(&given.map, &Target::Subject(vec![root])).await;
    assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");
}

fn member(tenant: &str) -> Target {
    let key = format!("[\"{tenant}\",\"1\"]");
    Target::Subject(vec![RootKey { source: "shop".to_owned(), table: "member".to_owned(), key }])
}

pub async fn a_cleared_subject_of_a_composite_key_owns_nothing_any_more(given: Given) {
    let identity = Identity { kind: "email".to_owned(), value: "ana@example.test".to_owned() };
    let found = given.source.resolve(&given.map, &[identity]).await.unwrap();
    assert_eq!(found[0].root.key, "[\"a\",\"1\"]");
    assert!(matches!(given.erase(1, &member("a")).await, Stepped::Done(_)));
    let cleared = "SELECT count(*) FROM member WHERE mail = 'erased-a-1@invalid.example' AND name = 'erased' AND phone IS NULL";
    assert_eq!(given.number(cleared), 1);
    assert_eq!(given.number("SELECT count(*) FROM member WHERE name = 'Ben' AND phone = '2'"), 1);
    assert_eq!((given.rows("bill"), given.rows("flat"), given.rows("shared_flat")), (2, 1, 1));
    assert_eq!(given.left(&member("a")).await, 0);
    // Ana's row is there, and still she counts for nobody: the flat goes with Ben.
    assert!(matches!(given.erase(2, &member("b")).await, Stepped::Done(_)));
    assert_eq!(given.rows("flat"), 0);
    assert_eq!(given.left(&member("b")).await, 0);
}
