//! Chaos on real processes: nodes of the built binary over one PostgreSQL cluster and a real source, while nodes,
//! servers and connections fail. One test at a time: each wants the machine for itself.
//!
//! `COUNTERSIGN_LONG=1` makes both ten times as long; `COUNTERSIGN_SEED` repeats the choices of a run.
#![allow(clippy::unwrap_used)]

mod book;
mod call;
mod caretaker;
mod chance;
mod directory;
mod effects;
mod faults;
mod fleet;
mod fork;
mod installation;
mod load;
mod postman;
mod proofs;
mod races;
mod settled;
mod shop;
mod storm;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use countersign_testing::postgres::cluster::{Cluster, Shape};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The turn of a test.
fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the long versions are wanted.
fn long() -> bool {
    std::env::var("COUNTERSIGN_LONG").is_ok_and(|set| set == "1")
}

/// The seed of this run.
fn seed() -> u64 {
    let given = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(2026);
    println!("seed {seed}: set COUNTERSIGN_SEED to repeat its choices");
    seed
}

/// A cluster with the durable defaults, or `None` after saying that the test is skipped.
fn cluster_or_skip(standby: bool) -> Option<Cluster> {
    match Cluster::start(Shape { standby, durable: true }) {
        Ok(cluster) => Some(cluster),
        Err(reason) => {
            assert!(!countersign_testing::servers_are_needed(), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

/// Ends the whole process when a test has not ended in time; the servers and nodes end with it.
struct Fuse(#[allow(dead_code)] mpsc::Sender<()>);

impl Fuse {
    fn of(time: Duration) -> Self {
        let (alive, dead) = mpsc::channel();
        std::thread::spawn(move || {
            if dead.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("the test has not ended within {} s", time.as_secs());
                std::process::abort();
            }
        });
        Self(alive)
    }
}
