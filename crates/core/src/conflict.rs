//! Requests that touch the same subject: which goes first. Only the later one of two ever gives way by rule,
//! so that no ring can form; whoever runs already is waited for by everybody.

use serde::{Deserialize, Serialize};

use crate::id::RequestId;
use crate::time::Timestamp;

/// What happens to the later of two requests on one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It waits until the earlier one has ended.
    Wait,
    /// It is denied, with the code `conflict`.
    Deny,
    /// It asks for what is already asked for: denied, with the code `duplicate`, and the earlier one is named.
    Duplicate,
}

/// A rule: when `then` is asked for after `first`, on the same subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The action of the earlier request.
    pub first: String,
    /// The action of the later one.
    pub then: String,
    /// What happens to the later one.
    pub resolution: Resolution,
}

/// One of the requests that share a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Which.
    pub id: RequestId,
    /// What it asks for.
    pub action: String,
    /// Its place in the order.
    pub submitted_at: Timestamp,
    /// Whether it was released, runs, or is stuck.
    pub holds_place: bool,
}

impl Party {
    fn goes_before(&self, other: &Party) -> bool {
        (self.submitted_at, self.id) < (other.submitted_at, other.id)
    }
}

/// What the others mean for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It waits for these.
    pub waits_for: Vec<RequestId>,
    /// It is refused because of this earlier one.
    pub refused: Option<(RequestId, Resolution)>,
}

/// How `me` stands among `others`. Without a rule for a pair, the two do not mind each other, except that
/// only one runs at a time (invariant 10).
pub fn standing(me: &Party, others: &[Party], rules: &[Rule]) -> Standing {
    let mut standing = Standing::default();
    for other in others.iter().filter(|other| other.id != me.id) {
        let rule = rules
            .iter()
            .find(|rule| other.goes_before(me) && rule.first == other.action && rule.then == me.action)
            .map(|rule| rule.resolution);
        match rule {
            Some(refused @ (Resolution::Deny | Resolution::Duplicate)) => {
                standing.refused.get_or_insert((other.id, refused));
            }
            Some(Resolution::Wait) => standing.waits_for.push(other.id),
            None if other.holds_place => standing.waits_for.push(other.id),
            None => {}
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_asked_for_first_is_waited_for_by_the_erasure() {
        let rules = [rule("export", "erase", Resolution::Wait)];
        assert_eq!(standing(&erase(2), &[export(1)], &rules).waits_for, [id(1)]);
        assert_eq!(standing(&export(1), &[erase(2)], &rules), Standing::default());
    }

    #[test]
    fn second_erasure_is_a_duplicate_of_the_first_and_the_first_is_not_one_of_the_second() {
        let rules = [rule("erase", "erase", Resolution::Duplicate)];
        assert_eq!(standing(&erase(2), &[erase(1)], &rules).refused, Some((id(1), Resolution::Duplicate)));
        assert_eq!(standing(&erase(1), &[erase(2)], &rules), Standing::default());
    }

    #[test]
    fn whoever_runs_is_waited_for_even_by_the_earlier_one() {
        let running = Party { holds_place: true, ..export(2) };
        assert_eq!(standing(&export(1), &[running], &[]).waits_for, [id(2)]);
    }

    #[test]
    fn nobody_waits_in_a_ring_whatever_the_rules() {
        let rules: Vec<Rule> = ["export", "erase"]
            .into_iter()
            .flat_map(|a| ["export", "erase"].map(|b| rule(a, b, Resolution::Wait)))
            .collect();
        let all = [export(1), erase(2), export(3), erase(4)];
        let waits = |me: &Party| standing(me, &all, &rules).waits_for;
        assert!(all.iter().any(|me| waits(me).is_empty()));
        for me in &all {
            assert!(waits(me).iter().all(|other| *other < me.id));
        }
    }

    fn id(n: u8) -> RequestId {
        RequestId::from_bytes([n; 16])
    }

    fn party(n: u8, action: &str) -> Party {
        Party {
            id: id(n),
            action: action.to_owned(),
            submitted_at: Timestamp::from_millis(n.into()),
            holds_place: false,
        }
    }

    fn erase(n: u8) -> Party {
        party(n, "erase")
    }

    fn export(n: u8) -> Party {
        party(n, "export")
    }

    fn rule(first: &str, then: &str, resolution: Resolution) -> Rule {
        Rule { first: first.to_owned(), then: then.to_owned(), resolution }
    }
}
