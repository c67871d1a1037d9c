//! Two officers find a request live in their inboxes and sign it by keyboard, one of them signed in by a passkey; the customer sees it done; an auditor checks it
//! in the browser. And every page of the console, in pictures.

use countersign_shop::cast::{DAN, EVA};
use countersign_testing::browser::Browser;
use serde_json::Value;

use crate::demo::Demo;
use crate::pictures::take;

const ENTER: &str = "\u{e007}";

#[test]
fn two_officers_sign_by_keyboard_what_a_customer_asked_and_an_auditor_checks_it() {
    let (Some(customer), Some(olga), Some(otto)) = (Browser::start(), Browser::start(), Browser::start())
    else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return;
    };
    let demo = Demo::start();
    enter(&olga, &demo, "Olga Officer");
    enter_by_passkey(&otto, &demo, "Otto Officer");
    for browser in [&olga, &otto] {
        browser.sees("Nothing waits for you.");
    }
    photograph(&olga, "1-inbox-empty");
    ask(&customer, &demo);
    // Nobody loads anything anew.
    for officer in [&olga, &otto] {
        officer.until("the row comes by itself", || officer.has("[data-row]"));
        officer.until("the title counts", || title(officer).starts_with("(1) Inbox"));
    }
    photograph(&olga, "2-inbox");
    sign(&olga, Some("3-request"));
    sign(&otto, None);
    customer.sees("Your data is erased");
    // The page of whoever signed tells it too, without being loaded anew.
    olga.sees("What came of it");
    photograph(&olga, "4-request-done");
    several(&olga, &demo);
    check(&otto, &demo);
    operate(&otto, &demo);
    administer(&customer, &demo);
}

/// In by the link of an invitation.
pub(crate) fn enter(browser: &Browser, demo: &Demo, name: &str) {
    let said = demo.run_as("ada-admin", &["invite", name, "--json"]);
    let link = serde_json::from_str::<Value>(&said).unwrap()["link"].as_str().unwrap().to_owned();
    browser.open(&link);
    browser.press("main form button");
    browser.until("they are in", || browser.address().ends_with("/account"));
    browser.open(&at(browser, "/console"));
}

/// The same, who signs in by a passkey from then on.
fn enter_by_passkey(browser: &Browser, demo: &Demo, name: &str) {
    browser.hold_passkeys();
    enter(browser, demo, name);
    browser.open(&at(browser, "/account"));
    browser.press("form[data-passkey=new] button");
    browser.sees("Passkey, set up with");
    browser.press("header form button");
    browser.sees("You are signed out");
    browser.open(&at(browser, "/console"));
    browser.press("form[data-passkey=use] button");
    browser.until("they are in", || browser.address().ends_with("/console"));
}

/// A page where the browser is: a session is of one host.
pub(crate) fn at(browser: &Browser, path: &str) -> String {
    format!("{}{path}", browser.run("return location.origin", &[]).as_str().unwrap_or_default())
}

fn title(browser: &Browser) -> String {
    browser.run("return document.title", &[]).as_str().unwrap_or_default().to_owned()
}

/// Pictures of a page of the console.
fn photograph(browser: &Browser, name: &str) {
    take(browser, "console", name);
}

/// Eva asks at the portal to be forgotten, and proves twice that it is her.
pub(crate) fn ask(browser: &Browser, demo: &Demo) {
    let before = demo.mails();
    browser.open(&format!("{}/privacy", demo.url));
    browser.press("#erase");
    browser.write("#email", EVA.email);
    browser.press("main form button");
    browser.sees("Look into your mail");
    let mail = demo.mail_after(before, EVA.email, |mail| mail.code().is_some());
    browser.write("#code", mail.code().unwrap());
    browser.press("main form button");
    browser.sees("Confirm with your authenticator app");
    browser.write("#totp", &demo.run(&["demo", "--totp", "eva"]));
    browser.press(".steps form button");
    browser.sees("Your authenticator app confirmed that it is you");
}

/// j, Enter, a, Enter.
fn sign(browser: &Browser, picture: Option<&str>) {
    browser.key("?");
    browser.until("help is open", || browser.has("dialog[open]"));
    if picture.is_some() {
        photograph(browser, "2-keys");
    }
    browser.key(ENTER);
    browser.until("help is closed", || !browser.has("dialog[open]"));
    browser.key("j");
    browser.until("the row has the focus", || browser.has("[data-row] a:focus"));
    browser.key(ENTER);
    browser.sees("What would happen");
    browser.sees("e•••@example.test");
    if let Some(picture) = picture {
        photograph(browser, picture);
    }
    browser.key("a");
    browser.until("Approve has the focus", || browser.has("#approve:focus"));
    browser.key(ENTER);
    // Carried out at once, it says no more than that.
    browser.sees("You signed");
    assert!(!title(browser).contains('@') && !browser.address().contains('@'));
}

/// Several are denied at once, with one reason.
fn several(browser: &Browser, demo: &Demo) {
    for _ in 0..3 {
        demo.run_as("desk", &["request", "submit", "export", "-s", &format!("account={}", DAN.account)]);
    }
    browser.key("i");
    browser.until("three wait", || {
        browser.run("return document.querySelectorAll('[data-row]').length", &[]) == 3
    });
    for _ in 0..2 {
        browser.key("j");
        browser.key("x");
    }
    browser.until("two are chosen", || {
        browser.run("return document.querySelectorAll('[data-row] :checked').length", &[]) == 2
    });
    browser.press(".bulk summary");
    browser.write("#bulk-reason", "Asked for twice");
    photograph(browser, "5-deny-several");
    browser.press(".bulk button");
    browser.sees("All that you chose are denied.");
    browser.until("one is left", || {
        browser.run("return document.querySelectorAll('[data-row]').length", &[]) == 1
    });
    let id = browser.run("return document.querySelector('[data-row]').dataset.row", &[]);
    browser.open(&at(browser, &format!("/console/requests/{}", id.as_str().unwrap())));
    browser.write("#comment", "I asked the desk about this one.");
    browser.press("form[action$='/comment'] button");
    browser.sees("Olga Officer wrote");
    photograph(browser, "6-request-comment");
    one_of_two(browser, demo, id.as_str().unwrap());
    browser.open(&at(browser, "/console/mail"));
    browser.sees("The language");
    photograph(browser, "20-mail");
}

/// Two are chosen, and one of them is over before the form is sent.
fn one_of_two(browser: &Browser, demo: &Demo, over: &str) {
    demo.run_as("desk", &["request", "submit", "export", "-s", &format!("account={}", DAN.account)]);
    browser.open(&at(browser, "/console"));
    browser
        .until("two wait", || browser.run("return document.querySelectorAll('[data-row]').length", &[]) == 2);
    for _ in 0..2 {
        browser.key("j");
        browser.key("x");
    }
    browser.press(".bulk summary");
    browser.write("#bulk-reason", "Asked for twice");
    demo.run_as("otto-officer", &["vote", over, "deny", "--seat", "privacy"]);
    browser.press(".bulk button");
    browser.sees("1 of 2 denied");
    photograph(browser, "5-denied-one-of-two");
    // Something is left to wait.
    demo.run_as("desk", &["request", "submit", "export", "-s", &format!("account={}", DAN.account)]);
}

/// The auditor lets the browser compute what the server says.
fn check(browser: &Browser, demo: &Demo) {
    enter(browser, demo, "Aude Auditor");
    browser.until("an auditor begins at the requests", || browser.address().ends_with("/console/requests"));
    photograph(browser, "7-requests");
    browser.write("#text", EVA.email);
    browser.press("form[action$='/search'] button");
    browser.sees("names this email");
    photograph(browser, "7-found");
    browser.open(&at(browser, "/console/requests"));
    browser.press(".requests a[href*='/console/requests/']");
    browser.press("a[href$='/evidence']");
    browser.sees("Check it in this browser");
    browser.press("[data-check]");
    browser.sees("All of it holds.");
    assert!(browser.text().contains("The checkpoint is signed by this key."), "{}", browser.text());
    photograph(browser, "8-evidence");
    browser.open(&at(browser, "/console/ledger"));
    browser.press("[data-check]");
    browser.sees("All of it holds.");
    photograph(browser, "9-ledger");
    browser.write("#text", "approved");
    browser.press("form[role=search] button");
    browser.until("only those are left", || !browser.text().contains("submitted"));
    photograph(browser, "9-ledger-found");
    browser.open(&at(browser, "/console/ledger"));
    // Another key signed nothing here.
    browser.run(
        "const key = document.querySelector('#vkey'); key.value = key.value.replace(/.{4}$/, 'AAA=')",
        &[],
    );
    browser.press("[data-check]");
    browser.sees("It does NOT hold.");
    // One byte of one entry is another: the root says so.
    browser.run(
        "document.querySelector('#vkey').value = document.querySelector('#vkey').defaultValue; \
         const real = window.fetch; window.fetch = async (at) => { const answer = await real(at); \
         if (!String(at).includes('/entries/')) return answer; \
         const bytes = new Uint8Array(await answer.arrayBuffer()); bytes[40] ^= 1; return new Response(bytes); }",
        &[],
    );
    browser.press("[data-check]");
    browser.sees("Their hash is NOT the one that is signed.");
    browser.open(&at(browser, "/console/policies"));
    photograph(browser, "10-policies");
    browser.press("a[href*='?file=policies/']");
    browser.sees("Download");
    photograph(browser, "10-policy");
    browser.open(&at(browser, "/console/numbers"));
    photograph(browser, "11-numbers");
    browser.open(&at(browser, "/console/sources"));
    photograph(browser, "12-sources");
}

fn operate(browser: &Browser, demo: &Demo) {
    enter(browser, demo, "Opal Operator");
    browser.sees("Nothing is stuck.");
    photograph(browser, "13-inbox-operator");
    browser.open(&at(browser, "/console/limits"));
    browser.sees("Signature for privacy".to_lowercase().as_str());
    photograph(browser, "14-limits");
    browser.open(&at(browser, "/console/people"));
    browser.sees("This is not for you");
    photograph(browser, "19-forbidden");
    browser.open(&at(browser, "/console/requests?status=waiting"));
    browser.press(".requests a[href*='/console/requests/']");
    browser.press("a[href*='/policies/try']");
    browser.press("form[action$='/try'] button[type=submit]");
    browser.sees("They would say");
    photograph(browser, "15-try");
}

fn administer(browser: &Browser, demo: &Demo) {
    enter(browser, demo, "Ada Admin");
    browser.until("an administrator begins at the people", || browser.address().ends_with("/console/people"));
    photograph(browser, "16-people");
    browser.press(".people form[action$='/invite'] button");
    browser.sees("It is shown this once.");
    photograph(browser, "16-invited");
    browser.open(&at(browser, "/console/people"));
    browser.press(".people th a");
    browser.sees("They leave");
    photograph(browser, "16-person");
    browser.open(&at(browser, "/console/tokens"));
    photograph(browser, "17-tokens");
    browser.write("#service", "shop-frontend");
    browser.press("main section.card form button");
    browser.sees("This is the only time that it is shown.");
    photograph(browser, "17-minted");
    browser.open(&at(browser, "/console/holds"));
    browser.write("#case", "case-2026-11");
    browser.write("#value", DAN.email);
    browser.press("form[action$='/holds'] button");
    browser.sees("The hold stands.");
    photograph(browser, "18-holds");
    browser.open(&at(browser, "/console/nowhere"));
    browser.sees("There is nothing here");
    photograph(browser, "19-none");
}
