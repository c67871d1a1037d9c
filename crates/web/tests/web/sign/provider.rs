//! Signing in by an identity provider, as a browser does it, and as somebody tries to who means it no good.

mod people;

use countersign_web::WebOptions;
use serde_json::{Value, json};

use super::super::given::provider::{Asked, CLIENT, ISSUER, Idp, SETTINGS as OIDC, Sign};
use super::super::given::{House, SETTINGS, house_set};
use super::super::portal::browser::{Browser, Page};

const SESSION: &str = "countersign_session";

async fn company() -> (House, Idp) {
    let idp = Idp::default();
    let settings = format!("{SETTINGS}[actions.erase]\nstep_up = \"5m\"\n{OIDC}");
    (house_set(WebOptions::default(), &settings, &[], Some(idp.provider())).await, idp)
}

/// To the provider, by way of the door.
async fn begun(browser: &mut Browser<'_>, return_to: &str) -> Asked {
    let door = browser.get(&format!("/sign-in?return_to={return_to}")).await;
    assert!(door.text.contains("Sign in with Example Login"), "{}", door.text);
    Asked::of(&browser.get(&format!("/sign-in/oidc?return_to={return_to}")).await.location)
}

/// Signs in with these claims beside the usual ones.
async fn come(browser: &mut Browser<'_>, idp: &Idp, claims: Value) -> Page {
    let asked = begun(browser, "/account/sessions").await;
    let back = idp.back(&asked, &claims, Sign::Well);
    browser.get(&back).await
}

async fn inside<'a>(house: &'a House, idp: &Idp, claims: Value) -> Browser<'a> {
    let mut browser = Browser::new(house);
    let came = come(&mut browser, idp, claims).await;
    assert_eq!((came.status, &*came.location), (303, "/account/sessions"), "{}", came.text);
    browser
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    browser.get("/account").await.status == 200
}

#[tokio::test]
async fn way_there_is_bound_to_the_browser_and_asks_what_the_protocol_demands() {
    let (house, idp) = company().await;
    let mut browser = Browser::new(&house);
    let asked = begun(&mut browser, "/account/sessions").await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("scope", "openid profile email"),
        ("redirect_uri", "http://127.0.0.1:7300/sign-in/oidc/back"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked.0[name], value);
    }
    assert!(!asked.0.contains_key("prompt") && !asked.0.contains_key("max_age"));
    let other = begun(&mut browser, "/account").await;
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(asked.0[name].len(), 43);
        assert_ne!(asked.0[name], other.0[name]);
    }
    // Two tabs: each comes back to where it wanted to go.
    let came = browser.get(&idp.back(&asked, &json!({}), Sign::Well)).await;
    assert_eq!(came.location, "/account/sessions");
    assert_eq!(came.header("referrer-policy"), "no-referrer");
}

/// A session that somebody planted in a browser before its user signs in.
#[tokio::test]
async fn session_begins_with_a_secret_that_nobody_had_before() {
    let (house, idp) = company().await;
    let planted = format!("cs_session_{}", "a".repeat(64));
    let mut browser = Browser::new(&house);
    browser.cookies.insert(SESSION.to_owned(), planted.clone());
    come(&mut browser, &idp, json!({})).await;
    assert!(is_in(&mut browser).await);
    let word = &browser.cookies[SESSION];
    assert!(*word != planted && !browser.cookies.contains_key("countersign_browser"), "{word}");
    let mut mallory = Browser::new(&house);
    mallory.cookies.insert(SESSION.to_owned(), planted);
    assert!(!is_in(&mut mallory).await);
}

/// Mallory wants Bo to be signed in as Mallory, so that Bo's doings are hers to read.
#[tokio::test]
async fn answer_that_another_browser_asked_for_lets_nobody_in() {
    let (house, idp) = company().await;
    let mut mallory = Browser::new(&house);
    let asked = begun(&mut mallory, "/account").await;
    let hers = idp.back(&asked, &json!({"sub": "mallory", "email": "m@staff.example"}), Sign::Well);
    let mut bo = Browser::new(&house);
    begun(&mut bo, "/account").await;
    for path in [
        &*hers,
        "/sign-in/oidc/back?code=code-1",
        "/sign-in/oidc/back?code=code-1&state=",
        "/sign-in/oidc/back",
    ] {
        let came = bo.get(path).await;
        assert_eq!((came.status, came.text.contains("This way in is used up")), (410, true), "{path}");
        assert!(!bo.cookies.contains_key(SESSION));
    }
    assert_eq!(idp.codes_left(), 1, "a code was exchanged for a browser that did not ask");
    // Hers it is still.
    assert_eq!(mallory.get(&hers).await.status, 303);
}

#[tokio::test]
async fn answer_works_once() {
    let (house, idp) = company().await;
    let mut browser = Browser::new(&house);
    let asked = begun(&mut browser, "/account").await;
    let back = idp.back(&asked, &json!({}), Sign::Well);
    let before = browser.cookies.clone();
    assert_eq!(browser.get(&back).await.status, 303);
    // Whoever read it, and has the browser's word of then.
    let mut mallory = Browser::new(&house);
    mallory.cookies = before.clone();
    assert_eq!(mallory.get(&back).await.status, 410);
    // An answer that proved nothing is used up too.
    let asked = begun(&mut mallory, "/account").await;
    assert_eq!(mallory.get(&idp.back(&asked, &json!({"nonce": "x"}), Sign::Well)).await.status, 403);
    assert_eq!(mallory.get(&idp.back(&asked, &json!({}), Sign::Well)).await.status, 410);
    assert!(!mallory.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn token_that_proves_nothing_lets_nobody_in_and_says_nothing() {
    let (house, idp) = company().await;
    let old = crate::given::NOW_MS / 1000 - 1000;
    for (claims, sign) in [
        (json!({}), Sign::Not),
        (json!({}), Sign::WithThePublicKey),
        (json!({}), Sign::ByAStranger),
        (json!({}), Sign::Forged),
        (json!({"nonce": "another"}), Sign::Well),
        (json!({"nonce": null}), Sign::Well),
        (json!({"iss": "https://evil.test"}), Sign::Well),
        (json!({"aud": "another"}), Sign::Well),
        (json!({"aud": [CLIENT, "another"], "azp": "another"}), Sign::Well),
        (json!({"exp": old}), Sign::Well),
        (json!({"at_hash": "AAAA"}), Sign::Well),
        (json!({"sub": null}), Sign::Well),
    ] {
        let mut browser = Browser::new(&house);
        let asked = begun(&mut browser, "/account").await;
        let came = browser.get(&idp.back(&asked, &claims, sign)).await;
        assert_eq!((came.status, came.text.contains("You are not signed in")), (403, true), "{claims}");
        assert!(!browser.cookies.contains_key(SESSION), "{claims}");
        for word in ["nonce", "signature", "issuer", "token", "olga"] {
            assert!(!came.text.contains(word), "{word}: {}", came.text);
        }
    }
}

#[tokio::test]
async fn another_provider_cannot_hand_in_an_answer_and_a_refusal_is_told() {
    let (house, idp) = company().await;
    let elsewhere = |back: &str| back.replace("login.test", "evil.test");
    let silent = |back: &str| back.split("&iss=").next().unwrap().to_owned();
    for change in [&elsewhere as &dyn Fn(&str) -> String, &silent] {
        let mut browser = Browser::new(&house);
        let asked = begun(&mut browser, "/account").await;
        let back = change(&idp.back(&asked, &json!({}), Sign::Well));
        assert_eq!(browser.get(&back).await.status, 403, "{back}");
        assert!(!browser.cookies.contains_key(SESSION));
    }
    let mut browser = Browser::new(&house);
    let asked = begun(&mut browser, "/account").await;
    let refused = format!(
        "/sign-in/oidc/back?error=access_denied&error_description=%3Cscript%3E&state={}&iss={}",
        asked.0["state"], "https%3A%2F%2Flogin.test"
    );
    let came = browser.get(&refused).await;
    assert_eq!((came.status, came.text.contains("<script>")), (403, false), "{}", came.text);
    idp.goes_down();
    let (house, idp) = company().await;
    idp.goes_down();
    let mut browser = Browser::new(&house);
    let came = browser.get("/sign-in/oidc").await;
    assert_eq!((came.status, came.text.contains("cannot be reached")), (502, true), "{}", came.text);
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found_and_nobody_makes_us_ask_for_them_all_day() {
    let (house, idp) = company().await;
    inside(&house, &idp, json!({})).await;
    idp.change_key();
    inside(&house, &idp, json!({})).await;
    let asked_for = idp.asked_for_keys();
    for _ in 0..3 {
        let mut browser = Browser::new(&house);
        let asked = begun(&mut browser, "/account").await;
        assert_eq!(browser.get(&idp.back(&asked, &json!({}), Sign::ByAStranger)).await.status, 403);
    }
    assert_eq!(idp.asked_for_keys(), asked_for);
}

#[tokio::test]
async fn nobody_is_led_to_another_host_or_sent_to_sign_in_by_another_site() {
    let (house, idp) = company().await;
    for to in
        ["https://evil.test", "//evil.test", "/%5Cevil.test", "%2F%2Fevil.test", "/%0d%0aset-cookie:x=1"]
    {
        let mut browser = Browser::new(&house);
        let asked = Asked::of(&browser.get(&format!("/sign-in/oidc?return_to={to}")).await.location);
        let came = browser.get(&idp.back(&asked, &json!({}), Sign::Well)).await;
        assert_eq!((came.status, &*came.location), (303, "/account"), "{to}");
    }
    for site in ["cross-site", "same-site"] {
        let mut browser = Browser::new(&house);
        browser.site = Some(site);
        let sent = browser.get("/sign-in/oidc?return_to=/account").await;
        assert_eq!(sent.location, "/sign-in?return_to=/account");
    }
    let mut browser = Browser::new(&house);
    browser.site = Some("same-origin");
    assert!(browser.get("/sign-in/oidc").await.location.starts_with(ISSUER));
}

#[tokio::test]
async fn proving_anew_at_the_provider_lets_its_holder_vote_and_nobody_else() {
    let (house, idp) = company().await;
    let request = house.erasure().await;
    let id = request["id"].as_str().unwrap();
    let here = format!("/console/requests/{id}");
    let mut olga = inside(&house, &idp, json!({})).await;
    let page = olga.get(&here).await;
    let vote = [("vote", "approve")];
    let sent = olga.send_to(&page, "/vote", &vote).await;
    assert_eq!(sent.location, format!("/sign-in/again?return_to={here}"));
    let again = olga.get(&sent.location).await;
    assert!(again.text.contains("Confirm with Example Login"), "{}", again.text);
    let way = format!("/sign-in/again/oidc?return_to={here}");
    let now = crate::given::NOW_MS / 1000;
    for claims in [
        json!({"auth_time": now - 1000}),
        json!({}),
        json!({"auth_time": now, "sub": "otto"}),
        json!({"auth_time": now, "nonce": "x"}),
    ] {
        let asked = Asked::of(&olga.get(&way).await.location);
        assert_eq!((&*asked.0["prompt"], &*asked.0["max_age"]), ("login", "0"));
        assert_eq!(olga.get(&idp.back(&asked, &claims, Sign::Well)).await.status, 403, "{claims}");
        let page = olga.get(&here).await;
        let sent = olga.send_to(&page, "/vote", &vote).await;
        assert!(sent.location.starts_with("/sign-in/again"), "{claims}: {}", sent.location);
    }
    // What was asked for a session is none of another's.
    let asked = Asked::of(&olga.get(&way).await.location);
    let back = idp.back(&asked, &json!({"auth_time": now}), Sign::Well);
    let mut otto = inside(&house, &idp, json!({"sub": "otto", "email": "otto@staff.example"})).await;
    assert_eq!(otto.get(&back).await.location, "/account");
    assert_eq!(olga.get(&back).await.location, here);
    let page = olga.get(&here).await;
    assert_eq!(olga.send_to(&page, "/vote", &vote).await.location, format!("{here}?note=approved"));
}

#[tokio::test]
async fn word_of_the_provider_ends_the_sessions_that_it_names_and_counts_once() {
    let (house, idp) = company().await;
    let mut desk = inside(&house, &idp, json!({"sid": "desk"})).await;
    let mut phone = inside(&house, &idp, json!({"sid": "phone"})).await;
    let mut otto =
        inside(&house, &idp, json!({"sub": "otto", "email": "otto@staff.example", "sid": "his"})).await;
    let mut invited = super::inside(&house, "auditor").await;
    let mut anybody = Browser::new(&house);
    anybody.origin = None;
    let out = "/sign-in/oidc/logout";
    for refused in [
        String::new(),
        "x".to_owned(),
        idp.logout(&json!({"sid": "desk", "nonce": "n"})),
        idp.logout(&json!({"sid": "desk", "events": null})),
        idp.logout(&json!({"sid": "desk", "iss": "https://evil.test"})),
        idp.logout(&json!({"sid": "desk", "aud": "another"})),
        idp.logout(&json!({"sid": "desk", "jti": null})),
        idp.logout(&json!({})),
        idp.logout_signed(&json!({"sid": "desk"}), Sign::Not),
        idp.logout_signed(&json!({"sid": "desk"}), Sign::Forged),
    ] {
        let answer = anybody.post(out, &[("logout_token", &refused)]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (400, "no-store"), "{refused}");
    }
    assert!(is_in(&mut desk).await && is_in(&mut phone).await);
    // A session of somebody else than is named stays.
    let crossed = idp.logout(&json!({"jti": "crossed", "sid": "his", "sub": "olga"}));
    assert_eq!(anybody.post(out, &[("logout_token", &crossed)]).await.status, 200);
    assert!(is_in(&mut otto).await);
    let word = idp.logout(&json!({"sid": "desk", "sub": "olga"}));
    assert_eq!(anybody.post(out, &[("logout_token", &word)]).await.status, 200);
    assert!(!is_in(&mut desk).await && is_in(&mut phone).await);
    assert_eq!(anybody.post(out, &[("logout_token", &word)]).await.status, 400, "it was taken before");
    let all = idp.logout(&json!({"jti": "two", "sub": "olga"}));
    assert_eq!(anybody.post(out, &[("logout_token", &all)]).await.status, 200);
    assert!(!is_in(&mut phone).await && is_in(&mut otto).await && is_in(&mut invited).await);
    assert_eq!(anybody.get(out).await.status, 405);
}

#[tokio::test]
async fn signing_out_here_offers_to_sign_out_there() {
    let (house, idp) = company().await;
    let mut olga = inside(&house, &idp, json!({})).await;
    let page = olga.get("/account").await;
    let out = olga.send_to(&page, "/sign-out", &[]).await;
    assert_eq!(out.location, "/sign-in?note=out_here");
    let door = olga.get(&out.location).await;
    let way = "https://login.test/out?client_id=countersign+at+the+desk&amp;\
        post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A7300%2Fsign-in";
    assert!(door.text.contains(way), "{}", door.text);
    assert!(!is_in(&mut olga).await);
}
