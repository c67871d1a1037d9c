//! Two nodes over PostgreSQL with its durable defaults: submits over HTTP from 64 clients against pgbench, which writes
//! the same rows with as many clients on the same server; and how long a commit waits for its proof under a checkpoint.
//! The median of several rounds each, by turns. Ours also puts its entries into the ledger and signs its head.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_store::{PostgresOptions, PostgresStore};
use countersign_testing::postgres::{Database, Server, Unavailable};
use tokio_postgres::{Client as Db, NoTls};

use crate::by_hand;
use crate::client::Client;
use crate::line::{Limit, Line};
use crate::node::Node;

const CLIENTS: usize = 64;
/// Submits of each client in a round.
const EACH: usize = 60;
const ROUNDS: usize = 5;
/// How long submits come at half the rate, while their proofs are waited for.
const STEADY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    measured(folder).unwrap_or_else(|why| {
        println!("two nodes over PostgreSQL are not measured: {why}");
        Vec::new()
    })
}

fn measured(folder: &Path) -> Result<Vec<Line>, Unavailable> {
    let server = Server::durable()?;
    let (ours, theirs) = (server.database()?, server.database()?);
    let nodes = Node::begin_two(folder, &ours.url());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let db = runtime.block_on(connect(&ours.url()));
    let all = CLIENTS * EACH;
    runtime.block_on(async {
        submits(&nodes, EACH, None).await; // what is new at the first call is not measured
        drained(&db).await;
        // The same schema, empty.
        drop(PostgresStore::open(PostgresOptions::new(theirs.url())).await.unwrap());
    });
    let scripts = [false, true].map(|pipeline| {
        let path = folder.join(if pipeline { "pipeline.sql" } else { "plain.sql" });
        std::fs::write(&path, runtime.block_on(by_hand::like_last_request(&db, pipeline))).unwrap();
        path
    });
    let (mut own, mut plain, mut pipeline) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        runtime.block_on(submits(&nodes, EACH, None));
        own.push(all as f64 / start.elapsed().as_secs_f64());
        runtime.block_on(drained(&db));
        plain.push(bench(&server, &theirs, &scripts[0])?);
        pipeline.push(bench(&server, &theirs, &scripts[1])?);
    }
    let (own, plain, pipeline) = (median(own), median(plain), median(pipeline));
    let rate = own / 2.0;
    let late = runtime.block_on(proofs(&nodes, &ours, &db, rate));
    Ok(vec![
        line(
            format!("durable submits over HTTP, {CLIENTS} clients, 2 nodes"),
            own,
            "pgbench, the same rows",
            plain,
            true,
        ),
        line(
            "  beside one that sends all at once".to_owned(),
            own,
            "pgbench, in a pipeline",
            pipeline,
            false,
        ),
        Line {
            name: format!("commit to proof under a checkpoint, p99, {rate:.0} /s"),
            ours: format!("{late:.0} ms"),
            reference: "250 ms".to_owned(),
            ratio: late / 250.0,
            limit: Limit::AtMost(1.0),
        },
    ])
}

fn line(name: String, ours: f64, what: &str, theirs: f64, counts: bool) -> Line {
    Line {
        name,
        ours: format!("{ours:.0} /s"),
        reference: format!("{what} {theirs:.0} /s"),
        ratio: ours / theirs,
        limit: if counts { Limit::AtLeast(1.0) } else { Limit::None },
    }
}

pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

pub(crate) async fn connect(url: &str) -> Db {
    let (db, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    db
}

fn bench(server: &Server, database: &Database<'_>, script: &Path) -> Result<f64, Unavailable> {
    let (clients, each) = (CLIENTS.to_string(), EACH.to_string());
    let script = script.to_str().unwrap();
    server.pgbench(database.name(), &["-M", "prepared", "-c", &clients, "-j", "2", "-t", &each, "-f", script])
}

/// Every client submits, one after the other, and waits for each answer; all together `rate` a second, if told.
async fn submits(nodes: &[Node; 2], each: usize, rate: Option<f64>) {
    static SUBJECTS: AtomicU64 = AtomicU64::new(0);
    let token = nodes[0].token("portal");
    let mut clients = tokio::task::JoinSet::new();
    let begin = Instant::now() + Duration::from_millis(200);
    for at in 0..CLIENTS {
        let mut client = Client::connect(&nodes[at % 2].address, &token).await;
        clients.spawn(async move {
            for turn in 0..each {
                if let Some(rate) = rate {
                    let due = begin + Duration::from_secs_f64((turn * CLIENTS + at) as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                }
                let subject = SUBJECTS.fetch_add(1, Ordering::Relaxed);
                let body = format!(
                    r#"{{"action":"erase","requester":"subject","subject":{{"email":"asker.{subject}@example.test"}}}}"#
                );
                let (status, answer) = client.post("/v1/requests", &body).await;
                assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

/// Waits until every entry is in the ledger and under a checkpoint.
async fn drained(db: &Db) {
    let left = "select (select count(*) from log_queue) \
                + (select size from log_head) - (select coalesce(max(size), 0) from log_checkpoint)";
    let since = Instant::now();
    loop {
        let left: i64 = db.query_one(left, &[]).await.unwrap().get(0);
        if left == 0 {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{left} entries are not proved");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The 99th percentile, in milliseconds, of the time from an event's own transaction, which is before its commit, to the
/// first checkpoint over its entry. The database's clock tells both.
async fn proofs(nodes: &[Node; 2], database: &Database<'_>, db: &Db, rate: f64) -> f64 {
    let before: i64 = db.query_one("select size from log_head", &[]).await.unwrap().get(0);
    let watcher = connect(&database.url()).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(watch(watcher, stopped));
    let each = (rate * STEADY.as_secs_f64() / CLIENTS as f64).ceil() as usize;
    submits(nodes, each, Some(rate)).await;
    drained(db).await;
    stop.send(()).unwrap();
    let seen = watching.await.unwrap();
    let entries = "select l.seq, e.at from log_entry l join event e on e.request = l.request and e.seq = l.event_seq \
                   where l.seq >= $1";
    let mut waited: Vec<f64> = db
        .query(entries, &[&before])
        .await
        .unwrap()
        .iter()
        .map(|row| {
            let (seq, at): (i64, i64) = (row.get(0), row.get(1));
            let first = seen.partition_point(|(size, _)| *size <= seq);
            (seen[first].1 - at) as f64
        })
        .collect();
    assert!(waited.len() >= each * CLIENTS);
    waited.sort_by(f64::total_cmp);
    waited[waited.len() * 99 / 100]
}

/// How far the checkpoints come, and when.
async fn watch(db: Db, mut stopped: tokio::sync::oneshot::Receiver<()>) -> Vec<(i64, i64)> {
    let newest = "select coalesce(max(size), 0), (extract(epoch from clock_timestamp()) * 1000)::bigint \
                  from log_checkpoint";
    let newest = db.prepare(newest).await.unwrap();
    let mut seen: Vec<(i64, i64)> = Vec::new();
    loop {
        let over = stopped.try_recv().is_ok();
        let row = db.query_one(&newest, &[]).await.unwrap();
        let (size, at) = (row.get(0), row.get(1));
        if seen.last().is_none_or(|(last, _)| *last < size) {
            seen.push((size, at));
        }
        if over {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
