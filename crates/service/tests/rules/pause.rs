//! An action that fails again and again pauses by itself, and a person resumes it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::verdict::{Decision, Missing};
use countersign_service::Refusal;
use countersign_service::ports::store::{Status, Store};

use crate::fixture::{HOUR, House, replace};

/// Two failures within an hour pause an erasure.
async fn house() -> House {
    House::with(|bundle| {
        let erase = "[actions.erase]\npause_after = 2\npause_window = \"1h\"";
        replace(bundle, "settings.toml", "[actions.erase]", erase);
    })
    .await
}

async fn approved(house: &House, account: &str) -> RequestId {
    let id = house.ask_attested("erase", &[("account", account)]).await;
    house.approve("olga", id).await;
    id
}

async fn is_paused(house: &House) -> bool {
    let gauges = house.service.limits(&house.caller("otto").await).await.unwrap();
    gauges.iter().find(|gauge| gauge.action == "erase").unwrap().paused.is_some()
}

async fn entries(house: &House) -> Vec<String> {
    let (size, _) = house.store.head().await.unwrap();
    let entries = house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap();
    entries.into_iter().map(|entry| String::from_utf8(entry).unwrap()).collect()
}

#[tokio::test]
async fn action_pauses_after_repeated_failures_and_goes_on_when_a_person_resumes_it() {
    let house = house().await;
    house.shop.inside().switches.refuses = true;
    let first = approved(&house, "A-1").await;
    assert_eq!((house.status(first).await, is_paused(&house).await), (Status::Stuck, false));
    house.pass(Duration::from_secs(60));
    let second = approved(&house, "A-2").await;
    assert_eq!((house.status(second).await, is_paused(&house).await), (Status::Stuck, true));
    let since = house.stored(second).await.row.changed_at;
    house.shop.inside().switches.refuses = false;

    // What comes later is held, and says so beside whatever else is missing.
    let third = house.ask_attested("erase", &[("account", "A-3")]).await;
    let paused = Missing::Paused { action: "erase".to_owned(), since };
    let vote = Missing::Vote { group: "privacy".to_owned(), need: 1, have: 0 };
    assert!(house.missing(third).await.is_superset(&[paused.clone(), vote].into()));
    house.approve("olga", third).await;
    assert_eq!(house.missing(third).await, [paused].into());
    // A retry is a new run too.
    let otto = house.caller("otto").await;
    let refused = house.service.retry(&otto, first).await.unwrap_err();
    assert_eq!(refused, Refusal::Rule(countersign_core::request::Refusal::NotReleased));
    // Other actions go on.
    let export = house.ask_attested("export", &[("account", "A-4")]).await;
    house.approve("olga", export).await;
    assert_eq!(house.status(export).await, Status::Completed);

    // Whoever looks after what is stuck does not resume; nor does a program.
    assert!(matches!(house.service.resume(&otto, "erase").await, Err(Refusal::NotAllowed(_))));
    let admin = house.caller("admin").await;
    assert!(matches!(house.service.resume(&admin, "export").await, Err(Refusal::Standing(_))));
    assert!(matches!(house.service.resume(&admin, "moonwalk").await, Err(Refusal::NotFound(_))));
    assert!(house.service.resume(&admin, "erase").await.unwrap().paused.is_none());
    house.settle().await;
    assert_eq!(house.status(third).await, Status::Completed);
    house.service.retry(&otto, first).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(first).await, Status::Completed);
    // Both are entries.
    let entries = entries(&house).await;
    for did in
        ["\"limit\":\"erase\",\"did\":\"paused\",\"failures\":2", "\"limit\":\"erase\",\"did\":\"resumed\""]
    {
        assert_eq!(entries.iter().filter(|entry| entry.contains(did)).count(), 1, "{did}");
    }
}

#[tokio::test]
async fn failures_that_lie_far_apart_pause_nothing() {
    let house = house().await;
    house.shop.inside().switches.refuses = true;
    approved(&house, "A-1").await;
    house.pass(HOUR + Duration::from_millis(1));
    approved(&house, "A-2").await;
    assert!(!is_paused(&house).await);
}

#[tokio::test]
async fn pause_is_asked_for_by_nobody_where_the_settings_say_never() {
    let house = House::with(|bundle| {
        replace(bundle, "settings.toml", "[actions.erase]", "[actions.erase]\npause_after = 0");
    })
    .await;
    house.shop.inside().switches.refuses = true;
    for account in ["A-1", "A-2", "A-3", "A-4"] {
        approved(&house, account).await;
    }
    assert!(!is_paused(&house).await);
}

/// Of many approved requests on two nodes, none starts once the action is paused: each start stands in the ledger
/// before the pause.
#[tokio::test]
async fn no_run_starts_after_the_pause_on_any_node() {
    let house = House::with(|bundle| {
        replace(bundle, "settings.toml", "[actions.erase]", "[actions.erase]\npause_after = 1");
    })
    .await;
    let mut all = Vec::new();
    for n in 10..40 {
        let (key, account) = (n.to_string(), format!("A-{n}"));
        house.shop.add(&key, &[("account", &account)], &[("customer", 1)]);
        all.push(house.ask_attested("erase", &[("account", &account)]).await);
    }
    house.shop.inside().switches.refuses = true;
    // Both nodes work while they are approved one after the other.
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let nodes = [Arc::clone(&house.service), house.another()];
    let working = nodes.map(|node| tokio::spawn(node.work(stopped.clone())));
    for id in &all {
        house.vote("olga", *id, true).await.unwrap();
    }
    stop.send(true).unwrap();
    for node in working {
        node.await.unwrap();
    }
    house.settle().await;
    let entries = entries(&house).await;
    let paused = entries.iter().position(|entry| entry.contains("\"did\":\"paused\"")).unwrap();
    let started = entries.iter().rposition(|entry| entry.contains("\"run_started\"")).unwrap();
    assert!(started < paused, "a run started in entry {started}, after the pause in entry {paused}");
    // Those that had not started gave their place back, and say what they wait for.
    let mut waiting = 0;
    for id in all {
        match house.status(id).await {
            Status::Stuck => {}
            Status::Waiting => {
                waiting += 1;
                let missing = house.missing(id).await;
                assert!(missing.iter().all(|it| matches!(it, Missing::Paused { .. })), "{missing:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    println!("{waiting} of 30 were held");
    let seen = house.see(house.ask_attested("erase", &[("account", "A-1")]).await).await;
    assert!(matches!(seen.verdict.unwrap().decision, Decision::Hold { .. }));
}
