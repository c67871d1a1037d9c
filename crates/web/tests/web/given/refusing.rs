//! A real store that can be told to refuse whatever is asked of it, as one does that is away.

use std::sync::Mutex;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::Refusal;
use countersign_service::ports::store::{
    Committed, Decide, Job, JobEnd, Loaded, Needs, Query, Record, Retrying, Row, Status, Store, StoreError,
};
use countersign_store::SqliteStore;

type Answer<T> = Result<T, StoreError>;

pub(crate) struct Refusing {
    store: SqliteStore,
    refusal: Mutex<Option<Refusal>>,
}

impl Refusing {
    pub(crate) fn over(store: SqliteStore) -> Self {
        Self { store, refusal: Mutex::new(None) }
    }

    /// From now on every call is refused so.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        *self.refusal.lock().unwrap() = Some(refusal);
    }

    fn here(&self) -> Answer<&SqliteStore> {
        match self.refusal.lock().unwrap().clone() {
            Some(refusal) => Err(StoreError::Refused(refusal)),
            None => Ok(&self.store),
        }
    }
}

#[async_trait]
impl Store for Refusing {
    async fn act(&self, needs: Needs, decide: Decide) -> Answer<Committed> {
        self.here()?.act(needs, decide).await
    }
    async fn load(&self, needs: Needs) -> Answer<Loaded> {
        self.here()?.load(needs).await
    }
    async fn list(&self, query: Query) -> Answer<Vec<Row>> {
        self.here()?.list(query).await
    }
    async fn tally(&self) -> Answer<Vec<(String, Status, u64)>> {
        self.here()?.tally().await
    }
    async fn count_terms(&self, name: &str) -> Answer<Vec<(Vec<u8>, u64, Timestamp)>> {
        self.here()?.count_terms(name).await
    }
    async fn page(&self, kind: &str, after: Option<&str>, limit: u32) -> Answer<Vec<Record>> {
        self.here()?.page(kind, after, limit).await
    }
    async fn sealed(&self, request: RequestId, field: &str) -> Answer<Option<Vec<u8>>> {
        self.here()?.sealed(request, field).await
    }
    async fn key(&self, request: RequestId) -> Answer<Option<(u32, Vec<u8>)>> {
        self.here()?.key(request).await
    }
    async fn settings(&self, version: Option<u64>) -> Answer<Option<(u64, Vec<u8>)>> {
        self.here()?.settings(version).await
    }
    async fn claim(&self, limit: u32, lease_ms: i64) -> Answer<Vec<Job>> {
        self.here()?.claim(limit, lease_ms).await
    }
    async fn end(&self, ends: Vec<JobEnd>) -> Answer<()> {
        self.here()?.end(ends).await
    }
    async fn renew(&self, id: u64, fence: u64, lease_ms: i64) -> Answer<bool> {
        self.here()?.renew(id, fence, lease_ms).await
    }
    async fn next_job_at(&self) -> Answer<Option<Timestamp>> {
        self.here()?.next_job_at().await
    }
    async fn retrying(&self, before: Timestamp) -> Answer<Vec<Retrying>> {
        self.here()?.retrying(before).await
    }
    async fn release_leases(&self) -> Answer<u64> {
        self.here()?.release_leases().await
    }
    async fn sweep(&self) -> Answer<u64> {
        self.here()?.sweep().await
    }
    async fn head(&self) -> Answer<(u64, [u8; 32])> {
        self.here()?.head().await
    }
    async fn keep_checkpoint(&self, size: u64, note: Vec<u8>) -> Answer<()> {
        self.here()?.keep_checkpoint(size, note).await
    }
    async fn checkpoint(&self, size: Option<u64>) -> Answer<Option<(u64, Vec<u8>)>> {
        self.here()?.checkpoint(size).await
    }
    async fn checkpoint_sizes(&self, after: u64, limit: u32) -> Answer<Vec<u64>> {
        self.here()?.checkpoint_sizes(after, limit).await
    }
    async fn tile(&self, level: u8, n: u64, width: u32) -> Answer<Option<Vec<u8>>> {
        self.here()?.tile(level, n, width).await
    }
    async fn entries(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        self.here()?.entries(from, limit).await
    }
    async fn sequence(&self) -> Answer<()> {
        self.here()?.sequence().await
    }
    async fn ready(&self) -> Answer<()> {
        self.here()?.ready().await
    }
    fn leads(&self) -> bool {
        self.store.leads()
    }
    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.store.changes()
    }
}
