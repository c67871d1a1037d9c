//! Tokens on a real server: what one may, until when, when it was used last, and that taking it back counts at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign_client::Client;
use countersign_client::view::Submission;
use rusqlite::Connection;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::node::Node;

/// A moment so many seconds from now, as the command line takes it.
fn in_seconds(seconds: u32) -> String {
    let clock = Connection::open_in_memory().unwrap();
    let question = "select strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?1)";
    clock.query_row(question, [format!("+{seconds} seconds")], |row| row.get(0)).unwrap()
}

fn token(node: &Node, arguments: &[&str]) -> Value {
    let admin = ["--json", "--server", node.url(), "--token-file", "tokens/ada-admin"];
    let said = node.run(&[&["token"], arguments, &admin].concat());
    serde_json::from_str(&said).unwrap()
}

/// A new token of a service that submits: its id, and a client that has it.
fn minted(node: &Node, name: &str, more: &[&str]) -> (String, Client) {
    let said = token(node, &[&["mint", "--service", name, "--role", "submitter"], more].concat());
    let client = node.client("desk").with_token(said["token"].as_str().unwrap()).unwrap();
    (said["id"].as_str().unwrap().to_owned(), client)
}

async fn submit(client: &Client, customer: i64) -> Result<String, String> {
    let account = countersign_shop::cast::account_of(customer);
    let submission = Submission {
        action: "erase".to_owned(),
        subject: BTreeMap::from([("account".to_owned(), account)]),
        ..Submission::default()
    };
    client.submit(&submission, None).await.map(|request| request.id).map_err(|why| why.to_string())
}

#[test]
fn a_token_does_what_it_is_for_until_its_time_or_until_it_is_taken_back() {
    let mut node = Node::begin(60);
    node.start();
    let runtime = Runtime::new().unwrap();
    let listed = |id: &str| -> Value {
        let page = token(&node, &["list"]);
        let found = page["items"].as_array().unwrap().iter().find(|it| it["id"] == id).cloned();
        found.unwrap_or_else(|| panic!("{id} is not in {page}"))
    };
    let until = in_seconds(8);
    let (short, for_a_while) = minted(&node, "for-a-while", &["--until", &until]);
    let (long, crm) = minted(&node, "crm", &[]);
    assert_eq!(listed(&long).get("last_used_at").and_then(Value::as_str), None);

    let own = runtime.block_on(submit(&crm, 20)).unwrap();
    runtime.block_on(submit(&for_a_while, 21)).unwrap();
    assert!(listed(&long)["last_used_at"].is_string(), "{}", listed(&long));
    assert!(listed(&short)["expires_at"].is_string(), "{}", listed(&short));
    // It submits, and nothing else: neither people nor settings nor what others asked for.
    runtime.block_on(async {
        crm.request(&own).await.unwrap();
        crm.people(None).await.map(drop).unwrap_err();
        crm.settings().await.map(drop).unwrap_err();
        crm.tokens().await.map(drop).unwrap_err();
        crm.place_hold("case", &BTreeMap::from([("account".to_owned(), "A-1".to_owned())]))
            .await
            .unwrap_err();
    });

    // Its time passes.
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Ok(id) = runtime.block_on(submit(&for_a_while, 22)) {
        assert!(Instant::now() < deadline, "{id} came in after {until}");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Taken back: from the next call on, also for a node that remembered it a moment ago, and after a start.
    runtime.block_on(submit(&crm, 23)).unwrap();
    token(&node, &["revoke", &long]);
    runtime.block_on(submit(&crm, 24)).unwrap_err();
    assert!(listed(&long)["revoked_at"].is_string());
    node.kill();
    node.start();
    let store = std::fs::read(node.folder().join("data/countersign.db")).unwrap();
    let secret = std::fs::read_to_string(node.folder().join("tokens/desk")).unwrap();
    assert!(!store.windows(secret.trim().len()).any(|part| part == secret.trim().as_bytes()), "kept by hash");
    node.stop();
}
