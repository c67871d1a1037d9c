//! Codes, keys of idempotency, tokens that were taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_service::caller::Role;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::Ask;
use countersign_service::{AnswerBegun, NewToken, Refusal};

use crate::fixture::{House, about};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

fn other(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test]
async fn after_five_wrong_codes_the_right_one_is_worth_nothing() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.service.start_verification(&ana, id, "email").await.unwrap();
    house.settle().await;
    let code = house.code(id);
    for left in (0..5).rev() {
        let refused = house.service.verify(&ana, id, "email", &other(&code)).await;
        assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left });
    }
    assert_eq!(house.service.verify(&ana, id, "email", &code).await.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn code_is_used_up_by_its_first_use() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    let again = house.service.verify(&ana, id, "email", &house.code(id)).await;
    assert_eq!(again.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn code_runs_out_after_ten_minutes() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.service.start_verification(&ana, id, "email").await.unwrap();
    house.settle().await;
    house.pass(Duration::from_secs(10 * 60));
    let late = house.service.verify(&ana, id, "email", &house.code(id)).await;
    assert_eq!(late.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn sixth_code_in_a_quarter_of_an_hour_is_not_sent() {
    // What goes to one address in an hour, for whatever request, is counted apart.
    let house = House::with(|bundle| {
        bundle.files.get_mut("settings.toml").unwrap().push_str("\n[floods]\nmails_to_address = 50\n");
    })
    .await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    for _ in 0..5 {
        house.service.start_verification(&ana, id, "email").await.unwrap();
    }
    let sixth = house.service.start_verification(&ana, id, "email").await;
    assert_eq!(sixth.unwrap_err(), Refusal::TooManyChallenges);
    house.pass(Duration::from_secs(15 * 60));
    house.service.start_verification(&ana, id, "email").await.unwrap();
}

#[tokio::test]
async fn code_of_one_request_is_none_for_another() {
    let house = House::new().await;
    let (one, by_one) = house.ask_subject("erase", ANA).await;
    let (two, by_two) = house.ask_subject("erase", ANA).await;
    house.service.start_verification(&by_one, one, "email").await.unwrap();
    house.service.start_verification(&by_two, two, "email").await.unwrap();
    house.settle().await;
    let refused = house.service.verify(&by_two, two, "email", &house.code(one)).await;
    assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left: 4 });
}

#[tokio::test]
async fn same_key_and_body_is_the_same_request_and_another_body_is_refused() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let ask = Ask { idempotency_key: Some("k1".to_owned()), ..about("erase", ANA) };
    let first = house.service.submit(&stan, ask.clone()).await.unwrap();
    let again = house.service.submit(&stan, ask).await.unwrap();
    assert!(!first.again && again.again);
    assert_eq!(first.picture.row.id, again.picture.row.id);
    let other = Ask { idempotency_key: Some("k1".to_owned()), ..about("erase", BEN) };
    assert_eq!(house.service.submit(&stan, other.clone()).await.unwrap_err(), Refusal::KeyReused);
    // A key is its caller's own.
    assert!(house.service.submit(&house.caller("ben").await, other).await.is_ok());
}

#[tokio::test]
async fn answer_is_given_again_and_not_done_again() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let AnswerBegun::Fresh(ticket) = house.service.answer_begin(&stan, None, "k", b"body").await.unwrap()
    else {
        panic!("nothing stands under the key");
    };
    assert!(matches!(
        house.service.answer_begin(&stan, None, "k", b"body").await.unwrap(),
        AnswerBegun::Busy
    ));
    house.service.answer_finish(ticket, 201, b"made").await.unwrap();
    let replay = house.service.answer_begin(&stan, None, "k", b"body").await.unwrap();
    assert!(matches!(replay, AnswerBegun::Replay { status: 201, body } if body == b"made"));
    let other = house.service.answer_begin(&stan, None, "k", b"other").await;
    assert_eq!(other.unwrap_err(), Refusal::KeyReused);
}

#[tokio::test]
async fn failure_of_our_own_is_not_remembered() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let AnswerBegun::Fresh(ticket) = house.service.answer_begin(&stan, None, "k", b"body").await.unwrap()
    else {
        panic!("nothing stands under the key");
    };
    house.service.answer_finish(ticket, 503, b"").await.unwrap();
    assert!(matches!(
        house.service.answer_begin(&stan, None, "k", b"body").await.unwrap(),
        AnswerBegun::Fresh(_)
    ));
}

#[tokio::test]
async fn token_that_was_taken_back_is_refused_even_by_a_call_that_had_begun() {
    let house = House::new().await;
    let admin = house.caller("admin").await;
    let new = NewToken {
        person: None,
        service: Some("crawler".to_owned()),
        roles: BTreeSet::from([Role::Submitter]),
        channel: "api".to_owned(),
        attests: BTreeSet::new(),
        expires_at: None,
    };
    let minted = house.service.mint_token(&admin, new).await.unwrap();
    let crawler = house.service.caller(&minted.secret).await.unwrap();
    let remembered = house.service.submitter(&minted.secret).await.unwrap();
    assert_eq!(remembered, crawler);
    house.service.submit(&remembered, about("export", ANA)).await.unwrap();
    house.service.revoke_token(&admin, &minted.label).await.unwrap();
    // Who called was settled before; the transaction looks again.
    let refused = house.service.submit(&crawler, about("erase", ANA)).await;
    assert_eq!(refused.unwrap_err(), Refusal::Unauthenticated);
    assert_eq!(house.service.caller(&minted.secret).await.unwrap_err(), Refusal::Unauthenticated);
    // A node that remembers the token does not rest on that.
    let another = house.another();
    another.submitter(house.secret("stan")).await.unwrap();
    let remembered = another.submitter(house.secret("stan")).await.unwrap();
    another.submit(&remembered, about("erase", ANA)).await.unwrap();
    assert_eq!(house.service.submitter(&minted.secret).await.unwrap_err(), Refusal::Unauthenticated);
    assert_eq!(house.service.submitter("cs_nothing").await.unwrap_err(), Refusal::Unauthenticated);
}

#[tokio::test]
async fn nobody_mints_a_token_for_another_person_and_bootstrapping_works_once() {
    let house = House::new().await;
    let admin = house.caller("admin").await;
    let new = NewToken {
        person: Some(house.id("olga")),
        service: None,
        roles: BTreeSet::from([Role::Operator]),
        channel: "api".to_owned(),
        attests: BTreeSet::new(),
        expires_at: None,
    };
    assert!(matches!(house.service.mint_token(&admin, new).await, Err(Refusal::Invalid { .. })));
    let bundle = house.service.settings().await.unwrap().bundle.clone();
    let again = house.service.bootstrap(vec![], bundle).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn proved_request_says_so() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    let seen = house.prove_email(&ana, id).await;
    assert_eq!((seen.row.status, seen.proofs.len()), (Status::Waiting, 1));
}

#[tokio::test]
async fn a_token_tells_when_it_was_used_last_to_the_hour() {
    let house = House::new().await;
    let admin = house.caller("admin").await;
    let used = async |person: &str| {
        let tokens = house.service.tokens(&admin).await.unwrap();
        let own =
            tokens.into_iter().find(|token| token.person == house.id(person) && token.service.is_none());
        own.unwrap().used_at.map(|at| at.as_millis())
    };
    assert_eq!(used("otto").await, None);
    house.caller("otto").await;
    let first = house.clock.now_ms();
    assert_eq!(used("otto").await, Some(first));
    house.pass(Duration::from_secs(1800));
    house.caller("otto").await;
    assert_eq!(used("otto").await, Some(first));
    house.pass(Duration::from_secs(1800));
    house.caller("otto").await;
    assert_eq!(used("otto").await, Some(house.clock.now_ms()));
}
