//! Calls against a server that says exactly what it is told to.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers each connection with the next of `answers` (empty: hangs up); keeps what was asked.
async fn server(answers: Vec<&'static str>) -> (Client, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !complete(&text) {
                let read = stream.read(&mut buffer).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            heard.lock().unwrap().push(text);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (Client::new(&url, &Options::default()).unwrap(), asked)
}

fn complete(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"a\": 1}";
const REFUSED: &str = "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
    {\"title\":\"Stale digest\",\"status\":409,\"code\":\"stale_digest\"}";
const PROXY: &str = "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n<html>";

fn header<'a>(asked: &'a str, name: &str) -> Option<&'a str> {
    asked.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn token_and_body_are_sent_and_the_answer_is_read() {
    let (client, asked) = server(vec![OK]).await;
    let client = client.with_token("cs_secret\n").unwrap();
    let answer: Value = client.call(Method::POST, "v1/x", Body::Json(&json!({"b": 2})), None).await.unwrap();
    assert_eq!(answer, json!({"a": 1}));
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("POST /v1/x HTTP/1.1\r\n") && asked[0].ends_with("{\"b\":2}"));
    assert_eq!(header(&asked[0], "authorization"), Some("Bearer cs_secret"));
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_sent_again_under_the_same_key() {
    let (client, asked) = server(vec!["", OK]).await;
    let _: Value = client.call(Method::POST, "v1/x", Body::<()>::Empty, None).await.unwrap();
    let asked = asked.lock().unwrap();
    let keys: Vec<_> = asked.iter().map(|asked| header(asked, "idempotency-key").unwrap()).collect();
    assert_eq!((keys.len(), keys[0]), (2, keys[1]));
}

#[tokio::test]
async fn a_key_that_is_given_is_the_one_that_is_sent_and_only_posts_carry_one() {
    let (client, asked) = server(vec![OK, OK]).await;
    let _: Value = client.call(Method::POST, "x", Body::<()>::Empty, Some("mine")).await.unwrap();
    let _: Value = client.call(Method::GET, "x", Body::<()>::Empty, None).await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(header(&asked[0], "idempotency-key"), Some("mine"));
    assert_eq!(header(&asked[1], "idempotency-key"), None);
}

#[tokio::test]
async fn a_refusal_comes_as_the_problem_that_the_server_gave() {
    let (client, _) = server(vec![REFUSED]).await;
    let error = client.call::<Value>(Method::GET, "x", Body::<()>::Empty, None).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.reason()), (409, "stale_digest"));
}

#[tokio::test]
async fn a_refusal_that_is_no_problem_document_keeps_its_status() {
    let (client, _) = server(vec![PROXY]).await;
    let error = client.call::<Value>(Method::GET, "x", Body::<()>::Empty, None).await.unwrap_err();
    assert_eq!(error.to_string(), "Bad Gateway (502)");
}

#[tokio::test]
async fn an_answer_of_another_form_is_told_without_its_values() {
    let (client, _) = server(vec![OK]).await;
    let error = client.call::<Vec<u8>>(Method::GET, "x", Body::<()>::Empty, None).await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }));
    assert!(!error.to_string().contains('1') || error.to_string().contains("line 1"));
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, &Options::default()).unwrap();
    let error = client.call::<Value>(Method::GET, "x", Body::<()>::Empty, None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn addresses_that_cannot_be_called_are_refused() {
    for bad in ["", "127.0.0.1:7300", "ftp://x", "http://", "http://ana:secret@host"] {
        let error = Client::new(bad, &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Address { .. }), "{bad}");
    }
}

#[test]
fn debug_shows_no_token() {
    let client =
        Client::new("http://localhost", &Options::default()).unwrap().with_token("cs_secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn a_part_of_a_path_cannot_leave_its_place() {
    assert_eq!(part("a/b?c#d e"), "a%2Fb%3Fc%23d%20e");
    assert_eq!(part(".."), "%2E%2E");
    assert_eq!(part("0198c2a4-7b1e"), "0198c2a4-7b1e");
}
