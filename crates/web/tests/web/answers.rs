//! What an answer says whichever door it comes from: when to come again, and that no proxy holds a feed back.

use axum::body::Body;
use countersign_service::Refusal;
use countersign_web::WebOptions;
use http::Request;
use serde_json::Value;
use tower::ServiceExt;

use crate::given::{house, house_with};
use crate::portal::browser::Browser;
use crate::portal::open_with;
use crate::sign::inside;

/// A page of the portal and one of signing in, which both ask the store and need no key.
const PAGES: [&str; 2] =
    ["/privacy/requests/0198c2a4-7b1e-7000-8000-000000000001/confirm?key=none", "/sign-in/invitation/none"];

#[tokio::test]
async fn every_door_says_when_to_come_again_while_the_store_is_away() {
    let house = open_with(WebOptions::default()).await;
    let mut olga = inside(&house, "reviewer").await;
    house.store.refuse(Refusal::Unavailable);
    for path in ["/console", "/console/requests", "/console/feed", "/account"] {
        let page = olga.get(path).await;
        assert_eq!((page.status, page.header("retry-after")), (503, "1"), "{path}: {}", page.text);
    }
    for path in PAGES {
        let page = Browser::new(&house).get(path).await;
        assert_eq!((page.status, page.header("retry-after")), (503, "1"), "{path}: {}", page.text);
    }
    for path in ["/v1/requests", "/v1/feed", "/readyz"] {
        let answer = house.call("auditor", "GET", path, Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{path}");
    }
    let alive = house.call("", "GET", "/healthz", Value::Null).await;
    assert_eq!((alive.status.as_u16(), alive.header("retry-after")), (200, ""));
}

#[tokio::test]
async fn page_tells_what_is_away_from_what_does_not_fit() {
    let house = open_with(WebOptions::default()).await;
    for (refusal, status, again) in [
        (Refusal::Unavailable, 503, "1"),
        (Refusal::Stale, 409, ""),
        (Refusal::invalid("key", "is none"), 422, ""),
    ] {
        house.store.refuse(refusal);
        for path in PAGES {
            let page = Browser::new(&house).get(path).await;
            assert_eq!((page.status, page.header("retry-after")), (status, again), "{path}: {}", page.text);
            assert!(page.text.contains("Something is not right at our side"), "{path}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn feed_without_room_says_when_to_come_again() {
    let house = house_with(WebOptions { feeds: 0, ..WebOptions::default() }).await;
    let page = inside(&house, "reviewer").await.get("/console/feed").await;
    assert_eq!((page.status, page.header("retry-after")), (503, "1"), "{}", page.text);
    let answer = house.call("auditor", "GET", "/v1/feed", Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{}", answer.text());
}

#[tokio::test]
async fn no_proxy_gathers_what_a_feed_tells() {
    let house = house().await;
    let token = format!("Bearer {}", house.token("auditor"));
    let cookie = inside(&house, "reviewer").await.cookie();
    for (path, name, value) in [("/v1/feed", "authorization", token), ("/console/feed", "cookie", cookie)] {
        let request = Request::get(path).header(name, value).body(Body::empty()).unwrap();
        let answer = house.web.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/event-stream", "{path}");
        assert_eq!(answer.headers()["x-accel-buffering"], "no", "{path}");
    }
    let other = house.call("", "GET", "/healthz", Value::Null).await;
    assert_eq!(other.header("x-accel-buffering"), "");
}
