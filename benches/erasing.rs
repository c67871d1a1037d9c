//! Erasing a subject with 100,000 rows against the transaction that a person would write by hand: the same rows in the
//! same data with the same settings. The least of several rounds, by turns, each on a fresh copy.
//! Ours is the whole step as a run calls it: receipt, counting, comparing with what was signed, acting, and counting
//! what is left.

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_connect::{postgres, sqlite};
use countersign_core::id::{Commitment, Digest, PersonId, RequestId};
use countersign_core::permit::Permit;
use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, ReceiptKey};
use countersign_core::request::{Event, State, Submitted};
use countersign_core::subject::{Asking, Requester, Target as About};
use countersign_core::survey::Survey;
use countersign_core::time::Timestamp;
use countersign_core::verdict::Criteria;
use countersign_service::ports::source::{RootKey, Source, Stepped, Target};
use countersign_testing::postgres::{Database, Server, Unavailable};
use rusqlite::{Connection, TransactionBehavior, named_params};
use tokio::runtime::Runtime;

use crate::large;
use crate::line::{Limit, Line};

const ROUNDS: u32 = 15;

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut lines = vec![in_sqlite(folder, &runtime)];
    match in_postgres(&runtime) {
        Ok(line) => lines.push(line),
        Err(why) => println!("erasing in PostgreSQL is not measured: {why}"),
    }
    lines
}

fn line(engine: &str, rounds: impl Iterator<Item = (Duration, Duration)>) -> Line {
    let least = |(ours, theirs): (Duration, Duration), (one, other)| (ours.min(one), theirs.min(other));
    let (ours, theirs) = rounds.fold((Duration::MAX, Duration::MAX), least);
    let ms = |it: Duration| it.as_secs_f64() * 1e3;
    Line {
        name: format!("erasing a subject with 100,000 rows, {engine}"),
        ours: format!("{:.0} ms", ms(ours)),
        reference: format!("by hand {:.0} ms", ms(theirs)),
        ratio: ms(ours) / ms(theirs),
        limit: Limit::AtMost(1.3),
    }
}

fn in_sqlite(folder: &Path, runtime: &Runtime) -> Line {
    let (whole, copy) = (folder.join("whole.db"), folder.join("copy.db"));
    large::build(&whole);
    let source = |path: &Path| sqlite::SqliteSource::open("large", sqlite::Options::new(path)).unwrap();
    runtime.block_on(prepare(&source(&whole)));
    let fresh = || {
        std::fs::copy(&whole, &copy).unwrap();
        // What the copying left to write must not be written while something is measured.
        std::fs::File::open(&copy).unwrap().sync_all().unwrap();
    };
    line(
        "SQLite",
        (0..ROUNDS).map(|_| {
            fresh();
            let theirs = by_hand_in_sqlite(&copy);
            fresh();
            (runtime.block_on(by_us(&source(&copy))), theirs)
        }),
    )
}

fn by_hand_in_sqlite(path: &Path) -> Duration {
    let start = Instant::now();
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("pragma foreign_keys = on; pragma secure_delete = on; pragma temp_store = memory")
        .unwrap();
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut touched = 0;
    for sql in large::BY_HAND {
        touched += transaction.execute(sql, named_params! { ":c": large::LARGE }).unwrap();
    }
    transaction.commit().unwrap();
    // Else what was erased would go on standing in the write-ahead log.
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    let took = start.elapsed();
    assert_eq!(touched as i64, large::LARGE_ROWS);
    took
}

fn in_postgres(runtime: &Runtime) -> Result<Line, Unavailable> {
    let server = Server::start()?;
    let whole = server.database()?;
    whole.run(&large::postgres_script())?;
    let source = |url: String| postgres::PostgresSource::open("large", postgres::Options::new(url)).unwrap();
    runtime.block_on(prepare(&source(whole.url())));
    whole.run("vacuum analyze")?;
    // A source keeps its connections, and a database with one cannot be copied.
    let others =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", whole.name());
    server.psql("postgres", &["-qc", &others])?;
    let url = whole.url().replace(whole.name(), "copy");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        fresh_in_postgres(&server, &whole)?;
        let theirs = runtime.block_on(by_hand_in_postgres(&url));
        fresh_in_postgres(&server, &whole)?;
        rounds.push((runtime.block_on(by_us(&source(url.clone()))), theirs));
    }
    Ok(line("PostgreSQL", rounds.into_iter()))
}

fn fresh_in_postgres(server: &Server, whole: &Database<'_>) -> Result<(), Unavailable> {
    let make = format!("create database copy template {} strategy file_copy", whole.name());
    for sql in ["drop database if exists copy with (force)", &make, "checkpoint"] {
        server.psql("postgres", &["-qc", sql])?;
    }
    Ok(())
}

async fn by_hand_in_postgres(url: &str) -> Duration {
    let (mut client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let start = Instant::now();
    let transaction = client.transaction().await.unwrap();
    let mut touched = 0;
    for sql in large::BY_HAND {
        touched += transaction.execute(&sql.replace(":c", &large::LARGE.to_string()), &[]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let took = start.elapsed();
    assert_eq!(touched as i64, large::LARGE_ROWS);
    took
}

/// The table of receipts is made once, at the first run on a source: that is not measured.
async fn prepare(source: &impl Source) {
    source.void(&ReceiptKey { request: RequestId::from_bytes([1; 16]), ..key() }).await.unwrap();
}

fn key() -> ReceiptKey {
    ReceiptKey { request: RequestId::from_bytes([7; 16]), run: 1, step: "large".to_owned(), chunk: 0 }
}

async fn by_us(source: &impl Source) -> Duration {
    let map = large::map();
    let root = RootKey {
        source: "large".to_owned(),
        table: "customer".to_owned(),
        key: format!("[\"{}\"]", large::LARGE),
    };
    let target = Target::Subject(vec![root]);
    let signed = source.survey(&map, &target).await.unwrap();
    let mut counts = Counts::default();
    signed.lines.iter().for_each(|line| counts.add("large", &line.table, line.rows));
    assert_eq!(counts.rows() as i64, large::LARGE_ROWS);
    let permit = permit(&counts);

    let start = Instant::now();
    let stepped = source.erase(&permit, &key(), &map, &target).await.unwrap();
    let took = start.elapsed();
    let Stepped::Done(receipt) = stepped else { panic!("{stepped:?}") };
    assert_eq!(receipt.outcome, Outcome::Done { touched: counts });
    took
}

/// The permit of a run that was released on votes for `counts`: there is no way to one but a history.
pub(crate) fn permit(counts: &Counts) -> Permit {
    let at = Timestamp::from_millis(0);
    let criteria = || Criteria {
        policy_set: String::new(),
        policies: Vec::new(),
        errors: Vec::new(),
        facts: Default::default(),
        at,
    };
    let nothing = Commitment::from_bytes([0; 32]);
    let person = PersonId::from_bytes([1; 16]);
    let ceiling = Some(counts.ceiling());
    let history = [
        Event::Submitted(Box::new(Submitted {
            nonce: nothing,
            action: "erase".to_owned(),
            channel: "api".to_owned(),
            environment: "production".to_owned(),
            asking: Asking { requester: Requester::Staff { person }, persons: [person].into() },
            target: About::Subject { stated: Vec::new() },
            parameters: None,
            reason: None,
            attested: vec!["identity".to_owned()],
            due_at: None,
            expires_at: at.plus_ms(1),
            expires_unproven_at: at.plus_ms(1),
        })),
        Event::Surveyed {
            survey: Survey {
                at,
                digest: Digest::from_bytes([0; 32]),
                roots: nothing,
                identities: Vec::new(),
                counts: counts.clone(),
            },
        },
        Event::Released { criteria: criteria(), survey_at: at, ceiling: ceiling.clone() },
        Event::RunStarted {
            run: 1,
            criteria: criteria(),
            steps: vec!["large".to_owned()],
            by: None,
            ceiling,
        },
    ];
    let state = State::replay(key().request, history.iter().map(|event| (at, event))).unwrap();
    let State::Running(running) = state else { panic!("{state:?}") };
    running.permit()
}
