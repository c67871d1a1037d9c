//! A real store behind gates: each call is made whole, on the store's own threads, while the simulation stands still.

use std::future::Future;
use std::sync::{Arc, OnceLock, mpsc};

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Committed, Decide, Job, JobEnd, Loaded, Needs, Query, Record, Retrying, Row, Status, Store, StoreError,
};
use tokio::runtime::Runtime;

use crate::wheel::Gate;

type Answer<T> = Result<T, StoreError>;

pub(crate) struct Wired(pub(crate) Arc<dyn Store>);

/// The threads on which stores live, apart from the one on which the simulation turns.
pub(crate) fn stores() -> &'static Runtime {
    static STORES: OnceLock<Runtime> = OnceLock::new();
    STORES.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    })
}

/// Does it there and waits here.
pub(crate) fn whole<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    stores().spawn(async move {
        let _ = tell.send(work.await);
    });
    told.recv().expect("a call of the store broke off")
}

impl Wired {
    /// Two gates a call: what is stopped at the first did not happen, what is stopped at the second did and nobody
    /// was told.
    async fn call<T, F>(&self, work: impl FnOnce(Arc<dyn Store>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let gate = Gate::own();
        if let Some(gate) = &gate {
            gate.pass().await;
        }
        let answer = whole(work(Arc::clone(&self.0)));
        if let Some(gate) = &gate {
            gate.pass().await;
        }
        answer
    }
}

#[async_trait]
impl Store for Wired {
    async fn act(&self, needs: Needs, decide: Decide) -> Answer<Committed> {
        self.call(|store| async move { store.act(needs, decide).await }).await
    }
    async fn load(&self, needs: Needs) -> Answer<Loaded> {
        self.call(|store| async move { store.load(needs).await }).await
    }
    async fn list(&self, query: Query) -> Answer<Vec<Row>> {
        self.call(|store| async move { store.list(query).await }).await
    }
    async fn tally(&self) -> Answer<Vec<(String, Status, u64)>> {
        self.call(|store| async move { store.tally().await }).await
    }
    async fn count_terms(&self, name: &str) -> Answer<Vec<(Vec<u8>, u64, Timestamp)>> {
        let name = name.to_owned();
        self.call(|store| async move { store.count_terms(&name).await }).await
    }
    async fn page(&self, kind: &str, after: Option<&str>, limit: u32) -> Answer<Vec<Record>> {
        let (kind, after) = (kind.to_owned(), after.map(str::to_owned));
        self.call(|store| async move { store.page(&kind, after.as_deref(), limit).await }).await
    }
    async fn sealed(&self, request: RequestId, field: &str) -> Answer<Option<Vec<u8>>> {
        let field = field.to_owned();
        self.call(|store| async move { store.sealed(request, &field).await }).await
    }
    async fn key(&self, request: RequestId) -> Answer<Option<(u32, Vec<u8>)>> {
        self.call(|store| async move { store.key(request).await }).await
    }
    async fn settings(&self, version: Option<u64>) -> Answer<Option<(u64, Vec<u8>)>> {
        self.call(|store| async move { store.settings(version).await }).await
    }
    async fn claim(&self, limit: u32, lease_ms: i64) -> Answer<Vec<Job>> {
        self.call(|store| async move { store.claim(limit, lease_ms).await }).await
    }
    async fn end(&self, ends: Vec<JobEnd>) -> Answer<()> {
        self.call(|store| async move { store.end(ends).await }).await
    }
    async fn renew(&self, id: u64, fence: u64, lease_ms: i64) -> Answer<bool> {
        self.call(|store| async move { store.renew(id, fence, lease_ms).await }).await
    }
    async fn next_job_at(&self) -> Answer<Option<Timestamp>> {
        self.call(|store| async move { store.next_job_at().await }).await
    }
    async fn retrying(&self, before: Timestamp) -> Answer<Vec<Retrying>> {
        self.call(|store| async move { store.retrying(before).await }).await
    }
    async fn release_leases(&self) -> Answer<u64> {
        self.call(|store| async move { store.release_leases().await }).await
    }
    async fn sweep(&self) -> Answer<u64> {
        self.call(|store| async move { store.sweep().await }).await
    }
    async fn sequence(&self) -> Answer<()> {
        self.call(|store| async move { store.sequence().await }).await
    }
    async fn head(&self) -> Answer<(u64, [u8; 32])> {
        self.call(|store| async move { store.head().await }).await
    }
    async fn keep_checkpoint(&self, size: u64, note: Vec<u8>) -> Answer<()> {
        self.call(|store| async move { store.keep_checkpoint(size, note).await }).await
    }
    async fn checkpoint(&self, size: Option<u64>) -> Answer<Option<(u64, Vec<u8>)>> {
        self.call(|store| async move { store.checkpoint(size).await }).await
    }
    async fn checkpoint_sizes(&self, after: u64, limit: u32) -> Answer<Vec<u64>> {
        self.call(|store| async move { store.checkpoint_sizes(after, limit).await }).await
    }
    async fn tile(&self, level: u8, n: u64, width: u32) -> Answer<Option<Vec<u8>>> {
        self.call(|store| async move { store.tile(level, n, width).await }).await
    }
    async fn entries(&self, from: u64, limit: u32) -> Answer<Vec<Vec<u8>>> {
        self.call(|store| async move { store.entries(from, limit).await }).await
    }
    async fn ready(&self) -> Answer<()> {
        self.call(|store| async move { store.ready().await }).await
    }
    fn leads(&self) -> bool {
        self.0.leads()
    }
    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.changes()
    }
}
