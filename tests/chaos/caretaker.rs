//! Looks after what is shown as stuck: tries it again, or gives it up.

use std::sync::Arc;
use std::time::Duration;

use countersign_client::view::{Page, Request};
use serde_json::{Value, json};

use crate::book::{Case, Promise};
use crate::call::{Call, Said, persist};
use crate::chance::Chance;
use crate::load::Load;

/// The operator's work, for as long as it is not stopped.
pub(crate) async fn look_after(load: Arc<Load>, mut chance: Chance) {
    loop {
        let path = "v1/requests?status=stuck&limit=100".to_owned();
        let node = chance.place(load.directory.len());
        let said: Said<Page<Request>> =
            persist(&load.directory, node, "opal-operator", Call::get(path)).await;
        for request in said.yes().into_iter().flat_map(|page| page.items) {
            settle(&load, &mut chance, &request.id).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// A stubborn customer is given up in one of two cases; whatever else is stuck is tried again.
async fn settle(load: &Load, chance: &mut Chance, id: &str) {
    let given_up = load.book.of(id).is_some_and(|known| known.case == Case::Stubborn) && chance.below(2) == 0;
    let (word, body) = match given_up {
        true => ("abandon", json!({ "reason": "the shop keeps this one" })),
        false => ("retry", json!({})),
    };
    let call = Call::post(format!("v1/requests/{id}/{word}"), body);
    let node = chance.place(load.directory.len());
    let said: Said<Value> = persist(&load.directory, node, "opal-operator", call).await;
    if given_up && said.yes().is_some() {
        load.book.promised(id, Promise::Abandoned);
    }
}
