//! The checked-in description is the one that the code makes, and says what it should.

use serde_json::Value;

use crate::given::house;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

pub(crate) fn document() -> Value {
    serde_json::from_str(&countersign_web::document()).unwrap()
}

/// Every call: method in capitals, path, and the call.
pub(crate) fn calls() -> Vec<(String, String, Value)> {
    let document = document();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            calls.push((method.to_uppercase(), path.clone(), call.clone()));
        }
    }
    calls
}

#[test]
fn checked_in_description_is_the_one_that_the_code_makes() {
    let made = countersign_web::document();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(PATH, &made).unwrap();
    }
    let kept = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        made == kept,
        "openapi.json is out of date: UPDATE_OPENAPI=1 cargo test -p countersign-web openapi"
    );
}

#[tokio::test]
async fn server_answers_with_the_same_description() {
    let answer = house().await.call("", "GET", "/openapi.json", Value::Null).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), countersign_web::document());
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[test]
fn every_call_and_every_field_has_words() {
    let document = document();
    let mut silent = Vec::new();
    for (method, path, call) in calls() {
        if !call["summary"].is_string() || !call["operationId"].is_string() {
            silent.push(format!("{method} {path}"));
        }
        let guarded = path.starts_with("/v1/");
        assert_eq!(call["security"].is_array(), guarded, "{method} {path}");
        let keyed = call["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|p| p["name"] == "idempotency-key"));
        assert_eq!(keyed, method == "POST", "{method} {path}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        fields(name, schema, &mut silent);
    }
    assert_eq!(silent, Vec::<String>::new(), "without words");
}

fn fields(at: &str, schema: &Value, silent: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        // The tag of an enum is its own word.
        let tag = name == "kind" && field["enum"].is_array();
        // What may be null has its words beside the reference.
        let inner =
            field["oneOf"].as_array().is_some_and(|all| all.iter().any(|one| one["description"].is_string()));
        if !tag && !inner && !field["description"].is_string() {
            silent.push(format!("{at}.{name}"));
        }
    }
    for part in ["allOf", "oneOf", "anyOf"] {
        for (n, schema) in schema[part].as_array().into_iter().flatten().enumerate() {
            fields(&format!("{at}/{n}"), schema, silent);
        }
    }
}
