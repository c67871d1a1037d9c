//! No room to write, for real: whoever erases may write next to nothing into any file. Nothing of anybody is lost, the answer
//! says that it will pass, and the same key does it once there is room. The list that databases run is in
//! `crates/connect/tests/conformance/faults.rs`; what a service or a bucket answers instead is in `service.rs` and `bucket.rs`.

use std::path::Path;
use std::process::Command;

use countersign_service::ports::following::called;
use countersign_service::ports::source::{Source, SourceError, Target};
use countersign_service::settings::datamap::DataMap;

use crate::given::{Given, identity, touched};
use crate::permit::{key, permit};
use crate::{files, logs};

/// In these variables a child process finds what it has no room for.
const KIND: &str = "COUNTERSIGN_TEST_FULL_KIND";
const FOLDER: &str = "COUNTERSIGN_TEST_FULL_FOLDER";

/// What the child does, which can plant nothing; without the variables it is no test.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the tests below"]
async fn child() {
    let (Ok(kind), Ok(folder)) = (std::env::var(KIND), std::env::var(FOLDER)) else { return };
    let folder = Path::new(&folder);
    let (source, map): (Box<dyn Source>, DataMap) = match &*kind {
        "logs" => (Box::new(logs::open(folder)), logs::map()),
        _ => (Box::new(files::open(folder)), files::map()),
    };
    let called = called(&map, &[identity("email", "ana@x.test"), identity("account", "42")]).unwrap();
    let ana = Target::Subject(vec![called.root]);
    let tried = source.erase(&permit(1, "erase", None), &key(1), &map, &ana).await;
    let told = match tried {
        Err(SourceError::Unavailable { .. } | SourceError::Unknown { .. }) => "will pass".to_owned(),
        other => format!("{other:?}"),
    };
    println!("no room: {told}");
}

async fn without_room(kind: &str, given: Given) {
    let folder = given.kept.downcast_ref::<tempfile::TempDir>().unwrap().path().to_owned();
    let before = (given.picture)();
    // A limit of nothing at all: also a receipt does not fit. The signal that would end the child is switched off.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" --exact full::child --ignored --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .envs([(KIND, kind), (FOLDER, folder.to_str().unwrap())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("no room: will pass"),
        "{kind}: {said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let after = (given.picture)();
    assert_eq!((after.own, &after.others), (before.own, &before.others), "nothing is lost");
    assert_eq!(touched(given.erase(1, None).await), given.own);
    let after = (given.picture)();
    assert_eq!((after.own, &after.others), (0, &before.others));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_without_room_lose_no_line() {
    without_room("logs", logs::given()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_room_loses_no_file() {
    without_room("files", files::given()).await;
}
