//! An erasure that was given up when a part of it was done, and a source that is put back from a backup afterwards.

use std::time::Duration;

use countersign_service::ports::store::Status;

use crate::fixture::House;

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

#[tokio::test]
async fn whoever_was_erased_in_one_source_before_the_request_was_given_up_is_found_when_that_one_is_restored()
{
    let house = House::new().await;
    let back = async |source: &str| house.service.restored(source, &mut |_| ()).await.unwrap().back;
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    house.shop.inside().switches.refuses = true;
    let id = house.ask_attested("erase", ANA).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Stuck);
    assert!(!house.crm.holds("c1") && house.shop.holds("1"), "one of two is done");
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    let found = back("crm").await;
    assert_eq!(found.iter().map(|it| (it.erasure, it.stuck)).collect::<Vec<_>>(), [(id, true)]);
    house.crm.inside().customers.clear();
    house.abandon(id).await;
    assert_eq!(house.status(id).await, Status::Abandoned);

    house.shop.inside().switches.refuses = false;
    assert_eq!(back("crm").await, []);
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    let found = back("crm").await;
    assert_eq!(found.iter().map(|it| (it.erasure, it.stuck)).collect::<Vec<_>>(), [(id, false)]);
    assert_eq!(back("shop").await, [], "nothing was ever erased there, so nobody is back");
}

#[tokio::test]
async fn who_is_back_is_asked_for_until_a_request_stands() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    house.shop.add("1", ANA, &[("customer", 1)]);
    let back = async || house.service.restored("shop", &mut |_| ()).await.unwrap().back.pop().unwrap();
    let first = back().await;
    assert_eq!(first.asked, None);

    house.pass(Duration::from_secs(1));
    let again = house.ask_attested("erase", ANA).await;
    assert_eq!(back().await.asked, Some((again, Status::Waiting)));
    house.vote("olga", again, false).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(again).await, Status::Denied);
    // They are there still, and the key by which that one was asked for would only bring it back.
    let second = back().await;
    assert_eq!(second.asked, None);
    assert_ne!(second.idempotency_key, first.idempotency_key);
    assert_eq!(back().await.idempotency_key, second.idempotency_key);
}
