//! What must have become of everything once nothing fails any more: what was promised holds, and what does not go on
//! is shown as stuck.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign_client::view::{Page, Request};

use crate::book::{Case, Known, Promise};
use crate::call::{Call, persist};
use crate::load::Load;

/// How long nothing at all may come to its end. What waits for a place stands in a long line on a slow machine; the
/// fuse bounds the whole.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a request stands.
pub(crate) struct Stand {
    pub(crate) action: String,
    pub(crate) status: String,
}

/// Where every request stands.
pub(crate) type States = BTreeMap<String, Stand>;

/// Waits until every request stands where it may stay. Answers where that is; what did not get there is told to the
/// book.
pub(crate) async fn wait(load: &Load) -> States {
    let mut deadline = Instant::now() + PATIENCE;
    let mut fewest = usize::MAX;
    loop {
        let states = all(load).await.unwrap_or_default();
        let late = late(&load.book.known(), &states);
        if !states.is_empty() && late.is_empty() {
            return states;
        }
        if !states.is_empty() && late.len() < fewest {
            fewest = late.len();
            deadline = Instant::now() + PATIENCE;
        }
        if Instant::now() > deadline {
            for id in late {
                let state = states.get(&id).map_or("not there", |stand| &stand.status);
                let path = format!("v1/requests/{id}");
                let seen = persist::<Request>(&load.directory, 0, "opal-operator", Call::get(path)).await;
                let known = load.book.of(&id);
                load.book.wrong(format!("request {id} is {state} and goes nowhere: {known:?}, {seen:?}"));
            }
            return states;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Every request that there is, known or not.
async fn all(load: &Load) -> Option<States> {
    let mut states = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("v1/requests?limit=100{cursor}");
        let page: Page<Request> =
            persist(&load.directory, 0, "opal-operator", Call::get(path)).await.yes()?;
        let stand = |request: Request| Stand { action: request.action, status: request.status };
        states.extend(page.items.into_iter().map(|request| (request.id.clone(), stand(request))));
        match page.cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Some(states),
        }
    }
}

/// Requests that may not stay where they are.
fn late(known: &BTreeMap<String, Known>, states: &States) -> Vec<String> {
    let moving =
        states.iter().filter(|(_, stand)| matches!(&*stand.status, "released" | "running" | "stuck"));
    let mut late: Vec<String> = moving.map(|(id, _)| id.clone()).collect();
    late.extend(
        known
            .iter()
            .filter(|(id, known)| !states.get(*id).is_some_and(|stand| may_stay(known, &stand.status)))
            .map(|(id, _)| id.clone()),
    );
    late.sort();
    late.dedup();
    late
}

/// Whether what was promised about a request lets it stand there for good.
fn may_stay(known: &Known, state: &str) -> bool {
    let has = |promise| known.promises.contains(&promise);
    if has(Promise::Denied) {
        return state == "denied";
    }
    if has(Promise::Withdrawn) {
        return state == "withdrawn";
    }
    if has(Promise::Abandoned) {
        return state == "abandoned";
    }
    match (known.case, has(Promise::Approved) || has(Promise::Proved)) {
        (Case::Plain, true) => state == "completed",
        // The later of two is a duplicate, if the earlier one was still there when it was looked at.
        (Case::Twin, true) => matches!(state, "completed" | "denied"),
        // What was given up may not have been acknowledged. And a run that was broken off after its step was made
        // void, and before anybody wrote why, goes back to its voters.
        (Case::Stubborn, true) => matches!(state, "completed" | "abandoned" | "waiting"),
        // What was not acknowledged may have happened all the same.
        (_, false) => !matches!(state, "released" | "running" | "stuck"),
    }
}
