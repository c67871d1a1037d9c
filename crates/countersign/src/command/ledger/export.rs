//! `countersign ledger export`: the whole ledger as files, as C2SP lays them out, with every checkpoint ever issued.
//! Reads the store alone, so that it works beside a running server and without one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use countersign_ledger::{CHECKPOINT_PATH, VKEY_PATH, bundles_of, checkpoint_path, tiles_of};
use countersign_service::ports::store::Store;
use serde_json::json;

use super::log::Log;
use crate::cli::Context;
use crate::command::serve::runtime;
use crate::config::{self, Config};
use crate::installation::keys;
use crate::output::progress;
use crate::wiring::store;

/// Checkpoints read in one go.
const PAGE: u32 = 500;

/// Write the ledger as files.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The folder to write; it must not exist or be empty
    directory: PathBuf,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let shown = self.directory.display().to_string();
        let empty = std::fs::read_dir(&self.directory).map_or(true, |mut files| files.next().is_none());
        anyhow::ensure!(empty, "{shown} is not empty; name a folder for this export alone");
        let keys = keys::verifiers(&config.keys.directory)?;
        let (size, checkpoints) = runtime()?.block_on(async {
            let store = store::read_only(&config).await?;
            let log = Log::open(&*store, &keys).await?;
            // The first one first: whoever knows that one follows the entries to the others.
            let vkeys: String = keys.iter().map(|key| format!("{key}\n")).collect();
            write(&self.directory, VKEY_PATH, vkeys.as_bytes())?;
            entries_and_tiles(&log, &self.directory).await?;
            let count = checkpoints(&*store, log.head.size, &self.directory).await?;
            // Last: with it there, the export is complete.
            write(&self.directory, CHECKPOINT_PATH, &log.note)?;
            anyhow::Ok((log.head.size, count))
        })?;
        context.output.answer(&json!({ "directory": shown, "size": size, "checkpoints": checkpoints }), || {
            format!("{shown}: {size} entries under {checkpoints} checkpoints\ncheck it with: countersign ledger verify {shown}")
        })
    }
}

async fn entries_and_tiles(log: &Log<'_>, directory: &Path) -> anyhow::Result<()> {
    let size = log.head.size;
    let bar = progress("exporting");
    bar.set_length(size);
    for bundle in bundles_of(size) {
        write(directory, &bundle.path(), &log.bundle(bundle).await?)?;
        bar.inc(u64::from(bundle.width()));
    }
    for tile in tiles_of(size) {
        write(directory, &tile.path(), &log.tile(tile).await?)?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Every checkpoint up to that of `size`; a newer one speaks of entries that are not in the export.
async fn checkpoints(store: &dyn Store, size: u64, directory: &Path) -> anyhow::Result<u64> {
    let (mut after, mut count) = (0, 0);
    loop {
        let sizes = store.checkpoint_sizes(after, PAGE).await?;
        for &issued in sizes.iter().take_while(|issued| **issued <= size) {
            let (_, note) =
                store.checkpoint(Some(issued)).await?.context("a checkpoint was listed and is not there")?;
            write(directory, &checkpoint_path(issued), &note)?;
            count += 1;
        }
        match sizes.last() {
            Some(&last) if last < size => after = last,
            _ => return Ok(count),
        }
    }
}

fn write(directory: &Path, path: &str, content: &[u8]) -> anyhow::Result<()> {
    let path = directory.join(path);
    let shown = path.display();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    std::fs::write(&path, content).with_context(|| format!("{shown} cannot be written"))
}
