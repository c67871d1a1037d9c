//! Erasing in logs, broken off by `kill -9` wherever it is: whoever goes on under the same key ends where it would have
//! ended, each line once, and nothing of anybody else is lost. Also with somebody who rotates meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign_connect::logs::{LogsSource, Options};
use countersign_core::receipt::Outcome;
use countersign_service::ports::source::Source;

use crate::given::{Given, touched};
use crate::logs::{given, map, open, picture, put, text};
use crate::permit::{key, permit};

/// In this variable a child process finds the directory in which it erases.
const DIRECTORY: &str = "COUNTERSIGN_TEST_LOGS";
const FILES: usize = 12;

fn plant(directory: &Path) {
    for n in 0..FILES {
        let lines = format!("user=42 in {n}\nuser=1042 in {n}\nana@x.test to ben@y.test in {n}\n");
        put(&directory.join(format!("web/access.log.{n:02}")), &lines.repeat(40));
    }
}

/// What the child does; without the variable it is no test.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let mut options = Options::new(directory);
    options.pace_ms = 3;
    let source = LogsSource::open("shop", options).unwrap();
    let given = given();
    let target = given.ana();
    source.erase(&permit(1, "erase", None), &key(1), &map(), &target).await.unwrap();
}

fn journal(directory: &Path) -> PathBuf {
    let folder = directory.join(".countersign");
    let of = |it: std::fs::DirEntry| it.path().extension().is_some_and(|it| it == "jsonl").then(|| it.path());
    std::fs::read_dir(folder).ok().into_iter().flatten().find_map(|it| of(it.unwrap())).unwrap_or_default()
}

fn records(directory: &Path) -> usize {
    std::fs::read(journal(directory)).map_or(0, |it| it.iter().filter(|it| **it == b'\n').count())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_killed_anywhere_is_ended_by_whoever_goes_on() {
    let rounds: usize = if std::env::var("COUNTERSIGN_LONG").is_ok() { 200 } else { 12 };
    let mut broken = 0;
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        plant(directory);
        let others = picture(directory).others;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "torn::child", "--test-threads=1"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Two records a file: between any two of them something is half done.
        let wanted = round * 2 * FILES / rounds + 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while records(directory) < wanted && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the child does nothing");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let source = open(directory);
        let unended = source.receipt(&key(1)).await.unwrap().is_none();
        broken += usize::from(unended);
        let given = Given { source: Box::new(source), ..given() };
        if round % 3 == 2 && unended {
            // A person gives up instead: what was done stays told, and nothing else happens.
            let receipt = given.source.void(&key(1)).await.unwrap();
            let told = match receipt.outcome {
                Outcome::Done { touched } => touched.rows(),
                Outcome::Void => 0,
            };
            assert_eq!(told + picture(directory).own, 80 * FILES as u64);
            assert!(given.erase(1, None).await.is_ok());
            assert_eq!(told + picture(directory).own, 80 * FILES as u64);
        } else {
            assert_eq!(touched(given.erase(1, None).await), 80 * FILES as u64);
            assert_eq!(picture(directory).own, 0);
        }
        assert_eq!(picture(directory).others, others);
    }
    assert!(broken * 2 > rounds, "only {broken} of {rounds} were broken off");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotating_meanwhile_loses_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("web");
    for n in 1..=FILES {
        put(
            &directory.join(format!("access.log.{n}")),
            &format!("user=42 in {n}\nuser=1042 in {n}\n").repeat(200),
        );
    }
    let others = |folder: &Path| -> Vec<String> {
        let mut lines: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().path())
            .flat_map(|it| text(&it).lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|it| it.starts_with("user=1042"))
            .collect();
        lines.sort();
        lines
    };
    let before = others(&directory);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (asked, rotated) = (stop.clone(), directory.clone());
    // Every name moves up by one, over and over; the last becomes the first, so that nothing is thrown away.
    let rotating = std::thread::spawn(move || {
        let name = |n: usize| rotated.join(format!("access.log.{n}"));
        while !asked.load(std::sync::atomic::Ordering::Relaxed) {
            for n in (1..=FILES).rev() {
                let _ = std::fs::rename(name(n), name(n + 1));
            }
            let _ = std::fs::rename(name(FILES + 1), name(1));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let given = Given { source: Box::new(open(folder.path())), ..given() };
    for number in 1..=20 {
        // Whatever was renamed at the wrong moment is told as not reached, or asked again.
        let _ = given.erase(number, None).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    rotating.join().unwrap();
    assert!(others(&directory) == before, "lines of somebody else are lost, or there twice");
    touched(given.erase(21, None).await);
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 0);
}
