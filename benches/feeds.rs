//! A thousand who listen to the feeds of one node, half of them by a token and half at the console: what they cost in
//! memory, and how long after a submit was sent its first entry has come to each of them.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
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
    let feeds = [
        ("/v1/feed", format!("authorization: Bearer {}", node.token("olga"))),
        ("/console/feed", format!("cookie: {}", session(node).await)),
    ];
    for n in 0..LISTENERS {
        let mut stream = TcpStream::connect(&node.address).await.unwrap();
        let (path, proof) = &feeds[n % feeds.len()];
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{proof}\r\n\r\n", node.address);
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

/// The cookie of a browser in which Olga is signed in, by the link of an invitation.
async fn session(node: &Node) -> String {
    let mut ada = Client::connect(&node.address, &node.token("ada")).await;
    let (_, people) = ada.get("/v1/people").await;
    let olga = people["items"].as_array().unwrap().iter().find(|person| person["name"] == "Olga").unwrap();
    let path = format!("/v1/people/{}/invitation", olga["id"].as_str().unwrap());
    let (status, answer) = ada.post(&path, "{}").await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
    let link = answer["link"].as_str().unwrap();
    let path = &link[link.find("/sign-in/").unwrap()..];
    let page = call(node, "GET", path, "", "").await;
    let hidden = |name: &str| between(&page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let form = format!("form={}&token={}", hidden("form"), hidden("token"));
    let entered = call(node, "POST", path, &cookies(&page), &form).await;
    assert!(entered.starts_with("HTTP/1.1 303"), "{entered}");
    cookies(&entered)
}

async fn call(node: &Node, method: &str, path: &str, cookie: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&node.address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncookie: {cookie}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {1}\r\n\r\n{body}",
        node.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn cookies(answer: &str) -> String {
    let set = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    set.filter_map(|set| set.split(';').next()).collect::<Vec<_>>().join("; ")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1.split_once(after).unwrap().0
}
