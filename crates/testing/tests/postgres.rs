//! The PostgreSQL fixture against the real server.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_testing::postgres::{Server, database_or_skip};

#[test]
fn each_database_is_fresh() {
    let (Some(one), Some(two)) = (database_or_skip(), database_or_skip()) else { return };
    one.run("CREATE TABLE t (n int); INSERT INTO t VALUES (42)").unwrap();
    assert_eq!(one.run("SELECT n, n + 1 FROM t").unwrap(), "42|43");
    assert!(two.run("SELECT n FROM t").unwrap_err().to_string().contains("does not exist"));
    assert_eq!(one.url(), format!("postgres://countersign@127.0.0.1:{}/{}", one.server().port(), one.name()));
}

#[test]
fn a_server_of_ones_own_is_gone_with_its_folder_when_dropped() {
    if database_or_skip().is_none() {
        return;
    }
    let server = Server::start().unwrap();
    let (folder, port) = (server.socket_folder().to_owned(), server.port());
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_test_process_that_is_killed_leaves_no_server_behind() {
    const ROLE: &str = "COUNTERSIGN_TESTING_KILLED";
    if let Some(file) = std::env::var_os(ROLE) {
        let server = Server::start().unwrap();
        std::fs::write(file, server.socket_folder().to_str().unwrap()).unwrap();
        loop {
            std::thread::park();
        }
    }
    if database_or_skip().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("where");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_test_process_that_is_killed_leaves_no_server_behind", "--nocapture"])
        .env(ROLE, &file)
        .spawn()
        .unwrap();
    wait_until("the child has a server", || {
        std::fs::read_to_string(&file).is_ok_and(|text| !text.is_empty())
    });
    let servers = std::path::PathBuf::from(std::fs::read_to_string(&file).unwrap());
    assert!(servers.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("its server's folder is gone", || !servers.exists());
}

#[test]
fn a_script_made_for_a_database_of_its_own_runs_in_a_fresh_one() {
    let (Some(samples), Some(database)) = (countersign_testing::samples(), database_or_skip()) else {
        return;
    };
    database.run_script(&samples.join("chinook").join("Chinook_PostgreSql.sql")).unwrap();
    assert_eq!(database.run("SELECT count(*) FROM customer").unwrap(), "59");
}

#[test]
fn a_script_that_fails_says_why_and_changes_nothing() {
    let Some(database) = database_or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("bad.sql");
    std::fs::write(&script, "CREATE TABLE made (n int);\nSELECT nonsense;\n").unwrap();
    assert!(database.run_script(&script).unwrap_err().to_string().contains("nonsense"));
    assert!(database.run("SELECT * FROM made").is_err());
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}
