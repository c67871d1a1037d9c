//! `countersign inbox`: what waits for the caller's vote.

use clap::Args;
use countersign_client::view::Query;

use super::remote::Remote;
use super::request_text::rows;
use crate::cli::Context;

/// What waits for your vote.
#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// For this seat alone, whoever holds it
    #[arg(long)]
    seat: Option<String>,
    /// After the page that gave this cursor
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Inbox {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let waiting_for = Some(self.seat.map_or_else(|| "me".to_owned(), |seat| format!("vote:{seat}")));
        let query = Query { waiting_for, cursor: self.cursor, ..Query::default() };
        let page = self.remote.call(context, |client| async move { Ok(client.requests(&query).await?) })?;
        context.output.answer(&page, || match &page.cursor {
            Some(cursor) => format!("{}\nmore: --cursor {cursor}", rows(&page.items)),
            None => rows(&page.items),
        })
    }
}
