//! What the shop itself says about what was done to it, against what the nodes say they did.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::{Case, Known};
use crate::settled::States;
use crate::shop::Shop;

/// What is not as it must be.
pub(crate) fn audit(
    shop: &Shop,
    known: &BTreeMap<String, Known>,
    states: &States,
    limit: i64,
) -> Vec<String> {
    let mut wrongs = Vec::new();
    let gone = shop.gone();
    wrongs.extend(
        gone.iter()
            .filter(|(_, times)| **times != 1)
            .map(|(customer, times)| format!("customer {customer} went {times} times")),
    );
    let erased = states.values().filter(|it| it.action == "erase" && it.status == "completed").count();
    if gone.len() != erased {
        wrongs.push(format!("{} customers went, and {erased} erasures are completed", gone.len()));
    }
    let receipts = shop.number("SELECT count(*) FROM countersign_receipt WHERE outcome = 'done'");
    if receipts != gone.len() as i64 {
        wrongs.push(format!("{receipts} receipts say done, and {} customers went", gone.len()));
    }
    let half = shop.number(
        "SELECT count(*) FROM customer WHERE (SELECT count(*) FROM orders WHERE customer_id = customer.id) <> 2",
    );
    let left = shop.number("SELECT count(*) FROM gone JOIN customer ON customer.id = gone.customer");
    if (half, left) != (0, 0) {
        wrongs.push(format!("{half} customers lost orders and stayed, {left} went and are there"));
    }
    wrongs.extend(against_states(&gone, known, states));
    let most = shop.most_at_once();
    if most > limit {
        wrongs.push(format!("{most} erasing transactions were open at once, where {limit} are allowed"));
    }
    wrongs
}

/// Each customer went if, and only if, a request about them is completed.
fn against_states(
    gone: &BTreeMap<i64, i64>,
    known: &BTreeMap<String, Known>,
    states: &States,
) -> Vec<String> {
    let mut completed: BTreeSet<i64> = BTreeSet::new();
    let mut wrongs = Vec::new();
    let erasures = known.iter().filter(|(_, known)| known.action == "erase");
    let done = |id: &str| states.get(id).is_some_and(|stand| stand.status == "completed");
    for (id, known) in erasures.clone().filter(|(id, _)| done(id)) {
        if !completed.insert(known.customer) {
            wrongs.push(format!("request {id}: customer {} was erased by two requests", known.customer));
        }
        if !gone.contains_key(&known.customer) {
            wrongs.push(format!("request {id} is completed, and customer {} is there", known.customer));
        }
    }
    // Of two about one customer, one may be known and the other one may have been done without being acknowledged.
    for (id, known) in erasures.filter(|(id, known)| !done(id) && known.case != Case::Twin) {
        if gone.contains_key(&known.customer) {
            let state = states.get(id).map_or("not there", |stand| &stand.status);
            wrongs.push(format!("request {id} is {state}, and customer {} went", known.customer));
        }
    }
    wrongs
}
