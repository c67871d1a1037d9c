//! What `doctor` says of a node that is well, of one that wants attention and of one that must not serve; and a clock
//! that jumped while the server was away, confirmed by an operator.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::node::Node;

/// Exit code and report.
fn doctor(node: &Node) -> (i32, String) {
    let said = node.say(&["doctor"]);
    (said.status.code().unwrap(), String::from_utf8_lossy(&said.stdout).into_owned())
}

fn store(node: &Node) -> Connection {
    Connection::open(node.folder().join("data/countersign.db")).unwrap()
}

#[test]
fn each_finding_says_what_to_do_and_the_exit_code_how_bad_it_is() {
    let mut node = Node::begin(60);
    node.start();
    let (code, said) = doctor(&node);
    assert_eq!(code, 0, "beside a running server: {said}");
    node.stop();
    for line in ["ok   keys", "ok   store file", "ok   ledger", "ok   clock", "ok   stuck", "ok   disk"] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // A rotation that was broken off works on, and wants attention.
    let key = node.folder().join("keys/wrapping-2.key");
    std::fs::write(&key, format!("{}\n", "ab".repeat(32))).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("look keys") && said.contains("countersign keys rotate"), "{said}");
    std::fs::remove_file(&key).unwrap();

    // A source that everybody may write is more than its map needs.
    let shop = node.folder().join("shop.sqlite");
    std::fs::set_permissions(&shop, Permissions::from_mode(0o666)).unwrap();
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("look source shop") && said.contains("countersign source grants"), "{said}");
    std::fs::set_permissions(&shop, Permissions::from_mode(0o600)).unwrap();

    // Keys that others may read: this node must not serve.
    let key = node.folder().join("keys/index.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let (code, said) = doctor(&node);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("BAD  keys") && said.contains("chmod 600"), "{said}");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    // A ledger whose tiles do not give its head.
    let db = store(&node);
    db.execute_batch("drop trigger log_tile_only_grows; update log_tile set data = randomblob(length(data)) where level = 0")
        .unwrap();
    drop(db);
    let (code, said) = doctor(&node);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("BAD  ledger") && said.contains("countersign restore"), "{said}");
}

/// What stands in a shop today, as a map says that it knows it.
fn known(shop: &Connection) -> String {
    let columns = "select m.name, json_group_array(c.name) from sqlite_schema m, pragma_table_info(m.name) c \
                   where m.type = 'table' group by m.name";
    let mut find = shop.prepare(columns).unwrap();
    let line = |row: &rusqlite::Row<'_>| {
        Ok(format!("{} = {}\n", row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    };
    let lines: Vec<String> = find.query_map([], line).unwrap().map(Result::unwrap).collect();
    format!("\n[known]\n{}", lines.concat())
}

/// A shop that grew a column and a table since its data map was written: whose rows these are nobody said.
#[test]
fn a_source_that_grew_since_its_map_was_written_wants_attention() {
    let node = Node::prepare(60, |node| {
        let path = node.folder().join("settings/maps/shop.toml");
        let map = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, map + &known(&Connection::open(node.shop()).unwrap())).unwrap();
    });
    let (code, said) = doctor(&node);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("ok   source shop"), "{said}");
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch("alter table customer add column shoe_size integer").unwrap();
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    let line = said.lines().find(|line| line.contains("source shop")).unwrap();
    assert!(line.contains("look source shop") && line.contains("countersign source check"), "{line}");
    // Rows that would point to nobody, or stay: with those it must not run.
    shop.execute_batch(
        "create table wish (id integer primary key, customer_id integer references customer (id))",
    )
    .unwrap();
    let (code, said) = doctor(&node);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("BAD  source shop: `wish` points to `customer`"), "{said}");
}

fn clock(node: &Node, word: &str, token: &str) -> Result<Value, String> {
    let token = format!("tokens/{token}");
    let said = node.say(&["clock", word, "--json", "--server", node.url(), "--token-file", &token]);
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&said.stdout).unwrap())
}

#[test]
fn a_clock_that_stands_before_the_mark_of_the_last_run_is_in_doubt_until_an_operator_confirms_it() {
    let mut node = Node::begin(60);
    node.start();
    let deadline = Instant::now() + Duration::from_secs(60);
    while clock(&node, "show", "opal-operator").unwrap().get("mark").is_none() {
        assert!(Instant::now() < deadline, "the mark is never made");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(clock(&node, "show", "opal-operator").unwrap()["state"], "sound");
    // As if the clock had been set back by a minute while nobody served, for the mark says how late it was at the stop; and
    // as if it had been set forward.
    for shift_ms in [60_000, -20 * 60_000] {
        node.stop();
        store(&node)
            .execute(
                "update record set body = cast(json_set(cast(body as text), '$.at', \
                 json_extract(cast(body as text), '$.at') + ?1) as blob) where kind = 'clock' and id = 'mark'",
                [shift_ms],
            )
            .unwrap();
        node.start();
        while clock(&node, "show", "opal-operator").unwrap()["state"] != "in_doubt" {
            assert!(Instant::now() < deadline, "the clock is believed");
            std::thread::sleep(Duration::from_millis(50));
        }
        let (code, said) = doctor(&node);
        assert_eq!(code, 5, "{said}");
        assert!(said.contains("look clock") && said.contains("countersign clock confirm"), "{said}");
        let refused = clock(&node, "confirm", "olga-officer").unwrap_err();
        assert!(refused.contains("may not confirm the clock"), "{refused}");
        assert_eq!(clock(&node, "confirm", "opal-operator").unwrap()["state"], "sound");
        assert_eq!(doctor(&node).0, 0);
    }
    node.stop();
}
