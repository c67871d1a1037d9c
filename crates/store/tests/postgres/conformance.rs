//! Every rule of the conformance suite.

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
