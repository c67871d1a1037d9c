//! The ledger against a checkpoint that was kept elsewhere. A store that was put back from an older copy verifies by
//! itself; only somebody who saw a later head can tell that what came after is missing.

use std::collections::BTreeMap;

use countersign_core::time::Timestamp;
use countersign_ledger::{Checkpoint, consistency, consistency_tiles};
use serde::Serialize;

use crate::app::Service;
use crate::ports::store::{Change, Needs};
use crate::record;
use crate::refusal::Refusal;

/// How this ledger stands to a head that was signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is at it or beyond, and begins with the same entries.
    Beyond,
    /// It has fewer entries: an older state.
    Behind,
    /// It has other entries.
    Apart,
}

/// A kept head, and how this ledger stands to it.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// Entries under the kept checkpoint.
    pub kept: u64,
    /// Entries here.
    pub here: u64,
    /// How the two stand.
    pub stands: Stands,
}

#[derive(Serialize)]
struct Head {
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct Entry {
    v: u8,
    at: Timestamp,
    ledger: &'static str,
    kept: Head,
    here: Head,
}

impl Service {
    /// Compares the committed head with a signed checkpoint from elsewhere.
    ///
    /// # Errors
    /// When the note is none of this log's, or the store does not answer.
    pub async fn stands_to(&self, note: &[u8]) -> Result<Witnessed, Refusal> {
        let kept = self.opened(note)?;
        let (here, root) = self.store.head().await?;
        let witnessed = |stands| Witnessed { kept: kept.size, here, stands };
        if kept.size > here {
            return Ok(witnessed(Stands::Behind));
        }
        if kept.size == 0 {
            return Ok(witnessed(Stands::Beyond));
        }
        let mut tiles: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
        for tile in consistency_tiles(kept.size, here) {
            let row = self.store.tile(tile.level(), tile.n(), u32::from(tile.width())).await?;
            let row = row.ok_or_else(|| Refusal::Damaged("a tile of the ledger is missing".to_owned()))?;
            tiles.insert((tile.level(), tile.n()), row);
        }
        let same = consistency(&tiles, (kept.size, &kept.root), (here, &root)).is_ok();
        Ok(witnessed(if same { Stands::Beyond } else { Stands::Apart }))
    }

    /// Writes into the ledger that somebody goes on although a head was signed that is not in it.
    ///
    /// # Errors
    /// When the note is none of this log's, or the store does not take the entry.
    pub async fn go_on_against(&self, note: &[u8]) -> Result<(), Refusal> {
        let kept = self.opened(note)?;
        let (size, root) = self.store.head().await?;
        self.act(Needs::default(), move |loaded| {
            let entry = Entry {
                v: 1,
                at: loaded.now,
                ledger: "forced",
                kept: Head { size: kept.size, root: hex::encode(kept.root) },
                here: Head { size, root: hex::encode(root) },
            };
            Ok((Change { entries: vec![record::bytes(&entry)?], ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    fn opened(&self, note: &[u8]) -> Result<Checkpoint, Refusal> {
        self.open_checkpoint(note)
            .map_err(|why| Refusal::invalid("since", format!("is no checkpoint of this ledger: {why}")))
    }
}
