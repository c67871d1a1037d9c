//! Where a person has to say how it goes on: a customer about an agent who acts for them; somebody of the staff about several
//! people who match, and about what stopped half way. Each is brought about as it comes about, and settled at its page.

use countersign_shop::cast::{EVA, FAY, FAY_AGAIN, GUS};
use countersign_testing::browser::Browser;
use rusqlite::Connection;
use serde_json::Value;

use crate::console::{ask, at, enter};
use crate::demo::Demo;
use crate::pictures::take;

/// Under which an agent is let in the end.
const AGENTS: &str = r#"@id("erase.agent")
permit (principal is Agent, action == Action::"erase", resource is Subject)
when { context.verified.contains("email") && context.approvals.privacy >= 2 };

"#;
const MANDATE: &str = "I look after my father's affairs, by a power of attorney of 3 March 2026.";
/// A rule of the shop's own: as long as somebody counts the customers, none of them goes.
const REFUSES: &str = "CREATE TABLE counting (since TEXT); INSERT INTO counting VALUES ('today'); \
    CREATE TRIGGER keep BEFORE DELETE ON customer WHEN EXISTS (SELECT 1 FROM counting) \
    BEGIN SELECT RAISE(ABORT, 'kept'); END;";

#[test]
fn whatever_halts_for_a_persons_word_goes_on_from_a_page() {
    let (Some(customer), Some(opal)) = (Browser::start(), Browser::start()) else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return;
    };
    let demo = Demo::start();
    mandate(&customer, &demo);
    enter(&opal, &demo, "Opal Operator");
    several(&customer, &opal, &demo);
    stuck(&customer, &opal, &demo);
}

/// Sam says that he acts for Gus, who is asked whether that is so.
fn mandate(browser: &Browser, demo: &Demo) {
    demo.change("policies/erase.cedar", "@id(\"erase.staff\")", &format!("{AGENTS}@id(\"erase.staff\")"));
    let email = format!("email={}", GUS.email);
    let asked = ["request", "submit", "erase", "-s", &email, "--requester", "agent", "--mandate", MANDATE];
    let asked: Value =
        serde_json::from_str(&demo.run_as("sam-staff", &[&asked[..], &["--json"]].concat())).unwrap();
    let id = asked["id"].as_str().unwrap();
    let before = demo.mails();
    demo.run_as("sam-staff", &["request", "verify", id, "email"]);
    let mail = demo.mail_after(before, GUS.email, |mail| mail.body.contains("/mandates/"));
    let link = mail.body.lines().find(|line| line.contains("/mandates/")).unwrap().trim();
    browser.open(link);
    browser.sees("Does somebody act for you?");
    browser.sees(MANDATE);
    take(browser, "portal", "19-mandate");
    browser.press("button[value=confirm]");
    browser.sees("You confirmed this");
    take(browser, "portal", "20-mandate-confirmed");
    browser.press("button[value=revoke]");
    browser.sees("It is taken back");
    take(browser, "portal", "21-mandate-taken-back");
    browser.open(&format!("{}0", link.trim_end_matches(|c: char| c != '=')));
    browser.sees("This link works no longer");
    take(browser, "portal", "22-mandate-gone");
}

/// Fay has two accounts under one address: the operator says which one is meant, and both pages go on by themselves.
fn several(customer: &Browser, opal: &Browser, demo: &Demo) {
    let before = demo.mails();
    customer.open(&format!("{}/privacy?action=export", demo.url));
    customer.write("#email", FAY.email);
    customer.press("main form button");
    customer.sees("Look into your mail");
    let mail = demo.mail_after(before, FAY.email, |mail| mail.code().is_some());
    customer.write("#code", mail.code().unwrap());
    customer.press("main form button");
    customer.sees("finds out who of several people you are");
    take(customer, "portal", "23-several");

    opal.open(&at(opal, "/console"));
    opal.until("the row comes by itself", || opal.has("#live [data-row]"));
    take(opal, "console", "21-inbox-several");
    opal.press("#live [data-row] a");
    opal.sees("2 people match");
    take(opal, "console", "22-several");
    opal.write("#value", "C-0");
    opal.press("form[action$='/resolve'] button");
    opal.sees("nobody is chosen yet");
    opal.write("#value", FAY_AGAIN.account);
    opal.press("form[action$='/resolve'] button");
    opal.sees("Noted: this one is meant.");
    take(opal, "console", "23-resolved");
    customer.sees("Fetch my data");
}

/// The shop refuses to let Eva go. Once it does not any more, the operator lets it be tried again.
fn stuck(customer: &Browser, opal: &Browser, demo: &Demo) {
    let shop = Connection::open(demo.dir().join("shop.sqlite")).unwrap();
    shop.execute_batch(REFUSES).unwrap();
    ask(customer, demo);
    customer.sees("0 of 2 have signed");
    let id = customer.address().split(['/', '?']).find(|part| part.len() == 36).unwrap().to_owned();
    let seen: Value =
        serde_json::from_str(&demo.run_as("opal-operator", &["request", "show", &id, "--json"])).unwrap();
    let digest = seen["digest"].as_str().unwrap();
    for officer in ["olga-officer", "otto-officer"] {
        demo.run_as(officer, &["vote", &id, "approve", "--seat", "privacy", "--digest", digest]);
    }
    customer.sees("Something did not go as planned");
    take(customer, "portal", "24-stuck");
    opal.open(&at(opal, "/console"));
    opal.until("the row comes by itself", || opal.has("#live [data-row]"));
    take(opal, "console", "24-inbox-stuck");
    opal.press("#live [data-row] a");
    opal.sees("Why it is stuck");
    assert!(!opal.text().contains(EVA.email), "nobody is named in full");
    take(opal, "console", "25-stuck");
    shop.execute_batch("DELETE FROM counting").unwrap();
    opal.write("#settle-reason", "The shop has counted.");
    opal.press("button[name=how][value=retry]");
    opal.sees("It is tried again");
    opal.sees("What came of it");
    take(opal, "console", "26-tried-again");
    customer.sees("Your data is erased");
}
