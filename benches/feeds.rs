//! A thousand who listen to the feed of one node: what they cost in memory, and how long after a submit was sent its
//! first entry is on each of their screens.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::line::{Limit, Line};
use crate::node::Node;

const LISTENERS: usize = 1_000;
const SUBMITS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    let node = Node::begin(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let late = runtime.block_on(listen(&node));
    let memory = node.resident_mib();
    vec![
        Line {
            name: format!("memory with {LISTENERS} who listen"),
            ours: format!("{memory:.1} MiB"),
            reference: "150 MiB".to_owned(),
            ratio: memory / 150.0,
            limit: Limit::AtMost(1.0),
        },
        Line {
            name: "from a submit to each of their screens, p99".to_owned(),
            ours: format!("{late:.0} ms"),
            reference: "250 ms".to_owned(),
            ratio: late / 250.0,
            limit: Limit::AtMost(1.0),
        },
    ]
}

/// The 99th percentile, in milliseconds, over all listeners and submits.
async fn listen(node: &Node) -> f64 {
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut listeners = tokio::task::JoinSet::new();
    for _ in 0..LISTENERS {
        let mut stream = TcpStream::connect(&node.address).await.unwrap();
        let head = format!(
            "GET /v1/feed HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            node.address,
            node.token("olga")
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::with_capacity(2 * 1024, stream).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert!(first.contains("200"), "{first}");
        let tell = tell.clone();
        listeners.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.starts_with("id:") {
                    let _ = tell.send(Instant::now());
                }
            }
        });
    }
    let mut portal = Client::connect(&node.address, &node.token("portal")).await;
    let mut late = Vec::new();
    for submit in 0..SUBMITS {
        let body = format!(
            r#"{{"action":"erase","requester":"subject","subject":{{"email":"asker.{submit}@example.test"}}}}"#
        );
        let start = Instant::now();
        let (status, answer) = portal.post("/v1/requests", &body).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
        for _ in 0..LISTENERS {
            let seen =
                tokio::time::timeout(PATIENCE, told.recv()).await.expect("everybody hears of it").unwrap();
            late.push(seen.duration_since(start).as_secs_f64() * 1e3);
        }
        // A request may come with more entries than one: these are not waited for, and not mistaken for the next.
        while tokio::time::timeout(Duration::from_millis(500), told.recv()).await.is_ok() {}
    }
    late.sort_by(f64::total_cmp);
    late[late.len() * 99 / 100]
}
