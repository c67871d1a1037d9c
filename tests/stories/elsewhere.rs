//! A shop whose customers are also in logs, in files and in a service: three people are erased in different orders, and
//! each table and file is looked at afterwards. Nothing of anybody else is touched.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use countersign_client::Client;
use countersign_client::view::{Ballot, Choice, Request, Submission};
use rusqlite::Connection;

use crate::node::Node;

#[path = "../../examples/http-source/main.rs"]
#[allow(dead_code)]
mod http_source;

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

const FILES: &str = r#"
source = "files"
[[root]]
table = "person"
key = ["account"]
identities = { account = "account" }
treatment = "delete"
[[table]]
name = "uploads"
[[table.way]]
column = "path"
equals = "users/{account}/"
treatment = "delete"
"#;

const DESK: &str = r#"
source = "desk"
[[root]]
table = "person"
key = ["email", "account"]
identities = { email = "email", account = "account" }
treatment = "delete"
[[table]]
name = "ticket"
[[table.way]]
column = "subject"
equals = "{email}"
treatment = "delete"
[[table]]
name = "call"
[[table.way]]
column = "subject"
equals = "{account}"
treatment = "clear"
empty = ["account"]
"#;

const KEY: &str = "a key that the desk and we share, long enough";
/// In this variable a child process finds its database.
const DATABASE: &str = "COUNTERSIGN_STORY_DESK";

/// The service of `examples/http-source`; without the variable it is no test.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    http_source::serve(&database, "127.0.0.1:0", KEY.as_bytes().to_vec()).await.unwrap();
}

/// The support desk, as a process.
struct Desk(Child);

impl Desk {
    fn start(database: &Path) -> (Self, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "elsewhere::child", "--nocapture", "--test-threads=1"])
            .env(DATABASE, database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = out.lines().map_while(Result::ok);
        let address = said.filter_map(|it| Some(it.split_once("listening on ")?.1.to_owned())).next();
        (Self(child), address.unwrap())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
}

fn plant(node: &Node, desk: &str) {
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
    let tickets = Connection::open(at.join("desk.sqlite")).unwrap();
    for (_, email, account) in PEOPLE {
        put(&at.join(format!("uploads/users/{account}/letter.txt")), email);
        let sql = "insert into ticket (email, at_ms, text) values (?1, 1, 'help')";
        tickets.execute(sql, [email]).unwrap();
        tickets.execute("insert into call (account, minutes) values (?1, 7)", [account]).unwrap();
    }
    for (name, map) in [("logs", LOGS), ("files", FILES), ("desk", DESK)] {
        std::fs::write(at.join(format!("settings/maps/{name}.toml")), map).unwrap();
    }
    std::fs::write(at.join("desk.key"), KEY).unwrap();
    let config = at.join("countersign.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let logs = "[sources.logs]\nkind = \"logs\"\ndirectory = \"logs\"\nlive = [\"access.log\"]\n";
    let files = "[sources.files]\nkind = \"files\"\ndirectory = \"uploads\"\n";
    let desk = format!(
        "[sources.desk]\nkind = \"http\"\nurl = \"{desk}\"\nkey_file = \"desk.key\"\nallow_private = true\n"
    );
    std::fs::write(config, text + logs + files + &desk).unwrap();
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
    let desk = Connection::open(node.folder().join("desk.sqlite")).unwrap();
    let minutes: u32 = desk.query_row("select sum(minutes) from call", [], |row| row.get(0)).unwrap();
    assert_eq!(minutes, 28, "calls stay, without the caller");
    for (n, (id, email, account)) in PEOPLE.into_iter().enumerate() {
        let there = !gone.contains(&n);
        let count = "select count(*) from customer where id = ?1 and email = ?2";
        let row: u32 = shop.query_row(count, (id, email), |row| row.get(0)).unwrap();
        assert_eq!(row == 1, there, "the shop's {email}");
        let letter = node.folder().join(format!("uploads/users/{account}/letter.txt"));
        assert_eq!(letter.exists(), there, "the file of {email}");
        for (sql, value) in [
            ("select count(*) from ticket where email = ?1", email),
            ("select count(*) from call where account = ?1", account),
        ] {
            let rows: u32 = desk.query_row(sql, [value], |row| row.get(0)).unwrap();
            assert_eq!(rows == 1, there, "{sql}: {value}");
        }
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
        let mut desk = None;
        let mut node = Node::prepare(60, |node| {
            let (process, address) = Desk::start(&node.folder().join("desk.sqlite"));
            plant(node, &address);
            desk = Some(process);
        });
        for source in ["logs", "files", "desk"] {
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
            assert_eq!(
                plan.sources.iter().map(|it| &*it.name).collect::<Vec<_>>(),
                ["desk", "files", "logs", "shop"]
            );
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
