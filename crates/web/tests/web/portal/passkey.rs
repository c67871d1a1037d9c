//! A proof by passkey at the portal, and over the API: by a device in software and a browser that runs no script.

use std::time::Duration;

use axum::body::Body;
use countersign_testing::passkey::Passkey;
use countersign_web::{SignIn, WebOptions};
use http::Request;
use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::{link, portal};
use crate::given::{House, house_of};

const HERE: &str = "https://privacy.test";
/// One second proof or the other, and then two people.
const EXPORT: &str = "@id(\"export.self\")\npermit (principal, action == Action::\"export\", resource is Subject)\n\
    when { principal == resource && context.approvals.privacy >= 2 && context.verified.contains(\"email\")\n\
    && (context.verified.contains(\"totp\") || context.verified.contains(\"passkey\")) };\n";

async fn open() -> House {
    let sign_in = SignIn { url: HERE.to_owned(), proxies: 0 };
    at(WebOptions { portal: Some(portal()), sign_in, ..WebOptions::default() }).await
}

async fn at(options: WebOptions) -> House {
    house_of(options, &[("policies/export.cedar", EXPORT)]).await
}

/// Ana is invited, and sets a passkey up.
async fn set_up(house: &House) -> Passkey {
    let body = json!({"name": "Ana", "identities": {"email": "ana@example.test"}});
    let person = house.call("administrator", "POST", "/v1/people", body).await.json();
    let path = format!("/v1/people/{}/invitation", person["id"].as_str().unwrap());
    let invited = house.call("administrator", "POST", &path, Value::Null).await.json();
    let path = invited["link"].as_str().unwrap().strip_prefix(HERE).unwrap().to_owned();
    let mut browser = Browser::new(house);
    let page = browser.get(&path).await;
    assert_eq!(browser.send_to(&page, &path, &[]).await.location, "/account");
    let page = browser.get("/account").await;
    let asked = begin(&mut browser, &page, "/account/passkeys").await;
    let mut device = Passkey::new(1);
    let made = device.make(&serde_json::from_str(&asked.text).expect(&asked.text), HERE);
    let sent = browser.send_to(&page, "/account/passkeys", &[("answer", &made)]).await;
    assert_eq!(sent.location, "/account?note=set_up");
    // To have been set up before a request is not in the same millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    device
}

/// What the script of a form asks the server before it asks the browser.
async fn begin(browser: &mut Browser<'_>, page: &Page, ending: &str) -> Page {
    let (action, hidden) = page.form(ending);
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    browser.post(&format!("{action}/begin"), &fields).await
}

/// Asks and answers the mail; the request's path.
async fn asked(browser: &mut Browser<'_>, action: &str, email: &str) -> String {
    let page = browser.get("/privacy").await;
    let at = browser.send(&page, &[("action", action), ("email", email)]).await.location;
    let link = link(browser.house, email).await;
    let page = browser.get(&link).await;
    browser.send(&page, &[]).await;
    at
}

/// The page, once it says so: a worker looks at the sources.
async fn until(browser: &mut Browser<'_>, at: &str, said: &str) -> Page {
    for _ in 0..1000 {
        let page = browser.get(at).await;
        if page.text.contains(said) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never said: {said}\n{}", browser.get(at).await.text);
}

#[tokio::test]
async fn customer_confirms_by_a_passkey_and_a_second_press_changes_nothing() {
    let house = open().await;
    let mut device = set_up(&house).await;
    let mut ana = Browser::new(&house);
    let at = asked(&mut ana, "export", "ana@example.test").await;
    let page = until(&mut ana, &at, "data-passkey=\"use\"").await;
    assert!(page.text.contains("Waits for you"), "{}", page.text);
    assert!(page.text.contains("<noscript><p class=\"note bad\">This browser cannot use passkeys here."));

    // Without a script, or by a device that answered something else.
    for (answer, note) in [("", "wrong_passkey"), ("{}", "wrong_passkey")] {
        let sent = ana.send_to(&page, "/passkey", &[("answer", answer)]).await;
        assert_eq!(sent.location, format!("{at}?note={note}"));
        assert!(ana.get(&sent.location).await.text.contains("Nothing was confirmed"));
    }
    let begun: Value = serde_json::from_str(&begin(&mut ana, &page, "/passkey").await.text).unwrap();
    assert!(device.is_asked_for(&begun) && begun.get("mediation").is_none(), "{begun}");
    let wrong = device.answer(&begun, "https://evil.example");
    let sent = ana.send_to(&page, "/passkey", &[("answer", &wrong)]).await;
    assert_eq!(sent.location, format!("{at}?note=wrong_passkey"));
    let sent = ana.send_to(&page, "/passkey", &[("answer", &device.answer(&begun, HERE))]).await;
    assert_eq!(sent.location, format!("{at}?note=gone_passkey"), "it was used up");
    assert!(ana.get(&sent.location).await.text.contains("That took too long"));

    let begun: Value = serde_json::from_str(&begin(&mut ana, &page, "/passkey").await.text).unwrap();
    let right = device.answer(&begun, HERE);
    // A double click, and a form that was gone back to.
    for _ in 0..2 {
        let sent = ana.send_to(&page, "/passkey", &[("answer", &right)]).await;
        assert_eq!(sent.location, format!("{at}?note=confirmed"));
    }
    let page = until(&mut ana, &at, "Privacy: 0 of 2 have signed").await;
    assert!(page.text.contains("Your passkey confirmed that it is you"), "{}", page.text);
    assert!(!page.text.contains("data-passkey"));
    assert!(
        ana.get(&format!("{at}?lang=de")).await.text.contains("Ihr Passkey hat bestätigt, dass Sie es sind")
    );
}

#[tokio::test]
async fn passkey_that_nobody_has_or_that_works_nowhere_is_not_asked_for() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let at_page = asked(&mut ana, "export", "ana@example.test").await;
    let page = until(&mut ana, &at_page, "A second proof is needed").await;
    assert!(page.text.contains("We know of none") && !page.text.contains("data-passkey"), "{}", page.text);

    // Reached by a bare address over plain HTTP, as a node that nobody configured is.
    let house = at(WebOptions { portal: Some(portal()), ..WebOptions::default() }).await;
    let mut ana = Browser::new(&house);
    let at_page = asked(&mut ana, "export", "ana@example.test").await;
    let page = until(&mut ana, &at_page, "A second proof is needed").await;
    let (_, hidden) = page.form("/leave");
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(ana.post(&format!("{at_page}/passkey/begin"), &fields).await.status, 422);
    let sent = ana.post(&format!("{at_page}/passkey"), &[&fields[..], &[("answer", "{}")]].concat()).await;
    assert_eq!(sent.location, at_page);
}

#[tokio::test]
async fn nobody_learns_before_the_mail_is_answered_who_has_a_passkey() {
    let house = open().await;
    set_up(&house).await;
    let mut heard = Vec::new();
    for email in ["ana@example.test", "bob@example.test"] {
        let mut somebody = Browser::new(&house);
        let page = somebody.get("/privacy").await;
        let at = somebody.send(&page, &[("action", "erase"), ("email", email)]).await.location;
        let page = somebody.get(&at).await;
        let (_, hidden) = page.form("/code");
        let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        let begun = somebody.post(&format!("{at}/passkey/begin"), &fields).await;
        let proved = somebody.post(&format!("{at}/passkey"), &fields).await;
        // Nor does whoever has no key to it.
        somebody.cookies.retain(|name, _| !name.contains(at.rsplit('/').next().unwrap()));
        let stranger = somebody.post(&format!("{at}/passkey/begin"), &fields).await;
        let id = at.rsplit('/').next().unwrap().to_owned();
        let plain =
            |page: &Page| (page.status, page.text.replace(&id, "ID"), page.location.replace(&id, "ID"));
        heard.push([plain(&begun), plain(&proved), plain(&stranger)]);
    }
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0][0].0, 409);
}

#[tokio::test]
async fn passkey_proves_over_the_api_too() {
    let house = open().await;
    let mut device = set_up(&house).await;
    let (id, token) = house.subjects_own().await;
    let path = format!("/v1/requests/{id}/verifications");
    let call = async |method: &str, path: &str, body: Value| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        house.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let early = call("POST", &path, json!({"method": "passkey"})).await;
    assert_eq!((early.status.as_u16(), &*early.code()), (409, "too_early"));
    call("POST", &path, json!({"method": "email"})).await;
    let code = loop {
        let code = house.mail.lock().unwrap().iter().find_map(|mail| match &mail.about {
            countersign_service::ports::notifier::About::Code { code, .. } => Some(code.clone()),
            _ => None,
        });
        match code {
            Some(code) => break code,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    call("PUT", &format!("{path}/email"), json!({"code": code})).await;
    let mut begun = call("POST", &path, json!({"method": "passkey"})).await;
    for _ in 0..1000 {
        if begun.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        begun = call("POST", &path, json!({"method": "passkey"})).await;
    }
    let begun = begun.json();
    assert!(begun["expires_at"].is_string() && device.is_asked_for(&begun["passkey"]), "{begun}");
    let answer = device.answer(&begun["passkey"], HERE);
    let proved = call("PUT", &format!("{path}/passkey"), json!({"code": answer})).await;
    assert_eq!(proved.status, 200, "{}", proved.text());
    assert_eq!(proved.json()["verifications"][1]["method"], "passkey");
    let again = call("PUT", &format!("{path}/passkey"), json!({"code": answer})).await;
    assert_eq!((again.status.as_u16(), &*again.code()), (409, "no_challenge"));
}
