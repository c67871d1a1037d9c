//! Several nodes over one PostgreSQL database.

use std::process::Stdio;
use std::time::{Duration, Instant};

use countersign_testing::postgres::database_or_skip;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::place::{Said, program};
use crate::wire::{Call, ask, get, heard};

#[test]
fn what_one_node_took_another_shows_and_proves() {
    let Some(database) = database_or_skip() else { return };
    let fleet = Fleet::begun(2, &database.url());
    let nodes = [fleet.serve(0), fleet.serve(1)];
    let asked =
        json!({ "action": "export", "requester": "subject", "subject": { "email": "a@example.test" } });
    let portal = fleet.token("portal");
    let call = Call { path: "/v1/requests", token: &portal, body: Some(asked), key: "k-1" };
    let first = ask(&nodes[0].url, &call).unwrap();
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    // The same key on the other node is the same request.
    assert_eq!(ask(&nodes[1].url, &call).unwrap().json()["id"], json!(id));
    let auditor = fleet.token("aude-auditor");
    let path = format!("/v1/requests/{id}/evidence");
    let evidence = ask(&nodes[1].url, &Call { path: &path, token: &auditor, ..Call::default() }).unwrap();
    assert_eq!(evidence.status, 200, "{evidence:?}");
    assert!(!evidence.json()["entries"].as_array().unwrap().is_empty());
    drop(nodes);

    let export = fleet.node(1).join("export").display().to_string();
    let said = fleet.run(1, &["ledger", "export", &export]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = fleet.run(1, &["ledger", "verify", &export, "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["whole"], json!(true), "{report}");
    let said = fleet.run(1, &["ledger", "prove", &id, "-o", "proofs"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = fleet.run(1, &["doctor"]);
    assert!(said.out.contains("ok   store: settings 1"), "{}", said.out);
    // A server for tests, as it is quick.
    assert!(said.out.contains("look store server: fsync, full_page_writes is off"), "{}", said.out);
}

#[test]
fn what_one_node_took_is_told_at_the_feed_of_another_with_hints_and_without() {
    for hints in [true, false] {
        let Some(database) = database_or_skip() else { return };
        let fleet = Fleet::begun(2, &database.url());
        if !hints {
            (0..2).for_each(|node| fleet.without_hints(node));
        }
        let nodes = [fleet.serve(0), fleet.serve(1)];
        let (portal, auditor) = (fleet.token("portal"), fleet.token("aude-auditor"));
        for (took, told) in [(0, 1), (1, 0)] {
            let entry = heard(&nodes[told].url, &auditor, || {
                let subject = json!({ "email": "a@example.test" });
                let asked = json!({ "action": "export", "requester": "subject", "subject": subject });
                let key = format!("k-{took}");
                let call = Call { path: "/v1/requests", token: &portal, body: Some(asked), key: &key };
                let answer = ask(&nodes[took].url, &call).unwrap();
                assert_eq!(answer.status, 201, "{answer:?}");
                answer.json()["id"].as_str().unwrap().to_owned()
            });
            assert_eq!(entry["event"]["event"], json!("submitted"), "{entry}");
        }
    }
}

#[test]
fn an_installation_begins_once_whoever_tries() {
    let Some(database) = database_or_skip() else { return };
    let fleet = Fleet::begun(1, &database.url());
    fleet.configure(1, &database.url(), "");
    let again = [
        "init",
        "../settings",
        "--people",
        "../people.toml",
        "--tokens",
        "../others",
        "--origin",
        "example.test/log",
    ];
    let said = fleet.run(1, &again);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("has begun already"), "{}", said.err);
    assert!(!fleet.node(1).join("keys").exists(), "no keys are made that open nothing");
}

/// What the second node says when it is started; one that serves is ended.
fn refused(fleet: &Fleet) -> Said {
    let mut command = program(&fleet.node(1));
    let mut child = command.arg("serve").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // One that has ended cannot be killed any more.
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: String::new(), err }
}

#[test]
fn a_node_with_another_key_does_not_serve() {
    let Some(database) = database_or_skip() else { return };
    let fleet = Fleet::begun(2, &database.url());
    let keys = fleet.node(1).join("keys");
    let other = |name: &str, digit: &str| std::fs::write(keys.join(name), digit.repeat(64)).unwrap();
    let genuine = std::fs::read_to_string(keys.join("index.key")).unwrap();
    other("index.key", "a");
    let said = refused(&fleet);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("the index key of this node is not the one"), "{}", said.err);
    assert!(!said.err.contains(genuine.trim()));
    std::fs::write(keys.join("index.key"), genuine).unwrap();
    // A ledger key of somebody else: of an installation of its own.
    let alone = crate::place::Place::begun();
    for name in ["ledger.key", "ledger.vkey"] {
        std::fs::copy(alone.path().join("keys").join(name), keys.join(name)).unwrap();
    }
    let said = refused(&fleet);
    assert!(said.err.contains("the ledger key of this node is not the one"), "{}", said.err);
    let node = fleet.serve(0);
    assert_eq!(get(&node.url, "/healthz").unwrap().status, 200);
}
