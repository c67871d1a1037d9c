//! A copy beside a running server, put back, proved; an older state under a newer checkpoint is not gone on from.

use std::collections::BTreeMap;
use std::path::Path;

use countersign_client::view::{Query, Submission};
use rusqlite::Connection;

use crate::node::Node;

fn submit(node: &Node, customers: std::ops::Range<i64>) -> Vec<String> {
    let desk = node.client("desk");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    customers
        .map(|customer| {
            let account = countersign_shop::cast::account_of(customer);
            let submission = Submission {
                action: "erase".to_owned(),
                subject: BTreeMap::from([("account".to_owned(), account)]),
                ..Submission::default()
            };
            runtime.block_on(desk.submit(&submission, None)).unwrap().id
        })
        .collect()
}

fn known(node: &Node) -> Vec<String> {
    let operator = node.client("opal-operator");
    let query = Query { limit: Some(100), ..Query::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(operator.requests(&query)).unwrap().items.into_iter().map(|it| it.id).collect()
}

/// The store is lost, with everything beside it.
fn lose(node: &Node) {
    std::fs::remove_dir_all(node.folder().join("data")).unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_copy_beside_a_running_server_is_put_back_and_an_older_state_is_refused_unless_somebody_answers_for_it() {
    let mut node = Node::begin(60);
    node.start();
    let before = submit(&node, 14..24);
    let said = node.run(&["backup", "copy"]);
    assert!(said.contains("every event of theirs under that root"), "{said}");
    node.run(&["backup", "copy", "--check"]);

    // Keys are never in it, and it is its owner's alone.
    let copy = node.folder().join("copy");
    assert_eq!(files(&copy), ["checkpoint", "store.db"]);
    let bytes = std::fs::read(copy.join("store.db")).unwrap();
    for name in files(&node.folder().join("keys")).iter().filter(|name| name.ends_with(".key")) {
        let key = std::fs::read_to_string(node.folder().join("keys").join(name)).unwrap();
        assert!(!holds(&bytes, key.trim().as_bytes()), "{name} is in the copy");
        if let Ok(raw) = hex::decode(key.trim()) {
            assert!(!holds(&bytes, &raw), "{name} is in the copy");
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(copy.join("store.db")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let after = submit(&node, 24..27);
    node.stop();
    // Kept elsewhere: the head over what the copy does not have.
    node.run(&["ledger", "export", "kept"]);
    let there = node.say(&["restore", "copy"]);
    assert!(!there.status.success(), "it is not written over a store that is there");
    lose(&node);
    let said = node.run(&["restore", "copy"]);
    assert!(said.contains("--since"), "{said}");

    let (code, complained) = node.refused(&["--since", "kept/checkpoint"]);
    assert_eq!(code, Some(1), "{complained}");
    assert!(complained.contains("older state") && complained.contains("--force"), "{complained}");
    // By its own head it is what it is.
    node.start_with(&["--since", "copy/checkpoint"]);
    let stands = known(&node);
    assert!(before.iter().all(|id| stands.contains(id)) && !after.iter().any(|id| stands.contains(id)));
    node.stop();

    node.start_with(&["--since", "kept/checkpoint", "--force"]);
    submit(&node, 27..40);
    node.stop();
    node.run(&["ledger", "export", "forced"]);
    node.run(&["ledger", "verify", "forced", "--vkey", "keys/ledger.vkey"]);
    let store = Connection::open(node.folder().join("data/countersign.db")).unwrap();
    let told: i64 = store
        .query_row(
            "select count(*) from log_entry where instr(cast(body as text), '\"ledger\":\"forced\"') > 0",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(told, 1);
    // Longer than what was kept by now, and yet another ledger.
    let (code, complained) = node.refused(&["--since", "kept/checkpoint"]);
    assert!(code == Some(1) && complained.contains("other entries"), "{complained}");
}

#[test]
fn a_copy_that_somebody_altered_proves_nothing_and_is_not_put_back() {
    let mut node = Node::begin(60);
    node.start();
    submit(&node, 14..17);
    node.run(&["backup", "event"]);
    node.run(&["backup", "entry"]);
    node.stop();
    lose(&node);
    for (folder, statement) in [
        ("event", "drop trigger event_is_append_only_1; update event set at = at + 1 where seq = 1"),
        (
            "entry",
            "drop trigger log_entry_is_append_only_1; update log_entry set body = cast(body || x'20' as blob) where seq = 2",
        ),
    ] {
        let copy = Connection::open(node.folder().join(folder).join("store.db")).unwrap();
        copy.execute_batch(statement).unwrap();
        drop(copy);
        for command in [vec!["backup", folder, "--check"], vec!["restore", folder]] {
            let said = node.say(&command);
            let complained = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(
                !said.status.success() && complained.contains("proves nothing"),
                "{command:?}: {complained}"
            );
        }
        assert!(!node.folder().join("data/countersign.db").exists());
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
