//! Rules of rows that stay for a time by law: the erasure notes when they go, and then a request of its own removes them.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_core::request::Ending;
use countersign_service::Refusal;
use countersign_service::ports::store::{Status, Store};
use countersign_service::requests::picture::ListQuery;

use crate::fixture::{HOUR, House, about, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A house in which orders stay for ten years, and the customer's row with them.
pub async fn house() -> House {
    House::with(|bundle| {
        let (map, stays) = ("maps/shop.toml", "basis = \"legal_obligation\"\nkeep_for = \"3650d\"");
        let root = format!("treatment = \"clear\"\nempty = [\"email\"]\n{stays}\n[[table]]");
        replace(bundle, map, "treatment = \"delete\"\n[[table]]", &root);
        replace(
            bundle,
            map,
            "treatment = \"delete\"\n[[dataset]]",
            &format!("treatment = \"keep\"\n{stays}\n[[dataset]]"),
        );
    })
    .await
}

pub async fn erased(house: &House) -> RequestId {
    let id = house.ask_attested("erase", ANA).await;
    house.approve("olga", id).await;
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    id
}

/// Every erasure by the timer, newest first.
async fn removals(house: &House) -> Vec<(RequestId, Status)> {
    let audra = house.caller("audra").await;
    let query = ListQuery { action: Some("erase".to_owned()), limit: 50, ..ListQuery::default() };
    let rows = house.service.list(&audra, query).await.unwrap();
    rows.into_iter().filter(|row| row.channel == "schedule").map(|row| (row.id, row.status)).collect()
}

async fn noted(house: &House) -> usize {
    house.store.page("kept", None, 10).await.unwrap().len()
}

#[tokio::test]
async fn rows_stay_until_their_day_and_then_go_by_a_request_of_their_own() {
    let house = house().await;
    let id = erased(&house).await;
    assert!(house.shop.holds("1"), "its orders stay");
    let Some(Ending::Completed { outcome, .. }) = house.see(id).await.ending else { panic!("it is over") };
    let orders = outcome.kept.iter().find(|kept| kept.table == "orders").unwrap();
    let until: jiff::civil::Date = orders.until.as_deref().unwrap().parse().unwrap();
    assert!(until.year() > 2030, "{until}");
    assert_eq!(noted(&house).await, 1);

    // Long after our own copies are gone, with the key of the request.
    house.pass(3_650 * DAY - HOUR);
    house.settle().await;
    assert!(house.shop.holds("1"));
    assert_eq!(removals(&house).await, []);
    house.pass(2 * HOUR);
    house.settle().await;
    assert!(!house.shop.holds("1") && house.shop.holds("2"));
    let [(removal, Status::Completed)] = removals(&house).await[..] else { panic!("one removal") };
    let kinds = house.kinds(removal).await;
    assert!(kinds.contains(&"run_started".to_owned()) && kinds.contains(&"stepped".to_owned()), "{kinds:?}");
    // The note goes when the request was seen to be over.
    house.pass(2 * HOUR);
    house.settle().await;
    assert_eq!(noted(&house).await, 0);
    house.pass(100 * DAY);
    house.settle().await;
    assert_eq!(removals(&house).await.len(), 1);
}

#[tokio::test]
async fn another_node_takes_the_wish_up_and_it_is_carried_out_once() {
    let house = house().await;
    erased(&house).await;
    house.pass(3_651 * DAY);
    let (one, other) = (house.another(), house.another());
    tokio::join!(house.settle_on(&one), house.settle_on(&other));
    assert!(!house.shop.holds("1"));
    assert_eq!(removals(&house).await.len(), 1);
}

#[tokio::test]
async fn legal_hold_keeps_them_beyond_their_day() {
    let house = house().await;
    let id = erased(&house).await;
    let admin = house.caller("admin").await;
    // Nothing but the erasure names them any more.
    let kept = BTreeMap::from([("kept".to_owned(), id.to_string())]);
    house.service.place_hold(&admin, "case-7", &kept).await.unwrap();
    house.pass(3_651 * DAY);
    house.settle().await;
    assert!(house.shop.holds("1"));
    assert_eq!(removals(&house).await, []);
    house.service.lift_hold(&admin, "case-7").await.unwrap();
    house.pass(2 * HOUR);
    house.settle().await;
    assert!(!house.shop.holds("1"));
}

#[tokio::test]
async fn removal_that_ran_out_under_a_hold_is_asked_for_again() {
    let house = house().await;
    erased(&house).await;
    // No policy releases what the timer asks for.
    house
        .apply(|bundle| {
            replace(bundle, "policies/erase.cedar", "(principal is Schedule,", "(principal is Agent,")
        })
        .await;
    house.pass(3_651 * DAY);
    house.settle().await;
    assert!(house.shop.holds("1"));
    let first = removals(&house).await;
    assert_eq!(first.len(), 1);
    house
        .apply(|bundle| {
            replace(bundle, "policies/erase.cedar", "(principal is Agent,", "(principal is Schedule,")
        })
        .await;
    house.settle().await;
    for _ in 0..3 {
        house.pass(31 * DAY);
        house.settle().await;
    }
    assert!(!house.shop.holds("1"), "{:?}", removals(&house).await);
}

#[tokio::test]
async fn nobody_else_names_a_subject_by_an_erasure() {
    let house = house().await;
    let id = erased(&house).await;
    let desk = house.caller("helpdesk").await;
    let ask = about("erase", &[("kept", &id.to_string())]);
    let Err(Refusal::Invalid { at, .. }) = house.service.submit(&desk, ask).await else { panic!("refused") };
    assert_eq!(at, "subject.kept");
}

#[tokio::test]
async fn map_in_which_the_root_goes_before_its_rows_is_refused() {
    let map = "source = \"shop\"\n[[root]]\ntable = \"customer\"\nkey = [\"id\"]\n\
               identities = { email = \"email\" }\ntreatment = \"delete\"\n[[table]]\nname = \"orders\"\n\
               [[table.way]]\nfrom = \"customer\"\non = { customer_id = \"id\" }\ntreatment = \"keep\"\n\
               basis = \"tax\"\nkeep_for = \"3650d\"\n";
    let mistakes = countersign_service::settings::DataMap::parse(map).unwrap_err();
    assert!(mistakes[0].message.contains("leads to them goes before"), "{mistakes:?}");
    let short =
        map.replace("\"delete\"", "\"clear\"\nempty = [\"email\"]\nbasis = \"tax\"\nkeep_for = \"9d\"");
    assert!(countersign_service::settings::DataMap::parse(&short).is_err());
    let sound = short.replace("9d", "3650d");
    let map = countersign_service::settings::DataMap::parse(&sound).unwrap();
    let after = map.after(3_650 * 86_400_000);
    assert_ne!(after.version(), map.version());
    assert_eq!(map.after(86_400_000).version(), map.version(), "nothing is over yet");
}

#[tokio::test]
async fn map_that_loses_the_way_to_what_it_keeps_is_refused() {
    let map = "source = \"shop\"\n[[root]]\ntable = \"customer\"\nkey = [\"id\"]\nidentities = { email = \"email\" }\n\
               treatment = \"clear\"\nempty = [\"email\"]\nbasis = \"tax\"\n\
               [[table]]\nname = \"orders\"\n[[table.way]]\nfrom = \"customer\"\non = { customer_id = \"id\" }\n\
               treatment = \"clear\"\nempty = [\"note\"]\nbasis = \"tax\"\nkeep_for = \"9d\"\n\
               [[table]]\nname = \"item\"\n[[table.way]]\nfrom = \"orders\"\non = { order_id = \"id\" }\n\
               treatment = \"keep\"\nbasis = \"tax\"\nkeep_for = \"9d\"\n";
    let parse = countersign_service::settings::DataMap::parse;
    assert!(parse(map).is_ok());
    let letter = "[[table]]\nname = \"letter\"\n[[table.way]]\ncolumn = \"mail\"\nequals = \"{email}\"\n\
                  treatment = \"keep\"\nbasis = \"tax\"\nkeep_for = \"9d\"\n";
    for (wrong, why) in [
        (map.replace("\"note\"", "\"customer_id\""), "`customer_id`, by which they are found, is cleared"),
        (format!("{map}{letter}"), "`customer.email`, by which they are found, is cleared"),
        (
            map.replacen("keep_for = \"9d\"", "keep_for = \"3d\"", 1),
            "the rows of `orders` that lead to them are gone",
        ),
        (
            map.replacen(
                "treatment = \"clear\"\nempty = [\"note\"]\nbasis = \"tax\"\nkeep_for = \"9d\"",
                "treatment = \"delete\"",
                1,
            ),
            "the rows of `orders` that lead to them are gone",
        ),
    ] {
        let mistakes = parse(&wrong).unwrap_err();
        assert!(mistakes[0].message.contains(why), "{why}: {mistakes:?}");
    }
}
