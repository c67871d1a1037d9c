//! Running a model to its end, and running it broken until it says so. Prints what was seen.
#![allow(clippy::disallowed_methods)] // the time it took, and the wish for a bigger bound

use std::fmt::Debug;
use std::hash::Hash;
use std::io::Write;
use std::time::Instant;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

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
    say(&format!(
        "{name}: holds in all {} states ({} steps, depth {}, {:.1} s); bound: {bound}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f32(),
    ));
}

/// Past the test runner, which keeps what a test that held has printed for itself.
fn say(line: &str) {
    // Whoever does not listen misses nothing but the figures.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Fails unless each of these breaks a promise of its model.
pub(crate) fn are_caught<M, W>(name: &str, mutations: &[W], model: impl Fn(W) -> M)
where
    W: Debug + Copy,
    M: Model + Send + Sync + 'static,
    M::State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    for mutation in mutations {
        is_caught(name, mutation, model(*mutation));
    }
    say(&format!("{name}: all {} mutations are caught: {mutations:?}", mutations.len()));
}

/// Fails unless the model finds a broken promise.
fn is_caught<M>(name: &str, mutation: &dyn Debug, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let broken = |it: &&stateright::Property<M>| it.expectation != Expectation::Sometimes;
    let caught = checker.model().properties().iter().filter(broken).find_map(|property| {
        checker.discovery(property.name).map(|path| (property.name, path.into_actions().len()))
    });
    let Some((promise, steps)) = caught else {
        panic!("{name}: {mutation:?} goes unnoticed in {} states", checker.unique_state_count());
    };
    println!("{name}: {mutation:?} is caught: not \"{promise}\", after {} steps", steps.saturating_sub(1));
}
