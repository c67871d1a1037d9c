//! Trials: a run by a seed, and the shortest list of commands that still fails.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::laws::Spans;
use crate::model::{Broken, Model};
use crate::pick::Picker;
use crate::rig::Home;
use crate::run::Run;

/// Makes a new, empty place for a run.
pub(crate) type NewHome = fn() -> Home;

/// A run that broke a rule: which, and at which command.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) step: usize,
    pub(crate) why: String,
}

pub(crate) type Seen = BTreeMap<String, u64>;

/// What a run came to: what happened, by kind, and the root of its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) seen: Seen,
    pub(crate) root: [u8; 32],
}

/// Where time is in the hand, the service's own pauses and patience take none of the machine's: what a busy machine makes
/// of them would be another run.
fn turning<T>(in_the_hand: bool, work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(in_the_hand).build().unwrap().block_on(work)
}

/// A panic is a broken rule as well.
fn caught<T>(step: impl Fn() -> usize, work: impl FnOnce() -> Result<T, Broken>) -> Result<T, Failure> {
    let broken = match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(Broken(why))) => why,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("panic: {}", text.unwrap_or_default())
        }
    };
    Err(Failure { step: step(), why: broken })
}

/// A run of so many commands, chosen by `seed`. Answers with what was commanded and what came of it.
pub(crate) fn by_seed(
    home: NewHome,
    spans: Spans,
    seed: u64,
    steps: usize,
) -> (Vec<Command>, Result<Came, Failure>) {
    let commands = std::cell::RefCell::new(Vec::new());
    let ended = caught(
        || commands.borrow().len(),
        || {
            let home = home();
            turning(matches!(home, Home::File(_)), async {
                let mut run = Run::begin(home, spans).await?;
                let mut picker = Picker::new(seed);
                for _ in 0..steps {
                    let command = picker.pick(&run.model);
                    commands.borrow_mut().push(command.clone());
                    run.step(&command).await?;
                }
                run.end().await
            })
        },
    );
    (commands.into_inner(), ended.map(told))
}

fn told((model, root): (Model, [u8; 32])) -> Came {
    let mut seen = model.seen;
    seen.insert("entries".to_owned(), model.size);
    seen.insert("requests".to_owned(), model.requests.len() as u64);
    Came { seen, root }
}

/// The same commands again.
pub(crate) fn again(home: NewHome, spans: Spans, commands: &[Command]) -> Result<Came, Failure> {
    let step = std::cell::Cell::new(0);
    caught(
        || step.get(),
        || {
            let home = home();
            turning(matches!(home, Home::File(_)), async {
                let mut run = Run::begin(home, spans).await?;
                for command in commands {
                    step.set(step.get() + 1);
                    run.step(command).await?;
                }
                run.end().await
            })
        },
    )
    .map(told)
}

/// Leaves out what is not needed for the failure: large parts first, then one command after the other.
pub(crate) fn shortened(
    home: NewHome,
    spans: Spans,
    commands: Vec<Command>,
    failure: Failure,
    within: Duration,
) -> (Vec<Command>, Failure) {
    let end = Instant::now() + within;
    let (mut shortest, mut last) = (commands, failure);
    shortest.truncate(last.step);
    let mut part = (shortest.len() / 2).max(1);
    loop {
        let before = shortest.len();
        let mut from = 0;
        while from < shortest.len() && Instant::now() < end {
            let mut without = shortest.clone();
            without.drain(from..(from + part).min(shortest.len()));
            match again(home, spans, &without) {
                Ok(_) => from += part,
                Err(failure) => {
                    without.truncate(failure.step);
                    (shortest, last) = (without, failure);
                }
            }
        }
        if Instant::now() >= end || part == 1 && shortest.len() == before {
            return (shortest, last);
        }
        part = (part / 2).max(1);
    }
}
