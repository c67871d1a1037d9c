//! `countersign restore`: puts a copy that `backup` made where the store belongs, once it is proved. It never writes
//! over a store that is there.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use countersign_store::SqliteStore;
use serde_json::json;

use super::{STORE, embedded, proof};
use crate::cli::Context;
use crate::command::serve::runtime;
use crate::config::{self, Config};
use crate::installation::{clock, keys, private_folder};

/// Put a copy back where the store belongs.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that `backup` made
    directory: PathBuf,
}

impl Restore {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let (from, to) = (self.directory.join(STORE), embedded(&config)?);
        // A write-ahead log that is left of another store would be played into this one.
        for rest in ["", "-wal", "-shm", "-journal"] {
            let mut name = to.as_os_str().to_owned();
            name.push(rest);
            let there = PathBuf::from(name);
            ensure!(
                !there.exists(),
                "{} is there; stop the server, and move the files of the old store away first",
                there.display()
            );
        }
        let keys = keys::verifiers(&config.keys.directory)?;
        let proved = runtime()?.block_on(async {
            let store = SqliteStore::read_only(&from, clock())
                .with_context(|| format!("the copy {} cannot be read", from.display()))?;
            proof::prove(&store, &keys).await.with_context(|| format!("{} proves nothing", from.display()))
        })?;
        let folder = to.parent().context("the store's path names no file")?;
        private_folder(folder)?;
        // Under another name first: a copy that was broken off is no store.
        let half = folder.join("restored.part");
        let copied = SqliteStore::copy(&from, &half)
            .map_err(anyhow::Error::from)
            .and_then(|()| std::fs::rename(&half, to).map_err(anyhow::Error::from))
            .and_then(|()| Ok(File::open(folder)?.sync_all()?));
        if copied.is_err() {
            // What matters is the error; the half is named in it.
            let _ = std::fs::remove_file(&half);
        }
        copied.with_context(|| format!("{} cannot be put to {}", from.display(), to.display()))?;
        let root = hex::encode(proved.root);
        context.output.answer(&json!({ "store": to.display().to_string(), "size": proved.size, "root": root }), || {
            format!(
                "{}: {} ledger entries, root {root}\nStart it with the newest checkpoint that was kept elsewhere, \
                 so that it is not an older state than that:\n  countersign serve --since CHECKPOINT",
                to.display(),
                proved.size
            )
        })
    }
}
