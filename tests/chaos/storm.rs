//! The chaos itself: clients at work, fault after fault, and then everything is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_ledger::VerifierKey;
use countersign_testing::postgres::cluster::Cluster;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::book::{Book, Promise};
use crate::chance::Chance;
use crate::faults::{Fault, Scene, deal};
use crate::fleet::{DATABASE, Fleet};
use crate::load::{Load, Worker};
use crate::postman::Postman;
use crate::shop::Shop;
use crate::watch::Watch;
use crate::{Fuse, caretaker, cluster_or_skip, effects, fork, long, proofs, seed, settled, turn};

const NODES: usize = 3;
const CLIENTS: usize = 64;
/// Erasures at once, over all nodes.
const LIMIT: u32 = 4;

#[test]
fn nothing_is_lost_and_nothing_happens_twice_whatever_fails() {
    let _turn = turn();
    let _fuse = Fuse::of(Duration::from_secs(if long() { 5_400 } else { 900 }));
    let least = if long() { 200 } else { 20 };
    let Some(mut store) = cluster_or_skip(true) else { return };
    let Some((mut shop, customers)) = Shop::open(800 * least as i64, 60 * least as i64) else { return };
    let mut chance = Chance::of(seed());
    let runtime = Runtime::new().unwrap();
    let mut fleet = Fleet::begin(NODES, &store, &shop, LIMIT);
    let load = Arc::new(Load {
        directory: Arc::clone(fleet.directory()),
        book: Book::default(),
        postman: Postman::of(&fleet.installation().inbox()),
        customers,
        reads: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    });
    let watch = Arc::new(Watch::default());
    let mut watchers = JoinSet::new();
    for node in 0..NODES {
        let directory = Arc::clone(fleet.directory());
        watchers.spawn_on(Arc::clone(&watch).checkpoints(directory, node), runtime.handle());
    }
    watchers.spawn_on(Arc::clone(&watch).limits(Arc::clone(&load), u64::from(LIMIT)), runtime.handle());
    let operator = runtime.spawn(caretaker::look_after(Arc::clone(&load), chance.branch()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let worker = Worker { load: Arc::clone(&load), chance: chance.branch() };
        clients.spawn_on(worker.work(), runtime.handle());
    }

    let began = Instant::now();
    let faults = deal(least, &mut chance);
    let mut scene = Scene {
        fleet: &mut fleet,
        store: &mut store,
        shop: &mut shop,
        runtime: &runtime,
        chance: &mut chance,
        taken_over: 0,
    };
    breathe(&mut scene);
    let back = strike_all(&mut scene, &faults, began);
    let taken_over = scene.taken_over;
    load.stop.store(true, Ordering::Relaxed);
    runtime.block_on(end(clients));
    println!("{:>6.1} s  the clients stop", began.elapsed().as_secs_f64());

    let states = runtime.block_on(settled::wait(&load));
    operator.abort();
    watch.stop();
    runtime.block_on(end(watchers));
    println!("{:>6.1} s  everything stands still", began.elapsed().as_secs_f64());
    let key = verifier(&fleet);
    let proved = runtime.block_on(proofs::check_all(&load, &key));
    let known = load.book.known();
    let mut wrongs = effects::audit(&shop, &known, &states, i64::from(LIMIT));
    let sizes = no_fork(&mut fleet, &store, &key).unwrap_or_else(|why| {
        wrongs.push(why);
        0
    });
    wrongs.extend(load.book.wrongs());

    println!(
        "{:>6.1} s  {} faults, back within {} ms at most",
        began.elapsed().as_secs_f64(),
        faults.len(),
        { back.values().max().map_or(0, Duration::as_millis) }
    );
    let of = |status: &str| states.values().filter(|stand| stand.status == status).count();
    println!(
        "{} requests: {} completed, {} denied, {} withdrawn, {} abandoned, {} waiting",
        states.len(),
        of("completed"),
        of("denied"),
        of("withdrawn"),
        of("abandoned"),
        of("waiting")
    );
    println!(
        "acknowledged: {} submitted, {} approved, {} proved, {} denied, {} withdrawn, {} abandoned; {} reads compared",
        load.book.count(Promise::Submitted),
        load.book.count(Promise::Approved),
        load.book.count(Promise::Proved),
        load.book.count(Promise::Denied),
        load.book.count(Promise::Withdrawn),
        load.book.count(Promise::Abandoned),
        load.reads.load(Ordering::Relaxed)
    );
    println!(
        "{proved} entries proved, {sizes} checkpoints of one ledger; {} of {LIMIT} places seen taken, {} erasing \
         transactions at once; {taken_over} sleepers met by another node before their receipt",
        watch.fullest(),
        shop.most_at_once()
    );
    assert!(wrongs.is_empty(), "{} things must not be:\n{}", wrongs.len(), wrongs.join("\n"));
    // Where too little happened, nothing was shown.
    assert!(watch.fullest() == u64::from(LIMIT), "the limit was never reached");
    assert!(
        shop.most_at_once() >= i64::from(LIMIT) - 1,
        "too few were done at once to show that a limit holds"
    );
    assert!(of("completed") >= 2 * faults.len(), "too little was done to show anything");
    assert!(taken_over > 0, "no sleeper's work was ever taken over");
}

/// Lets the clients work for a moment.
fn breathe(scene: &mut Scene<'_>) {
    std::thread::sleep(Duration::from_millis(700 + scene.chance.below(1_300)));
}

/// How long the nodes took after each kind of fault, at worst.
fn strike_all(scene: &mut Scene<'_>, faults: &[Fault], began: Instant) -> BTreeMap<Fault, Duration> {
    let mut back: BTreeMap<Fault, Duration> = BTreeMap::new();
    for (number, fault) in faults.iter().enumerate() {
        let at = began.elapsed().as_secs_f64();
        let took = scene.strike(*fault);
        println!("{at:>6.1} s  {:>3} {fault:?}, back after {} ms", number + 1, took.as_millis());
        let worst = back.entry(*fault).or_default();
        *worst = took.max(*worst);
        breathe(scene);
    }
    back
}

/// Lets tasks come to an end; whoever does not within a moment is broken off.
async fn end(mut tasks: JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ended = tokio::time::timeout(Duration::from_secs(10), all).await;
    tasks.shutdown().await;
}

fn verifier(fleet: &Fleet) -> VerifierKey {
    let path = fleet.installation().node(0).join("keys/ledger.vkey");
    std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

/// All nodes stop in good order, and the ledger that they leave is whole and the one of every checkpoint that was ever
/// seen or kept. Answers how many sizes those speak of.
fn no_fork(fleet: &mut Fleet, store: &Cluster, key: &VerifierKey) -> Result<usize, String> {
    for node in 0..fleet.len() {
        fleet.terminate(node);
    }
    let installation = fleet.installation();
    installation.run(&["ledger", "export", "export"]);
    installation.run(&["ledger", "verify", "export", "--vkey", "keys/ledger.vkey"]);
    let kept = store.run(DATABASE, "SELECT encode(note, 'hex') FROM log_checkpoint").unwrap();
    let mut notes = fleet.directory().notes();
    notes.extend(kept.lines().map(|line| hex::decode(line).unwrap()));
    let waiting = store.run(DATABASE, "SELECT count(*) FROM log_queue").unwrap();
    if waiting != "0" {
        return Err(format!("{waiting} entries were acknowledged and never came into the ledger"));
    }
    fork::compare(&notes, &installation.node(0).join("export"), key)
}
