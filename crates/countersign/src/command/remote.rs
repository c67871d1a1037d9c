//! Which server a command speaks to, and in whose name.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use countersign_client::{Client, Options};

use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::Usage;

/// Which server, and in whose name. A token is never an argument: those stand in the list of processes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Remote {
    /// The server's address; else that of the configuration, else http://127.0.0.1:7300
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_URL")]
    server: Option<String>,
    /// A file with the token; else the variable COUNTERSIGN_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long to wait for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Remote {
    /// Calls the server: `call` gets a client that speaks in the name of the token.
    pub(crate) fn call<A, F>(&self, context: &Context, call: impl FnOnce(Client) -> F) -> anyhow::Result<A>
    where
        F: Future<Output = anyhow::Result<A>>,
    {
        let client = self.client(context)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(call(client))
    }

    fn client(&self, context: &Context) -> anyhow::Result<Client> {
        let options = Options { timeout: Duration::from_secs(self.timeout), ..Options::default() };
        let client = Client::new(&self.url(context)?, &options)?;
        Ok(client.with_token(&self.token()?)?)
    }

    fn url(&self, context: &Context) -> anyhow::Result<String> {
        if let Some(url) = &self.server {
            return Ok(url.clone());
        }
        let path = config::locate(context.config.as_deref());
        if context.config.is_none() && !path.exists() {
            return Ok("http://127.0.0.1:7300".to_owned());
        }
        let server = Config::load(&path)?.server;
        Ok(server.public_url.unwrap_or_else(|| format!("http://{}", server.listen)))
    }

    fn token(&self) -> anyhow::Result<String> {
        let token = match &self.token_file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
            }
            None => std::env::var("COUNTERSIGN_TOKEN").map_err(|_| {
                Usage("no token: set COUNTERSIGN_TOKEN, or name a file with --token-file".to_owned())
            })?,
        };
        let token = token.trim();
        if token.is_empty() {
            return Err(Usage("the token is empty".to_owned()).into());
        }
        Ok(token.to_owned())
    }
}

/// Whose data: identities by kind.
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// An identity of the subject, as in email=ana@example.test or account=C-000001; may be given several times
    #[arg(long = "subject", short = 's', value_name = "KIND=VALUE", value_parser = pair)]
    identities: Vec<(String, String)>,
}

impl Subject {
    /// The identities by kind.
    pub(crate) fn by_kind(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut by_kind = BTreeMap::new();
        for (kind, value) in &self.identities {
            if by_kind.insert(kind.clone(), value.clone()).is_some() {
                return Err(Usage(format!("--subject {kind}=… is given twice")).into());
            }
        }
        Ok(by_kind)
    }
}

/// `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}
