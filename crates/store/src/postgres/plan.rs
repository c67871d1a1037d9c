//! Every question that the API and the loops ask is answered from an index: by PostgreSQL's own plans, over enough rows
//! for a look through a table to be the worse choice. No plan is forced.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Find, Gauge, IndexTerm, Needs, Query, Status};
use countersign_testing::postgres::{Database, database_or_skip};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::load::{For, Look};
use super::value::Value;
use super::{PostgresOptions, PostgresStore, job, list, log, queue, record, request, sealed, sequencer};

const ROWS: u32 = 50_000;

/// Tables that are small, or of which all is asked for.
const SMALL: [&str; 6] = ["log_head", "settings", "lease", "lock", "heartbeat", "schema_version"];

/// An index of the few requests that hold a place, which may be read from end to end.
const OF_FEW: &str = " using request_holding ";

/// A full house: mostly completed, some waiting, few that hold a place.
fn fill(database: &Database<'_>) {
    let id = "decode(md5(n::text), 'hex')";
    let sql = format!(
        "insert into request select {id}, 1, \
            case when n % 100 < 90 then 'completed' when n % 1000 = 999 then 'running' else 'waiting' end, \
            case n % 3 when 0 then 'erase' when 1 then 'export' else 'access' end, 'api', n, null, \
            case when n % 100 >= 90 then n + 1000000 end, case when n % 100 < 90 then n end, n \
          from generate_series(1, {ROWS}) n; \
         insert into event select {id}, 1, n, 'submitted', 1, 'body' from generate_series(1, {ROWS}) n; \
         insert into request_term select name, decode(md5(name || n / 3), 'hex'), n, {id} \
          from generate_series(1, {ROWS}) n, unnest(array['root', 'identity']) name; \
         insert into request_term select 'waiting', convert_to('vote/privacy', 'utf8'), n, {id} \
          from generate_series(1, {ROWS}) n where n % 100 >= 90; \
         insert into record select kind, 'id ' || n, 1, case when n % 10 = 0 then n end, 'body' \
          from generate_series(1, {ROWS}) n, unnest(array['person', 'answer']) kind; \
         insert into record_term select 'person', 'identity', decode(md5('p' || n), 'hex'), 'id ' || n \
          from generate_series(1, {ROWS}) n; \
         insert into dek select {id}, 1, 'key' from generate_series(1, {ROWS}) n; \
         insert into sealed select {id}, 'subject', 'sealed' from generate_series(1, {ROWS}) n; \
         insert into job (kind, key, body, run_at) select 'advance', 'key ' || n, 'body', n * 1000000000000::bigint \
          from generate_series(1, {ROWS}) n; \
         insert into log_entry select n - 1, {id}, 1, 'entry' from generate_series(1, {ROWS}) n; \
         insert into log_tile select 0, n, decode(repeat('00', 32), 'hex') from generate_series(0, {ROWS} / 10) n; \
         insert into log_checkpoint select n, 'note' from generate_series(1, {ROWS}) n; \
         insert into log_queue (request, seq, body) select {id}, 2, 'entry' from generate_series(1, {ROWS}) n"
    );
    database.run(&sql).unwrap();
    // As the server itself does now and then: what an index alone can answer shows only afterwards.
    database.run("vacuum analyze").unwrap();
}

/// One filled database for all tests that ask for plans.
pub(super) async fn filled() -> Option<Client> {
    static FILLED: OnceLock<Option<String>> = OnceLock::new();
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE.lock().await;
    if FILLED.get().is_none() {
        let url = match database_or_skip() {
            Some(database) => {
                PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap().close().await;
                fill(&database);
                Some(database.url())
            }
            None => None,
        };
        FILLED.set(url).unwrap();
    }
    let url = FILLED.get().unwrap().as_ref()?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    Some(client)
}

async fn plan(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Vec<String> {
    let rows = client.query(&format!("explain {sql}"), values).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// No table that grows is read through.
pub(super) async fn uses_an_index(client: &Client, what: &str, sql: &str, values: &[Value]) -> Vec<String> {
    let plan = plan(client, sql, &super::value::refs(values)).await;
    assert!(!reads_through(&plan), "{what}:\n{sql}\n{}", plan.join("\n"));
    plan
}

/// Whether a plan reads a table that grows from end to end, or an index of it that nothing is looked up in and no limit ends.
fn reads_through(plan: &[String]) -> bool {
    let limited = plan.iter().any(|line| line.contains("Limit  ("));
    // Of a reason the next line tells: ids that were found are fetched, states would be read through.
    let reasons = plan.iter().skip(1).map(String::as_str).chain([""]);
    plan.iter().zip(reasons).any(|(line, reason)| {
        let of_index = line.contains("Index Scan ") || line.contains("Index Only Scan ");
        let through = line.contains("Seq Scan on ")
            || (line.contains("Bitmap Heap Scan on request r ")
                && !reason.contains("Recheck Cond: (id = ANY"))
            || (of_index && line.contains(" using ") && !limited && !reason.contains("Index Cond: "));
        let small = SMALL.iter().any(|table| line.contains(&format!(" on {table} ")));
        through && !small && !line.contains(OF_FEW)
    })
}

/// How many rows a line of a plan expects.
fn rows_of(line: &str) -> u64 {
    line.split("rows=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap()
}

fn id() -> RequestId {
    RequestId::from_bytes([7; 16])
}

fn term(name: &str, value: &str) -> IndexTerm {
    IndexTerm { name: name.to_owned(), value: value.as_bytes().to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_from_an_index_in_their_order() {
    let Some(client) = filled().await else { return };
    let waiting = || Query { terms: vec![term("waiting", "vote/privacy")], limit: 50, ..Query::default() };
    let queries = [
        ("inbox", Query { statuses: vec![Status::Waiting], oldest_first: true, ..waiting() }),
        (
            "inbox, next page",
            Query { oldest_first: true, after: Some((Timestamp::from_millis(900), id())), ..waiting() },
        ),
        (
            "inbox of one person",
            Query {
                any: vec![term("waiting", "vote/privacy"), term("waiting", "vote/data_owner")],
                without: vec![term("not_for", "x")],
                terms: Vec::new(),
                ..waiting()
            },
        ),
        ("all", Query { limit: 50, ..Query::default() }),
        (
            "by status",
            Query { statuses: vec![Status::Waiting, Status::Stuck], limit: 50, ..Query::default() },
        ),
        ("by action", Query { action: Some("erase".to_owned()), limit: 50, ..Query::default() }),
        (
            "by action and status, next page",
            Query {
                action: Some("erase".to_owned()),
                statuses: vec![Status::Completed],
                after: Some((Timestamp::from_millis(9000), id())),
                limit: 50,
                ..Query::default()
            },
        ),
        (
            "by subject",
            Query { terms: vec![term("identity", "x"), term("root", "y")], limit: 50, ..Query::default() },
        ),
    ];
    for (what, query) in queries {
        let question = list::question(&query);
        let values: Vec<Value> = question.values.into_iter().map(|(value, _)| value).collect();
        let plan = uses_an_index(&client, what, &question.sql, &values).await;
        let sorted = plan.iter().any(|line| line.contains("Sort  (") && rows_of(line) > 100);
        assert!(!sorted, "{what} sorts more than it shows:\n{}", plan.join("\n"));
    }
    // The expiring are few at any moment, and sorted once they are found.
    let expiring =
        Query { expires_by: Some(Timestamp::from_millis(1_000_100)), limit: 50, ..Query::default() };
    let question = list::question(&expiring);
    let values: Vec<Value> = question.values.into_iter().map(|(value, _)| value).collect();
    uses_an_index(&client, "the expiring", &question.sql, &values).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_decision_loads_comes_from_indexes() {
    let Some(client) = filled().await else { return };
    let person = |find: Find| ("person".to_owned(), find);
    let needs = Needs {
        request: Some(id()),
        gauge: Some(Gauge {
            actions: ["erase".to_owned()].into(),
            day_start: Some(Timestamp::from_millis(49_000)),
        }),
        records: vec![
            person(Find::Id("id 1".to_owned())),
            person(Find::Id("id 2".to_owned())),
            person(Find::Term(term("identity", "x"))),
            person(Find::ByRoot),
        ],
    };
    let ask = async |what: &str| {
        for acting in [For::Reading, For::Acting] {
            for statement in Look::new(&needs, acting).unwrap().statements() {
                uses_an_index(&client, what, statement.text(), statement.values()).await;
            }
        }
    };
    ask("a decision").await;
    // Of millions of terms a sample sees each value about once, and takes each for one that very many share.
    let believed = "alter table request_term alter column value set (n_distinct = 20); \
                    alter table record_term alter column value set (n_distinct = 20); analyze request_term, record_term";
    client.batch_execute(&format!("begin; {believed}")).await.unwrap();
    ask("a decision among requests that seem to be of few").await;
    client.batch_execute("rollback").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_the_ledger_and_the_feed_come_from_indexes() {
    let Some(client) = filled().await else { return };
    let number = |n: i64| -> Value { Box::new(n) };
    let questions: Vec<(&str, &str, Vec<Value>)> = vec![
        ("claim", job::CLAIM, vec![number(0), number(64), number(30_000)]),
        ("renew", job::RENEW, vec![number(1), number(1), number(30_000), number(0)]),
        ("next job", job::NEXT, Vec::new()),
        ("retrying", job::RETRYING, vec![number(1)]),
        ("feed", log::ENTRIES, vec![number(49_000), number(100)]),
        ("newest checkpoint", log::NEWEST, Vec::new()),
        ("checkpoint of a size", log::OF_SIZE, vec![number(77)]),
        ("checkpoints after a size", log::SIZES, vec![number(49_000), number(100)]),
        ("keeping a checkpoint", log::KEEP, vec![number(77), Box::new(b"note".to_vec())]),
        ("right edge", log::TILES, vec![Box::new(vec![0i64, 1]), Box::new(vec![7i64, 0])]),
        ("how far the ledger is", sequencer::FAR, Vec::new()),
        ("queue", queue::READ, vec![number(1000)]),
        ("end of the queue", queue::LAST, Vec::new()),
        ("waits", queue::WAITS, vec![number(10)]),
        ("sealed field", sealed::FIELD, vec![Box::new(vec![7u8; 16]), Box::new("subject".to_owned())]),
        ("key", sealed::KEY, vec![Box::new(vec![7u8; 16])]),
        ("sweep", record::SWEEP, vec![number(100), number(500)]),
    ];
    for (what, sql, values) in questions {
        uses_an_index(&client, what, sql, &values).await;
    }
    let tile: Vec<Value> = vec![number(0), number(3), Box::new(32i32)];
    uses_an_index(&client, "tile", log::TILE, &tile).await;
    let page = record::page("person", Some("id 77"), 50);
    uses_an_index(&client, "people", page.text(), page.values()).await;
    let person = record::by_ids(vec![("person".to_owned(), "id 77".to_owned())], true);
    uses_an_index(&client, "a person", person.text(), person.values()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_counted_is_counted_in_an_index_alone() {
    let Some(client) = filled().await else { return };
    let terms: Vec<Value> = vec![Box::new("waiting".to_owned())];
    for (what, sql, values) in
        [("the tally", request::TALLY, Vec::new()), ("the inbox", request::COUNT_TERMS, terms)]
    {
        let plan = uses_an_index(&client, what, sql, &values).await;
        let beside =
            |line: &&String| line.contains(" on request") && !line.contains("Index Only Scan using ");
        assert_eq!(plan.iter().find(beside), None, "{what}:\n{}", plan.join("\n"));
    }
}

/// The tests above find a plan that reads a table through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_through_a_table_is_seen() {
    let Some(client) = filled().await else { return };
    let plan = plan(&client, "select * from request r where channel = 'api'", &[]).await;
    assert!(reads_through(&plan), "{plan:?}");
}

#[test]
fn a_look_through_an_index_is_seen() {
    let through =
        |lines: &[&str]| reads_through(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    let all = "  ->  Index Scan using record_pkey on record r  (cost=0.41..9 rows=50000 width=4)";
    let filter = "        Filter: (version = 1)";
    let looked_up = "        Index Cond: (id = w.id)";
    assert!(through(&["Merge Join  (cost=0.41..9 rows=1 width=4)", all, filter]));
    assert!(through(&[&all.replace("Index Scan", "Index Only Scan Backward")]));
    assert!(!through(&["Nested Loop  (cost=0.41..9 rows=1 width=4)", all, looked_up, filter]));
    assert!(!through(&["Limit  (cost=0.41..9 rows=1 width=4)", all]));
    assert!(!through(&[&all.replace(" on record r ", " on settings ")]));
    assert!(!through(&[&all.replace("record_pkey", "request_holding")]));
}
