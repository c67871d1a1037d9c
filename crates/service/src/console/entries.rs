//! Entries of the ledger for people to look through: a page of them, and those that a text is in.

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::refusal::Refusal;

/// How many are read at once.
const BATCH: u64 = 512;
/// How many of the newest entries a search looks through.
const LOOKED_THROUGH: u64 = 20_000;

/// Entries that were found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Index and entry, newest first.
    pub entries: Vec<(u64, String)>,
    /// Entries under the newest checkpoint.
    pub size: u64,
    /// The index down to which was looked.
    pub down_to: u64,
}

impl Service {
    /// Entries under a checkpoint that `text` is in, newest first, below index `below`; at most `most`.
    ///
    /// # Errors
    /// When the caller may not follow the ledger.
    pub async fn entries_with(
        &self,
        caller: &Caller,
        text: &str,
        below: Option<u64>,
        most: usize,
    ) -> Result<Found, Refusal> {
        caller.may(Act::ReadFeed)?;
        let size = self.store.checkpoint(None).await?.map_or(0, |(size, _)| size);
        let top = below.unwrap_or(size).min(size);
        let end = top.saturating_sub(LOOKED_THROUGH);
        let mut found = Found { entries: Vec::new(), size, down_to: top };
        let batch = if text.is_empty() { most as u64 } else { BATCH };
        while found.down_to > end && found.entries.len() < most {
            let from = found.down_to.saturating_sub(batch).max(end);
            let read = self.feed(from, (found.down_to - from) as u32).await?;
            if read.is_empty() {
                break;
            }
            for (index, entry) in read.into_iter().rev() {
                found.down_to = index;
                let entry = String::from_utf8_lossy(&entry).into_owned();
                if entry.contains(text) {
                    found.entries.push((index, entry));
                    if found.entries.len() == most {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }
}
