//! By hand: a day of traffic as fast as it goes, of all kinds and with mixed verdicts, into the embedded store. How many
//! requests a second and how many bytes of store a request, in each tenth: neither may change from the first to the last.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::client::Client;
use crate::large;
use crate::line::{Limit, Line};
use crate::node::Node;

const CLIENTS: u64 = 16;
const TENTHS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(600);
/// Customers who ask again and again; those after them are erased, each once.
const REGULARS: u64 = 490;

/// What a request of the day is.
enum Kind {
    /// The desk shows somebody what there is; nobody is asked.
    Access,
    /// Somebody asks on the portal and has not proved yet who they are.
    Unproven(&'static str),
    /// The desk asks for somebody whom no source knows.
    Nobody,
    /// The desk takes it back.
    Withdrawn,
    /// An officer says no.
    Denied,
    /// An officer says yes.
    Erased(u64),
}

impl Kind {
    fn of(n: u64) -> Self {
        match n % 20 {
            0..=10 => Self::Access,
            11..=13 => Self::Unproven("erase"),
            14 => Self::Unproven("export"),
            15 | 16 => Self::Denied,
            17 => Self::Withdrawn,
            18 => Self::Nobody,
            _ if n % 200 == 199 => Self::Erased(n / 200),
            _ => Self::Unproven("access"),
        }
    }
}

/// Where a tenth began.
struct Mark {
    at: Instant,
    bytes: f64,
}

pub(crate) fn measure(folder: &Path, requests: u64) -> Vec<Line> {
    let node = Node::begin(folder);
    let db = Connection::open_with_flags(node.store(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let each = requests / TENTHS;
    // What is new at the first call is not measured.
    runtime.block_on(tenth(&node, requests, requests + 200));
    settled(&db);
    let (mut rates, mut sizes) = (Vec::new(), Vec::new());
    for turn in 0..TENTHS {
        let began = mark(&db);
        runtime.block_on(tenth(&node, turn * each, (turn + 1) * each));
        settled(&db);
        let ended = mark(&db);
        rates.push(each as f64 / ended.at.duration_since(began.at).as_secs_f64());
        sizes.push((ended.bytes - began.bytes) / each as f64);
        println!(
            "tenth {}: {:.0} requests/s, {:.0} bytes a request",
            turn + 1,
            rates[turn as usize],
            sizes[turn as usize]
        );
    }
    let ended = "select status, count(*) from request group by status order by status";
    let mut ended = db.prepare(ended).unwrap();
    let ended = ended
        .query_map([], |row| Ok(format!("{} {}", row.get::<_, i64>(1)?, row.get::<_, String>(0)?)))
        .unwrap();
    println!("{}", ended.collect::<Result<Vec<_>, _>>().unwrap().join(", "));
    let line = |name: &str, unit: &str, all: &[f64], limit: Limit| Line {
        name: format!("{requests} requests of a day: {name}, last tenth"),
        ours: format!("{:.0} {unit}", all[all.len() - 1]),
        reference: format!("first tenth {:.0} {unit}", all[0]),
        ratio: all[all.len() - 1] / all[0],
        limit,
    };
    vec![
        line("done", "/s", &rates, Limit::AtLeast(0.85)),
        line("store", "bytes each", &sizes, Limit::AtMost(1.15)),
    ]
}

/// The requests from one number to another, from all clients at once.
async fn tenth(node: &Node, from: u64, to: u64) {
    let next = Arc::new(AtomicU64::new(from));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let next = Arc::clone(&next);
        let mut person = Person {
            portal: Client::connect(&node.address, &node.token("portal")).await,
            desk: Client::connect(&node.address, &node.token("desk")).await,
            officer: Client::connect(&node.address, &node.token("olga")).await,
        };
        clients.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= to {
                    return;
                }
                person.act(n).await;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

struct Person {
    portal: Client,
    desk: Client,
    officer: Client,
}

impl Person {
    async fn act(&mut self, n: u64) {
        let regular = large::email(2 + (n % REGULARS) as i64);
        match Kind::of(n) {
            Kind::Access => drop(submit(&mut self.desk, "access", &regular).await),
            Kind::Nobody => drop(submit(&mut self.desk, "erase", &format!("nobody.{n}@example.test")).await),
            Kind::Unproven(action) => {
                let body = format!(
                    r#"{{"action":"{action}","requester":"subject","subject":{{"email":"asker.{n}@example.test"}}}}"#
                );
                let (status, answer) = self.portal.post("/v1/requests", &body).await;
                assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
            }
            Kind::Withdrawn => {
                let id = submit(&mut self.desk, "erase", &regular).await;
                let (status, answer) = self.desk.post(&format!("/v1/requests/{id}/withdraw"), "{}").await;
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
            }
            Kind::Denied => {
                let id = submit(&mut self.desk, "erase", &regular).await;
                self.vote(&id, "deny").await;
            }
            Kind::Erased(turn) => {
                let email = large::email(2 + (REGULARS + turn) as i64);
                let id = submit(&mut self.desk, "erase", &email).await;
                self.vote(&id, "approve").await;
            }
        }
    }

    /// Once there is something to vote on.
    async fn vote(&mut self, id: &str, choice: &str) {
        let since = Instant::now();
        let digest = loop {
            let (_, request) = self.officer.get(&format!("/v1/requests/{id}")).await;
            if let Some(digest) = request["digest"].as_str() {
                break digest.to_owned();
            }
            assert!(since.elapsed() < PATIENCE, "{request:#}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let body = format!(r#"{{"vote":"{choice}","seat":"privacy","digest":"{digest}"}}"#);
        let (status, answer) = self.officer.post(&format!("/v1/requests/{id}/votes"), &body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
    }
}

async fn submit(client: &mut Client, action: &str, email: &str) -> String {
    let body = format!(r#"{{"action":"{action}","subject":{{"email":"{email}"}}}}"#);
    let (status, answer) = client.post("/v1/requests", &body).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let request: serde_json::Value = serde_json::from_slice(answer).unwrap();
    request["id"].as_str().unwrap().to_owned()
}

/// Waits until nothing is left to do, and nothing runs.
fn settled(db: &Connection) {
    let left = "select (select count(*) from job where ready_at <= unixepoch() * 1000 or lease_until is not null) \
                + (select count(*) from request where status in ('released', 'running'))";
    let since = Instant::now();
    while db.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
        assert!(since.elapsed() < PATIENCE, "it does not come to an end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Now, and the bytes of the store that are in use.
fn mark(db: &Connection) -> Mark {
    let used = "select (page_count - freelist_count) * page_size \
                from pragma_page_count, pragma_freelist_count, pragma_page_size";
    Mark { at: Instant::now(), bytes: db.query_row(used, [], |row| row.get(0)).unwrap() }
}
