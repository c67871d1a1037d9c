//! HTTP calls, each over a connection of its own or over one that is kept, with what went wrong as the operating system says it.

use std::collections::BTreeMap;
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
    say(&mut connect(url)?, url, call, "close")
}

/// Connections that are kept open from one call to the next, until the server says that it closes them.
#[derive(Default)]
pub(crate) struct Kept(BTreeMap<String, BufReader<TcpStream>>);

impl Kept {
    /// Asks the server at `url`, over the connection of the call before if it stands.
    pub(crate) fn ask(&mut self, url: &str, call: &Call<'_>) -> io::Result<Answer> {
        let mut stream = match self.0.remove(url).filter(stands) {
            Some(stream) => stream,
            None => connect(url)?,
        };
        let answer = say(&mut stream, url, call, "keep-alive")?;
        if !answer.head.contains("connection: close") {
            self.0.insert(url.to_owned(), stream);
        }
        Ok(answer)
    }
}

/// Whether nobody closed it while nothing was said.
fn stands(stream: &BufReader<TcpStream>) -> bool {
    let stream = stream.get_ref();
    let looked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    stream.set_nonblocking(false).is_ok()
        && looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn connect(url: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address(url))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(BufReader::new(stream))
}

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

fn say(stream: &mut BufReader<TcpStream>, url: &str, call: &Call<'_>, then: &str) -> io::Result<Answer> {
    let Call { path, token, body, key } = call;
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: {then}\r\n", address(url));
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
    stream.get_mut().write_all(format!("{head}\r\n{body}").as_bytes())?;
    heard_out(stream)
}

/// One whole answer, as long as its head says.
fn heard_out(stream: &mut impl BufRead) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let head = head.trim_end().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = String::new();
    let heard = stream.take(length.unwrap_or(u64::MAX)).read_to_string(&mut body)?;
    if length.is_some_and(|length| length != heard as u64) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer { status, head, body })
}

/// Listens to the feed of the server at `url` from now on, until an entry says what `then` answers, which is done once
/// it listens; that entry.
pub(crate) fn heard(url: &str, token: &str, then: impl FnOnce() -> String) -> Value {
    let address = address(url);
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
