//! By hand: many requests stored and many waiting, in PostgreSQL with its durable defaults, and how long a page of the
//! inbox and the page of a request take with a warm cache. A thousand of them were submitted and surveyed; the others are
//! copies of one of these, made by the server: without sealed fields and entries of the ledger of their own, and without a
//! survey those that are completed. No page of another request reads those, and ten million would need twice the disk.

use std::path::Path;
use std::time::Instant;

use countersign_testing::postgres::{Database, Server, Unavailable};
use tokio_postgres::Client as Db;

use crate::client::Client;
use crate::large;
use crate::line::{Limit, Line};
use crate::node::Node;
use crate::two_nodes::connect;

/// Requests that came over HTTP, each of another customer: a tenth of all, and no more than these.
const REAL: i64 = large::OTHERS;
/// Copies made in one transaction.
const AT_ONCE: i64 = 100_000;
/// Calls of each kind, of fewer requests no more than there are.
const CALLS: usize = 2_000;
/// As far as somebody turns pages.
const PAGES: usize = 20;
const WITHIN_MS: f64 = 20.0;

pub(crate) fn measure(folder: &Path, stored: i64, waiting: i64) -> Vec<Line> {
    measured(folder, stored, waiting).unwrap_or_else(|why| {
        println!("stored requests are not measured: {why}");
        Vec::new()
    })
}

fn measured(folder: &Path, stored: i64, waiting: i64) -> Result<Vec<Line>, Unavailable> {
    let server = Server::durable()?;
    let database = server.database()?;
    let nodes = Node::begin_two(folder, &database.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = runtime.block_on(submit(&nodes[0], REAL.min(stored / 10)));
    let db = runtime.block_on(async { connect(&database.url()).await });
    fill(&runtime, &database, &db, stored - real.len() as i64, waiting)?;
    let (inbox, mine, page) = runtime.block_on(read(&nodes, &real, CALLS.min(stored as usize)));
    let line = |what: &str, took: f64| Line {
        name: format!("{what}, p99, {stored} stored, {waiting} waiting"),
        ours: format!("{took:.1} ms"),
        reference: format!("{WITHIN_MS} ms"),
        ratio: took / WITHIN_MS,
        limit: Limit::AtMost(1.0),
    };
    Ok(vec![line("inbox page", inbox), line("what waits for me", mine), line("request page", page)])
}

/// Erasures that the desk asks for; they wait for a vote.
async fn submit(node: &Node, real: i64) -> Vec<String> {
    let mut desk = Client::connect(&node.address, &node.token("desk")).await;
    let mut ids = Vec::new();
    for customer in 2..2 + real {
        let body = format!(r#"{{"action":"erase","subject":{{"email":"{}"}}}}"#, large::email(customer));
        let (status, answer) = desk.post("/v1/requests", &body).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
        let request: serde_json::Value = serde_json::from_slice(answer).unwrap();
        ids.push(request["id"].as_str().unwrap().to_owned());
    }
    let mut reader = Client::connect(&node.address, &node.token("olga")).await;
    let since = Instant::now();
    for id in &ids {
        // Until it was looked at, and waits for nothing but people.
        loop {
            let (_, request) = reader.get(&format!("/v1/requests/{id}")).await;
            if request["digest"].is_string() {
                break;
            }
            assert!(since.elapsed().as_secs() < 600, "{request:#}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    ids
}

/// Copies of a request that waits; those beyond `waiting` are completed. Whom they are about differs from copy to copy.
fn fill(
    runtime: &tokio::runtime::Runtime,
    database: &Database<'_>,
    db: &Db,
    stored: i64,
    waiting: i64,
) -> Result<(), Unavailable> {
    const ID: &str = "int8send(1) || int8send(n)";
    const FRESH: &str = "int8send(n) || int8send(n + 1) || int8send(n + 2) || int8send(n + 3)";
    let last = "select id, id::text as shown from request order by submitted_at, id limit 1";
    let row = runtime.block_on(db.query_one(last, &[])).unwrap();
    let of = format!("'{}'::bytea", row.get::<_, String>(1));
    let uuid = |id: &str| format!("(encode({id}, 'hex')::uuid)::text");
    // What is lost in a crash is only the bench.
    database.run("alter system set full_page_writes = off;")?;
    database.run("select pg_reload_conf();")?;
    for from in (0..stored).step_by(AT_ONCE as usize) {
        let to = (from + AT_ONCE).min(stored);
        // Waiting ones stand among the others, as old requests that nobody came to.
        let waits = format!("(n * {waiting} / {stored} <> (n + 1) * {waiting} / {stored})");
        let series = format!("generate_series({from}::bigint, {}::bigint) n", to - 1);
        let sql = format!(
            "begin;
            insert into request select {ID}, version, case when {waits} then status else 'completed' end, action,
                channel, submitted_at - n * 10, due_at, case when {waits} then expires_at end, started_at,
                changed_at - n * 10 from request, {series} where id = {of};
            insert into event select {ID}, seq, at - n * 10, kind, form, body from event, {series}
                where request = {of};
            insert into request_term select name, case when name in ('root', 'identity', 'stated') then {FRESH}
                else value end, submitted_at - n * 10, {ID} from request_term, {series}
                where request = {of} and (name not in ('waiting', 'not_for') or {waits}) on conflict do nothing;
            insert into record select kind, {}, version, expires_at, body from record, {series} where id = {} and {waits};
            commit;",
            uuid(ID),
            uuid(&of),
        );
        database.run(&sql)?;
    }
    database.run("vacuum analyze;")?;
    database.run("alter system reset full_page_writes;")?;
    database.run("select pg_reload_conf();").map(drop)
}

/// The 99th percentiles, in milliseconds: pages of the inbox, what waits for one's own seat, pages of requests.
async fn read(nodes: &[Node; 2], real: &[String], calls: usize) -> (f64, f64, f64) {
    let mut officer = Client::connect(&nodes[0].address, &nodes[0].token("olga")).await;
    let inbox = "/v1/requests?status=waiting&waiting_for=vote:privacy&order=oldest";
    let mut took = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..2 {
        took = (Vec::new(), Vec::new(), Vec::new());
        let mut path = inbox.to_owned();
        for call in 0..calls {
            let page = timed(&mut officer, &path, &mut took.0).await;
            path = match page["cursor"].as_str() {
                Some(cursor) if call % PAGES != PAGES - 1 => format!("{inbox}&cursor={cursor}"),
                _ => inbox.to_owned(),
            };
            let id = &real[call * 7 % real.len()];
            timed(&mut officer, &format!("/v1/requests/{id}"), &mut took.2).await;
            if call % 10 == 0 {
                timed(&mut officer, "/v1/requests?waiting_for=me", &mut took.1).await;
            }
        }
        if round == 0 {
            println!("the cache is warm");
        }
    }
    let p99 = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() * 99 / 100]
    };
    (p99(took.0), p99(took.1), p99(took.2))
}

async fn timed(client: &mut Client, path: &str, took: &mut Vec<f64>) -> serde_json::Value {
    let start = Instant::now();
    let (status, answer) = client.get(path).await;
    took.push(start.elapsed().as_secs_f64() * 1e3);
    assert_eq!(status, 200, "{path}: {answer:#}");
    answer
}
