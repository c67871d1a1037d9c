//! `countersign backup`: a copy of the embedded store, beside a running server, proved by the ledger's root. Keys are
//! never in it.

pub(crate) mod proof;
pub(crate) mod restore;
pub(crate) mod since;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use countersign_store::SqliteStore;
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::installation::{clock, keys, private_file, private_folder};

/// The copy's name in its folder.
pub(crate) const STORE: &str = "store.db";
/// The newest signed head in the copy, to be kept elsewhere too.
const CHECKPOINT: &str = "checkpoint";

/// Copy the embedded store, also beside a running server.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A new folder for the copy; with --check, the folder of one that was made
    directory: PathBuf,
    /// Make none: prove one that is there
    #[arg(long)]
    check: bool,
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let shown = self.directory.display().to_string();
        let copy = self.directory.join(STORE);
        if !self.check {
            make(&config, &self.directory, &copy)?;
        }
        let keys = keys::verifiers(&config.keys.directory)?;
        let proved = runtime()?.block_on(async {
            let store = SqliteStore::read_only(&copy, clock())
                .with_context(|| format!("the copy {} cannot be read", copy.display()))?;
            proof::prove(&store, &keys).await.with_context(|| format!("the copy in {shown} proves nothing"))
        })?;
        let checkpoint =
            String::from_utf8(proved.note.clone()).context("the newest checkpoint is no text")?;
        if !self.check {
            private_file(&self.directory.join(CHECKPOINT), &checkpoint)?;
        }
        let root = hex::encode(proved.root);
        let answer = json!({
            "directory": shown, "size": proved.size, "root": root, "requests": proved.requests,
            "checkpoint": checkpoint,
        });
        context.output.answer(&answer, || {
            format!(
                "{shown}: {} ledger entries, root {root}\n{} requests, every event of theirs under that root\n\
                 No keys are in it: keep those of {} elsewhere. Put it back with: countersign restore {shown}",
                proved.size,
                proved.requests,
                config.keys.directory.display(),
            )
        })
    }
}

/// The file of the embedded store.
///
/// # Errors
/// When the store is a database: that has means of its own.
pub(crate) fn embedded(config: &Config) -> anyhow::Result<&Path> {
    match &config.store {
        config::Store::Embedded { path } => Ok(path),
        config::Store::Shared(_) => anyhow::bail!(
            "the store is a PostgreSQL database: copy it and put it back with what PostgreSQL has for that, and start \
             with --since all the same"
        ),
    }
}

fn make(config: &Config, directory: &Path, copy: &Path) -> anyhow::Result<()> {
    let store = embedded(config)?;
    let shown = directory.display();
    let empty = std::fs::read_dir(directory).map_or(true, |mut files| files.next().is_none());
    anyhow::ensure!(empty, "{shown} is not empty; name a folder for this copy alone");
    anyhow::ensure!(store.exists(), "there is no store at {}", store.display());
    private_folder(directory)?;
    let folder = std::fs::canonicalize(directory).with_context(|| format!("{shown} cannot be found"))?;
    let key_folder = std::fs::canonicalize(&config.keys.directory).unwrap_or_default();
    anyhow::ensure!(
        !folder.starts_with(&key_folder) && !key_folder.starts_with(&folder),
        "{shown} and the keys in {} would lie in one place; name another folder",
        config.keys.directory.display()
    );
    SqliteStore::copy(store, copy).with_context(|| format!("the store {} cannot be copied", store.display()))
}
