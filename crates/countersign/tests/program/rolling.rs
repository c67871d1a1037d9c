//! A rolling restart under load: one node after the other stops and starts again, and nobody's call fails.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use countersign_testing::port;
use countersign_testing::postgres::database_or_skip;
use serde_json::json;

use crate::fleet::Fleet;
use crate::place::Server;
use crate::wire::{Call, Kept, get, until};

const CLIENTS: usize = 6;
/// Enough for the balancer to look several times.
const PAUSE: &str = "stop_pause_ms = 2000";

/// Sends calls to nodes that say they are ready, over connections that it keeps, as whoever stands in front of nodes does.
struct Balancer {
    urls: Vec<String>,
    ready: Vec<AtomicBool>,
    failed: Mutex<Vec<String>>,
    answered: AtomicUsize,
    kept: AtomicUsize,
    stop: AtomicBool,
}

impl Balancer {
    fn look(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            for (url, ready) in self.urls.iter().zip(&self.ready) {
                ready.store(get(url, "/readyz").is_ok_and(|it| it.status == 200), Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// One call: at a node that is ready, or without `asking` that, as nginx does; at the next one if the door is
    /// closed, for then nothing was sent.
    fn call(&self, kept: &mut Kept, asking: bool, first: usize, call: &Call<'_>) -> Option<u16> {
        for turn in 0..600 {
            let node = (first + turn) % self.urls.len();
            if !asking || self.ready[node].load(Ordering::Relaxed) {
                match kept.ask(&self.urls[node], call) {
                    Ok(answer) => return Some(answer.status),
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    Err(error) => {
                        self.failed.lock().unwrap().push(format!("{}: {error}", call.path));
                        return None;
                    }
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.failed.lock().unwrap().push("no node took it".to_owned());
        None
    }

    fn work(&self, client: usize, portal: &str, operator: &str) {
        let mut kept = Kept::default();
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let (key, email) = (format!("{client}-{turn}"), format!("c{client}.{turn}@example.test"));
            let asked = json!({ "action": "export", "requester": "subject", "subject": { "email": email } });
            let post = Call { path: "/v1/requests", token: portal, body: Some(asked), key: &key };
            let list = Call { path: "/v1/requests?limit=5", token: operator, ..Call::default() };
            for (call, wanted) in [(post, 201), (list, 200)] {
                match self.call(&mut kept, client.is_multiple_of(2), client + turn, &call) {
                    Some(status) if status == wanted => {
                        self.answered.fetch_add(1, Ordering::Relaxed);
                        self.kept.fetch_add(usize::from(wanted == 201), Ordering::Relaxed);
                    }
                    Some(status) => self.failed.lock().unwrap().push(format!("{}: {status}", call.path)),
                    None => {}
                }
            }
        }
    }
}

/// Tells everybody to stop, also when something else failed.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nobodys_call_fails_while_one_node_after_the_other_starts_again() {
    let Some(database) = database_or_skip() else { return };
    let fleet = Fleet::begun(2, &database.url());
    let listens: Vec<String> = (0..2).map(|_| format!("127.0.0.1:{}", port::free().unwrap())).collect();
    (0..2).for_each(|node| fleet.configure(node, &database.url(), PAUSE));
    let mut nodes: Vec<Server> = (0..2).map(|node| fleet.serve_at(node, &listens[node])).collect();
    let urls: Vec<String> = nodes.iter().map(|node| node.url.clone()).collect();
    for url in &urls {
        until("ready", url, "/readyz", |it| it.status == 200);
    }
    let balancer = Balancer {
        ready: urls.iter().map(|_| AtomicBool::new(true)).collect(),
        urls,
        failed: Mutex::default(),
        answered: AtomicUsize::new(0),
        kept: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    let (portal, operator) = (fleet.token("portal"), fleet.token("opal-operator"));
    thread::scope(|scope| {
        let ended = Ended(&balancer.stop);
        scope.spawn(|| balancer.look());
        for client in 0..CLIENTS {
            let (balancer, portal, operator) = (&balancer, &portal, &operator);
            scope.spawn(move || balancer.work(client, portal, operator));
        }
        for node in [0, 1, 0] {
            let before = balancer.answered.load(Ordering::Relaxed);
            while balancer.answered.load(Ordering::Relaxed) < before + 40 {
                thread::sleep(Duration::from_millis(20));
                assert!(balancer.failed.lock().unwrap().is_empty(), "{:?}", balancer.failed.lock().unwrap());
            }
            nodes[node].signal("-TERM");
            let said = until("says that it stops", &balancer.urls[node], "/readyz", |it| it.status == 503);
            assert_eq!(said.code(), "stopping", "{said:?}");
            assert_eq!(nodes[node].ended().code(), Some(0));
            nodes[node] = fleet.serve_at(node, &listens[node]);
            until("ready again", &balancer.urls[node], "/readyz", |it| it.status == 200);
        }
        drop(ended);
    });
    let failed = balancer.failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    let stored = database.run("select count(*) from request").unwrap();
    assert_eq!(stored, balancer.kept.load(Ordering::Relaxed).to_string());
    println!("{} calls over 3 restarts, none failed", balancer.answered.load(Ordering::Relaxed));
}
