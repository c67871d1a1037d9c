//! Every rule of the conformance suite, by the owner of the schema and by a role that cannot rewrite.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_service::ports::store::Store;
use countersign_store::conformance::{Trial, exercise};
use countersign_store::{PostgresOptions, PostgresStore};
use countersign_testing::postgres::database_or_skip;

/// A store in a database of its own, on the one server of this test. Time passes by itself there.
struct Shared(Arc<PostgresStore>);

#[async_trait]
impl Trial for Shared {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    async fn wait(&self, ms: i64) {
        tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_every_rule_of_a_store() {
    if database_or_skip().is_none() {
        return;
    }
    exercise(async || {
        let database = database_or_skip().unwrap();
        Shared(Arc::new(PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap()))
    })
    .await;
}

/// What the howto grants to the role that nodes serve as.
fn grants() -> Vec<String> {
    let howto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/howto/run-many-nodes.md");
    let howto = fs::read_to_string(howto).unwrap();
    let granted = |line: &&str| line.starts_with("grant ") && line.ends_with(" to countersign_node;");
    howto.lines().filter(granted).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_every_rule_as_a_role_that_cannot_rewrite() {
    let Some(database) = database_or_skip() else { return };
    // A role is the whole server's.
    database.run("create role countersign_node login").unwrap();
    assert!(!grants().is_empty(), "the howto grants nothing");
    exercise(async || {
        let database = database_or_skip().unwrap();
        PostgresStore::open(PostgresOptions::new(database.url())).await.unwrap().close().await;
        for grant in grants() {
            database.run(&grant).unwrap();
        }
        for table in ["settings", "event", "log_entry", "log_checkpoint"] {
            let may = format!(
                "select has_table_privilege('countersign_node', '{table}', 'update, delete, truncate')"
            );
            assert_eq!(database.run(&may).unwrap(), "f", "{table} can be rewritten");
        }
        let url = database.url().replacen("//countersign@", "//countersign_node@", 1);
        Shared(Arc::new(PostgresStore::open(PostgresOptions::new(url)).await.unwrap()))
    })
    .await;
}
