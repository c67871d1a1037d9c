//! The walk at run time: what of a tree does not hold yet, and what would make it hold.
//! It must not judge: truths, bounds and sets come from the engine; only and/or are worked out here.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::EvalResult;

use super::compile::{Leaves, Tree};
use super::leaf::{Bound, Items, Kind, Leaf, Op, texts};
use super::need::{Need, Number, Way, Ways, both, either, never, one, satisfied};
use crate::facts::{Facts, Value};
use crate::reads::Fact;
use crate::world::World;

const DAY_MS: i64 = 86_400_000;

/// One walk over the policies of an action at one set of facts.
pub(crate) struct Walk<'a> {
    pub(crate) leaves: &'a Leaves,
    pub(crate) world: &'a World,
    pub(crate) facts: &'a Facts,
    pub(crate) unknown: &'a BTreeSet<Fact>,
    truths: Vec<Option<Truth>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Error,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        leaves: &'a Leaves,
        world: &'a World,
        facts: &'a Facts,
        unknown: &'a BTreeSet<Fact>,
    ) -> Self {
        Self { leaves, world, facts, unknown, truths: vec![None; leaves.all.len()] }
    }

    fn truth(&mut self, leaf: usize) -> Truth {
        if let Some(known) = self.truths[leaf] {
            return known;
        }
        let truth = match self.world.ask(&self.leaves.all[leaf].ask) {
            Some(EvalResult::Bool(true)) => Truth::True,
            Some(EvalResult::Bool(false)) => Truth::False,
            _ => Truth::Error,
        };
        self.truths[leaf] = Some(truth);
        truth
    }

    /// Whether the tree holds by settled facts alone; `None` where anything that can change has a say, or errs.
    pub(crate) fn settled(&mut self, tree: &Tree) -> Option<bool> {
        match tree {
            Tree::Const(value) => Some(*value),
            Tree::All(parts) => self.settled_by(parts, false),
            Tree::Any(parts) => self.settled_by(parts, true),
            Tree::Leaf { leaf, want } => match (&self.leaves.all[*leaf].kind, want) {
                (Kind::Settled, _) => match self.truth(*leaf) {
                    Truth::True => Some(*want),
                    Truth::False => Some(!want),
                    Truth::Error => None,
                },
                _ => None,
            },
        }
    }

    /// One part that is `decisive` decides; else all must be known.
    fn settled_by(&mut self, parts: &[Tree], decisive: bool) -> Option<bool> {
        let mut open = false;
        for part in parts {
            match self.settled(part) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(!decisive)
    }

    /// The ways in which the tree can come to hold. `policy` is named where it is a legal hold.
    pub(crate) fn ways(&mut self, tree: &Tree, policy: &str) -> Ways {
        match tree {
            Tree::Const(true) => satisfied(),
            Tree::Const(false) => never(),
            Tree::All(parts) => {
                let mut all = satisfied();
                for part in parts {
                    all = both(&all, &self.ways(part, policy));
                    if all.is_empty() {
                        break;
                    }
                }
                all
            }
            Tree::Any(parts) => {
                let mut any = never();
                for part in parts {
                    any = either(any, self.ways(part, policy));
                    if any.first().is_some_and(Way::is_empty) {
                        break;
                    }
                }
                any
            }
            Tree::Leaf { leaf, want } => self.leaf(*leaf, *want, policy),
        }
    }

    fn leaf(&mut self, index: usize, want: bool, policy: &str) -> Ways {
        let leaves = self.leaves;
        let leaf = &leaves.all[index];
        if !self.unknown.is_empty() && leaf.reads.iter().any(|it| self.unknown.contains(it)) {
            return one(Need::Survey(true));
        }
        if self.truth(index) == (if want { Truth::True } else { Truth::False }) {
            return satisfied();
        }
        match &leaf.kind {
            Kind::Settled => never(),
            Kind::Opaque => one(Need::Opaque(wanted(leaf, want))),
            Kind::HasImpact => {
                if want {
                    one(Need::Survey(true))
                } else {
                    never()
                }
            }
            Kind::Contains { attested, any, items } => self.contains(leaf, want, *attested, *any, items),
            Kind::Compare { number, unit, op, bound } => {
                self.compare(leaf, want, number, *unit, *op, bound).unwrap_or_else(never)
            }
            Kind::TimeOfDay { value, op, bound } => {
                let opens_in = || {
                    let Some(EvalResult::Long(time)) = self.world.ask(value) else { return None };
                    opens_in(time, if want { *op } else { op.negated() }, self.bound(bound)?)
                };
                match opens_in() {
                    Some(Opens::In(ms)) => {
                        let at = self.facts.now.as_millis().saturating_add(ms);
                        one(Need::AtLeast(Number::Now, at, wanted(leaf, want)))
                    }
                    Some(Opens::Unknown) => one(Need::Opaque(wanted(leaf, want))),
                    None => never(),
                }
            }
            Kind::Flag { of_resource: true, name } if name == "legal_hold" && !want => {
                one(Need::Lifted(policy.to_owned()))
            }
            Kind::Flag { of_resource, name } => {
                one(attribute_is(*of_resource, name, Value::Bool(want), wanted(leaf, want)))
            }
            Kind::Equal { of_resource, name, value } => {
                let text = wanted(leaf, want);
                let value = match self.world.ask(value) {
                    Some(EvalResult::String(text)) if want => Value::Text(text),
                    Some(EvalResult::Bool(flag)) => Value::Bool(flag == want),
                    _ => return one(Need::Opaque(text)),
                };
                one(attribute_is(*of_resource, name, value, text))
            }
            Kind::Member(group) => {
                let text = wanted(leaf, want);
                one(if want {
                    Need::Member(group.clone(), text)
                } else {
                    Need::NotMember(group.clone(), text)
                })
            }
        }
    }

    fn contains(&self, leaf: &Leaf, want: bool, attested: bool, any: bool, items: &Items) -> Ways {
        let asked;
        let items = match items {
            Items::Known(items) => items,
            Items::Ask(ask) => {
                let Some(found) = self.world.ask(ask).as_ref().and_then(texts) else { return never() };
                asked = found;
                &asked
            }
        };
        let have = if attested { &self.facts.attested } else { &self.facts.verified };
        let need = |item: &String| match (want, attested) {
            (true, false) => Need::Verified(item.clone()),
            (true, true) => Need::Attested(item.clone()),
            (false, false) => Need::Unverified(item.clone(), wanted(leaf, want)),
            (false, true) => Need::Unattested(item.clone(), wanted(leaf, want)),
        };
        let wrong = items.iter().filter(|it| have.contains(*it) != want).map(need);
        // All wanted, or none wanted: every wrong one must change. Else any of them is enough.
        if any == want { wrong.map(|it| Way::from([it])).collect() } else { Ways::from([wrong.collect()]) }
    }

    /// `None` where no value of the number would do.
    fn compare(
        &self,
        leaf: &Leaf,
        want: bool,
        number: &Number,
        unit: i64,
        op: Op,
        bound: &Bound,
    ) -> Option<Ways> {
        let text = wanted(leaf, want);
        let (Some(have), Some(bound)) = (number.of(self.facts), self.bound(bound)) else {
            return Some(one(Need::Opaque(text)));
        };
        let most = number.most();
        let least = number.least(self.facts);
        let at_least = |value: i64| {
            let whole = value.checked_mul(unit)?;
            (whole <= most).then(|| one(Need::AtLeast(number.clone(), whole, text.clone())))
        };
        let at_most = |value: i64| {
            let whole = value.checked_mul(unit)?.checked_add(unit - 1)?;
            (whole >= least).then(|| one(Need::AtMost(number.clone(), whole, text.clone())))
        };
        let falls = matches!(number, Number::Running(_) | Number::StartedToday(_) | Number::Conflicts);
        match if want { op } else { op.negated() } {
            Op::GreaterEq => at_least(bound),
            Op::Greater => at_least(bound.checked_add(1)?),
            Op::LessEq => at_most(bound),
            Op::Less => at_most(bound.checked_sub(1)?),
            Op::Equal if have / unit < bound => at_least(bound),
            Op::Equal => at_most(bound),
            Op::NotEqual if falls => at_most(bound.checked_sub(1)?),
            Op::NotEqual => at_least(bound.checked_add(1)?),
        }
    }

    fn bound(&self, bound: &Bound) -> Option<i64> {
        match bound {
            Bound::Known(value) => Some(*value),
            Bound::Ask(ask) => match self.world.ask(ask) {
                Some(EvalResult::Long(value)) => Some(value),
                _ => None,
            },
        }
    }
}

enum Opens {
    In(i64),
    Unknown,
}

/// Milliseconds from a time of day outside a daily window to its next opening; `None` if it never opens.
fn opens_in(time: i64, op: Op, bound: i64) -> Option<Opens> {
    let from = match op {
        Op::Less if bound > 0 => 0,
        Op::LessEq if bound >= 0 => 0,
        Op::GreaterEq => bound,
        Op::Greater => bound.checked_add(1)?,
        Op::Less | Op::LessEq => return None,
        Op::Equal | Op::NotEqual => return Some(Opens::Unknown),
    };
    (from < DAY_MS).then(|| Opens::In((from - time).rem_euclid(DAY_MS)))
}

fn attribute_is(of_resource: bool, name: &str, value: Value, text: Arc<str>) -> Need {
    if of_resource {
        Need::ResourceIs(name.to_owned(), value, text)
    } else {
        Need::RequesterIs(name.to_owned(), value, text)
    }
}

/// The condition that is wanted, in Cedar.
fn wanted(leaf: &Leaf, want: bool) -> Arc<str> {
    if want { leaf.text.clone() } else { format!("!({})", leaf.text).into() }
}
