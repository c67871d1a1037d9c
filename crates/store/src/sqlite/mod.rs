//! The embedded store: one SQLite file, one writer thread with group commit, a few reader threads.

mod batch;
mod clock;
mod copy;
mod give;
mod job;
mod list;
mod load;
mod log;
mod migrate;
mod open;
mod reader;
mod record;
mod request;
mod sealed;
mod settings;
mod value;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{
    Committed, Decide, Job, JobEnd, Loaded, Needs, Query, Record, Retrying, Row, Status, Store, StoreError,
};
use tokio::sync::watch;

use self::batch::Marks;
pub use self::clock::Clock;
use self::clock::StoreClock;
pub use self::copy::Examined;
pub(crate) use self::give::Giver;
pub use self::open::OpenError;
use self::reader::Readers;
use self::writer::Writer;

/// Records removed in one transaction, so that a long sweep keeps nobody waiting.
const SWEEP: u32 = 500;

/// Our state in one SQLite file.
pub struct SqliteStore {
    // Order matters: the writer ends before the lock is given up.
    writer: Option<Writer>,
    readers: Readers,
    clock: Arc<StoreClock>,
    changes: watch::Receiver<u64>,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the store at `path` for reading and writing, makes it if it is not there, and brings its schema
    /// forward. Blocks for as long as that takes.
    ///
    /// # Errors
    /// When another process has it open for writing, when its schema is newer than this version, when a setting
    /// that durability rests on does not hold, when the ledger's right edge does not give its root.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let lock = open::lock(path)?;
        let clock = Arc::new(StoreClock::new(clock));
        let mut db = open::writer(path)?;
        migrate::migrate(&mut db, clock.now())?;
        let edge = log::edge(&db).map_err(|fault| OpenError::Damaged(StoreError::from(fault).to_string()))?;
        let (told, changes) = watch::channel(edge.size());
        let readers = readers(path)?;
        let writer = Writer::start(db, Arc::clone(&clock), told)
            .map_err(|error| OpenError::File { path: path.to_owned(), error })?;
        Ok(Self { writer: Some(writer), readers, clock, changes, _lock: Some(lock) })
    }

    /// Opens the store at `path` for reading alone, also beside a running server. Every act is refused, and
    /// [`Store::changes`] never changes.
    ///
    /// # Errors
    /// When there is no store, or its schema is not this version's.
    pub fn read_only(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let db = open::reader(path)?;
        match migrate::version(&db)? {
            migrate::LATEST => {}
            0 => return Err(OpenError::NotAStore),
            found if found > migrate::LATEST => {
                return Err(OpenError::NewerSchema { found, known: migrate::LATEST });
            }
            found => return Err(OpenError::OlderSchema { found, known: migrate::LATEST }),
        }
        let head = log::head(&db).map_err(|fault| OpenError::Damaged(StoreError::from(fault).to_string()))?;
        let readers = readers(path)?;
        let changes = watch::channel(head.0).1;
        Ok(Self { writer: None, readers, clock: Arc::new(StoreClock::new(clock)), changes, _lock: None })
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("it was opened for reading only".to_owned()))
    }
}

fn readers(path: &Path) -> Result<Readers, OpenError> {
    let count = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
    let connections = (0..count).map(|_| open::reader(path)).collect::<Result<_, _>>()?;
    Readers::start(connections).map_err(|error| OpenError::File { path: path.to_owned(), error })
}

#[async_trait]
impl Store for SqliteStore {
    async fn act(&self, needs: Needs, mut decide: Decide) -> Result<Committed, StoreError> {
        self.writer()?.ask(move |batch| batch.act(&needs, &mut decide)).await
    }

    async fn load(&self, needs: Needs) -> Result<Loaded, StoreError> {
        let clock = Arc::clone(&self.clock);
        self.readers.ask(move |db| load::load(db, &needs, clock.now(), &Marks::read(db)?)).await
    }

    async fn list(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.readers.ask(move |db| list::list(db, &query)).await
    }

    async fn tally(&self) -> Result<Vec<(String, Status, u64)>, StoreError> {
        self.readers.ask(request::tally).await
    }

    async fn count_terms(&self, name: &str) -> Result<Vec<(Vec<u8>, u64, Timestamp)>, StoreError> {
        let name = name.to_owned();
        self.readers.ask(move |db| request::count_terms(db, &name)).await
    }

    async fn page(&self, kind: &str, after: Option<&str>, limit: u32) -> Result<Vec<Record>, StoreError> {
        let (kind, after) = (kind.to_owned(), after.map(str::to_owned));
        self.readers.ask(move |db| record::page(db, &kind, after.as_deref(), limit)).await
    }

    async fn sealed(&self, request: RequestId, field: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let field = field.to_owned();
        self.readers.ask(move |db| sealed::field(db, request, &field)).await
    }

    async fn key(&self, request: RequestId) -> Result<Option<(u32, Vec<u8>)>, StoreError> {
        self.readers.ask(move |db| sealed::key(db, request)).await
    }

    async fn settings(&self, version: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.readers.ask(move |db| settings::read(db, version)).await
    }

    async fn claim(&self, limit: u32, lease_ms: i64) -> Result<Vec<Job>, StoreError> {
        self.writer()?
            .ask(move |batch| {
                batch.savepoint()?;
                let jobs = job::claim(batch, limit, lease_ms)?;
                batch.keep()?;
                Ok(jobs)
            })
            .await
    }

    async fn end(&self, ends: Vec<JobEnd>) -> Result<(), StoreError> {
        self.writer()?
            .ask(move |batch| {
                batch.savepoint()?;
                ends.iter().try_for_each(|end| job::end(batch, end))?;
                batch.keep()
            })
            .await
    }

    async fn renew(&self, id: u64, fence: u64, lease_ms: i64) -> Result<bool, StoreError> {
        self.writer()?.ask(move |batch| job::renew(batch, id, fence, lease_ms)).await
    }

    async fn next_job_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.ask(job::next_at).await
    }

    async fn retrying(&self, before: Timestamp) -> Result<Vec<Retrying>, StoreError> {
        self.readers.ask(move |db| job::retrying(db, before)).await
    }

    async fn release_leases(&self) -> Result<u64, StoreError> {
        self.writer()?
            .ask(|batch| {
                let released = job::release_leases(batch)?;
                batch.notable |= released > 0;
                Ok(released)
            })
            .await
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let some = self
                .writer()?
                .ask(|batch| {
                    batch.savepoint()?;
                    let removed = record::sweep(batch, SWEEP)?;
                    batch.keep()?;
                    Ok(removed)
                })
                .await?;
            removed += some;
            if some < u64::from(SWEEP) {
                return Ok(removed);
            }
        }
    }

    /// Entries enter the ledger in the commit of their change.
    async fn sequence(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn head(&self) -> Result<(u64, [u8; 32]), StoreError> {
        self.readers.ask(log::head).await
    }

    async fn keep_checkpoint(&self, size: u64, note: Vec<u8>) -> Result<(), StoreError> {
        self.writer()?.ask(move |batch| log::keep_checkpoint(batch, size, &note).map(drop)).await
    }

    async fn checkpoint(&self, size: Option<u64>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.readers.ask(move |db| log::checkpoint(db, size)).await
    }

    async fn checkpoint_sizes(&self, after: u64, limit: u32) -> Result<Vec<u64>, StoreError> {
        self.readers.ask(move |db| log::checkpoint_sizes(db, after, limit)).await
    }

    async fn tile(&self, level: u8, n: u64, width: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.ask(move |db| log::tile(db, level, n, width)).await
    }

    async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.readers.ask(move |db| log::entries(db, from, limit)).await
    }

    fn leads(&self) -> bool {
        self.writer.is_some()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer()?.ask(|_| Ok(())).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
