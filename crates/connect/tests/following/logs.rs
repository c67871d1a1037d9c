//! A directory of logs, and what only logs have: files that are still written, rights, times, links, foreign compression.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use countersign_connect::logs::{LogsSource, Options};
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Severity, Source, SourceError, Target};
use countersign_service::settings::datamap::DataMap;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::given::{Given, Picture, touched};
use crate::permit::{key, permit};

const MAP: &str = r#"
source = "shop"

[[root]]
table = "person"
key = ["email", "account"]
identities = { email = "email", account = "account" }
treatment = "delete"

[[table]]
name = "web/access.log*"
[[table.way]]
column = "line"
equals = "{email}"
compare = "ignore-case"
treatment = "delete"
[[table.way]]
column = "line"
equals = "user={account}"
treatment = "delete"

[[table]]
name = "events.jsonl*"
never_disclose = ["token"]
[[table.way]]
column = "actor.account"
equals = "{account}"
treatment = "delete"
[[table.way]]
column = "target.account"
equals = "{account}"
treatment = "delete"

[[dataset]]
name = "old_files"
table = "web/access.log.*"
age = "file"
format = "timestamp"
"#;

/// Of Ana: 3. Of both: 1.
const ACCESS: &str = "2026-11-01 user=42 GET / marked as Ana's\n\
    2026-11-01 user=1042 GET /42 took 42 ms marked as Ben's\r\n\
    2026-11-01 login Ana@X.test\n\
    2026-11-01 login susana@x.test\n\
    2026-11-01 GET /?mail=ana%40x.test\n\
    2026-11-01 ana@x.test wrote to ben@y.test\n\
    not \u{fffd} ended";
/// Of Ana: 1.
const EVENTS: &str = "{\"actor\":{\"account\":42},\"token\":\"s3cret\",\"n\": 1.50}\n\
    {\"actor\":{\"account\":1042},\"ms\":42}\n\
    torn {\"actor\n";

/// Writes a file that was last changed a while ago.
pub fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    if path.extension().is_some_and(|it| it == "gz") {
        let mut out = GzEncoder::new(&mut file, Compression::fast());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap();
    } else {
        file.write_all(text.as_bytes()).unwrap();
    }
    file.set_modified(long_ago()).unwrap();
}

fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

pub fn text(path: &Path) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|it| it == "gz") {
        let mut plain = vec![];
        MultiGzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_anas(line: &str) -> bool {
    let line = line.to_lowercase();
    ["user=42 ", "ana@x.test", "ana%40x.test", "\"account\":42}"].iter().any(|it| line.contains(it))
        && !line.contains("susana")
}

pub fn picture(directory: &Path) -> Picture {
    let mut picture = Picture { others: BTreeMap::new(), own: 0 };
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            if name == ".countersign" {
                continue;
            }
            assert!(!name.ends_with("-new"), "nothing stands beside: {name}");
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = text(&path);
            picture.own += text.lines().filter(|it| is_anas(it)).count() as u64;
            // What names both stays without Ana, which is looked at by itself.
            let others: Vec<_> =
                text.split_inclusive('\n').filter(|it| !is_anas(it) && !it.contains("[erased]")).collect();
            picture.others.insert(name, others.concat());
        }
    }
    picture
}

pub fn map() -> DataMap {
    DataMap::parse(MAP).unwrap()
}

pub fn plant(directory: &Path) {
    put(&directory.join("web/access.log.1"), ACCESS);
    put(&directory.join("web/access.log.2.gz"), ACCESS);
    put(&directory.join("events.jsonl.1"), EVENTS);
    put(&directory.join("other.txt"), "ana@x.test is not of the map\n".replace("ana@", "una@").as_str());
}

pub fn open(directory: &Path) -> LogsSource {
    LogsSource::open("shop", Options::new(directory)).unwrap()
}

pub fn given() -> Given {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_owned();
    plant(&directory);
    let (at, back) = (directory.clone(), directory.clone());
    Given {
        source: Box::new(open(&directory)),
        map: map(),
        own: 9,
        picture: Box::new(move || picture(&at)),
        comes_back: Box::new(move || put(&back.join("web/access.log.3"), "user=42 is back\n")),
        older: Some(("old_files", Timestamp::from_millis(1_790_000_001_000), 14)),
        kept: Box::new(folder),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_two_people_stays_without_the_one() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path());
    let given = Given { source: Box::new(open(folder.path())), ..given() };
    touched(given.erase(1, None).await);
    let expected = "2026-11-01 user=1042 GET /42 took 42 ms marked as Ben's\r\n\
        2026-11-01 login susana@x.test\n\
        2026-11-01 [erased] wrote to ben@y.test\n\
        not \u{fffd} ended";
    assert_eq!(text(&folder.path().join("web/access.log.1")), expected);
    assert_eq!(text(&folder.path().join("web/access.log.2.gz")), expected);
    let events = "{\"actor\":{\"account\":1042},\"ms\":42}\ntorn {\"actor\n";
    assert_eq!(text(&folder.path().join("events.jsonl.1")), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_written_is_not_touched_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let line = "user=42 is here\n";
    for name in ["access.log", "access.log.1", "access.log.2", "access.log.3"] {
        put(&folder.path().join("web").join(name), line);
    }
    // Named as live; written a moment ago; held open by somebody who writes.
    let young = File::options().append(true).open(folder.path().join("web/access.log.1")).unwrap();
    young.set_modified(SystemTime::now()).unwrap();
    drop(young);
    let held = File::options().append(true).open(folder.path().join("web/access.log.2")).unwrap();
    let options = Options::new(folder.path()).with_live(&["web/access.log".to_owned()]).unwrap();
    let source: Box<dyn Source> = Box::new(LogsSource::open("shop", options).unwrap());
    let given = Given { source, ..given() };

    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let written: Vec<_> =
        plan.lines.iter().filter(|it| it.basis.as_deref() == Some("being_written")).collect();
    assert_eq!((written[0].rows, written[0].bytes), (3, Some(3 * line.len() as u64)));
    let reached: Vec<_> = plan.lines.iter().filter(|it| it.basis.is_none() && it.rows > 0).collect();
    assert_eq!(reached.iter().map(|it| it.bytes).collect::<Vec<_>>(), [Some(line.len() as u64)]);
    assert!(written[0].until.as_deref().unwrap().contains("erase again"));
    assert_eq!(touched(given.erase(1, None).await), 1);
    assert_eq!(text(&folder.path().join("web/access.log.3")), "");
    for name in ["access.log", "access.log.1", "access.log.2"] {
        assert_eq!(text(&folder.path().join("web").join(name)), line, "{name}");
    }
    let left = given.source.left(&given.map, &given.ana()).await.unwrap();
    let left: Vec<_> = left.iter().collect();
    assert_eq!(left, [("shop", "web/access.log* (not reached: still written)", 3)]);

    // Rotated and let go, they are reached.
    drop(held);
    std::fs::rename(folder.path().join("web/access.log"), folder.path().join("web/access.log.4")).unwrap();
    put(&folder.path().join("web/access.log.1"), line);
    assert_eq!(touched(given.erase(2, None).await), 3);
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_and_time_of_a_file_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web/access.log.1");
    put(&path, ACCESS);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let before = path.metadata().unwrap();
    let given = Given { source: Box::new(open(folder.path())), ..given() };
    touched(given.erase(1, None).await);
    let after = path.metadata().unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(
        (before.mode(), before.uid(), before.gid(), before.mtime(), before.mtime_nsec()),
        (after.mode(), after.uid(), after.gid(), after.mtime(), after.mtime_nsec())
    );
    let receipts = folder.path().join(".countersign").metadata().unwrap();
    assert_eq!(receipts.mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replaced_is_told_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let line = "user=42 is here\n";
    put(&outside.path().join("elsewhere"), line);
    put(&folder.path().join("web/access.log.1"), line);
    std::os::unix::fs::symlink(outside.path().join("elsewhere"), folder.path().join("web/access.log.2"))
        .unwrap();
    put(&folder.path().join("web/access.log.3"), line);
    std::fs::hard_link(folder.path().join("web/access.log.3"), folder.path().join("second name")).unwrap();
    put(&folder.path().join("web/access.log.4.zst"), line);
    std::fs::write(folder.path().join("web/access.log.5.gz"), "user=42 is no gzip").unwrap();
    let file = File::options().write(true).open(folder.path().join("web/access.log.5.gz")).unwrap();
    file.set_modified(long_ago()).unwrap();
    drop(file);
    let given = Given { source: Box::new(open(folder.path())), ..given() };
    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let unreadable = plan.lines.iter().find(|it| it.basis.as_deref() == Some("unreadable")).unwrap();
    assert_eq!(unreadable.rows, 4);
    assert_eq!(touched(given.erase(1, None).await), 1);
    assert_eq!(text(&outside.path().join("elsewhere")), line);
    assert_eq!(text(&folder.path().join("second name")), line);
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 4);
    let findings = given.source.check(&given.map).await.unwrap();
    assert!(findings.iter().any(|it| it.severity == Severity::Warning && it.message.contains("not reached")));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_purged_by_their_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        "{\"ts\":\"2026-10-01T00:00:00Z\"}\n{\"ts\":\"2026-11-01T00:00:00Z\"}\n{\"ts\":\"?\"}\nno time\n";
    put(&folder.path().join("events.jsonl.1"), lines);
    let map = format!(
        "{MAP}\n[[dataset]]\nname = \"lines\"\ntable = \"events.jsonl.*\"\nage = \"ts\"\nformat = \"iso\"\n"
    );
    let map = DataMap::parse(&map).unwrap();
    let source = open(folder.path());
    let before = Timestamp::from_millis(1_793_000_000_000);
    let target = Target::Dataset { name: "lines".to_owned(), before };
    assert_eq!(touched(source.erase(&permit(1, "purge", None), &key(1), &map, &target).await), 1);
    let left = text(&folder.path().join("events.jsonl.1"));
    assert_eq!(left, lines.split_inclusive('\n').skip(1).collect::<String>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_proposed_that_fits_and_drift_is_named() {
    let given = given();
    let proposed = given.source.discover(None).await.unwrap();
    assert!(!proposed.contains("ana@x.test") && !proposed.contains("1042"), "{proposed}");
    let map = DataMap::parse(&proposed).unwrap_or_else(|it| panic!("{it:?}\n{proposed}"));
    let findings = given.source.check(&map).await.unwrap();
    assert!(findings.iter().all(|it| it.severity < Severity::Drift), "{findings:?}");
    assert!(map.tables.iter().any(|it| it.name == "events.jsonl*" && it.ways.len() == 1), "{proposed}");
    let directory = given.kept.downcast_ref::<tempfile::TempDir>().unwrap().path();
    put(&directory.join("audit.jsonl"), "{\"who\":\"ana@x.test\"}\n");
    put(&directory.join("events.jsonl.2"), "{\"phone\":\"1\"}\n");
    let findings = given.source.check(&map).await.unwrap();
    let drift: Vec<_> =
        findings.iter().filter(|it| it.severity == Severity::Drift).map(|it| &*it.message).collect();
    assert!(drift.iter().any(|it| it.contains("`audit.jsonl`")), "{drift:?}");
    assert!(drift.iter().any(|it| it.contains("`events.jsonl.phone`")), "{drift:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there_is_not_available() {
    let source = LogsSource::open("shop", Options::new("/nowhere/at/all")).unwrap();
    let error = source.survey(&map(), &given().ana()).await.unwrap_err();
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
}
