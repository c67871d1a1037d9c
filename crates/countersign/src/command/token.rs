//! `countersign token`: mints, revokes and lists tokens.

use clap::{Args, Subcommand};
use countersign_client::Client;
use countersign_client::view::MintToken;

use super::remote::Remote;
use crate::cli::Context;
use crate::output::columns;

/// Tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a new one; it is shown once
    Mint(Mint),
    /// Take one out of use
    Revoke(Revoke),
    /// List them, without their secrets
    List(List),
}

/// Make a new one.
#[derive(Debug, Args)]
pub(crate) struct Mint {
    /// For this service, which you answer for; else for yourself
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Where its requests come in
    #[arg(long, value_parser = ["api", "cli", "portal", "gateway"])]
    channel: Option<String>,
    /// A role: submitter, reviewer, operator, auditor, administrator; may be given several times
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// What it may attest about a subject, such as identity; may be given several times
    #[arg(long = "attest", value_name = "STATEMENT")]
    attests: Vec<String>,
    /// Until when, as in 2027-01-31T00:00:00Z
    #[arg(long)]
    until: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Take one out of use.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// List them.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

impl Token {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Mint(it) => {
                let Mint { service, channel, roles, attests, until, remote } = it;
                let token = MintToken { service, roles, channel, attests, expires_at: until };
                let minted = remote
                    .call(context, |client: Client| async move { Ok(client.mint_token(&token).await?) })?;
                context.output.answer(&minted, || {
                    format!(
                        "{}\nid {}; this is the only time that the token is shown",
                        minted.token.show(),
                        minted.id
                    )
                })
            }
            Self::Revoke(it) => {
                let told = it.id.clone();
                let call = |client: Client| async move { Ok(client.revoke_token(&it.id).await?) };
                let answer = it.remote.call(context, call)?;
                context.output.answer(&answer, || format!("token {told} is revoked"))
            }
            Self::List(it) => {
                let page =
                    it.remote.call(context, |client: Client| async move { Ok(client.tokens().await?) })?;
                context.output.answer(&page, || {
                    let rows: Vec<_> = page
                        .items
                        .iter()
                        .map(|token| {
                            let whose = token.service.clone().unwrap_or_else(|| "a person".to_owned());
                            let state = match (&token.revoked_at, &token.expires_at) {
                                (Some(_), _) => "revoked".to_owned(),
                                (None, Some(at)) => format!("until {at}"),
                                (None, None) => "for ever".to_owned(),
                            };
                            let used = match &token.last_used_at {
                                Some(at) => format!("used {at}"),
                                None => "never used".to_owned(),
                            };
                            vec![token.id.clone(), whose, token.roles.join(", "), used, state]
                        })
                        .collect();
                    columns(&rows)
                })
            }
        }
    }
}
