//! What the shop itself says about what was done to it, against what the nodes say they did.

use std::collections::BTreeMap;

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
    let effects = shop.erasures();
    let erased = states.values().filter(|it| it.action == "erase" && it.status == "completed").count();
    if effects != erased as i64 {
        wrongs.push(format!("{effects} erasures were carried out, and {erased} are completed"));
    }
    let receipts = shop.number("SELECT count(*) FROM countersign_receipt WHERE outcome = 'done'");
    if receipts != effects {
        wrongs.push(format!("{receipts} receipts say done, and {effects} erasures were carried out"));
    }
    // All of it or nothing.
    let half = shop.number(
        "SELECT count(*) FROM customer c WHERE (SELECT count(*) FROM orders WHERE customer_id = c.id)
            <> CASE WHEN c.id IN (SELECT customer FROM gone) THEN 0 ELSE 2 END
            OR (c.email IS NULL) <> (c.id IN (SELECT customer FROM gone))",
    );
    if half != 0 {
        wrongs.push(format!("{half} customers are half erased"));
    }
    wrongs.extend(against_states(&gone, known, states));
    let most = shop.most_at_once();
    if most > limit {
        wrongs.push(format!("{most} erasing transactions were open at once, where {limit} are allowed"));
    }
    wrongs
}

/// Each customer was cleared once for the request about them that is completed, and for no other.
fn against_states(
    gone: &BTreeMap<i64, i64>,
    known: &BTreeMap<String, Known>,
    states: &States,
) -> Vec<String> {
    let mut completed: BTreeMap<(i64, Case), i64> = BTreeMap::new();
    for (id, known) in known.iter().filter(|(_, known)| known.action == "erase") {
        let done = states.get(id).is_some_and(|stand| stand.status == "completed");
        *completed.entry((known.customer, known.case)).or_default() += i64::from(done);
    }
    let wrong = |((customer, case), completed): (&(i64, Case), &i64)| {
        let times = gone.get(customer).copied().unwrap_or(0);
        let fits = match case {
            // Of two about one customer, one may have been done without being acknowledged; and the later of them finds
            // nothing left to clear.
            Case::Twin => times >= i64::from(*completed > 0) && times <= *completed + 1,
            _ => times == *completed,
        };
        (!fits).then(|| {
            format!("customer {customer} ({case:?}) was cleared {times} times for {completed} requests")
        })
    };
    completed.iter().filter_map(wrong).collect()
}
