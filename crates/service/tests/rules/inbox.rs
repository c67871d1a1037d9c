//! What waits for one person.

use countersign_core::id::RequestId;
use countersign_service::requests::picture::ListQuery;

use crate::fixture::{House, about};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];

async fn inbox(house: &House, name: &str, limit: u32) -> Vec<RequestId> {
    let waiting_for = Some("me".to_owned());
    let query = ListQuery { waiting_for, limit, oldest_first: true, ..ListQuery::default() };
    let rows = house.service.list(&house.caller(name).await, query).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn proved(house: &House, subject: &[(&str, &str)]) -> RequestId {
    let (id, caller) = house.ask_subject("erase", subject).await;
    house.prove_email(&caller, id).await;
    house.pass(std::time::Duration::from_secs(1));
    id
}

#[tokio::test]
async fn it_is_what_wants_a_seat_of_theirs_until_their_vote_counts() {
    let house = House::new().await;
    let (first, second) = (proved(&house, ANA).await, proved(&house, BEN).await);
    for name in ["olga", "pavel"] {
        assert_eq!(inbox(&house, name, 50).await, [first, second], "{name}");
    }
    assert!(inbox(&house, "dora", 50).await.is_empty(), "of another seat");

    house.approve("olga", first).await;
    assert_eq!(inbox(&house, "olga", 50).await, [second]);
    assert_eq!(inbox(&house, "pavel", 50).await, [first, second]);
    // What they are done with takes no place on a page.
    assert_eq!(inbox(&house, "olga", 1).await, [second]);
}

#[tokio::test]
async fn it_never_holds_what_they_ask_for_themselves() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let id = house.service.submit(&stan, about("erase", ANA)).await.unwrap().picture.row.id;
    house.settle().await;
    assert_eq!(inbox(&house, "pavel", 50).await, [id]);
    assert!(inbox(&house, "stan", 50).await.is_empty());
}

#[tokio::test]
async fn seats_that_were_read_for_the_same_call_are_not_read_again() {
    let house = House::new().await;
    let id = proved(&house, ANA).await;
    let olga = house.caller("olga").await;
    let list = async |seats: &[&str]| {
        let seats = Some(seats.iter().map(|seat| (*seat).to_owned()).collect());
        let query =
            ListQuery { waiting_for: Some("me".to_owned()), seats, limit: 50, ..ListQuery::default() };
        house.service.list(&olga, query).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&["privacy"]).await, [id]);
    assert!(list(&[]).await.is_empty(), "what was handed down counts");
}
