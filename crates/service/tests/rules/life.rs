//! The life of a request, from submission to its end.

use std::time::Duration;

use countersign_core::request::Refusal as Rule;
use countersign_core::verdict::Missing;
use countersign_service::Refusal;
use countersign_service::ports::store::Status;

use crate::fixture::{HOUR, House, about, missing, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

fn verification(method: &str) -> Missing {
    Missing::Verification { method: method.to_owned() }
}

fn votes(have: i64, need: i64) -> Missing {
    Missing::Vote { group: "privacy".to_owned(), need, have }
}

#[tokio::test]
async fn export_is_handed_over_on_its_own_after_the_code() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    assert_eq!(missing(&house.see(id).await), [verification("email"), Missing::Survey].into());
    house.prove_email(&ana, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    let package = house.service.package(&ana, id).await.unwrap();
    let fetch = house.service.fetch_package(&ana, id).await.unwrap();
    let text = house.service.package_part(&fetch, 0).await.unwrap();
    assert_eq!(package.size, text.len() as u64);
    assert_eq!(String::from_utf8(text).unwrap().matches("row of").count(), 4);
}

#[tokio::test]
async fn erasure_waits_for_everything_and_says_for_what() {
    let house = House::new().await;
    let secret = house.enrol("ana").await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    let cooling = |need_ms: i64, remaining_ms: i64| Missing::Time { need_ms, remaining_ms };
    let whole = 72 * 3_600_000;
    house.prove_email(&ana, id).await;
    let stands = house.missing(id).await;
    assert_eq!(stands, [verification("totp"), votes(0, 2), cooling(whole, whole)].into());

    house.service.verify(&ana, id, "totp", &house.totp(&secret)).await.unwrap();
    house.settle().await;
    assert_eq!(house.missing(id).await, [votes(0, 2), cooling(whole, whole)].into());

    house.approve("olga", id).await;
    assert_eq!(house.missing(id).await, [votes(1, 2), cooling(whole, whole)].into());
    house.pass(71 * HOUR);
    house.settle().await;
    assert_eq!(house.missing(id).await, [votes(1, 2), cooling(whole, 3_600_000)].into());

    house.approve("pavel", id).await;
    assert_eq!(house.missing(id).await, [cooling(whole, 3_600_000)].into());
    assert!(house.shop.holds("1"));

    // Nobody does anything but wait.
    house.pass(HOUR);
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert!(!house.shop.holds("1") && house.shop.holds("2"));
    let told = house
        .mail()
        .iter()
        .any(|message| message.to == "ana@example.test" && message.about.kind() == "outcome");
    assert!(told);
}

#[tokio::test]
async fn one_officer_does_not_vote_twice() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    house.approve("olga", id).await;
    assert_eq!(house.vote("olga", id, true).await.unwrap_err(), Refusal::Rule(Rule::AlreadyVoted));
}

#[tokio::test]
async fn vote_on_a_stale_digest_is_refused() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let other = house.ask_attested("erase", BEN).await;
    let digest = house.see(other).await.digest.unwrap();
    let ballot = countersign_service::requests::vote::Ballot {
        approve: true,
        seat: "privacy".to_owned(),
        digest,
        ceiling: None,
        reason: None,
    };
    let refused = house.service.vote(&house.caller("olga").await, id, ballot).await;
    assert_eq!(refused.unwrap_err(), Refusal::Rule(Rule::StaleDigest));
}

#[tokio::test]
async fn vote_of_somebody_who_left_the_seat_does_not_count_any_more() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    house.approve("olga", id).await;
    assert!(house.missing(id).await.contains(&votes(1, 2)));
    let admin = house.caller("admin").await;
    house.service.set_seat(&admin, house.id("olga"), "privacy", false).await.unwrap();
    house.settle().await;
    assert!(house.missing(id).await.contains(&votes(0, 2)));
    assert_eq!(house.vote("olga", id, true).await.unwrap_err(), Refusal::Rule(Rule::NotYourSeat));
}

#[tokio::test]
async fn released_request_goes_back_when_a_voter_loses_the_seat() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    house.vote("olga", id, true).await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    let admin = house.caller("admin").await;
    house.service.set_seat(&admin, house.id("olga"), "privacy", false).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Waiting);
    assert!(house.shop.holds("1"));
}

#[tokio::test]
async fn denial_beats_approvals_until_the_run_starts() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    house.vote("olga", id, true).await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    house.vote("pavel", id, false).await.unwrap();
    house.settle().await;
    assert_eq!(house.denied(id).await, "denied_by_reviewer");
    assert!(house.shop.holds("1"));
    assert_eq!(house.vote("olga", id, true).await.unwrap_err(), Refusal::Rule(Rule::Closed));
}

#[tokio::test]
async fn requester_takes_it_back() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    house.service.withdraw(&ana, id).await.unwrap();
    assert_eq!(house.status(id).await, Status::Withdrawn);
    assert_eq!(house.service.withdraw(&ana, id).await.unwrap_err(), Refusal::Rule(Rule::Closed));
}

#[tokio::test]
async fn request_runs_out_sooner_before_proof_than_after() {
    let house = House::new().await;
    let (unproved, _) = house.ask_subject("erase", BEN).await;
    let (proved, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, proved).await;
    house.pass(24 * HOUR);
    house.settle().await;
    assert_eq!(house.status(unproved).await, Status::Expired);
    assert_eq!(house.status(proved).await, Status::Waiting);
    house.pass(60 * 24 * HOUR);
    house.settle().await;
    assert_eq!(house.status(proved).await, Status::Expired);
}

#[tokio::test]
async fn laws_date_moves_later_only_and_remarks_are_kept() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let otto = house.caller("otto").await;
    let due_at = house.see(id).await.row.due_at.unwrap();
    let earlier = house.service.extend(&otto, id, due_at, None).await;
    assert_eq!(earlier.unwrap_err(), Refusal::Rule(Rule::NotLater));
    let later = due_at.plus_ms(1);
    let seen = house.service.extend(&otto, id, later, Some("complex".to_owned())).await.unwrap();
    assert_eq!(seen.row.due_at, Some(later));
    house.service.comment(&otto, id, "looked at it".to_owned()).await.unwrap();
    assert_eq!(house.kinds(id).await.last().unwrap(), "commented");
}

#[tokio::test]
async fn legal_hold_at_the_first_judgement_denies_by_name() {
    let house = House::new().await;
    house.hold("case-7", "ana@example.test").await;
    let id = house.ask_attested("erase", ANA).await;
    assert_eq!(house.denied(id).await, "legal_hold");
    let ending = format!("{:?}", house.see(id).await.ending);
    assert!(ending.contains("case-7"), "{ending}");
}

#[tokio::test]
async fn legal_hold_that_arrives_while_it_waits_holds_it_until_it_is_lifted() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let placed = house.hold("case-7", "ana@example.test").await;
    assert_eq!(placed.open, [(id, Status::Waiting)]);
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Waiting);
    let policy = "erase.legal-hold".to_owned();
    assert_eq!(house.missing(id).await, [Missing::LegalHold { policy }].into());

    house.service.lift_hold(&house.caller("admin").await, "case-7").await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn hold_is_on_the_person_whatever_name_they_are_called_by() {
    let house = House::new().await;
    house.hold("case-7", "ana@example.test").await;
    let id = house.ask_attested("erase", &[("account", "A-1")]).await;
    assert_eq!(house.denied(id).await, "legal_hold");
    let other = house.ask_attested("erase", BEN).await;
    assert_eq!(house.status(other).await, Status::Waiting);
}

#[tokio::test]
async fn survey_older_than_a_minute_is_repeated_before_release() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    let before = house.shop.inside().surveyed;
    house.approve("olga", id).await;
    assert_eq!(house.shop.inside().surveyed, before, "a young survey is not repeated");

    let other = house.ask_attested("erase", BEN).await;
    let before = house.shop.inside().surveyed;
    house.pass(Duration::from_secs(61));
    house.approve("olga", other).await;
    assert_eq!(house.shop.inside().surveyed, before + 1);
    assert_eq!(house.status(other).await, Status::Completed);
}

#[tokio::test]
async fn unknown_action_or_no_subject_is_refused() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    for ask in [about("forget", ANA), about("erase", &[]), about("erase", &[("email", "nobody")])] {
        assert!(matches!(house.service.submit(&stan, ask).await, Err(Refusal::Invalid { .. })));
    }
}

#[tokio::test]
async fn policy_that_forgets_legal_holds_does_not_erase_and_does_not_go_round_in_circles() {
    let house = House::with(|bundle| {
        replace(
            bundle,
            "policies/erase.cedar",
            "when { resource.legal_hold };",
            "when { resource.legal_hold && false };",
        );
    })
    .await;
    house.hold("case-7", "ana@example.test").await;
    let id = house.ask_attested("erase", ANA).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Waiting);
    assert!(!house.kinds(id).await.contains(&"run_started".to_owned()));
    assert!(house.shop.holds("1"));
}

/// Seconds, where nodes are looked after; a day here, so that whatever went by it would show.
#[tokio::test]
async fn a_node_whose_own_clock_is_wrong_decides_by_the_stores() {
    let house = House::new().await;
    let node = house.ahead_by(24 * 3_600_000);
    let desk = house.caller("helpdesk").await;
    let verdict = node.submit(&desk, about("erase", BEN)).await.unwrap().picture.verdict.unwrap();
    assert_eq!(verdict.criteria.at.as_millis(), house.clock.now_ms());
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    let limits = node.limits(&house.caller("otto").await).await.unwrap();
    let export = limits.iter().find(|gauge| gauge.action == "export").unwrap();
    assert_eq!(export.started_today, 1, "of the store's day");
}
