//! Over TCP: the feed, slow callers, and the end of the server.

use std::time::Duration;

use countersign_web::{WebOptions, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::given::{House, house_with};

fn quick() -> WebOptions {
    WebOptions {
        head_timeout: Duration::from_millis(300),
        timeout: Duration::from_millis(500),
        heartbeat: Duration::from_millis(200),
        drain: Duration::from_secs(2),
        ..WebOptions::default()
    }
}

struct Served {
    house: House,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

async fn served() -> Served {
    served_with(quick()).await
}

async fn served_with(options: WebOptions) -> Served {
    let house = house_with(options.clone()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(serve(listener, house.web.clone(), options, shutdown));
    Served { house, address, stop, server }
}

impl Served {
    async fn open(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    async fn listen(&self, query: &str, more: &str) -> TcpStream {
        let token = self.house.token("auditor");
        self.open(&format!(
            "GET /v1/feed{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{more}\r\n"
        ))
        .await
    }
}

/// Reads until `wanted` was seen or the line ended; what was read.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        let mut chunk = [0; 4096];
        loop {
            let read = stream.read(&mut chunk).await.unwrap_or(0);
            seen.extend_from_slice(&chunk[..read]);
            if read == 0 || String::from_utf8_lossy(&seen).contains(wanted) {
                break;
            }
        }
    };
    timeout(Duration::from_secs(10), reading).await.expect("something should have come");
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn feed_replays_from_a_cursor_follows_along_and_beats() {
    let served = served().await;
    let mut all = served.listen("?cursor=0", "").await;
    let text = until(&mut all, "id: 3\n").await;
    assert!(text.contains("text/event-stream") && text.contains("event: entry\n"), "{text}");
    assert!(text.contains("id: 0\n"), "{text}");

    let mut rest = served.listen("?cursor=0", "last-event-id: 1\r\n").await;
    let text = until(&mut rest, "id: 3\n").await;
    assert!(text.contains("id: 2\n") && !text.contains("id: 1\n") && !text.contains("id: 0\n"), "{text}");

    let mut new = served.listen("", "").await;
    let text = until(&mut new, "\n:").await;
    assert!(!text.contains("id: "), "only new entries: {text}");
    let request = served.house.erasure().await;
    let text = until(&mut new, "data: ").await;
    assert!(text.contains("id: "), "{text}");
    assert!(!text.contains("ana@example.test"));
    drop(request);
}

#[tokio::test]
async fn feed_ends_when_its_token_is_taken_back() {
    let served = served().await;
    let mut feed = served.listen("", "").await;
    until(&mut feed, "\n:").await;
    let tokens = served.house.call("administrator", "GET", "/v1/tokens", Value::Null).await.json();
    let auditor = served.house.people["auditor"].to_string();
    let token =
        tokens["items"].as_array().unwrap().iter().find(|token| token["person"] == json!(auditor)).unwrap();
    let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(served.house.call("administrator", "DELETE", &path, Value::Null).await.status, 204);
    // A chunk of length 0 ends the answer.
    until(&mut feed, "\r\n0\r\n").await;
}

#[tokio::test]
async fn server_stops_although_somebody_listens_and_somebody_idles() {
    let served = served().await;
    let mut feed = served.listen("", "").await;
    until(&mut feed, "\n:").await;
    let mut idle = served.open("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut idle, "ok").await;
    let Served { house: _house, stop, server, .. } = served;
    stop.send(()).unwrap();
    timeout(Duration::from_millis(1500), server)
        .await
        .expect("it stops before it gives up waiting")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn caller_who_never_ends_their_head_is_hung_up_on() {
    let served = served().await;
    let mut slow = served.open("GET /healthz HTTP/1.1\r\nhost: x\r\n").await;
    let text = until(&mut slow, "never").await;
    assert!(!text.contains("200"), "{text}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_until_one_of_those_before_ends() {
    let served =
        served_with(WebOptions { connections: 4, head_timeout: Duration::from_secs(60), ..quick() }).await;
    let call = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut inside = Vec::new();
    for _ in 0..4 {
        let mut stream = served.open(call).await;
        until(&mut stream, "ok").await;
        inside.push(stream);
    }
    let mut outside = served.open(call).await;
    let mut byte = [0];
    let early = timeout(Duration::from_millis(700), outside.read(&mut byte)).await;
    assert!(early.is_err(), "a fifth one was served beside four: {early:?}");
    // Whoever is inside goes on meanwhile.
    inside[3].write_all(call.as_bytes()).await.unwrap();
    until(&mut inside[3], "ok").await;
    drop(inside.pop());
    assert!(until(&mut outside, "ok").await.contains("200 OK"));
}

#[tokio::test]
async fn body_that_never_comes_is_not_waited_for() {
    let served = served().await;
    let token = served.house.token("submitter");
    let head = format!(
        "POST /v1/requests HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let mut slow = served.open(&head).await;
    let text = until(&mut slow, "timed_out").await;
    assert!(text.contains("timed_out"), "{text}");
}

#[tokio::test]
async fn heads_beyond_all_measure_are_refused() {
    let served = served().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(100));
    for head in [long, many, "GET / HTTP/9.9\r\n\r\n".to_owned(), "\0\0\0\r\n\r\n".to_owned()] {
        let mut stream = served.open(&head).await;
        let text = until(&mut stream, "\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 4"), "{text}");
    }
}

#[tokio::test]
async fn server_that_stops_says_so_and_answers_until_its_pause_is_over() {
    let pause = Duration::from_secs(3);
    let served = served_with(WebOptions { pause, ..quick() }).await;
    let mut idle = served.open("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut idle, "ok").await;
    let address = served.address;
    let Served { house: _house, stop, server, .. } = served;
    stop.send(()).unwrap();
    let asked = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let told = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(asked("/readyz").as_bytes()).await.unwrap();
            let text = until(&mut stream, "}").await;
            if text.contains(" 503 ") {
                return text;
            }
        }
    };
    let text = timeout(pause, told).await.expect("it says that it stops");
    assert!(text.contains("stopping") && text.contains("retry-after"), "{text}");
    // Who is there already is answered, and told to go.
    idle.write_all(asked("/healthz").as_bytes()).await.unwrap();
    let text = until(&mut idle, "never").await;
    assert!(text.contains(" 200 ") && text.contains("connection: close"), "{text}");
    timeout(pause * 2, server).await.expect("it stops").unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
