//! A small store for each released version, made by that version: later ones must open it, read what is in it, and
//! prove its ledger. Its keys are of no use anywhere else.
//!
//! The one of this version is made by `COUNTERSIGN_KEEP_STORE=1 cargo test --test stories keep`, before the tag.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use countersign_client::view::{Ballot, Choice, Query, Submission};
use countersign_client::{Client, Settle};

use crate::node::Node;

/// What stands in the store of 0.1.0: an erasure that is done, a request that was taken back, one that waits for a
/// vote, and one that nobody ever proved. The two that wait are expired by whoever opens the store late enough.
const STANDS: [(&str, &[&str]); 4] = [
    ("erase", &["completed"]),
    ("erase", &["waiting", "expired"]),
    ("export", &["waiting", "expired"]),
    ("export", &["withdrawn"]),
];

fn kept(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(format!("store-{version}"))
}

#[test]
fn store_of_0_1_0_opens_and_its_ledger_verifies() {
    let mut node = Node::carry_on(&kept("0.1.0"));
    countersign_shop::build(&node.shop(), countersign_shop::Scale::of(200), &mut |_, _| {}).unwrap();
    node.start();
    let operator = node.client("opal-operator");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = runtime.block_on(operator.requests(&Query::default())).unwrap();
    // A schedule may be due by now: what it asks for was not there.
    let kept = page.items.into_iter().filter(|request| request.action != "purge");
    let mut seen: Vec<(String, String)> = kept.map(|request| (request.action, request.status)).collect();
    seen.sort_by_key(|(action, status)| (action.clone(), status == "withdrawn", status != "completed"));
    let as_kept = seen.len() == STANDS.len()
        && seen.iter().zip(STANDS).all(|(seen, (action, may))| seen.0 == action && may.contains(&&*seen.1));
    assert!(as_kept, "{seen:?} stands there");
    new_work(&node, &runtime);
    node.run(&["ledger", "export", "ledger-export"]);
    node.run(&["ledger", "verify", "ledger-export", "--vkey", "keys/ledger.vkey"]);
    node.stop();
}

#[test]
fn store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let node = Node::begin(60);
    let path = node.folder().join("data/countersign.db");
    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute("insert into schema_version (version, name, at) values (9999, 'a later one', 0)", [])
        .unwrap();
    let root = |store: &rusqlite::Connection| -> (i64, i64) {
        let question = "select (select count(*) from log_entry), (select count(*) from event)";
        store.query_row(question, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let before = root(&store);
    drop(store);
    let (code, why) = node.refused(&[]);
    assert_eq!(code, Some(1), "{why}");
    assert!(why.contains("9999") && why.contains("start the version that made it"), "{why}");
    assert_eq!(root(&rusqlite::Connection::open(&path).unwrap()), before);
}

/// Makes the store of this version, when it is asked to.
#[test]
fn keep_the_store_of_this_version() {
    if std::env::var_os("COUNTERSIGN_KEEP_STORE").is_none() {
        return;
    }
    let mut node = Node::begin(200);
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(&node));
    node.stop();
    let folder = kept(env!("CARGO_PKG_VERSION"));
    assert!(
        !folder.exists(),
        "{} is kept: what a released version made is never made again",
        folder.display()
    );
    for part in ["data", "keys", "tokens"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for file in std::fs::read_dir(node.folder().join(part)).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), folder.join(part).join(file.file_name())).unwrap();
            }
        }
    }
    // One file without its write-ahead log.
    let store = rusqlite::Connection::open(folder.join("data/countersign.db")).unwrap();
    store.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
}

/// What stands there is not only read: a new erasure is asked for, signed, carried out, and proved with the old ones.
fn new_work(node: &Node, runtime: &tokio::runtime::Runtime) {
    let operator = node.client("opal-operator");
    let id = runtime.block_on(erased(node, 12));
    let evidence: serde_json::Value = runtime
        .block_on(operator.call(
            countersign_client::Method::GET,
            &format!("v1/requests/{id}/evidence"),
            countersign_client::Body::<()>::Empty,
            None,
        ))
        .unwrap();
    assert!(evidence.is_object(), "{evidence}");
    let shop = rusqlite::Connection::open(node.shop()).unwrap();
    let left: i64 =
        shop.query_row("select count(*) from customer where id = 12", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// An erasure that the desk asks for, the officer approves, and the server carries out.
async fn erased(node: &Node, customer: i64) -> String {
    let (desk, officer) = (node.client("desk"), node.client("olga-officer"));
    let id = desk.submit(&submission("erase", None, customer), None).await.unwrap().id;
    let digest = until(&officer, &id, |request| request.digest.clone()).await;
    let ballot = Ballot {
        vote: Choice::Approve,
        seat: "privacy".to_owned(),
        digest: Some(digest),
        ceiling: None,
        reason: Some("identified by the desk".to_owned()),
    };
    officer.vote(&id, &ballot).await.unwrap();
    until(&officer, &id, |request| (request.status == "completed").then_some(())).await;
    id
}

async fn fill(node: &Node) {
    let (desk, officer, portal) = (node.client("desk"), node.client("olga-officer"), node.client("portal"));
    erased(node, 4).await;
    let taken_back = portal.submit(&submission("export", Some("caller"), 5), None).await.unwrap().id;
    portal.settle(&taken_back, Settle::Withdraw, None).await.unwrap();
    let waits = desk.submit(&submission("erase", None, 8), None).await.unwrap().id;
    until(&officer, &waits, |request| request.digest.clone()).await;
    portal.submit(&submission("export", Some("subject"), 9), None).await.unwrap();
}

async fn until<T>(
    client: &Client,
    id: &str,
    seen: impl Fn(&countersign_client::view::Request) -> Option<T>,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let request = client.request(id).await.unwrap();
        if let Some(seen) = seen(&request) {
            return seen;
        }
        assert!(Instant::now() < deadline, "request {id} is {} for ever", request.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn submission(action: &str, requester: Option<&str>, customer: i64) -> Submission {
    let member = countersign_shop::cast::member(customer).unwrap();
    Submission {
        action: action.to_owned(),
        requester: requester.map(str::to_owned),
        subject: BTreeMap::from([("email".to_owned(), member.email.to_owned())]),
        ..Submission::default()
    }
}
