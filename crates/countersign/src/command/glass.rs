//! `countersign glass`: break it, review that, list what waits for a review.

use clap::{Args, Subcommand};
use countersign_client::Client;
use countersign_client::view::Query;

use super::remote::Remote;
use super::request_text::{rows, whole};
use crate::cli::Context;

/// Broken glass.
#[derive(Debug, Subcommand)]
pub(crate) enum Glass {
    /// Let a waiting request be judged by the policies for emergencies; you answer for it
    Break(Break),
    /// Say what you think of a glass that somebody else broke
    Review(Review),
    /// List requests whose glass was broken, newest first
    List(List),
}

/// Breaks it.
#[derive(Debug, Args)]
pub(crate) struct Break {
    /// The request's id
    id: String,
    /// Why; kept sealed, for those who review it
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    remote: Remote,
}

/// Reviews it.
#[derive(Debug, Args)]
pub(crate) struct Review {
    /// The request's id
    id: String,
    /// For which of your seats
    #[arg(long)]
    seat: String,
    /// It was right
    #[arg(long, conflicts_with = "unjustified", required_unless_present = "unjustified")]
    justified: bool,
    /// It was wrong
    #[arg(long)]
    unjustified: bool,
    /// What you found; kept sealed
    #[arg(long)]
    text: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Lists them.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Where the review is
    #[arg(long, value_parser = ["any", "due", "overdue", "done"], default_value = "any")]
    review: String,
    #[command(flatten)]
    remote: Remote,
}

impl Glass {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Break(Break { id, reason, remote }) => {
                let call = |client: Client| async move { Ok(client.break_glass(&id, &reason).await?) };
                let request = remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            Self::Review(Review { id, seat, justified, text, remote, .. }) => {
                let call = |client: Client| async move {
                    Ok(client.review_glass(&id, &seat, justified, text.as_deref()).await?)
                };
                let request = remote.call(context, call)?;
                context.output.answer(&request, || whole(&request))
            }
            Self::List(List { review, remote }) => {
                let query = Query { glass: Some(review), ..Query::default() };
                let page =
                    remote.call(context, |client| async move { Ok(client.requests(&query).await?) })?;
                context.output.answer(&page, || rows(&page.items))
            }
        }
    }
}
