//! Deleting a subject's files: the receipt is taken first, one process at a time goes on, and deleting a name twice changes
//! nothing. In a folder a lock keeps others out, in a bucket a lease that is renewed between batches.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

use countersign_core::plan::Counts;
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::source::{SourceError, Stepped, Target};
use countersign_service::settings::datamap::DataMap;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore};

use super::receipts::{Receipts, Standing, now_ms};
use super::rules::OWN;
use super::{ObjectsSource, Place};
use crate::job::{refused, unavailable};

/// Files that are deleted in one go.
const BATCH: usize = 500;

impl ObjectsSource {
    pub(super) async fn delete(
        &self,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
        ceiling: Option<&Counts>,
    ) -> Result<Stepped, SourceError> {
        let store = self.store()?;
        let rules = self.rules(map, target)?;
        let lock = self.lock().await?;
        let receipts = Receipts { store: &*store, locked: lock.is_some() };
        let begun = match self.go_on(&receipts, key).await? {
            GoOn::Ended(Receipt { outcome: countersign_core::receipt::Outcome::Void, key }) => {
                let outcome = countersign_core::receipt::Outcome::Void;
                return Ok(Stepped::Void(Receipt { key, outcome }));
            }
            GoOn::Ended(receipt) => return Ok(Stepped::Done(receipt)),
            GoOn::Begun(planned) => Some(planned),
            GoOn::New => None,
        };
        let mut paths: Vec<Path> = vec![];
        let mut planned = BTreeMap::new();
        for (table, files) in rules.tables.iter().zip(self.files(&*store, &rules, map, target).await?) {
            let going = files.into_iter().filter(|(_, it)| it.goes && !it.link).map(|(path, _)| path);
            let before = paths.len();
            paths.extend(going);
            let there = (paths.len() - before) as u64;
            let earlier = begun.as_ref().and_then(|it| it.get(table.name)).copied().unwrap_or(0);
            planned.insert(table.name.to_owned(), there.max(earlier));
        }
        let mut counted = Counts::default();
        planned.iter().for_each(|(table, files)| counted.add(&self.name, table, *files));
        if ceiling.is_some_and(|it| counted.beyond(it).is_some()) {
            return match begun {
                None => Ok(Stepped::Beyond { counted }),
                Some(_) => {
                    let why = "part of it may be done, and what is left is more than was signed";
                    Err(refused(&self.name, why))
                }
            };
        }
        if begun.is_none() {
            let standing = self.begun(&planned);
            if !receipts.take(key, &standing).await.map_err(|it| self.unsure(&it))? {
                return Err(unavailable(&self.name, "somebody else took the step at the same moment"));
            }
        }
        let mut renewed = Instant::now();
        for batch in paths.chunks(BATCH) {
            if self.options.pace_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.options.pace_ms)).await;
            }
            if lock.is_none() && renewed.elapsed() > self.options.lease / 4 {
                self.renew(&receipts, key, &planned).await?;
                renewed = Instant::now();
            }
            let names: Vec<Result<Path, Error>> = batch.iter().cloned().map(Ok).collect();
            let mut gone = store.delete_stream(stream::iter(names).boxed());
            while let Some(one) = gone.next().await {
                match one {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(self.unsure(&error)),
                }
            }
        }
        self.onto_the_disk().await?;
        self.end(&receipts, key, Standing::Done { touched: counted }).await.map(Stepped::Done)
    }

    /// Closes a key: void if it was never begun, else done as far as it was.
    pub(super) async fn close(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        let store = self.store()?;
        let lock = self.lock().await?;
        let receipts = Receipts { store: &*store, locked: lock.is_some() };
        match self.go_on(&receipts, key).await? {
            GoOn::Ended(receipt) => Ok(receipt),
            GoOn::New => {
                if !receipts.take(key, &Standing::Void).await.map_err(|it| self.before(&it))? {
                    return Err(unavailable(&self.name, "somebody else took the step at the same moment"));
                }
                Ok(Receipt { key: key.clone(), outcome: countersign_core::receipt::Outcome::Void })
            }
            // How many of them went nobody can say; that no more will is sure, and the look afterwards says what is left.
            GoOn::Begun(planned) => {
                let mut touched = Counts::default();
                planned.iter().for_each(|(table, files)| touched.add(&self.name, table, *files));
                self.end(&receipts, key, Standing::Done { touched }).await
            }
        }
    }

    /// Where a step stands. What somebody else began goes on here only once that one is out of it.
    async fn go_on(&self, receipts: &Receipts<'_>, key: &ReceiptKey) -> Result<GoOn, SourceError> {
        let Some(found) = receipts.find(key).await.map_err(|it| self.before(&it))? else {
            return Ok(GoOn::New);
        };
        if let Some(receipt) = found.standing.receipt(key) {
            return Ok(GoOn::Ended(receipt));
        }
        let Standing::Begun { by, at_ms, planned } = found.standing.clone() else { return Ok(GoOn::New) };
        let age = Duration::from_millis(now_ms().saturating_sub(at_ms));
        if !receipts.locked && by != self.me && age < self.options.lease {
            return Err(unavailable(&self.name, "another node is at this step, or died in it a moment ago"));
        }
        let taken = receipts.turn(key, found, &self.begun(&planned)).await.map_err(|it| self.unsure(&it))?;
        if !taken {
            return Err(unavailable(&self.name, "somebody else took the step at the same moment"));
        }
        Ok(GoOn::Begun(planned))
    }

    fn begun(&self, planned: &BTreeMap<String, u64>) -> Standing {
        Standing::Begun { by: self.me.clone(), at_ms: now_ms(), planned: planned.clone() }
    }

    async fn renew(
        &self,
        receipts: &Receipts<'_>,
        key: &ReceiptKey,
        planned: &BTreeMap<String, u64>,
    ) -> Result<(), SourceError> {
        let lost = || SourceError::Unknown {
            source_name: self.name.clone(),
            reason: "somebody else goes on with this step".to_owned(),
        };
        let found = receipts.find(key).await.map_err(|it| self.unsure(&it))?.ok_or_else(lost)?;
        let ours = matches!(&found.standing, Standing::Begun { by, .. } if *by == self.me);
        let kept =
            ours && receipts.turn(key, found, &self.begun(planned)).await.map_err(|it| self.unsure(&it))?;
        if kept { Ok(()) } else { Err(lost()) }
    }

    async fn end(
        &self,
        receipts: &Receipts<'_>,
        key: &ReceiptKey,
        standing: Standing,
    ) -> Result<Receipt, SourceError> {
        let unsure = |it: Error| self.unsure(&it);
        let found = receipts.find(key).await.map_err(unsure)?;
        if let Some(found) = found
            && receipts.turn(key, found, &standing).await.map_err(unsure)?
            && let Some(receipt) = standing.receipt(key)
        {
            return Ok(receipt);
        }
        let reason = "the receipt could not be written".to_owned();
        Err(SourceError::Unknown { source_name: self.name.clone(), reason })
    }

    /// Keeps others out of a folder; nothing for a bucket.
    async fn lock(&self) -> Result<Option<File>, SourceError> {
        let Place::Folder(folder) = &self.options.place else { return Ok(None) };
        let failed = |it: std::io::Error| match it.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                refused(&self.name, "this program may not write in the folder")
            }
            kind => unavailable(&self.name, format!("the folder: {kind}")),
        };
        let own = folder.join(OWN);
        std::fs::create_dir_all(&own).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(own.join("lock"))
            .map_err(failed)?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(std::fs::TryLockError::WouldBlock) if started.elapsed() < self.options.patience => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Err(unavailable(&self.name, "somebody else erases in it"));
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// What was deleted in a folder is on the disk before the receipt says so.
    async fn onto_the_disk(&self) -> Result<(), SourceError> {
        let Place::Folder(folder) = &self.options.place else { return Ok(()) };
        let folder = folder.clone();
        let synced = tokio::task::spawn_blocking(move || {
            rustix::fs::syncfs(File::open(folder)?).map_err(std::io::Error::from)
        });
        let reason = match synced.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.kind().to_string(),
            Err(_) => "the work broke off".to_owned(),
        };
        Err(SourceError::Unknown { source_name: self.name.clone(), reason })
    }
}

/// Where a step stands.
enum GoOn {
    /// Nobody took it.
    New,
    /// It was begun, with so many files by table, and is ours now.
    Begun(BTreeMap<String, u64>),
    /// It has an end.
    Ended(Receipt),
}
