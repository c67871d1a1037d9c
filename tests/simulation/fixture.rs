//! What the rules of the service are held against as well, taken from there as it is: people, an inbox, a packager,
//! chance from a seed, sources in memory.

#[path = "../../crates/service/tests/rules/fixture/gate.rs"]
#[allow(dead_code, unreachable_pub)]
pub(crate) mod gate;
#[path = "../../crates/service/tests/rules/fixture/people.rs"]
pub(crate) mod people;
#[path = "../../crates/service/tests/rules/fixture/plugs.rs"]
#[allow(unreachable_pub)]
pub(crate) mod plugs;
#[path = "../../crates/service/tests/rules/fixture/shop.rs"]
#[allow(dead_code, unreachable_pub)]
pub(crate) mod shop;

/// Data maps of the two sources.
pub(crate) const MAPS: [(&str, &str); 2] = [
    (
        "maps/shop.toml",
        r#"
source = "shop"
[[root]]
table = "customer"
key = ["id"]
identities = { email = "email", account = "account" }
treatment = "delete"
[[table]]
name = "orders"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "delete"
[[dataset]]
name = "app_log"
table = "app_log"
age = "at"
format = "iso"
"#,
    ),
    (
        "maps/crm.toml",
        r#"
source = "crm"
[[root]]
table = "contact"
key = ["id"]
identities = { account = "account" }
treatment = "delete"
"#,
    ),
];

pub(crate) fn first_people() -> Vec<countersign_service::First> {
    people::people()
}
