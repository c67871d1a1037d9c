//! An officer is invited, sets up a passkey, and signs in by it: in a real browser, with a device that is virtual.

use countersign_testing::browser::Browser;
use countersign_testing::mail::Mail;
use serde_json::Value;
use totp_rs::{Builder, Secret};

use crate::demo::Demo;
use crate::pictures::take;

#[test]
fn officer_is_invited_and_signs_in_by_a_passkey_from_then_on() {
    let Some(browser) = Browser::start() else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return;
    };
    browser.hold_passkeys();
    let demo = Demo::start();
    let invited = demo.run_as("ada-admin", &["--json", "invite", "olga@shop.example"]);
    let invited: Value = serde_json::from_str(&invited).unwrap();
    let link = invited["link"].as_str().unwrap();
    let place = link.split("/sign-in/").next().unwrap();
    assert!(place.starts_with("http://localhost:"), "passkeys are bound to a name: {place}");

    browser.open(link);
    browser.sees("Welcome, Olga Officer");
    take(&browser, "sign", "1-invited");
    browser.press("main form button");
    browser.sees("Your account");
    take(&browser, "sign", "2-account-bare");
    browser.press("form[data-passkey=new] button");
    browser.sees("Passkey, set up with Chrome, Linux");
    take(&browser, "sign", "3-account");
    browser.open(link);
    browser.sees("This link works no longer");
    take(&browser, "sign", "4-gone");
    browser.open(&format!("{place}/account/sessions"));
    browser.sees("This one");
    take(&browser, "sign", "5-sessions");

    browser.press("header form button");
    browser.sees("You are signed out");
    take(&browser, "sign", "6-door");
    browser.open(&format!("{place}/account/sessions"));
    browser.press("form[data-passkey=use] button");
    // Back to where somebody wanted to go.
    browser.sees("by passkey");
    assert!(browser.address().ends_with("/account/sessions"), "{}", browser.address());

    browser.open(&format!("{place}/sign-in/again?return_to=/account"));
    browser.sees("Is it still you?");
    take(&browser, "sign", "7-again");
    browser.press("form[data-passkey=use] button");
    browser.sees("Your account");
    browser.press("form[action$='/account/totp'] button");
    browser.sees("Scan this picture");
    take(&browser, "sign", "8-totp");
    let secret = browser.run("return document.querySelector('.secret').textContent", &[]);
    browser.write("#code", &code(secret.as_str().unwrap()));
    browser.press("form[action$='/totp/confirm'] button");
    browser.sees("An authenticator app is set up.");

    // A browser without that device gets no further.
    browser.press("header form button");
    browser.sees("You are signed out");
    browser.run(
        "navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError'))",
        &[],
    );
    browser.press("form[data-passkey=use] button");
    browser.sees("That did not work");

    // By mail and a code instead.
    let before = demo.mails();
    browser.open(&format!("{place}/sign-in"));
    browser.write("#email", "olga@shop.example");
    browser.press("form[action$='/sign-in/mail'] button");
    browser.sees("a link is on its way");
    take(&browser, "sign", "9-mail-sent");
    let mailed = |mail: &Mail| mail.body.contains("/sign-in/mail/");
    let mail = demo.mail_after(before, "olga@shop.example", mailed);
    let link = mail.body.lines().find(|line| line.contains("/sign-in/mail/")).unwrap().trim();
    browser.open(link);
    browser.sees("Enter your code");
    take(&browser, "sign", "9-mailed");
}

/// What an authenticator app shows now.
fn code(secret: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let secret = Secret::try_from_base32(secret).unwrap();
    let app = Builder::new().with_secret(secret).with_step_duration(30).build_noncompliant();
    app.generate(now / 30 * 30).to_string()
}
