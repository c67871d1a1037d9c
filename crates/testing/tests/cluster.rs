//! The cluster fixture against real servers: what was acknowledged outlives whoever is killed.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_testing::postgres::cluster::{Cluster, Down, Shape};
use countersign_testing::servers_are_needed;

const PAIR: Shape = Shape { standby: true, durable: false };
const ALONE: Shape = Shape { standby: false, durable: false };

fn cluster_or_skip(shape: Shape) -> Option<Cluster> {
    match Cluster::start(shape) {
        Ok(cluster) => Some(cluster),
        Err(reason) => {
            assert!(!servers_are_needed(), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

#[test]
fn rows_outlive_each_primary_that_is_killed() {
    let Some(mut cluster) = cluster_or_skip(PAIR) else { return };
    cluster.run("postgres", "CREATE TABLE t (n int)").unwrap();
    for round in 0..4 {
        let before = cluster.primary();
        cluster.run("postgres", &format!("INSERT INTO t VALUES ({round})")).unwrap();
        cluster.kill_primary().unwrap();
        assert!(cluster.run("postgres", "SELECT 1").is_err());
        cluster.promote().unwrap();
        assert_ne!(cluster.primary(), before);
        let there = cluster.run("postgres", "SELECT count(*) FROM t").unwrap();
        assert_eq!(there, (round + 1).to_string());
        cluster.add_standby().unwrap();
    }
}

#[test]
fn commit_waits_while_the_standby_is_away() {
    let Some(mut cluster) = cluster_or_skip(PAIR) else { return };
    cluster.run("postgres", "CREATE TABLE t (n int)").unwrap();
    cluster.kill_standby().unwrap();
    let mut writing = cluster.command("postgres", "INSERT INTO t VALUES (1)").unwrap().spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    wait_until("the commit waits", || cluster.run("postgres", waits).unwrap() == "1");
    assert!(writing.try_wait().unwrap().is_none());
    cluster.revive_standby().unwrap();
    assert!(writing.wait().unwrap().success());
}

#[test]
fn server_comes_up_again_however_it_went_down() {
    let Some(mut cluster) = cluster_or_skip(ALONE) else { return };
    cluster.run("postgres", "CREATE TABLE t (n int)").unwrap();
    for down in [Down::Fast, Down::Immediate, Down::Killed] {
        cluster.run("postgres", "INSERT INTO t VALUES (1)").unwrap();
        cluster.restart(down).unwrap();
    }
    assert_eq!(cluster.run("postgres", "SELECT count(*) FROM t").unwrap(), "3");
    assert!(cluster.promote().is_err() && cluster.add_standby().is_err());
}

#[test]
fn living_primary_is_never_doubled() {
    let Some(mut cluster) = cluster_or_skip(PAIR) else { return };
    assert!(cluster.promote().unwrap_err().to_string().contains("lives"));
}

#[test]
fn cluster_is_gone_with_its_folder_when_dropped() {
    let Some(cluster) = cluster_or_skip(PAIR) else { return };
    let folder = cluster.sockets()[0].parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(cluster);
    assert!(!folder.exists());
}

#[test]
fn killed_test_process_leaves_no_cluster_behind() {
    const ROLE: &str = "COUNTERSIGN_TESTING_KILLED_CLUSTER";
    if let Some(file) = std::env::var_os(ROLE) {
        let cluster = Cluster::start(ALONE).unwrap();
        std::fs::write(file, cluster.sockets()[0].to_str().unwrap()).unwrap();
        loop {
            std::thread::park();
        }
    }
    if cluster_or_skip(ALONE).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("where");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_test_process_leaves_no_cluster_behind", "--nocapture"])
        .env(ROLE, &file)
        .spawn()
        .unwrap();
    let told = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_until("the child has a cluster", || !told().is_empty());
    let socket = std::path::PathBuf::from(told());
    assert!(socket.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("its folder is gone", || !socket.parent().unwrap().exists());
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: not within two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}
