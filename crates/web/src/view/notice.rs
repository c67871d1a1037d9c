//! On the wire: who outside is to be told of an erasure, and what came of it.

use countersign_service::Notice;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment::Moment;

/// Somebody outside who is to be told of an erasure.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeView {
    /// The source that they have things from.
    #[schema(example = "shop")]
    source: String,
    /// Their name.
    #[schema(example = "Example Mailer")]
    recipient: String,
    /// `open`; `delivered` to the outgoing mail server; `refused` by it for good; `dropped`, for the data map had ceased to
    /// name them; `ended`, where only the ledger says how.
    #[schema(example = "delivered")]
    state: &'static str,
    /// Since when they are to be told.
    wished_at: Option<Moment>,
    /// When that ended.
    ended_at: Option<Moment>,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        Self {
            state: state(&notice),
            source: notice.source,
            recipient: notice.recipient,
            wished_at: notice.wished_at.map(Into::into),
            ended_at: notice.ended.map(|(at, _)| at.into()),
        }
    }
}

/// Where a notice stands, in a word.
pub(crate) fn state(notice: &Notice) -> &'static str {
    match notice.ended {
        None => "open",
        Some((_, Some(told))) => told.name(),
        Some((_, None)) => "ended",
    }
}
