//! "If this were so": needs applied to a copy of the facts, for the engine to say whether that would release.
//! It must not decide anything; what it makes up is never stored and never released on.

use countersign_core::time::Timestamp;

use super::need::{Need, Number, Way};
use crate::facts::{Attribute, COUNT_MAX, Facts, Impact, Value, WAITED_MAX_MS};

impl Number {
    /// Its value among `facts`, as the engine sees it; `None` if it is not there or not a number.
    pub(crate) fn of(&self, facts: &Facts) -> Option<i64> {
        let count = |value: u64| Some(i64::try_from(value).unwrap_or(COUNT_MAX).min(COUNT_MAX));
        match self {
            Self::Approvals(group) if group == "any" => count(facts.approvals_any),
            Self::Approvals(group) => count(facts.approvals.get(group).copied().unwrap_or(0)),
            Self::Running(action) => count(*facts.running.get(action)?),
            Self::StartedToday(action) => count(*facts.started_today.get(action)?),
            Self::Conflicts => count(facts.conflicts),
            Self::Rows => count(facts.impact?.rows),
            Self::Tables => count(facts.impact?.tables),
            Self::Sources => count(facts.impact?.sources),
            Self::Waited => Some(facts.waited_ms.clamp(0, WAITED_MAX_MS)),
            Self::Now => Some(facts.now.as_millis()),
            Self::Resource(name) => long(facts.resource.attributes.get(name)),
            Self::Requester(name) if facts.is_own() => long(facts.resource.attributes.get(name)),
            Self::Requester(name) => long(facts.requester.attributes.get(name)),
        }
    }

    /// The highest value that it can come to.
    pub(crate) const fn most(&self) -> i64 {
        match self {
            Self::Now | Self::Resource(_) | Self::Requester(_) => i64::MAX,
            Self::Waited => WAITED_MAX_MS,
            _ => COUNT_MAX,
        }
    }

    /// The lowest value that it can come to: counts stop at nothing, and the clock does not go back.
    pub(crate) const fn least(&self, facts: &Facts) -> i64 {
        match self {
            Self::Now => facts.now.as_millis(),
            Self::Resource(_) | Self::Requester(_) => i64::MIN,
            _ => 0,
        }
    }
}

fn long(attribute: Option<&Attribute>) -> Option<i64> {
    match attribute {
        Some(Attribute { value: Value::Long(value), .. }) => Some(*value),
        _ => None,
    }
}

/// `facts` after everything in `way` came true; `None` where a part of it cannot be tried.
pub(crate) fn after(way: &Way, facts: &Facts) -> Option<Facts> {
    let mut then = facts.clone();
    // Time first: it moves the clock and the waiting together.
    then.now = facts.now.plus_ms(remaining_ms(way, facts));
    then.waited_ms = facts.waited_ms.max(0).saturating_add(remaining_ms(way, facts));
    let mut any = 0;
    for need in way {
        match need {
            Need::Verified(method) => {
                then.verified.insert(method.clone());
            }
            Need::Attested(name) => {
                then.attested.insert(name.clone());
            }
            Need::Unverified(method, _) => {
                then.verified.remove(method);
            }
            Need::Unattested(name, _) => {
                then.attested.remove(name);
            }
            Need::AtLeast(Number::Waited | Number::Now, ..) => {}
            // Everybody who signs for a group counts here as well, so this one comes after them.
            Need::AtLeast(Number::Approvals(group), value, _) if group == "any" => {
                any = u64::try_from(*value).ok()?
            }
            Need::AtLeast(number, value, _) | Need::AtMost(number, value, _) => {
                set(number, *value, &mut then)?
            }
            Need::Lifted(_) => replace(&mut then, true, "legal_hold", Value::Bool(false)),
            Need::ResourceIs(name, value, _) => replace(&mut then, true, name, value.clone()),
            Need::RequesterIs(name, value, _) => {
                let of_resource = facts.is_own();
                replace(&mut then, of_resource, name, value.clone());
            }
            Need::Member(group, _) => {
                then.requester.groups.insert(group.clone());
            }
            Need::NotMember(group, _) => {
                then.requester.groups.remove(group);
            }
            Need::Survey(_) => {}
            Need::Opaque(_) => return None,
        }
    }
    then.approvals_any = then.approvals_any.max(any);
    Some(then)
}

/// How long the whole of `way` still takes.
fn remaining_ms(way: &Way, facts: &Facts) -> i64 {
    let left = |need: &Need| match need {
        Need::AtLeast(number @ (Number::Waited | Number::Now), value, _) => {
            number.of(facts).map_or(0, |have| value.saturating_sub(have))
        }
        _ => 0,
    };
    way.iter().map(left).max().unwrap_or(0).max(0)
}

fn set(number: &Number, value: i64, facts: &mut Facts) -> Option<()> {
    // A count below zero cannot be, so such a way is not one.
    let count = u64::try_from(value).ok();
    let impact = || facts.impact.unwrap_or(Impact { rows: 0, tables: 0, sources: 0 });
    match number {
        Number::Approvals(group) if group == "any" => facts.approvals_any = count?,
        Number::Approvals(group) => {
            let count = count?;
            let have = facts.approvals.insert(group.clone(), count).unwrap_or(0);
            // Whoever signs for a group is one more person over all groups.
            facts.approvals_any = facts.approvals_any.saturating_add(count.saturating_sub(have));
        }
        Number::Running(action) => {
            facts.running.insert(action.clone(), count?);
        }
        Number::StartedToday(action) => {
            facts.started_today.insert(action.clone(), count?);
        }
        Number::Conflicts => facts.conflicts = count?,
        Number::Rows => facts.impact = Some(Impact { rows: count?, ..impact() }),
        Number::Tables => facts.impact = Some(Impact { tables: count?, ..impact() }),
        Number::Sources => facts.impact = Some(Impact { sources: count?, ..impact() }),
        Number::Waited => facts.waited_ms = value,
        Number::Now => facts.now = Timestamp::from_millis(value),
        Number::Resource(name) => replace(facts, true, name, Value::Long(value)),
        Number::Requester(name) => {
            let of_resource = facts.is_own();
            replace(facts, of_resource, name, Value::Long(value));
        }
    }
    Some(())
}

fn replace(facts: &mut Facts, of_resource: bool, name: &str, value: Value) {
    let attributes =
        if of_resource { &mut facts.resource.attributes } else { &mut facts.requester.attributes };
    attributes.insert(name.to_owned(), Attribute::plain(value));
}
