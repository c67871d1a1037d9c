//! An erasure in parts: each is known, none is done twice, and what stops in between says how far it came.

use std::sync::Arc;

use countersign_core::id::RequestId;
use countersign_core::receipt::Outcome;
use countersign_service::ports::store::{Status, Store};
use countersign_service::requests::picture::{Known, StepSeen};

use crate::fixture::{House, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

/// A house whose map of the shop goes in parts of ten rows, and a released erasure of somebody with three orders and
/// thirty more.
async fn released() -> (House, RequestId) {
    let house = House::with(|bundle| replace(bundle, "maps/shop.toml", "source = \"shop\"", IN_PARTS)).await;
    house.shop.grow("1", "orders", 30);
    let id = house.ask_attested("erase", ANA).await;
    house.vote("olga", id, true).await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    (house, id)
}

const IN_PARTS: &str = "source = \"shop\"\nchunk_rows = 10";

fn step(known: Known, parts: u64, rows: u64) -> Vec<StepSeen> {
    vec![StepSeen { source: "shop".to_owned(), known, parts, rows }]
}

fn touched_in_parts(house: &House) -> u64 {
    let inside = house.shop.inside();
    let done = inside.receipts.iter().filter(|(key, _)| key.chunk > 0).map(|(_, receipt)| &receipt.outcome);
    done.map(|it| match it {
        Outcome::Done { touched } => touched.rows(),
        Outcome::Void => panic!("no part is void"),
    })
    .sum()
}

#[tokio::test]
async fn every_part_is_an_event_and_the_whole_ends_it() {
    let (house, id) = released().await;
    let planned = house.see(id).await.plan.unwrap().counts().rows();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    let parts = touched_in_parts(&house).div_ceil(10);
    let kinds = house.kinds(id).await;
    assert_eq!(kinds.iter().filter(|it| *it == "stepped").count() as u64, parts + 1);
    let seen = house.see(id).await;
    assert_eq!(seen.steps[0].known, Known::Done);
    assert_eq!((seen.steps[0].parts, seen.steps[0].rows), (parts, planned));
    assert_eq!(house.shop.inside().erased, 1);
}

#[tokio::test]
async fn a_part_whose_answer_was_lost_is_found_and_not_done_again() {
    let (house, id) = released().await;
    house.shop.inside().switches.unknown_after_commit = true;
    house.settle().await;
    house.try_again_and_again().await;
    assert!(!house.shop.inside().switches.unknown_after_commit, "an answer was lost");
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!(house.see(id).await.runs, 1);
    let planned = house.see(id).await.plan.unwrap().counts().rows();
    assert_eq!(house.see(id).await.steps[0].rows, planned, "each row once");
}

#[tokio::test]
async fn what_stops_between_parts_is_stuck_says_how_far_it_came_and_goes_on() {
    let (house, id) = released().await;
    // A node dies with the first part committed and unrecorded; a hold comes before another takes it up.
    house.shop.inside().switches.hang_after_commit = true;
    let gate = house.shop.gate("committed");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    assert_eq!(house.see(id).await.steps, step(Known::Unknown, 0, 0));
    working.abort();
    let _ = working.await;
    gate.open();
    house.shop.inside().switches.hang_after_commit = false;
    house.hold("litigation", "ana@example.test").await;
    house.store.release_leases().await.unwrap();
    house.settle_on(&house.another()).await;
    // INVARIANT 6: part of it is done, so it does not go back to waiting as if nothing were.
    assert_eq!(house.status(id).await, Status::Stuck);
    assert_eq!(house.see(id).await.steps, step(Known::Undone, 1, 10));
    house.service.lift_hold(&house.caller("admin").await, "litigation").await.unwrap();
    house.service.retry(&house.caller("otto").await, id).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    let seen = house.see(id).await;
    let planned = seen.plan.unwrap().counts().rows();
    assert_eq!((seen.runs, seen.steps[0].rows), (2, planned), "each row once, over both runs");
}
