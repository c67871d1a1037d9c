//! Connections: encrypted, refused when they would lose something, and fast to say that there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Committed, Gauge, Needs, Status, Store, StoreError};
use countersign_store::{PostgresOpenError, PostgresOptions, PostgresStore, PostgresTls};
use countersign_testing::postgres::{Database, Server, database_or_skip};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::work::{commit, eventually, node, submitted};

/// An authority, and a certificate of it for 127.0.0.1 with its key, as PEM.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    (authority.pem(), server.pem(), key.serialize_pem())
}

/// Gives a server a certificate, as its administrator would.
fn encrypt(server: &Server, certificate: &str, key: &str) {
    for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
        let copy = format!(
            "copy (select unnest(string_to_array(trim('{pem}'), chr(10)))) to program 'umask 077 && cat > {name}'"
        );
        server.psql("postgres", &["-c", &copy]).unwrap();
    }
    server.psql("postgres", &["-c", "alter system set ssl = on"]).unwrap();
    server.psql("postgres", &["-c", "select pg_reload_conf()"]).unwrap();
}

fn with(url: &str, tls: PostgresTls, authority: &str) -> PostgresOptions {
    PostgresOptions {
        tls: Some(tls),
        authority_pem: Some(authority.as_bytes().to_vec()),
        ..PostgresOptions::new(url)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_connections_check_who_is_there() {
    if database_or_skip().is_none() {
        return;
    }
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let (authority, certificate, key) = certificates();
    let plain = PostgresStore::open(with(&database.url(), PostgresTls::Require, &authority)).await;
    let Err(PostgresOpenError::Unreachable(why)) = plain else { panic!("opened without TLS") };
    assert!(why.contains("TLS"), "{why}");

    encrypt(&server, &certificate, &key);
    let encrypted = "select count(*) > 0 and bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
                     where application_name = 'countersign'";
    let store = async || PostgresStore::open(with(&database.url(), PostgresTls::Require, &authority)).await;
    // The server reads its settings a moment after it was told to.
    eventually("the server speaks TLS", async || store().await.is_ok()).await;
    let store = store().await.unwrap();
    commit(&store, 0).await.unwrap();
    assert_eq!(database.run(encrypted).unwrap(), "t");

    let (stranger, ..) = certificates();
    let other = PostgresStore::open(with(&database.url(), PostgresTls::Prefer, &stranger)).await;
    assert!(matches!(other, Err(PostgresOpenError::Unreachable(_))), "a certificate of another authority");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_acknowledges_what_it_may_lose_stays_closed() {
    for found in ["off", "local"] {
        let Some(database) = database_or_skip() else { return };
        database
            .run(&format!("alter database {} set synchronous_commit = {found}", database.name()))
            .unwrap();
        let Err(error) = PostgresStore::open(PostgresOptions::new(database.url())).await else {
            panic!("opened")
        };
        assert!(error.to_string().contains(&format!("synchronous_commit = {found}")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loses_what_it_acknowledged_with_its_machine_is_told_of_and_served_from() {
    let Some(database) = database_or_skip() else { return };
    let options = PostgresOptions::new(database.url());
    assert_eq!(PostgresStore::loose(&options).await.unwrap(), ["fsync", "full_page_writes"], "it only tests");
    PostgresStore::open(options).await.unwrap();
    let durable = Server::durable().unwrap();
    let options = PostgresOptions::new(durable.database().unwrap().url());
    assert!(PostgresStore::loose(&options).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_none_is_told_without_its_password() {
    for url in ["postgres://ana:hunter2@db:port/x", "mysql://ana:hunter2@db/x", "postgres://ana:hunter2@/x"] {
        let Err(error) = PostgresStore::open(PostgresOptions::new(url)).await else { panic!("opened {url}") };
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(!format!("{:?}", PostgresOptions::new(url)).contains("hunter2"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_is_unavailable_at_once_until_it_does_again() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    commit(&store, 0).await.unwrap();
    let name = database.name();
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    database.run(&format!("alter database {name} set default_transaction_read_only = on")).unwrap();
    database.run(cut).unwrap();
    eventually("it is unavailable", async || store.ready().await.is_err()).await;
    let began = Instant::now();
    for n in 0..20 {
        let outcome = commit(&store, 100 + n).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "it takes {:?} to say no", began.elapsed());
    let undo =
        format!("begin read write; alter database {name} set default_transaction_read_only = off; commit");
    database.run(&undo).unwrap();
    eventually("it is ready again", async || store.ready().await.is_ok()).await;
    commit(&store, 1).await.unwrap();
    store.sequence().await.unwrap();
    assert_eq!(store.head().await.unwrap().0, 2, "and nothing of what was refused is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_cut_are_made_again_unseen() {
    let Some(database) = database_or_skip() else { return };
    let store = node(&database.url(), "one", |_| {}).await;
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    for n in 0..10 {
        commit(&store, n).await.unwrap();
        database.run(cut).unwrap();
        assert_eq!(store.tally().await.unwrap(), []);
    }
    store.sequence().await.unwrap();
    assert_eq!(store.head().await.unwrap().0, 10);
    // Every connection wrote before it was read from.
    let beats: u64 = database.run("select beats from heartbeat where node = 'one'").unwrap().parse().unwrap();
    assert!(beats >= 10, "{beats}");
}

/// A request of an action whose gauge is looked at, so that its lock is needed.
async fn place(store: &PostgresStore, n: u64) -> Result<Committed, StoreError> {
    let gauge = Gauge { actions: ["erase".to_owned()].into(), day_start: Some(Timestamp::from_millis(0)) };
    let needs = Needs { gauge: Some(gauge), ..Needs::default() };
    store.act(needs, Box::new(move |_| Ok(submitted(n, Status::Waiting)))).await
}

/// Somebody who has the lock of that action and does not give it back.
async fn holding(database: &Database<'_>) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let held = "begin; select name from lock where name = 'action/erase' for update";
    client.batch_execute(held).await.unwrap();
    client
}

const BACKENDS: &str = "select count(*), count(*) filter (where wait_event_type = 'Lock') from pg_stat_activity \
                        where datname = current_database() and application_name = 'countersign'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_connections_are_made_than_allowed_however_many_wait_for_one() {
    let Some(database) = database_or_skip() else { return };
    let wide = |options: &mut PostgresOptions| {
        options.connections = 2;
        // Nobody gives up while it is looked.
        options.connect_timeout_ms = 60_000;
        options.statement_timeout_ms = 60_000;
    };
    let store = Arc::new(node(&database.url(), "one", wide).await);
    place(&store, 0).await.unwrap();
    let holder = holding(&database).await;
    let acts: Vec<_> = (1..=20)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { place(&store, n).await })
        })
        .collect();
    let backends = || {
        let said = database.run(BACKENDS).unwrap();
        let (all, waiting) = said.split_once('|').unwrap();
        (all.parse::<u32>().unwrap(), waiting.parse::<u32>().unwrap())
    };
    eventually("two wait for the lock", async || backends().1 == 2).await;
    for _ in 0..10 {
        let (all, waiting) = backends();
        // Beside those of requests there are up to three for the ledger.
        assert!(all <= 5 && waiting == 2, "{all} connections, of which {waiting} wait for the lock");
    }
    holder.batch_execute("rollback").await.unwrap();
    for act in acts {
        act.await.unwrap().unwrap();
    }
    assert_eq!(store.tally().await.unwrap(), [("erase".to_owned(), Status::Waiting, 21)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_given_up_by_the_server_and_nothing_of_it_stands() {
    let Some(database) = database_or_skip() else { return };
    let hasty = |options: &mut PostgresOptions| {
        options.statement_timeout_ms = 300;
        // The node's own patience is longer than this test's: the server gives up, or nobody.
        options.connect_timeout_ms = 60_000;
    };
    let store = node(&database.url(), "one", hasty).await;
    place(&store, 0).await.unwrap();
    let holder = holding(&database).await;
    let began = Instant::now();
    let outcome = place(&store, 1).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    let there = "select (select count(*) from request) + (select count(*) from event)";
    assert_eq!(database.run(there).unwrap(), "2", "of the one before");
    let open = "select count(*) from pg_stat_activity where datname = current_database() \
                and application_name = 'countersign' and state like 'idle in transaction%'";
    eventually("nothing is left open", async || database.run(open).unwrap() == "0").await;
    holder.batch_execute("rollback").await.unwrap();
    place(&store, 2).await.unwrap();
    assert_eq!(store.tally().await.unwrap(), [("erase".to_owned(), Status::Waiting, 2)]);
}
