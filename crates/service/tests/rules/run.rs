//! Carrying out: once, under a permit, whatever breaks on the way.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use countersign_core::request::Refusal as Rule;
use countersign_service::Refusal;
use countersign_service::ports::store::{Status, Store};
use countersign_service::requests::picture::Known;

use crate::fixture::House;

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

/// An erasure that olga approved and that nobody has started.
async fn released(house: &House) -> RequestId {
    let id = house.ask_attested("erase", ANA).await;
    house.vote("olga", id, true).await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    id
}

fn key(request: RequestId, run: u32) -> ReceiptKey {
    ReceiptKey { request, run, step: "shop".to_owned(), chunk: 0 }
}

#[tokio::test]
async fn permit_is_spent_only_once_its_release_is_under_a_committed_checkpoint() {
    let house = House::new().await;
    let id = released(&house).await;
    let gate = house.shop.gate("erase");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    let record = house.stored(id).await;
    let release = record.events.iter().find(|event| event.kind == "released").unwrap().leaf.unwrap();
    let start = record.events.iter().find(|event| event.kind == "run_started").unwrap().leaf.unwrap();
    let sizes = house.store.checkpoint_sizes(0, 1000).await.unwrap();
    assert!(sizes.iter().any(|size| release < *size && *size <= start), "{release} {start} {sizes:?}");
    gate.open();
    stop.send(true).unwrap();
    working.await.unwrap();
}

#[tokio::test]
async fn release_that_stands_under_a_checkpoint_is_not_signed_for_again() {
    let house = House::new().await;
    let (ana, ben) = (house.ask_attested("erase", ANA).await, house.ask_attested("erase", BEN).await);
    house.vote("olga", ana, true).await.unwrap();
    house.vote("olga", ben, true).await.unwrap();
    house.service.sign_head().await.unwrap();
    let before = house.store.checkpoint_sizes(0, 1000).await.unwrap();
    for run in house.store.claim(64, 30_000).await.unwrap().into_iter().filter(|job| job.kind == "run") {
        Arc::clone(&house.service).carry_out(run).await;
    }
    // The first run moved the head; the release of the second was under a checkpoint all the same.
    assert_eq!([house.status(ana).await, house.status(ben).await], [Status::Completed; 2]);
    assert_eq!(house.store.checkpoint_sizes(0, 1000).await.unwrap(), before);
}

#[tokio::test]
async fn nothing_starts_as_long_as_no_checkpoint_can_be_kept() {
    let house = House::new().await;
    let id = released(&house).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(house.that_cannot_sign().work(stopped));
    tokio::time::sleep(Duration::from_millis(150)).await;
    stop.send(true).unwrap();
    working.await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    assert!(house.shop.holds("1"));
}

#[tokio::test]
async fn waiting_for_a_checkpoint_is_not_counted_as_a_try_that_failed() {
    let house = House::new().await;
    let id = released(&house).await;
    let node = house.that_cannot_sign();
    let mut waited = 0;
    for _ in 0..20 {
        for job in house.store.claim(64, 30_000).await.unwrap() {
            assert_eq!(job.attempts, 0, "{}", job.kind);
            waited += usize::from(job.kind == "run");
            Arc::clone(&node).carry_out(job).await;
        }
        house.clock.advance(Duration::from_millis(20));
    }
    assert_eq!((house.status(id).await, waited), (Status::Released, 20));
}

#[tokio::test]
async fn step_that_was_committed_before_the_node_died_is_not_done_again() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.inside().switches.hang_after_commit = true;
    let gate = house.shop.gate("committed");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    working.abort();
    let _ = working.await;
    house.shop.inside().switches.hang_after_commit = false;
    assert_eq!(house.status(id).await, Status::Running);

    house.store.release_leases().await.unwrap();
    house.settle_on(&house.another()).await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!(house.shop.inside().erased, 1);
    assert_eq!(house.see(id).await.runs, 1);
}

#[tokio::test]
async fn source_that_is_away_is_asked_again_and_then_a_person() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.inside().switches.unavailable = true;
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Running);
    house.try_again_and_again().await;
    assert_eq!(house.status(id).await, Status::Stuck);
    assert!(house.shop.holds("1"));

    house.shop.inside().switches.unavailable = false;
    house.service.retry(&house.caller("otto").await, id).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!((house.see(id).await.runs, house.shop.inside().erased), (2, 1));
}

#[tokio::test]
async fn of_two_sources_each_says_how_far_it_is() {
    let house = House::new().await;
    house.crm.add("71", &[("account", "A-1")], &[("contact", 2)]);
    let id = released(&house).await;
    let gate = house.shop.gate("erase");
    let steps = async || -> Vec<(String, Known, u64)> {
        let seen = house.see(id).await;
        seen.steps.into_iter().map(|it| (it.source, it.known, it.rows)).collect()
    };
    let crm = |known, rows| ("crm".to_owned(), known, rows);
    let shop = |known, rows| ("shop".to_owned(), known, rows);
    let looking = async {
        gate.reached().await;
        let meanwhile = steps().await;
        gate.open();
        meanwhile
    };
    let (meanwhile, ()) = tokio::join!(looking, house.settle());
    assert_eq!(meanwhile, [crm(Known::Done, 2), shop(Known::Unknown, 0)]);
    assert_eq!(house.status(id).await, Status::Completed);
    let rows = house.shop.inside().receipts.values().map(touched).sum::<u64>();
    assert_eq!(steps().await, [crm(Known::Done, 2), shop(Known::Done, rows)]);

    // Whoever looks afterwards is told what the row held that is gone.
    let told = house.shop.inside().told.clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].identities.iter().any(|it| (&*it.kind, &*it.value) == ANA[0]));
}

fn touched(receipt: &Receipt) -> u64 {
    match &receipt.outcome {
        Outcome::Done { touched } => touched.rows(),
        Outcome::Void => 0,
    }
}

#[tokio::test]
async fn stuck_request_does_not_end_while_nobody_knows_whether_a_step_may_still_happen() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.inside().switches.unavailable = true;
    house.settle().await;
    house.try_again_and_again().await;
    let otto = house.caller("otto").await;
    assert!(house.service.abandon(&otto, id, None).await.is_err());
    assert_eq!(house.status(id).await, Status::Stuck);

    house.shop.inside().switches.unavailable = false;
    house.service.abandon(&otto, id, None).await.unwrap();
    assert_eq!(house.status(id).await, Status::Abandoned);
    assert_eq!(house.shop.inside().receipts[&key(id, 1)].outcome, Outcome::Void);
}

#[tokio::test]
async fn export_from_a_source_that_refuses_is_put_before_a_person() {
    let house = House::new().await;
    house.shop.inside().switches.refuses = true;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    assert_eq!(house.status(id).await, Status::Stuck);
    house.shop.inside().switches.refuses = false;
    house.service.retry(&house.caller("otto").await, id).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn lost_answer_is_settled_by_the_receipt() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.inside().switches.unknown_after_commit = true;
    house.settle().await;
    house.pass(Duration::from_secs(1));
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!(house.shop.inside().erased, 1);
}

#[tokio::test]
async fn step_that_somebody_made_void_under_the_run_is_put_before_a_person() {
    let house = House::new().await;
    let id = released(&house).await;
    let gate = house.shop.gate("erase");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    let void = Receipt { key: key(id, 1), outcome: Outcome::Void };
    house.shop.inside().receipts.insert(key(id, 1), void);
    gate.open();
    stop.send(true).unwrap();
    working.await.unwrap();
    house.settle().await;
    let seen = house.see(id).await;
    assert_eq!((seen.row.status, seen.stuck.as_deref()), (Status::Stuck, Some("step_void")));
}

#[tokio::test]
async fn run_whose_step_was_made_void_before_the_node_died_goes_back() {
    let house = House::new().await;
    let id = released(&house).await;
    let void = Receipt { key: key(id, 1), outcome: Outcome::Void };
    house.shop.inside().receipts.insert(key(id, 1), void);
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Waiting);
    assert!(house.shop.holds("1"));
    house.approve("pavel", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn stuck_request_is_retried_accepted_or_abandoned_by_a_person() {
    let house = House::new().await;
    let otto = house.caller("otto").await;
    for way in ["retry", "accept", "abandon"] {
        let account = format!("S-{way}");
        house.shop.add(&account, &[("account", &account)], &[("customer", 1)]);
        let id = house.ask_attested("erase", &[("account", &account)]).await;
        house.shop.inside().switches.refuses = true;
        house.approve("olga", id).await;
        assert_eq!(house.status(id).await, Status::Stuck);
        house.shop.inside().switches.refuses = false;
        match way {
            "retry" => house.service.retry(&otto, id).await.unwrap(),
            "accept" => house.service.accept(&otto, id, Some("by hand".to_owned())).await.unwrap(),
            _ => house.service.abandon(&otto, id, None).await.unwrap(),
        };
        house.settle().await;
        let ended = house.see(id).await;
        let status = if way == "abandon" { Status::Abandoned } else { Status::Completed };
        assert_eq!(ended.row.status, status);
        assert_eq!(house.shop.holds(&account), way != "retry");
    }
}

#[tokio::test]
async fn rows_beyond_what_was_signed_stop_the_run_and_the_officers_are_asked_again() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.grow("1", "orders", 21);
    house.settle().await;
    let seen = house.see(id).await;
    assert_eq!((seen.row.status, seen.votes.len()), (Status::Waiting, 0));
    assert!(house.shop.holds("1"));
    assert!(house.kinds(id).await.contains(&"recounted".to_owned()));
    let to_olga = house.calls(id).iter().filter(|to| *to == "olga@example.test").count();
    assert_eq!(to_olga, 2, "called once before and once after");

    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert!(!house.shop.holds("1"));
}

#[tokio::test]
async fn rows_within_what_was_signed_do_not_stop_the_run() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.grow("1", "orders", 20);
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn address_that_belongs_to_somebody_else_by_now_stops_the_run() {
    for action in ["erase", "export"] {
        let house = House::new().await;
        let id =
            if action == "erase" { released(&house).await } else { house.ask_subject("export", ANA).await.0 };
        if action == "export" {
            let ana = house.service.caller(&crate::fixture::keys().subject_token(id)).await.unwrap();
            house.service.start_verification(&ana, id, "email").await.unwrap();
            house.settle().await;
            house.service.verify(&ana, id, "email", &house.code(id)).await.unwrap();
            assert_eq!(house.status(id).await, Status::Released);
        }
        {
            let mut inside = house.shop.inside();
            let mut other = inside.customers[0].clone();
            other.key = "99".to_owned();
            inside.customers[0].identities.clear();
            inside.customers.push(other);
        }
        house.settle().await;
        let kinds = house.kinds(id).await;
        assert!(kinds.contains(&"shifted".to_owned()), "{action}: {kinds:?}");
        assert!(house.shop.holds("1") && house.shop.holds("99"));
    }
}

#[tokio::test]
async fn hold_that_arrives_in_a_run_with_nothing_done_sends_it_back() {
    let house = House::new().await;
    let id = released(&house).await;
    let gate = house.shop.gate("receipt");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    let placed = house.hold("case-7", "ana@example.test").await;
    assert_eq!(placed.open, [(id, Status::Running)]);
    gate.open();
    stop.send(true).unwrap();
    working.await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Waiting);
    assert!(house.kinds(id).await.contains(&"held_back".to_owned()));
    assert!(house.shop.holds("1"));

    house.service.lift_hold(&house.caller("admin").await, "case-7").await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed, "the votes stand: nothing changed");
}

#[tokio::test]
async fn hold_that_arrives_when_a_part_is_done_is_put_before_a_person() {
    let house = House::new().await;
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    let id = released(&house).await;
    let gate = house.crm.gate("erase");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    house.hold("case-7", "ana@example.test").await;
    gate.open();
    stop.send(true).unwrap();
    working.await.unwrap();
    house.settle().await;
    let seen = house.see(id).await;
    assert_eq!(seen.row.status, Status::Stuck);
    assert!(seen.stuck.unwrap().contains("case-7"));
    assert!(house.shop.holds("1") && !house.crm.holds("c1"));
    let refused = house.service.retry(&house.caller("otto").await, id).await;
    assert_eq!(refused.unwrap_err(), Refusal::Rule(Rule::NotReleased));
}

#[tokio::test]
async fn two_workers_on_one_store_run_a_request_once() {
    let house = House::new().await;
    let id = released(&house).await;
    house.shop.inside().switches.slow_ms = 20;
    let other = house.another();
    tokio::join!(house.settle(), house.settle_on(&other));
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!((house.see(id).await.runs, house.shop.inside().erased), (1, 1));
}

#[tokio::test]
async fn worker_that_lost_its_lease_and_the_one_that_took_over_erase_once() {
    let house = House::new().await;
    let id = released(&house).await;
    let gate = house.shop.gate("erase");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let slow = tokio::spawn(Arc::clone(&house.service).work(stopped.clone()));
    gate.reached().await;
    // The lease runs out while the first worker sleeps.
    house.pass(Duration::from_secs(31));
    let second = tokio::spawn(house.another().work(stopped));
    gate.reached().await;
    gate.open();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(true).unwrap();
    slow.await.unwrap();
    second.await.unwrap();
    house.pass(Duration::from_secs(31));
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    assert_eq!((house.see(id).await.runs, house.shop.inside().erased), (1, 1));
}
