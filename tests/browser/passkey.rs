//! A customer who was invited once and set a passkey up is forgotten: she proves it by her mail and that passkey. And what the
//! page says where a browser cannot.

use countersign_shop::cast::EVA;
use countersign_testing::browser::Browser;
use serde_json::Value;

use crate::demo::Demo;
use crate::pictures::take;

const ENTER: &str = "\u{e007}";
const BUTTON: &str = "form[data-passkey=use] button";

#[test]
fn customer_is_forgotten_who_proved_it_by_her_mail_and_a_passkey() {
    let Some(browser) = Browser::start() else {
        assert!(!countersign_testing::servers_are_needed(), "there is no Chromium with its driver");
        eprintln!("skipped: there is no Chromium with its driver (Debian: chromium chromium-driver)");
        return;
    };
    browser.hold_passkeys();
    let demo = Demo::start();
    demo.change("policies/erase.cedar", "\"totp\"", "\"passkey\"");
    let place = set_up(&browser, &demo);
    let before = demo.mails();
    browser.open(&format!("{place}/privacy?action=erase"));
    browser.write("#email", EVA.email);
    browser.press("main form button");
    browser.sees("Look into your mail");
    let mail = demo.mail_after(before, EVA.email, |mail| mail.code().is_some());
    browser.write("#code", mail.code().unwrap());
    browser.press("main form button");
    browser.until("there is a button", || browser.has(BUTTON));
    browser.sees("Confirm with your passkey");
    take(&browser, "portal", "16-passkey");
    cannot(&browser);

    // By keyboard, and pressed twice.
    browser.run("const it = document.querySelector(arguments[0]); it.click(); it.focus()", &[BUTTON.into()]);
    browser.key(ENTER);
    browser.sees("Your passkey confirmed that it is you");
    take(&browser, "portal", "17-passkey-confirmed");
    // Loaded again, nothing is sent again; and back, the page tells what is.
    browser.run("location.reload()", &[]);
    browser.sees("Your passkey confirmed that it is you");

    let id = browser.address().split(['/', '?']).find(|part| part.len() == 36).unwrap().to_owned();
    let seen = request(&demo, &id);
    let methods: Vec<_> =
        seen["verifications"].as_array().unwrap().iter().map(|it| it["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["email", "passkey"]);
    for officer in ["olga-officer", "otto-officer"] {
        let digest = seen["digest"].as_str().unwrap();
        demo.run_as(officer, &["vote", &id, "approve", "--seat", "privacy", "--digest", digest]);
    }
    browser.sees("Your data is erased");
    assert_eq!(request(&demo, &id)["status"], "completed");
}

/// In by an invitation, as an administrator makes one for a customer; answers with where the server is.
fn set_up(browser: &Browser, demo: &Demo) -> String {
    let invited = demo.run_as("ada-admin", &["--json", "invite", EVA.email]);
    let invited: Value = serde_json::from_str(&invited).unwrap();
    let link = invited["link"].as_str().unwrap();
    browser.open(link);
    browser.press("main form button");
    browser.sees("Your account");
    browser.press("form[data-passkey=new] button");
    browser.sees("Passkey, set up with Chrome, Linux");
    link.split("/sign-in/").next().unwrap().to_owned()
}

/// A browser that knows no passkeys, and a person who breaks it off.
fn cannot(browser: &Browser) {
    let without = browser.run_first("delete window.PublicKeyCredential");
    browser.run("location.reload()", &[]);
    browser.sees("This browser cannot use passkeys here");
    assert!(browser.has("form[data-passkey=use] button[disabled]"));
    take(browser, "portal", "18-passkey-none");
    browser.run_first_no_more(&without);
    browser.run("location.reload()", &[]);
    browser.until("the button works again", || browser.has("form[data-passkey=use] button:not([disabled])"));
    browser.run(
        "navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError'))",
        &[],
    );
    browser.press(BUTTON);
    browser.sees("That did not work, and nothing was confirmed");
    browser.run("location.reload()", &[]);
    browser.until("the page is new", || !browser.text().contains("That did not work"));
}

fn request(demo: &Demo, id: &str) -> Value {
    serde_json::from_str(&demo.run_as("opal-operator", &["request", "show", id, "--json"])).unwrap()
}
