//! `countersign doctor`: whether this node could serve. Looks, and changes nothing.

mod node;
mod state;

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use countersign_service::ports::source::Severity;
use countersign_service::ports::store::Store;
use countersign_service::settings::{Bundle, Settings};
use serde_json::json;

use super::serve::runtime;
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::{Attention, Said};
use crate::wiring::{sources, store};

/// Look whether this node could serve.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// One thing that was looked at, and how it is.
pub(super) type Look = (String, Found);

/// How something is. Whatever is not fine says what to do.
pub(super) enum Found {
    Fine(String),
    /// It works, and somebody should look.
    Attend(String),
    /// This node cannot serve, or cannot be believed.
    Bad(String),
}

impl Found {
    fn said(&self) -> &str {
        let (Found::Fine(said) | Found::Attend(said) | Found::Bad(said)) = self;
        said
    }

    fn word(&self) -> &'static str {
        match self {
            Found::Fine(_) => "ok",
            Found::Attend(_) => "attention",
            Found::Bad(_) => "bad",
        }
    }
}

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let path = config::locate(context.config.as_deref());
        let config = match Config::load(&path) {
            Ok(config) => config,
            Err(error) => {
                // People read it on standard error, with the line; a program reads findings.
                if context.output.json {
                    let said = format!("{error:#}; nothing else was looked at: mend it, and look again");
                    say(context, &[("configuration".to_owned(), Found::Bad(said))])?;
                }
                return Err(error);
            }
        };
        let mut looks: Vec<Look> =
            vec![("configuration".to_owned(), Found::Fine(path.display().to_string()))];
        looks.push(("keys".to_owned(), node::keys(&config)));
        looks.push(("address".to_owned(), address(&config)));
        looks.push(("disk".to_owned(), node::disk(&config)));
        runtime()?.block_on(async {
            let settings = match stored(&config).await {
                Ok((store, said, settings)) => {
                    looks.push(("store".to_owned(), Found::Fine(said)));
                    looks.extend(node::file(&config));
                    looks.extend(node::server(&config).await);
                    looks.extend(state::looks(&*store, &config).await);
                    settings
                }
                Err(error) => {
                    let way = "see [store] in the configuration; where a file is lost or damaged, put a copy back with \
                               `countersign restore`";
                    looks.push(("store".to_owned(), Found::Bad(format!("{error:#}. {way}"))));
                    None
                }
            };
            for source in &config.sources {
                looks.push((format!("source {}", source.name), told(look(source, settings.as_ref()).await)));
            }
            for name in settings.iter().flat_map(|settings| settings.maps.keys()) {
                if !config.sources.iter().any(|source| source.name == *name) {
                    let why = format!(
                        "a data map speaks of it, and the configuration has no [sources.{name}]: add it, or take the map \
                         out of the settings"
                    );
                    looks.push((format!("source {name}"), Found::Bad(why)));
                }
            }
        });
        say(context, &looks)?;
        let worst = |is: fn(&Found) -> bool| looks.iter().any(|(_, found)| is(found));
        match (worst(|it| matches!(it, Found::Bad(_))), worst(|it| matches!(it, Found::Attend(_)))) {
            (true, _) => Err(Said.into()),
            (false, true) => Err(Attention.into()),
            (false, false) => Ok(()),
        }
    }
}

/// Every finding, for whoever reads it.
fn say(context: &Context, looks: &[Look]) -> anyhow::Result<()> {
    let is_fine = |found: &Found| matches!(found, Found::Fine(_));
    let listed: Vec<_> = looks
        .iter()
        .map(|(what, found)| {
            json!({ "what": what, "ok": is_fine(found), "state": found.word(), "said": found.said() })
        })
        .collect();
    let ok = looks.iter().all(|(_, found)| is_fine(found));
    context.output.answer(&json!({ "ok": ok, "looks": listed }), || {
        let line = |(what, found): &Look| match found {
            Found::Fine(said) => format!("  ok   {what}: {said}"),
            Found::Attend(said) => format!("  look {what}: {said}"),
            Found::Bad(said) => format!("  BAD  {what}: {said}"),
        };
        looks.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn told(found: anyhow::Result<Found>) -> Found {
    found.unwrap_or_else(|error| Found::Bad(format!("{error:#}")))
}

fn address(config: &Config) -> Found {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Found::Fine(format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Found::Fine(format!("{listen} is in use: by this server, if it runs"))
        }
        Err(error) => Found::Bad(format!("cannot listen on {listen}: {error}; name another in [server]")),
    }
}

async fn stored(config: &Config) -> anyhow::Result<(Arc<dyn Store>, String, Option<Settings>)> {
    let store = store::read_only(config).await?;
    let (size, _) = store.head().await?;
    let Some((version, body)) = store.settings(None).await? else {
        anyhow::bail!("it has no settings: begin with `countersign init`");
    };
    let settings = Settings::compile(version, &Bundle::from_bytes(&body)?)
        .map_err(|mistakes| {
            anyhow::anyhow!(
                "this version of the program finds {} mistakes in the active settings and judges nothing by them: start \
                 the version that they were entered with, or one that is newer",
                mistakes.len()
            )
        })?;
    Ok((store, format!("settings {version}, {size} ledger entries"), Some(settings)))
}

async fn look(source: &config::Source, settings: Option<&Settings>) -> anyhow::Result<Found> {
    let connector = sources::one(source, None)?;
    let Some(map) = settings.and_then(|settings| settings.maps.get(&source.name)) else {
        return Ok(Found::Fine("configured; no data map speaks of it".to_owned()));
    };
    let findings = connector
        .check(map)
        .await
        .with_context(|| format!("it does not answer; see that it runs, and [sources.{}]", source.name))?;
    let errors: Vec<&str> =
        findings.iter().filter(|it| it.severity == Severity::Error).map(|it| it.message.as_str()).collect();
    anyhow::ensure!(
        errors.is_empty(),
        "{}. Nothing runs there until source and data map fit: see `countersign source check`, mend one of them, and \
         enter the map with `countersign apply`",
        errors.join("; ")
    );
    let remarks = findings.len();
    let new = findings.iter().filter(|it| it.severity == Severity::Drift).count();
    if new > 0 {
        return Ok(Found::Attend(format!(
            "answers, and has {new} tables or columns that its data map does not know: look at them with \
             `countersign source check`, and enter the map again"
        )));
    }
    let rights = connector.rights(map, None).await?;
    let granting = "see `countersign source grants`";
    if !rights.lacks.is_empty() {
        return Ok(Found::Bad(format!(
            "its account lacks what the data map needs: {}; {granting}",
            rights.lacks.join("; ")
        )));
    }
    if !rights.beyond.is_empty() {
        return Ok(Found::Attend(format!(
            "answers, fits its data map, and its account may do more than that needs: {}; {granting}",
            rights.beyond.join("; ")
        )));
    }
    Ok(Found::Fine(format!(
        "answers, and fits its data map ({remarks} remarks: see `countersign source check`)"
    )))
}
