//! Who guards the guard, on a real server: two administrators change nothing alone, hold no seat and mint for nobody else;
//! an installation begins once; and a node that cannot read the active settings judges nothing and says so.

use std::time::{Duration, Instant};

use countersign_client::view::SettingsFiles;
use countersign_client::{Body, Method};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::asked::People;
use crate::node::Node;

const BEA: &str = "\n[[person]]\nname = \"Bea Admin\"\nidentities = { email = \"bea@example.test\" }\n\
     roles = [\"administrator\"]\n";

/// A release for whoever is of the staff, of anybody's data, whoever signed: nothing that one person should let in.
const LOOSE: &str = "\n@id(\"erase.loose\")\npermit (principal is Staff, action == Action::\"erase\", resource is Subject);\n";

fn two_administrators() -> Node {
    Node::prepare(60, |node| {
        let path = node.folder().join("people.toml");
        let people = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, people + BEA).unwrap();
    })
}

/// Exit code, and all that was said.
fn apply(node: &Node, token: &str, more: &[&str]) -> (bool, String) {
    let token = format!("tokens/{token}");
    let call = ["apply", "settings", "--server", node.url(), "--token-file", &token];
    let said = node.say(&[&call, more].concat());
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.success(), text)
}

#[test]
fn two_administrators_change_nothing_alone_and_sit_on_no_seat() {
    let mut node = two_administrators();
    node.start();
    let path = node.folder().join("settings/policies/erase.cedar");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before.clone() + LOOSE).unwrap();

    // What it would mean, in words, before anything is.
    let (done, said) = apply(&node, "ada-admin", &["--dry-run"]);
    assert!(done && said.contains("would become version 2"), "{said}");
    assert!(said.contains("erase.loose") && said.contains("added (looser): permits"), "{said}");
    for _ in 0..2 {
        let (done, said) = apply(&node, "ada-admin", &[]);
        assert!(!done && said.contains("second administrator"), "however often one asks: {said}");
    }
    // The second countersigns the very same; of anything else they would be the first.
    std::fs::write(&path, before.clone() + LOOSE + "\n// and a remark\n").unwrap();
    let (done, said) = apply(&node, "bea-admin", &[]);
    assert!(!done && said.contains("second administrator"), "{said}");
    std::fs::write(&path, before + LOOSE).unwrap();
    let (done, said) = apply(&node, "bea-admin", &[]);
    assert!(done && said.contains("active as version 2"), "{said}");

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (ada, bea) = (node.client("ada-admin"), node.client("bea-admin"));
        let people = ada.people(None).await.unwrap().items;
        let id = |name: &str| people.iter().find(|person| person.name == name).unwrap().id.clone();
        let seat = async |who: &countersign_client::Client, name: &str| {
            let path = format!("v1/people/{}/seats/privacy", id(name));
            who.call::<Value>(Method::PUT, &path, Body::<()>::Empty, None)
                .await
                .map_err(|why| why.to_string())
        };
        // Nobody who administers votes, not even if both want it so.
        let alone = seat(&ada, "Opal Operator").await.unwrap_err();
        assert!(alone.contains("second administrator"), "{alone}");
        for who in [&ada, &bea] {
            let own = seat(who, "Ada Admin").await.unwrap_err();
            assert!(!own.contains("second administrator") && own.contains("seat"), "{own}");
        }
        seat(&bea, "Opal Operator").await.unwrap();

        let mint = async |who: &countersign_client::Client, body: Value| {
            let minted = who.call::<Value>(Method::POST, "v1/tokens", Body::Json(&body), None).await;
            minted.map_err(|why| why.to_string())
        };
        let olga = json!({"person": id("Olga Officer"), "roles": ["reviewer"]});
        let refused = mint(&ada, olga.clone()).await.unwrap_err();
        assert!(!refused.contains("second administrator"), "no second makes it right: {refused}");
        mint(&bea, olga).await.unwrap_err();
        let attests = json!({"service": "crm", "roles": ["submitter"], "attests": ["identity"]});
        let alone = mint(&ada, attests.clone()).await.unwrap_err();
        assert!(alone.contains("second administrator"), "{alone}");
        mint(&bea, attests).await.unwrap();

        // Nobody makes a second administrator of their own: neither the person, nor what they would sign in with.
        let post = async |who: &countersign_client::Client, path: &str, body: Body<'_, Value>| {
            let said = who.call::<Value>(Method::POST, path, body, None).await;
            said.map_err(|why| why.to_string())
        };
        let puppet = json!({"name": "Bo", "identities": {"email": "bo@example.test"}, "administers": true});
        let alone = post(&ada, "v1/people", Body::Json(&puppet)).await.unwrap_err();
        assert!(alone.contains("second administrator") || alone.contains("two administrators"), "{alone}");
        let bo = post(&bea, "v1/people", Body::Json(&puppet)).await.unwrap();
        let device = format!("v1/people/{}/totp", bo["id"].as_str().unwrap());
        let alone = post(&ada, &device, Body::Empty).await.unwrap_err();
        assert!(alone.contains("two administrators") && !alone.contains("otpauth"), "{alone}");
        post(&bea, &device, Body::Empty).await.unwrap();
    });

    node.stop();
    let again =
        node.say(&["init", "settings", "--people", "people.toml", "--origin", "x.test/y", "--tokens", "t"]);
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && why.contains("works once"), "{why}");
    // Both words of each stand in the ledger.
    let store = Connection::open(node.folder().join("data/countersign.db")).unwrap();
    let told = |did: &str| -> i64 {
        let question = "select count(*) from log_entry where instr(cast(body as text), ?1) > 0";
        store.query_row(question, [format!("\"did\":\"{did}\"")], |row| row.get(0)).unwrap()
    };
    assert_eq!((told("proposed"), told("countersigned")), (6, 5));
}

#[test]
fn a_node_that_cannot_read_the_active_settings_judges_nothing_and_says_so() {
    let mut node = Node::begin(60);
    node.start();
    let held = {
        let people = People::at(&node);
        let held = people.ask("erase", 20);
        people.until(&held, "it waits for an officer", |seen| seen.digest.is_some());
        held
    };
    node.stop();
    // A version that a newer program entered, and this one does not understand.
    let path = node.folder().join("data/countersign.db");
    let store = Connection::open(&path).unwrap();
    let kept: Vec<u8> = store.query_row("select body from settings", [], |row| row.get(0)).unwrap();
    let (update, guard) = (
        "update settings set body = ?1",
        "create trigger settings_are_kept_1 before update on settings \
         begin select raise(abort, 'a version of the settings never changes'); end",
    );
    let text = String::from_utf8(kept.clone()).unwrap();
    let newer = text.replace("groups = [", "tribes = [").into_bytes();
    assert_ne!(newer, kept);
    store.execute_batch("drop trigger settings_are_kept_1").unwrap();
    store.execute(update, [&newer]).unwrap();
    store.execute_batch(guard).unwrap();
    drop(store);

    node.start();
    let people = People::at(&node);
    let ready = people.page("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("settings"), "{ready}");
    assert!(people.page("/healthz").starts_with("HTTP/1.1 200"), "it lives, and can be asked why");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let unheard = SettingsFiles { files: Default::default(), expected_version: None, dry_run: true };
    runtime.block_on(node.client("ada-admin").apply(&unheard)).unwrap_err();
    let (code, report) = {
        let said = node.say(&["doctor"]);
        (said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    assert!(code != Some(0) && report.contains("settings"), "{report}");
    let request = runtime.block_on(node.client("opal-operator").request(&held));
    assert!(request.map_or(true, |seen| seen.status == "waiting"), "nothing is judged");
    node.stop();

    // Put right, it goes on where it was.
    let store = Connection::open(&path).unwrap();
    store.execute_batch("drop trigger settings_are_kept_1").unwrap();
    store.execute(update, [&kept]).unwrap();
    store.execute_batch(guard).unwrap();
    drop(store);
    node.start();
    let people = People::at(&node);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !people.page("/readyz").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "{}", node.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    people.approve(&held);
    people.until(&held, "it is carried out", |seen| seen.status == "completed");
    node.stop();
}
