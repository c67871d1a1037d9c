//! An access over 11 tables from its submission until it is completed, beside the peer's. The median of many, one after
//! the other, each of another customer with about 100 rows; the desk attests who asks, so that nobody is waited for.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::large;
use crate::line::{Limit, Line};
use crate::node::Node;

const ROUNDS: i64 = 25;
/// What the peer takes at best, on such a machine.
const PEER_S: f64 = 0.95;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn measure(folder: &Path) -> Line {
    let node = Node::begin(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut took: Vec<f64> = runtime.block_on(async {
        let mut client = Client::connect(&node.address, &node.token("desk")).await;
        let mut took = Vec::new();
        for customer in 2..2 + ROUNDS {
            took.push(one(&mut client, &large::email(customer)).await);
        }
        took
    });
    took.sort_by(f64::total_cmp);
    let ours = took[took.len() / 2];
    Line {
        name: "access over 11 tables, from submission to completion".to_owned(),
        ours: format!("{:.0} ms", ours * 1e3),
        reference: format!("Fides {:.0} ms", PEER_S * 1e3),
        ratio: ours / PEER_S,
        limit: Limit::None,
    }
}

async fn one(client: &mut Client, email: &str) -> f64 {
    let body = format!(r#"{{"action":"access","subject":{{"email":"{email}"}}}}"#);
    let start = Instant::now();
    let (status, answer) = client.post("/v1/requests", &body).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let request: serde_json::Value = serde_json::from_slice(answer).unwrap();
    let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
    loop {
        let (_, request) = client.get(&path).await;
        match request["status"].as_str().unwrap() {
            "completed" => return start.elapsed().as_secs_f64(),
            "waiting" | "released" | "running" if start.elapsed() < PATIENCE => {
                tokio::time::sleep(POLL).await
            }
            _ => panic!("{request:#}"),
        }
    }
}
