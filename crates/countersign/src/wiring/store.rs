//! Which store stands behind which configuration.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use countersign_service::ports::store::Store;
use countersign_store::{PostgresOptions, PostgresStore, PostgresTls, SqliteStore};

use crate::config::{self, Config, Shared, StoreTls};
use crate::installation::{clock, private_folder};

/// The store, for reading and writing; its schema is brought forward.
///
/// # Errors
/// When it cannot be opened, and why.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let data = config.store.data().context("the store's path names no file")?;
    private_folder(data)?;
    match &config.store {
        config::Store::Embedded { path } => {
            let store = SqliteStore::open(path, clock())?;
            // Nobody else can hold a lease here: those that stand are of a process that died.
            store.release_leases().await?;
            Ok(Arc::new(store))
        }
        config::Store::Shared(shared) => Ok(Arc::new(PostgresStore::open(options(config, shared)?).await?)),
    }
}

/// The store for reading alone, also beside servers that run.
///
/// # Errors
/// When there is none, or it is of another version.
pub(crate) async fn read_only(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    match &config.store {
        config::Store::Embedded { path } => {
            let shown = path.display();
            anyhow::ensure!(
                path.exists(),
                "there is no store at {shown}; nothing was ever served with this configuration"
            );
            let store = SqliteStore::read_only(path, clock())
                .with_context(|| format!("the store {shown} cannot be read"))?;
            Ok(Arc::new(store))
        }
        config::Store::Shared(shared) => {
            let options = PostgresOptions { read_only: true, ..options(config, shared)? };
            Ok(Arc::new(PostgresStore::open(options).await?))
        }
    }
}

/// How the database of a shared store is reached.
///
/// # Errors
/// When its address or its authority cannot be read.
pub(crate) fn options(config: &Config, shared: &Shared) -> anyhow::Result<PostgresOptions> {
    let url = shared.url.fetch().context("the store's url")?;
    let authority = shared.authority.as_ref().map(|path| {
        std::fs::read(path)
            .with_context(|| format!("the store's authority {} cannot be read", path.display()))
    });
    Ok(PostgresOptions {
        node: config.server.name.clone().unwrap_or_else(|| node(&shared.data)),
        connections: shared.pool,
        tls: shared.tls.map(|tls| match tls {
            StoreTls::Require => PostgresTls::Require,
            StoreTls::Prefer => PostgresTls::Prefer,
            StoreTls::Disable => PostgresTls::Disable,
        }),
        authority_pem: authority.transpose()?,
        statement_timeout_ms: shared.statement_timeout_ms,
        notify: shared.notify,
        sequencer_lease_ms: config.work.sequencer_lease_ms.unsigned_abs(),
        ..PostgresOptions::new(url)
    })
}

/// A name for a node that has none: of its machine and of its folder, so that it stays the same.
fn node(data: &Path) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => "node",
        machine => machine,
    };
    let mut folder = DefaultHasher::new();
    std::path::absolute(data).unwrap_or_else(|_| data.to_owned()).hash(&mut folder);
    format!("{machine}-{:04x}", folder.finish() & 0xffff)
}
