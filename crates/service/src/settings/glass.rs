//! By which policies a request is judged whose glass was broken, who may break it, who is told.
//! It must not know requests.

use std::collections::BTreeSet;

use countersign_policy::PolicySet;

/// What happens when somebody breaks the glass.
#[derive(Clone, Debug)]
pub struct BreakGlass {
    /// The file of its policies.
    pub file: String,
    /// The policies: those of the file, and every forbid of the others.
    pub policies: PolicySet,
    /// Groups whose members may.
    pub who: BTreeSet<String>,
    /// Groups whose members are told and may review it, beside those that the action's own policies ask.
    pub seats: BTreeSet<String>,
    /// How long afterwards the review is due.
    pub review_within_ms: i64,
}

impl BreakGlass {
    /// Whose members are told, and one of whom reviews it.
    pub fn seats_of(&self, usual: &PolicySet, action: &str) -> Vec<String> {
        let asked = usual.needs(action).into_iter().flat_map(|needs| &needs.approvals);
        let seats: BTreeSet<&String> = asked.filter(|seat| *seat != "any").chain(&self.seats).collect();
        seats.into_iter().cloned().collect()
    }
}
