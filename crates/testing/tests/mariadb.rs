//! The MariaDB fixture against the real server.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_testing::mariadb::{Server, database_or_skip};

#[test]
fn each_database_is_fresh() {
    let (Some(one), Some(two)) = (database_or_skip(), database_or_skip()) else { return };
    one.run("CREATE TABLE t (n int); INSERT INTO t VALUES (42)").unwrap();
    assert_eq!(one.run("SELECT n, n + 1 FROM t").unwrap(), "42\t43");
    assert!(two.run("SELECT n FROM t").unwrap_err().to_string().contains("doesn't exist"));
    assert_eq!(one.url(), format!("mysql://countersign@127.0.0.1:{}/{}", one.server().port(), one.name()));
}

#[test]
fn a_test_process_that_is_killed_leaves_no_server_behind() {
    const ROLE: &str = "COUNTERSIGN_TESTING_KILLED";
    if let Some(file) = std::env::var_os(ROLE) {
        let server = Server::start().unwrap();
        std::fs::write(file, format!("{} {}", server.socket().display(), server.pid().unwrap())).unwrap();
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
    let text = std::fs::read_to_string(&file).unwrap();
    let (socket, pid) = text.split_once(' ').unwrap();
    let (socket, pid) = (std::path::PathBuf::from(socket), pid.parse().unwrap());
    assert!(socket.exists() && countersign_testing::process::is_alive(pid));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("its server and the folder are gone", || {
        !socket.parent().unwrap().exists() && !countersign_testing::process::is_alive(pid)
    });
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: not within two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}
