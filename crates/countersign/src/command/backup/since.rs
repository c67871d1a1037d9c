//! `serve --since CHECKPOINT`: refuses to go on from an older state than a signed head that was kept elsewhere.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use countersign_service::{Service, Stands};

/// The longest checkpoint that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A head that was kept elsewhere.
#[derive(Debug, Args)]
pub(crate) struct Since {
    /// Refuse to start from an older state than this checkpoint of the ledger, which was kept elsewhere
    #[arg(long, value_name = "CHECKPOINT")]
    since: Option<PathBuf>,
    /// Start all the same; the ledger tells so for ever
    #[arg(long, requires = "since")]
    force: bool,
}

impl Since {
    /// Compares, and writes the entry of whoever goes on all the same.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, is none of this ledger, or is not in it and nobody forces.
    pub(crate) async fn hold_against(&self, service: &Service) -> anyhow::Result<()> {
        let Some(path) = &self.since else { return Ok(()) };
        let shown = path.display();
        let length = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.len();
        anyhow::ensure!(length <= MAX_BYTES, "{shown} has {length} bytes; a checkpoint has a few hundred");
        let note = std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
        let seen = service.stands_to(&note).await.with_context(|| format!("{shown}"))?;
        let what = match seen.stands {
            Stands::Beyond => return Ok(()),
            Stands::Behind => format!(
                "this store has {} ledger entries, and {shown} was signed over {}: it is an older state, and what \
                 happened since is not in it",
                seen.here, seen.kept
            ),
            Stands::Apart => format!(
                "this store and {shown} have other entries below {}: somebody went on from an older state before",
                seen.kept
            ),
        };
        if !self.force {
            bail!(
                "{what}. Put a newer copy back; or, if there is none, go on with --force, which the ledger tells for ever"
            );
        }
        tracing::error!(here = seen.here, kept = seen.kept, "going on by force from an older state");
        service.go_on_against(&note).await.context("the entry about it")
    }
}
