//! How long the same took the last time is told beside a plan, to whoever may read that request too.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_service::ports::store::Status;

use crate::fixture::House;

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

/// An erasure of Ben whose step takes three seconds.
async fn erased(house: &House) -> RequestId {
    let id = house.ask_attested("erase", BEN).await;
    let gate = house.shop.gate("erase");
    house.vote("olga", id, true).await.unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(Arc::clone(&house.service).work(stopped));
    gate.reached().await;
    house.pass(Duration::from_secs(3));
    gate.open();
    stop.send(true).unwrap();
    working.await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    id
}

#[tokio::test]
async fn plan_tells_how_long_the_same_step_took_the_last_time() {
    let house = House::new().await;
    let first = house.ask_attested("erase", ANA).await;
    assert!(house.see(first).await.last_times.is_empty(), "it was never done");
    let before = erased(&house).await;
    let [last] = &house.see(first).await.last_times[..] else { panic!("one source") };
    assert_eq!((last.request, last.source.as_deref(), last.rows), (before, Some("shop"), 3));
    assert!((3_000..60_000).contains(&last.took_ms), "{}", last.took_ms);
    assert!(house.see(before).await.last_times.is_empty(), "what is over is not foretold");

    // Another action is not the same, and somebody else's request is not everybody's business.
    let (export, subject) = house.ask_subject("export", ANA).await;
    house.prove_email(&subject, export).await;
    let (next, subject) = house.ask_subject("export", ANA).await;
    assert!(house.service.read(&subject, next).await.unwrap().last_times.is_empty());
}
