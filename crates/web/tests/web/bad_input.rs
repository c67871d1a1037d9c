//! Malformed everything, to every call of the description, under every role: always a clear 4xx, never anything stored.

use axum::body::Body;
use http::Request;
use http::request::Builder;
use serde_json::{Value, json};

use crate::given::{Answer, House, house};
use crate::openapi::{calls, document};

const CALLERS: [&str; 7] = ["", "desk", "submitter", "reviewer", "operator", "auditor", "administrator"];
const SOME_ID: &str = "0198c2a4-7b1e-7000-8000-000000000001";

#[tokio::test]
async fn malformed_bodies_are_refused_by_every_call_for_everybody() {
    let house = house().await;
    let before = house.stored().await;
    let document = document();
    for (method, path, call) in calls() {
        let Some(body) = call.get("requestBody") else { continue };
        let schema = &body["content"]["application/json"]["schema"];
        for who in CALLERS {
            for (what, bytes) in bodies(&document, schema) {
                let request =
                    start(&house, who, &method, &filled(&path)).header("content-type", "application/json");
                let answer = house.send(request.body(Body::from(bytes)).unwrap()).await;
                clear(&answer, &format!("{who}: {method} {path} with {what}"));
            }
        }
    }
    assert_eq!(house.stored().await, before, "something was stored");
}

#[tokio::test]
async fn wrong_media_types_and_long_bodies_are_refused() {
    let house = house().await;
    let before = house.stored().await;
    for (method, path, call) in calls() {
        if call.get("requestBody").is_none() {
            continue;
        }
        for media in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "\u{7}",
        ] {
            let mut request = start(&house, "administrator", &method, &filled(&path));
            if let Ok(media) = http::HeaderValue::from_str(media) {
                request = request.header("content-type", media);
            }
            let answer = house.send(request.body(Body::from("{\"a\":1}")).unwrap()).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.code()),
                (415, "wrong_media_type"),
                "{method} {path} {media:?}"
            );
        }
        let length =
            if path == "/v1/settings" || path.starts_with("/v1/policies") { 5 << 20 } else { 256 << 10 };
        let request = start(&house, "administrator", &method, &filled(&path))
            .header("content-type", "application/json");
        let answer = house.send(request.body(Body::from(" ".repeat(length + 1))).unwrap()).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (413, "too_large"), "{method} {path}");
    }
    assert_eq!(house.stored().await, before);
}

#[tokio::test]
async fn malformed_paths_are_refused() {
    let house = house().await;
    for (method, path, call) in calls() {
        let names: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
        for name in names {
            let long = "a".repeat(300);
            for wrong in ["%FF", "%00", "%2F", "..%2f..", "%F0%9F%98%80", "0", "-1", "null", &long, "%C3%28"]
            {
                let path = filled(&path.replace(name, wrong));
                for who in ["administrator", "operator", ""] {
                    let mut request = start(&house, who, &method, &path);
                    let mut body = Body::empty();
                    if call.get("requestBody").is_some() {
                        request = request.header("content-type", "application/json");
                        body = Body::from(r#"{"unknown_field_of_nobody": 1}"#);
                    }
                    clear(&house.send(request.body(body).unwrap()).await, &format!("{who}: {method} {path}"));
                }
            }
        }
    }
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/requests/",
        "//v1/requests",
        "/v1/requests/../x",
        "/ledger/tile/",
        "/%FF",
        "/admin",
    ] {
        let answer = house.call("administrator", "GET", path, Value::Null).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (404, "no_such_path"), "{path}");
    }
}

#[tokio::test]
async fn malformed_queries_are_refused() {
    let house = house().await;
    let strange = [
        "unknown=1",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=99999999999999999999",
        "limit=x",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=%FF",
        "cursor=AAAA",
        "status=open",
        "status=waiting,",
        "status=%FF",
        "order=random",
        "subject=ana",
        "subject=:x",
        "subject=email:",
        "=",
        "%FF=1",
        "a%5Bb%5D=1",
    ];
    for query in strange {
        let path = format!("/v1/requests?{query}");
        let answer = house.call("operator", "GET", &path, Value::Null).await;
        clear(&answer, &path);
        assert_eq!(answer.status, 400, "{path}");
    }
    for query in ["limit=0", "cursor=x", "unknown=1", "limit=%00"] {
        clear(&house.call("administrator", "GET", &format!("/v1/people?{query}"), Value::Null).await, query);
    }
    for query in ["cursor=-1", "cursor=18446744073709551616", "cursor=x", "from=1"] {
        clear(&house.call("auditor", "GET", &format!("/v1/feed?{query}"), Value::Null).await, query);
    }
}

#[tokio::test]
async fn malformed_headers_are_refused() {
    let house = house().await;
    let before = house.stored().await;
    for token in
        ["", "x", "Bearer", "Bearer ", "Bearer cs_", "Basic YTpi", "Bearer \u{7f}", "bearer cs_subject_00"]
    {
        for (method, path, _) in calls().into_iter().filter(|(_, path, _)| path.starts_with("/v1/")) {
            let Ok(value) = http::HeaderValue::from_bytes(token.as_bytes()) else { continue };
            let request =
                Request::builder().method(&*method).uri(filled(&path)).header("authorization", value);
            let answer = house.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.code()),
                (401, "unauthenticated"),
                "{method} {path} {token}"
            );
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    let person = json!({"name": "Bo", "identities": {"email": "bo@staff.example"}}).to_string();
    for key in [&b""[..], &[b'k'; 256], b"\xff", b"a\tb"] {
        let request = start(&house, "administrator", "POST", "/v1/people")
            .header("content-type", "application/json")
            .header("idempotency-key", http::HeaderValue::from_bytes(key).unwrap());
        let answer = house.send(request.body(Body::from(person.clone())).unwrap()).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "bad_header"), "{key:?}");
    }
    let request =
        start(&house, "auditor", "GET", "/v1/feed").header("last-event-id", "x").body(Body::empty());
    assert_eq!(house.send(request.unwrap()).await.code(), "bad_header");
    assert_eq!(house.stored().await, before);
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let house = house().await;
    for (_, path, _) in calls() {
        let answer = house.call("administrator", "PATCH", &filled(&path), Value::Null).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (405, "wrong_method"), "{path}");
        assert!(!answer.header("allow").is_empty(), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

fn start(house: &House, who: &str, method: &str, path: &str) -> Builder {
    let request = Request::builder().method(method).uri(path);
    if who.is_empty() {
        request
    } else {
        request.header("authorization", format!("Bearer {}", house.token(who)))
    }
}

fn filled(path: &str) -> String {
    let path = path.replace("{path}", "0/000").replace("{method}", "email").replace("{seat}", "privacy");
    if path.starts_with("/v1/legal-holds") {
        path.replace("{id}", "case-1")
    } else {
        path.replace("{id}", SOME_ID)
    }
}

/// A refusal with a problem that a program and a person can read.
fn clear(answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    for part in ["type", "title", "detail", "code"] {
        assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{what}: {problem}");
    }
    assert!(!answer.text().contains("secret@example.test"), "{what}: {problem}");
}

/// Bodies that no call takes, and such as are wrong in one field of this one.
fn bodies(document: &Value, schema: &Value) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = [
        ("half", &b"{"[..]),
        ("no JSON", b"hello"),
        ("two values", b"{}{}"),
        ("a list", b"[]"),
        ("null", b"null"),
        ("a number", b"1e400"),
        ("a comment", b"/* */{}"),
        ("NUL", b"{\"\0\":1}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("not UTF-8", b"{\"action\":\"\xff\"}"),
        ("lone surrogate", b"{\"action\":\"\\ud800\"}"),
        ("unknown field", b"{\"unknown_field_of_nobody\": 1}"),
        ("personal field", b"{\"secret@example.test\": 1}"),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes.to_vec()))
    .into();
    all.push(("depth".to_owned(), format!("{{\"a\":{}", "[".repeat(100_000)).into_bytes()));
    let schema = resolved(document, schema);
    let needed = schema["required"].as_array().is_some_and(|required| !required.is_empty());
    if needed {
        all.push(("nothing".to_owned(), b"{}".to_vec()));
        all.push(("no bytes".to_owned(), Vec::new()));
    }
    let full: serde_json::Map<String, Value> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| (name.clone(), sample(document, field)))
        .collect();
    let strange = [
        json!([]),
        json!([[1]]),
        json!({"a": {"b": 1}}),
        json!(-1),
        json!(1.5),
        json!("\u{0}"),
        json!("secret@example.test\u{7}"),
        json!("x".repeat(5000)),
        json!(18_446_744_073_709_551_615u64),
    ];
    for name in full.keys() {
        for value in &strange {
            let mut body = full.clone();
            body.insert(name.clone(), value.clone());
            all.push((
                format!("{name}: {:.20}", value.to_string()),
                Value::Object(body).to_string().into_bytes(),
            ));
        }
        let twice = Value::Object(full.clone()).to_string();
        let again = format!("{},\"{name}\":{}}}", twice.trim_end_matches('}'), full[name]);
        let braces = twice.len() - twice.trim_end_matches('}').len();
        if braces == 1 {
            all.push((format!("{name} twice"), again.into_bytes()));
        }
    }
    all
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    }
}

/// A value of the right type that nevertheless names nothing: no field alone makes a call go through.
fn sample(document: &Value, field: &Value) -> Value {
    let field = resolved(document, field);
    if let Some(first) = field["enum"].as_array().and_then(|words| words.first()) {
        return first.clone();
    }
    if let Some(one) = field["oneOf"].as_array() {
        return one
            .iter()
            .find(|one| one["type"] != "null")
            .map_or(Value::Null, |one| one.get("const").cloned().unwrap_or_else(|| sample(document, one)));
    }
    let kind = match &field["type"] {
        Value::Array(kinds) => kinds[0].clone(),
        kind => kind.clone(),
    };
    match kind.as_str().unwrap_or_default() {
        "object" => json!({}),
        "array" => json!([]),
        "integer" => json!(1),
        "boolean" => json!(true),
        _ => json!("nobody"),
    }
}
