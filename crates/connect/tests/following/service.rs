//! A service, the one of `examples/http-source` in a process of its own, and what only services do wrong: answers that are
//! lost, doors that are shut, redirects, endless answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign_connect::http::{HttpSource, Options, SharedKey};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Severity, Source, SourceError, Stepped};
use countersign_service::settings::datamap::DataMap;
use rusqlite::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::given::{Given, Picture, touched};
use crate::permit::{key, permit};

#[path = "../../../../examples/http-source/main.rs"]
#[allow(dead_code)]
mod http_source;

const KEY: &str = "a key that the desk and we share, long enough";
/// In this variable a child process finds its database.
const DATABASE: &str = "COUNTERSIGN_TEST_DESK";

const MAP: &str = r#"
source = "shop"
[[root]]
table = "person"
key = ["email", "account"]
identities = { email = "email", account = "account" }
treatment = "delete"
[[table]]
name = "ticket"
[[table.way]]
column = "subject"
equals = "{email}"
treatment = "delete"
[[table]]
name = "call"
[[table.way]]
column = "subject"
equals = "{account}"
treatment = "clear"
empty = ["account"]
[[dataset]]
name = "old_tickets"
table = "ticket"
age = "at_ms"
format = "unix-millis"
[known]
ticket = ["id", "email", "at_ms", "text"]
call = ["id", "account", "minutes"]
"#;

/// The service; without the variable it is no test.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    http_source::serve(&database, "127.0.0.1:0", KEY.as_bytes().to_vec()).await.unwrap();
}

/// A desk and its process.
struct Desk {
    folder: tempfile::TempDir,
    child: Child,
    address: String,
}

impl Desk {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, address) = Self::process(&folder.path().join("desk.sqlite"));
        let desk = Connection::open(folder.path().join("desk.sqlite")).unwrap();
        for (email, at_ms, text) in [
            ("ana@x.test", 1, "marked as Ana's"),
            ("ANA@x.test", 3_000, "of hers too"),
            ("susana@x.test", 2, "of somebody else"),
            ("ben@y.test", 4_000, "marked as Ben's"),
        ] {
            let sql = "insert into ticket (email, at_ms, text) values (?1, ?2, ?3)";
            desk.execute(sql, (email, at_ms, text)).unwrap();
        }
        for (account, minutes) in [("42", 5), ("42", 6), ("1042", 7)] {
            desk.execute("insert into call (account, minutes) values (?1, ?2)", (account, minutes)).unwrap();
        }
        Self { folder, child, address }
    }

    fn process(database: &Path) -> (Child, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::child", "--nocapture", "--test-threads=1"])
            .env(DATABASE, database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = out.lines().map_while(Result::ok);
        let address = said.filter_map(|it| Some(it.split_once("listening on ")?.1.to_owned())).next();
        (child, address.unwrap())
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("desk.sqlite")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn source_with(address: &str, secret: &str, timeout: Duration) -> HttpSource {
    let mut options = Options::new(address, SharedKey::new("countersign", secret).unwrap());
    options.allow_private = true;
    options.timeout = timeout;
    HttpSource::open("shop", options).unwrap()
}

fn source(address: &str) -> HttpSource {
    source_with(address, KEY, Duration::from_secs(20))
}

fn picture(database: &Path) -> Picture {
    let desk = Connection::open(database).unwrap();
    let own = "select (select count(*) from ticket where lower(email) = 'ana@x.test')
                    + (select count(*) from call where account = '42')";
    let own: i64 = desk.query_row(own, [], |row| row.get(0)).unwrap();
    let others = "select 'ticket ' || id, email || text from ticket where lower(email) <> 'ana@x.test'
                  union all select 'call ' || id, account || minutes from call where account <> '42'";
    let mut find = desk.prepare(others).unwrap();
    let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    Picture { others: rows.map(Result::unwrap).collect::<BTreeMap<_, _>>(), own: own.unsigned_abs() }
}

fn given_at(desk: Desk, address: &str) -> Given {
    let (at, back) = (desk.database(), desk.database());
    Given {
        source: Box::new(source(address)),
        map: DataMap::parse(MAP).unwrap(),
        own: 4,
        picture: Box::new(move || picture(&at)),
        comes_back: Box::new(move || {
            let desk = Connection::open(&back).unwrap();
            desk.execute("insert into ticket (email, at_ms) values ('ana@x.test', 9)", []).unwrap();
        }),
        older: Some(("old_tickets", Timestamp::from_millis(1_000), 2)),
        kept: Box::new(Mutex::new(desk)),
    }
}

pub fn given() -> Given {
    let desk = Desk::start();
    let address = desk.address.clone();
    given_at(desk, &address)
}

/// Between us and the desk: passes calls on, keeps what was sent, and loses answers when it is asked to.
struct Relay {
    address: String,
    loses: Arc<AtomicBool>,
    shut: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            loses: Arc::default(),
            shut: Arc::default(),
            sent: Arc::default(),
        };
        let (loses, shut, sent) = (relay.loses.clone(), relay.shut.clone(), relay.sent.clone());
        let to = to.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if shut.load(Ordering::SeqCst) {
                    continue;
                }
                let asked = whole(&mut near).await;
                sent.lock().unwrap().push(asked.clone());
                let mut far = TcpStream::connect(&to).await.unwrap();
                far.write_all(&asked).await.unwrap();
                let answer = whole(&mut far).await;
                if asked.starts_with(b"POST /erase") && loses.load(Ordering::SeqCst) {
                    continue;
                }
                let _ = near.write_all(&answer).await;
            }
        });
        relay
    }
}

/// A message with its body.
async fn whole(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|it| it.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head.len() + 4 + length.unwrap_or(0) {
                return bytes;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return bytes;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for_and_nothing_happens_twice() {
    let desk = Desk::start();
    let relay = Relay::start(&desk.address).await;
    let given = given_at(desk, &relay.address);
    relay.loses.store(true, Ordering::SeqCst);
    assert_eq!(touched(given.erase(1, None).await), 4);
    (given.comes_back)();
    assert_eq!(touched(given.erase(1, None).await), 4);
    assert_eq!((given.picture)().own, 1);
    let erases = relay.sent.lock().unwrap().iter().filter(|it| it.starts_with(b"POST /erase")).count();
    assert_eq!(erases, 1, "it was called once");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_says_what_became_of_it_the_outcome_is_unknown() {
    let desk = Desk::start();
    let relay = Arc::new(Relay::start(&desk.address).await);
    let given = given_at(desk, &relay.address);
    relay.loses.store(true, Ordering::SeqCst);
    // The door is shut once the call has gone in.
    let watched = relay.clone();
    let shutting = tokio::spawn(async move {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !watched.sent.lock().unwrap().iter().any(|it| it.starts_with(b"POST /erase")) {
            assert!(Instant::now() < deadline, "nothing is called");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        watched.shut.store(true, Ordering::SeqCst);
    });
    let unknown = given.erase(1, None).await;
    shutting.await.unwrap();
    match unknown {
        Err(SourceError::Unknown { .. }) => {}
        // The first question may have come through before the door was shut.
        Ok(Stepped::Done(_)) => return,
        other => panic!("{other:?}"),
    }
    assert!(given.source.receipt(&key(1)).await.is_err());
    assert!(given.source.void(&key(1)).await.is_err());
    relay.shut.store(false, Ordering::SeqCst);
    let receipt = given.source.receipt(&key(1)).await.unwrap().unwrap();
    assert_eq!(given.erase(1, None).await.unwrap(), Stepped::Done(receipt));
    assert_eq!((given.picture)().own, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_own_fresh_calls_are_accepted() {
    let desk = Desk::start();
    let relay = Relay::start(&desk.address).await;
    let address = desk.address.trim_start_matches("http://").to_owned();
    let given = given_at(desk, &relay.address);
    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    assert_eq!(plan.lines.iter().map(|it| it.rows).sum::<u64>(), 4);
    let sent = relay.sent.lock().unwrap()[0].clone();
    let text = String::from_utf8(sent.clone()).unwrap();
    for (what, call) in [
        ("again", text.clone()),
        ("to another call", text.replacen("/plan", "/erase", 1)),
        ("with another body", text.replacen("\"42\"", "\"43\"", 1)),
        ("with another time", text.replacen("created=1", "created=2", 1)),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(call.as_bytes()).await.unwrap();
        let answer = String::from_utf8_lossy(&whole(&mut stream).await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 401"), "{what}: {answer}");
    }
    let other =
        source_with(&relay.address, "another key that nobody shares with us", Duration::from_secs(20));
    let refused = other.survey(&given.map, &given.ana()).await.unwrap_err();
    assert!(matches!(refused, SourceError::Refused { .. }), "{refused}");
}

/// A server that answers everything in one way.
async fn answering(answer: &'static [u8], endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                whole(&mut near).await;
                let _ = near.write_all(answer).await;
                while endless && near.write_all(&[b' '; 65_536]).await.is_ok() {}
                // Keeps the connection until the other side goes.
                let _ = near.read(&mut [0]).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_misbehaves_is_not_believed() {
    let kept = given();
    let elsewhere = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    for (answer, endless, refused) in [
        (&elsewhere[..], false, true),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", true, false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", false, false),
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", false, false),
        (b"HTTP/1.1 422 No\r\ncontent-length: 10\r\n\r\nana@x.test", false, true),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 84\r\n\r\n{\"tables\":[{\"table\":\"elsewhere ana@x.test\",\"treatment\":\"delete\",\"rows\":1}],\"x\":\"\"}    ", false, true),
        (b"", false, false),
    ] {
        let address = answering(answer, endless).await;
        let source = source_with(&address, KEY, Duration::from_secs(3));
        let began = Instant::now();
        let error = source.survey(&kept.map, &kept.ana()).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(matches!(error, SourceError::Refused { .. }), refused, "{error}");
        assert!(!error.to_string().contains("ana@"), "{error}");
        let permit = permit(1, "erase", None);
        let erased = source.erase(&permit, &key(1), &kept.map, &kept.ana()).await;
        assert!(erased.is_err(), "{erased:?}");
    }
    let shut = source("http://127.0.0.1:1");
    let error = shut.survey(&kept.map, &kept.ana()).await.unwrap_err();
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_described_mapped_and_checked() {
    let given = given();
    let proposed = given.source.discover(None).await.unwrap();
    // What clearing empties nobody but the service knows: it has to be written.
    let proposed = proposed.replace("treatment = \"clear\"", "treatment = \"clear\"\nempty = [\"account\"]");
    let map = DataMap::parse(&proposed).unwrap_or_else(|it| panic!("{it:?}\n{proposed}"));
    assert_eq!(given.source.check(&map).await.unwrap(), []);
    let mut map = given.map.clone();
    map.known.as_mut().unwrap().remove("call");
    let findings = given.source.check(&map).await.unwrap();
    assert!(
        findings.iter().any(|it| it.severity == Severity::Drift && it.message.contains("`call`")),
        "{findings:?}"
    );
    let other = DataMap::parse(&MAP.replace("name = \"ticket\"", "name = \"tickets\"")).unwrap();
    let findings = given.source.check(&other).await.unwrap();
    assert_eq!(findings.iter().filter(|it| it.severity == Severity::Error).count(), 2, "{findings:?}");
    let refused = given.source.survey(&other, &given.ana()).await;
    assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");
}

#[test]
fn the_description_names_the_calls_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/http-source");
    let said: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path.join("openapi.json")).unwrap()).unwrap();
    let served = std::fs::read_to_string(path.join("main.rs")).unwrap();
    let paths: Vec<&String> = said["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 6);
    for path in paths {
        assert!(served.contains(&format!("\"{}\" =>", path.trim_start_matches('/'))), "{path}");
    }
}
