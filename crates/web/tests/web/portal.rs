//! The portal as a browser without a script meets it, and as somebody does who means it no good.

mod attack;
pub(crate) mod browser;
mod mandate;
mod passkey;

use std::time::Duration;

use countersign_service::ports::notifier::About;
use countersign_web::{Colour, Portal, WebOptions};

use self::browser::Browser;
use crate::given::{House, house_of};

/// Hands a copy over, and takes a second proof for another action.
const EXPORT: &str = "@id(\"export.self\")\npermit (principal, action == Action::\"export\", resource is Subject)\n\
    when { principal == resource && context.verified.containsAll([\"email\", \"totp\"]) };\n";

fn portal() -> Portal {
    Portal {
        url: "http://privacy.test/privacy".to_owned(),
        name: "Shop & <b>Sons</b>".to_owned(),
        home: Some("https://shop.example/".to_owned()),
        contact: Some("<i>privacy</i>@shop.example".to_owned()),
        logo: None,
        colour: Colour::default(),
        proxies: 0,
    }
}

async fn open() -> House {
    open_with(WebOptions::default()).await
}

/// A house whose portal is open.
pub(crate) async fn open_with(options: WebOptions) -> House {
    let url = options.sign_in.url.clone();
    let mut portal = portal();
    if url.starts_with("https:") {
        portal.url = format!("{url}/privacy");
    }
    let options = WebOptions { portal: Some(portal), ..options };
    house_of(options, &[("policies/export.cedar", EXPORT)]).await
}

/// The path of the newest link that was mailed to an address.
pub(crate) async fn link(house: &House, email: &str) -> String {
    for _ in 0..1000 {
        let link = house.mail.lock().unwrap().iter().rev().find_map(|mail| match &mail.about {
            About::Code { link: Some(link), .. } if mail.to == email => Some(link.clone()),
            _ => None,
        });
        if let Some(link) = link {
            return link.split_once("://privacy.test").unwrap().1.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no mail came");
}

#[tokio::test]
async fn node_without_a_portal_has_no_pages() {
    let house = crate::given::house().await;
    let answer = house.call("", "GET", "/privacy", serde_json::Value::Null).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (404, "no_such_path"));
}

#[tokio::test]
async fn subject_asks_proves_sees_what_is_missing_and_withdraws() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy?action=erase").await;
    assert!(page.text.contains("value=\"erase\" required checked"), "{}", page.text);
    assert!(!page.text.contains("value=\"access\""), "no policy would release it");
    let sent = ana.send(&page, &[("action", "erase"), ("email", " Ana@Example.test ")]).await;
    assert_eq!(sent.status, 303);
    let at = sent.location.clone();
    let page = ana.get(&at).await;
    assert!(page.text.contains("ana@example.test") && page.text.contains("Look into your mail"));
    assert!(!page.text.contains("records"));

    let link = link(&house, "ana@example.test").await;
    let page = ana.get(&link).await;
    assert!(page.text.contains("Was it you?"), "{}", page.text);
    let sent = ana.send(&page, &[]).await;
    assert_eq!((sent.status, &*sent.location), (303, &*format!("{at}?note=confirmed")));
    let page = ana.get(&sent.location).await;
    for said in
        ["Erase my data", "In progress", "Privacy: 0 of 2 have signed", "1 record</strong> will be erased"]
    {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let state = ana.get(&format!("{at}/state")).await.text;
    assert!(page.text.contains(&format!("data-state=\"{state}\"")), "{state}");

    let sent = ana.send_to(&page, "/withdraw", &[]).await;
    assert_eq!(&*sent.location, &*format!("{at}?note=withdrawn"));
    let page = ana.get(&sent.location).await;
    assert!(page.text.contains("You withdrew your request") && !page.text.contains("/withdraw\""));
    assert_ne!(ana.get(&format!("{at}/state")).await.text, state);
}

#[tokio::test]
async fn code_does_as_well_and_a_device_that_nobody_has_is_not_asked_for() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy").await;
    let at = ana.send(&page, &[("action", "export"), ("email", "ana@example.test")]).await.location;
    link(&house, "ana@example.test").await;
    let code = house.mail.lock().unwrap().iter().find_map(|mail| match &mail.about {
        About::Code { code, .. } => Some(code.clone()),
        _ => None,
    });
    let code = code.unwrap();
    let page = ana.get(&at).await;
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for (code, note) in [("12 34", "digits"), (wrong, "wrong_code")] {
        let sent = ana.send_to(&page, "/code", &[("code", code)]).await;
        assert_eq!(sent.location, format!("{at}?note={note}"));
        assert!(ana.get(&sent.location).await.text.contains("role=\"alert\""));
    }
    // As people write it.
    let spaced = format!(" {} - {} ", &code[..4], &code[4..]);
    let sent = ana.send_to(&page, "/code", &[("code", &spaced)]).await;
    assert_eq!(sent.location, format!("{at}?note=confirmed"));
    let page = ana.get(&at).await;
    assert!(page.text.contains("A second proof is needed"), "{}", page.text);
    assert!(!page.text.contains("records</strong>"), "one proof alone opens no look: {}", page.text);
    assert!(ana.get(&format!("{at}/package")).await.status == 303);
}

#[tokio::test]
async fn every_typed_address_gets_the_same_page_and_the_same_kind_of_mail() {
    let house = open().await;
    let mut pages = Vec::new();
    for email in ["ana@example.test", "bob@example.test"] {
        let mut somebody = Browser::new(&house);
        let page = somebody.get("/privacy").await;
        let sent = somebody.send(&page, &[("action", "erase"), ("email", email)]).await;
        let id = sent.location.rsplit('/').next().unwrap().to_owned();
        let page = somebody.get(&sent.location).await;
        link(&house, email).await;
        let plain = page.text.replace(email, "EMAIL").replace(&id, "ID");
        pages.push((sent.status, page.status, page.without_forms(&plain)));
    }
    assert_eq!(pages[0], pages[1]);
    let kinds: Vec<_> = house.mail.lock().unwrap().iter().map(|mail| mail.about.kind()).collect();
    assert_eq!(kinds, ["code", "code"]);
}

#[tokio::test]
async fn pages_speak_the_language_that_the_browser_asks_for_or_that_a_link_chose() {
    let house = open().await;
    let mut visitor = Browser::new(&house);
    visitor.language = "de-DE,de;q=0.9";
    let page = visitor.get("/privacy?action=erase").await;
    assert!(page.text.contains("<html lang=\"de\">") && page.text.contains("Was möchten Sie?"));
    assert!(page.text.contains("href=\"/privacy?action=erase&amp;lang=en\""), "{}", page.text);
    assert!(visitor.get("/privacy?lang=en").await.text.contains("What would you like?"));
    assert!(visitor.get("/privacy").await.text.contains("What would you like?"), "and it stays so");
    let page = visitor.get("/privacy?lang=de").await;
    visitor.send(&page, &[("action", "erase"), ("email", "ana@example.test")]).await;
    link(&house, "ana@example.test").await;
    assert_eq!(house.mail.lock().unwrap()[0].language, "de");
}

#[tokio::test]
async fn double_click_reload_and_back_ask_once() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let form = ana.get("/privacy").await;
    let fields = [("action", "erase"), ("email", "ana@example.test")];
    let first = ana.send(&form, &fields).await.location;
    assert_eq!(ana.send(&form, &fields).await.location, first);
    let link = link(&house, "ana@example.test").await;
    let page = ana.get(&link).await;
    let confirmed = ana.send(&page, &[]).await;
    assert_eq!(ana.send(&page, &[]).await.location, confirmed.location);
    assert_eq!(ana.get(&first).await.status, 200, "the key that the second answer brought opens it");
    let page = ana.get(&first).await;
    for _ in 0..2 {
        let sent = ana.send_to(&page, "/withdraw", &[]).await;
        assert_eq!(sent.location, format!("{first}?note=withdrawn"));
    }
    // The link in another form, once more: used up.
    assert_eq!(ana.get(&link).await.status, 410);
}

#[tokio::test]
async fn what_is_missing_in_the_form_is_said_beside_what_was_typed() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy").await;
    for (fields, said) in [
        ([("action", ""), ("email", "ana@example.test"), ("account", "")], "href=\"#export\""),
        ([("action", "erase"), ("email", "ana"), ("account", "")], "href=\"#email\""),
        ([("action", "erase"), ("email", ""), ("account", "7")], "href=\"#email\""),
    ] {
        let answer = ana.send(&page, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
        assert!(fields[1].1.is_empty() || answer.text.contains(&format!("value=\"{}\"", fields[1].1)));
    }
    let long = "9".repeat(400);
    let fields = [("action", "erase"), ("email", "ana@example.test"), ("account", &*long)];
    assert!(ana.send(&page, &fields).await.text.contains("href=\"#account\""));
    assert_eq!(house.stored().await.0, 0);
}

#[tokio::test]
async fn pages_and_what_they_load_weigh_less_than_a_hundred_kilobytes() {
    let house = open().await;
    let mut visitor = Browser::new(&house);
    let page = visitor.get("/privacy").await;
    let mut weight = page.text.len();
    for part in page.text.split('"').filter(|part| part.starts_with("/privacy/") && part.contains("?v=")) {
        let file = visitor.get(part).await;
        assert_eq!(file.status, 200, "{part}");
        assert!(file.header("cache-control").contains("immutable"), "{part}");
        weight += file.text.len();
    }
    assert!(weight > 10_000 && weight < 100_000, "{weight}");
}

#[tokio::test]
async fn closed_request_is_open_no_more_in_this_browser() {
    let house = open().await;
    let mut ana = Browser::new(&house);
    let page = ana.get("/privacy").await;
    let at = ana.send(&page, &[("action", "erase"), ("email", "ana@example.test")]).await.location;
    let link = link(&house, "ana@example.test").await;
    let page = ana.get(&link).await;
    ana.send(&page, &[]).await;
    let page = ana.get(&at).await;
    let sent = ana.send_to(&page, "/leave", &[]).await;
    assert_eq!(sent.location, "/privacy?note=closed");
    assert!(ana.get(&sent.location).await.text.contains("is closed in this browser"));
    let page = ana.get(&at).await;
    assert!(page.text.contains("Back to your request") && !page.text.contains("Erase my data"));
    assert_eq!(ana.get(&format!("{at}/state")).await.status, 404);
    // A new mail brings it back.
    let sent = ana.send_to(&page, "/mail", &[]).await;
    assert_eq!(sent.location, format!("{at}?note=sent"));
}
