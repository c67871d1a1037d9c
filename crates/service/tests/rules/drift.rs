//! A source in which something is that nobody looked at: policy reads it as a fact, and erasures wait until somebody
//! has looked. Votes stay, since nothing else is done by it.

use std::time::Duration;

use countersign_service::ports::store::Status;
use countersign_service::settings::Bundle;

use crate::fixture::{House, replace};

const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];
const FORBID: &str = "
@id(\"erase.nothing-new\")
forbid (principal, action == Action::\"erase\", resource is Subject)
when { resource.shop_drifted || resource.crm_drifted };
";

/// Maps that say what is known, and a policy that holds on anything else.
fn watchful(bundle: &mut Bundle) {
    for (name, root) in [("shop", "customer"), ("crm", "contact")] {
        let file = format!("maps/{name}.toml");
        let table = format!("table = \"{root}\"\n");
        let drift = format!("{table}attributes = {{ {name}_drifted = {{ type = \"drift\" }} }}\n");
        replace(bundle, &file, &table, &drift);
        bundle.files.get_mut(&file).unwrap().push_str(&format!("\n[known]\n{root} = [\"id\", \"email\"]\n"));
    }
    bundle.files.get_mut("policies/erase.cedar").unwrap().push_str(FORBID);
}

fn known(bundle: &mut Bundle, name: &str, root: &str, columns: &str) {
    replace(bundle, &format!("maps/{name}.toml"), &format!("{root} = [\"id\", \"email\"]"), columns);
}

async fn house() -> House {
    let house = House::with(watchful).await;
    for (shop, root) in [(&house.shop, "customer"), (&house.crm, "contact")] {
        let columns = ["id", "email"].map(str::to_owned).to_vec();
        shop.inside().tables.insert(root.to_owned(), columns);
    }
    house
}

#[tokio::test]
async fn an_erasure_of_a_source_that_is_as_it_is_known_goes_on() {
    let house = house().await;
    let id = house.ask_attested("erase", BEN).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn a_new_column_holds_erasures_until_somebody_has_looked_at_it() {
    let house = house().await;
    let columns = ["id", "email", "fax"].map(str::to_owned).to_vec();
    house.shop.inside().tables.insert("customer".to_owned(), columns);
    let id = house.ask_attested("erase", BEN).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Waiting);
    assert!(house.shop.holds("2"));
    let digest = house.see(id).await.digest;
    // Whoever waits for nothing else is looked at again when what was seen has grown old.
    house.apply(|it| known(it, "shop", "customer", "customer = [\"id\", \"email\", \"fax\"]")).await;
    house.pass(Duration::from_secs(61));
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed, "the vote stood");
    assert!(!house.shop.holds("2"));
    assert_eq!(house.see(id).await.digest, digest);
}

#[tokio::test]
async fn a_new_table_holds_them_also_where_the_source_knows_nobody_of_that_name() {
    let house = house().await;
    house.crm.inside().tables.insert("lead".to_owned(), vec!["mail".to_owned()]);
    let id = house.ask_attested("erase", BEN).await;
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Waiting);
    house.apply(|it| known(it, "crm", "contact", "contact = [\"id\", \"email\"]\nlead = [\"mail\"]")).await;
    house.pass(Duration::from_secs(61));
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn one_name_for_the_drift_of_two_sources_is_refused() {
    let house = house().await;
    let mut bundle = house.service.settings().await.unwrap().bundle.clone();
    replace(&mut bundle, "maps/crm.toml", "crm_drifted", "shop_drifted");
    let admin = house.caller("admin").await;
    let refused = house.service.apply(&admin, bundle, None, false).await.unwrap_err();
    assert!(format!("{refused:?}").contains("stands in maps/crm.toml too"), "{refused:?}");
}
