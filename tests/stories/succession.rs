//! The ledger's key is succeeded: stated in the ledger, followed by whoever has the first key, and by nobody else's word.

use std::path::Path;

use crate::asked::People;
use crate::node::Node;

fn erase(node: &Node, customer: i64) {
    let people = People::at(node);
    let id = people.ask("erase", customer);
    people.approve(&id);
    people.until(&id, "it is carried out", |seen| seen.status == "completed");
}

fn verify(node: &Node, export: &str, vkey: &str) -> (bool, String) {
    let said = node.say(&["ledger", "verify", export, "--vkey", vkey]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.success(), text)
}

fn complained(node: &Node, arguments: &[&str]) -> String {
    let said = node.say(arguments);
    assert!(!said.status.success(), "countersign {arguments:?}");
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn the_ledgers_key_is_succeeded_and_the_first_key_is_enough_to_verify_all_of_it() {
    let mut node = Node::begin(60);
    let at = |name: &str| node.folder().join(name);
    std::fs::copy(at("keys/ledger.vkey"), at("first.vkey")).unwrap();
    let (keys, kept) = (at("keys"), at("kept.key"));
    std::fs::copy(keys.join("ledger.key"), &kept).unwrap();
    node.start();
    erase(&node, 20);
    let why = complained(&node, &["keys", "succeed"]);
    assert!(why.contains("in use by another process"), "{why}");
    assert!(!keys.join("ledger-next.key").exists(), "nothing was begun");
    node.run(&["backup", "before"]);
    node.run(&["ledger", "export", "old"]);
    node.stop();

    let said = node.run(&["keys", "succeed"]);
    let chain = std::fs::read_to_string(keys.join("ledger.vkey")).unwrap();
    let chain: Vec<&str> = chain.lines().collect();
    assert_eq!(chain.len(), 2);
    assert!(said.contains(chain[1]), "{said}");
    assert_eq!(chain[0], std::fs::read_to_string(node.folder().join("first.vkey")).unwrap().trim());
    assert!(!keys.join("ledger-next.key").exists());
    node.start();
    erase(&node, 21);
    node.stop();

    // The first key, kept elsewhere, is all that an auditor needs; what it signed stays signed.
    node.run(&["ledger", "export", "new"]);
    let (whole, text) = verify(&node, "new", "first.vkey");
    assert!(whole && text.contains(&format!("on signed by {}", chain[1])), "{text}");
    assert!(verify(&node, "old", "first.vkey").0);
    node.run(&["backup", "after"]);
    assert_eq!(node.say(&["doctor"]).status.code(), Some(0), "{}", node.run(&["doctor"]));

    // A second succession, by the same way.
    node.run(&["keys", "succeed"]);
    node.start();
    erase(&node, 22);
    node.stop();
    node.run(&["ledger", "export", "newest"]);
    let (whole, text) = verify(&node, "newest", "first.vkey");
    assert!(whole && text.matches("on signed by").count() == 2, "{text}");

    // Whoever still has the old secret signs nothing with it: the server refuses, and so does the verifier.
    let newest = keys.join("ledger.key");
    let (current, old) = (std::fs::read(&newest).unwrap(), std::fs::read(&kept).unwrap());
    std::fs::write(&newest, &old).unwrap();
    let (_, why) = node.refused(&[]);
    assert!(why.contains("ledger"), "{why}");
    std::fs::write(&newest, &current).unwrap();
    forge(node.folder(), "newest", "old");
    let (whole, text) = verify(&node, "newest", "first.vkey");
    assert!(!whole, "{text}");

    // A copy from before knows of no succession: it is not served with a key that it never heard of.
    std::fs::remove_dir_all(node.folder().join("data")).unwrap();
    node.run(&["restore", "before"]);
    let (_, why) = node.refused(&[]);
    assert!(why.contains("was succeeded"), "{why}");
}

/// Puts the checkpoint that the old key signed into the place of the newest.
fn forge(folder: &Path, export: &str, old: &str) {
    std::fs::copy(folder.join(old).join("checkpoint"), folder.join(export).join("checkpoint")).unwrap();
}
