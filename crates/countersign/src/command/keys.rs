//! `countersign keys`: the wrapping key is replaced, everything sealed is wrapped anew, and the old key is destroyed
//! after a stated time, so that backups made before cannot be opened any more.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use countersign_service::settings::duration;
use countersign_service::{Service, successor_of};
use serde_json::json;

use super::serve::{last_checkpoint, runtime};
use crate::cli::Context;
use crate::config::{self, Config};
use crate::exit::Usage;
use crate::installation::{SystemChance, clock, epochs, keys};
use crate::output::progress;
use crate::wiring;

/// How often a server looks whether a key is to be destroyed.
const LOOK: Duration = Duration::from_secs(600);

/// Keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Replace the wrapping key; the server must be stopped
    Rotate(Rotate),
    /// Let a new key sign for the ledger, stated in it and signed by the old one; the server must be stopped
    Succeed,
    /// Show which wrapping keys are there, and until when
    List,
}

/// Replace the wrapping key.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// How long the old key is kept: as long as backups from before should be of use
    #[arg(long, value_name = "TIME", default_value = "30d")]
    destroy_after: String,
}

impl Keys {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let config = Config::load(&config::locate(context.config.as_deref()))?;
        match self {
            Self::Rotate(it) => it.run(context, &config),
            Self::Succeed => succeed(context, &config),
            Self::List => list(context, &config),
        }
    }
}

impl Rotate {
    fn run(self, context: &Context, config: &Config) -> anyhow::Result<()> {
        let directory = &config.keys.directory;
        let keep_ms = duration::parse(&self.destroy_after)
            .map_err(|why| Usage(format!("--destroy-after {}: {why}", self.destroy_after)))?;
        // Before a key is made: that nobody serves, and that the keys that are there are sound.
        let runtime = runtime()?;
        drop(runtime.block_on(wiring::begun(config))?);
        let epoch = epochs::next(directory, &SystemChance)?;
        let wrapped = runtime.block_on(async {
            let service = wiring::begun(config).await?;
            let bar = progress("wrapping");
            let wrapped = service.wrap_anew(|count| bar.set_position(count)).await?;
            bar.finish_and_clear();
            last_checkpoint(&service).await?;
            anyhow::Ok(wrapped)
        })?;
        let until = clock()().plus_ms(keep_ms);
        epochs::keep_earlier_until(directory, until)?;
        let destroyed = epochs::destroy_due(directory, clock()())?;
        let kept = self.destroy_after;
        let answer = json!({
            "epoch": epoch, "wrapped": wrapped, "earlier_until_ms": until.as_millis(), "destroyed": destroyed,
        });
        context.output.answer(&answer, || {
            let fate = if destroyed.is_empty() {
                format!(
                    "The key before it is kept for {kept}; the server destroys it then. From that moment on, no backup \
                     that was made before today can be opened: make one now."
                )
            } else {
                "The key before it is destroyed: no backup that was made before can be opened any more. Make one now."
                    .to_owned()
            };
            format!(
                "Wrapping key {epoch} is in use; {wrapped} keys and records were wrapped under it.\n{fate}\n\
                 Keep a copy of {} where backups of the store are not.",
                directory.join(format!("wrapping-{epoch}.key")).display()
            )
        })
    }
}

/// In steps that are done again where they were broken off: the next key in a file of its own, the entry, the files, the first
/// checkpoint.
fn succeed(context: &Context, config: &Config) -> anyhow::Result<()> {
    let directory = &config.keys.directory;
    let runtime = runtime()?;
    let stated = runtime.block_on(async {
        let Some(next) = keys::next_ledger_there(directory)? else { return anyhow::Ok(false) };
        let store = crate::wiring::store::read_only(config).await?;
        Ok(successor_of(&*store).await? == Some(next.verifier().to_string()))
    })?;
    if !stated {
        runtime.block_on(async {
            let service = wiring::begun(config).await?;
            let next = keys::next_ledger(directory, keys::verifier(directory)?.name(), &SystemChance)?;
            service.succeed(&next).await?;
            anyhow::Ok(())
        })?;
    }
    keys::take_over(directory)?;
    runtime.block_on(async { last_checkpoint(&*wiring::begun(config).await?).await })?;
    let vkey = keys::verifier(directory)?.to_string();
    context.output.answer(&json!({ "vkey": vkey }), || {
        format!(
            "From the next entry on the ledger is signed by\n{vkey}\nWhoever has the first key follows the entry that says so. \
             The old secret is gone from {}; destroy your other copies of it.\nMake a backup now: one from before can be \
             verified, and is not served any more.",
            directory.display()
        )
    })
}

fn list(context: &Context, config: &Config) -> anyhow::Result<()> {
    let directory = &config.keys.directory;
    let all = epochs::there(directory)?;
    let newest = *all.last().with_context(|| format!("there are no keys in {}", directory.display()))?;
    let mut told = Vec::new();
    for epoch in all {
        told.push((epoch, epochs::until(directory, epoch)?));
    }
    let answer: Vec<_> = told
        .iter()
        .map(|(epoch, until)| {
            json!({ "epoch": epoch, "in_use": *epoch == newest, "until_ms": until.map(|at| at.as_millis()) })
        })
        .collect();
    context.output.answer(&answer, || {
        let line = |(epoch, until): &(u32, Option<countersign_core::time::Timestamp>)| match until {
            _ if *epoch == newest => format!("  {epoch}  in use"),
            Some(at) => {
                let left = at.since_ms(clock()()) / 3_600_000;
                format!("  {epoch}  replaced; destroyed in {left} hours")
            }
            None => {
                format!("  {epoch}  being replaced: `countersign keys rotate` was broken off, run it again")
            }
        };
        told.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// Destroys replaced keys when their time has come, as long as the server lives and believes its clock.
pub(crate) async fn destroy_when_due(service: Arc<Service>, directory: PathBuf) {
    loop {
        match service.clock_view().await {
            Ok(view) if view.doubt.is_none() => match epochs::destroy_due(&directory, view.now) {
                Ok(destroyed) => {
                    for epoch in destroyed {
                        tracing::warn!(
                            epoch,
                            "a replaced wrapping key was destroyed: backups from before are closed"
                        );
                    }
                }
                Err(error) => tracing::error!("a replaced wrapping key could not be destroyed: {error:#}"),
            },
            Ok(_) => {}
            Err(refusal) => {
                tracing::warn!(%refusal, "whether a key is to be destroyed could not be looked at")
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
