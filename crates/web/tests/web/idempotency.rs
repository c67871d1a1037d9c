//! The same call again, with and without its key.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::given::{Answer, House, house};

async fn keyed(house: &House, who: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", house.token(who)))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    house.send(request.unwrap()).await
}

#[tokio::test]
async fn submission_that_is_sent_again_is_the_same_request() {
    let house = house().await;
    let body = json!({"action": "erase", "requester": "subject", "subject": {"email": "ana@example.test"}});
    let first = keyed(&house, "submitter", "/v1/requests", "k1", &body).await;
    let again = keyed(&house, "submitter", "/v1/requests", "k1", &body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(first.json()["request_token"], again.json()["request_token"]);
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    let other = json!({"action": "export", "subject": {"email": "ana@example.test"}});
    let reused = keyed(&house, "submitter", "/v1/requests", "k1", &other).await;
    assert_eq!((reused.status.as_u16(), &*reused.code()), (409, "idempotency_key_reused"));
    let elsewhere = keyed(&house, "desk", "/v1/requests", "k1", &other).await;
    assert_eq!(elsewhere.status, 201, "a key belongs to its caller");
}

#[tokio::test]
async fn any_other_post_is_done_once_and_answered_alike() {
    let house = house().await;
    let body = json!({"service": "crm", "roles": ["submitter"]});
    let first = keyed(&house, "administrator", "/v1/tokens", "mint", &body).await;
    let again = keyed(&house, "administrator", "/v1/tokens", "mint", &body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{}", again.text());
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), "application/json");
    let third = house.call("administrator", "POST", "/v1/tokens", body.clone()).await;
    assert_ne!(third.json()["id"], first.json()["id"]);
    let reused = keyed(&house, "administrator", "/v1/people", "mint", &body).await;
    assert_eq!((reused.status.as_u16(), &*reused.code()), (409, "idempotency_key_reused"));
}

#[tokio::test]
async fn refusal_is_remembered_as_the_problem_that_it_was() {
    let house = house().await;
    let first = keyed(&house, "administrator", "/v1/tokens", "k", &json!({"roles": []})).await;
    let again = keyed(&house, "administrator", "/v1/tokens", "k", &json!({"roles": []})).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(again.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn two_at_once_do_it_once() {
    let house = house().await;
    let body = json!({"name": "Bo", "identities": {"email": "bo@staff.example"}});
    let calls = (0..8).map(|_| keyed(&house, "administrator", "/v1/people", "bo", &body));
    let answers = futures::future::join_all(calls).await;
    for answer in &answers {
        assert!(matches!(answer.status.as_u16(), 201 | 409), "{}", answer.text());
    }
    let people = house.call("administrator", "GET", "/v1/people", Value::Null).await.json();
    let named = people["items"].as_array().unwrap().iter().filter(|person| person["name"] == "Bo").count();
    assert_eq!(named, 1);
}

/// Goes along with a call for so many steps, then drops it; `true` if it was answered by then.
async fn for_steps(steps: usize, call: impl Future<Output = Answer>) -> bool {
    let (mut call, mut left) = (pin!(call), steps);
    poll_fn(|context| {
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn whoever_hangs_up_at_any_step_is_answered_under_the_same_key_soon() {
    let house = house().await;
    for steps in 1.. {
        let (key, name) = (format!("k{steps}"), format!("Bo {steps}"));
        let body = json!({"name": name, "identities": {"email": format!("bo{steps}@staff.example")}});
        let call = || keyed(&house, "administrator", "/v1/people", &key, &body);
        let answered = for_steps(steps, call()).await;
        // Far below the time after which a key counts as abandoned.
        let deadline = Instant::now() + Duration::from_secs(30);
        let again = loop {
            let again = call().await;
            if again.status != 409 {
                break again;
            }
            assert!(Instant::now() < deadline, "after {steps} steps the key stays busy: {}", again.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(again.status, 201, "after {steps} steps: {}", again.text());
        let people = house.call("administrator", "GET", "/v1/people", Value::Null).await.json();
        let named = people["items"].as_array().unwrap().iter().filter(|person| person["name"] == *name);
        assert_eq!(named.count(), 1, "after {steps} steps");
        if answered {
            assert!(steps > 1, "it was dropped on the way");
            break;
        }
    }
}
