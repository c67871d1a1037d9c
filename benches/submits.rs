//! Durable submits over HTTP from 64 clients, against a loop that group-commits the same rows into SQLite. The median
//! of several rounds each, by turns; every submit is of another subject, and both stores grow alike.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::bare::Loop;
use crate::client::Client;
use crate::line::{Limit, Line};
use crate::node::Node;

const CLIENTS: usize = 64;
/// Submits of each client in a round.
const EACH: usize = 100;
const ROUNDS: usize = 5;
/// What the peer takes a second, on such a machine.
const PEER: f64 = 31.0;

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    let node = Node::begin(folder);
    let all = ALL;
    submits(&node); // what is new at the first call is not measured
    let mut bare = Loop::like_last_request(&node.store(), &folder.join("bare.db"));
    bare.run(all, CLIENTS);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        submits(&node);
        ours.push(all as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        bare.run(all, CLIENTS);
        theirs.push(all as f64 / start.elapsed().as_secs_f64());
    }
    let (ours, theirs) = (median(ours), median(theirs));
    vec![
        Line {
            name: format!("durable submits over HTTP, {CLIENTS} clients"),
            ours: format!("{ours:.0} /s"),
            reference: format!("bare loop, the same rows {theirs:.0} /s"),
            ratio: ours / theirs,
            limit: Limit::AtLeast(0.5),
        },
        Line {
            name: "  beside the peer's".to_owned(),
            ours: format!("{ours:.0} /s"),
            reference: format!("Fides, 16 clients {PEER} /s"),
            ratio: ours / PEER,
            limit: Limit::None,
        },
        Line {
            name: format!("  memory after {} submits", (ROUNDS + 1) * all),
            ours: format!("{:.1} MiB", node.resident_mib()),
            reference: "40 MiB".to_owned(),
            ratio: node.resident_mib() / 40.0,
            limit: Limit::None,
        },
    ]
}

/// Submits of one round.
pub(crate) const ALL: usize = CLIENTS * EACH;

/// One round: every client submits, one after the other, and waits for each answer.
pub(crate) fn submits(node: &Node) {
    static SUBJECTS: AtomicU64 = AtomicU64::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let token = node.token("portal");
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let mut client = Client::connect(&node.address, &token).await;
            clients.spawn(async move {
                for _ in 0..EACH {
                    let subject = SUBJECTS.fetch_add(1, Ordering::Relaxed);
                    let body = format!(
                        r#"{{"action":"erase","requester":"subject","subject":{{"email":"asker.{subject}@example.test"}}}}"#
                    );
                    let (status, answer) = client.post("/v1/requests", &body).await;
                    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
                }
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
    });
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
