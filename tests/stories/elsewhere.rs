//! A shop whose customers are also in logs: three people are erased in different orders, and each table and file is
//! looked at afterwards. Nothing of anybody else is touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use countersign_client::Client;
use countersign_client::view::{Ballot, Choice, Request, Submission};
use rusqlite::Connection;

use crate::node::Node;

/// Number, e-mail, account.
const PEOPLE: [(u32, &str, &str); 4] = [
    (12, "ana@people.test", "4200"),
    (13, "ben@people.test", "14200"),
    (14, "cy@people.test", "42"),
    (15, "dora@people.test", "420"),
];

const LOGS: &str = r#"
source = "logs"
[[root]]
table = "person"
key = ["email", "account"]
identities = { email = "email", account = "account" }
treatment = "delete"
[[table]]
name = "access.log*"
[[table.way]]
column = "line"
equals = "{email}"
compare = "ignore-case"
treatment = "delete"
[[table.way]]
column = "line"
equals = "user={account}"
treatment = "delete"
[[table]]
name = "events.jsonl*"
[[table.way]]
column = "account"
equals = "{account}"
treatment = "delete"
"#;

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
}

fn plant(node: &Node) {
    let shop = Connection::open(node.shop()).unwrap();
    for (id, email, account) in PEOPLE {
        let change = "update customer set email = ?1, account = ?2 where id = ?3";
        assert_eq!(shop.execute(change, (email, account, id)).unwrap(), 1);
    }
    let at = node.folder();
    let (mut access, mut events) = (String::new(), String::new());
    for (_, email, account) in PEOPLE {
        access += &format!("user={account} GET /\nmail to {}\n", email.to_uppercase());
        events += &format!("{{\"account\":{account},\"ms\":42}}\n");
    }
    access += "ana@people.test wrote to cy@people.test\nnobody at all\n";
    put(&at.join("logs/access.log.1"), &access);
    put(&at.join("logs/access.log"), "user=42 is here\n");
    put(&at.join("logs/events.jsonl.1"), &events);
    std::fs::write(at.join("settings/maps/logs.toml"), LOGS).unwrap();
    let config = at.join("countersign.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let logs = "[sources.logs]\nkind = \"logs\"\ndirectory = \"logs\"\nlive = [\"access.log\"]\n";
    std::fs::write(config, text + logs).unwrap();
}

async fn erased(node: &Node, email: &str) -> Request {
    let (desk, officer) = (node.client("desk"), node.client("olga-officer"));
    let asked = Submission {
        action: "erase".to_owned(),
        subject: BTreeMap::from([("email".to_owned(), email.to_owned())]),
        ..Submission::default()
    };
    let id = desk.submit(&asked, None).await.unwrap().id;
    let looked = until(&officer, &id, |it| it.digest.is_some()).await;
    let ballot = Ballot {
        vote: Choice::Approve,
        seat: "privacy".to_owned(),
        digest: looked.digest,
        ceiling: None,
        reason: None,
    };
    officer.vote(&id, &ballot).await.unwrap();
    until(&officer, &id, |it| it.status == "completed").await
}

async fn until(client: &Client, id: &str, there: impl Fn(&Request) -> bool) -> Request {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let request = client.request(id).await.unwrap();
        if there(&request) {
            return request;
        }
        assert!(Instant::now() < deadline, "request {id} is {} ({:?})", request.status, request.stuck);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What there is of whom, everywhere.
fn look(node: &Node, gone: &[usize]) {
    let shop = Connection::open(node.shop()).unwrap();
    let access = std::fs::read_to_string(node.folder().join("logs/access.log.1")).unwrap();
    let events = std::fs::read_to_string(node.folder().join("logs/events.jsonl.1")).unwrap();
    for (n, (id, email, account)) in PEOPLE.into_iter().enumerate() {
        let there = !gone.contains(&n);
        let count = "select count(*) from customer where id = ?1 and email = ?2";
        let row: u32 = shop.query_row(count, (id, email), |row| row.get(0)).unwrap();
        assert_eq!(row == 1, there, "the shop's {email}");
        assert_eq!(access.contains(&format!("user={account} ")), there, "{email} in {access}");
        assert_eq!(access.contains(&email.to_uppercase()), there, "{email} in {access}");
        assert_eq!(events.contains(&format!("\"account\":{account},")), there, "{email} in {events}");
    }
    assert_eq!(access.contains("ana@people.test wrote"), !gone.contains(&0), "{access}");
    assert_eq!(access.contains("wrote to cy@people.test"), !gone.contains(&2), "{access}");
    assert!(access.contains("nobody at all\n"));
}

#[test]
fn people_go_from_everywhere_in_any_order_and_nobody_else_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for order in [[0, 1, 2], [2, 0, 1]] {
        let mut node = Node::prepare(60, plant);
        for source in ["logs"] {
            let said = node.run(&["source", "check", source, &format!("settings/maps/{source}.toml")]);
            assert!(said.contains("the map can be used"), "{said}");
        }
        node.start();
        look(&node, &[]);
        let mut gone = vec![];
        let mut last = None;
        for person in order {
            let request = runtime.block_on(erased(&node, PEOPLE[person].1));
            gone.push(person);
            look(&node, &gone);
            let plan = request.plan.as_ref().unwrap();
            let logs = plan.sources.iter().filter(|it| it.name == "logs").flat_map(|it| &it.tables);
            let logs: u64 = logs.map(|it| it.rows).sum();
            assert!(logs >= 3, "{logs} lines were planned");
            // The line of the file that is still written is told, and stays.
            let result = serde_json::to_value(&request.result).unwrap();
            assert_eq!(result["left"].to_string().contains("still written"), person == 2, "{result}");
            last = Some(request.id);
        }
        let live = std::fs::read_to_string(node.folder().join("logs/access.log")).unwrap();
        assert_eq!(live, "user=42 is here\n");
        let evidence = runtime.block_on(node.client("opal-operator").evidence(&last.unwrap())).unwrap();
        assert!(!evidence.to_string().contains("people.test"));
        node.run(&["ledger", "export", "exported"]);
        node.run(&["ledger", "verify", "exported", "--vkey", "keys/ledger.vkey"]);
    }
}
