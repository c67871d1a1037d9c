//! Bodies that nobody would send, to every call that takes one: answered, and never by a fault of ours.

use std::time::Instant;

use axum::body::Body;
use http::Request;

use crate::given::house;
use crate::openapi::calls;

#[path = "../../../../tests/fuzz/mutator.rs"]
mod mutator;

#[tokio::test]
async fn no_body_makes_any_call_fail_by_our_fault() {
    let house = house().await;
    let id = house.erasure().await["id"].as_str().unwrap().to_owned();
    let with_body: Vec<(String, String)> = calls()
        .into_iter()
        .filter(|(_, _, call)| call.get("requestBody").is_some())
        .map(|(method, path, _)| {
            (method, path.replace("{id}", &id).replace("{method}", "email").replace("{action}", "erase"))
        })
        .collect();
    let callers = ["desk", "submitter", "reviewer", "operator", "auditor", "administrator"];
    let mut mutator = mutator::Mutator::new("body", Vec::new());
    let (end, mut count) = (Instant::now() + mutator::lasts(), 0);
    while Instant::now() < end {
        let input = mutator.next();
        // Who is asked what, in turn: each body meets each call sooner or later.
        let (method, path) = &with_body[count % with_body.len()];
        let who = callers[count / with_body.len() % callers.len()];
        count += 1;
        let request = Request::builder()
            .method(&**method)
            .uri(path)
            .header("authorization", format!("Bearer {}", house.token(who)))
            .header("content-type", "application/json")
            .body(Body::from(input.clone()))
            .unwrap();
        let status = house.status(request).await;
        let why = || format!("{who}: {method} {path}: {status}: {}", mutator::told("body", &input));
        assert!(!status.is_server_error(), "{}", why());
        mutator.learn(input, mutator::kind((path, status.as_u16())));
    }
    println!("body: {count} inputs over {} calls", with_body.len());
}
