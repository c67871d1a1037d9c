//! Files by prefix as a source: a folder of this machine, or a bucket of an object store, through one interface. A
//! subject's files stand below a path with the subject's value in it. It must not know any other source.
//!
//! - `rules`: what the data map says, and where somebody's files are. `receipts`: what was done, kept beside them.
//! - `survey`, `erase`, `export`: going through them.

mod erase;
mod export;
mod receipts;
mod rules;
mod survey;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_service::ports::following;
use countersign_service::ports::source::{
    Exported, Finding, Identity, Match, Rights, RootKey, Source, SourceError, Stepped, Target,
};
use countersign_service::settings::datamap::DataMap;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, Error, HeaderValue, ObjectStore};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::job::{self, refused, unavailable};

/// Who calls.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION")));

/// Where files are.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a folder of this machine; it is never made.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

/// A bucket that speaks the protocol of S3.
#[derive(Clone)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What stands before every path, as a folder; empty for the whole bucket.
    pub prefix: String,
    /// Its region.
    pub region: String,
    /// Where it is, if not at its region's usual place. Without TLS only where it begins with `http://`.
    pub endpoint: Option<String>,
    /// The id of the key.
    pub key_id: String,
    /// The key.
    pub secret: Zeroizing<String>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({}/{})", self.name, self.prefix)
    }
}

/// How files are used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where they are.
    pub place: Place,
    /// After this long somebody who erases in a bucket and says nothing is taken for dead.
    pub lease: Duration,
    /// How long to wait for somebody else who erases in a folder.
    pub patience: Duration,
    /// A pause before each batch of deletions; 0: none.
    pub pace_ms: u64,
}

impl Options {
    /// Files at a place; two minutes of lease.
    pub fn new(place: Place) -> Self {
        Self { place, lease: Duration::from_secs(120), patience: Duration::from_secs(30), pace_ms: 0 }
    }
}

/// Files by prefix.
pub struct ObjectsSource {
    name: String,
    options: Options,
    /// Who this process is, to others that erase.
    me: String,
}

impl ObjectsSource {
    /// A source over files. It is looked at when it is asked for something.
    ///
    /// # Errors
    /// `Refused` when a path or name is empty.
    pub fn open(name: impl Into<String>, options: Options) -> Result<Self, SourceError> {
        let name = name.into();
        let empty = match &options.place {
            Place::Folder(path) => path.as_os_str().is_empty(),
            Place::Bucket(bucket) => bucket.name.is_empty() || bucket.region.is_empty(),
        };
        if empty {
            return Err(refused(&name, "the folder, or the bucket's name or region, is empty"));
        }
        // The name of this process and of this source in it is enough: the lease goes by what is read back.
        let unique = format!("{}-{}-{name}", std::process::id(), receipts::now_ms());
        Ok(Self { name, options, me: unique })
    }

    fn store(&self) -> Result<Arc<dyn ObjectStore>, SourceError> {
        let opened: Result<Arc<dyn ObjectStore>, Error> = match &self.options.place {
            Place::Folder(path) => {
                if !path.is_dir() {
                    return Err(unavailable(&self.name, "the folder is not there"));
                }
                LocalFileSystem::new_with_prefix(path)
                    .map(|it| Arc::new(it.with_automatic_cleanup(true)) as Arc<dyn ObjectStore>)
            }
            Place::Bucket(bucket) => {
                // Whoever is first sets it for the process; all of ours set the same.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let plain = bucket.endpoint.as_ref().is_some_and(|it| it.starts_with("http://"));
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(&bucket.name)
                    .with_region(&bucket.region)
                    .with_access_key_id(&bucket.key_id)
                    .with_secret_access_key(&**bucket.secret)
                    .with_client_options(ClientOptions::new().with_user_agent(AGENT))
                    .with_allow_http(plain);
                if let Some(endpoint) = &bucket.endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                builder.build().map(|it| match &*bucket.prefix {
                    "" => Arc::new(it) as Arc<dyn ObjectStore>,
                    prefix => Arc::new(PrefixStore::new(it, prefix)),
                })
            }
        };
        opened.map_err(|it| self.before(&it))
    }

    /// Nothing was done yet. What the store says may hold paths; it is told by its kind.
    fn before(&self, error: &Error) -> SourceError {
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                let what = "it does not let this program in";
                refused(&self.name, what)
            }
            other => unavailable(&self.name, kind(other)),
        }
    }

    /// Something may have been done; the receipt says whether it was begun.
    fn unsure(&self, error: &Error) -> SourceError {
        SourceError::Unknown { source_name: self.name.clone(), reason: kind(error).to_owned() }
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => "something is not there, or not any more",
        Error::InvalidPath { .. } => "a name is not to be understood",
        Error::NotSupported { .. } | Error::NotImplemented { .. } => "the store cannot do what is needed",
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            "somebody else was faster"
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => "it does not let this program in",
        _ => "it does not answer as it should",
    }
}

#[async_trait]
impl Source for ObjectsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn follows(&self) -> bool {
        true
    }

    async fn rights(&self, _: &DataMap, _: Option<&str>) -> Result<Rights, SourceError> {
        Ok(self.rights_there())
    }

    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError> {
        self.findings(map).await
    }

    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        self.folders().await
    }

    async fn discover(&self, _root_table: Option<&str>) -> Result<String, SourceError> {
        self.propose().await
    }

    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError> {
        let Some(found) = following::called(map, identities) else { return Ok(vec![]) };
        let there = self.plan(map, &Target::Subject(vec![found.root.clone()])).await?;
        Ok(if there.lines.iter().any(|it| it.rows > 0) { vec![found] } else { vec![] })
    }

    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError> {
        Ok(following::looked_at(map, roots))
    }

    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError> {
        self.plan(map, target).await
    }

    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError> {
        job::may_export(&self.name, permit)?;
        self.hand_out(map, target, &out).await
    }

    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError> {
        job::may_erase(&self.name, permit, key)?;
        job::is_whole(&self.name, key)?;
        self.delete(key, map, target, permit.ceiling()).await
    }

    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError> {
        let store = self.store()?;
        let receipts = receipts::Receipts { store: &*store, locked: false };
        let found = receipts.find(key).await.map_err(|it| self.before(&it))?;
        Ok(found.and_then(|it| it.standing.receipt(key)))
    }

    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError> {
        self.close(key).await
    }

    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError> {
        self.still_there(map, target).await
    }
}
