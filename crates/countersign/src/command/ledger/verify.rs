//! `countersign ledger verify`: recomputes an export from its entries, offline.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use countersign_ledger::{LogSource, Report, VKEY_PATH, VerifierKey, Watch, verify};
use indicatif::ProgressBar;
use serde_json::json;

use super::folder::Folder;
use crate::cli::Context;
use crate::exit::Said;
use crate::output::progress;

/// The longest file of keys that is read, in bytes.
const MAX_KEYS_BYTES: usize = 64 * 1024;

/// Check an export.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The folder that `ledger export` wrote
    directory: PathBuf,
    /// The log's verifier keys, one a line, from elsewhere than the export; the first one is enough, for the entries name
    /// its successors
    #[arg(long, value_name = "FILE")]
    vkey: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let shown = self.directory.display().to_string();
        let mut folder = Folder::open(&self.directory).with_context(|| format!("{shown} cannot be read"))?;
        let keys = self.keys(&mut folder)?;
        let mut watch = Bar(progress("verifying"));
        let report =
            verify(&mut folder, &keys, &mut watch).with_context(|| format!("{shown} cannot be read"))?;
        watch.0.finish_and_clear();
        let trusted = self.vkey.is_some();
        let answer = json!({
            "whole": report.is_whole(),
            "own_key_trusted": !trusted,
            "origin": report.head.as_ref().map(|head| &head.origin),
            "size": report.head.as_ref().map(|head| head.size),
            "entries": report.entries,
            "tiles": report.tiles,
            "checkpoints": report.checkpoints,
            "successors": report.successors.iter().map(|(entry, key)| json!({ "entry": entry, "vkey": key.to_string() })).collect::<Vec<_>>(),
            "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "findings_left_out": report.findings_left_out,
        });
        context.output.answer(&answer, || text(&report, trusted))?;
        if report.is_whole() { Ok(()) } else { Err(Said.into()) }
    }

    fn keys(&self, folder: &mut Folder) -> anyhow::Result<Vec<VerifierKey>> {
        let (name, text) = match &self.vkey {
            Some(path) => {
                let name = path.display().to_string();
                (name.clone(), std::fs::read(path).with_context(|| format!("{name} cannot be read"))?)
            }
            None => {
                let mut text = Vec::new();
                let found = folder.read(VKEY_PATH, MAX_KEYS_BYTES, &mut text)?;
                anyhow::ensure!(found, "the export has no `{VKEY_PATH}`; name the log's key with --vkey");
                (VKEY_PATH.to_owned(), text)
            }
        };
        let text = String::from_utf8(text).with_context(|| format!("{name} is no text"))?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let keys: Vec<VerifierKey> = lines
            .map(|(at, line)| line.trim().parse().with_context(|| format!("{name}, line {}", at + 1)))
            .collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(!keys.is_empty(), "{name} has no key in it");
        Ok(keys)
    }
}

struct Bar(ProgressBar);

impl Watch for Bar {
    fn progress(&mut self, done: u64, size: u64) {
        self.0.set_length(size);
        self.0.set_position(done);
    }
}

fn text(report: &Report, trusted: bool) -> String {
    let mut lines = Vec::new();
    if let Some(head) = &report.head {
        lines.push(format!("{}: {} entries", head.origin, head.size));
    }
    lines.push(format!(
        "recomputed {} entries, compared {} tiles and {} older checkpoints",
        report.entries, report.tiles, report.checkpoints
    ));
    let succeeded = |(entry, key): &(u64, VerifierKey)| format!("from entry {entry} on signed by {key}");
    lines.extend(report.successors.iter().map(succeeded));
    lines.extend(report.findings.iter().map(|finding| format!("  × {finding}")));
    if report.findings_left_out > 0 {
        lines.push(format!("  and {} more", report.findings_left_out));
    }
    lines.push(if report.is_whole() { "whole".to_owned() } else { "NOT WHOLE".to_owned() });
    if !trusted {
        lines.push(
            "This trusts the key in the export itself. Name the log's key from elsewhere with --vkey to be sure whose \
             ledger this is."
                .to_owned(),
        );
    }
    lines.join("\n")
}
