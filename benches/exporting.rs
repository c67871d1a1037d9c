//! Exporting a subject into a package against `psql \copy` piped to `gzip` at the same level, over the same rows: what is
//! deflated in a second. A package has each row three times (JSON, CSV, a page), so the bytes count and not the rows;
//! how long each takes is told beside. The least of several rounds, by turns. From SQLite and MariaDB beside the same `psql`.
//! By hand, with five million rows: `cargo bench -- exporting-large`, or another number after it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign_connect::package::Zip;
use countersign_connect::{mysql, postgres, sqlite};
use countersign_core::plan::Counts;
use countersign_core::time::Timestamp;
use countersign_service::ports::package::{About, Format, Packager};
use countersign_service::ports::source::{RootKey, Source, Target};
use countersign_testing::mariadb;
use countersign_testing::postgres::{Database, Server, Unavailable};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::erasing::permit;
use crate::large::{self, Customers};
use crate::line::{Limit, Line};

const ROUNDS: u32 = 7;
/// What a person who knows the tables copies; `:c` is the customer.
const BY_HAND: [&str; 11] = [
    "customer where id = :c",
    "address where customer_id = :c",
    "orders where customer_id = :c",
    "visit where customer_id = :c",
    "message where customer_id = :c",
    "ticket where customer_id = :c",
    "review where customer_id = :c",
    "invoice where customer_id = :c",
    "order_line where order_id in (select id from orders where customer_id = :c)",
    "payment where order_id in (select id from orders where customer_id = :c)",
    "newsletter where email = (select email from customer where id = :c)",
];

/// What one way took: the time, and the bytes that went into deflating.
type Took = (Duration, u64);

pub(crate) fn measure(folder: &Path) -> Vec<Line> {
    told(from_all(folder, 100_000, ROUNDS))
}

pub(crate) fn measure_large(folder: &Path, rows: u64) -> Vec<Line> {
    told(from_all(folder, rows as i64, 1))
}

fn told(lines: Result<Vec<Line>, Unavailable>) -> Vec<Line> {
    lines.unwrap_or_else(|why| {
        println!("exporting is not measured: {why}");
        Vec::new()
    })
}

/// The first customer has so many rows, the next a hundred.
fn from_all(folder: &Path, rows: i64, rounds: u32) -> Result<Vec<Line>, Unavailable> {
    let customers = Customers { sized: vec![(rows, 1)], others: large::OTHERS };
    let server = Server::start()?;
    let database = server.database()?;
    database.run(&large::postgres_script(&customers))?;
    database.run("vacuum analyze")?;
    let source = postgres::PostgresSource::open("large", postgres::Options::new(database.url())).unwrap();
    let by_hand = |folder: &Path| by_hand(&database, folder);
    let mut lines = from(&source, "PostgreSQL", folder, rows, rounds, by_hand);

    let path = folder.join("large.db");
    large::build(&path, &customers);
    let source = sqlite::SqliteSource::open("large", sqlite::Options::new(&path)).unwrap();
    lines.extend(from(&source, "SQLite", folder, rows, rounds, by_hand));

    let server = mariadb::Server::start()?;
    let database = server.database()?;
    database.run(&large::mariadb_script(&customers))?;
    let source = mysql::MysqlSource::open("large", mysql::Options::new(database.url())).unwrap();
    lines.extend(from(&source, "MariaDB", folder, rows, rounds, by_hand));
    Ok(lines)
}

fn from(
    source: &impl Source,
    engine: &str,
    folder: &Path,
    rows: i64,
    rounds: u32,
    by_hand: impl Fn(&Path) -> Took,
) -> Vec<Line> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let few = grown(|| by_us(&runtime, source, 2, folder)).1;
    let (mut ours, mut theirs): (Vec<Took>, Vec<Took>) = (Vec::new(), Vec::new());
    let mut most = 0;
    for _ in 0..rounds {
        theirs.push(by_hand(folder));
        let (took, memory) = grown(|| by_us(&runtime, source, 1, folder));
        ours.push(took);
        most = most.max(memory);
    }
    let best = |all: &[Took]| *all.iter().min_by_key(|(took, _)| *took).unwrap();
    let (ours, theirs) = (best(&ours), best(&theirs));
    let rate = |(took, bytes): Took| bytes as f64 / took.as_secs_f64() / 1e6;
    let said = |took: Took| format!("{:.0} MB/s, {:.2} s", rate(took), took.0.as_secs_f64());
    vec![
        Line {
            name: format!("exporting a subject with {} rows, {engine}", large::rows(rows)),
            ours: said(ours),
            reference: format!("\\copy | gzip {}", said(theirs)),
            ratio: rate(ours) / rate(theirs),
            limit: Limit::AtLeast(0.6),
        },
        Line {
            name: "  memory beside a subject with 100 rows".to_owned(),
            ours: format!("{most} kB more"),
            reference: format!("{few} kB more"),
            ratio: most as f64 / few.max(1) as f64,
            limit: Limit::None,
        },
    ]
}

/// The rows as CSV through one `gzip`.
fn by_hand(database: &Database<'_>, folder: &Path) -> Took {
    let start = Instant::now();
    let file = std::fs::File::create(folder.join("by-hand.gz")).unwrap();
    let mut psql = Command::new("psql");
    psql.arg(database.url()).args(["-qX"]).stdout(Stdio::piped());
    for rows in BY_HAND {
        let rows = rows.replace(":c", "1");
        psql.arg("-c").arg(format!("\\copy (select * from {rows}) to stdout with (format csv, header)"));
    }
    let mut psql = psql.spawn().unwrap();
    let gzip = Command::new("gzip").arg("-6").stdin(psql.stdout.take().unwrap()).stdout(file).status();
    assert!(psql.wait().unwrap().success() && gzip.unwrap().success());
    let took = start.elapsed();
    let length = Command::new("sh")
        .args(["-c", "gzip -dc \"$0\" | wc -c"])
        .arg(folder.join("by-hand.gz"))
        .output()
        .unwrap();
    (took, String::from_utf8(length.stdout).unwrap().trim().parse().unwrap())
}

/// The whole way of a package but its place in our store: source, forms, sealed working files, ZIP.
fn by_us(runtime: &Runtime, source: &impl Source, customer: i64, folder: &Path) -> Took {
    let map = large::map();
    let root = RootKey {
        source: "large".to_owned(),
        table: "customer".to_owned(),
        key: format!("[\"{customer}\"]"),
    };
    let target = Target::Subject(vec![root]);
    let path = folder.join("ours.zip");
    let took = runtime.block_on(async {
        let signed = source.survey(&map, &target).await.unwrap();
        let mut counts = Counts::default();
        signed.lines.iter().for_each(|line| counts.add("large", &line.table, line.rows));
        let permit = permit("export", customer, &counts);
        let about = About {
            request: "r".to_owned(),
            format: Format::Export,
            made_at: Timestamp::from_millis(0),
            language: "en".to_owned(),
        };
        let start = Instant::now();
        let (send, receive) = mpsc::channel(256);
        let (out, mut pieces) = mpsc::channel::<Vec<u8>>(4);
        let scratch = folder.to_owned();
        let writing = tokio::spawn(async move { Zip::default().write(&scratch, about, receive, out).await });
        let kept = path.clone();
        let keeping = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::create(kept).unwrap();
            while let Some(piece) = pieces.blocking_recv() {
                std::io::Write::write_all(&mut file, &piece).unwrap();
            }
        });
        source.export(&permit, &map, &target, send).await.unwrap();
        writing.await.unwrap().unwrap();
        keeping.await.unwrap();
        start.elapsed()
    });
    (took, length(&path))
}

/// Bytes of the files in the package.
fn length(path: &Path) -> u64 {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..zip.len()).map(|at| zip.by_index(at).unwrap().size()).sum()
}

/// What `work` came to, and by how many kB the process was larger than before, at its largest.
pub(crate) fn grown<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let field = |name: &str| -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches(':').split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
    };
    // The mark of the largest size is set back to the present one.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = field("VmRSS");
    let done = work();
    (done, field("VmHWM").saturating_sub(before))
}
