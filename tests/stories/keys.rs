//! Keys that others may read, or that lie with the data, are not served with; the wrapping key is replaced, and what only
//! a backup holds dies with the old one.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use countersign_client::view::{Ballot, Choice, Submission};
use rusqlite::Connection;

use crate::node::Node;

const REASON: &str = "the customer wrote a letter";

fn complained(node: &Node, arguments: &[&str]) -> String {
    let said = node.say(arguments);
    assert!(!said.status.success(), "countersign {arguments:?}");
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn keys_that_others_may_read_or_that_lie_with_the_data_are_not_served_with() {
    let node = Node::begin(60);
    let key = node.folder().join("keys/wrapping-1.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let (_, why) = node.refused(&[]);
    assert!(why.contains("open to others") && why.contains("chmod 600"), "{why}");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    let keys = node.folder().join("keys");
    std::fs::set_permissions(&keys, Permissions::from_mode(0o770)).unwrap();
    let (_, why) = node.refused(&[]);
    assert!(why.contains("others may write into"), "{why}");
    std::fs::set_permissions(&keys, Permissions::from_mode(0o700)).unwrap();

    // A name that leads into the data by a detour.
    std::fs::rename(&keys, node.folder().join("data/keys")).unwrap();
    symlink("data/keys", &keys).unwrap();
    let (_, why) = node.refused(&[]);
    assert!(why.contains("lie in the store's folder"), "{why}");
}

#[test]
fn the_wrapping_key_is_replaced_and_the_old_one_destroyed_with_what_only_backups_hold() {
    let mut node = Node::begin(60);
    node.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = Submission {
        action: "erase".to_owned(),
        subject: BTreeMap::from([("account".to_owned(), countersign_shop::cast::account_of(20))]),
        reason: Some(REASON.to_owned()),
        ..Submission::default()
    };
    let id = runtime.block_on(node.client("desk").submit(&asked, None)).unwrap().id;
    node.run(&["backup", "before"]);
    let why = complained(&node, &["keys", "rotate"]);
    assert!(why.contains("in use by another process"), "{why}");
    assert!(!node.folder().join("keys/wrapping-2.key").exists(), "nothing was begun");
    node.stop();

    let said = node.run(&["keys", "rotate"]);
    assert!(said.contains("Wrapping key 2 is in use"), "{said}");
    assert!(node.run(&["keys", "list"]).contains("replaced; destroyed in"));
    let epochs = |path: &str| -> Vec<i64> {
        let store = Connection::open(node.folder().join(path)).unwrap();
        let mut find = store.prepare("select distinct epoch from dek where request is not null").unwrap();
        find.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(epochs("data/countersign.db"), [2]);
    assert_eq!(epochs("before/store.db"), [1]);
    assert!(node.folder().join("keys/wrapping-1.key").exists(), "backups are of use until its time");

    // Again, this time for good: both keys before it go at once.
    std::fs::write(node.folder().join("keys/wrapping-1.until"), "1\n").unwrap();
    let said = node.run(&["keys", "rotate", "--destroy-after", "0s"]);
    assert!(said.contains("destroyed"), "{said}");
    let mut left: Vec<String> = std::fs::read_dir(node.folder().join("keys"))
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("wrapping"))
        .collect();
    left.sort();
    assert_eq!(left, ["wrapping-3.key"]);

    // Everything goes on: what was sealed is read, people vote, the run is done.
    node.start();
    let (operator, officer) = (node.client("opal-operator"), node.client("olga-officer"));
    let seen = runtime.block_on(async {
        let mut seen = operator.request(&id).await.unwrap();
        while seen.digest.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            seen = operator.request(&id).await.unwrap();
        }
        let ballot = Ballot {
            vote: Choice::Approve,
            seat: "privacy".to_owned(),
            digest: seen.digest.clone(),
            ceiling: None,
            reason: None,
        };
        officer.vote(&id, &ballot).await.unwrap();
        seen
    });
    assert_eq!(seen.more.get("reason").and_then(|it| it.as_str()), Some(REASON));
    node.stop();

    // What the backup holds is closed for good.
    std::fs::remove_dir_all(node.folder().join("data")).unwrap();
    node.run(&["restore", "before"]);
    node.start();
    let closed = runtime.block_on(node.client("opal-operator").request(&id)).unwrap_err().to_string();
    assert!(closed.contains("cannot be opened") || closed.contains("cannot be read"), "{closed}");
    node.stop();
}
