//! The ledger from the service's side: signs what is committed, proves what is signed.

use std::collections::BTreeMap;

use countersign_core::id::RequestId;
use countersign_ledger::{Checkpoint, Entry, ProofFile, Tile, inclusion, inclusion_tiles};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::tell::Notice;
use crate::ports::store::{Needs, StoreError};
use crate::refusal::Refusal;

/// An entry with the proof that it is in the ledger.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Its place.
    pub index: u64,
    /// The entry, JSON.
    pub entry: Vec<u8>,
    /// As a `.tlog-proof` file.
    pub proof: String,
}

/// What an auditor needs about one request.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Every entry of the request, in order.
    pub entries: Vec<Proof>,
    /// The signed head under which they stand.
    pub checkpoint: String,
    /// The key that verifies it. Compare it with one that you got elsewhere.
    pub vkey: String,
    /// Who outside is to be told of it or was. That somebody was is an entry of the ledger too, of its own.
    pub notices: Vec<Notice>,
}

impl Service {
    /// Signs the committed head, if no checkpoint stands over it. Size and root are read back from the store: a
    /// head that was never committed is never signed.
    pub async fn sign_head(&self) -> Result<(), Refusal> {
        let _one = self.signing.lock().await;
        self.sign().await
    }

    /// Puts the entry at `leaf`, which is committed, under a checkpoint. Of all who want that at once, one signs for all.
    pub(crate) async fn sign_over(&self, leaf: u64) -> Result<(), Refusal> {
        if leaf < self.checkpointed().await? {
            return Ok(());
        }
        let _one = self.signing.lock().await;
        // Whoever had the turn before signed over this one too, most likely.
        if leaf < self.checkpointed().await? {
            return Ok(());
        }
        self.sign().await
    }

    async fn checkpointed(&self) -> Result<u64, Refusal> {
        Ok(self.store.load(Needs::default()).await?.checkpointed)
    }

    /// In one's turn.
    async fn sign(&self) -> Result<(), Refusal> {
        let (size, root) = self.store.head().await?;
        let newest = self.store.checkpoint(None).await?.map_or(0, |(size, _)| size);
        if size == 0 || size == newest {
            return Ok(());
        }
        if !self.signs_for_the_ledger().await? {
            return Err(Refusal::Standing("another key signs for this ledger by now".to_owned()));
        }
        let checkpoint = Checkpoint { origin: self.ledger.name().to_owned(), size, root };
        let note = checkpoint.sign(&self.ledger).map_err(|why| Refusal::Damaged(why.to_string()))?;
        match self.store.keep_checkpoint(size, note.into_bytes()).await {
            Ok(()) => Ok(()),
            // Another node signed this head first: its checkpoint is as good.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts all that was committed before the call under a checkpoint: for a node that stops, once nothing of it
    /// commits any more. Not left to the loop that signs, which may have looked a moment before the last commit.
    pub async fn sign_all(&self) -> Result<(), Refusal> {
        self.store.sequence().await?;
        self.sign_head().await
    }

    /// Every entry of a request with its proof, under the newest checkpoint.
    pub async fn evidence(&self, caller: &Caller, id: RequestId) -> Result<Evidence, Refusal> {
        if !matches!(caller, Caller::Subject(own) if *own == id) {
            caller.may(Act::ReadEvidence)?;
        }
        // What was acknowledged is proved, also if it waits to be put into the ledger.
        self.sign_all().await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let record = loaded.request.ok_or(Refusal::NotFound("request"))?;
        let damaged = |why: String| Refusal::Damaged(why);
        let (size, note) = self.store.checkpoint(None).await?.ok_or(Refusal::Unavailable)?;
        let vkey = self.ledger.verifier();
        let checkpoint = self.open_checkpoint(&note).map_err(|why| damaged(why.to_string()))?;
        let note = String::from_utf8(note).map_err(|_| damaged("a checkpoint is not text".to_owned()))?;
        let mut entries = Vec::new();
        let under = record.events.iter().filter_map(|event| event.leaf).filter(|leaf| *leaf < size);
        for index in under {
            let body = self
                .store
                .entries(index, 1)
                .await?
                .pop()
                .ok_or_else(|| damaged("an entry is missing".into()))?;
            let entry = Entry::new(&body).map_err(|why| damaged(why.to_string()))?;
            let mut tiles: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
            for tile in inclusion_tiles(index, size) {
                tiles.insert((tile.level(), tile.n()), self.tile(tile).await?);
            }
            let hashes = inclusion(&tiles, &entry.leaf_hash(), index, size, &checkpoint.root)
                .map_err(|why| damaged(why.to_string()))?;
            let proof = ProofFile { extra: None, index, hashes, checkpoint: note.clone() };
            entries.push(Proof { index, entry: body.clone(), proof: proof.to_string() });
        }
        let notices = self.notices(id).await?;
        Ok(Evidence { entries, checkpoint: note, vkey: vkey.to_string(), notices })
    }

    async fn tile(&self, tile: Tile) -> Result<Vec<u8>, Refusal> {
        let row = self.store.tile(tile.level(), tile.n(), u32::from(tile.width())).await?;
        row.ok_or_else(|| Refusal::Damaged("a tile of the ledger is missing".to_owned()))
    }

    /// Entries from an index, for whoever follows along; only those under a checkpoint.
    pub async fn feed(&self, from: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, Refusal> {
        let size = self.store.checkpoint(None).await?.map_or(0, |(size, _)| size);
        let room = size.saturating_sub(from).min(u64::from(limit)) as u32;
        if room == 0 {
            return Ok(Vec::new());
        }
        let entries = self.store.entries(from, room).await?;
        Ok((from..).zip(entries).collect())
    }

    /// Whether a caller may follow the feed.
    pub fn feed_allowed(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.may(Act::ReadFeed).map(|_| ())
    }
}
