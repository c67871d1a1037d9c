use super::*;
use crate::plan::{PlanLine, SourcePlan, Treatment};

fn line(table: &str, rows: u64) -> PlanLine {
    PlanLine {
        table: table.to_owned(),
        way: "root".to_owned(),
        treatment: Treatment::Delete,
        basis: None,
        until: None,
        rows,
        bytes: None,
    }
}

fn plan_of(lines: Vec<PlanLine>) -> Plan {
    Plan {
        sources: vec![SourcePlan {
            source: "shop".to_owned(),
            fingerprint: "f".to_owned(),
            map_version: "m".to_owned(),
            lines,
        }],
    }
}

fn digest_of(plan: &Plan, action: &str) -> Digest {
    Shape {
        request: RequestId::from_bytes([1; 16]),
        nonce: Commitment::from_bytes([2; 32]),
        action,
        parameters: None,
        requester: &Requester::Subject,
        environment: "production",
        target: &Target::Subject { stated: vec![] },
        roots: Commitment::from_bytes([3; 32]),
        plan,
    }
    .digest()
}

#[test]
fn digest_stays_when_only_the_number_of_rows_changes() {
    assert_eq!(
        digest_of(&plan_of(vec![line("customer", 1)]), "erase"),
        digest_of(&plan_of(vec![line("customer", 9)]), "erase")
    );
}

#[test]
fn digest_stays_when_rows_only_grow_longer() {
    let mut longer = line("customer", 1);
    longer.bytes = Some(1 << 20);
    assert_eq!(
        digest_of(&plan_of(vec![line("customer", 1)]), "erase"),
        digest_of(&plan_of(vec![longer]), "erase")
    );
}

#[test]
fn digest_changes_with_a_table_a_treatment_or_the_action() {
    let before = digest_of(&plan_of(vec![line("customer", 1)]), "erase");
    let mut kept = line("customer", 1);
    kept.treatment = Treatment::Keep;
    let others = [
        digest_of(&plan_of(vec![line("customer", 1), line("orders", 0)]), "erase"),
        digest_of(&plan_of(vec![kept]), "erase"),
        digest_of(&plan_of(vec![line("customer", 1)]), "export"),
    ];
    assert!(others.iter().all(|other| *other != before));
}

#[test]
fn canonical_form_sorts_by_utf16_and_escapes_as_rfc_8785_says() {
    // The sorting sample of RFC 8785 section 3.2.3, without its fraction.
    let json = Json::Object(
        ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"]
            .into_iter()
            .map(|name| (name.to_owned(), Json::Int(0)))
            .collect(),
    );
    assert_eq!(
        json.to_string(),
        "{\"\\r\":0,\"1\":0,\"\u{80}\":0,\"\u{f6}\":0,\"\u{20ac}\":0,\"\u{1f600}\":0,\"\u{fb33}\":0}"
    );
}

#[test]
fn whole_numbers_beyond_doubles_become_strings() {
    assert_eq!(Json::Int((1 << 53) - 1).to_string(), "9007199254740991");
    assert_eq!(Json::Int(1 << 53).to_string(), "\"9007199254740992\"");
    assert_eq!(Json::Int(i64::MIN).to_string(), "\"-9223372036854775808\"");
}

#[test]
fn control_characters_are_escaped() {
    assert_eq!(Json::text("a\"\\\u{1}\n\u{7f}/").to_string(), "\"a\\\"\\\\\\u0001\\n\u{7f}/\"");
}
