//! One call to the driver: HTTP on this machine, a connection each.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(180);

/// The `value` of an answer, or what the driver says is wrong.
pub(super) fn call(port: u16, method: &str, path: &str, body: &Value) -> io::Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut length = None;
    loop {
        let mut line = String::new();
        if answer.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        length = header.and_then(|(_, value)| value.trim().parse::<u64>().ok()).or(length);
    }
    let mut text = Vec::new();
    answer.take(length.unwrap_or(u64::MAX)).read_to_end(&mut text)?;
    let answer: Value = serde_json::from_slice(&text).map_err(io::Error::other)?;
    match answer["value"]["error"].as_str() {
        Some(error) => Err(io::Error::other(format!("{error}: {}", answer["value"]["message"]))),
        None => Ok(answer["value"].clone()),
    }
}
