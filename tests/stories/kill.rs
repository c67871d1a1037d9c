//! `kill -9` at random moments during mixed work: no acknowledged change is lost, nothing is erased twice, and the
//! ledger verifies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign_client::view::{Ballot, Choice, Query, Submission};
use countersign_client::{Client, Settle};
use rusqlite::Connection;

use crate::node::Node;

/// Rounds of a usual test, and of a long one.
const ROUNDS: [u32; 2] = [30, 1_000];
/// A long one has this to come to its end.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
const WORKERS: usize = 6;
/// The shortest life of a server that is to see something approved.
const FIRST: Duration = Duration::from_millis(100);
/// The longest life of a server in a round.
const LIFE_MS: u64 = 900;

/// What the server said yes to.
#[derive(Default)]
struct Acknowledged {
    submitted: BTreeMap<String, i64>,
    approved: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
}

#[test]
fn kill_at_random_moments_loses_nothing_and_does_nothing_twice() {
    let seed = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    println!("seed {seed}: set COUNTERSIGN_SEED to repeat it");
    let mut chance = Chance(seed);
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    let rounds = ROUNDS[usize::from(long)];
    let mut node = Node::begin(if long { 10_000 } else { 4_000 });
    more_customers(&node);
    count_erasures(&node);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    let next_customer = Arc::new(AtomicI64::new(100));
    let mut held = Vec::new();
    let (began, mut killed) = (Instant::now(), 0);
    for round in 0..rounds {
        let took = began.elapsed();
        assert!(
            took < LONGEST,
            "{killed} of {rounds} rounds in {took:?}: the machine is too slow, or a round hangs"
        );
        killed += 1;
        node.start();
        // Half of the rounds are killed at a moment that nothing but chance picks, from the first breath on.
        let random = round % 2 == 0;
        let life = Duration::from_micros(chance.below(LIFE_MS * 1_000))
            + if random { Duration::ZERO } else { FIRST };
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let work = Work {
                    desk: node.client("desk"),
                    officer: node.client("olga-officer"),
                    portal: node.client("portal"),
                    acknowledged: Arc::clone(&acknowledged),
                    next_customer: Arc::clone(&next_customer),
                };
                runtime.spawn(work.until_killed())
            })
            .collect();
        std::thread::sleep(life);
        // On a slow machine some rounds last until something was approved, so that every run has seen work.
        if !random {
            let approved = || acknowledged.lock().unwrap().approved.len();
            let (before, end) = (approved(), Instant::now() + Duration::from_secs(20));
            while approved() < before + 2 && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(chance.below(20)));
            }
        }
        node.kill();
        for worker in workers {
            runtime.block_on(worker).unwrap();
        }
        if round % 10 == 9 || round + 1 == rounds {
            let export = format!("export-{round}");
            verify(&node, &export);
            held.push(export);
            // What is whole need not be kept; a thousand exports would fill the disk.
            if held.len() > 3 {
                std::fs::remove_dir_all(node.folder().join(held.remove(0))).unwrap();
            }
        }
    }
    node.start();
    let operator = node.client("opal-operator");
    let acknowledged = acknowledged.lock().unwrap();
    runtime.block_on(settled(&operator, &acknowledged));
    runtime.block_on(nothing_is_lost(&operator, &acknowledged));
    let completed = runtime.block_on(with_status(&operator, "completed"));
    assert_eq!(killed, rounds, "not every round was done");
    println!(
        "{killed} kills: {} submitted, {} approved, {} completed",
        acknowledged.submitted.len(),
        acknowledged.approved.len(),
        completed.len()
    );
    // Every second round saw two approved.
    assert!(completed.len() >= killed as usize / 2, "too little happened to show anything");
    nothing_happened_twice(&node, &acknowledged, &completed);
    verify(&node, "export-end");
    node.kill();
}

/// One client's share of the work.
struct Work {
    desk: Client,
    officer: Client,
    portal: Client,
    acknowledged: Arc<Mutex<Acknowledged>>,
    next_customer: Arc<AtomicI64>,
}

impl Work {
    /// Goes on until the server is gone.
    async fn until_killed(self) {
        for turn in 0.. {
            let customer = self.next_customer.fetch_add(1, Ordering::Relaxed);
            let done = match turn % 4 {
                3 => self.ask_and_take_back(customer).await,
                _ => self.erase(customer).await,
            };
            if done.is_none() {
                return;
            }
        }
    }

    /// An erasure that the desk attests and one officer approves.
    async fn erase(&self, customer: i64) -> Option<()> {
        let asked = self.desk.submit(&submission("erase", None, customer), None).await.ok()?;
        self.acknowledged.lock().ok()?.submitted.insert(asked.id.clone(), customer);
        let digest = loop {
            let seen = self.officer.request(&asked.id).await.ok()?;
            match seen.digest {
                Some(digest) => break digest,
                None if seen.status == "denied" => {
                    panic!("the shop has no customer {customer}: it is too small")
                }
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let ballot = Ballot {
            vote: Choice::Approve,
            seat: "privacy".to_owned(),
            digest: Some(digest),
            ceiling: None,
            reason: Some("identified by the desk".to_owned()),
        };
        self.officer.vote(&asked.id, &ballot).await.ok()?;
        self.acknowledged.lock().ok()?.approved.insert(asked.id);
        Some(())
    }

    /// A request of the desk's own that is withdrawn before anybody votes.
    async fn ask_and_take_back(&self, customer: i64) -> Option<()> {
        let asked = self.portal.submit(&submission("export", Some("caller"), customer), None).await.ok()?;
        self.acknowledged.lock().ok()?.submitted.insert(asked.id.clone(), customer);
        self.portal.settle(&asked.id, Settle::Withdraw, None).await.ok()?;
        self.acknowledged.lock().ok()?.withdrawn.insert(asked.id);
        Some(())
    }
}

fn submission(action: &str, requester: Option<&str>, customer: i64) -> Submission {
    Submission {
        action: action.to_owned(),
        requester: requester.map(str::to_owned),
        subject: BTreeMap::from([("account".to_owned(), countersign_shop::cast::account_of(customer))]),
        ..Submission::default()
    }
}

/// Waits until nothing that was approved waits for a free place, and nothing is released or running any more. Stuck must
/// nothing be.
async fn settled(operator: &Client, acknowledged: &Acknowledged) {
    let (mut fewest, mut moved) = (usize::MAX, Instant::now());
    loop {
        // In the order in which a request goes through them.
        let waiting = with_status(operator, "waiting").await;
        let waiting = waiting.intersection(&acknowledged.approved).count();
        let limits = operator.limits().await.unwrap();
        let erase = limits.iter().find(|limit| limit.action == "erase").unwrap();
        assert_eq!(erase.stuck, 0, "something got stuck");
        let (released, running) = (erase.released, erase.running);
        let left = waiting + released as usize + running as usize;
        if left == 0 {
            return;
        }
        if left < fewest {
            (fewest, moved) = (left, Instant::now());
        }
        assert!(
            moved.elapsed() < Duration::from_secs(120),
            "{waiting} approved wait, {released} released, {running} running: for two minutes none of them moved"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn nothing_is_lost(operator: &Client, acknowledged: &Acknowledged) {
    for id in acknowledged.submitted.keys() {
        let seen = operator.request(id).await.unwrap_or_else(|error| panic!("request {id} is lost: {error}"));
        if acknowledged.approved.contains(id) {
            assert_eq!(seen.status, "completed", "request {id} was approved by who had to");
        }
        if acknowledged.withdrawn.contains(id) {
            assert_eq!(seen.status, "withdrawn", "request {id}");
        }
    }
}

async fn with_status(operator: &Client, status: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut query = Query { status: Some(status.to_owned()), limit: Some(100), ..Query::default() };
    loop {
        let page = operator.requests(&query).await.unwrap();
        all.extend(page.items.into_iter().map(|request| request.id));
        match page.cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return all,
        }
    }
}

/// Nobody is erased twice, and the shop's own customers are too few for a thousand lives.
fn more_customers(node: &Node) {
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch(
        "INSERT INTO customer (id, account, email, name, joined_on)
         WITH RECURSIVE n (id) AS (SELECT max(id) + 1 FROM customer UNION ALL SELECT id + 1 FROM n WHERE id < 60000)
         SELECT id, printf('C-%06d', id), printf('customer.%d@example.test', id), 'Customer ' || id, '2026-11-26' FROM n",
    )
    .unwrap();
}

/// The shop itself counts how often each customer goes.
fn count_erasures(node: &Node) {
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch(
        "CREATE TABLE gone (customer INTEGER NOT NULL);
         CREATE TRIGGER count_deleted AFTER DELETE ON customer BEGIN INSERT INTO gone VALUES (old.id); END;
         CREATE TRIGGER count_cleared AFTER UPDATE OF email ON customer BEGIN INSERT INTO gone VALUES (old.id); END;",
    )
    .unwrap();
}

fn nothing_happened_twice(node: &Node, acknowledged: &Acknowledged, completed: &BTreeSet<String>) {
    let shop = Connection::open(node.shop()).unwrap();
    let often: Option<i64> = shop
        .query_row("SELECT customer FROM gone GROUP BY customer HAVING count(*) > 1 LIMIT 1", [], |row| {
            row.get(0)
        })
        .ok();
    assert_eq!(often, None, "a customer was erased twice");
    let gone: i64 = shop.query_row("SELECT count(*) FROM gone", [], |row| row.get(0)).unwrap();
    assert_eq!(gone as usize, completed.len(), "as many customers went as erasures are completed");
    let receipts: i64 = shop
        .query_row("SELECT count(*) FROM countersign_receipt WHERE outcome = 'done'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(receipts, gone, "each has one receipt");
    for (id, customer) in &acknowledged.submitted {
        let went: i64 = shop
            .query_row("SELECT count(*) FROM gone WHERE customer = ?", [customer], |row| row.get(0))
            .unwrap();
        assert_eq!(went == 1, completed.contains(id), "request {id}");
    }
}

/// Exports the ledger, beside the server if one runs, and verifies it offline.
fn verify(node: &Node, directory: &str) {
    node.run(&["ledger", "export", directory]);
    node.run(&["ledger", "verify", directory, "--vkey", "keys/ledger.vkey"]);
}

/// Numbers from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
