//! A client that costs little, so that what is measured is the server: HTTP/1.1 by hand over one connection that stays.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Client {
    address: String,
    stream: TcpStream,
    /// When it was heard last.
    heard: Instant,
    head: String,
    buffer: Vec<u8>,
}

/// A server hangs up on whoever has said nothing for ten seconds.
const SILENCE: Duration = Duration::from_secs(5);

async fn open(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Client {
    pub(crate) async fn connect(address: &str, token: &str) -> Self {
        let head = format!("host: {address}\r\nauthorization: Bearer {token}\r\n");
        let (stream, heard) = (open(address).await, Instant::now());
        Self { address: address.to_owned(), stream, heard, head, buffer: Vec::with_capacity(16 * 1024) }
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, Value) {
        let head = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.head);
        let (status, body) = self.send(head).await;
        (status, serde_json::from_slice(body).unwrap())
    }

    /// Sends JSON; answers the status and the body as it came.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> (u16, &[u8]) {
        let call = format!(
            "POST {path} HTTP/1.1\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.head,
            body.len()
        );
        self.send(call).await
    }

    async fn send(&mut self, call: String) -> (u16, &[u8]) {
        if self.heard.elapsed() > SILENCE {
            self.stream = open(&self.address).await;
        }
        self.stream.write_all(call.as_bytes()).await.unwrap();
        self.buffer.clear();
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await;
        };
        let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
        let status: u16 = head[9..12].parse().unwrap();
        let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        let whole = end + length.expect("an answer of known length");
        while self.buffer.len() < whole {
            self.more().await;
        }
        self.heard = Instant::now();
        (status, &self.buffer[end..whole])
    }

    async fn more(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
        assert!(read > 0, "the server hung up");
    }
}
