//! Serialization failures and deadlocks, which compatible engines raise in ordinary use: whole acts are tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Becomes, Change, JobChange, JobEnd, Needs, NewJob, Status, Store, StoreError,
};
use countersign_testing::postgres::{Database, database_or_skip};

use crate::work::{commit, entry, ledger, node, submitted};

/// Makes the first `times` writes to `table` fail with `code`; at the commit, if `at_commit`. A sequence counts, since
/// what it counted is not undone.
fn trouble(database: &Database<'_>, table: &str, code: &str, times: u32, at_commit: bool) {
    let kind = if at_commit { "constraint trigger" } else { "trigger" };
    let when = if at_commit { "after" } else { "before" };
    let deferred = if at_commit { "deferrable initially deferred" } else { "" };
    database
        .run(&format!(
            "drop sequence if exists trouble_{table}; create sequence trouble_{table}; \
             create or replace function trouble_{table}() returns trigger language plpgsql as $$ begin \
               if nextval('trouble_{table}') <= {times} then raise exception 'in the way' using errcode = '{code}'; end if; \
               return new; end $$; \
             drop trigger if exists trouble on {table}; \
             create {kind} trouble {when} insert or update on {table} {deferred} \
               for each row execute function trouble_{table}()"
        ))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_decided_again_until_nothing_is_in_the_way_and_stands_once() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    for (n, (code, at_commit)) in
        [("40001", false), ("40P01", false), ("40001", true), ("40P01", true)].into_iter().enumerate()
    {
        trouble(&database, "event", code, 3, at_commit);
        let decided = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&decided);
        let decide = move |_: &_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(submitted(n as u64, Status::Waiting))
        };
        store.act(Needs::default(), Box::new(decide)).await.unwrap();
        assert_eq!(decided.load(Ordering::SeqCst), 4, "{code} at commit: {at_commit}");
    }
    assert_eq!(database.run("select count(*) from event").unwrap(), "4");
    store.sequence().await.unwrap();
    assert_eq!(ledger(&store).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_in_the_way_is_told_and_nothing_stands() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    trouble(&database, "event", "40001", 1_000_000, false);
    let outcome = store.act(Needs::default(), Box::new(|_| Ok(submitted(1, Status::Waiting)))).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(database.run("select count(*) from event").unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_of_the_sequencer_loses_no_entry_and_doubles_none() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    trouble(&database, "log_head", "40001", 5, false);
    trouble(&database, "log_tile", "40P01", 3, false);
    // Not one that is tried again: the queue is as it was, and somebody asks later.
    trouble(&database, "log_entry", "53100", 2, false);
    for n in 0..40 {
        commit(&store, n).await.unwrap();
    }
    while store.sequence().await.is_err() {}
    assert_eq!(ledger(&store).await, (0..40).map(entry).collect::<Vec<_>>());
    assert_eq!(database.run("select count(*) from log_queue").unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_claimed_and_ended_although_something_was_in_the_way() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    let job = NewJob {
        kind: "advance".to_owned(),
        key: "one".to_owned(),
        body: Vec::new(),
        run_at: Timestamp::from_millis(0),
    };
    let wish = Change { jobs: vec![JobChange::Wish(job)], ..Change::default() };
    store.act(Needs::default(), Box::new(move |_| Ok(wish.clone()))).await.unwrap();
    trouble(&database, "job", "40001", 2, false);
    let claimed = store.claim(10, 60_000).await.unwrap();
    let [job] = &claimed[..] else { panic!("{claimed:?}") };
    trouble(&database, "job", "40001", 2, false);
    assert!(store.renew(job.id, job.fence, 60_000).await.unwrap());
    trouble(&database, "job", "40001", 2, false);
    store.end(vec![JobEnd { id: job.id, fence: job.fence, becomes: Becomes::Done }]).await.unwrap();
    assert_eq!(database.run("select count(*) from job").unwrap(), "0");
}
