//! Requests beside each other: on one subject, and among those that run.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::verdict::Missing;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::{Ask, AskedBy};
use tokio::sync::watch;

use crate::fixture::odd::Gate;
use crate::fixture::{House, about, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

#[tokio::test]
async fn erasure_waits_for_the_export_that_was_asked_for_before() {
    let house = House::new().await;
    let export = house.ask_attested("export", ANA).await;
    house.pass(Duration::from_secs(1));
    let erase = house.ask_attested("erase", ANA).await;
    house.approve("olga", erase).await;
    assert_eq!(house.missing(erase).await, [Missing::Conflict { count: 1 }].into());
    house.service.withdraw(&house.caller("helpdesk").await, export).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(erase).await, Status::Completed);
}

#[tokio::test]
async fn second_erasure_is_a_duplicate_of_the_first() {
    let house = House::new().await;
    let first = house.ask_attested("erase", ANA).await;
    house.pass(Duration::from_secs(1));
    let second = house.ask_attested("erase", &[("account", "A-1")]).await;
    assert_eq!(house.denied(second).await, "duplicate");
    assert_eq!(house.status(first).await, Status::Waiting);
}

#[tokio::test]
async fn request_that_is_proved_late_still_goes_before_those_that_were_asked_for_after_it() {
    let house = House::new().await;
    let (first, ana) = house.ask_subject("erase", ANA).await;
    house.pass(Duration::from_secs(1));
    let second = house.ask_attested("erase", ANA).await;
    assert_eq!(house.status(second).await, Status::Waiting);
    house.prove_email(&ana, first).await;
    house.settle().await;
    assert_eq!(house.denied(second).await, "duplicate");
    assert_eq!(house.status(first).await, Status::Waiting);
}

#[tokio::test]
async fn export_after_an_erasure_waits_and_then_finds_nobody() {
    let house = House::new().await;
    let erase = house.ask_attested("erase", ANA).await;
    house.pass(Duration::from_secs(1));
    let (export, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, export).await;
    assert_eq!(house.missing(export).await, [Missing::Conflict { count: 1 }].into());
    house.pass(Duration::from_secs(120));
    house.approve("olga", erase).await;
    assert_eq!(house.status(erase).await, Status::Completed);
    assert_eq!(house.denied(export).await, "no_match");
}

#[tokio::test]
async fn never_more_than_the_limit_run_and_all_complete() {
    let house = House::with(|bundle| {
        replace(
            bundle,
            "policies/erase.cedar",
            "context.running.erase >= 100",
            "context.running.erase >= 10",
        );
    })
    .await;
    let mut all = Vec::new();
    for n in 0..120 {
        let account = format!("L-{n}");
        house.shop.add(&account, &[("account", &account)], &[("customer", 1)]);
        let desk = house.caller("helpdesk").await;
        let ask = about("erase", &[("account", &account)]);
        all.push(house.service.submit(&desk, ask).await.unwrap().picture.row.id);
    }
    house.settle().await;
    house.shop.inside().switches.slow_ms = 5;
    for id in &all {
        house.vote("olga", *id, true).await.unwrap();
    }
    let store = house.store.clone();
    let watching = tokio::spawn(async move {
        use countersign_service::ports::store::Store;
        let mut most = 0;
        loop {
            let tally = store.tally().await.unwrap();
            let of = |wanted: fn(Status) -> bool| -> u64 {
                let those = tally.iter().filter(|(action, status, _)| action == "erase" && wanted(*status));
                those.map(|(_, _, count)| count).sum()
            };
            most = most.max(of(Status::holds_place));
            if of(|status| status == Status::Completed) == 120 {
                return most;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    house.settle().await;
    let most = tokio::time::timeout(Duration::from_secs(5), watching).await.expect("all complete").unwrap();
    assert_eq!(most, 10, "the limit is reached and never passed");
}

#[tokio::test]
async fn many_places_that_become_free_at_once_are_given_by_one_who_looks() {
    let house = House::with(|bundle| {
        replace(bundle, "policies/erase.cedar", "running.erase >= 100", "running.erase >= 20");
        replace(bundle, "settings.toml", "survey_max_age = \"60s\"", "survey_max_age = \"10s\"");
    })
    .await;
    let mut all = Vec::new();
    for n in 0..40 {
        let account = format!("L-{n}");
        house.shop.add(&account, &[("account", &account)], &[("customer", 1)]);
        all.push(house.ask_attested("erase", &[("account", &account)]).await);
    }
    house.shop.inside().switches.slow_ms = 1_500;
    for id in &all {
        house.vote("olga", *id, true).await.unwrap();
    }
    let twenty_run = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Whoever gets a place now is looked at again first, and that takes its time.
        house.pass(Duration::from_secs(15));
        let mut inside = house.shop.inside();
        inside.switches.slow_ms = 0;
        inside.switches.slow_count_ms = 20;
        assert_eq!(inside.most_at_once, 20);
        inside.surveyed
    };
    let ((), before) = tokio::join!(house.settle(), twenty_run);
    for id in &all {
        assert_eq!(house.status(*id).await, Status::Completed);
    }
    let looks = house.shop.inside().surveyed - before;
    assert!(looks <= 60, "{looks} looks for twenty who waited");
}

/// Two in the way got stuck and keep their places; an erasure that its subject asked for is kept back by `narrow`, and a
/// younger one of the staff waits for a place. All have their votes.
async fn two_who_wait(narrow: &str) -> (House, RequestId, RequestId, RequestId) {
    let house = House::with(|bundle| {
        replace(bundle, "policies/erase.cedar", "context.running.erase >= 100", "context.running.erase >= 2");
        replace(bundle, "policies/erase.cedar", "(principal is Staff ||", "(principal is Subject ||");
        let narrow = format!(
            "@id(\"erase.subjects\")\nforbid (principal is Subject, action == Action::\"erase\", resource) when \
             {{ {narrow} }};"
        );
        bundle.files.insert("policies/narrow.cedar".to_owned(), narrow);
    })
    .await;
    house.shop.inside().switches.refuses = true;
    let mut stuck = Vec::new();
    for account in ["A-3", "A-4"] {
        let id = house.ask_attested("erase", &[("account", account)]).await;
        house.approve("olga", id).await;
        assert_eq!(house.status(id).await, Status::Stuck);
        stuck.push(id);
    }
    house.shop.inside().switches.refuses = false;

    house.pass(Duration::from_secs(1));
    let desk = house.caller("helpdesk").await;
    let ask = Ask { by: AskedBy::Subject, ..about("erase", ANA) };
    let oldest = house.service.submit(&desk, ask).await.unwrap().picture.row.id;
    house.settle().await;
    house.pass(Duration::from_secs(1));
    let young = house.ask_attested("erase", &[("account", "A-2")]).await;
    house.approve("olga", oldest).await;
    house.approve("olga", young).await;
    let full = Missing::Capacity { action: "erase".to_owned(), below: 2, now: 2 };
    assert_eq!(house.missing(young).await, [full].into());
    (house, stuck[0], oldest, young)
}

#[tokio::test]
async fn freed_place_goes_past_the_oldest_that_waits_for_something_else() {
    let (house, stuck, oldest, young) = two_who_wait("context.running.erase >= 1").await;
    house.hold("case-9", "ana@example.test").await;
    house.settle().await;
    house.abandon(stuck).await;
    assert_eq!(house.status(oldest).await, Status::Waiting);
    assert_eq!(house.status(young).await, Status::Completed);
}

#[tokio::test]
async fn freed_place_goes_past_the_oldest_under_a_narrower_limit() {
    for narrow in ["context.running.erase >= 1", "context.started_today.erase >= 1"] {
        let (house, stuck, oldest, young) = two_who_wait(narrow).await;
        house.abandon(stuck).await;
        assert_eq!(house.status(oldest).await, Status::Waiting, "{narrow}");
        assert_eq!(house.status(young).await, Status::Completed, "{narrow}");
    }
}

#[tokio::test]
async fn place_that_becomes_free_while_somebody_is_being_told_to_wait_is_given_too() {
    let house = House::with(|bundle| {
        replace(bundle, "policies/erase.cedar", "context.running.erase >= 100", "context.running.erase >= 1");
        let own = "@id(\"erase.own\")\npermit (principal is Subject, action == Action::\"erase\", resource is Subject) \
                   when { context.attested.contains(\"identity\") };";
        bundle.files.insert("policies/own.cedar".to_owned(), own.to_owned());
    })
    .await;
    house.shop.inside().switches.refuses = true;
    let first = house.ask_attested("erase", &[("account", "A-3")]).await;
    let desk = house.caller("helpdesk").await;
    let ask = Ask { by: AskedBy::Subject, ..about("erase", ANA) };
    let second = house.service.submit(&desk, ask).await.unwrap().picture.row.id;
    house.vote("olga", first, true).await.unwrap();

    // Another node has read that the only place is taken, and is about to write that the second waits for it.
    let gate = Arc::new(Gate::default());
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(house.late_with("room", &gate).work(stopped));
    gate.reached.notified().await;
    // Its job is not waited for from here on.
    house.pass(Duration::from_millis(1));
    while house.status(first).await != Status::Stuck {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.shop.inside().switches.refuses = false;
    house.abandon(first).await;
    assert_eq!(house.status(second).await, Status::Waiting);

    gate.open.notify_one();
    stop.send(true).unwrap();
    working.await.unwrap();
    house.settle().await;
    assert_eq!(house.status(second).await, Status::Completed);
}
