//! Marked values through every path of a real server: none of them, and no plain hash of one, stands in database,
//! write-ahead log, copy, log, metrics, traces, error or ledger; and once `own_data_after` is over not even what was sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_client::view::{Ballot, Choice, Submission};
use countersign_client::{Body, Client, Method, Settle};
use countersign_shop::cast::account_of;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::collector::Collector;
use crate::glass::with_glass;
use crate::node::Node;
use crate::wanderer::Wanderer;

const EMAIL: &str = "marked.mallow@planted.test";
const MARKED: [&str; 16] = [
    EMAIL,
    "MARKED-ACCOUNT-77",
    "+999 55 7700077",
    "Marked Mallow",
    "marked reason for asking",
    "marked parameter value",
    "marked reason of a voter",
    "marked remark of a reviewer",
    "marked reason for giving up",
    // What is left of the address where a plan shows a row.
    MASKED,
    "marked reason of an emergency",
    "marked words of a review",
    "marked reason for a later date",
    "Marked Colleague",
    "marked.colleague@planted.test",
    "marked.stranger@planted.test",
];
const MASKED: &str = "m***@p***.test";

/// How long our own copies live here.
const TERM: &str = "8s";

fn plant(node: &Node, collector: &Collector) {
    let shop = Connection::open(node.shop()).unwrap();
    let changed = shop
        .execute(
            "update customer set email = ?1, account = ?2, phone = ?3, name = ?4 where id = 12",
            [MARKED[0], MARKED[1], MARKED[2], MARKED[3]],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(shop);
    let settings = node.folder().join("settings/settings.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let line = "own_data_after = \"30d\"";
    assert!(text.contains(line));
    let text = text.replace(line, &format!("own_data_after = \"{TERM}\""));
    // What a stranger typed at the portal ends soon.
    let access = "[actions.access]\n";
    assert!(text.contains(access));
    let text = text.replace(access, &format!("{access}expires_unproven_after = \"5s\"\n"));
    std::fs::write(settings, text).unwrap();
    with_glass(node, "1h");
    let map = node.folder().join("settings/maps/shop.toml");
    let text = std::fs::read_to_string(&map).unwrap();
    let line = "key = [\"id\"]\n";
    assert!(text.contains(line));
    std::fs::write(map, text.replacen(line, &format!("{line}samples = 2\n"), 1)).unwrap();
    let config = node.folder().join("countersign.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let more = "[log]\nfilter = \"debug\"\n[portal]\nname = \"Example Shop\"\n";
    std::fs::write(config, format!("{text}{more}{}", collector.section())).unwrap();
}

fn about(action: &str, requester: Option<&str>, subject: &[(&str, &str)]) -> Submission {
    Submission {
        action: action.to_owned(),
        requester: requester.map(str::to_owned),
        subject: subject.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect(),
        ..Submission::default()
    }
}

/// Everything that can be said about somebody, said; answers with the ids of the requests, and what errors said.
async fn say_everything(node: &Node) -> (Vec<String>, String) {
    let (desk, officer, portal) = (node.client("desk"), node.client("olga-officer"), node.client("portal"));
    let (admin, operator) = (node.client("ada-admin"), node.client("opal-operator"));
    let mut errors = Vec::new();

    // An export by the subject, proved by the code that arrives, fetched.
    let asked = Submission {
        reason: Some(MARKED[4].to_owned()),
        parameters: BTreeMap::from([("note".to_owned(), MARKED[5].to_owned())]),
        ..about("export", Some("subject"), &[("email", EMAIL), ("account", MARKED[1])])
    };
    let export = portal.submit(&asked, Some("key-of-the-portal")).await.unwrap();
    let token = export.request_token.as_ref().unwrap().show().to_owned();
    let subject = portal.with_token(&token).unwrap();
    subject.start_verification(&export.id, "email").await.unwrap();
    let code = code(&node.folder().join("inbox"), &export.id).await;
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    errors.push(subject.prove(&export.id, "email", wrong).await.unwrap_err().to_string());
    subject.prove(&export.id, "email", &code).await.unwrap();
    until(&operator, &export.id, "completed").await;
    let mut package = Vec::new();
    subject.package(&export.id, &mut package, |_, _| {}).await.unwrap();
    assert!(package.len() > 1000);

    // An erasure by the desk: remark, hold, search, votes with a reason, under keys that are remembered.
    let asked = Submission {
        reason: Some(MARKED[4].to_owned()),
        ..about("erase", None, &[("email", EMAIL), ("phone", MARKED[2])])
    };
    let erase = desk.submit(&asked, Some("key-of-the-desk")).await.unwrap();
    let remark = json!({ "text": MARKED[7] });
    let path = format!("v1/requests/{}/comments", erase.id);
    let said: Value = officer.call(Method::POST, &path, Body::Json(&remark), Some("remark")).await.unwrap();
    assert_eq!(said["id"], json!(erase.id));
    let digest = loop {
        match operator.request(&erase.id).await.unwrap().digest {
            Some(digest) => break digest,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(sample(&officer.request(&erase.id).await.unwrap()), Some(MASKED.to_owned()));
    // Only now: at the first look a hold would deny.
    let held = BTreeMap::from([("email".to_owned(), EMAIL.to_owned())]);
    admin.place_hold("case-7", &held).await.unwrap();
    admin.lift_hold("case-7").await.unwrap();
    let ballot = Ballot {
        vote: Choice::Approve,
        seat: "privacy".to_owned(),
        digest: Some(digest),
        ceiling: None,
        reason: Some(MARKED[6].to_owned()),
    };
    officer.vote(&erase.id, &ballot).await.unwrap();
    until(&operator, &erase.id, "completed").await;

    // One that is taken back, one that a reviewer denies, and mistakes that answer with what was sent in hand.
    let back = portal.submit(&about("export", Some("caller"), &[("email", EMAIL)]), None).await.unwrap();
    portal.settle(&back.id, Settle::Withdraw, None).await.unwrap();
    let none = desk.submit(&about("erase", None, &[("account", MARKED[1])]), None).await.unwrap();
    until(&operator, &none.id, "denied").await;
    for (action, kind, value) in [
        ("export", "email", "marked.mallow@@planted.test"),
        ("export", MARKED[3], EMAIL),
        (MARKED[3], "email", EMAIL),
    ] {
        let wrong = portal.submit(&about(action, Some("subject"), &[(kind, value)]), None).await;
        errors.push(wrong.unwrap_err().to_string());
    }
    let abandoned = operator.settle(&back.id, Settle::Abandon, Some(MARKED[8])).await;
    errors.push(abandoned.unwrap_err().to_string());
    (vec![export.id, erase.id, back.id, none.id], errors.join("\n"))
}

/// What is said beside that: in an emergency and after it, about a later date, of people of ours, and by strangers at the
/// pages. Answers with the ids of the requests.
fn say_more(node: &Node, runtime: &Runtime) -> Vec<String> {
    let (desk, officer, operator) =
        (node.client("desk"), node.client("olga-officer"), node.client("opal-operator"));
    let (emergency, later, link) = runtime.block_on(async {
        let account = |customer| [("account", account_of(customer))];
        let ask = async |customer| {
            let stated = account(customer);
            let stated: Vec<(&str, &str)> = stated.iter().map(|(kind, value)| (*kind, &**value)).collect();
            let asked = desk.submit(&about("erase", None, &stated), None).await.unwrap();
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                let seen = operator.request(&asked.id).await.unwrap();
                match seen.digest {
                    Some(digest) => break (asked.id, digest),
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                assert!(Instant::now() < deadline, "nobody looked at {}", asked.id);
            }
        };
        let (emergency, _) = ask(20).await;
        node.client("cora-call").break_glass(&emergency, MARKED[10]).await.unwrap();
        until(&operator, &emergency, "completed").await;
        officer.review_glass(&emergency, "privacy", true, Some(MARKED[11])).await.unwrap();
        let (later, digest) = ask(21).await;
        operator.extend(&later, "2031-01-01T00:00:00Z", Some(MARKED[12])).await.unwrap();
        let ballot = Ballot {
            vote: Choice::Deny,
            seat: "privacy".to_owned(),
            digest: Some(digest),
            ceiling: None,
            reason: Some(MARKED[6].to_owned()),
        };
        officer.vote(&later, &ballot).await.unwrap();
        let admin = node.client("ada-admin");
        let new = json!({ "name": MARKED[13], "identities": { "email": MARKED[14] }, "roles": ["operator"] });
        let added: Value =
            admin.call(Method::POST, "v1/people", Body::Json(&new), Some("add")).await.unwrap();
        let invite = format!("v1/people/{}/invitation", added["id"].as_str().unwrap());
        let invited: Value =
            admin.call(Method::POST, &invite, Body::<()>::Empty, Some("invite")).await.unwrap();
        (emergency, later, invited["link"].as_str().unwrap().to_owned())
    });

    // The colleague comes in and looks for somebody; a stranger asks at the portal.
    let mut colleague = Wanderer::default();
    let page = colleague.open(&link);
    colleague.send(&page, link.rsplit('/').next().unwrap(), &[]);
    let (here, _) = link.split_once("/sign-in/").unwrap();
    let console = colleague.open(&format!("{here}/console/requests"));
    let found = colleague.send(&console, "/requests/search", &[("text", EMAIL)]);
    assert!(found.status == 200 && found.text.contains("/console/requests/"), "{}", found.text);
    let mut stranger = Wanderer::default();
    let page = stranger.open(&format!("{}/privacy", node.url()));
    let taken = stranger.send(&page, "/privacy", &[("action", "access"), ("email", MARKED[15])]);
    assert_eq!(taken.status, 200, "{}", taken.text);
    vec![emergency, later]
}

/// The address in the row that the plan shows.
fn sample(request: &countersign_client::view::Request) -> Option<String> {
    let samples = request.plan.as_ref()?.sources.first()?.more.get("samples")?;
    let columns = samples[0]["columns"].as_array()?;
    let at = columns.iter().position(|it| it == "email")?;
    Some(samples[0]["rows"][0][at].as_str()?.to_owned())
}

async fn until(client: &Client, id: &str, status: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let request = client.request(id).await.unwrap();
        if request.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "request {id} is {} and not {status}", request.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The code in the mail that names the request.
async fn code(inbox: &Path, request: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        for mail in files(inbox) {
            let text = std::fs::read_to_string(mail).unwrap();
            // A word of its own, not a part of an id.
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let code = |word: &&str| word.len() == 8 && word.bytes().all(|c| c.is_ascii_digit());
            if let Some(code) = words.into_iter().find(code).filter(|_| text.contains(request)) {
                return code.to_owned();
            }
        }
        assert!(Instant::now() < deadline, "no mail came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(listing) = std::fs::read_dir(folder) else { return found };
    for entry in listing {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A value, and its plain hash in every spelling that somebody might keep.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let hash = Sha256::digest(value.as_bytes());
    vec![
        value.as_bytes().to_vec(),
        hash.to_vec(),
        hex::encode(hash).into_bytes(),
        hex::encode_upper(hash).into_bytes(),
        STANDARD.encode(hash).into_bytes(),
        URL_SAFE_NO_PAD.encode(hash).into_bytes(),
        hex::encode(value).into_bytes(),
        STANDARD.encode(value).trim_end_matches('=').as_bytes().to_vec(),
    ]
}

/// Looks for any of these in the bytes; answers with the first that is there.
fn find(bytes: &[u8], wanted: &[Vec<u8>]) -> Option<usize> {
    let mut by_first: Vec<Vec<usize>> = vec![Vec::new(); 256];
    for (at, wanted) in wanted.iter().enumerate() {
        by_first[usize::from(wanted[0])].push(at);
    }
    (0..bytes.len()).find_map(|from| {
        by_first[usize::from(bytes[from])].iter().copied().find(|at| bytes[from..].starts_with(&wanted[*at]))
    })
}

fn look(node: &Node, places: &[&str], wanted: &[Vec<u8>], when: &str) {
    let mut seen = 0;
    for place in places {
        let path = node.folder().join(place);
        let files = if path.is_dir() { files(&path) } else { vec![path] };
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            seen += bytes.len();
            if let Some(at) = find(&bytes, wanted) {
                panic!("{when}, {} has {:?}", file.display(), String::from_utf8_lossy(&wanted[at]));
            }
        }
    }
    assert!(seen > 10_000, "{when} there was nothing to look through");
}

/// What is sealed at this moment: wrapped keys and fields.
fn sealed(node: &Node) -> Vec<Vec<u8>> {
    let path = node.folder().join("data/countersign.db");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let question = "select wrapped from dek where wrapped is not null \
                    union all select substr(sealed, 1, 64) from sealed where length(sealed) > 0";
    let mut find = store.prepare(question).unwrap();
    find.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn get(node: &Node, path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    node.client("opal-operator").download(path, &mut out, |_, _| {}).await.unwrap();
    out
}

#[test]
fn marked_values_stand_nowhere_in_the_open_and_after_their_term_nowhere_at_all() {
    let collector = Collector::begin();
    let mut node = Node::prepare(60, |node| plant(node, &collector));
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut ids, errors) = runtime.block_on(say_everything(&node));
    ids.extend(say_more(&node, &runtime));
    let wanted: Vec<Vec<u8>> = MARKED.iter().flat_map(|value| spellings(value)).collect();
    let copies = sealed(&node);
    assert!(copies.len() > 4, "something was sealed: {}", copies.len());
    node.run(&["backup", "before"]);
    let metrics = runtime.block_on(get(&node, "metrics"));
    for (what, bytes) in [("metrics", &metrics[..]), ("errors", errors.as_bytes())] {
        assert_eq!(find(bytes, &wanted).map(|at| String::from_utf8_lossy(&wanted[at])), None, "{what}");
    }
    look(&node, &["data", "before", "log"], &wanted, "while copies live");

    // The term passes. What was sealed goes, with its keys.
    let deadline = Instant::now() + Duration::from_secs(90);
    while !sealed(&node).is_empty() {
        assert!(Instant::now() < deadline, "our own copies are not destroyed");
        std::thread::sleep(Duration::from_millis(200));
    }
    let operator = node.client("opal-operator");
    for id in &ids {
        let request = runtime.block_on(operator.request(id)).unwrap();
        assert_eq!(request.more.get("reason"), None, "request {id}");
        assert_eq!(sample(&request), None, "request {id}");
    }
    // The write-ahead log is emptied once nobody waits.
    let log = node.folder().join("data/countersign.db-wal");
    while copies
        .iter()
        .any(|copy| find(&std::fs::read(&log).unwrap_or_default(), std::slice::from_ref(copy)).is_some())
    {
        assert!(Instant::now() < deadline, "the write-ahead log still has what was destroyed");
        std::thread::sleep(Duration::from_millis(200));
    }
    node.run(&["backup", "after"]);
    node.run(&["ledger", "export", "exported"]);
    node.run(&["ledger", "verify", "exported", "--vkey", "keys/ledger.vkey"]);
    let all: Vec<Vec<u8>> = wanted.iter().chain(&copies).cloned().collect();
    look(&node, &["data", "after", "exported", "log"], &all, "after the term");
    node.stop();
    look(&node, &["data", "after", "exported", "log"], &all, "after the end");
    // The last spans went when it stopped.
    let traces = collector.bytes();
    assert_eq!(find(&traces, &all).map(|at| String::from_utf8_lossy(&all[at])), None, "traces");
    let names: BTreeSet<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.contains("export shop") && names.contains("erase shop"), "{names:?}");
}
