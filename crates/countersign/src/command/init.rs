//! `countersign init`: the beginning of an installation: keys, first people, first settings. Works once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_service::settings::{Bundle, report};
use countersign_service::{Begun, First, Refusal, Service};
use serde_json::json;

use super::apply;
use super::serve::{last_checkpoint, runtime};
use crate::cli::Context;
use crate::config::{self, Config};
use crate::installation::{SystemChance, keys, people, private_file, private_folder};
use crate::wiring;

/// Begin an installation.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder with its first settings
    settings: PathBuf,
    /// The file with its first people, among them an administrator
    #[arg(long, value_name = "FILE")]
    people: PathBuf,
    /// The folder for their tokens, a file each; it is made
    #[arg(long, value_name = "DIR", default_value = "tokens")]
    tokens: PathBuf,
    /// The ledger's name, for ever: the address that it will be found under, without https://
    #[arg(long, value_name = "NAME")]
    origin: String,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        let people = people::read_file(&self.people)?;
        let files = apply::read(&self.settings)?;
        let tokens = runtime()?.block_on(async {
            let store = wiring::store::open(&config).await?;
            // Before keys are made: those of an installation that stands are copied from a node that serves.
            anyhow::ensure!(
                store.settings(None).await?.is_none(),
                "this installation has begun already; bootstrapping works once"
            );
            if !keys::exist(&config.keys.directory) {
                keys::create(&config.keys.directory, &self.origin, &SystemChance)?;
            }
            let service = wiring::over(&config, store)?;
            let tokens = begin(&service, people, files, &self.tokens).await;
            // Another node need not wait until this one's lease has run out.
            service.store().close().await;
            tokens
        })?;
        let vkey = keys::verifier(&config.keys.directory)?.to_string();
        let names: Vec<&String> = tokens.keys().collect();
        context.output.answer(&json!({ "tokens": names, "directory": self.tokens, "vkey": vkey }), || {
            let mut lines = vec!["The installation has begun. Tokens, each in a file of its own:".to_owned()];
            lines.extend(names.iter().map(|name| format!("  {}", self.tokens.join(name).display())));
            lines.push(format!("The ledger's verifier key, to be kept elsewhere too:\n  {vkey}"));
            lines.join("\n")
        })
    }
}

/// Enters first people and settings, and leaves their tokens in `directory`, by a name made of theirs.
///
/// # Errors
/// When it was done before, or what is wrong with people or settings.
pub(crate) async fn begin(
    service: &Service,
    people: Vec<First>,
    files: BTreeMap<String, String>,
    directory: &Path,
) -> anyhow::Result<BTreeMap<String, String>> {
    private_folder(directory)?;
    // Tokens are shown once: they must find a place before they are made.
    let empty = std::fs::read_dir(directory)?.next().is_none();
    anyhow::ensure!(empty, "{} is not empty; name a folder for the tokens alone", directory.display());
    let Begun { people, services } =
        service.bootstrap(people, Bundle { files }).await.map_err(|refusal| match refusal {
            Refusal::Mistakes(mistakes) => anyhow::anyhow!("{}", report(&mistakes)),
            other => other.into(),
        })?;
    let named = people.into_iter().map(|(_, name, secret)| (file_name(&name), secret));
    let tokens: BTreeMap<String, String> = named.chain(services).collect();
    for (name, secret) in &tokens {
        private_file(&directory.join(name), &format!("{secret}\n"))?;
    }
    last_checkpoint(service).await?;
    Ok(tokens)
}

/// A name as a file can have it: letters and digits in lower case, all else a hyphen.
fn file_name(name: &str) -> String {
    let letters = name.to_lowercase();
    letters
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}
