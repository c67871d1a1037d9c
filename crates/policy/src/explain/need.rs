//! What is still needed for a release, as requirements and alternatives of them.
//! It must not know policies or the engine: only how needs join, cover each other and are shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::verdict::Missing;

use crate::facts::{Facts, Value};

/// More alternatives than this are not told apart.
pub(crate) const MOST: usize = 64;

/// A fact that is a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Number {
    Approvals(String),
    Running(String),
    StartedToday(String),
    Conflicts,
    Rows,
    Tables,
    Sources,
    /// Milliseconds.
    Waited,
    /// Milliseconds since the epoch.
    Now,
    Resource(String),
    Requester(String),
}

/// One requirement. The text is the condition in Cedar, for needs that have no better name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Verified(String),
    Attested(String),
    AtLeast(Number, i64, Arc<str>),
    AtMost(Number, i64, Arc<str>),
    /// A survey would tell; `true` if a condition reads what only a survey knows.
    Survey(bool),
    /// The legal hold is lifted; the policy that says so.
    Lifted(String),
    Unverified(String, Arc<str>),
    Unattested(String, Arc<str>),
    ResourceIs(String, Value, Arc<str>),
    RequesterIs(String, Value, Arc<str>),
    Member(String, Arc<str>),
    NotMember(String, Arc<str>),
    /// Nothing that can be tried: the condition alone.
    Opaque(Arc<str>),
}

/// One way: all of these.
pub(crate) type Way = BTreeSet<Need>;
/// Any of these; none: no way. One that is empty: nothing is needed.
pub(crate) type Ways = BTreeSet<Way>;

/// Nothing is needed.
pub(crate) fn satisfied() -> Ways {
    Ways::from([Way::new()])
}

/// No way is known.
pub(crate) fn never() -> Ways {
    Ways::new()
}

/// Exactly this is needed.
pub(crate) fn one(need: Need) -> Ways {
    Ways::from([Way::from([need])])
}

/// Both.
pub(crate) fn both(a: &Ways, b: &Ways) -> Ways {
    if a.len() == 1 && a.first().is_some_and(BTreeSet::is_empty) {
        return b.clone();
    }
    if b.len() == 1 && b.first().is_some_and(BTreeSet::is_empty) {
        return a.clone();
    }
    let mut out = Ways::new();
    for x in a {
        for y in b {
            out.insert(merge(x.union(y).cloned().collect()));
            if out.len() > MOST {
                return too_many();
            }
        }
    }
    absorb(out)
}

/// Either.
pub(crate) fn either(mut a: Ways, b: Ways) -> Ways {
    a.extend(b);
    let out = absorb(a);
    if out.len() > MOST { too_many() } else { out }
}

fn too_many() -> Ways {
    one(Need::Opaque("more than 64 alternatives".into()))
}

/// Of several bounds on one number the tightest stays.
pub(crate) fn merge(way: Way) -> Way {
    if way.len() < 2 {
        return way;
    }
    let looser = |need: &Need| {
        way.iter().any(|other| match (need, other) {
            (Need::AtLeast(n, v, t), Need::AtLeast(m, w, u)) => n == m && (w, u) > (v, t),
            (Need::AtMost(n, v, t), Need::AtMost(m, w, u)) => n == m && (w, t) < (v, u),
            (Need::Survey(false), Need::Survey(true)) => true,
            _ => false,
        })
    };
    way.iter().filter(|it| !looser(it)).cloned().collect()
}

/// A way that asks for more than another does is dropped.
fn absorb(ways: Ways) -> Ways {
    if ways.len() < 2 {
        return ways;
    }
    let covered = |way: &Way| ways.iter().any(|it| it != way && covers(it, way));
    ways.iter().filter(|it| !covered(it)).cloned().collect()
}

/// Whether everything in `small` is asked by `large` as well, so that `small` suffices.
/// Bounds count: three votes cover two. Equal ways in both directions cannot be, for merged ways are distinct by bounds.
pub(crate) fn covers(small: &Way, large: &Way) -> bool {
    small.iter().all(|need| {
        large.contains(need)
            || large.iter().any(|other| match (need, other) {
                (Need::AtLeast(n, v, _), Need::AtLeast(m, w, _)) => n == m && w > v,
                (Need::AtMost(n, v, _), Need::AtMost(m, w, _)) => n == m && w < v,
                _ => false,
            })
    })
}

impl Need {
    /// How well it can be told: 0 something to do or to wait for, 1 a condition in Cedar, 2 another requester.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Verified(_) | Self::Attested(_) | Self::Survey(_) | Self::Lifted(_) => 0,
            Self::AtLeast(Number::Approvals(_) | Number::Waited | Number::Now, ..) => 0,
            Self::AtMost(Number::Running(_) | Number::StartedToday(_) | Number::Conflicts, ..) => 0,
            Self::AtLeast(..) | Self::AtMost(..) => 1,
            Self::Unverified(..) | Self::Unattested(..) | Self::ResourceIs(..) | Self::Opaque(_) => 1,
            Self::RequesterIs(..) | Self::Member(..) | Self::NotMember(..) => 2,
        }
    }

    /// Whether it changes what stands on an entity rather than in the context.
    pub(crate) const fn is_of_entity(&self) -> bool {
        matches!(
            self,
            Self::Lifted(_)
                | Self::ResourceIs(..)
                | Self::RequesterIs(..)
                | Self::Member(..)
                | Self::NotMember(..)
                | Self::AtLeast(Number::Resource(_) | Number::Requester(_), ..)
                | Self::AtMost(Number::Resource(_) | Number::Requester(_), ..)
        )
    }

    /// As core's `Missing`, measured at `facts`.
    pub(crate) fn shown(&self, facts: &Facts) -> Missing {
        match self {
            Self::Verified(method) => Missing::Verification { method: method.clone() },
            Self::Attested(name) => Missing::Attestation { name: name.clone() },
            Self::Survey(_) => Missing::Survey,
            Self::Lifted(policy) => Missing::LegalHold { policy: policy.clone() },
            Self::AtLeast(number, need, text) => {
                let have = number.of(facts).unwrap_or(0);
                let remaining_ms = need.saturating_sub(have);
                match number {
                    Number::Approvals(group) => Missing::Vote { group: group.clone(), need: *need, have },
                    Number::Waited => Missing::Time { need_ms: *need, remaining_ms },
                    // A moment to come: the whole of it still lies ahead.
                    Number::Now => Missing::Time { need_ms: remaining_ms, remaining_ms },
                    _ => opaque(text),
                }
            }
            Self::AtMost(number, most, text) => {
                let (now, below) = (number.of(facts).unwrap_or(0), most.saturating_add(1));
                match number {
                    Number::Running(action) => Missing::Capacity { action: action.clone(), below, now },
                    Number::StartedToday(action) => Missing::Today { action: action.clone(), below, now },
                    Number::Conflicts => Missing::Conflict { count: now.saturating_sub(*most) },
                    _ => opaque(text),
                }
            }
            Self::Unverified(_, text)
            | Self::Unattested(_, text)
            | Self::ResourceIs(_, _, text)
            | Self::RequesterIs(_, _, text)
            | Self::Member(_, text)
            | Self::NotMember(_, text)
            | Self::Opaque(text) => opaque(text),
        }
    }
}

fn opaque(text: &Arc<str>) -> Missing {
    Missing::Opaque { condition: text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(need: i64) -> Need {
        Need::AtLeast(Number::Approvals("privacy".into()), need, "".into())
    }

    fn room(most: i64) -> Need {
        Need::AtMost(Number::Running("erase".into()), most, "".into())
    }

    #[test]
    fn the_tightest_bound_stays() {
        assert_eq!(both(&one(votes(2)), &one(votes(3))), one(votes(3)));
        assert_eq!(both(&one(room(9)), &one(room(4))), one(room(4)));
    }

    #[test]
    fn equal_bounds_with_different_texts_leave_one() {
        let texts = |text: &str| Need::AtMost(Number::Conflicts, 0, text.into());
        assert_eq!(both(&one(texts("a")), &one(texts("b"))).first().map(BTreeSet::len), Some(1));
        let texts = |text: &str| Need::AtLeast(Number::Conflicts, 0, text.into());
        assert_eq!(both(&one(texts("a")), &one(texts("b"))).first().map(BTreeSet::len), Some(1));
    }

    #[test]
    fn a_way_that_asks_for_more_is_dropped() {
        let email = Need::Verified("email".into());
        let more = Ways::from([Way::from([votes(1), email])]);
        assert_eq!(either(one(votes(1)), more), one(votes(1)));
        assert_eq!(either(one(votes(3)), one(votes(2))), one(votes(2)));
    }

    #[test]
    fn beyond_the_cap_the_alternatives_are_no_longer_told_apart() {
        let method = |n: usize| Need::Verified(format!("m{n}"));
        let left: Ways = (0..20).map(|n| Way::from([method(n)])).collect();
        let right: Ways = (20..40).map(|n| Way::from([method(n)])).collect();
        assert_eq!(both(&left, &right), too_many());
    }
}
