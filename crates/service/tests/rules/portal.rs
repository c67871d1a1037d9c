//! The portal: nothing is told before proof, a link proves once, and whoever answers the mail has the request.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_service::Refusal;
use countersign_service::caller::Caller;
use countersign_service::portal::{Asked, Door, Proof, Taken};
use countersign_service::ports::notifier::About;
use countersign_service::ports::store::Status;

use crate::fixture::{HOUR, House, replace};

fn door() -> Door {
    from("192.0.2.1")
}

fn from(client: &str) -> Door {
    let url = "https://shop.example/privacy".to_owned();
    Door { url, language: "de".to_owned(), client: client.to_owned() }
}

fn asked(action: &str, email: &str, form: &str) -> Asked {
    Asked { action: action.to_owned(), email: email.to_owned(), account: None, form: form.to_owned() }
}

async fn ask(house: &House, action: &str, email: &str) -> Taken {
    let form = format!("{action}/{email}");
    let taken = house.service.submit_at_portal(&door(), asked(action, email, &form)).await.unwrap();
    house.settle().await;
    taken
}

/// The secret in the link of the newest mail about a request.
fn link(house: &House, id: RequestId) -> String {
    let of = |about: &About| match about {
        About::Code { request, link: Some(link), .. } if *request == id => Some(link.clone()),
        _ => None,
    };
    let link = house.mail().iter().rev().find_map(|mail| of(&mail.about)).expect("a link was sent");
    let page = format!("https://shop.example/privacy/requests/{id}/confirm?key=");
    link.strip_prefix(&page).expect(&link).to_owned()
}

async fn mails_to(house: &House, email: &str) -> usize {
    house.settle().await;
    house.mail().iter().filter(|mail| mail.to == email).count()
}

#[tokio::test]
async fn whoever_is_known_and_whoever_is_not_get_the_same_until_they_prove() {
    let house = House::new().await;
    let (known, unknown) =
        (ask(&house, "erase", "ana@example.test").await, ask(&house, "erase", "nobody@example.test").await);
    assert_eq!(house.shop.inside().resolved, 0, "no source is asked before proof");
    let mails = house.mail();
    assert_eq!(mails.len(), 2);
    for (mail, taken) in mails.iter().zip([&known, &unknown]) {
        let About::Code { request, action, link: Some(_), .. } = &mail.about else { panic!("{mail:?}") };
        assert_eq!((*request, &**action, &*mail.language), (taken.id, "erase", "de"));
    }
    for taken in [&known, &unknown] {
        let subject = house.service.caller(&taken.token).await.unwrap();
        let seen = house.service.seen(&subject, taken.id).await.unwrap();
        assert!(seen.picture.plan.is_none() && seen.picture.digest.is_none() && !seen.device);
        assert_eq!(house.kinds(taken.id).await, ["submitted"]);
    }
    let key = house.service.enter(unknown.id, Proof::Link(&link(&house, unknown.id)), "f").await.unwrap();
    house.settle().await;
    assert_eq!(house.denied(unknown.id).await, "no_match");
    assert!(house.service.caller(&key).await.is_ok());
}

#[tokio::test]
async fn link_proves_once_for_its_own_request_and_takes_its_code_along() {
    let house = House::new().await;
    let (one, other) =
        (ask(&house, "erase", "ana@example.test").await, ask(&house, "export", "ben@example.test").await);
    let secret = link(&house, one.id);
    for wrong in [&*"0".repeat(64), "", &secret[1..], &house.code(one.id)] {
        let refused = house.service.enter(one.id, Proof::Link(wrong), "f").await;
        assert_eq!(refused.unwrap_err(), Refusal::NoChallenge);
    }
    assert_eq!(
        house.service.enter(other.id, Proof::Link(&secret), "f").await.unwrap_err(),
        Refusal::NoChallenge
    );
    // Somebody's scanner looks as often as it likes.
    for _ in 0..3 {
        assert_eq!(house.service.link_stands(one.id, &secret).await.unwrap(), "erase");
    }
    assert_eq!(house.kinds(one.id).await, ["submitted"]);
    house.service.enter(one.id, Proof::Link(&secret), "f").await.unwrap();
    assert!(house.kinds(one.id).await.contains(&"verified".to_owned()));
    for (proof, form) in [(Proof::Link(&secret), "g"), (Proof::Code(&house.code(one.id)), "g")] {
        assert_eq!(house.service.enter(one.id, proof, form).await.unwrap_err(), Refusal::NoChallenge);
    }
    assert!(house.service.link_stands(one.id, &secret).await.is_err());
}

#[tokio::test]
async fn link_and_code_run_out_after_ten_minutes() {
    let house = House::new().await;
    let taken = ask(&house, "erase", "ana@example.test").await;
    house.pass(Duration::from_secs(10 * 60));
    let secret = link(&house, taken.id);
    for proof in [Proof::Link(&secret), Proof::Code(&house.code(taken.id))] {
        assert_eq!(house.service.enter(taken.id, proof, "f").await.unwrap_err(), Refusal::NoChallenge);
    }
    assert!(house.service.link_stands(taken.id, &secret).await.is_err());
}

#[tokio::test]
async fn whoever_answers_the_mail_has_the_request_and_whoever_typed_the_address_has_it_no_more() {
    let house = House::new().await;
    let taken = ask(&house, "export", "ana@example.test").await;
    let stranger = house.service.caller(&taken.token).await.unwrap();
    let key = house.service.enter(taken.id, Proof::Link(&link(&house, taken.id)), "f").await.unwrap();
    house.settle().await;
    assert_eq!(house.status(taken.id).await, Status::Completed);
    assert_eq!(house.service.caller(&taken.token).await.unwrap_err(), Refusal::Unauthenticated);
    let ana = house.service.caller(&key).await.unwrap();
    assert_eq!((&ana, &stranger), (&Caller::Subject(taken.id), &Caller::Subject(taken.id)));
    assert!(house.service.seen(&ana, taken.id).await.unwrap().package.is_some());
    // The same form of theirs, sent again, brings the key that opens nothing.
    let again = ask(&house, "export", "ana@example.test").await;
    assert_eq!((again.id, again.token), (taken.id, taken.token));
}

#[tokio::test]
async fn five_wrong_codes_end_it_whoever_types_them() {
    let house = House::new().await;
    let taken = ask(&house, "erase", "ana@example.test").await;
    let code = house.code(taken.id);
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for left in (0..5).rev() {
        let refused = house.service.enter(taken.id, Proof::Code(wrong), "f").await;
        assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left });
    }
    let refused = house.service.enter(taken.id, Proof::Code(&code), "f").await;
    assert_eq!(refused.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn guesses_that_are_made_at_once_on_two_nodes_are_five_as_well() {
    let house = House::new().await;
    let taken = ask(&house, "erase", "ana@example.test").await;
    let (code, another) = (house.code(taken.id), house.another());
    let guesses = (0..40).map(|n: u32| {
        let guess = format!("{n:08}");
        let service = if n.is_multiple_of(2) { house.service.clone() } else { another.clone() };
        tokio::spawn(async move { service.enter(taken.id, Proof::Code(&guess), &guess).await })
    });
    let mut wrong = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap() {
            Err(Refusal::WrongCode { .. }) => wrong += 1,
            Err(Refusal::NoChallenge | Refusal::Stale) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wrong, 5);
    assert_eq!(
        house.service.enter(taken.id, Proof::Code(&code), "f").await.unwrap_err(),
        Refusal::NoChallenge
    );
}

#[tokio::test]
async fn form_that_is_sent_twice_asks_once_and_proves_once_and_is_answered_twice() {
    let house = House::new().await;
    let taken = ask(&house, "erase", "ana@example.test").await;
    assert_eq!(ask(&house, "erase", "ana@example.test").await.id, taken.id);
    assert_eq!(mails_to(&house, "ana@example.test").await, 1);
    let changed = asked("export", "ana@example.test", "erase/ana@example.test");
    let changed = house.service.submit_at_portal(&door(), changed).await.unwrap();
    assert_ne!(changed.id, taken.id, "gone back to and changed, it is another request");
    let secret = link(&house, taken.id);
    let first = house.service.enter(taken.id, Proof::Link(&secret), "form").await.unwrap();
    let second = house.service.enter(taken.id, Proof::Link(&secret), "form").await.unwrap();
    assert_eq!(first, second);
    assert!(house.service.enter(taken.id, Proof::Link(&secret), "other form").await.is_err());
}

#[tokio::test]
async fn nobodys_inbox_is_filled_and_whoever_tries_learns_nothing() {
    let house = House::new().await;
    for n in 0..8 {
        let asked = asked("erase", "Ana@example.test", &n.to_string());
        house.service.submit_at_portal(&from(&format!("192.0.2.{n}")), asked).await.unwrap();
    }
    assert_eq!(mails_to(&house, "ana@example.test").await, 5);
    // Also from another node, and after a restart.
    let another = house.another();
    another.submit_at_portal(&door(), asked("erase", "ana@example.test", "9")).await.unwrap();
    assert_eq!(mails_to(&house, "ana@example.test").await, 5);
    assert_eq!(mails_to(&house, "ben@example.test").await, 0);
    house.pass(HOUR);
    house.service.submit_at_portal(&door(), asked("erase", "ana@example.test", "10")).await.unwrap();
    assert_eq!(mails_to(&house, "ana@example.test").await, 6);
}

#[tokio::test]
async fn browsers_key_used_as_a_token_fills_nobodys_inbox_either() {
    let house = House::new().await;
    for n in 0..3 {
        let asked = asked("erase", "ana@example.test", &n.to_string());
        let taken = house.service.submit_at_portal(&door(), asked).await.unwrap();
        let subject = house.service.caller(&taken.token).await.unwrap();
        house.settle().await;
        for _ in 0..3 {
            // Past the fifth it is refused; how often it works is seen in the inbox.
            drop(house.service.start_verification(&subject, taken.id, "email").await);
            house.settle().await;
        }
    }
    assert_eq!(mails_to(&house, "ana@example.test").await, 5);
}

#[tokio::test]
async fn one_client_asks_sixty_times_an_hour_and_not_more() {
    let house = House::new().await;
    let send = async |client: &str, n: usize| {
        let asked = asked("export", &format!("p{n}@example.test"), &n.to_string());
        house.service.submit_at_portal(&from(client), asked).await.map(|_| ())
    };
    for n in 0..60 {
        send("192.0.2.1", n).await.unwrap();
    }
    assert_eq!(send("192.0.2.1", 60).await.unwrap_err(), Refusal::TooManyAsked);
    send("192.0.2.2", 61).await.unwrap();
    house.pass(HOUR);
    send("192.0.2.1", 62).await.unwrap();
}

#[tokio::test]
async fn only_what_policy_could_ever_release_at_the_portal_is_offered() {
    let house = House::new().await;
    assert_eq!(house.service.portal_actions().await.unwrap(), ["access", "export", "erase"]);
    let forbid = "\n@id(\"erase.not-here\")\n@deny(\"not_here\")\n\
        forbid (principal, action == Action::\"erase\", resource) when { context.channel == \"portal\" };\n";
    house.apply(|bundle| bundle.files.get_mut("policies/erase.cedar").unwrap().push_str(forbid)).await;
    assert_eq!(house.service.portal_actions().await.unwrap(), ["access", "export"]);
    for action in ["erase", "purge", "nothing"] {
        let refused =
            house.service.submit_at_portal(&door(), asked(action, "ana@example.test", action)).await;
        assert!(matches!(refused, Err(Refusal::Invalid { at, .. }) if at == "action"), "{action}");
    }
    house
        .apply(|bundle| {
            replace(bundle, "policies/export.cedar", "principal == resource &&", "principal != resource &&")
        })
        .await;
    assert_eq!(house.service.portal_actions().await.unwrap().len(), 0);
}

#[tokio::test]
async fn request_that_a_token_carried_in_is_not_the_portals() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", &[("email", "ana@example.test")]).await;
    house.service.start_verification(&ana, id, "email").await.unwrap();
    house.settle().await;
    assert!(matches!(house.service.mail_again(&door(), id).await, Err(Refusal::NotFound(_))));
    let entered = house.service.enter(id, Proof::Code(&house.code(id)), "f").await;
    assert_eq!(entered.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn whoever_comes_back_later_is_let_in_by_a_new_mail_and_proves_nothing_anew() {
    let house = House::new().await;
    let taken = ask(&house, "export", "ana@example.test").await;
    let first = house.service.enter(taken.id, Proof::Link(&link(&house, taken.id)), "f").await.unwrap();
    house.settle().await;
    house.pass(HOUR);
    house.service.mail_again(&door(), taken.id).await.unwrap();
    house.settle().await;
    let kinds = house.kinds(taken.id).await;
    let ana = house.service.caller(&first).await.unwrap();
    assert!(!house.service.package(&ana, taken.id).await.unwrap().proved);
    let second = house.service.enter(taken.id, Proof::Link(&link(&house, taken.id)), "g").await.unwrap();
    assert_eq!(house.kinds(taken.id).await, kinds);
    assert!(house.service.caller(&first).await.is_err());
    let ana = house.service.caller(&second).await.unwrap();
    assert!(house.service.package(&ana, taken.id).await.unwrap().proved, "but the package opens again");
}

#[tokio::test]
async fn device_is_told_of_after_proof_alone() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let taken = ask(&house, "erase", "ana@example.test").await;
    let subject = house.service.caller(&taken.token).await.unwrap();
    assert!(!house.service.seen(&subject, taken.id).await.unwrap().device);
    let key = house.service.enter(taken.id, Proof::Link(&link(&house, taken.id)), "f").await.unwrap();
    house.settle().await;
    let ana = house.service.caller(&key).await.unwrap();
    assert!(house.service.seen(&ana, taken.id).await.unwrap().device);
    house.service.verify(&ana, taken.id, "totp", &house.totp(&secret)).await.unwrap();
}
