//! Erasing a subject against the transaction that a person would write by hand: as many rows in the same tables with the
//! same settings, of another customer. The least of several rounds, by turns. Ours is the whole step as a run calls it:
//! receipt, counting, comparing with what was signed, acting, and counting what is left.
//! By hand: `cargo bench -- erasing-large`, of a subject with five million rows or another number, and
//! `cargo bench -- erasing-among`, among ten million rows of others.

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_connect::{mysql, postgres, sqlite};
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
use countersign_testing::mariadb;
use countersign_testing::postgres::{Server, Unavailable};
use mysql_async::prelude::Queryable;
use rusqlite::{Connection, TransactionBehavior, named_params};
use tokio::runtime::Runtime;

use crate::exporting::grown;
use crate::large::{self, Customers};
use crate::line::{Limit, Line};

/// Rows of a customer, and how many customers there are of them: two a round.
const SIZES: [(i64, i64); 3] = [(10, 30), (1_000, 30), (100_000, 10)];
/// The same, and of so many rows on less is measured than told.
const FEWEST: i64 = 1_000;

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    let customers = Customers { sized: SIZES.to_vec(), others: large::OTHERS };
    everywhere(folder, &customers).into_iter().flatten().map(Size::line).collect()
}

/// Two subjects with so many rows, one erased by hand and one by us.
pub(crate) fn measure_large(folder: &Path, rows: u64) -> Vec<Line> {
    let customers = Customers { sized: vec![(100, 2), (rows as i64, 2)], others: large::OTHERS };
    let told = |sizes: Vec<Size>| {
        let [few, many, by_hand] = [sizes[0].grown, sizes[1].grown, sizes[1].grown_by_hand];
        let memory = Line {
            name: "  memory beside a subject with 100 rows".to_owned(),
            ours: format!("{many} kB more"),
            reference: format!("{few} kB more (many by hand {by_hand})"),
            ratio: many as f64 / few.max(1) as f64,
            limit: Limit::None,
        };
        [sizes.into_iter().nth(1).unwrap().line(), memory]
    };
    everywhere(folder, &customers).into_iter().flat_map(told).collect()
}

/// How long a subject with 1,000 rows takes among so many rows of others, beside a hundred thousand.
pub(crate) fn measure_among(folder: &Path, rows: u64) -> Vec<Line> {
    let of = |others: i64| {
        let folder = folder.join(others.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        everywhere(&folder, &Customers { sized: vec![SIZES[1]], others })
    };
    let (few, many) = (of(1_000), of(rows as i64 / 100));
    let pairs = few.into_iter().flatten().zip(many.into_iter().flatten());
    pairs
        .map(|(few, many)| Line {
            name: format!("erasing 1,000 rows among {rows}, {}", many.engine),
            ours: format!("{:.1} ms", ms(many.ours)),
            reference: format!(
                "among 100,000 {:.1} ms (by hand {:.1}, {:.1})",
                ms(few.ours),
                ms(many.theirs),
                ms(few.theirs)
            ),
            ratio: ms(many.ours) / ms(few.ours),
            limit: Limit::AtMost(1.2),
        })
        .collect()
}

/// What was measured with customers of one size on one engine.
struct Size {
    engine: &'static str,
    rows: i64,
    ours: Duration,
    theirs: Duration,
    /// By how many kB the process was larger while we erased.
    grown: u64,
    /// The same of what is erased by hand: where the engine is a server, its own memory is not in it.
    grown_by_hand: u64,
}

impl Size {
    fn line(self) -> Line {
        Line {
            name: format!("erasing a subject with {} rows, {}", self.rows, self.engine),
            ours: format!("{:.1} ms", ms(self.ours)),
            reference: format!("by hand {:.1} ms", ms(self.theirs)),
            ratio: ms(self.ours) / ms(self.theirs),
            limit: if self.rows < FEWEST { Limit::None } else { Limit::AtMost(1.2) },
        }
    }
}

fn ms(it: Duration) -> f64 {
    it.as_secs_f64() * 1e3
}

/// Each size on each engine that is here.
fn everywhere(folder: &Path, customers: &Customers) -> Vec<Vec<Size>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut all = vec![in_sqlite(folder, &runtime, customers)];
    for measured in [in_postgres(&runtime, customers), in_mariadb(&runtime, customers)] {
        match measured {
            Ok(sizes) => all.push(sizes),
            Err(why) => println!("erasing is not measured in one of them: {why}"),
        }
    }
    all
}

fn rounds(
    engine: &'static str,
    runtime: &Runtime,
    customers: &Customers,
    source: &impl Source,
    by_hand: impl Fn(i64) -> (Duration, u64),
) -> Vec<Size> {
    runtime.block_on(prepare(source));
    let size = |(place, (asked, _)): (usize, &(i64, i64))| {
        let rows = large::rows(*asked);
        let (ours, theirs) = (Duration::MAX, Duration::MAX);
        let mut size = Size { engine, rows, ours, theirs, grown: 0, grown_by_hand: 0 };
        let numbers: Vec<i64> = customers.of_size(place).collect();
        for (round, pair) in numbers.chunks_exact(2).enumerate() {
            let theirs = |size: &mut Size| {
                let ((took, touched), grown) = grown(|| by_hand(pair[0]));
                size.grown_by_hand = size.grown_by_hand.max(grown);
                assert_eq!(touched as i64, rows);
                size.theirs = size.theirs.min(took);
            };
            let ours = |size: &mut Size| {
                let (took, grown) = grown(|| runtime.block_on(by_us(source, pair[1], rows)));
                size.ours = size.ours.min(took);
                size.grown = size.grown.max(grown);
            };
            // Neither always comes after the other.
            if round % 2 == 0 {
                theirs(&mut size);
                ours(&mut size);
            } else {
                ours(&mut size);
                theirs(&mut size);
            }
        }
        size
    };
    customers.sized.iter().enumerate().map(size).collect()
}

fn in_sqlite(folder: &Path, runtime: &Runtime, customers: &Customers) -> Vec<Size> {
    let path = folder.join("large.db");
    large::build(&path, customers);
    // What the building left to write must not be written while something is measured.
    std::fs::File::open(&path).unwrap().sync_all().unwrap();
    let source = sqlite::SqliteSource::open("large", sqlite::Options::new(&path)).unwrap();
    rounds("SQLite", runtime, customers, &source, |customer| by_hand_in_sqlite(&path, customer))
}

fn by_hand_in_sqlite(path: &Path, customer: i64) -> (Duration, u64) {
    let start = Instant::now();
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("pragma foreign_keys = on; pragma secure_delete = on; pragma temp_store = memory")
        .unwrap();
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut touched = 0;
    for sql in large::BY_HAND {
        touched += transaction.execute(sql, named_params! { ":c": customer }).unwrap() as u64;
    }
    transaction.commit().unwrap();
    // Else what was erased would go on standing in the write-ahead log.
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    (start.elapsed(), touched)
}

fn in_postgres(runtime: &Runtime, customers: &Customers) -> Result<Vec<Size>, Unavailable> {
    let server = Server::start()?;
    let database = server.database()?;
    database.run(&large::postgres_script(customers))?;
    database.run("vacuum analyze")?;
    database.run("checkpoint")?;
    let source = postgres::PostgresSource::open("large", postgres::Options::new(database.url())).unwrap();
    let by_hand = |customer| runtime.block_on(by_hand_in_postgres(&database.url(), customer));
    Ok(rounds("PostgreSQL", runtime, customers, &source, by_hand))
}

async fn by_hand_in_postgres(url: &str, customer: i64) -> (Duration, u64) {
    let (mut client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let start = Instant::now();
    let transaction = client.transaction().await.unwrap();
    let mut touched = 0;
    for sql in large::BY_HAND {
        touched += transaction.execute(&sql.replace(":c", &customer.to_string()), &[]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    (start.elapsed(), touched)
}

fn in_mariadb(runtime: &Runtime, customers: &Customers) -> Result<Vec<Size>, Unavailable> {
    let server = mariadb::Server::start()?;
    let database = server.database()?;
    database.run(&large::mariadb_script(customers))?;
    let source = mysql::MysqlSource::open("large", mysql::Options::new(database.url())).unwrap();
    let by_hand = |customer| runtime.block_on(by_hand_in_mariadb(&database.url(), customer));
    Ok(rounds("MariaDB", runtime, customers, &source, by_hand))
}

async fn by_hand_in_mariadb(url: &str, customer: i64) -> (Duration, u64) {
    let mut client = mysql_async::Conn::from_url(url).await.unwrap();
    let start = Instant::now();
    let mut transaction = client.start_transaction(mysql_async::TxOpts::default()).await.unwrap();
    let mut touched = 0;
    for sql in large::BY_HAND_IN_MARIADB.iter().chain(&large::BY_HAND[2..]) {
        transaction.query_drop(sql.replace(":c", &customer.to_string())).await.unwrap();
        touched += transaction.affected_rows();
    }
    transaction.commit().await.unwrap();
    let took = start.elapsed();
    client.disconnect().await.unwrap();
    (took, touched)
}

/// The table of receipts is made once, at the first run on a source: that is not measured.
async fn prepare(source: &impl Source) {
    source.void(&key(0)).await.unwrap();
}

/// Of the request about a customer.
fn key(customer: i64) -> ReceiptKey {
    let request = RequestId::from_bytes(i128::from(customer).to_be_bytes());
    ReceiptKey { request, run: 1, step: "large".to_owned(), chunk: 0 }
}

async fn by_us(source: &impl Source, customer: i64, rows: i64) -> Duration {
    let map = large::map();
    let root = RootKey {
        source: "large".to_owned(),
        table: "customer".to_owned(),
        key: format!("[\"{customer}\"]"),
    };
    let target = Target::Subject(vec![root]);
    let signed = source.survey(&map, &target).await.unwrap();
    let mut counts = Counts::default();
    let full = signed.lines.iter().filter(|line| line.rows > 0);
    full.for_each(|line| counts.add("large", &line.table, line.rows));
    assert_eq!(counts.rows() as i64, rows);
    let permit = permit("erase", customer, &counts);

    let start = Instant::now();
    let stepped = source.erase(&permit, &key(customer), &map, &target).await.unwrap();
    let took = start.elapsed();
    let Stepped::Done(receipt) = stepped else { panic!("{stepped:?}") };
    assert_eq!(receipt.outcome, Outcome::Done { touched: counts });
    took
}

/// The permit of a run about a customer that was released on votes for `counts`: there is no way to one but a history.
pub(crate) fn permit(action: &str, customer: i64, counts: &Counts) -> Permit {
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
            action: action.to_owned(),
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
    let state = State::replay(key(customer).request, history.iter().map(|event| (at, event))).unwrap();
    let State::Running(running) = state else { panic!("{state:?}") };
    running.permit()
}
