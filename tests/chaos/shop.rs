//! The source: a PostgreSQL server of its own that counts what is done to it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign_testing::postgres::cluster::{Cluster, Down};

use crate::cluster_or_skip;

const DATABASE: &str = "shop";

/// What of it is a customer's.
pub(crate) const MAP: &str = r#"
source = "shop"
[[root]]
table = "customer"
key = ["id"]
identities = { email = "email", account = "account" }
treatment = "clear"
basis = "bookkeeping"
until = "ten years after the last order"
empty = ["email", "name"]
[[table]]
name = "orders"
[[table.way]]
from = "customer"
on = { customer_id = "id" }
treatment = "delete"
"#;

/// The shop.
pub(crate) struct Shop {
    cluster: Cluster,
}

/// Customers by their numbers, each of whom one scenario gets.
pub(crate) struct Queue {
    next: AtomicI64,
    end: i64,
}

impl Queue {
    fn of(numbers: Range<i64>) -> Self {
        Self { next: AtomicI64::new(numbers.start), end: numbers.end }
    }

    /// The next one, if there is one left.
    pub(crate) fn next(&self) -> Option<i64> {
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|customer| *customer < self.end)
    }
}

/// Who can be asked for.
pub(crate) struct Customers {
    pub(crate) docile: Queue,
    /// Those whom the database does not let go in the first run.
    pub(crate) stubborn: Queue,
}

impl Shop {
    /// A shop of so many customers, or `None` after saying that the test is skipped.
    pub(crate) fn open(docile: i64, stubborn: i64) -> Option<(Self, Customers)> {
        let cluster = cluster_or_skip(false)?;
        cluster.run("postgres", &format!("CREATE DATABASE {DATABASE}")).unwrap();
        let all = docile + stubborn;
        let script = include_str!("shop.sql").replace(":docile", &docile.to_string());
        cluster.run(DATABASE, &script.replace(":customers", &all.to_string())).unwrap();
        let customers =
            Customers { docile: Queue::of(1..docile + 1), stubborn: Queue::of(docile + 1..all + 1) };
        Some((Self { cluster }, customers))
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.cluster.sockets().remove(0)
    }

    /// Where a node reaches it, through its door.
    pub(crate) fn url(node: usize, port: u16) -> String {
        format!("postgres://node_{node}@127.0.0.1:{port}/{DATABASE}")
    }

    /// Runs SQL.
    pub(crate) fn run(&self, sql: &str) -> String {
        self.cluster.run(DATABASE, sql).unwrap()
    }

    /// A number out of it.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.run(sql).parse().unwrap_or_else(|_| panic!("no number: {sql}"))
    }

    /// How often somebody was erased, also where nothing was left to clear.
    pub(crate) fn erasures(&self) -> i64 {
        self.number("SELECT count(*) FROM erasure")
    }

    /// How often each customer was cleared.
    pub(crate) fn gone(&self) -> BTreeMap<i64, i64> {
        let rows = self.run("SELECT customer, count(*) FROM gone GROUP BY customer");
        let pair = |row: &str| {
            let (customer, times) = row.split_once('|')?;
            Some((customer.parse().ok()?, times.parse().ok()?))
        };
        rows.lines().map(|row| pair(row).unwrap()).collect()
    }

    /// The most erasing transactions that were open at once.
    pub(crate) fn most_at_once(&self) -> i64 {
        self.number("SELECT coalesce(max(erasures), 0) FROM at_once")
    }

    /// The nodes that are inside an erasing transaction now.
    pub(crate) fn inside(&self) -> Vec<usize> {
        let rows = self.run(
            "SELECT DISTINCT a.usename FROM pg_locks l JOIN pg_stat_activity a USING (pid)
              WHERE l.locktype = 'advisory' AND l.classid = 7 AND a.usename LIKE 'node_%'",
        );
        rows.lines().filter_map(|name| name.strip_prefix("node_")?.parse().ok()).collect()
    }

    /// How many sessions of other nodes stand before a receipt that somebody is taking.
    pub(crate) fn before_receipts(&self, asleep: usize) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'node_%' AND usename <> 'node_{asleep}'
                AND wait_event_type = 'Lock' AND query LIKE '%countersign_receipt%'"
        ))
    }

    /// Ends every session.
    pub(crate) fn cut_sessions(&self) {
        self.cluster.cut_sessions(DATABASE).unwrap();
    }

    /// Kills the server and starts it again.
    pub(crate) fn restart(&mut self, down: Down) {
        self.cluster.restart(down).unwrap();
    }
}

/// A customer's account.
pub(crate) fn account(customer: i64) -> String {
    format!("A-{customer}")
}

/// A customer's e-mail.
pub(crate) fn email(customer: i64) -> String {
    format!("customer.{customer}@example.test")
}
