//! Rules of packages: fetched by their requester alone, after a proof that is not old, so often and so long; and gone with
//! the rows that they were read from.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::request::Refusal as Rule;
use countersign_service::Refusal;
use countersign_service::caller::Caller;
use countersign_service::ports::store::{Status, Store};

use crate::fixture::{HOUR, House, about, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn exported(house: &House) -> (RequestId, Caller) {
    let (id, subject) = house.ask_subject("export", ANA).await;
    house.prove_email(&subject, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    (id, subject)
}

/// The name under which a package's parts are kept.
async fn made(house: &House, id: RequestId) -> String {
    let packages = house.store.page("package", None, 10).await.unwrap();
    let package = packages.iter().find(|package| package.id == id.to_string()).unwrap();
    let package: serde_json::Value = serde_json::from_slice(&package.body).unwrap();
    package["made"].as_str().unwrap().to_owned()
}

async fn kept(house: &House, id: RequestId, made: &str) -> (usize, usize) {
    let length = |field: Option<Vec<u8>>| field.map_or(0, |field| field.len());
    let key = house.store.sealed(id, &format!("package/{made}/key")).await.unwrap();
    let part = house.store.sealed(id, &format!("package/{made}/0")).await.unwrap();
    (length(key), length(part))
}

#[tokio::test]
async fn package_is_fetched_so_often_on_all_nodes_together_and_then_goes() {
    let house = House::new().await;
    let (id, ana) = exported(&house).await;
    let made = made(&house, id).await;
    let other = house.another();
    for left in [4, 3, 2, 1, 0] {
        let node = if left % 2 == 0 { &house.service } else { &other };
        assert_eq!(node.fetch_package(&ana, id).await.unwrap().package.left, left);
    }
    let last = house.service.package(&ana, id).await.unwrap();
    assert_eq!(last.left, 0);
    for node in [&house.service, &other] {
        let refused = node.fetch_package(&ana, id).await.unwrap_err();
        assert!(refused.to_string().contains("as often as it may be"), "{refused}");
    }
    // The last fetch may still be under way.
    assert!(kept(&house, id, &made).await.1 > 0);
    house.pass(2 * HOUR);
    house.settle().await;
    assert_eq!(kept(&house, id, &made).await, (0, 0));
    assert_eq!(house.service.package(&ana, id).await.unwrap_err(), Refusal::NotFound("package"));
}

#[tokio::test]
async fn two_fetches_at_once_count_as_two() {
    let house = House::new().await;
    let (id, ana) = exported(&house).await;
    let other = house.another();
    let mut began = 0;
    for _ in 0..10 {
        let (one, two) = tokio::join!(house.service.fetch_package(&ana, id), other.fetch_package(&ana, id));
        began += usize::from(one.is_ok()) + usize::from(two.is_ok());
    }
    assert_eq!(began, 5);
}

#[tokio::test]
async fn whoever_comes_back_later_proves_themselves_again() {
    let house = House::new().await;
    let (id, ana) = exported(&house).await;
    let history = house.kinds(id).await;
    assert!(house.service.package(&ana, id).await.unwrap().proved);
    house.pass(16 * MINUTE);
    assert!(!house.service.package(&ana, id).await.unwrap().proved);
    assert_eq!(house.service.fetch_package(&ana, id).await.unwrap_err(), Refusal::ProofTooOld);
    // Nothing was counted.
    assert_eq!(house.service.package(&ana, id).await.unwrap().left, 5);

    house.service.start_verification(&ana, id, "email").await.unwrap();
    house.settle().await;
    let code = house.code(id);
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    let refused = house.service.verify(&ana, id, "email", wrong).await.unwrap_err();
    assert_eq!(refused, Refusal::WrongCode { left: 4 });
    assert_eq!(house.service.fetch_package(&ana, id).await.unwrap_err(), Refusal::ProofTooOld);
    house.service.verify(&ana, id, "email", &code).await.unwrap();
    let fetch = house.service.fetch_package(&ana, id).await.unwrap();
    assert!(!house.service.package_part(&fetch, 0).await.unwrap().is_empty());
    // A code proves once, and a request that is over stays as it ended.
    assert_eq!(house.service.verify(&ana, id, "email", &code).await.unwrap_err(), Refusal::NoChallenge);
    assert_eq!(house.kinds(id).await, history);
}

#[tokio::test]
async fn proof_after_the_end_opens_nothing_but_a_package() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.service.withdraw(&ana, id).await.unwrap();
    let refused = house.service.start_verification(&ana, id, "email").await.unwrap_err();
    assert_eq!(refused, Refusal::Rule(Rule::TooLate));
}

#[tokio::test]
async fn subjects_device_opens_a_package_again() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let (id, ana) = exported(&house).await;
    house.pass(16 * MINUTE);
    assert_eq!(house.service.fetch_package(&ana, id).await.unwrap_err(), Refusal::ProofTooOld);
    house.service.verify(&ana, id, "totp", &house.totp(&secret)).await.unwrap();
    assert!(house.service.fetch_package(&ana, id).await.is_ok());
}

#[tokio::test]
async fn proof_is_taken_for_as_long_as_there_is_a_package_and_no_longer() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let (id, ana) = exported(&house).await;
    let start = async || house.service.start_verification(&ana, id, "email").await.map(drop);
    let too_late = Err(Refusal::Rule(Rule::TooLate));
    house.pass(7 * DAY - 5 * MINUTE);
    start().await.unwrap();
    house.settle().await;
    let code = house.code(id);
    house.pass(6 * MINUTE);
    // It is over also where its job has not come yet.
    assert_eq!(start().await, too_late);
    let closed = Refusal::Rule(Rule::Closed);
    assert_eq!(house.service.verify(&ana, id, "email", &code).await.unwrap_err(), closed);
    assert_eq!(house.service.verify(&ana, id, "totp", &house.totp(&secret)).await.unwrap_err(), closed);
    house.settle().await;
    assert_eq!(start().await, too_late);
    // Nor is it a request that nobody knows once our own copies are gone.
    house.pass(24 * DAY);
    house.settle().await;
    assert!(house.store.key(id).await.unwrap().is_none());
    assert_eq!(start().await, too_late);
    let late = house.service.verify(&ana, id, "totp", &house.totp(&secret)).await.map(drop);
    assert_eq!(late, too_late);
    let none = house.service.verify(&ana, id, "email", &code).await.unwrap_err();
    assert_eq!(none, Refusal::NoChallenge);
}

#[tokio::test]
async fn one_of_ours_who_has_a_device_is_asked_for_it() {
    let house = House::with(|bundle| {
        let (from, to) = ("context.attested.contains(\"identity\")", "context.verified.contains(\"email\")");
        replace(bundle, "policies/export.cedar", from, to);
    })
    .await;
    let secret = house.enrol("stan").await;
    let stan = house.caller("stan").await;
    let asked = house.service.submit(&stan, about("export", ANA)).await.unwrap();
    let id = asked.picture.row.id;
    // The subject's proof, carried in, is for the request; it is not the proof of who fetches.
    house.prove_email(&stan, id).await;
    house.approve("olga", id).await;
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!(house.service.fetch_package(&stan, id).await.unwrap_err(), Refusal::ProofTooOld);
    let wrong = house.service.verify(&stan, id, "totp", "000000").await.unwrap_err();
    assert_eq!(wrong, Refusal::WrongCode { left: 4 });
    house.service.verify(&stan, id, "totp", &house.totp(&secret)).await.unwrap();
    assert!(house.service.fetch_package(&stan, id).await.is_ok());
}

#[tokio::test]
async fn erasure_of_the_same_subject_destroys_the_package_in_the_commit_that_ends_it() {
    let house = House::new().await;
    let (id, ana) = exported(&house).await;
    let (others, ben) = house.ask_subject("export", &[("email", "ben@example.test")]).await;
    house.prove_email(&ben, others).await;
    let made = made(&house, id).await;
    let fetch = house.service.fetch_package(&ana, id).await.unwrap();
    let erasure = house.ask_attested("erase", ANA).await;
    house.approve("olga", erasure).await;
    house.settle().await;
    assert_eq!(house.status(erasure).await, Status::Completed);
    assert_eq!(house.service.package(&ana, id).await.unwrap_err(), Refusal::NotFound("package"));
    // Also for whoever is in the middle of it.
    assert_eq!(house.service.package_part(&fetch, 0).await.unwrap_err(), Refusal::NotFound("package"));
    assert_eq!(kept(&house, id, &made).await, (0, 0));
    let start = async |caller, id| house.service.start_verification(caller, id, "email").await.map(drop);
    assert_eq!(start(&ana, id).await, Err(Refusal::Rule(Rule::TooLate)), "there is nothing to open");
    start(&ben, others).await.unwrap();
    assert!(house.service.package(&ben, others).await.is_ok(), "another person's stays");
}

#[tokio::test]
async fn package_goes_when_its_time_is_out_and_not_before() {
    let house = House::new().await;
    let (id, ana) = exported(&house).await;
    let made = made(&house, id).await;
    house.pass(7 * DAY - HOUR);
    house.settle().await;
    assert!(house.service.package(&ana, id).await.is_ok());
    assert!(kept(&house, id, &made).await.1 > 0);
    house.pass(2 * HOUR);
    house.settle().await;
    assert_eq!(kept(&house, id, &made).await, (0, 0));
    assert_eq!(house.service.package(&ana, id).await.unwrap_err(), Refusal::NotFound("package"));
}
