//! The console as people who work here meet it, without a script; and as somebody does who means it no good.

mod attack;
mod glass;
mod light;
mod roles;
mod waiting;

use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::given::{House, house};
use crate::portal::browser::{Browser, Page};
use crate::sign::inside;

/// Somebody at the console, signed in.
async fn clerk<'a>(house: &'a House, role: &str) -> Browser<'a> {
    inside(house, role).await
}

async fn erasure(house: &House) -> (String, String) {
    let request = house.erasure().await;
    let part = |name: &str| request[name].as_str().unwrap().to_owned();
    (part("id"), part("digest"))
}

async fn seen(house: &House, id: &str) -> Value {
    house.call("operator", "GET", &format!("/v1/requests/{id}"), Value::Null).await.json()
}

fn title(page: &Page) -> &str {
    page.text.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
}

#[tokio::test]
async fn reviewer_finds_a_request_and_signs_it_once_however_often_the_form_is_sent() {
    let house = house().await;
    let mut olga = clerk(&house, "reviewer").await;
    let empty = olga.get("/console").await;
    assert!(
        empty.text.contains("Nothing waits for you.") && title(&empty).starts_with("Inbox"),
        "{}",
        empty.text
    );
    let (id, digest) = erasure(&house).await;
    let inbox = olga.get("/console").await;
    assert!(title(&inbox).starts_with("(1) Inbox"), "{}", title(&inbox));
    assert!(inbox.text.contains(&format!("/console/requests/{id}")));

    let page = olga.get(&format!("/console/requests/{id}")).await;
    for part in [
        "the program desk",
        "by the API",
        "a•••@example.test",
        "1 row</strong> deleted",
        "2 rows</strong> kept",
        "3 kB",
        "A few rows of shop, masked",
        "<td>A*** S***</td>",
        "2 more to sign",
        "erase.approved",
        "Nobody has signed.",
        &digest,
    ] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    let fields = [("vote", "approve"), ("reason", "Asked by letter")];
    let sent = olga.send_to(&page, "/vote", &fields).await;
    assert_eq!((sent.status, &*sent.location), (303, &*format!("/console/requests/{id}?note=approved")));
    // Pressed twice, or reloaded.
    let again = olga.send_to(&page, "/vote", &fields).await;
    assert_eq!(again.location, sent.location);
    assert_eq!(seen(&house, &id).await["votes"].as_array().unwrap().len(), 1);
    // Gone back to, and changed: another form, and it is refused by name.
    let changed = olga.send_to(&page, "/vote", &[("vote", "approve"), ("reason", "Other")]).await;
    assert!(changed.location.ends_with("?note=already_voted"), "{}", changed.location);

    let page = olga.get(&sent.location).await;
    for part in [
        "You signed.",
        "You signed for privacy.",
        "<strong>reviewer</strong> for privacy",
        "Asked by letter",
        "1 more to sign",
    ] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    assert!(!page.text.contains("id=\"approve\"") && page.text.contains("id=\"deny\""));
    assert!(olga.get("/console").await.text.contains("Nothing waits for you."));
}

/// A browser that sends twice hangs up on the first.
#[tokio::test]
async fn form_that_is_sent_twice_at_once_is_done_once_and_answered_twice() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut olga = clerk(&house, "reviewer").await;
    let page = olga.get(&format!("/console/requests/{id}")).await;
    let mut twin = clerk(&house, "reviewer").await;
    twin.cookies = olga.cookies.clone();
    let fields = [("text", "once")];
    let (one, two) =
        tokio::join!(olga.send_to(&page, "/comment", &fields), twin.send_to(&page, "/comment", &fields));
    let noted = format!("/console/requests/{id}#history");
    assert_eq!((one.location, two.location), (noted.clone(), noted));
    // Whoever hangs up has still sent it.
    let page = olga.get(&format!("/console/requests/{id}")).await;
    let gone =
        tokio::time::timeout(Duration::ZERO, olga.send_to(&page, "/comment", &[("text", "gone")])).await;
    drop(gone);
    let page = olga.send_to(&page, "/comment", &[("text", "gone")]).await;
    assert_eq!(page.status, 303);
    let page = olga.get(&format!("/console/requests/{id}")).await;
    assert_eq!(page.text.matches("<blockquote>once</blockquote>").count(), 1);
    assert_eq!(page.text.matches("<blockquote>gone</blockquote>").count(), 1);
}

#[tokio::test]
async fn signature_on_something_else_than_what_would_be_done_is_refused_in_words() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut olga = clerk(&house, "reviewer").await;
    let mut page = olga.get(&format!("/console/requests/{id}")).await;
    let digest = page.form("/vote").1.into_iter().find(|(name, _)| name == "digest").unwrap().1;
    page.text = page.text.replace(&digest, &"0".repeat(64));
    let sent = olga.send_to(&page, "/vote", &[("vote", "approve")]).await;
    assert!(sent.location.ends_with("?note=stale_digest"), "{}", sent.location);
    let page = olga.get(&sent.location).await;
    assert!(page.text.contains("What would be done has changed since you looked"), "{}", page.text);
    assert_eq!(seen(&house, &id).await["votes"], json!([]));
}

#[tokio::test]
async fn several_are_denied_with_one_reason_and_those_that_were_not_are_named() {
    let house = house().await;
    let (one, _) = erasure(&house).await;
    let (two, _) = erasure(&house).await;
    let mut olga = clerk(&house, "reviewer").await;
    let inbox = olga.get("/console").await;
    let none = olga.send_to(&inbox, "/deny", &[("reason", "spam")]).await;
    assert!(none.location.ends_with("note=none_chosen"), "{}", none.location);
    let silent = olga.send_to(&inbox, "/deny", &[("id", &*one)]).await;
    assert!(silent.location.ends_with("note=no_reason"), "{}", silent.location);
    let denied = olga.send_to(&inbox, "/deny", &[("id", &*one), ("reason", "spam")]).await;
    assert!(denied.location.ends_with("note=all_denied"), "{} {}", denied.location, denied.text);
    assert_eq!(seen(&house, &one).await["status"], "denied");
    let both = olga.send_to(&inbox, "/deny", &[("id", &*one), ("id", &*two), ("reason", "spam")]).await;
    assert!(both.text.contains("1 of 2 denied") && both.text.contains("It is over already"), "{}", both.text);
    assert_eq!(seen(&house, &two).await["result"]["code"], "denied_by_reviewer");
    let page = olga.get(&format!("/console/requests/{two}")).await;
    assert!(page.text.contains("<blockquote>spam</blockquote>"), "{}", page.text);
}

#[tokio::test]
async fn remarks_are_read_by_whoever_may_read_the_request() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let address = format!("/console/requests/{id}");
    let mut olga = clerk(&house, "reviewer").await;
    let page = olga.get(&address).await;
    let sent = olga.send_to(&page, "/comment", &[("text", "I called her")]).await;
    assert_eq!(sent.location, format!("{address}#history"));
    let page = clerk(&house, "auditor").await.get(&address).await;
    assert!(
        page.text.contains("<strong>reviewer</strong> wrote") && page.text.contains("I called her"),
        "{}",
        page.text
    );
    assert!(
        page.text.matches("method=\"post\"").count() == 1,
        "but for the way out, an auditor changes nothing: {}",
        page.text
    );
}

#[tokio::test]
async fn search_finds_a_subject_and_no_address_names_them() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut opal = clerk(&house, "operator").await;
    let list = opal.get("/console/requests").await;
    let found = opal.send_to(&list, "/search", &[("text", "Ana@Example.test ")]).await;
    assert!(found.status == 200 && found.text.contains(&id), "{}", found.text);
    assert!(found.text.contains("1 request names this email"));
    assert!(!found.text.to_lowercase().contains("ana@example"), "what was typed is not shown again");
    let none = opal.send_to(&list, "/search", &[("text", "bo@example.test")]).await;
    assert!(none.text.contains("There are none."));
    let by_id = opal.send_to(&list, "/search", &[("text", &*id)]).await;
    assert_eq!(by_id.location, format!("/console/requests/{id}"));
}

#[tokio::test]
async fn administrator_sees_to_people_tokens_and_holds() {
    let house = house().await;
    erasure(&house).await;
    let mut ada = clerk(&house, "administrator").await;
    assert_eq!(ada.get("/console").await.location, "/console/people");
    let people = ada.get("/console/people").await;
    let added = ada.send_to(&people, "/people", &[("name", "Bo"), ("email", "bo@staff.example")]).await;
    assert!(added.location.ends_with("note=added"), "{}", added.location);
    let people = ada.get("/console/people").await;
    assert!(people.text.contains("bo@staff.example"));
    let auditor = house.people["auditor"].to_string();
    let sent = ada.send_to(&people, &format!("{auditor}/seat"), &[("held", "yes")]).await;
    assert!(sent.location.ends_with("note=seated"), "{}", sent.location);
    let listed = house.call("administrator", "GET", "/v1/people", Value::Null).await.json();
    let seated = listed["items"].as_array().unwrap().iter().find(|person| person["id"] == *auditor).unwrap();
    assert_eq!(seated["seats"], json!(["privacy"]));

    let tokens = ada.get("/console/tokens").await;
    let minted = ada.send_to(&tokens, "/tokens", &[("service", "crm"), ("role", "submitter")]).await;
    assert!(minted.status == 200 && minted.text.contains("cs_"), "{}", minted.text);
    let secret = minted.text.split_once("class=\"secret\">").unwrap().1.split('<').next().unwrap();
    assert!(house.service.caller(secret).await.is_ok());
    let tokens = ada.get("/console/tokens").await;
    assert!(tokens.text.contains("crm") && !tokens.text.contains(secret));

    let holds = ada.get("/console/holds").await;
    let fields = [("case", "case-7"), ("kind", "email"), ("value", "ana@example.test")];
    let placed = ada.send_to(&holds, "/holds", &fields).await;
    assert!(placed.location.ends_with("note=placed"), "{}", placed.location);
    let holds = ada.get("/console/holds").await;
    let lifted = ada.send_to(&holds, "/lift", &[]).await;
    assert!(lifted.location.ends_with("note=lifted"), "{}", lifted.location);
}

#[tokio::test]
async fn administrator_says_what_somebody_may_ends_their_sessions_and_removes_them() {
    let house = house().await;
    let mut ada = clerk(&house, "administrator").await;
    let mut aude = clerk(&house, "auditor").await;
    let auditor = house.people["auditor"].to_string();
    let address = format!("/console/people/{auditor}");
    assert!(ada.get("/console/people").await.text.contains(&format!("href=\"{address}\"")));
    let page = ada.get(&address).await;
    assert!(page.text.contains("auditor@staff.example") && page.text.contains("End all"), "{}", page.text);
    assert!(!title(&page).contains("auditor"));
    let ended = ada.send_to(&page, "/sessions", &[]).await;
    assert!(ended.location.ends_with("note=signed_out"), "{}", ended.location);
    assert_eq!(aude.get("/console/requests").await.location, "/sign-in?return_to=/console/requests");

    let sent = ada.send_to(&page, "/roles", &[("role", "operator"), ("role", "administrator")]).await;
    assert!(sent.location.ends_with("note=roles"), "{}", sent.location);
    let listed = house.call("administrator", "GET", "/v1/people", Value::Null).await.json();
    let person = |listed: &Value| {
        listed["items"].as_array().unwrap().iter().find(|person| person["id"] == *auditor).unwrap().clone()
    };
    assert_eq!(person(&listed)["roles"], json!(["operator"]), "nobody is made an administrator so");

    let unsure = ada.send_to(&page, "/remove", &[]).await;
    assert!(unsure.location.ends_with("note=invalid"), "{}", unsure.location);
    let gone = ada.send_to(&page, "/remove", &[("sure", "yes")]).await;
    assert!(gone.location.ends_with("note=gone"), "{}", gone.location);
    let listed = house.call("administrator", "GET", "/v1/people", Value::Null).await.json();
    assert_eq!(person(&listed)["active"], false);
    assert!(ada.get(&address).await.text.contains("They were removed"));
    assert_eq!(ada.get("/console/people/00000000-0000-4000-8000-000000000000").await.status, 404);
}

#[tokio::test]
async fn source_tells_whether_it_is_reached_and_what_was_found() {
    let house = house().await;
    let page = clerk(&house, "operator").await.get("/console/sources").await;
    for part in [">reached</span>", "with 1 finding", "<strong>Warning</strong>"] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
}

#[tokio::test]
async fn policies_are_shown_with_who_entered_them_and_others_can_be_tried() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut aude = clerk(&house, "auditor").await;
    let policies = aude.get("/console/policies").await;
    for part in ["/console/policies?file=maps/shop.toml", "Version 1</strong> by submitter", "The first."] {
        assert!(policies.text.contains(part), "{part} is not in {}", policies.text);
    }
    let policy = aude.get("/console/policies?file=policies/erase.cedar").await;
    assert!(policy.text.contains("context.approvals.privacy &gt;= 2"), "{}", policy.text);
    let whole = aude.get("/console/file?path=policies/erase.cedar").await;
    assert_eq!(whole.text, crate::given::POLICY);
    assert_eq!(whole.header("content-disposition"), "attachment");
    assert_eq!(aude.get("/console/file?path=../countersign.toml").await.status, 404);
    let form = aude.get(&format!("/console/policies/try?request={id}")).await;
    let lenient = "@id(\"easy\") permit (principal, action == Action::\"erase\", resource is Subject);";
    let tried = aude.send_to(&form, "/try", &[("request", &*id), ("policies", lenient)]).await;
    assert!(tried.text.contains("policy releases it, by easy"), "{}", tried.text);
    let wrong = aude.send_to(&form, "/try", &[("request", &*id), ("policies", "permit (")]).await;
    assert!(wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    assert_eq!(seen(&house, &id).await["verdict"]["decision"], "hold");
}

#[tokio::test]
async fn numbers_limits_and_ledger_tell_what_is() {
    let house = house().await;
    let (id, _) = erasure(&house).await;
    let mut opal = clerk(&house, "operator").await;
    let limits = opal.get("/console/limits").await;
    assert!(limits.text.contains("a signature for privacy"), "{}", limits.text);
    let numbers = opal.get("/console/numbers").await;
    assert!(numbers.text.contains("<svg") && numbers.text.contains("Erase"), "{}", numbers.text);
    house.service.sign_head().await.unwrap();
    let ledger = opal.get(&format!("/console/ledger?text={id}")).await;
    assert!(ledger.text.contains("submitted") && ledger.text.contains(&id), "{}", ledger.text);
    let found = opal.send_to(&ledger, "/ledger", &[("text", "submitted")]).await;
    assert!(found.text.contains(&id), "{}", found.text);
    let typed = opal.send_to(&ledger, "/ledger", &[("text", "ana@example.test")]).await;
    assert!(typed.text.contains("Nothing found") && !typed.text.contains("text=ana"), "{}", typed.text);
    let one = opal.get("/console/ledger?at=0").await;
    assert!(one.text.contains("id=\"e0\"") && !one.text.contains("id=\"e1\""), "{}", one.text);
    let evidence = opal.get(&format!("/console/requests/{id}/evidence")).await;
    assert!(evidence.text.contains("data-verify=\"evidence\""), "{}", evidence.text);
    let file = opal.get(&format!("/console/requests/{id}/evidence.json")).await;
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert!(file.text.contains("c2sp.org/tlog-proof@v1"), "{}", file.text);
}

#[tokio::test]
async fn what_happens_is_told_at_once_and_to_whoever_comes_back() {
    let house = house().await;
    let olga = clerk(&house, "reviewer").await;
    let mut feed = listen(&olga, None).await;
    assert!(next(&mut feed).await.contains("event: ready"));
    let (id, _) = erasure(&house).await;
    let told = next(&mut feed).await;
    assert!(told.contains("event: changed") && told.contains(&id), "{told}");
    assert!(!told.contains("example.test"));
    let mut back = listen(&olga, Some("0")).await;
    assert!(next(&mut back).await.contains("event: ready"));
    assert!(next(&mut back).await.contains(&id));
}

type Feed = axum::body::BodyDataStream;

async fn listen(clerk: &Browser<'_>, last: Option<&str>) -> Feed {
    let mut request = Request::get("/console/feed").header("cookie", clerk.cookie());
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = clerk.house.web.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().into_data_stream()
}

async fn next(feed: &mut Feed) -> String {
    let chunk = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.expect("something comes");
    String::from_utf8(chunk.unwrap().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn reviewer_chooses_when_they_get_mail_and_may_choose_as_for_everybody_again() {
    let house = house().await;
    let mut olga = clerk(&house, "reviewer").await;
    assert!(olga.get("/console").await.text.contains("href=\"/console/mail\""));
    let page = olga.get("/console/mail").await;
    assert!(page.text.contains("You chose nothing yet") && page.text.contains("value=\"at_once\" checked"));
    let digest = [("pace", "digest"), ("hour", "17"), ("zone", "America/New_York")];
    let sent = olga.send_to(&page, "/mail", &digest).await;
    assert_eq!(sent.location, "/console/mail?note=mail_chosen");
    let page = olga.get(&sent.location).await;
    for part in ["value=\"digest\" checked", "<option value=\"17\" selected", "value=\"America/New_York\""] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    for wrong in [("pace", "never"), ("hour", "24"), ("zone", "Nowhere/At all")] {
        let fields: Vec<_> = digest.into_iter().filter(|(name, _)| *name != wrong.0).chain([wrong]).collect();
        let sent = olga.send_to(&page, "/mail", &fields).await;
        assert!(sent.location.ends_with("note=invalid"), "{wrong:?}: {}", sent.location);
    }
    olga.send_to(&page, "/mail", &[("usual", "yes")]).await;
    assert!(olga.get("/console/mail").await.text.contains("You chose nothing yet"));
}
