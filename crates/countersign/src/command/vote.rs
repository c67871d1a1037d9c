//! `countersign vote`: approves or denies what was seen. A vote names the digest of what its voter looked at.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, ValueEnum};
use countersign_client::Client;
use countersign_client::view::{Ballot, Choice};

use super::remote::Remote;
use super::request_text::whole;
use crate::cli::Context;
use crate::exit::Usage;

/// Approve or deny a request.
#[derive(Debug, Args)]
pub(crate) struct Vote {
    /// The request's id
    id: String,
    /// For or against
    choice: Word,
    /// For which of your seats
    #[arg(long)]
    seat: String,
    /// The digest that you saw; on a terminal the request is shown and asked about instead
    #[arg(long)]
    digest: Option<String>,
    /// Why; kept sealed
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    Approve,
    Deny,
}

impl Vote {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let vote = match self.choice {
            Word::Approve => Choice::Approve,
            Word::Deny => Choice::Deny,
        };
        let request = self.remote.call(context, |client: Client| async move {
            let digest = match self.digest {
                Some(digest) => Some(digest),
                // A denial is bound to no digest.
                None if vote == Choice::Deny => None,
                None => Some(shown(&client, &self.id).await?),
            };
            let ballot = Ballot { vote, seat: self.seat, digest, ceiling: None, reason: self.reason };
            Ok(client.vote(&self.id, &ballot).await?)
        })?;
        context.output.answer(&request, || whole(&request))
    }
}

/// Shows the request, asks, and gives the digest of what was shown.
async fn shown(client: &Client, id: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Usage("name the digest that you saw with --digest".to_owned()).into());
    }
    let request = client.request(id).await?;
    let Some(digest) = request.digest.clone() else {
        return Err(
            Usage("there is nothing to vote on yet: the sources were not looked at".to_owned()).into()
        );
    };
    let mut terminal = std::io::stderr();
    write!(terminal, "{}\n\napprove this? [y/N] ", whole(&request))?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        return Err(Usage("not voted".to_owned()).into());
    }
    Ok(digest)
}
