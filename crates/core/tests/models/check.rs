//! Running a model to its end, and running it broken until it says so. Prints what was seen.
#![allow(clippy::disallowed_methods)] // the time it took, and the wish for a bigger bound

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::io::Write;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// What looking at every state of a model may take, so that everybody can afford it.
const WITHIN: Duration = Duration::from_secs(300);

/// How far a model is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// What every test run can afford.
    Short,
    /// What takes minutes: with `COUNTERSIGN_LONG=1`.
    Long,
}

impl Bound {
    pub(crate) fn wished() -> Self {
        if std::env::var("COUNTERSIGN_LONG").is_ok_and(|it| it == "1") { Bound::Long } else { Bound::Short }
    }
}

/// Looks at every state, and fails with the shortest way there if one of them breaks a promise, or if something that
/// should be reachable is not: a model in which nothing happens proves nothing.
pub(crate) fn holds<M>(name: &str, bound: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    let began = Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        match (property.expectation, found) {
            (Expectation::Sometimes, None) => panic!("{name}: never seen: {}", property.name),
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                let last = path.last_state().clone();
                panic!("{name}: broken: {}\n{:#?}\n{last:?}", property.name, path.into_actions());
            }
            _ => {}
        }
    }
    let took = began.elapsed();
    say(&format!(
        "{name}: holds in all {} states ({} steps, depth {}, {:.1} s); bound: {bound}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        took.as_secs_f32(),
    ));
    let in_time = took < WITHIN || Bound::wished() == Bound::Long;
    assert!(in_time, "{name}: {} s are too long for every test run", took.as_secs());
}

/// Past the test runner, which keeps what a test that held has printed for itself.
fn say(line: &str) {
    // Whoever does not listen misses nothing but the figures.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Fails unless each of these breaks the promise that it is said to break, and unless no promise of the model is left
/// that nothing breaks: such a one would never be seen to fail.
pub(crate) fn are_caught<M, W>(name: &str, mutations: &[(W, &'static str)], model: impl Fn(W) -> M)
where
    W: Debug + Copy + PartialEq,
    M: Model + Send + Sync + 'static,
    M::State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    let mut promises = BTreeSet::new();
    for (mutation, promise) in mutations {
        let model = model(*mutation);
        promises.extend(always(&model));
        is_caught(name, mutation, promise, model);
    }
    let broken: BTreeSet<_> = mutations.iter().map(|(_, promise)| *promise).collect();
    assert_eq!(broken, promises, "{name}: each promise is broken by some mutation");
    let mut mutations: Vec<W> = mutations.iter().map(|(mutation, _)| *mutation).collect();
    mutations.dedup();
    say(&format!(
        "{name}: all {} mutations are caught, and all {} promises are broken by some: {mutations:?}",
        mutations.len(),
        promises.len()
    ));
}

/// What a model promises of every state.
fn always<M: Model>(model: &M) -> BTreeSet<&'static str> {
    let properties = model.properties().into_iter();
    properties.filter(|it| it.expectation != Expectation::Sometimes).map(|it| it.name).collect()
}

/// Fails unless the model finds this promise broken, whichever others are.
fn is_caught<M>(name: &str, mutation: &dyn Debug, promise: &'static str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    assert!(always(&model).contains(promise), "{name}: nobody promises \"{promise}\"");
    let enough = HasDiscoveries::AllOf(BTreeSet::from([promise]));
    let checker = model.checker().threads(2).finish_when(enough).spawn_bfs().join();
    let Some(path) = checker.discovery(promise) else {
        panic!(
            "{name}: {mutation:?} does not break \"{promise}\" in {} states",
            checker.unique_state_count()
        );
    };
    let steps = path.into_actions().len().saturating_sub(1);
    println!("{name}: {mutation:?} is caught: not \"{promise}\", after {steps} steps");
}
