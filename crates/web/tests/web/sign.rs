//! Signing in, as a browser does it.

mod attack;
pub(crate) mod codes;
mod provider;

use http::StatusCode;
use serde_json::{Value, json};

use crate::given::{House, house};
use crate::portal::browser::Browser;

/// The path of a link that lets `who` in.
pub(crate) async fn invitation(house: &House, who: &str) -> String {
    let path = format!("/v1/people/{}/invitation", house.people[who]);
    // Administrators do it for each other; here there is one.
    let answer = house.call("administrator", "POST", &path, Value::Null).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let link = answer.json()["link"].as_str().unwrap().to_owned();
    link.find("/sign-in/").map(|at| link[at..].to_owned()).unwrap()
}

/// A browser in which `who` is signed in.
pub(crate) async fn inside<'a>(house: &'a House, who: &str) -> Browser<'a> {
    let link = invitation(house, who).await;
    let mut browser = Browser::new(house);
    let page = browser.get(&link).await;
    let entered = browser.send_to(&page, &link, &[]).await;
    assert_eq!((entered.status, &*entered.location), (303, "/account"), "{}", entered.text);
    browser
}

#[tokio::test]
async fn invitation_lets_its_person_in_once_and_looking_at_it_changes_nothing() {
    let house = house().await;
    let link = invitation(&house, "reviewer").await;
    let mut browser = Browser::new(&house);
    // A scanner of mails, a preview, a curious proxy.
    for _ in 0..3 {
        assert!(Browser::new(&house).get(&link).await.text.contains("Welcome, reviewer"));
    }
    let page = browser.get(&link).await;
    let entered = browser.send_to(&page, &link, &[]).await;
    assert_eq!(entered.location, "/account");
    let account = browser.get("/account").await;
    assert!(
        account.text.contains("reviewer@staff.example") && account.text.contains("Privacy")
            || account.text.contains("privacy")
    );
    let mut second = Browser::new(&house);
    let page = second.get(&link).await;
    assert_eq!(page.status, 410);
    assert!(page.text.contains("works no longer"));
    // Sent again by the browser that came in: it is in.
    let link_again = browser.get(&link).await;
    assert_eq!(link_again.status, 410);
}

#[tokio::test]
async fn newer_invitation_takes_the_place_of_an_older_one() {
    let house = house().await;
    let (old, new) = (invitation(&house, "reviewer").await, invitation(&house, "reviewer").await);
    let mut browser = Browser::new(&house);
    assert_eq!(browser.get(&old).await.status, 410);
    assert_eq!(browser.get(&new).await.status, 200);
    assert_eq!(browser.get("/sign-in/invitation/none").await.status, 410);
}

#[tokio::test]
async fn whoever_is_not_in_is_led_to_the_door_and_back() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let sent = browser.get("/account/sessions?note=ended").await;
    assert_eq!(sent.location, "/sign-in?return_to=/account/sessions%3Fnote%3Dended");
    let mut inside = inside(&house, "auditor").await;
    assert_eq!(inside.get(&sent.location).await.location, "/account/sessions?note=ended");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_person_and_by_an_administrator() {
    let house = house().await;
    let mut one = inside(&house, "reviewer").await;
    let mut other = inside(&house, "reviewer").await;
    let page = one.get("/account/sessions").await;
    assert!(page.text.contains("This one"), "{}", page.text);
    // The only one that can be ended here is the other.
    let ended = one.send_to(&page, "/end", &[]).await;
    assert_eq!(ended.location, "/account/sessions?note=ended");
    assert_eq!(other.get("/account").await.status, 303);
    assert_eq!(one.get("/account").await.status, 200);

    let sessions = format!("/v1/people/{}/sessions", house.people["reviewer"]);
    let listed = house.call("administrator", "GET", &sessions, Value::Null).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["means"], "invitation");
    let own = house.call("reviewer", "GET", &sessions, Value::Null).await;
    assert_eq!(own.status, 200);
    assert_eq!(house.call("operator", "GET", &sessions, Value::Null).await.status, 403);
    let path = format!("{sessions}/{}", listed["items"][0]["id"].as_str().unwrap());
    assert_eq!(house.call("operator", "DELETE", &path, Value::Null).await.status, 403);
    // By another person's path it is not found.
    let elsewhere =
        path.replace(&house.people["reviewer"].to_string(), &house.people["operator"].to_string());
    assert_eq!(house.call("administrator", "DELETE", &elsewhere, Value::Null).await.status, 404);
    assert_eq!(house.call("administrator", "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(one.get("/account").await.status, 303);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_not_only_the_cookie() {
    let house = house().await;
    let mut browser = inside(&house, "reviewer").await;
    let kept = browser.cookies.clone();
    let page = browser.get("/account").await;
    let out = browser.send_to(&page, "/sign-out", &[]).await;
    assert_eq!(out.location, "/sign-in?note=out");
    assert_eq!(out.header("clear-site-data"), "\"cache\"");
    assert_eq!(out.header("strict-transport-security"), "", "it is served in clear here");
    assert!(!browser.cookies.contains_key("countersign_session"));
    browser.cookies = kept;
    assert_eq!(browser.get("/account").await.status, 303);
}

#[tokio::test]
async fn invitation_by_one_of_two_administrators_waits_for_the_other() {
    let house = house().await;
    let body = json!({"name": "ada", "identities": {"email": "ada@staff.example"}, "administers": true});
    let ada = house.call("administrator", "POST", "/v1/people", body).await.json();
    let link = |id: &str| format!("/v1/people/{id}/invitation");
    let ada = ada["id"].as_str().unwrap();
    // There is one who could administer: who is invited cannot yet.
    let invited = house.call("administrator", "POST", &link(ada), Value::Null).await;
    assert_eq!(invited.status, 201);
    let path = invited.json()["link"].as_str().unwrap().replace("http://127.0.0.1:7300", "");
    let mut browser = Browser::new(&house);
    let page = browser.get(&path).await;
    assert_eq!(browser.send_to(&page, &path, &[]).await.status, 303);
    // Now there are two, also while the second has no token.
    let reviewer = house.people["reviewer"].to_string();
    let first = house.call("administrator", "POST", &link(&reviewer), Value::Null).await;
    assert_eq!((first.status, &*first.code()), (StatusCode::CONFLICT, "needs_second_administrator"));
}
