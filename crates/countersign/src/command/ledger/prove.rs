//! `countersign ledger prove`: what the ledger holds of one request, each entry with a proof that stands alone.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use countersign_core::id::RequestId;
use countersign_ledger::ProofFile;
use countersign_service::ports::store::Needs;
use serde_json::json;

use super::log::Log;
use crate::cli::Context;
use crate::command::serve::runtime;
use crate::config::{self, Config};
use crate::exit::Usage;
use crate::installation::keys;
use crate::wiring::store;

/// Write proofs of one request.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The request's id
    request: String,
    /// The folder to write them to: for each entry N, N.json and N.tlog-proof
    #[arg(long, short = 'o', value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl Prove {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let id: RequestId =
            self.request.parse().map_err(|why| Usage(format!("`{}`: {why}", self.request)))?;
        let keys = keys::verifiers(&config.keys.directory)?;
        let (written, events) = runtime()?.block_on(async {
            let store = store::read_only(&config).await?;
            let log = Log::open(&*store, &keys).await?;
            let loaded = store.load(Needs { request: Some(id), ..Needs::default() }).await?;
            let record = loaded.request.with_context(|| format!("there is no request {id}"))?;
            std::fs::create_dir_all(&self.out)
                .with_context(|| format!("{} cannot be made", self.out.display()))?;
            let checkpoint =
                String::from_utf8(log.note.clone()).context("the newest checkpoint is no text")?;
            let mut written = Vec::new();
            let under = |leaf: &u64| *leaf < log.head.size;
            for event in &record.events {
                let Some(leaf) = event.leaf.filter(under) else { continue };
                let (entry, hashes) = log.prove(leaf).await?;
                let proof = ProofFile { extra: None, index: leaf, hashes, checkpoint: checkpoint.clone() };
                let path = self.out.join(format!("{leaf}.tlog-proof"));
                let shown = path.display().to_string();
                std::fs::write(self.out.join(format!("{leaf}.json")), entry)
                    .and_then(|()| std::fs::write(&path, proof.to_string()))
                    .with_context(|| format!("{shown} cannot be written"))?;
                written.push(json!({ "index": leaf, "event": event.kind, "proof": shown }));
            }
            anyhow::Ok((written, record.events.len()))
        })?;
        context.output.answer(&written, || {
            let line = |it: &serde_json::Value| {
                format!(
                    "{}  {}",
                    it["proof"].as_str().unwrap_or_default(),
                    it["event"].as_str().unwrap_or_default()
                )
            };
            written.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        // What was not proved is told: half of a history must not pass for all of it.
        let proved = written.len();
        anyhow::ensure!(
            proved == events,
            "{} of {events} entries of {id} are not under a checkpoint yet: a server signs them within a moment; \
             let one run, and prove again",
            events - proved,
        );
        Ok(())
    }
}
