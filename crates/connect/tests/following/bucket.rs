//! A bucket, on a server that speaks the protocol of S3 and that somebody else wrote (moto, which `./test` fetches): what
//! only buckets have is versions, leases instead of locks, and a network.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use countersign_connect::objects::{Bucket, ObjectsSource, Options, Place};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Severity, Source, SourceError, Stepped};
use countersign_service::settings::datamap::DataMap;

use crate::files::{FILES, MAP, is_anas};
use crate::given::{Given, Picture, touched};
use crate::permit::{key, permit};

/// A running server.
struct Server {
    port: u16,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it waits for ends, and it ends the server.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The port of the one server of this test run; `None` where `./test` could not fetch it.
fn server() -> Option<u16> {
    static RUNNING: Mutex<Option<Server>> = Mutex::new(None);
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = &*running {
        return Some(server.port);
    }
    let started = start()?;
    let port = started.port;
    *running = Some(started);
    Some(port)
}

fn start() -> Option<Server> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/moto/bin/moto_server");
    if !tool.exists() {
        println!("skipped: moto is not in target/moto; `./test` fetches it");
        return None;
    }
    let port = countersign_testing::port::free().unwrap();
    // It ends with this process, also when that is killed: its input is a pipe of ours that closes.
    let child = Command::new("sh")
        .args(["-c", "\"$0\" -H 127.0.0.1 -p \"$1\" & read -r _; kill $!; wait $!"])
        .arg(tool)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(120), "moto does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Server { port, child })
}

/// One call without a signature, which this server does not ask for; its status and text.
fn call(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/octet-stream\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![];
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap();
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn put(port: u16, bucket: &str, path: &str, text: &str) {
    let (status, answer) = call(port, "PUT", &format!("/{bucket}/{path}"), text);
    assert_eq!(status, 200, "{path}: {answer}");
}

fn named(port: u16, bucket: &str) -> Vec<String> {
    let (status, listed) = call(port, "GET", &format!("/{bucket}?list-type=2"), "");
    assert_eq!(status, 200, "{listed}");
    let names = listed.split("<Key>").skip(1).filter_map(|it| it.split_once("</Key>"));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn picture(port: u16, bucket: &str) -> Picture {
    let mut picture = Picture { others: BTreeMap::new(), own: 0 };
    for name in named(port, bucket) {
        let Some(inner) = name.strip_prefix("people/").filter(|it| !it.starts_with(".countersign/")) else {
            continue;
        };
        if is_anas(inner) {
            picture.own += 1;
        } else {
            picture.others.insert(inner.to_owned(), call(port, "GET", &format!("/{bucket}/{name}"), "").1);
        }
    }
    picture
}

fn open(port: u16, bucket: &str) -> ObjectsSource {
    open_with(port, bucket, |_| {})
}

fn open_with(port: u16, bucket: &str, change: impl FnOnce(&mut Options)) -> ObjectsSource {
    let bucket = Bucket {
        name: bucket.to_owned(),
        prefix: "people".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        key_id: "test".to_owned(),
        secret: "test".to_owned().into(),
    };
    let mut options = Options::new(Place::Bucket(bucket));
    change(&mut options);
    ObjectsSource::open("shop", options).unwrap()
}

/// A bucket with the files in it.
fn planted(port: u16, more: impl FnOnce(&str)) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let bucket = format!("bucket-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    assert_eq!(call(port, "PUT", &format!("/{bucket}"), "").0, 200);
    more(&bucket);
    for (name, text) in FILES {
        put(port, &bucket, &format!("people/{name}"), text);
    }
    // Not below the source's prefix.
    put(port, &bucket, "users/42/elsewhere.txt", "of another program");
    bucket
}

pub fn given() -> Option<Given> {
    let port = server()?;
    let bucket = planted(port, |_| {});
    let (at, back) = (bucket.clone(), bucket.clone());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let later = Timestamp::from_millis(i64::try_from(now).unwrap() + 3_600_000);
    Some(Given {
        source: Box::new(open(port, &bucket)),
        map: DataMap::parse(MAP).unwrap(),
        own: 4,
        picture: Box::new(move || picture(port, &at)),
        comes_back: Box::new(move || put(port, &back, "people/users/42/back.txt", "back")),
        // All that there is was made just now.
        older: Some(("temporary", later, 1)),
        kept: Box::new((port, bucket)),
    })
}

fn place(given: &Given) -> (u16, &str) {
    let (port, bucket) = given.kept.downcast_ref::<(u16, String)>().unwrap();
    (*port, bucket)
}

fn receipt_name() -> String {
    let of = key(1);
    format!("people/.countersign/{}-{}-{}-{}.json", of.request, of.run, of.step, of.chunk)
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_the_prefix_is_touched() {
    let Some(given) = given() else { return };
    let (port, bucket) = place(&given);
    assert_eq!(touched(given.erase(1, None).await), 4);
    assert!(named(port, bucket).contains(&"users/42/elsewhere.txt".to_owned()));
    assert!(named(port, bucket).contains(&receipt_name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_is_at_waits_for_the_end_of_the_lease() {
    let Some(given) = given() else { return };
    let (port, bucket) = place(&given);
    let begun = |at_ms: u128| {
        format!(r#"{{"state":"begun","by":"another","at_ms":{at_ms},"planned":{{"uploads":3,"avatars":1}}}}"#)
    };
    put(port, bucket, &receipt_name(), &begun(now_ms()));
    let waits = given.erase(1, None).await;
    assert!(matches!(waits, Err(SourceError::Unavailable { .. })), "{waits:?}");
    assert!(given.source.void(&key(1)).await.is_err(), "nor can it be closed meanwhile");
    assert_eq!(picture(port, bucket).own, 4);
    // Its process died, one of four files was gone by then.
    put(port, bucket, &receipt_name(), &begun(1));
    assert_eq!(call(port, "DELETE", &format!("/{bucket}/people/users/42/a.txt"), "").0, 204);
    assert_eq!(touched(given.erase(1, None).await), 4);
    assert_eq!(picture(port, bucket).own, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_do_it_once() {
    let Some(given) = given() else { return };
    let (port, bucket) = place(&given);
    let other = open(port, bucket);
    let (permit, key, ana) = (permit(1, "erase", None), key(1), given.ana());
    let (one, two) = tokio::join!(
        given.source.erase(&permit, &key, &given.map, &ana),
        other.erase(&permit, &key, &given.map, &ana)
    );
    for tried in [one, two] {
        let fits = matches!(tried, Ok(Stepped::Done(_)) | Err(SourceError::Unavailable { .. }));
        assert!(fits, "done, or told to come again: {tried:?}");
    }
    assert_eq!(touched(other.erase(&permit, &key, &given.map, &ana).await), 4);
    assert_eq!(picture(port, bucket).own, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_keeps_versions_says_so() {
    let Some(port) = server() else { return };
    let on = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
              <Status>Enabled</Status></VersioningConfiguration>";
    let bucket = planted(port, |bucket| {
        assert_eq!(call(port, "PUT", &format!("/{bucket}?versioning"), on).0, 200);
    });
    let given = Given { source: Box::new(open(port, &bucket)), ..given().unwrap() };
    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let kept = plan.lines.iter().filter(|it| it.basis.as_deref() == Some("versions_kept"));
    assert_eq!(kept.map(|it| it.rows).sum::<u64>(), 4);
    let findings = given.source.check(&given.map).await.unwrap();
    let warns = |it: &countersign_service::ports::source::Finding| {
        it.severity == Severity::Warning && it.message.contains("keeps versions")
    };
    assert!(findings.iter().any(warns), "{findings:?}");
    assert_eq!(touched(given.erase(1, None).await), 4);
    let (_, versions) = call(port, "GET", &format!("/{bucket}?versions"), "");
    assert!(versions.contains("people/users/42/a.txt"), "what the plan warned of is so");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_one_call_lists_or_deletes_go_all() {
    let Some(given) = given() else { return };
    let (port, bucket) = place(&given);
    for n in 0..1_005 {
        put(port, bucket, &format!("people/users/42/many/{n:04}"), "x");
    }
    assert_eq!(given.planned(&given.ana()).await, 1_009);
    assert_eq!(touched(given.erase(1, None).await), 1_009);
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_or_server_that_is_not_there_is_not_available() {
    let Some(given) = given() else { return };
    let (port, bucket) = place(&given);
    let missing = open(port, "no-such-bucket");
    assert!(missing.survey(&given.map, &given.ana()).await.is_err());
    // A server of its own, that goes away in the middle.
    let own = start().unwrap();
    let there = planted(own.port, |_| {});
    let source = open(own.port, &there);
    assert!(source.survey(&given.map, &given.ana()).await.is_ok());
    drop(own);
    let tried = source.erase(&permit(1, "erase", None), &key(1), &given.map, &given.ana()).await;
    let fits = matches!(tried, Err(SourceError::Unavailable { .. } | SourceError::Unknown { .. }));
    assert!(fits, "{tried:?}");
    assert_eq!(picture(port, bucket).own, 4);
}
