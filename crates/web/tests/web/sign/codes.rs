//! The pages that take a code: for whoever comes in by a mailed link, for whoever proves anew to be there, and what a vote
//! makes of it that asks for such a proof.

use std::time::Duration;

use countersign_service::ports::notifier::About;
use countersign_service::ports::store::Needs;
use countersign_web::WebOptions;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::inside;
use crate::given::{House, SETTINGS, house, house_set};
use crate::portal::browser::{Browser, Page};

const SESSION: &str = "countersign_session";

/// An authenticator app. A code of it is good once, and so is each before it.
pub(crate) struct Device {
    secret: String,
    used: u64,
}

impl Device {
    pub(crate) async fn code(&mut self, house: &House) -> String {
        let now = house.service.store().load(Needs::default()).await.unwrap().now.as_millis();
        // One step too early is taken too, so that three codes can be had without waiting.
        self.used = (self.used + 1).max(now.unsigned_abs() / 30_000 - 1);
        let secret = Secret::try_from_base32(&self.secret).unwrap();
        let app = Builder::new().with_secret(secret).with_step_duration(30).build_noncompliant();
        app.generate(self.used * 30).to_string()
    }
}

/// Sets a device up at the account page.
pub(crate) async fn device(house: &House, browser: &mut Browser<'_>) -> Device {
    let account = browser.get("/account").await;
    let shown = browser.send_to(&account, "/account/totp", &[]).await;
    let secret = shown.text.split("class=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut device = Device { secret, used: 0 };
    let code = device.code(house).await;
    let kept = browser.send_to(&shown, "/confirm", &[("code", &code)]).await;
    assert_eq!(kept.location, "/account?note=set_up");
    device
}

/// Types an address at the door.
pub(crate) async fn asks(browser: &mut Browser<'_>, email: &str) -> Page {
    let door = browser.get("/sign-in").await;
    browser.send_to(&door, "/sign-in/mail", &[("email", email)]).await
}

pub(crate) async fn mailed(house: &House) -> String {
    for _ in 0..500 {
        let link = house.mail.lock().unwrap().iter().find_map(|mail| match &mail.about {
            About::SignIn { link, .. } => Some(link.replace("http://127.0.0.1:7300", "")),
            _ => None,
        });
        if let Some(link) = link {
            return link;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no link was mailed");
}

#[tokio::test]
async fn link_and_code_let_their_person_in_where_the_link_was_asked_for_and_once() {
    let house = house().await;
    let mut device = device(&house, &mut inside(&house, "reviewer").await).await;
    let mut olga = Browser::new(&house);
    let planted = format!("cs_session_{}", "a".repeat(64));
    olga.cookies.insert(SESSION.to_owned(), planted.clone());
    let sent = asks(&mut olga, "reviewer@staff.example").await;
    // Whoever asks for an address that nobody has is told the same.
    let nobody = asks(&mut olga, "nobody@staff.example").await;
    assert_eq!((sent.status, &sent.location), (nobody.status, &nobody.location));
    assert_eq!(sent.location, "/sign-in?note=mailed");
    assert_eq!(asks(&mut olga, "no address").await.location, "/sign-in?note=no_address");
    let link = mailed(&house).await;

    let mut mallory = Browser::new(&house);
    let elsewhere = mallory.get(&link).await;
    assert_eq!((elsewhere.status, elsewhere.text.contains("<form method=\"post\"")), (403, false));
    let page = olga.get(&link).await;
    assert!(page.status == 200 && page.text.contains("Enter your code"), "{}", page.text);
    let (_, fields) = page.form(&link);
    let code = device.code(&house).await;
    let mut stolen: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    stolen.push(("code", &code));
    assert_eq!(mallory.post(&link, &stolen).await.status, 403);
    olga.origin = Some("http://evil.test");
    assert_eq!(olga.post(&link, &stolen).await.status, 403);
    olga.origin = Browser::new(&house).origin;
    for wrong in ["000000", "12345", "abcdef", ""] {
        let again = olga.send_to(&page, &link, &[("code", wrong)]).await;
        assert_eq!(again.location, format!("{link}?note=wrong_code"), "{wrong}");
    }
    assert!(olga.get(&format!("{link}?note=wrong_code")).await.text.contains("That code was not right"));
    // People write codes as they read them.
    let (left, right) = code.split_at(3);
    let entered = olga.send_to(&page, &link, &[("code", &format!("{left} {right}"))]).await;
    assert_eq!((entered.status, &*entered.location), (303, "/account"), "{}", entered.text);
    assert!(olga.cookies[SESSION] != planted && !olga.cookies.contains_key("countersign_browser"));
    assert!(olga.get("/account/sessions").await.text.contains("by mail and authenticator app"));
    assert_eq!(olga.get(&link).await.status, 410);
    mallory.cookies.insert(SESSION.to_owned(), planted);
    assert_eq!(mallory.get("/account").await.status, 303);
}

#[tokio::test]
async fn link_has_five_tries() {
    let house = house().await;
    let mut device = device(&house, &mut inside(&house, "reviewer").await).await;
    let mut mallory = Browser::new(&house);
    asks(&mut mallory, "reviewer@staff.example").await;
    let link = mailed(&house).await;
    let page = mallory.get(&link).await;
    for _ in 0..4 {
        assert_eq!(mallory.send_to(&page, &link, &[("code", "000000")]).await.status, 303);
    }
    assert_eq!(mallory.send_to(&page, &link, &[("code", "000000")]).await.status, 410);
    let code = device.code(&house).await;
    assert_eq!(mallory.send_to(&page, &link, &[("code", &code)]).await.status, 410);
    assert!(!mallory.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn proof_asked_for_again_leads_back_to_a_page_of_ours() {
    let house = house().await;
    let mut olga = inside(&house, "reviewer").await;
    let bare = olga.get("/sign-in/again").await;
    assert!(bare.text.contains("neither a passkey nor an authenticator app"), "{}", bare.text);
    let mut device = device(&house, &mut olga).await;
    let page = olga.get("/sign-in/again?return_to=/console").await;
    assert!(page.text.contains("Is it still you?"), "{}", page.text);
    let wrong = olga.send_to(&page, "/again/totp", &[("code", "000000")]).await;
    assert_eq!(wrong.location, "/sign-in/again?note=wrong_code&return_to=/console");
    let page = olga.get(&wrong.location).await;
    assert!(page.text.contains("That code was not right"), "{}", page.text);
    let code = device.code(&house).await;
    assert_eq!(olga.send_to(&page, "/again/totp", &[("code", &code)]).await.location, "/console");
    // Seen and typed again by somebody behind them.
    let used = olga.send_to(&page, "/again/totp", &[("code", &code)]).await;
    assert!(used.location.starts_with("/sign-in/again?note=wrong_code"), "{}", used.location);
    for evil in ["https://evil.test", "//evil.test", "/\\evil.test"] {
        let page = olga.get(&format!("/sign-in/again?return_to={evil}")).await;
        let (_, fields) = page.form("/again/totp");
        assert!(fields.iter().any(|(name, value)| name == "return_to" && value == evil));
        let sent = olga.send_to(&page, "/again/totp", &[("code", "000000")]).await;
        assert!(sent.location.starts_with("/sign-in/again?note=wrong_code&return_to="), "{}", sent.location);
    }
    let page = olga.get("/sign-in/again?return_to=//evil.test").await;
    let code = device.code(&house).await;
    assert_eq!(olga.send_to(&page, "/again/totp", &[("code", &code)]).await.location, "/account");
    // Nobody proves anything who is not in, and no form of another session does.
    let mut anybody = Browser::new(&house);
    assert!(anybody.get("/sign-in/again").await.location.starts_with("/sign-in?return_to="));
    let mut auditor = inside(&house, "auditor").await;
    let (_, fields) = page.form("/again/totp");
    let theirs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(auditor.post("/sign-in/again/totp", &theirs).await.status, 403);
}

#[tokio::test]
async fn vote_that_needs_a_fresh_proof_leads_to_it_and_back_to_the_request() {
    let settings = format!("{SETTINGS}[actions.erase]\nstep_up = \"5m\"\n");
    let house = house_set(WebOptions::default(), &settings, &[], None).await;
    let request = house.erasure().await;
    let here = format!("/console/requests/{}", request["id"].as_str().unwrap());
    // Whoever came in by an invitation proved nothing yet; the device shows nothing but that it works.
    let mut olga = inside(&house, "reviewer").await;
    let mut device = device(&house, &mut olga).await;
    let page = olga.get(&here).await;
    for vote in ["approve", "deny"] {
        let fields = [("vote", vote), ("reason", "Asked by letter")];
        let sent = olga.send_to(&page, "/vote", &fields).await;
        assert_eq!((sent.status, sent.location), (303, format!("/sign-in/again?return_to={here}")), "{vote}");
    }
    let again = olga.get(&format!("/sign-in/again?return_to={here}")).await;
    let code = device.code(&house).await;
    let back = olga.send_to(&again, "/again/totp", &[("code", &code)]).await;
    assert_eq!(back.location, here);
    let page = olga.get(&back.location).await;
    let sent = olga.send_to(&page, "/vote", &[("vote", "approve"), ("reason", "Asked by letter")]).await;
    assert_eq!(sent.location, format!("{here}?note=approved"));
    assert!(olga.get(&here).await.text.contains("You signed for privacy."));
}

/// As for an erasure, with a signature.
const EXPORT: &str = "@id(\"export.approved\")\npermit (principal, action == Action::\"export\", resource is Subject)\n\
    when { context.approvals.privacy >= 1 };\n";

#[tokio::test]
async fn several_are_denied_all_or_none_where_one_of_them_needs_a_fresh_proof() {
    let settings = format!("{SETTINGS}[actions.erase]\nstep_up = \"5m\"\n");
    let house = house_set(WebOptions::default(), &settings, &[("policies/export.cedar", EXPORT)], None).await;
    let erasure = house.erasure().await["id"].as_str().unwrap().to_owned();
    let body = json!({"action": "export", "subject": {"email": "ana@example.test"}});
    let export = house.call("desk", "POST", "/v1/requests", body).await.json();
    let export = export["id"].as_str().unwrap().to_owned();
    let states = async || {
        let mut states = Vec::new();
        for id in [&export, &erasure] {
            let seen = house.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json();
            states.push(seen["status"].as_str().unwrap().to_owned());
        }
        states
    };
    let mut olga = inside(&house, "reviewer").await;
    let mut device = device(&house, &mut olga).await;
    let mut inbox = olga.get("/console").await;
    for _ in 0..500 {
        if inbox.text.contains(&export) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        inbox = olga.get("/console").await;
    }
    // The one that needs no proof comes first.
    let fields = [("id", &*export), ("id", &*erasure), ("reason", "spam")];
    let sent = olga.send_to(&inbox, "/deny", &fields).await;
    assert_eq!(sent.location, "/sign-in/again?return_to=/console");
    assert_eq!(states().await, ["waiting", "waiting"]);
    let again = olga.get(&sent.location).await;
    let code = device.code(&house).await;
    assert_eq!(olga.send_to(&again, "/again/totp", &[("code", &code)]).await.location, "/console");
    let inbox = olga.get("/console").await;
    assert!(olga.send_to(&inbox, "/deny", &fields).await.location.ends_with("note=all_denied"));
    assert_eq!(states().await, ["denied", "denied"]);
}
