//! A simulation: random commands against the real service on the real stores, two nodes over each, beside a reference
//! model that was written from the design.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod audit;
mod call;
mod chance;
mod command;
mod fixture;
mod laws;
mod model;
mod pick;
mod rig;
mod run;
mod trial;
mod wheel;
mod wired;
mod world;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_testing::postgres::{Server, database_or_skip};

use crate::command::{Calls, Command, Named};
use crate::laws::{BY_HAND, BY_MACHINE, Spans};
use crate::model::Asker;
use crate::rig::Home;
use crate::trial::{NewHome, Seen, again, by_seed, shortened};

/// In memory where there is such a folder: what a disk keeps is not the question here, and it would be most of the time.
fn in_a_file() -> Home {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    Home::File(Arc::new(folder.unwrap()))
}

fn in_a_database() -> Home {
    Home::Database(Server::shared().and_then(Server::database).unwrap().url())
}

#[test]
fn embedded_store_and_two_nodes_do_what_the_model_says() {
    simulate("embedded", in_a_file, BY_HAND, 250, Duration::from_secs(12));
}

#[test]
fn postgres_and_two_nodes_do_what_the_model_says() {
    if database_or_skip().is_some() {
        simulate("PostgreSQL", in_a_database, BY_MACHINE, 120, Duration::from_secs(12));
    }
}

#[test]
fn a_seed_brings_the_same_run_again() {
    let run = || by_seed(in_a_file, BY_HAND, 7, 100);
    let ((commands, came), (again, as_well)) = (run(), run());
    assert_eq!(commands, again);
    assert_eq!(came.unwrap(), as_well.unwrap());
}

#[test]
fn a_package_asks_for_proof_until_it_ends_and_for_none_afterwards() {
    let (of, right, day) = (1, true, 86_400_000);
    let call = |call| Command::Call { calls: vec![(0, call)], order: 0, cut: None };
    let (asker, named) = (Asker::Subject, Named::Email);
    let asked = Calls::Submit { n: of, action: "access", subject: 3, by: asker, named, key: None };
    let (start, code, fetch) = (Calls::Start { of }, Calls::Code { of, right }, Calls::Fetch { of });
    let commands = [
        vec![call(asked), call(fetch), call(start), Command::Quiet, call(code), Command::Quiet, call(fetch)],
        // Young no more, and then again.
        vec![
            Command::Pass { ms: day / 24 },
            call(fetch),
            call(start),
            Command::Quiet,
            call(code),
            call(fetch),
        ],
        // Over, and its job has not come yet; gone; and our own copies as well.
        vec![call(start), Command::Pass { ms: 3 * day }, call(start), call(fetch)],
        vec![Command::Quiet, call(start), call(fetch)],
        vec![Command::Pass { ms: 3 * day }, Command::Quiet, call(start), call(code), call(fetch)],
    ];
    let came = again(in_a_file, BY_HAND, &commands.concat()).unwrap();
    let seen = |what| came.seen.get(what).copied();
    assert_eq!((seen("verified"), seen("proved_again"), seen("fetched")), (Some(1), Some(1), Some(2)));
}

/// In fewer runs something that happens now and then may not have happened.
const LEAST: u64 = 12;

/// Runs from one seed to the next until the time is over; of one alone with `COUNTERSIGN_SEED`.
fn simulate(name: &str, home: NewHome, spans: Spans, steps: usize, short: Duration) {
    let told: Option<u64> = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok());
    let long = std::env::var("COUNTERSIGN_LONG").is_ok_and(|is| is == "1");
    let end = Instant::now() + if long { Duration::from_secs(300) } else { short };
    let first = told.unwrap_or(2026);
    let (mut all, mut runs) = (Seen::new(), 0u64);
    for seed in first.. {
        let (commands, ended) = by_seed(home, spans, seed, steps);
        match ended {
            Ok(came) => {
                came.seen.into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count)
            }
            Err(failure) => {
                let found = failure.why.clone();
                println!("{name}: seed {seed} fails at command {}: {found}", failure.step);
                let (shortest, last) = shortened(home, spans, commands, failure, Duration::from_secs(60));
                for (n, command) in shortest.iter().enumerate() {
                    println!("  {:3} {command:?}", n + 1);
                }
                panic!(
                    "{}\n{} commands of {steps} are enough; again: COUNTERSIGN_SEED={seed}{}",
                    last.why,
                    shortest.len(),
                    if spans == BY_MACHINE {
                        " (time is the machine's own here: it may take a few tries)"
                    } else {
                        ""
                    }
                );
            }
        }
        runs += 1;
        if told.is_some() || runs >= LEAST && Instant::now() >= end {
            break;
        }
    }
    // Past the test runner, which keeps what a test that held has printed for itself.
    let said = format!("{name}: {runs} runs of {steps} commands from seed {first}: {all:?}");
    let _ = writeln!(std::io::stdout(), "{said}");
    for what in ["released", "retracted", "run_started", "stuck", "completed", "denied", "expired"] {
        // A run alone may be short of something; a simulation in which nothing happens proves nothing.
        assert!(told.is_some() || all.contains_key(what), "nothing was ever {what}");
    }
}
