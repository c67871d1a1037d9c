//! Caps against floods, counted in the store: the same on every node, and after a restart.

use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::keys::mac;
use crate::ports::store::{Change, Find, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "flood";
const WINDOW_MS: i64 = 3_600_000;
/// Several count at the same moment; one of them goes first.
const TRIES: u32 = 8;

/// What is counted, and how often it may happen in an hour.
#[derive(Clone, Copy)]
pub(crate) struct Cap {
    name: &'static str,
    most: u32,
}

/// Requests, and mails asked for again, of one client. Behind one address there may be a whole office.
pub(crate) const CLIENT: Cap = Cap { name: "client", most: 60 };
/// Mails to one address, whoever asks for them.
pub(crate) const ADDRESS: Cap = Cap { name: "address", most: 5 };

/// Tries to sign in that one client begins, whatever becomes of them.
pub(crate) const SIGN_IN: Cap = Cap { name: "sign_in", most: 300 };
/// Links to sign in by that are mailed to one address.
pub(crate) const SIGN_IN_MAIL: Cap = Cap { name: "sign_in_mail", most: 5 };

#[derive(Serialize, Deserialize)]
struct Count {
    since: Timestamp,
    count: u32,
}

impl Service {
    /// Counts once more, or refuses.
    pub(crate) async fn count(&self, cap: Cap, value: &str) -> Result<(), Refusal> {
        for _ in 1..TRIES {
            match self.count_once(cap, value).await {
                Err(Refusal::Stale) => {}
                counted => return noted(cap, counted),
            }
        }
        noted(cap, self.count_once(cap, value).await)
    }

    async fn count_once(&self, cap: Cap, value: &str) -> Result<(), Refusal> {
        // A keyed hash: the store learns no address from it.
        let id = hex::encode(mac(&self.keys.index, &[b"flood", cap.name.as_bytes(), value.as_bytes()]));
        let needs = Needs { records: vec![(KIND.to_owned(), Find::Id(id.clone()))], ..Needs::default() };
        self.act(needs, move |loaded| {
            let record = loaded.of_kind(KIND).next();
            let before: Option<Count> = record.map(record::read).transpose()?;
            let fresh = Count { since: loaded.now, count: 0 };
            let standing =
                before.filter(|before| loaded.now.since_ms(before.since) < WINDOW_MS).unwrap_or(fresh);
            if standing.count >= cap.most {
                return Err(Refusal::TooManyAsked);
            }
            let put = RecordChange::Put {
                kind: KIND.to_owned(),
                id: id.clone(),
                body: record::bytes(&Count { count: standing.count + 1, ..standing })?,
                terms: Vec::new(),
                expires_at: Some(standing.since.plus_ms(WINDOW_MS)),
                expect: Some(record.map_or(0, |record| record.version)),
            };
            Ok((Change { records: vec![put], ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }
}

/// Whoever watches a node is told that a cap was reached, and not by whom.
fn noted(cap: Cap, counted: Result<(), Refusal>) -> Result<(), Refusal> {
    if matches!(counted, Err(Refusal::TooManyAsked)) {
        tracing::warn!(cap = cap.name, "a cap against floods was reached");
    }
    counted
}
