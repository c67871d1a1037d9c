//! Rules of floods over the API: what a token carries in for subjects is bounded, as the portal is, as long as nobody has
//! proved anything.

use countersign_service::Refusal;
use countersign_service::requests::ask::{Ask, AskedBy};

use crate::fixture::{HOUR, House, about};

const SMALL: &str = "for_identity = 3\nof_token = 5";

async fn capped(caps: &str) -> House {
    House::with(|bundle| {
        let text = bundle.files.get_mut("settings.toml").unwrap();
        *text += &format!("\n[floods]\n{caps}\n");
    })
    .await
}

async fn ask(house: &House, token: &str, by: AskedBy, email: &str) -> Result<(), Refusal> {
    let caller = house.caller(token).await;
    house.service.submit(&caller, Ask { by, ..about("export", &[("email", email)]) }).await.map(drop)
}

#[tokio::test]
async fn requests_that_nobody_proved_are_capped_by_identity_and_by_token() {
    let house = capped(SMALL).await;
    for _ in 0..3 {
        ask(&house, "portal", AskedBy::Subject, "ana@example.test").await.unwrap();
    }
    let refused = ask(&house, "portal", AskedBy::Subject, "Ana@Example.test").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyAsked, "however it is written");
    for n in 0..2 {
        ask(&house, "portal", AskedBy::Subject, &format!("p{n}@example.test")).await.unwrap();
    }
    let refused = ask(&house, "portal", AskedBy::Subject, "p3@example.test").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyAsked, "whatever is stated");
    // Whoever attests is believed, and asks for others as often as they come.
    for _ in 0..8 {
        ask(&house, "helpdesk", AskedBy::Subject, "ana@example.test").await.unwrap();
    }
    house.pass(HOUR);
    ask(&house, "portal", AskedBy::Subject, "ana@example.test").await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_counted_in_several_places_carries_in_all_that_it_may() {
    let house = capped("of_token = 100").await;
    for n in 0..100 {
        ask(&house, "portal", AskedBy::Subject, &format!("p{n}@example.test")).await.unwrap();
    }
    let refused = ask(&house, "portal", AskedBy::Subject, "p100@example.test").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyAsked);
}

#[tokio::test]
async fn what_was_sent_again_under_its_key_counts_once() {
    let house = capped(SMALL).await;
    let portal = house.caller("portal").await;
    let mut first = None;
    for _ in 0..8 {
        let key = Some("the same".to_owned());
        let ask = Ask {
            by: AskedBy::Subject,
            idempotency_key: key,
            ..about("export", &[("email", "ana@example.test")])
        };
        let id = house.service.submit(&portal, ask).await.unwrap().picture.row.id;
        assert_eq!(*first.get_or_insert(id), id);
    }
    ask(&house, "portal", AskedBy::Subject, "ana@example.test").await.unwrap();
}

#[tokio::test]
async fn nobodys_inbox_is_filled_by_requests_that_a_token_carried_in() {
    let house = House::new().await;
    for _ in 0..4 {
        let (id, subject) = house.ask_subject("export", &[("email", "ana@example.test")]).await;
        for _ in 0..3 {
            drop(house.service.start_verification(&subject, id, "email").await);
            house.settle().await;
        }
    }
    assert_eq!(house.mail().iter().filter(|mail| mail.to == "ana@example.test").count(), 5);
}
