//! An erasure that was given up when a part of it was done, and a source that is put back from a backup afterwards.

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
    house.service.abandon(&house.caller("otto").await, id, None).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Abandoned);

    house.shop.inside().switches.refuses = false;
    assert_eq!(back("crm").await, []);
    house.crm.add("c1", &[("account", "A-1")], &[("contact", 1)]);
    let found = back("crm").await;
    assert_eq!(found.iter().map(|it| it.erasure).collect::<Vec<_>>(), [id]);
    assert_eq!(back("shop").await, [], "nothing was ever erased there, so nobody is back");
}
