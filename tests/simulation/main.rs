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

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::laws::BY_HAND;
use crate::rig::Home;
use crate::trial::{NewHome, Seen, by_seed, shortened};

const STEPS: usize = 250;

/// In memory where there is such a folder: what a disk keeps is not the question here, and it would be most of the time.
fn in_a_file() -> Home {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    Home::File(Arc::new(folder.unwrap()))
}

#[test]
fn embedded_store_and_two_nodes_do_what_the_model_says() {
    simulate("embedded", in_a_file, BY_HAND, Duration::from_secs(15));
}

fn simulate(name: &str, home: NewHome, spans: laws::Spans, short: Duration) {
    let told: Option<u64> = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok());
    let long = std::env::var("COUNTERSIGN_LONG").is_ok_and(|is| is == "1");
    let end = Instant::now() + if long { Duration::from_secs(300) } else { short };
    let first = told.unwrap_or(2026);
    let (mut all, mut runs) = (Seen::new(), 0u64);
    for seed in first.. {
        let (commands, ended) = by_seed(home, spans, seed, STEPS);
        match ended {
            Ok(seen) => seen.into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count),
            Err(failure) => {
                let found = failure.why.clone();
                println!("{name}: seed {seed} fails at command {}: {found}", failure.step);
                let (shortest, last) = shortened(home, spans, commands, failure, Duration::from_secs(60));
                for (n, command) in shortest.iter().enumerate() {
                    println!("  {:3} {command:?}", n + 1);
                }
                panic!(
                    "{}\n{} commands of {STEPS} are enough; again: COUNTERSIGN_SEED={seed}",
                    last.why,
                    shortest.len()
                );
            }
        }
        runs += 1;
        if told.is_some() || Instant::now() >= end {
            break;
        }
    }
    println!("{name}: {runs} runs of {STEPS} commands from seed {first}: {all:?}");
}
