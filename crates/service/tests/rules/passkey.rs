//! A subject's proof by passkey: whose, set up when, for which request, and how often it may be tried.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::request::Refusal as Rule;
use countersign_core::verdict::Missing;
use countersign_service::Refusal;
use countersign_service::caller::Caller;
use countersign_service::requests::picture::Picture;
use countersign_service::sign::Site;
use countersign_testing::passkey::Passkey;
use serde_json::Value;

use crate::fixture::{House, missing, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];
const HERE: &str = "https://countersign.example";

fn site() -> Site {
    Site::at(HERE).unwrap()
}

/// Where an erasure wants a passkey in the place of a one-time password, and a copy wants one too.
async fn house() -> House {
    House::with(|bundle| {
        replace(bundle, "policies/erase.cedar", "\"totp\"", "\"passkey\"");
        let (email, both) =
            ("verified.contains(\"email\")", "verified.containsAll([\"email\", \"passkey\"])");
        replace(bundle, "policies/export.cedar", email, both);
    })
    .await
}

/// Sets a passkey up, as somebody does who was invited.
async fn set_up(house: &House, name: &str, number: u8) -> Passkey {
    let admin = house.caller("admin").await;
    let invited = house.service.invite(&admin, house.id(name)).await.unwrap();
    let entered = house.service.accept_invitation(&invited.secret, "a word", "Firefox, Linux").await.unwrap();
    let signed = house.service.signed_in(&entered.secret).await.unwrap();
    let asked = house.service.begin_passkey(&site(), &signed, name).await.unwrap();
    let mut device = Passkey::new(number);
    let made = device.make(&asked, HERE);
    house.service.keep_passkey(&site(), &signed, name, &made, "Firefox, Linux").await.unwrap();
    house.pass(Duration::from_millis(1));
    device
}

/// A request whose mail is answered.
async fn proved_mail(house: &House, action: &str, subject: &[(&str, &str)]) -> (RequestId, Caller) {
    let (id, subject) = house.ask_subject(action, subject).await;
    house.prove_email(&subject, id).await;
    (id, subject)
}

async fn begin(house: &House, by: &Caller, id: RequestId) -> Result<Value, Refusal> {
    house.service.begin_proof(Some(&site()), by, id).await.map(|asked| asked.options)
}

async fn answer(house: &House, by: &Caller, id: RequestId, answer: &str) -> Result<Picture, Refusal> {
    house.service.prove_by_passkey(Some(&site()), by, id, answer).await
}

async fn wants_passkey(house: &House, id: RequestId) -> bool {
    house.missing(id).await.contains(&Missing::Verification { method: "passkey".to_owned() })
}

#[tokio::test]
async fn passkey_that_was_set_up_before_proves_intent() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    assert!(wants_passkey(&house, id).await);
    let asked = begin(&house, &ana, id).await.unwrap();
    assert!(device.is_asked_for(&asked), "{asked}");
    assert_eq!(asked["publicKey"]["userVerification"], "required");
    let seen = answer(&house, &ana, id, &device.answer(&asked, HERE)).await.unwrap();
    let methods: Vec<_> = seen.proofs.iter().map(|proof| &*proof.method).collect();
    assert_eq!(methods, ["email", "passkey"]);
    house.settle().await;
    assert!(!wants_passkey(&house, id).await);
    // What remains is what other people and time bring.
    assert!(missing(&house.see(id).await).iter().any(|it| matches!(it, Missing::Vote { .. })));
}

#[tokio::test]
async fn passkey_set_up_after_submission_proves_nothing() {
    let house = house().await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    house.pass(Duration::from_secs(1));
    let mut late = set_up(&house, "ana", 1).await;
    assert_eq!(begin(&house, &ana, id).await.unwrap_err(), Refusal::NotEnrolled);
    // Nor where another of hers is early enough.
    let (later, by_later) = proved_mail(&house, "export", ANA).await;
    let asked = begin(&house, &by_later, later).await.unwrap();
    assert!(late.is_asked_for(&asked));
    house.pass(Duration::from_secs(1));
    let mut too_late = set_up(&house, "ana", 2).await;
    let asked = begin(&house, &by_later, later).await.unwrap();
    assert!(late.is_asked_for(&asked) && !too_late.is_asked_for(&asked));
    let said = too_late.answer(&asked, HERE);
    let refused = answer(&house, &by_later, later, &said).await;
    assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left: 4 });
    let asked = begin(&house, &by_later, later).await.unwrap();
    answer(&house, &by_later, later, &late.answer(&asked, HERE)).await.unwrap();
}

#[tokio::test]
async fn passkey_of_somebody_else_proves_nothing() {
    let house = house().await;
    let (mut ben, mut ana) = (set_up(&house, "ben", 1).await, set_up(&house, "ana", 2).await);
    let (id, by_ana) = proved_mail(&house, "erase", ANA).await;
    let asked = begin(&house, &by_ana, id).await.unwrap();
    assert!(ana.is_asked_for(&asked) && !ben.is_asked_for(&asked));
    let refused = answer(&house, &by_ana, id, &ben.answer(&asked, HERE)).await;
    assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left: 4 });
    // The token of one request opens no other one's.
    let (other, by_ben) = proved_mail(&house, "erase", BEN).await;
    let none = Refusal::NotFound("request");
    assert_eq!(begin(&house, &by_ana, other).await.unwrap_err(), none);
    let said = ben.answer(&begin(&house, &by_ben, other).await.unwrap(), HERE);
    assert_eq!(answer(&house, &by_ana, other, &said).await.unwrap_err(), none);
    let said = ana.answer(&begin(&house, &by_ana, id).await.unwrap(), HERE);
    answer(&house, &by_ana, id, &said).await.unwrap();
}

#[tokio::test]
async fn nobody_is_told_who_has_a_passkey_before_the_address_is_proved() {
    let house = house().await;
    set_up(&house, "ana", 1).await;
    for subject in [ANA, BEN, &[("email", "nobody@example.test")]] {
        let (id, by) = house.ask_subject("erase", subject).await;
        assert_eq!(begin(&house, &by, id).await.unwrap_err(), Refusal::Rule(Rule::TooEarly));
        assert!(!house.service.seen(&by, id).await.unwrap().passkey);
    }
    let (id, ben) = proved_mail(&house, "erase", BEN).await;
    assert_eq!(begin(&house, &ben, id).await.unwrap_err(), Refusal::NotEnrolled);
    assert!(!house.service.seen(&ben, id).await.unwrap().passkey);
    let (id, ana) = proved_mail(&house, "export", ANA).await;
    assert!(house.service.seen(&ana, id).await.unwrap().passkey);
}

#[tokio::test]
async fn challenge_is_of_one_request_and_answered_once() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (one, by_one) = proved_mail(&house, "erase", ANA).await;
    let (two, by_two) = proved_mail(&house, "export", ANA).await;
    let of_one = device.answer(&begin(&house, &by_one, one).await.unwrap(), HERE);
    // Where none was asked, and where another was.
    assert_eq!(answer(&house, &by_two, two, &of_one).await.unwrap_err(), Refusal::NoChallenge);
    begin(&house, &by_two, two).await.unwrap();
    assert_eq!(answer(&house, &by_two, two, &of_one).await.unwrap_err(), Refusal::WrongCode { left: 4 });
    answer(&house, &by_one, one, &of_one).await.unwrap();
    assert_eq!(answer(&house, &by_one, one, &of_one).await.unwrap_err(), Refusal::NoChallenge);
    begin(&house, &by_one, one).await.unwrap();
    assert_eq!(answer(&house, &by_one, one, &of_one).await.unwrap_err(), Refusal::WrongCode { left: 4 });
    let kinds = house.kinds(one).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "verified").count(), 2);
}

#[tokio::test]
async fn wrong_answer_uses_the_challenge_up() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let asked = begin(&house, &ana, id).await.unwrap();
    let elsewhere = device.answer(&asked, "https://evil.example");
    assert_eq!(answer(&house, &ana, id, &elsewhere).await.unwrap_err(), Refusal::WrongCode { left: 4 });
    let late = device.answer(&asked, HERE);
    assert_eq!(answer(&house, &ana, id, &late).await.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn challenge_is_over_after_five_minutes() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let said = device.answer(&begin(&house, &ana, id).await.unwrap(), HERE);
    house.pass(Duration::from_secs(5 * 60));
    assert_eq!(answer(&house, &ana, id, &said).await.unwrap_err(), Refusal::NoChallenge);
}

#[tokio::test]
async fn device_that_was_not_asked_who_holds_it_proves_nothing() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    device.verifies = false;
    let said = device.answer(&begin(&house, &ana, id).await.unwrap(), HERE);
    assert_eq!(answer(&house, &ana, id, &said).await.unwrap_err(), Refusal::WrongCode { left: 4 });
}

#[tokio::test]
async fn copy_of_a_device_is_noticed_by_its_counter() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (one, by_one) = proved_mail(&house, "erase", ANA).await;
    let (two, by_two) = proved_mail(&house, "export", ANA).await;
    // Asked before the counter moved: what counts is what is kept when it answers.
    let asked = begin(&house, &by_two, two).await.unwrap();
    device.counter = 6;
    let said = device.answer(&begin(&house, &by_one, one).await.unwrap(), HERE);
    answer(&house, &by_one, one, &said).await.unwrap();
    device.counter = 3;
    let said = device.answer(&asked, HERE);
    assert_eq!(answer(&house, &by_two, two, &said).await.unwrap_err(), Refusal::WrongCode { left: 4 });
}

#[tokio::test]
async fn after_five_wrong_answers_on_any_nodes_the_right_one_is_worth_nothing_for_a_while() {
    let house = house().await;
    let nodes = [house.service.clone(), house.another()];
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let site = site();
    for left in (0..5).rev() {
        // Asked by one node, answered to the other.
        let (one, other) = (&nodes[left as usize % 2], &nodes[(left as usize + 1) % 2]);
        let asked = one.begin_proof(Some(&site), &ana, id).await.unwrap().options;
        let said = device.answer(&asked, "https://evil.example");
        let refused = other.prove_by_passkey(Some(&site), &ana, id, &said).await;
        assert_eq!(refused.unwrap_err(), Refusal::WrongCode { left });
    }
    for node in &nodes {
        let refused = node.begin_proof(Some(&site), &ana, id).await.map(drop);
        assert_eq!(refused.unwrap_err(), Refusal::NoChallenge);
    }
    house.pass(Duration::from_secs(15 * 60));
    let asked = nodes[1].begin_proof(Some(&site), &ana, id).await.unwrap().options;
    nodes[0].prove_by_passkey(Some(&site), &ana, id, &device.answer(&asked, HERE)).await.unwrap();
}

#[tokio::test]
async fn person_who_was_removed_proves_nothing_any_more() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let said = device.answer(&begin(&house, &ana, id).await.unwrap(), HERE);
    house.service.remove_person(&house.caller("admin").await, house.id("ana")).await.unwrap();
    assert_eq!(answer(&house, &ana, id, &said).await.unwrap_err(), Refusal::WrongCode { left: 4 });
    assert_eq!(begin(&house, &ana, id).await.unwrap_err(), Refusal::NotEnrolled);
}

#[tokio::test]
async fn request_that_is_over_takes_no_proof() {
    let house = house().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let said = device.answer(&begin(&house, &ana, id).await.unwrap(), HERE);
    house.service.withdraw(&ana, id).await.unwrap();
    assert_eq!(answer(&house, &ana, id, &said).await.unwrap_err(), Refusal::Rule(Rule::Closed));
    assert_eq!(begin(&house, &ana, id).await.unwrap_err(), Refusal::Rule(Rule::TooLate));
}

#[tokio::test]
async fn where_browsers_know_no_passkeys_it_is_said() {
    let house = house().await;
    let (id, ana) = proved_mail(&house, "erase", ANA).await;
    let refused = house.service.begin_proof(None, &ana, id).await.map(drop);
    assert!(matches!(refused, Err(Refusal::Invalid { at, .. }) if at == "method"));
    let refused = house.service.prove_by_passkey(None, &ana, id, "{}").await.map(drop);
    assert!(matches!(refused, Err(Refusal::Invalid { at, .. }) if at == "method"));
}

#[tokio::test]
async fn passkey_opens_a_package_again() {
    let house = House::new().await;
    let mut device = set_up(&house, "ana", 1).await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    house.pass(Duration::from_secs(16 * 60));
    assert_eq!(house.service.fetch_package(&ana, id).await.map(drop).unwrap_err(), Refusal::ProofTooOld);
    let said = device.answer(&begin(&house, &ana, id).await.unwrap(), HERE);
    answer(&house, &ana, id, &said).await.unwrap();
    house.service.fetch_package(&ana, id).await.map(drop).unwrap();
    // As long as there is one.
    let day = Duration::from_secs(24 * 3600);
    for gone in [7 * day, 30 * day] {
        house.pass(gone);
        house.settle().await;
        assert_eq!(begin(&house, &ana, id).await.unwrap_err(), Refusal::Rule(Rule::TooLate));
    }
    // Our own copies are gone by now.
    assert_eq!(answer(&house, &ana, id, &said).await.map(drop), Err(Refusal::Rule(Rule::TooLate)));
}
