//! What is missing, alternative by alternative: informs people, decides nothing.
//! The walk proposes; the engine confirms each proposal on facts in which it came true. It must not know verdicts' rules.

mod compile;
mod hypothesis;
mod leaf;
mod need;
mod solve;

use std::collections::{BTreeSet, HashMap};

use cedar_policy::Entities;
use countersign_core::verdict::{Missing, Path};

pub(crate) use compile::{Compiled, Leaves, compile, scope, unexplained};
use need::{Need, Number, Way, Ways, both, satisfied};
pub(crate) use solve::Walk;

use crate::evaluate::would_release;
use crate::facts::{Facts, SurveyState};
use crate::load::{ActionPolicies, PolicySet};
use crate::reads::Fact;
use crate::world::{World, unknown};

/// How often a way over time is mended when the clock, once it is there, closes another window.
const MENDS: usize = 4;

/// The paths to a release from `facts`, each confirmed by the engine as far as it can be tried.
/// A path that asks for all that another asks, and more, is not told.
pub(crate) fn paths(set: &PolicySet, action: &ActionPolicies, facts: &Facts, walk: &mut Walk) -> Vec<Path> {
    let Some(gate) = gate(action, walk) else { return vec![] };
    let mut proposed: Vec<(u8, Way, &Compiled)> = vec![];
    for permit in &action.permits {
        let ways = both(&gate, &walk.ways(&permit.tree, &permit.id));
        proposed.extend(ways.into_iter().map(|way| (rank(&way), way, permit)));
    }
    // What asks for little comes first, so that what asks for more need not be tried.
    proposed.sort_by(|(a, x, p), (b, y, q)| (a, x.len(), x, &p.id).cmp(&(b, y.len(), y, &q.id)));
    let trial = Trial { set, action, facts, unknown: walk.unknown, entities: &walk.world.entities };
    let mut best: HashMap<&str, u8> = HashMap::new();
    let mut found: Vec<Found> = vec![];
    for (rank, way, permit) in proposed {
        // Of one permit, something to do is told before conditions that nobody can do anything about;
        // to be somebody else is told only where there is nothing better at all.
        let better = best.get(permit.id.as_str()).is_some_and(|best| *best < rank);
        if better || (rank == 2 && found.iter().any(|it| it.rank < 2)) {
            continue;
        }
        if found.iter().any(|it| it.tried && need::covers(&it.way, &way)) {
            continue;
        }
        let Some((way, tried)) = trial.confirm(permit, way) else { continue };
        best.insert(&permit.id, rank);
        found.push(Found { rank, way, tried, permit });
        if found.len() == need::MOST {
            break;
        }
    }
    let told = |it: &&Found| {
        !found.iter().any(|other| other.way != it.way && other.tried && need::covers(&other.way, &it.way))
    };
    let mut paths: Vec<Path> =
        found.iter().filter(told).map(|it| shown(&it.permit.id, &it.way, facts)).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// A way that is told.
struct Found<'a> {
    rank: u8,
    way: Way,
    /// The engine released once it came true.
    tried: bool,
    permit: &'a Compiled,
}

/// What every forbid needs before any permit counts; `None` where one of them has no known way.
fn gate(action: &ActionPolicies, walk: &mut Walk) -> Option<Ways> {
    let mut gate = satisfied();
    for forbid in &action.forbids {
        gate = both(&gate, &walk.ways(&forbid.tree, &forbid.id));
        if gate.is_empty() {
            return None;
        }
    }
    Some(gate)
}

fn rank(way: &Way) -> u8 {
    way.iter().map(Need::rank).max().unwrap_or(0)
}

/// What ways are tried against.
struct Trial<'a> {
    set: &'a PolicySet,
    action: &'a ActionPolicies,
    facts: &'a Facts,
    unknown: &'a BTreeSet<Fact>,
    entities: &'a Entities,
}

impl Trial<'_> {
    /// The way, mended if need be, if the engine releases once it came true (`true`), or if it cannot be tried in full.
    fn confirm(&self, permit: &Compiled, mut way: Way) -> Option<(Way, bool)> {
        let Self { set, action, facts, .. } = self;
        let open = way.iter().any(|it| matches!(it, Need::Survey(true)));
        for _ in 0..MENDS {
            if way.iter().any(|it| matches!(it, Need::Opaque(_))) {
                return Some((way, false));
            }
            let then = hypothesis::after(&way, facts)?;
            let same = (!way.iter().any(Need::is_of_entity)).then_some(self.entities);
            let world = World::over(&then, &action.needs, &set.vocabulary, same).ok()?;
            if would_release(&world, action, permit) {
                return Some((way, !open));
            }
            if open {
                return Some((way, false));
            }
            if !way.iter().any(is_timed) || !action.needs.facts.contains(&Fact::Now) {
                return None;
            }
            // Once it is there, the clock closed another window: what opens it again is added.
            let mut walk = Walk::new(&action.leaves, &world, &then, self.unknown);
            let more = both(&gate(action, &mut walk)?, &walk.ways(&permit.tree, &permit.id));
            let more = more.iter().find(|it| !it.is_empty() && it.iter().all(is_timed))?;
            way = need::merge(way.union(more).cloned().collect());
        }
        None
    }
}

fn is_timed(need: &Need) -> bool {
    matches!(need, Need::AtLeast(Number::Now | Number::Waited, ..))
}

fn shown(policy: &str, way: &Way, facts: &Facts) -> Path {
    let mut missing: Vec<_> = way.iter().map(|it| it.shown(facts)).collect();
    if facts.survey == SurveyState::Absent {
        missing.push(Missing::Survey);
    }
    missing.sort();
    missing.dedup();
    Path { policy: policy.to_owned(), missing }
}

/// Facts unknown before a survey, for a walk.
pub(crate) fn open_facts(set: &PolicySet, facts: &Facts) -> BTreeSet<Fact> {
    unknown(facts, &set.vocabulary)
}
