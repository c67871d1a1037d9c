//! A few rows, masked, are one more copy: only where the map asks, only beside the plan, and gone with the request's own data.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_service::ports::store::{Status, Store};

use crate::fixture::{HOUR, House, replace};

const DAY: Duration = Duration::from_secs(24 * 3600);
const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const SHOWN: &str = "a***@e***.test";

async fn house() -> House {
    House::with(|bundle| replace(bundle, "maps/shop.toml", "key = [\"id\"]", "key = [\"id\"]\nsamples = 1"))
        .await
}

/// What the caller sees of rows.
async fn shown(house: &House, caller: &countersign_service::caller::Caller, id: RequestId) -> Vec<String> {
    let picture = house.service.read(caller, id).await.unwrap();
    picture.samples.iter().flat_map(|it| it.rows.iter().flatten()).map(|it| it.as_str().to_owned()).collect()
}

#[tokio::test]
async fn rows_are_shown_masked_beside_the_plan_and_die_with_the_requests_own_data() {
    let house = house().await;
    let (id, subject) = house.ask_subject("export", ANA).await;
    let audra = house.caller("audra").await;
    assert!(shown(&house, &subject, id).await.is_empty(), "nothing is shown before proof");
    house.prove_email(&subject, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    for caller in [&subject, &audra] {
        let shown = shown(&house, caller, id).await;
        assert!(shown.iter().any(|it| it == SHOWN), "{shown:?}");
        assert!(!shown.concat().contains("ana"), "{shown:?}");
    }

    // Not where anything of a request stands in the clear.
    let (size, _) = house.store.head().await.unwrap();
    let ledger = house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap().concat();
    assert!(!String::from_utf8_lossy(&ledger).contains("***"));
    for file in std::fs::read_dir(house.folder()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(SHOWN.len()).any(|it| it == SHOWN.as_bytes()), "{}", path.display());
    }

    house.pass(30 * DAY + HOUR);
    house.settle().await;
    assert!(house.see(id).await.plan.is_some(), "rows and tables are still told");
    assert!(shown(&house, &audra, id).await.is_empty());
}

#[tokio::test]
async fn no_row_is_shown_where_the_map_does_not_ask_for_it_any_more() {
    let house = house().await;
    let id = house.ask_attested("erase", ANA).await;
    let audra = house.caller("audra").await;
    assert!(!shown(&house, &audra, id).await.is_empty());
    // Whether or not the sources were looked at again since.
    house.apply(|bundle| replace(bundle, "maps/shop.toml", "samples = 1\n", "")).await;
    assert_eq!(shown(&house, &audra, id).await, Vec::<String>::new());
}
