//! A folder of files, and what only files have: values that lead elsewhere, links, crashes between deletions.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use countersign_connect::objects::{ObjectsSource, Options, Place};
use countersign_core::receipt::Outcome;
use countersign_core::time::Timestamp;
use countersign_service::ports::source::{Severity, SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;

use crate::given::{Given, Picture, touched};
use crate::permit::key;

pub const MAP: &str = r#"
source = "shop"

[[root]]
table = "person"
key = ["email", "account"]
identities = { email = "email", account = "account" }
treatment = "delete"

[[table]]
name = "uploads"
[[table.way]]
column = "path"
equals = "users/{account}/"
treatment = "delete"
[[table.way]]
column = "path"
equals = "users/{account}/invoices/"
treatment = "keep"
basis = "legal_obligation"

[[table]]
name = "avatars"
[[table.way]]
column = "path"
equals = "avatars/{account}.png"
treatment = "delete"

[[dataset]]
name = "temporary"
table = "tmp/"
age = "modified"
format = "timestamp"
"#;

fn put(path: &Path, text: &str, seconds: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Ana's and other people's.
pub const FILES: [(&str, &str); 10] = [
    ("users/42/a.txt", "marked as Ana's"),
    ("users/42/deep/er/b.txt", ""),
    ("users/42/invoices", "a file by that name"),
    ("users/421/a.txt", "marked as Ben's"),
    ("users/043/a.txt", "of nobody who is asked about"),
    ("users/42.txt", "not below"),
    ("users/1042/a.txt", "marked as Ben's, ben@y.test"),
    ("avatars/42.png", "a picture"),
    ("avatars/1042.png", "marked as Ben's"),
    ("tmp/old", "old"),
];

fn plant(folder: &Path) {
    for (name, text) in FILES {
        put(&folder.join(name), text, 1_790_000_000);
    }
    put(&folder.join("tmp/new"), "new", 1_795_000_000);
}

pub fn is_anas(name: &str) -> bool {
    name.starts_with("users/42/") || name == "avatars/42.png"
}

fn picture(folder: &Path) -> Picture {
    let mut picture = Picture { others: BTreeMap::new(), own: 0 };
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                if name != ".countersign" {
                    folders.push(path);
                }
            } else if is_anas(&name) {
                picture.own += 1;
            } else {
                picture.others.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    picture
}

pub fn open(folder: &Path) -> ObjectsSource {
    ObjectsSource::open("shop", Options::new(Place::Folder(folder.to_owned()))).unwrap()
}

pub fn map() -> DataMap {
    DataMap::parse(MAP).unwrap()
}

pub fn given() -> Given {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().to_owned();
    plant(&folder);
    let (at, back) = (folder.clone(), folder.clone());
    Given {
        source: Box::new(open(&folder)),
        map: map(),
        own: 4,
        picture: Box::new(move || picture(&at)),
        comes_back: Box::new(move || put(&back.join("users/42/back.txt"), "back", 1_790_000_000)),
        older: Some(("temporary", Timestamp::from_millis(1_791_000_000_000), 1)),
        kept: Box::new(kept),
    }
}

fn folder(given: &Given) -> &Path {
    given.kept.downcast_ref::<tempfile::TempDir>().unwrap().path()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_bytes_are_counted_and_what_law_keeps_stays() {
    let given = given();
    std::fs::remove_file(folder(&given).join("users/42/invoices")).unwrap();
    put(&folder(&given).join("users/42/invoices/1.pdf"), "an invoice", 1_790_000_000);
    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let lines: Vec<_> = plan
        .lines
        .iter()
        .filter(|it| it.rows > 0)
        .map(|it| (&*it.way, it.treatment.name(), it.rows, it.bytes.unwrap()))
        .collect();
    let expected = [
        ("users/{account}/", "delete", 2, 15),
        ("users/{account}/invoices/", "keep", 1, 10),
        ("avatars/{account}.png", "delete", 1, 9),
    ];
    assert_eq!(lines, expected);
    assert_eq!(touched(given.erase(1, None).await), 3);
    assert!(folder(&given).join("users/42/invoices/1.pdf").exists());
    assert!(!folder(&given).join("users/42/deep").exists(), "empty folders go too");
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_leads_elsewhere_is_refused() {
    let given = given();
    for account in ["../421", "..", "42/../421", "/42", ".", "42\\..", ".countersign"] {
        let target = given.subject("ana@x.test", account);
        let refused = given.source.survey(&given.map, &target).await;
        let Err(SourceError::Refused { reason, .. }) = refused else { panic!("{account}: {refused:?}") };
        assert!(!reason.contains("421"), "{reason}");
        let permit = crate::permit::permit(9, "erase", None);
        assert!(given.source.erase(&permit, &key(9), &given.map, &target).await.is_err());
    }
    assert_eq!(picture(folder(&given)).own, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_told_and_neither_followed_nor_taken() {
    let given = given();
    let elsewhere = tempfile::tempdir().unwrap();
    put(&elsewhere.path().join("secret"), "s3cret", 1_790_000_000);
    for (to, link) in [
        (elsewhere.path().join("secret"), "users/42/link"),
        (elsewhere.path().to_owned(), "users/42/folder"),
        (folder(&given).join("users/1042/a.txt"), "users/42/bens"),
    ] {
        std::os::unix::fs::symlink(to, folder(&given).join(link)).unwrap();
    }
    let plan = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let links: u64 =
        plan.lines.iter().filter(|it| it.basis.as_deref() == Some("unreadable")).map(|it| it.rows).sum();
    assert_eq!(links, 3);
    let (text, _) = given.exported(2).await;
    assert!(!text.contains("s3cret") && !text.contains("Ben's"), "{text}");
    assert_eq!(touched(given.erase(1, None).await), 4);
    assert!(elsewhere.path().join("secret").exists());
    assert!(folder(&given).join("users/1042/a.txt").exists());
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_ended_by_whoever_goes_on_or_closed() {
    let begin = |given: &Given| {
        let of = key(1);
        let name = format!(".countersign/{}-{}-{}-{}.json", of.request, of.run, of.step, of.chunk);
        let begun = r#"{"state":"begun","by":"another","at_ms":1,"planned":{"uploads":3,"avatars":1}}"#;
        put(&folder(given).join(name), begun, 1_790_000_000);
        // One of four went before the crash.
        std::fs::remove_file(folder(given).join("users/42/a.txt")).unwrap();
    };
    let one = given();
    begin(&one);
    assert_eq!(one.source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!(touched(one.erase(1, None).await), 4);
    assert_eq!(picture(folder(&one)).own, 0);

    let other = given();
    begin(&other);
    let receipt = other.source.void(&key(1)).await.unwrap();
    assert!(matches!(receipt.outcome, Outcome::Done { .. }), "part of it may be done, so it is not void");
    assert!(matches!(other.erase(1, None).await.unwrap(), Stepped::Done(_)));
    assert_eq!(picture(folder(&other)).own, 3, "nothing more happens under a closed key");
    assert_eq!(other.source.left(&other.map, &other.ana()).await.unwrap().rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_that_files_cannot_have_are_refused_in_words() {
    let given = given();
    for (from, to, said) in [
        ("users/{account}/\"\ntreatment = \"delete\"", "../{account}/\"\ntreatment = \"delete\"", "no path"),
        ("column = \"path\"", "column = \"name\"", "by `path`"),
        ("age = \"modified\"", "age = \"created\"", "one age"),
        ("table = \"tmp/\"", "table = \"tmp\"", "is a folder"),
    ] {
        assert!(MAP.contains(from), "{from}");
        let map = DataMap::parse(&MAP.replacen(from, to, 1)).unwrap();
        let findings = given.source.check(&map).await.unwrap();
        let errors: Vec<_> = findings.iter().filter(|it| it.severity == Severity::Error).collect();
        assert!(errors.iter().any(|it| it.message.contains(said)), "{errors:?}");
    }
    let proposed = given.source.discover(None).await.unwrap();
    let map = DataMap::parse(&proposed).unwrap_or_else(|it| panic!("{it:?}\n{proposed}"));
    assert_eq!(given.planned(&given.ana()).await, 4);
    let target = Target::Subject(vec![
        countersign_service::ports::following::called(&map, &[crate::given::identity("account", "42")])
            .unwrap()
            .root,
    ]);
    let rows: u64 = given.source.survey(&map, &target).await.unwrap().lines.iter().map(|it| it.rows).sum();
    assert_eq!(rows, 3);

    // A folder that nobody looked at is drift.
    let drift = async || {
        let findings = given.source.check(&map).await.unwrap();
        let told = findings.into_iter().filter(|it| it.severity == Severity::Drift).map(|it| it.message);
        told.collect::<Vec<_>>()
    };
    assert!(drift().await.is_empty());
    put(&folder(&given).join("scans/42.pdf"), "x", 1_790_000_000);
    assert_eq!(drift().await, ["`scans/` is not in [known]: is it the subject's?"]);
}
