//! Ids in the addresses of portal and account, as somebody meets them who has no business there: whatever is asked for
//! answers as if it were not there, and stands afterwards. The rows are the routes that the code has.

use countersign_service::ports::store::{Change, IndexTerm, Needs, RecordChange};
use countersign_web::{SignIn, WebOptions};
use serde_json::{Value, json};

use crate::given::House;
use crate::portal::browser::{Browser, Page};
use crate::portal::{link, open_with};
use crate::sign::inside;

const ROUTES: [&str; 2] = [include_str!("../../src/portal.rs"), include_str!("../../src/sign.rs")];
/// Whoever knows such an address was handed a secret; `sign/attack.rs` asks those.
const SECRETS: [&str; 2] = ["/sign-in/invitation/{secret}", "/sign-in/mail/{secret}"];
/// Where the code of a mail is typed.
const CODE: &str = "/privacy/requests/{id}/code";
const CALLERS: [&str; 3] = ["nobody", "the holder of another request's key", "another who is signed in"];
const NOWHERE: &str = "0198c2a4-7b1e-7000-8000-000000000001";
const SESSION: &str = "__Host-countersign_session";
const KEY: &str = "k0123456789ab";

/// Every route with an id in it, with its method.
fn routes() -> Vec<(&'static str, &'static str)> {
    let mut routes = Vec::new();
    for line in ROUTES.iter().flat_map(|text| text.lines()).filter(|line| line.trim().starts_with(".route("))
    {
        let path = line.split('"').nth(1).unwrap();
        if path.contains('{') && !path.contains("{*") && !SECRETS.contains(&path) {
            let methods = [("GET", "get("), ("POST", "post(")];
            routes.extend(
                methods.iter().filter(|(_, word)| line.contains(word)).map(|(name, _)| (*name, path)),
            );
        }
    }
    routes
}

/// Everything that is somebody's here.
struct Anas<'a> {
    browser: Browser<'a>,
    request: String,
    mandate: String,
    session: String,
}

/// Ana's request, proved; one by her agent; and a reviewer with a session and a passkey.
async fn begin(house: &House) -> Anas<'_> {
    let mut browser = Browser { origin: Some("https://privacy.test"), ..Browser::new(house) };
    let page = browser.get("/privacy").await;
    let at = browser.send(&page, &[("action", "erase"), ("email", "ana@example.test")]).await.location;
    let link = link(house, "ana@example.test").await;
    let page = browser.get(&link).await;
    browser.send(&page, &[]).await;
    assert!(browser.get(&at).await.text.contains("Erase my data"));
    let body = json!({"action": "erase", "requester": "agent", "subject": {"email": "ana@example.test"}, "mandate": "hers"});
    let mandate = house.call("submitter", "POST", "/v1/requests", body).await.json();
    let mut reviewer = inside(house, "reviewer").await;
    let person = house.people["reviewer"];
    let sessions = format!("/v1/people/{person}/sessions");
    let listed = house.call("administrator", "GET", &sessions, Value::Null).await.json();
    let numbers = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let passkey = json!({
        "label": KEY, "person": person, "device": "Hers", "enrolled_at": crate::given::NOW_MS, "used_at": null,
        "key": {"cred": {
            "cred_id": "AAAA", "counter": 0, "transports": null, "user_verified": true, "backup_eligible": false,
            "backup_state": false, "registration_policy": "required", "extensions": {}, "attestation_format": "none",
            "cred": {"type_": "ES256", "key": {"EC_EC2": {"curve": "SECP256R1", "x": numbers, "y": numbers}}},
            "attestation": {"data": "None", "metadata": "None"},
        }},
    });
    let put = RecordChange::Put {
        kind: "passkey".to_owned(),
        id: "one".to_owned(),
        body: serde_json::to_vec(&passkey).unwrap(),
        terms: vec![IndexTerm { name: "person".to_owned(), value: person.as_bytes().to_vec() }],
        expires_at: None,
        expect: Some(0),
    };
    let decide = move |_: &_| Ok(Change { records: vec![put.clone()], ..Change::default() });
    house.service.store().act(Needs::default(), Box::new(decide)).await.unwrap();
    assert!(reviewer.get("/account").await.text.contains("Hers"));
    Anas {
        browser,
        request: at.rsplit('/').next().unwrap().to_owned(),
        mandate: mandate["id"].as_str().unwrap().to_owned(),
        session: listed["items"][0]["id"].as_str().unwrap().to_owned(),
    }
}

/// Somebody else, with what they have.
async fn stranger<'a>(house: &'a House, caller: &str, request: &str) -> Browser<'a> {
    let mut browser = match caller {
        "another who is signed in" => inside(house, "operator").await,
        _ => Browser::new(house),
    };
    browser.origin = Some("https://privacy.test");
    let mut key = browser.cookies.get(SESSION).cloned();
    if caller.contains("key") {
        let page = browser.get("/privacy").await;
        let at = browser.send(&page, &[("action", "erase"), ("email", "bob@example.test")]).await.location;
        let own = at.rsplit('/').next().unwrap();
        key = browser.cookies.get(&format!("__Host-countersign-{own}")).cloned();
        assert!(key.is_some(), "{:?}", browser.cookies);
    }
    // Their own key, by the name of what they want to open.
    if let Some(key) = key {
        for id in [request, NOWHERE] {
            browser.cookies.insert(format!("__Host-countersign-{id}"), key.clone());
        }
    }
    browser
}

async fn ask(browser: &mut Browser<'_>, method: &str, path: &str) -> Page {
    if method == "GET" {
        let zero = "0".repeat(64);
        return browser.get(&format!("{path}?key={zero}")).await;
    }
    // A form of their own, with everything filled in that any of them asks for.
    let own = if path.starts_with("/privacy") { "/privacy" } else { "/account" };
    let mut page = browser.get(own).await;
    if page.status == 303 {
        page = browser.get("/sign-in").await;
    }
    let (_, hidden) = page.form("");
    let mut fields: Vec<(&str, &str)> = hidden
        .iter()
        .filter(|(name, _)| name == "form" || name == "token")
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let zero = "0".repeat(64);
    fields.extend([("code", "00000000"), ("key", &*zero), ("answer", "revoke")]);
    browser.post(path, &fields).await
}

/// What was answered, but for the id itself.
fn bare(page: &Page, id: &str) -> (u16, String, String) {
    let text = page.without_forms(&page.text);
    (page.status, page.location.replace(id, "ID"), text.replace(id, "ID"))
}

#[tokio::test]
async fn what_is_anothers_answers_as_if_it_were_not_there_and_stands_afterwards() {
    let sign_in = SignIn { url: "https://privacy.test".to_owned(), proxies: 0 };
    let house = open_with(WebOptions { sign_in, ..WebOptions::default() }).await;
    let mut anas = begin(&house).await;
    let rows = routes();
    assert!(rows.len() >= 13, "the routes are read from the code: {rows:?}");
    for caller in CALLERS {
        let mut browser = stranger(&house, caller, &anas.request).await;
        for (method, route) in &rows {
            let (part, real, none) = match *route {
                it if it.starts_with("/privacy/requests/{id}") => ("{id}", &*anas.request, NOWHERE),
                "/privacy/mandates/{id}" => ("{id}", &*anas.mandate, NOWHERE),
                "/account/sessions/{session}/end" => ("{session}", &*anas.session, "s000000000000"),
                "/account/passkeys/{passkey}/remove" => ("{passkey}", KEY, "k000000000000"),
                other => panic!("a new route with an id: say here what is somebody's behind it: {other}"),
            };
            let there = ask(&mut browser, method, &route.replace(part, real)).await;
            let nowhere = ask(&mut browser, method, &route.replace(part, none)).await;
            if *route == CODE {
                // It is typed in any browser that has the address, which is random; there are five tries, and then none.
                assert_eq!((there.status, there.text.len()), (303, 0), "{caller}");
                assert!(
                    there
                        .headers
                        .get_all("set-cookie")
                        .iter()
                        .all(|set| { !set.to_str().unwrap().contains(real) })
                );
            } else {
                assert_eq!(bare(&there, real), bare(&nowhere, none), "{caller}: {method} {route}");
            }
            for told in ["ana@example.test", "Erase my data", "hers", "Hers"] {
                assert!(!there.text.contains(told), "{caller}: {method} {route}: {}", there.text);
            }
        }
    }
    let page = anas.browser.get(&format!("/privacy/requests/{}", anas.request)).await;
    assert!(page.text.contains("Erase my data") && page.text.contains("In progress"), "{}", page.text);
    for id in [&anas.request, &anas.mandate] {
        let seen = house.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json();
        assert_eq!(seen["status"], "waiting");
    }
    let person = house.people["reviewer"];
    let listed = house
        .call("administrator", "GET", &format!("/v1/people/{person}/sessions"), Value::Null)
        .await
        .json();
    assert_eq!(listed["items"][0]["id"], *anas.session, "the session stands");
    assert_eq!(house.service.store().page("passkey", None, 10).await.unwrap().len(), 1, "the key stands");
}
