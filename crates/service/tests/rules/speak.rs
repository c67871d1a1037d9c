//! Who may speak for whose data: a test for each sentence of the design.

use std::time::Duration;

use countersign_core::request::Refusal as Rule;
use countersign_core::verdict::Missing;
use countersign_service::Refusal;
use countersign_service::caller::Act;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::{Ask, AskedBy};
use countersign_service::requests::vote::Ballot;

use crate::fixture::{House, about, missing, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

#[tokio::test]
async fn before_email_proof_no_source_is_asked() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.service.start_verification(&ana, id, "email").await.unwrap();
    house.settle().await;
    assert_eq!(house.shop.inside().resolved, 0);
    house.service.verify(&ana, id, "email", &house.code(id)).await.unwrap();
    house.settle().await;
    assert!(house.shop.inside().surveyed > 0);
}

#[tokio::test]
async fn whoever_proves_their_own_address_gets_nothing_of_anothers_account() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", &[("email", "ana@example.test"), ("account", "A-2")]).await;
    house.prove_email(&ana, id).await;
    assert_eq!(house.denied(id).await, "no_match");
    assert!(house.service.package(&ana, id).await.is_err());
}

#[tokio::test]
async fn stated_account_alone_is_never_looked_for() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let ask = about("export", &[("account", "A-1")]);
    let id = house.service.submit(&stan, ask).await.unwrap().picture.row.id;
    house.settle().await;
    assert_eq!(house.shop.inside().resolved, 0);
    assert_eq!(house.status(id).await, Status::Waiting);
}

#[tokio::test]
async fn several_who_match_wait_for_a_person_who_says_who_is_meant() {
    let house = House::new().await;
    let (id, both) = house.ask_subject("export", &[("email", "both@example.test")]).await;
    house.prove_email(&both, id).await;
    let seen = house.see(id).await;
    assert_eq!((seen.row.status, seen.unresolved), (Status::Waiting, Some(2)));
    assert_eq!(missing(&seen), [Missing::Identity].into());

    // What fits none of them, or both, settles nothing, and ends nothing.
    for (kind, value) in [("account", "A-9"), ("email", "both@example.test")] {
        let choice = about("", &[(kind, value)]).subject;
        let seen = house.service.resolve(&house.caller("otto").await, id, choice).await.unwrap();
        assert_eq!((seen.row.status, seen.unresolved), (Status::Waiting, Some(2)), "{value}");
        house.settle().await;
        assert_eq!(missing(&house.see(id).await), [Missing::Identity].into());
    }
    let choice = about("", &[("account", "A-4")]).subject;
    house.service.resolve(&house.caller("otto").await, id, choice).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn stated_account_narrows_several_to_one() {
    let house = House::new().await;
    let (id, both) = house.ask_subject("export", &[("email", "both@example.test"), ("account", "A-3")]).await;
    house.prove_email(&both, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn device_enrolled_after_submission_is_no_second_factor() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    house.pass(Duration::from_secs(1));
    let secret = house.enrol("ana").await;
    let refused = house.service.verify(&ana, id, "totp", &house.totp(&secret)).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotEnrolled);
}

#[tokio::test]
async fn device_of_somebody_whom_the_source_does_not_hold_proves_nothing() {
    let house = House::new().await;
    let secret = house.enrol("ben").await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    let refused = house.service.verify(&ana, id, "totp", &house.totp(&secret)).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotEnrolled);
}

#[tokio::test]
async fn device_is_asked_only_after_the_survey() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    let refused = house.service.verify(&ana, id, "totp", &house.totp(&secret)).await;
    assert_eq!(refused.unwrap_err(), Refusal::Rule(Rule::TooEarly));
}

#[tokio::test]
async fn code_of_a_device_is_taken_once() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let (one, by_one) = house.ask_subject("erase", ANA).await;
    house.prove_email(&by_one, one).await;
    let code = house.totp(&secret);
    house.service.verify(&by_one, one, "totp", &code).await.unwrap();
    let again = house.service.verify(&by_one, one, "totp", &code).await;
    assert_eq!(again.unwrap_err(), Refusal::WrongCode { left: 4 });
    house.pass(Duration::from_secs(30));
    house.service.verify(&by_one, one, "totp", &house.totp(&secret)).await.unwrap();
}

#[tokio::test]
async fn subjects_token_opens_its_own_request_and_nothing_else() {
    let house = House::new().await;
    let (one, ana) = house.ask_subject("export", ANA).await;
    let (other, _) = house.ask_subject("export", BEN).await;
    assert!(house.service.read(&ana, one).await.is_ok());
    let none = Refusal::NotFound("request");
    assert_eq!(house.service.read(&ana, other).await.unwrap_err(), none);
    assert_eq!(house.service.withdraw(&ana, other).await.unwrap_err(), none);
    assert_eq!(house.service.start_verification(&ana, other, "email").await.unwrap_err(), none);
    assert_eq!(house.service.package(&ana, other).await.unwrap_err(), none);
    assert!(house.service.evidence(&ana, other).await.is_err());
    assert!(house.service.submit(&ana, about("export", ANA)).await.is_err());
    // The service that carried the request in has no key to it either.
    let portal = house.caller("portal").await;
    assert_eq!(house.service.start_verification(&portal, one, "email").await.unwrap_err(), none);
    assert_eq!(house.service.withdraw(&portal, one).await.unwrap_err(), none);
}

#[tokio::test]
async fn before_proof_a_request_blocks_nobody_and_shows_nothing() {
    let house = House::new().await;
    let (first, unproved) = house.ask_subject("erase", ANA).await;
    house.pass(Duration::from_secs(1));
    let (second, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, second).await;
    assert_eq!(house.status(second).await, Status::Completed);
    let seen = house.service.read(&unproved, first).await.unwrap();
    assert!(seen.plan.is_none() && seen.digest.is_none() && seen.unresolved.is_none());
}

#[tokio::test]
async fn channel_is_that_of_the_token() {
    let house = House::new().await;
    let (id, _) = house.ask_subject("export", ANA).await;
    assert_eq!(house.see(id).await.row.channel, "portal");
    let id = house.ask_attested("export", ANA).await;
    assert_eq!(house.see(id).await.row.channel, "api");
}

#[tokio::test]
async fn requester_does_not_vote_on_their_own_request_whatever_account_they_use() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let id = house.service.submit(&stan, about("erase", BEN)).await.unwrap().picture.row.id;
    house.prove_email(&stan, id).await;
    assert_eq!(house.vote("stan", id, true).await.unwrap_err(), Refusal::Rule(Rule::OwnRequest));
    // A second account with the same verified address is the same person.
    assert_eq!(house.vote("stan again", id, true).await.unwrap_err(), Refusal::Rule(Rule::OwnData));
    assert!(house.vote("olga", id, true).await.is_ok());
}

#[tokio::test]
async fn subject_does_not_vote_on_their_own_data() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    assert_eq!(house.vote("ana", id, true).await.unwrap_err(), Refusal::Rule(Rule::OwnData));
    assert_eq!(house.vote("ana", id, false).await.unwrap_err(), Refusal::Rule(Rule::OwnData));
}

#[tokio::test]
async fn whoever_minted_the_token_stands_on_the_side_that_asks() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let persons = house.stored(id).await;
    let body = String::from_utf8(persons.events[0].body.clone()).unwrap();
    assert!(body.contains(&house.id("admin").to_string()));
}

#[tokio::test]
async fn people_on_the_asking_side_are_not_called_to_vote() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let id = house.service.submit(&stan, about("erase", ANA)).await.unwrap().picture.row.id;
    house.prove_email(&stan, id).await;
    // erase.staff wants an attestation that nobody will give: nobody is called for that.
    let called = house.calls(id);
    assert!(!called.contains(&"stan@example.test".to_owned()), "{called:?}");
    assert!(!called.contains(&"ana@example.test".to_owned()), "{called:?}");
}

#[tokio::test]
async fn only_a_token_with_that_scope_attests_whom_it_speaks_of() {
    let house = House::new().await;
    let portal = house.caller("portal").await;
    let id = house.service.submit(&portal, about("erase", ANA)).await.unwrap().picture.row.id;
    house.settle().await;
    assert!(house.see(id).await.digest.is_none(), "nothing was looked at");
    let id = house.ask_attested("erase", ANA).await;
    assert_eq!(house.see(id).await.attested, ["identity"]);
    assert!(house.see(id).await.digest.is_some());
}

#[tokio::test]
async fn second_source_is_reached_by_what_the_first_links_to_the_proved_address() {
    let house = House::new().await;
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    house.crm.add("c2", &[("account", "A-2")], &[("contact", 1)]);
    let id = house.ask_attested("erase", ANA).await;
    let plan = house.see(id).await.plan.unwrap();
    let sources: Vec<_> = plan.sources.iter().map(|source| &*source.source).collect();
    assert_eq!(sources, ["crm", "shop"]);
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert!(!house.crm.holds("c1") && house.crm.holds("c2") && !house.shop.holds("1"));
}

#[tokio::test]
async fn agent_needs_a_mandate_and_is_barred_from_voting() {
    let house = House::with(|bundle| {
        replace(bundle, "policies/erase.cedar", "(principal is Staff ||", "(principal is Agent ||");
    })
    .await;
    let stan = house.caller("stan").await;
    let ask = Ask { by: AskedBy::Agent, ..about("erase", ANA) };
    assert!(matches!(house.service.submit(&stan, ask.clone()).await, Err(Refusal::Invalid { .. })));
    let ask = Ask { mandate: Some("signed".to_owned()), ..ask };
    let id = house.service.submit(&stan, ask).await.unwrap().picture.row.id;
    house.prove_email(&stan, id).await;
    assert_eq!(house.vote("stan", id, true).await.unwrap_err(), Refusal::Rule(Rule::OwnRequest));
}

#[tokio::test]
async fn program_has_no_vote() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let digest = house.see(id).await.digest.unwrap();
    let ballot = Ballot { approve: true, seat: "privacy".to_owned(), digest, ceiling: None, reason: None };
    let refused = house.service.vote(&house.caller("helpdesk").await, id, ballot).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotAllowed(Act::Vote.words()));
}
