//! Receipts as objects: made only where there is none. `begun` stands before the first deletion and says who is at it, so
//! that one goes on at a time. It must not know what is deleted.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt, ReceiptKey};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::rules::OWN;

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Standing {
    /// Somebody is at it, or was.
    Begun {
        /// Which process.
        by: String,
        /// When it said so last, in milliseconds since 1970.
        at_ms: u64,
        /// Files by table, as they were counted before the first went.
        planned: BTreeMap<String, u64>,
    },
    /// It is done.
    Done {
        /// What was touched.
        touched: Counts,
    },
    /// It never will be.
    Void,
}

/// What stands there, and the state of the object that says so.
pub(super) struct Found {
    pub(super) standing: Standing,
    version: UpdateVersion,
}

/// Receipts in a store.
pub(super) struct Receipts<'a> {
    pub(super) store: &'a dyn ObjectStore,
    /// Whether a lock keeps others out, so that comparing is not needed (and, in a folder, not to be had).
    pub(super) locked: bool,
}

impl Standing {
    /// As a receipt, if it has an end.
    pub(super) fn receipt(&self, key: &ReceiptKey) -> Option<Receipt> {
        let outcome = match self {
            Standing::Begun { .. } => return None,
            Standing::Done { touched } => Outcome::Done { touched: touched.clone() },
            Standing::Void => Outcome::Void,
        };
        Some(Receipt { key: key.clone(), outcome })
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn place(key: &ReceiptKey) -> Path {
    Path::from(format!("{OWN}/{}-{}-{}-{}.json", key.request, key.run, key.step, key.chunk))
}

impl Receipts<'_> {
    pub(super) async fn find(&self, key: &ReceiptKey) -> Result<Option<Found>, Error> {
        let got = match self.store.get(&place(key)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            got => got?,
        };
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        let bytes = got.bytes().await?;
        let standing = serde_json::from_slice(&bytes)
            .map_err(|it| Error::Generic { store: "receipts", source: Box::new(it) })?;
        Ok(Some(Found { standing, version }))
    }

    /// Takes a key; `false` if it is taken.
    pub(super) async fn take(&self, key: &ReceiptKey, standing: &Standing) -> Result<bool, Error> {
        match self.put(key, standing, PutMode::Create).await {
            Err(Error::AlreadyExists { .. }) => Ok(false),
            put => put.map(|()| true),
        }
    }

    /// Says something else under a key that says what was found; `false` if somebody was faster.
    pub(super) async fn turn(&self, key: &ReceiptKey, found: Found, to: &Standing) -> Result<bool, Error> {
        let mode = if self.locked { PutMode::Overwrite } else { PutMode::Update(found.version) };
        match self.put(key, to, mode).await {
            Err(Error::Precondition { .. }) => Ok(false),
            put => put.map(|()| true),
        }
    }

    async fn put(&self, key: &ReceiptKey, standing: &Standing, mode: PutMode) -> Result<(), Error> {
        let bytes = serde_json::to_vec(standing)
            .map_err(|it| Error::Generic { store: "receipts", source: Box::new(it) })?;
        let options = PutOptions { mode, ..PutOptions::default() };
        self.store.put_opts(&place(key), bytes.into(), options).await.map(drop)
    }
}
