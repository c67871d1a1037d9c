//! By hand: many requests waiting in the embedded store. Memory, the first page of the inbox, how fast a place that became
//! free is taken, and how much a changed policy, by which all of them are judged again, slows submits. Some hundreds were
//! submitted; the others are copies of two of these, one that waits for a vote and one that waits for room, made in the
//! store while no node had it open, without sealed fields of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, params};

use crate::client::Client;
use crate::large;
use crate::line::{Limit, Line};
use crate::node::Node;
use crate::submits;
use crate::two_nodes::median;

/// Erasures that wait for a vote, each of another customer.
const ASKED: i64 = 300;
/// Customers whose access waits for room, before all copies.
const TURNS: i64 = 100;
/// Copies made in one transaction.
const AT_ONCE: i64 = 50_000;
const CALLS: usize = 1_000;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(600);

/// One at a time, as the desk's policy says it first, and as it is changed to: what lets nobody more in.
const LIMITS: [&str; 2] =
    ["context.running.access < 1 }", "context.running.access < 1 && context.running.export < 9 }"];

pub(crate) fn measure(folder: &Path, waiting: i64) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let desk = format!(
        "@id(\"access.desk\")\npermit (principal is Service, action == Action::\"access\", resource is Subject)\n\
         when {{ context.attested.contains(\"identity\") && {};\n",
        LIMITS[0]
    );
    let node = Node::begin_with(folder, &desk);
    let id = runtime.block_on(ask(&node));
    let store = node.store();
    // Ended in the middle of it all, as by kill -9.
    drop(node);
    hold(&store);
    fill(&store, &id, waiting - ASKED - TURNS);

    let node = Node::again(folder);
    let (inbox, mine) = runtime.block_on(read(&node));
    let memory = node.resident_mib();
    let (alone, beside, judged) = rejudged(&runtime, &node, &store);
    // All are judged again meanwhile.
    let turns = turns(&store);
    let line = |name: String, took: f64, limit: f64| Line {
        name,
        ours: format!("{took:.1} ms"),
        reference: format!("{limit} ms"),
        ratio: took / limit,
        limit: Limit::AtMost(1.0),
    };
    vec![
        Line {
            name: format!("memory of a server with {waiting} waiting"),
            ours: format!("{memory:.1} MiB"),
            reference: "200 MiB".to_owned(),
            ratio: memory / 200.0,
            limit: Limit::AtMost(1.0),
        },
        line(format!("first page of the inbox, p99, {waiting} waiting"), inbox, 20.0),
        line(format!("what waits for me, p99, {waiting} waiting"), mine, 20.0),
        line("from a free place until the oldest has it, median".to_owned(), turns, 5.0),
        Line {
            name: "durable submits while all are judged again".to_owned(),
            ours: format!("{beside:.0} /s"),
            reference: format!("before {alone:.0} /s; judged {judged:.0} /s"),
            ratio: beside / alone,
            limit: Limit::AtLeast(0.8),
        },
    ]
}

/// Erasures that wait for a vote and, of the last customers, accesses that wait for their turn. The id of one of the former.
async fn ask(node: &Node) -> String {
    let mut desk = Client::connect(&node.address, &node.token("desk")).await;
    let mut first = None;
    for customer in 2..2 + ASKED {
        let id = submit(&mut desk, "erase", customer).await;
        first.get_or_insert(id);
    }
    let first = first.unwrap();
    let since = Instant::now();
    while !desk.get(&format!("/v1/requests/{first}")).await.1["digest"].is_string() {
        assert!(since.elapsed() < PATIENCE, "nobody looked at it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let token = node.token("desk");
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8 {
        let mut desk = Client::connect(&node.address, &token).await;
        clients.spawn(async move {
            for turn in (client..TURNS).step_by(8) {
                submit(&mut desk, "access", 2 + ASKED + turn).await;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    first
}

/// Whoever has the place keeps it: no node comes to that run.
fn hold(store: &Path) {
    let db = Connection::open(store).unwrap();
    let held = db
        .execute("update job set run_at = 9000000000000, lease_until = null where kind = 'run'", [])
        .unwrap();
    assert_eq!(held, 1, "the node ended between two runs: once more");
}

async fn submit(desk: &mut Client, action: &str, customer: i64) -> String {
    let body = format!(r#"{{"action":"{action}","subject":{{"email":"{}"}}}}"#, large::email(customer));
    let (status, answer) = desk.post("/v1/requests", &body).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let request: serde_json::Value = serde_json::from_slice(answer).unwrap();
    request["id"].as_str().unwrap().to_owned()
}

/// Copies: one of two waits for a vote, as `asked` does, and the other for room. Whom they are about differs.
fn fill(store: &Path, asked: &str, copies: i64) {
    let mut db = Connection::open(store).unwrap();
    db.create_scalar_function("id_of", 1, FunctionFlags::SQLITE_DETERMINISTIC, |it| {
        let n: i64 = it.get(0)?;
        // As ids are made: by time, then by anything.
        Ok([(1i64 << 40).to_be_bytes(), n.to_be_bytes()].concat())
    })
    .unwrap();
    db.create_scalar_function("name_of", 1, FunctionFlags::SQLITE_DETERMINISTIC, |it| {
        let id: Vec<u8> = it.get(0)?;
        let hex = hex::encode(id);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Ok(parts.join("-"))
    })
    .unwrap();
    let full: Vec<u8> = db
        .query_row(
            "select request from request_term where name = 'waiting' and value = ?1 limit 1",
            params![b"capacity:access"],
            |row| row.get(0),
        )
        .expect("one that waits for room");
    let asked = hex::decode(asked.replace('-', "")).unwrap();
    for from in (0..copies).step_by(AT_ONCE as usize) {
        let to = (from + AT_ONCE).min(copies);
        let transaction = db.transaction().unwrap();
        for (of, odd) in [(&asked, 0), (&full, 1)] {
            for sql in COPIES {
                let sql = sql.replace(
                    "SERIES",
                    "(with recursive s (n) as (select ?2 + ((?2 + ?4) % 2) union all select n + 2 from s where n + 2 < ?3) \
                     select n from s where n < ?3)",
                );
                transaction.execute(&sql, params![of, from, to, odd]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    db.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
}

/// `?1` is what is copied. Copies come ten minutes after it: whoever was submitted has its turn first.
const COPIES: [&str; 5] = [
    "insert into request select id_of(n), version, status, action, channel, submitted_at + 600000 + n, due_at, expires_at,
        started_at, changed_at + 600000 + n from request, SERIES where id = ?1",
    "insert into event select id_of(n), seq, at + 600000 + n, kind, form, 1000000000000 + n * 16 + seq, body
        from event, SERIES where request = ?1",
    "insert into log_entry select 1000000000000 + n * 16 + e.seq, l.body
        from event e join log_entry l on l.seq = e.leaf, SERIES where e.request = ?1",
    "insert into request_term select name,
        case when name in ('root', 'identity', 'stated') then randomblob(32) else value end, submitted_at + 600000 + n, id_of(n)
        from request_term, SERIES where request = ?1",
    "insert into record select kind, name_of(id_of(n)), version, expires_at, body
        from record, SERIES where id = name_of(?1)",
];

/// The median, in milliseconds, of the time from the end of one run until the next in line was released; whoever was held
/// gives the place free.
fn turns(store: &Path) -> f64 {
    let db = Connection::open(store).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    let (free, since) =
        (db.execute("update job set run_at = 0 where kind = 'run'", []).unwrap(), Instant::now());
    assert_eq!(free, 1);
    let ended = "select count(*) from request where action = 'access' and status = 'completed'";
    loop {
        let ended: i64 = db.query_row(ended, [], |row| row.get(0)).unwrap();
        if ended >= TURNS {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{ended} of {TURNS} had their turn");
        std::thread::sleep(Duration::from_millis(100));
    }
    let moments = |kind: &str| -> Vec<i64> {
        let sql = "select e.at from event e join request r on r.id = e.request \
                   where r.action = 'access' and r.status = 'completed' and e.kind = ?1 order by e.at";
        let mut moments = db.prepare(sql).unwrap();
        moments.query_map([kind], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let (free, taken) = (moments("completed"), moments("released"));
    let gaps = free.iter().filter_map(|free| taken.iter().find(|taken| *taken >= free).map(|it| it - free));
    let gaps: Vec<f64> = gaps.map(|gap| gap as f64).collect();
    // What was done before all of these were there does not count.
    median(gaps[gaps.len() / 2..].to_vec())
}

/// The 99th percentiles of the first page of the inbox and of what waits for oneself, in milliseconds.
async fn read(node: &Node) -> (f64, f64) {
    let mut officer = Client::connect(&node.address, &node.token("olga")).await;
    let mut p99 = Vec::new();
    for path in
        ["/v1/requests?status=waiting&waiting_for=vote:privacy&order=oldest", "/v1/requests?waiting_for=me"]
    {
        let mut took = Vec::new();
        for call in 0..CALLS + CALLS / 10 {
            let start = Instant::now();
            let (status, page) = officer.get(path).await;
            assert_eq!(status, 200, "{page:#}");
            // The first of them warm the cache.
            if call >= CALLS / 10 {
                took.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        took.sort_by(f64::total_cmp);
        p99.push(took[took.len() * 99 / 100]);
    }
    (p99[0], p99[1])
}

/// Submits a second before the settings change and while everything is judged again, and how many are judged a second
/// once nobody submits.
fn rejudged(runtime: &tokio::runtime::Runtime, node: &Node, store: &Path) -> (f64, f64, f64) {
    let db = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let rate = || {
        let start = Instant::now();
        submits::submits(node);
        submits::ALL as f64 / start.elapsed().as_secs_f64()
    };
    rate();
    let alone = median((0..ROUNDS).map(|_| rate()).collect());
    runtime.block_on(change(node, LIMITS[1]));
    // Where a slice begins, by the time at which its first request was submitted.
    let place = || -> Option<i64> {
        let sql = "select key from job where kind = 'rejudge'";
        let key: Option<String> = db.query_row(sql, [], |row| row.get(0)).ok();
        key.map(|key| key.split_once('/').map_or(0, |(at, _)| at.parse().unwrap()))
    };
    let beside = median((0..ROUNDS).map(|_| rate()).collect());
    let (from, start) =
        (place().expect("all were judged before the submits ended: that measured nothing"), Instant::now());
    std::thread::sleep(Duration::from_secs(10));
    let to = place().unwrap_or(i64::MAX);
    let between =
        "select count(*) from request where status = 'waiting' and submitted_at > ?1 and submitted_at <= ?2";
    let judged: i64 = db.query_row(between, [from, to], |row| row.get(0)).unwrap();
    (alone, beside, judged as f64 / start.elapsed().as_secs_f64())
}

/// Another limit in the desk's policy.
async fn change(node: &Node, limit: &str) {
    let mut ada = Client::connect(&node.address, &node.token("ada")).await;
    let (_, settings) = ada.get("/v1/settings").await;
    let mut files = settings["files"].clone();
    let desk = files["policies/desk.cedar"].as_str().unwrap();
    let now = LIMITS.iter().find(|it| desk.contains(**it)).unwrap();
    files["policies/desk.cedar"] = desk.replace(now, limit).into();
    let body = serde_json::json!({ "files": files }).to_string();
    let (status, answer) = ada.post("/v1/settings", &body).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
}
