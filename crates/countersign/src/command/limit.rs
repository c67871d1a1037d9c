//! `countersign limit`: how full each action is, and an administrator's word that a paused one may go on.

use clap::{Args, Subcommand};
use countersign_client::Client;
use countersign_client::view::Limit as Seen;

use super::remote::Remote;
use crate::cli::Context;

/// Limits.
#[derive(Debug, Subcommand)]
pub(crate) enum Limit {
    /// Show how full each action is, and which are paused
    Show(Show),
    /// Let a paused action go on: what failed is mended
    Resume(Resume),
}

/// Shows.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    remote: Remote,
}

/// Resumes.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// Which action
    action: String,
    #[command(flatten)]
    remote: Remote,
}

impl Limit {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Show(Show { remote }) => {
                let limits =
                    remote.call(context, |client: Client| async move { Ok(client.limits().await?) })?;
                context.output.answer(&limits, || limits.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
            Self::Resume(Resume { action, remote }) => {
                let limit = remote
                    .call(context, |client: Client| async move { Ok(client.resume(&action).await?) })?;
                context.output.answer(&limit, || format!("`{}` goes on.", limit.action))
            }
        }
    }
}

fn line(limit: &Seen) -> String {
    let paused = match &limit.paused {
        Some(paused) => format!(
            "; PAUSED since {} after {} failures: mend them, then `countersign limit resume {}`",
            paused.since, paused.failures, limit.action
        ),
        None => String::new(),
    };
    format!(
        "{}: {} wait, {} released, {} run, {} stuck, {} started today{paused}",
        limit.action, limit.waiting, limit.released, limit.running, limit.stuck, limit.started_today
    )
}
