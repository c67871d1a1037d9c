//! People of a company in a real browser, in by its identity provider. An officer: from the inbox to a signature that wants
//! proof of presence, and out everywhere, at every open page, as soon as the provider says so. Whoever is on call: past the
//! usual policies, loudly.

use countersign_testing::browser::Browser;
use serde_json::json;

use crate::asked::People;
use crate::oidc::{Company, company};
use crate::pictures::take;

const ENTER: &str = "\u{e007}";

fn title(browser: &Browser) -> String {
    browser.run("return document.title", &[]).as_str().unwrap_or_default().to_owned()
}

/// Says at the provider's own page who it is.
fn say_who(browser: &Browser, company: &Company, name: &str) {
    browser.until("it is the provider's page", || browser.address().starts_with(&company.issuer));
    browser.write("input[name=login]", name);
    browser.write("input[name=password]", "x");
    browser.press("button[type=submit]");
}

/// From a page of ours to which nobody comes who is not signed in.
fn sign_in(browser: &Browser, company: &Company, name: &str) {
    browser.open(&format!("{}/console", company.url));
    browser.sees("Sign in with Example Login");
    browser.press("main a.button");
    say_who(browser, company, name);
}

/// Two browsers, where there are any.
fn browsers() -> Option<(Browser, Browser)> {
    let (Some(one), Some(other)) = (Browser::start(), Browser::start()) else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return None;
    };
    Some((one, other))
}

#[test]
fn officer_comes_by_the_provider_approves_and_is_out_everywhere_when_it_says_so() {
    let Some(company) = company() else { return };
    let Some((desk, phone)) = browsers() else { return };
    let people = People::at(&company.node);
    desk.hold_passkeys();
    desk.open(&format!("{}/console", company.url));
    desk.sees("Sign in with Example Login");
    take(&desk, "staff", "1-door");
    sign_in(&desk, &company, "petra");
    desk.sees("Nothing waits for you.");
    assert_eq!(desk.address(), format!("{}/console", company.url), "back to where she wanted to go");
    let id = people.ask("erase", 20);
    desk.until("the row comes by itself", || desk.has("[data-row]"));
    desk.until("the title counts", || title(&desk).starts_with("(1) Inbox"));
    take(&desk, "staff", "2-inbox");

    // Signed in is not present: the provider asks for the password once more, and she signs what she saw.
    desk.key("j");
    desk.until("the row has the focus", || desk.has("[data-row] a:focus"));
    desk.key(ENTER);
    desk.sees("What would happen");
    desk.write("#reason", "She wrote a letter.");
    desk.run("document.activeElement.blur()", &[]);
    desk.key("a");
    desk.until("Approve has the focus", || desk.has("#approve:focus"));
    desk.key(ENTER);
    desk.sees("Is it still you?");
    take(&desk, "staff", "3-again");
    assert!(people.see(&id).votes.is_empty(), "nobody has signed yet");
    desk.press("main a.button");
    say_who(&desk, &company, "petra");
    desk.sees("What would happen");
    let reason = || desk.run("return document.querySelector('#reason').value", &[]);
    assert_eq!(reason(), "She wrote a letter.", "what she typed is not lost");
    desk.press("#approve");
    // Carried out at once, it says no more than that.
    desk.sees("You signed");
    people.until(&id, "it is carried out", |seen| seen.status == "completed");
    desk.sees("What came of it");
    take(&desk, "staff", "4-done");

    // A passkey of hers proves that she is there, and lets nobody in.
    desk.open(&format!("{}/account", company.url));
    desk.press("form[data-passkey=new] button");
    desk.sees("Passkey, set up with");
    sign_in(&phone, &company, "petra");
    phone.sees("Nothing waits for you.");
    desk.open(&format!("{}/account/sessions", company.url));
    desk.sees("End all others");
    take(&desk, "staff", "5-sessions");
    desk.open(&format!("{}/console/requests/{id}", company.url));
    desk.sees("What came of it");

    // She leaves the company. Nobody touches her browsers, and they show nothing any more.
    company.provider.expel("petra");
    for browser in [&desk, &phone] {
        browser.sees("You are signed out");
        assert!(!browser.text().contains("What came of it"), "{}", browser.text());
    }
    take(&desk, "staff", "6-out");
    desk.open(&format!("{}/console/requests/{id}", company.url));
    desk.press("form[data-passkey=use] button");
    desk.until("her passkey was looked at", || desk.address().contains("note=not_proved"));
    desk.sees("Sign in with Example Login");
    let left = json!({"name": "Petra Privacy", "email": "petra@example.test", "email_verified": true});
    company.provider.claims("petra", &left);
    desk.press("main a.button");
    say_who(&desk, &company, "petra");
    desk.sees("There is nothing here for you yet");
    take(&desk, "staff", "7-nothing");
    let log = company.node.log();
    for line in
        ["somebody signed in", "somebody proved to be there", "signed out at the identity", "did not get in"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains("petra") && !log.contains("Petra"), "{log}");
}

#[test]
fn whoever_is_on_call_breaks_the_glass_and_an_officer_sees_it_by_itself_and_reviews_it() {
    let Some(company) = company() else { return };
    let Some((call, desk)) = browsers() else { return };
    let people = People::at(&company.node);
    sign_in(&desk, &company, "petra");
    desk.sees("Nothing waits for you.");
    let id = people.ask("erase", 20);
    let page = format!("{}/console/requests/{id}", company.url);
    desk.until("the row comes by itself", || desk.has("[data-row]"));
    desk.open(&page);
    desk.sees("What would happen");
    assert!(!desk.has("a[href$='/break']"), "she is not on call");

    sign_in(&call, &company, "cora");
    call.until("they are in", || call.address().ends_with("/console"));
    call.open(&page);
    call.sees("In an emergency");
    take(&call, "staff", "8-emergency");
    call.press("a[href$='/break']");
    call.sees("You break it");
    take(&call, "staff", "9-break");
    let reason = "A stalker knows the address; the police wait.";
    let smash = || {
        call.press("[name=sure]");
        call.press("button.danger");
    };
    // The browser itself sends nothing without a word that they are sure.
    call.write("#glass-reason", "x");
    call.press("button.danger");
    assert!(call.address().ends_with("/break") && people.see(&id).status == "waiting");
    call.run("document.querySelector('#glass-reason').value = ''", &[]);
    call.write("#glass-reason", reason);
    smash();
    call.sees("Is it still you?");
    call.press("main a.button");
    say_who(&call, &company, "cora");
    call.sees("You break it");
    assert_eq!(
        call.run("return document.querySelector('#glass-reason').value", &[]),
        reason,
        "it is not lost"
    );
    smash();
    call.sees("You broke the glass.");
    people.until(&id, "it is carried out", |seen| seen.status == "completed");
    call.sees("What came of it");
    take(&call, "staff", "10-broken");
    assert!(!call.has("form[action$='/review']"), "somebody else reviews it");

    // The page that stood open shows the mark and the form of the review by itself.
    desk.sees("glass broken");
    desk.sees("Your review");
    desk.write("#review", "The police confirmed it.");
    desk.press("button[name=justified][value=yes]");
    desk.sees("Your review stands.");
    take(&desk, "staff", "11-reviewed");
}
