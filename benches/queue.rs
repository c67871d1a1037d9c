//! Claiming and finishing jobs in PostgreSQL with its durable defaults: the store's own, against a script for pgbench that
//! claims batches of the same size with `skip locked` and ends each in one statement. As many at once in both; the median
//! of several rounds each, by turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use countersign_service::ports::store::{Becomes, Job, JobEnd, Store};
use countersign_store::{PostgresOptions, PostgresStore};
use countersign_testing::postgres::{Database, Server, Unavailable};

use crate::line::{Limit, Line};
use crate::two_nodes::median;

/// Jobs claimed in one go, as a node does.
const BATCH: u32 = 64;
/// Who claims at once: on two nodes, half of them each.
const AT_ONCE: usize = 8;
/// Batches of each in a round.
const EACH: usize = 20;
const ROUNDS: usize = 5;
const LEASE_MS: i64 = 30_000;

const SCRIPT: &str = "
with now as (select (extract(epoch from statement_timestamp()) * 1000)::bigint as ms),
ready as (select id from job where ready_at <= (select ms from now) order by ready_at, id limit 64
    for update skip locked),
claimed as (update job set fence = fence + 1, lease_until = (select ms from now) + 30000, claimed = generation,
    attempts = attempts + 1 where id in (select id from ready) returning id, kind, key, body)
select array_agg(id) as ids, min(kind) as kind, min(key) as key, min(body::text) as body from claimed \\gset
delete from job where id = any(cast(:ids as bigint[])) and lease_until is not null;
";

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    measured(folder).unwrap_or_else(|why| {
        println!("jobs in PostgreSQL are not measured: {why}");
        Vec::new()
    })
}

fn measured(folder: &Path) -> Result<Vec<Line>, Unavailable> {
    let server = Server::durable()?;
    let database = server.database()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let nodes: Vec<Arc<PostgresStore>> = (0..2)
        .map(|node| {
            let options =
                PostgresOptions { node: format!("node {node}"), ..PostgresOptions::new(database.url()) };
            Arc::new(runtime.block_on(PostgresStore::open(options)).unwrap())
        })
        .collect();
    let script = folder.join("jobs.sql");
    std::fs::write(&script, SCRIPT).unwrap();
    let all = (AT_ONCE * EACH) as f64 * f64::from(BATCH);
    let rate = |start: Instant| all / start.elapsed().as_secs_f64();
    let (mut own, mut single, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        fill(&database)?;
        let start = Instant::now();
        runtime.block_on(work(&nodes, End::Together));
        let together = rate(start);
        fill(&database)?;
        let start = Instant::now();
        runtime.block_on(work(&nodes, End::Each));
        let each = rate(start);
        fill(&database)?;
        let (clients, turns) = (AT_ONCE.to_string(), EACH.to_string());
        let how = ["-M", "prepared", "-c", &clients, "-j", "2", "-t", &turns, "-f", script.to_str().unwrap()];
        let by_hand = server.pgbench(database.name(), &how)? * f64::from(BATCH);
        // What is new in the first round is not measured.
        if round > 0 {
            own.push(together);
            single.push(each);
            theirs.push(by_hand);
        }
    }
    let (own, single, theirs) = (median(own), median(single), median(theirs));
    let reference = format!("pgbench, skip locked {theirs:.0} /s");
    Ok(vec![
        Line {
            name: format!("jobs claimed and finished, {BATCH} a batch"),
            ours: format!("{own:.0} /s"),
            reference: reference.clone(),
            ratio: own / theirs,
            limit: Limit::AtLeast(0.9),
        },
        Line {
            name: "  each finished in a transaction of its own".to_owned(),
            ours: format!("{single:.0} /s"),
            reference,
            ratio: single / theirs,
            limit: Limit::None,
        },
    ])
}

/// As many jobs as a round takes, all ready.
fn fill(database: &Database<'_>) -> Result<(), Unavailable> {
    let jobs = AT_ONCE * EACH * BATCH as usize;
    database.run(&format!(
        "truncate job; insert into job (kind, key, body, run_at) \
         select 'advance', 'request ' || n, '\\x6e6f7468696e67', n from generate_series(1, {jobs}) n"
    ))?;
    database.run("vacuum analyze job").map(drop)
}

/// How a batch is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Together,
    Each,
}

async fn work(nodes: &[Arc<PostgresStore>], end: End) {
    let mut workers = tokio::task::JoinSet::new();
    for at in 0..AT_ONCE {
        let store = Arc::clone(&nodes[at % nodes.len()]);
        workers.spawn(async move {
            for _ in 0..EACH {
                let jobs = store.claim(BATCH, LEASE_MS).await.unwrap();
                assert_eq!(jobs.len(), BATCH as usize);
                let ends = jobs.into_iter().map(|Job { id, fence, .. }| JobEnd {
                    id,
                    fence,
                    becomes: Becomes::Done,
                });
                match end {
                    End::Together => finish(&store, ends.collect()).await,
                    End::Each => {
                        let mut each = tokio::task::JoinSet::new();
                        for end in ends {
                            let store = Arc::clone(&store);
                            each.spawn(async move { finish(&store, vec![end]).await });
                        }
                        while let Some(ended) = each.join_next().await {
                            ended.unwrap();
                        }
                    }
                }
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
}

async fn finish(store: &PostgresStore, ends: Vec<JobEnd>) {
    store.end(ends).await.unwrap();
}
