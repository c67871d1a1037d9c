//! `countersign clock`: whether the server believes its clock, and an operator's word that it is right.

use clap::{Args, Subcommand};
use countersign_client::Client;
use serde_json::Value;

use super::remote::Remote;
use crate::cli::Context;

/// The clock.
#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Show what it tells, and whether that is believed
    Show(Server),
    /// Say that it is right as it is: what waits for time goes on from here
    Confirm(Server),
}

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct Server {
    #[command(flatten)]
    remote: Remote,
}

impl Clock {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let seen = match self {
            Self::Show(Server { remote }) => {
                remote.call(context, |client: Client| async move { Ok(client.clock().await?) })?
            }
            Self::Confirm(Server { remote }) => {
                remote.call(context, |client: Client| async move { Ok(client.confirm_clock().await?) })?
            }
        };
        context.output.answer(&seen, || text(&seen))
    }
}

fn text(seen: &Value) -> String {
    let word = |name: &str| seen.get(name).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    if word("state") != "in_doubt" {
        return format!("The clock tells {} and is believed.", word("now"));
    }
    format!(
        "The clock tells {} and is in doubt: it told {} where {} was expected. Until an operator confirms it, nothing is \
         released that waits for time, nothing expires, and no schedule ticks.\nSet it right, or say that it is right \
         with: countersign clock confirm",
        word("now"),
        word("told"),
        word("expected")
    )
}
