//! `countersign apply`: hands a folder of settings to the server, which checks them whole before it takes any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use countersign_client::Client;
use countersign_client::view::SettingsFiles;

use super::remote::Remote;
use crate::cli::Context;
use crate::exit::Usage;

/// The longest settings file that is sent, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// The most files that are sent.
const MAX_FILES: usize = 500;

/// Enter settings.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The folder with settings: .toml and .cedar files, at any depth
    directory: PathBuf,
    /// Refuse unless this version is active
    #[arg(long, value_name = "VERSION")]
    expect: Option<u64>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Apply {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let files = read(&self.directory)?;
        let count = files.len();
        let settings = SettingsFiles { files, expected_version: self.expect, dry_run: self.dry_run };
        let applied =
            self.remote.call(context, |client: Client| async move { Ok(client.apply(&settings).await?) })?;
        context.output.answer(&applied, || {
            let state = if self.dry_run { "would become" } else { "are active as" };
            let mut lines = vec![format!("settings of {count} files {state} version {}", applied.version)];
            lines.extend(applied.changes.iter().map(|change| format!("  {change}")));
            lines.extend(applied.warnings.iter().map(|warning| format!("  warning: {warning}")));
            lines.join("\n")
        })
    }
}

/// Every settings file under a folder, by its path within, with `/`.
pub(crate) fn read(directory: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(directory.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let shown = folder.display().to_string();
        let listing = std::fs::read_dir(&folder).with_context(|| format!("{shown} cannot be read"))?;
        for entry in listing {
            let entry = entry.with_context(|| format!("{shown} cannot be read"))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (path, within) = (entry.path(), format!("{prefix}{name}"));
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push((path, format!("{within}/")));
            } else if path.extension().is_some_and(|kind| kind == "toml" || kind == "cedar") {
                let shown = path.display();
                let length = entry.metadata().with_context(|| format!("{shown} cannot be read"))?.len();
                anyhow::ensure!(
                    length <= MAX_BYTES,
                    "{shown} has {length} bytes; settings have at most {MAX_BYTES} a file"
                );
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("{shown} cannot be read as UTF-8"))?;
                files.insert(within, text);
                anyhow::ensure!(files.len() <= MAX_FILES, "more than {MAX_FILES} settings files");
            }
        }
    }
    if files.is_empty() {
        let shown = directory.display();
        return Err(Usage(format!("{shown} has no settings in it: no .toml and no .cedar file")).into());
    }
    Ok(files)
}
