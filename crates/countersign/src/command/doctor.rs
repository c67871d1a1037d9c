//! `countersign doctor`: whether this node could serve. Looks, and changes nothing.

use std::net::TcpListener;

use clap::Args;
use countersign_service::ports::source::Severity;
use countersign_service::ports::store::Store;
use countersign_service::settings::{Bundle, Settings};
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::Said;
use crate::installation::{keys, read_only};
use crate::wiring::sources;

/// Look whether this node could serve.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// One thing that was looked at: what, and what is wrong with it.
type Look = (String, Result<String, String>);

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let path = config::locate(context.config.as_deref());
        let config = Config::load(&path)?;
        let mut looks: Vec<Look> = vec![("configuration".to_owned(), Ok(path.display().to_string()))];
        looks.push((
            "keys".to_owned(),
            told(keys::load(&config.keys.directory).map(|it| it.ledger.name().to_owned())),
        ));
        looks.push(("address".to_owned(), address(&config)));
        runtime()?.block_on(async {
            let settings = match stored(&config).await {
                Ok((said, settings)) => {
                    looks.push(("store".to_owned(), Ok(said)));
                    settings
                }
                Err(error) => {
                    looks.push(("store".to_owned(), Err(format!("{error:#}"))));
                    None
                }
            };
            for source in &config.sources {
                looks.push((format!("source {}", source.name), told(look(source, settings.as_ref()).await)));
            }
            for name in settings.iter().flat_map(|settings| settings.maps.keys()) {
                if !config.sources.iter().any(|source| source.name == *name) {
                    let why =
                        format!("a data map speaks of it, and the configuration has no [sources.{name}]");
                    looks.push((format!("source {name}"), Err(why)));
                }
            }
        });
        let ok = looks.iter().all(|(_, found)| found.is_ok());
        let listed: Vec<_> = looks
            .iter()
            .map(|(what, found)| json!({ "what": what, "ok": found.is_ok(), "said": found.as_ref().unwrap_or_else(|why| why) }))
            .collect();
        context.output.answer(&json!({ "ok": ok, "looks": listed }), || {
            let line = |(what, found): &Look| match found {
                Ok(said) => format!("  ok   {what}: {said}"),
                Err(why) => format!("  BAD  {what}: {why}"),
            };
            looks.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        if ok { Ok(()) } else { Err(Said.into()) }
    }
}

fn told(found: anyhow::Result<String>) -> Result<String, String> {
    found.map_err(|error| format!("{error:#}"))
}

fn address(config: &Config) -> Result<String, String> {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Ok(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Ok(format!("{listen} is in use: by this server, if it runs"))
        }
        Err(error) => Err(format!("cannot listen on {listen}: {error}")),
    }
}

async fn stored(config: &Config) -> anyhow::Result<(String, Option<Settings>)> {
    let store = read_only(&config.store.path)?;
    let (size, _) = store.head().await?;
    let Some((version, body)) = store.settings(None).await? else {
        anyhow::bail!("it has no settings: begin with `countersign init`");
    };
    let settings = Settings::compile(version, &Bundle::from_bytes(&body)?)
        .map_err(|mistakes| anyhow::anyhow!("the active settings have {} mistakes", mistakes.len()))?;
    Ok((format!("settings {version}, {size} ledger entries"), Some(settings)))
}

async fn look(source: &config::Source, settings: Option<&Settings>) -> anyhow::Result<String> {
    let connector = sources::one(source, None)?;
    let Some(map) = settings.and_then(|settings| settings.maps.get(&source.name)) else {
        return Ok("configured; no data map speaks of it".to_owned());
    };
    let findings = connector.check(map).await?;
    let errors: Vec<&str> =
        findings.iter().filter(|it| it.severity == Severity::Error).map(|it| it.message.as_str()).collect();
    anyhow::ensure!(errors.is_empty(), "{}", errors.join("; "));
    let new = findings.iter().filter(|it| it.severity == Severity::Drift).count();
    let drift =
        if new > 0 { format!("; {new} new tables or columns: see `source check`") } else { String::new() };
    Ok(format!("answers, and fits its data map ({} remarks){drift}", findings.len()))
}
