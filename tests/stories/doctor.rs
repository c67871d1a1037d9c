//! What `doctor` says of a node that is well, of one that wants attention and of one that must not serve; and a clock
//! that jumped while the server was away, confirmed by an operator.

use rusqlite::Connection;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::asked::People;
use crate::clock::{away, clock, until};
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

#[test]
fn what_is_stuck_overdue_or_written_without_its_log_is_found() {
    let mut node = Node::begin(60);
    // The shop refuses whatever would go.
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch(
        "create trigger keep before delete on customer begin select raise(abort, 'kept'); end",
    )
    .unwrap();
    node.start();
    let people = People::at(&node);
    let stuck = people.ask("erase", 20);
    people.approve(&stuck);
    people.until(&stuck, "it gets stuck", |seen| seen.status == "stuck");
    let late = people.ask("erase", 21);
    people.until(&late, "it waits for an officer", |seen| seen.digest.is_some());
    drop(people);
    node.stop();
    let db = store(&node);
    let moved = db.execute("update request set due_at = 1 where status = 'waiting'", []).unwrap();
    assert_eq!(moved, 1);
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    for line in [
        "look stuck: 1 requests".to_owned(),
        format!("look overdue: 1 requests are past the law's date, request {late}"),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    for way in ["countersign request list --status stuck", "countersign request extend", "synchronous=2"] {
        assert!(said.contains(way), "{way}: {said}");
    }
    db.query_row("pragma journal_mode = delete", [], |_| Ok(())).unwrap();
    drop(db);
    let (code, said) = doctor(&node);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("BAD  store file") && said.contains("journal_mode = wal"), "{said}");
    // As it says: whoever serves sets it.
    node.start();
    node.stop();
    let (code, said) = doctor(&node);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("ok   store file"), "{said}");
}

#[test]
fn configuration_with_a_mistake_is_a_finding_for_programs_too() {
    let node = Node::begin(60);
    let path = node.folder().join("countersign.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "[server]\nlistn = \"127.0.0.1:7300\"\n").unwrap();
    let said = node.say(&["doctor", "--json"]);
    assert_eq!(said.status.code(), Some(2));
    let found: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&found["ok"], &found["looks"][0]["what"]), (&false.into(), &"configuration".into()));
    let words = found["looks"][0]["said"].as_str().unwrap();
    assert!(words.contains("listn") && found["looks"][0]["state"] == "bad", "{found}");
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

#[test]
fn a_clock_that_stands_before_the_mark_of_the_last_run_is_in_doubt_until_an_operator_confirms_it() {
    let mut node = Node::begin(60);
    node.start();
    until("the clock is never looked at", || {
        clock(&node, "show", "opal-operator").unwrap()["state"] == "sound"
    });
    for back_ms in [60_000, -20 * 60_000] {
        away(&mut node, back_ms);
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
