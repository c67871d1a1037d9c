//! A clock that jumped while the server was away: what waits for time is held although its time seems over, until an operator
//! says that the clock is right; then it goes on.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::asked::People;
use crate::node::Node;

/// What `countersign clock` says, with somebody's token.
pub(crate) fn clock(node: &Node, word: &str, token: &str) -> Result<Value, String> {
    let token = format!("tokens/{token}");
    let said = node.say(&["clock", word, "--json", "--server", node.url(), "--token-file", &token]);
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&said.stdout).unwrap())
}

pub(crate) fn until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts the server once more, as if its clock had been set back by so much meanwhile, or forward: the mark says how late it
/// was at the stop. Then the clock is in doubt.
pub(crate) fn away(node: &mut Node, back_ms: i64) {
    until("the mark is never made", || clock(node, "show", "opal-operator").unwrap().get("mark").is_some());
    node.stop();
    let store = Connection::open(node.folder().join("data/countersign.db")).unwrap();
    let moved = store
        .execute(
            "update record set body = cast(json_set(cast(body as text), '$.at', \
             json_extract(cast(body as text), '$.at') + ?1) as blob) where kind = 'clock' and id = 'mark'",
            [back_ms],
        )
        .unwrap();
    assert_eq!(moved, 1);
    drop(store);
    node.start();
    until("the clock is believed", || clock(node, "show", "opal-operator").unwrap()["state"] == "in_doubt");
}

/// The desk's erasures wait for a second.
fn wait(node: &Node) {
    let path = node.folder().join("settings/policies/erase.cedar");
    let text = std::fs::read_to_string(&path).unwrap();
    let condition = "context.attested.contains(\"identity\")\n    && context.approvals.privacy >= 1";
    assert!(text.contains(condition));
    let waits = format!("{condition} && context.waited >= duration(\"1s\")");
    std::fs::write(&path, text.replacen(condition, &waits, 1)).unwrap();
}

#[test]
fn what_waits_for_time_is_held_while_the_clock_is_in_doubt_and_done_once_it_is_confirmed() {
    for back_ms in [60_000, -20 * 60_000] {
        let mut node = Node::prepare(60, wait);
        node.start();
        let people = People::at(&node);
        let usual = people.ask("erase", 20);
        people.approve(&usual);
        people.until(&usual, "a sound clock lets a second pass", |seen| seen.status == "completed");
        drop(people);

        away(&mut node, back_ms);
        let people = People::at(&node);
        let held = people.ask("erase", 21);
        people.approve(&held);
        // Its time is over three times, by every clock on the wall.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            assert_eq!(people.see(&held).status, "waiting", "{back_ms}");
            std::thread::sleep(Duration::from_millis(100));
        }
        // What asks for no time goes on: votes were taken, and nothing else is missing.
        let missing = people.missing(&held);
        assert!(missing.len() == 1 && missing[0].contains("wait"), "{missing:?}");
        assert_eq!(clock(&node, "confirm", "opal-operator").unwrap()["state"], "sound");
        people.until(&held, "it is done once somebody confirmed", |seen| seen.status == "completed");
        drop(people);
        node.stop();
    }
}
