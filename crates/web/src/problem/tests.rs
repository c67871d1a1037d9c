#![allow(clippy::unwrap_used)]
//! What problems say, and what they keep to themselves.

use std::collections::BTreeMap;

use countersign_service::refusal::Refusal;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Sample {
    name: String,
    count: u8,
    more: Option<BTreeMap<String, String>>,
}

fn of(body: &str) -> Problem {
    Problem::from(serde_json::from_str::<Sample>(body).err().unwrap())
}

#[test]
fn bad_json_is_placed_by_line_and_column() {
    let problem = of("{\n  \"name\": nope}");
    assert_eq!((problem.status().as_u16(), problem.code()), (400, "bad_json"));
    assert_eq!((problem.0.line, problem.0.column), (Some(2), Some(12)));
}

#[test]
fn no_problem_repeats_a_value_that_was_sent() {
    for body in [
        r#"{"name": "a", "count": "secret@example.test"}"#,
        r#"{"name": "a", "count": ", expected secret"}"#,
        r#"{"name": {"secret": 1}}"#,
        r#"{"name": "a", "count": 777777}"#,
        r#"{"name": "a", "count": -777777}"#,
        r#"{"secret@example.test": 1}"#,
        r#"{"name": "a", "count": 1, "more": "secret"}"#,
        r#""secret""#,
    ] {
        let problem = of(body);
        assert_eq!(problem.status().as_u16(), 422, "{body}");
        let shown = serde_json::to_string(&problem.0).unwrap();
        assert!(!shown.contains("secret") && !shown.contains("777777"), "{shown}");
    }
}

#[test]
fn wrong_types_and_unknown_fields_are_said_in_words() {
    assert_eq!(of(r#"{"name": 5}"#).0.detail, "found integer where a string is expected");
    assert_eq!(of(r#"{"name": null}"#).0.detail, "found null where a string is expected");
    assert!(of(r#"{"nmae": 5}"#).0.detail.starts_with("unknown field `nmae`; expected is "));
    assert_eq!(of("{}").0.detail, "missing field `name`");
}

#[test]
fn too_deep_a_body_is_refused_as_such() {
    #[derive(Deserialize)]
    struct Any(#[allow(dead_code)] serde_json::Value);
    let deep = "[".repeat(200);
    let problem = Problem::from(serde_json::from_str::<Any>(&deep).err().unwrap());
    assert_eq!((problem.status().as_u16(), problem.code()), (400, "too_deep"));
}

#[test]
fn refusal_keeps_its_code_and_gets_the_status_of_its_sort() {
    let problem = Problem::from(Refusal::WrongCode { left: 3 });
    assert_eq!((problem.status().as_u16(), problem.code(), problem.0.left), (422, "wrong_code", Some(3)));
    assert_eq!(problem.0.title, "Wrong code");
    let problem = Problem::from(Refusal::invalid("subject.email", "is no e-mail address"));
    assert_eq!((problem.status().as_u16(), problem.0.at.as_deref()), (422, Some("subject.email")));
    assert_eq!(
        Problem::from(Refusal::Unauthenticated).into_response().headers()[WWW_AUTHENTICATE].as_bytes(),
        b"Bearer realm=\"countersign\""
    );
}
