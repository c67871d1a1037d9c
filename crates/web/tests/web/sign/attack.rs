//! Tries to come in by what is not one's own.

use countersign_web::{SignIn, WebOptions};

use serde_json::{Value, json};

use super::{inside, invitation};
use crate::given::source::MARK;
use crate::given::{house, house_with};
use crate::portal::browser::Browser;

const SESSION: &str = "countersign_session";

#[tokio::test]
async fn session_that_was_planted_in_a_browser_is_not_the_one_that_its_user_gets() {
    let house = house().await;
    // Mallory's own session, and a word that she made up, planted in Bo's browser before he signs in.
    let mallory = inside(&house, "submitter").await.cookies[SESSION].clone();
    for planted in [mallory.clone(), format!("cs_session_{}", "0".repeat(64))] {
        let link = invitation(&house, "reviewer").await;
        let mut bo = Browser::new(&house);
        bo.cookies.insert(SESSION.to_owned(), planted.clone());
        let page = bo.get(&link).await;
        bo.send_to(&page, &link, &[]).await;
        assert_ne!(bo.cookies[SESSION], planted);
        assert!(bo.get("/account").await.text.contains("reviewer@staff.example"));
        let mut other = Browser::new(&house);
        other.cookies.insert(SESSION.to_owned(), planted);
        assert_eq!(other.get("/account").await.status, 303, "what was planted opens nothing afterwards");
    }
}

#[tokio::test]
async fn form_of_another_site_browser_or_session_does_nothing() {
    let house = house().await;
    let link = invitation(&house, "reviewer").await;
    let mut bo = Browser::new(&house);
    let page = bo.get(&link).await;
    let (_, own) = page.form(&link);
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (&**name, &**value)).collect();
    for origin in [Some("http://evil.test"), Some("null"), None] {
        bo.origin = origin;
        assert_eq!(bo.post(&link, &own).await.status, 403, "{origin:?}");
    }
    bo.origin = Browser::new(&house).origin;
    assert_eq!(bo.post(&link, &[]).await.status, 403);
    let mut mallory = Browser::new(&house);
    let hers = mallory.get(&link).await;
    let (_, hers) = hers.form(&link);
    let hers: Vec<(&str, &str)> = hers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(bo.post(&link, &hers).await.status, 403);
    assert_eq!(bo.post(&link, &own).await.status, 303);
    // The word from before signing in opens no form afterwards; another session's form neither.
    assert_eq!(bo.post("/sign-out", &own).await.status, 403);
    let mut auditor = inside(&house, "auditor").await;
    let (_, other) = auditor.get("/account").await.form("/sign-out");
    let other: Vec<(&str, &str)> = other.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(bo.post("/sign-out", &other).await.status, 403);
    assert_eq!(bo.get("/account").await.status, 200);
}

#[tokio::test]
async fn nothing_leads_to_another_host() {
    let house = house().await;
    let mut browser = inside(&house, "auditor").await;
    for to in ["https://evil.test", "//evil.test", "/\\evil.test", "%2F%2Fevil.test", "/%0d%0aset-cookie:x=1"]
    {
        let sent = browser.get(&format!("/sign-in?return_to={to}")).await;
        assert_eq!(sent.location, "/account", "{to}");
    }
    let link = invitation(&house, "auditor").await;
    let page = browser.get(&link).await;
    let sent = browser.send_to(&page, &link, &[("return_to", "//evil.test")]).await;
    assert_eq!(sent.location, "/account");
}

#[tokio::test]
async fn nothing_that_anybody_wrote_becomes_part_of_a_page() {
    let house = house().await;
    let body = json!({"name": MARK, "identities": {"email": "bo@staff.example"}, "roles": ["auditor"]});
    let bo = house.call("administrator", "POST", "/v1/people", body).await.json();
    let seat = format!("/v1/people/{}/seats/privacy", bo["id"].as_str().unwrap());
    assert!(house.call("administrator", "PUT", &seat, Value::Null).await.status.is_success());
    let path = format!("/v1/people/{}/invitation", bo["id"].as_str().unwrap());
    let made = house.call("administrator", "POST", &path, Value::Null).await.json();
    let link = made["link"].as_str().unwrap();
    let link = &link[link.find("/sign-in/").unwrap()..];
    let encoded = MARK.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    let mut bo = Browser::new(&house);
    let mut pages = Vec::new();
    for path in [
        link.to_owned(),
        format!("/sign-in?return_to={encoded}&note={encoded}&lang={encoded}"),
        format!("/sign-in/invitation/{encoded}"),
        format!("/sign-in/mail/{encoded}"),
        format!("/sign-in/mail/{encoded}?note={encoded}"),
        format!("/sign-in/oidc/back?error={encoded}&error_description={encoded}&state={encoded}"),
    ] {
        pages.push(bo.get(&path).await);
    }
    let entered = bo.send_to(&pages[0], link, &[("return_to", MARK)]).await;
    assert_eq!(entered.location, "/account");
    for path in [
        "/account".to_owned(),
        format!("/account?note={encoded}&lang={encoded}"),
        format!("/account/sessions?note={encoded}"),
        format!("/sign-in/again?return_to={encoded}&note={encoded}"),
    ] {
        pages.push(bo.get(&path).await);
    }
    let account = bo.get("/account").await;
    pages.push(bo.send_to(&account, "/account/totp", &[]).await);
    pages.push(bo.send_to(&account, "/account/totp", &[("form", MARK), ("token", MARK)]).await);
    let all: String = pages.iter().map(|page| &*page.text).collect();
    assert!(
        all.matches("&quot;'&gt;&lt;script&gt;").count() >= 4,
        "name and where to go on to are shown: {all}"
    );
    for page in pages.iter().filter(|page| page.header("content-type").starts_with("text/html")) {
        let text = page.text.to_lowercase();
        for part in ["<script>", "<img", "javascript:", " style=", "<style", " onclick="] {
            assert!(!text.contains(part), "{part} in {}", page.text);
        }
        let scripts = text.matches("<script").count();
        assert_eq!(scripts, text.matches("<script src=\"/sign-in/").count(), "our own alone: {}", page.text);
    }
    // A seat's name is not free: it cannot carry anything.
    let settings = crate::given::SETTINGS.replace("privacy", "privacy<b>");
    let files = json!({"settings.toml": settings, "maps/shop.toml": crate::given::MAP});
    assert_eq!(
        house.call("administrator", "POST", "/v1/settings", json!({"files": files})).await.status,
        422
    );
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sign");
    for file in std::fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            for sink in ["PreEscaped", "innerHTML =", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!text.contains(sink), "{} has {sink}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn pages_are_framed_by_nobody_and_kept_by_nobody() {
    let house = house().await;
    let link = invitation(&house, "auditor").await;
    let mut browser = inside(&house, "auditor").await;
    for path in ["/sign-in", "/account", "/account/sessions", &link, "/sign-in/invitation/none"] {
        let page = browser.get(path).await;
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        if page.status == 303 {
            continue;
        }
        let policy = page.header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn cookie_is_bound_to_its_host_and_is_no_token_and_a_token_is_no_cookie() {
    let sign_in = SignIn { url: "https://privacy.test".to_owned(), proxies: 0 };
    let house = house_with(WebOptions { sign_in, ..WebOptions::default() }).await;
    let path = format!("/v1/people/{}/invitation", house.people["auditor"]);
    let made = house.call("administrator", "POST", &path, serde_json::Value::Null).await;
    let link = made.json()["link"].as_str().unwrap().replace("https://privacy.test", "");
    let mut browser = Browser::new(&house);
    let page = browser.get(&link).await;
    let entered = browser.send_to(&page, &link, &[]).await;
    let set: Vec<&str> =
        entered.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    let session = set.iter().find(|set| set.starts_with("__Host-countersign_session=")).unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    assert_eq!(entered.header("strict-transport-security"), "max-age=31536000; includeSubDomains");

    let secret = browser.cookies["__Host-countersign_session"].clone();
    let bearer =
        http::Request::builder().uri("/v1/requests").header("authorization", format!("Bearer {secret}"));
    assert_eq!(house.send(bearer.body(axum::body::Body::empty()).unwrap()).await.status, 401);
    let cookie = format!("__Host-countersign_session={secret}");
    let with = http::Request::builder().uri("/v1/requests").header("cookie", cookie);
    assert_eq!(house.send(with.body(axum::body::Body::empty()).unwrap()).await.status, 401);
    let mut other = Browser::new(&house);
    for value in [house.token("auditor"), house.token("administrator"), "cs_session_", "x"] {
        other.cookies.insert("__Host-countersign_session".to_owned(), value.to_owned());
        assert_eq!(other.get("/account").await.status, 303);
    }
    // Without the prefix, whatever a sibling host may have set is not looked at.
    let mut sibling = Browser::new(&house);
    sibling.cookies.insert(SESSION.to_owned(), secret);
    assert_eq!(sibling.get("/account").await.status, 303);
}
