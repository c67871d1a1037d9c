//! One HTTP call over a connection of its own, with what went wrong as the operating system says it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    /// With a body it is a POST.
    pub(crate) body: Option<Value>,
    pub(crate) key: &'a str,
}

/// Asks the server at `url`, which is `http://ADDRESS:PORT`.
pub(crate) fn ask(url: &str, call: &Call<'_>) -> io::Result<Answer> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let Call { path, token, body, key } = call;
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if !token.is_empty() {
        head += &format!("authorization: Bearer {token}\r\n");
    }
    if !key.is_empty() {
        head += &format!("idempotency-key: {key}\r\n");
    }
    let body = body.as_ref().map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Listens to the feed of the server at `url` from now on, until an entry says what `then` answers, which is done once
/// it listens; that entry.
pub(crate) fn heard(url: &str, token: &str, then: impl FnOnce() -> String) -> Value {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!("GET /v1/feed HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    let status = lines.next().unwrap();
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    assert!(lines.by_ref().any(|line| line.is_empty()), "it never begins");
    let (what, deadline) = (then(), Instant::now() + Duration::from_secs(60));
    loop {
        // Between entries it says every few seconds that it stands.
        assert!(Instant::now() < deadline, "{what} is not told within a minute");
        let line = lines.next().unwrap();
        if let Some(entry) = line.strip_prefix("data: ").filter(|entry| entry.contains(&what)) {
            return serde_json::from_str(entry).unwrap();
        }
    }
}

/// What a path answers to anybody.
pub(crate) fn get(url: &str, path: &str) -> io::Result<Answer> {
    ask(url, &Call { path, ..Call::default() })
}

/// Asks again and again until the answer is as wanted; that answer.
pub(crate) fn until(what: &str, url: &str, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = get(url, path);
        if let Ok(answer) = &answer
            && wanted(answer)
        {
            return answer.clone();
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{what}: not within 90 s, but {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
