//! The stored ledger as it is read for exports and proofs: at the size of one checkpoint, whatever is added meanwhile.

use std::collections::BTreeMap;

use anyhow::Context;
use countersign_ledger::{Bundle, Checkpoint, Entry, Hash, Tile, VerifierKey, inclusion, inclusion_tiles};
use countersign_service::ports::store::Store;

/// The ledger under its newest checkpoint.
pub(super) struct Log<'a> {
    store: &'a dyn Store,
    /// What the checkpoint says.
    pub(super) head: Checkpoint,
    /// The checkpoint itself.
    pub(super) note: Vec<u8>,
}

impl<'a> Log<'a> {
    /// The ledger in `store`, under its newest checkpoint, which must be of one of `keys`.
    pub(super) async fn open(store: &'a dyn Store, keys: &[VerifierKey]) -> anyhow::Result<Self> {
        let newest = store.checkpoint(None).await?;
        let (_, note) = newest.context("no checkpoint was issued yet: start the server once")?;
        let head = Checkpoint::open(&note, keys).context("the newest checkpoint")?;
        Ok(Self { store, head, note })
    }

    /// The contents of a tile.
    pub(super) async fn tile(&self, tile: Tile) -> anyhow::Result<Vec<u8>> {
        let row = self.store.tile(tile.level(), tile.n(), u32::from(tile.width())).await?;
        row.with_context(|| format!("the store is damaged: {} is missing", tile.path()))
    }

    /// The contents of a bundle.
    pub(super) async fn bundle(&self, bundle: Bundle) -> anyhow::Result<Vec<u8>> {
        let entries = self.store.entries(bundle.first_entry(), u32::from(bundle.width())).await?;
        anyhow::ensure!(
            entries.len() == usize::from(bundle.width()),
            "the store is damaged: entries of {} are missing",
            bundle.path()
        );
        let mut content = Vec::new();
        for entry in &entries {
            Entry::new(entry)?.append_to(&mut content);
        }
        Ok(content)
    }

    /// The entry at `index`, and the proof that it is under the checkpoint.
    pub(super) async fn prove(&self, index: u64) -> anyhow::Result<(Vec<u8>, Vec<Hash>)> {
        let body =
            self.store.entries(index, 1).await?.pop().context("the store is damaged: an entry is missing")?;
        let mut tiles: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
        for tile in inclusion_tiles(index, self.head.size) {
            tiles.insert((tile.level(), tile.n()), self.tile(tile).await?);
        }
        let leaf = Entry::new(&body)?.leaf_hash();
        let hashes = inclusion(&tiles, &leaf, index, self.head.size, &self.head.root)?;
        Ok((body, hashes))
    }
}
