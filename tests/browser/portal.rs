//! A customer of the demo shop takes her data along, and is then forgotten: at the portal, with what is mailed to her and
//! what her device shows. Two officers sign meanwhile.

use countersign_shop::cast::EVA;
use countersign_testing::browser::Browser;
use countersign_testing::mail::Mail;
use serde_json::Value;

use crate::demo::Demo;
use crate::pictures::take;

#[test]
fn customer_takes_her_data_along_and_is_then_forgotten() {
    let Some(browser) = Browser::start() else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return;
    };
    let demo = Demo::start();
    export(&browser, &demo);
    ended(&browser, &demo, false);
    ended(&browser, &demo, true);
    erase(&browser, &demo);
    elsewhere(&browser, &demo);
}

/// The page that the link in a mail leads to.
fn link(mail: &Mail) -> &str {
    mail.body.lines().find(|line| line.contains("/confirm?key=")).expect(&mail.body)
}

fn ask(browser: &Browser, demo: &Demo, action: &str) {
    browser.open(&format!("{}/privacy", demo.url));
    browser.press(&format!("#{action}"));
    browser.write("#email", EVA.email);
}

fn export(browser: &Browser, demo: &Demo) {
    browser.open(&format!("{}/privacy", demo.url));
    browser.sees("Your data at Sample Shop");
    take(browser, "portal", "1-ask");
    browser.press("#erase");
    browser.run("document.querySelector('#email').type = 'text'", &[]);
    browser.write("#email", "eva");
    browser.press("main form button");
    browser.sees("Something is missing");
    take(browser, "portal", "2-ask-wrong");

    ask(browser, demo, "export");
    browser.press("main form button");
    browser.sees("Look into your mail");
    assert!(browser.text().contains(EVA.email));
    take(browser, "portal", "3-mail");
    let mail = demo.mail_after(0, EVA.email, |mail| mail.code().is_some());
    browser.open(link(&mail));
    browser.sees("Was it you?");
    take(browser, "portal", "4-link");
    browser.press("main form button");
    // The page looks again by itself until the package is made.
    browser.sees("Fetch my data");
    take(browser, "portal", "5-package");
    browser.press("a.button[download]");
    let mut package = Vec::new();
    browser.until("the package is fetched", || {
        let files = std::fs::read_dir(browser.downloads()).into_iter().flatten().flatten();
        let zip = files.map(|file| file.path()).find(|path| path.extension().is_some_and(|it| it == "zip"));
        package = zip.and_then(|zip| std::fs::read(zip).ok()).unwrap_or_default();
        !package.is_empty()
    });
    assert!(package.starts_with(b"PK"));
    // A link works once.
    browser.open(link(&mail));
    browser.sees("This link works no longer");
    take(browser, "portal", "6-link-gone");
}

/// She thinks better of it; or somebody else decides.
fn ended(browser: &Browser, demo: &Demo, by_officer: bool) {
    let before = demo.mails();
    ask(browser, demo, "erase");
    browser.press("main form button");
    browser.sees("Look into your mail");
    let mail = demo.mail_after(before, EVA.email, |mail| mail.code().is_some());
    browser.write("#code", mail.code().unwrap());
    browser.press("main form button");
    browser.sees("Confirm with your authenticator app");
    if by_officer {
        let id = browser.address().split(['/', '?']).find(|part| part.len() == 36).unwrap().to_owned();
        demo.run_as("olga-officer", &["vote", &id, "deny", "--seat", "privacy"]);
        browser.sees("looked at it and declined");
        take(browser, "portal", "17-denied");
        return;
    }
    browser.press("details.card summary");
    browser.press("form[action$='/withdraw'] button");
    browser.sees("You withdrew your request");
    take(browser, "portal", "16-withdrawn");
}

fn erase(browser: &Browser, demo: &Demo) {
    let before = demo.mails();
    ask(browser, demo, "erase");
    browser.press("main form button");
    browser.sees("Look into your mail");
    let mail = demo.mail_after(before, EVA.email, |mail| mail.code().is_some());
    browser.write("#code", "12345678");
    browser.press("main form button");
    browser.sees("This code is not right");
    take(browser, "portal", "7-code-wrong");
    browser.write("#code", mail.code().unwrap());
    browser.press("main form button");
    browser.sees("Confirm with your authenticator app");
    take(browser, "portal", "8-totp");
    browser.write("#totp", &demo.run(&["demo", "--totp", "eva"]));
    browser.press(".steps form button");
    browser.sees("Your authenticator app confirmed that it is you");
    browser.sees("Privacy: 0 of 2 have signed");
    browser.sees("What it is about");
    take(browser, "portal", "9-votes");

    let id = browser.address().split(['/', '?']).find(|part| part.len() == 36).unwrap().to_owned();
    let seen: Value =
        serde_json::from_str(&demo.run_as("opal-operator", &["request", "show", &id, "--json"])).unwrap();
    let digest = seen["digest"].as_str().unwrap();
    for officer in ["olga-officer", "otto-officer"] {
        demo.run_as(officer, &["vote", &id, "approve", "--seat", "privacy", "--digest", digest]);
    }
    // Nobody presses anything any more.
    browser.until("both have signed", || {
        let text = browser.text();
        text.contains("Privacy signed") || text.contains("Your data is erased")
    });
    // On a slow machine the time to think again may be over already.
    if browser.has("details summary") {
        take(browser, "portal", "10-time");
    }
    browser.sees("Your data is erased");
    browser.sees("tax law makes us keep");
    take(browser, "portal", "11-erased");
    let seen: Value =
        serde_json::from_str(&demo.run_as("opal-operator", &["request", "show", &id, "--json"])).unwrap();
    assert_eq!((&seen["status"], &seen["channel"]), (&"completed".into(), &"portal".into()));
    let mail = demo.mail_after(before, EVA.email, |mail| mail.code().is_none());
    assert!(mail.body.contains(&format!("/privacy/requests/{id}")), "{}", mail.body);
}

/// Another browser, without the key; and another language.
fn elsewhere(browser: &Browser, demo: &Demo) {
    let page = browser.address();
    browser.press(".foot form button");
    browser.sees("This request is closed in this browser");
    take(browser, "portal", "12-closed");
    browser.open(&page);
    browser.sees("Back to your request");
    take(browser, "portal", "13-back");
    browser.open(&format!("{}/privacy?action=erase&lang=de", demo.url));
    browser.sees("Was möchten Sie?");
    take(browser, "portal", "14-german");
    browser.open(&format!("{}/privacy/nowhere", demo.url));
    browser.sees("Diese Seite gibt es nicht");
    take(browser, "portal", "15-none");
}
