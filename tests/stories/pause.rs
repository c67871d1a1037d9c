//! An action that fails again and again pauses by itself, says so everywhere, and goes on when an administrator says so.

use rusqlite::Connection;

use crate::asked::People;
use crate::node::Node;

fn resume(node: &Node, token: &str) -> std::process::Output {
    let token = format!("tokens/{token}");
    node.say(&["limit", "resume", "erase", "--server", node.url(), "--token-file", &token])
}

#[test]
fn an_action_that_fails_again_and_again_pauses_by_itself_until_an_administrator_resumes_it() {
    let mut node = Node::prepare(60, |node| {
        let path = node.folder().join("settings/settings.toml");
        let settings = std::fs::read_to_string(&path).unwrap();
        assert!(settings.contains("[actions.erase]\n"));
        let paused = settings.replace("[actions.erase]\n", "[actions.erase]\npause_after = 2\n");
        std::fs::write(path, paused).unwrap();
    });
    // The shop refuses whatever would go: a rule of theirs that nobody told us of.
    let shop = Connection::open(node.shop()).unwrap();
    shop.execute_batch(
        "CREATE TRIGGER keep BEFORE DELETE ON customer BEGIN SELECT RAISE(ABORT, 'kept'); END;
         CREATE TRIGGER hold BEFORE UPDATE OF email ON customer BEGIN SELECT RAISE(ABORT, 'kept'); END;",
    )
    .unwrap();
    node.start();
    let people = People::at(&node);
    assert!(!people.page("/metrics").contains("countersign_paused{"));
    for customer in [20, 21] {
        let id = people.ask("erase", customer);
        people.approve(&id);
        people.until(&id, "it gets stuck", |seen| seen.status == "stuck");
    }
    shop.execute_batch("DROP TRIGGER keep; DROP TRIGGER hold").unwrap();

    // Mended, and still nothing starts: a person has to say so.
    let held = people.ask("erase", 22);
    people.approve(&held);
    let resumes = "an administrator to resume erase, paused after repeated failures";
    people.until(&held, "it says what it waits for", |_| people.missing(&held) == [resumes]);
    assert_eq!(people.see(&held).status, "waiting");
    assert!(people.page("/metrics").contains("countersign_paused{action=\"erase\"} 1"));
    let said = node.say(&["doctor"]);
    let report = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(5), "{report}");
    assert!(report.contains("look paused: erase") && report.contains("countersign limit resume"), "{report}");
    assert!(node.log().contains("the action is paused after repeated failures"), "{}", node.log());
    let shown = ["limit", "show", "--server", node.url(), "--token-file", "tokens/opal-operator"];
    assert!(
        node.run(&shown).contains("erase: 1 wait, 0 released, 0 run, 2 stuck, 2 started today; PAUSED since")
    );

    let refused = resume(&node, "opal-operator");
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("may not resume a paused action"), "{why}");
    let resumed = resume(&node, "ada-admin");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    people.until(&held, "it is carried out", |seen| seen.status == "completed");
    assert!(!people.page("/metrics").contains("countersign_paused{"));
    node.stop();
}
