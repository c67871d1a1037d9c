//! The ledger's key is succeeded by another: both sign the entry that says so, and from then on the new one signs alone. A
//! record keeps which key that is, so that no node goes on with the old one.

use countersign_ledger::{Checkpoint, CheckpointError, SigningKey, VerifierKey, succession_entry};
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::ports::store::{Change, Find, Needs, Store};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "ledger";
const ID: &str = "key";

#[derive(Serialize, Deserialize)]
struct Successor {
    vkey: String,
}

/// The key that signs for this ledger, if it succeeded another: as text.
///
/// # Errors
/// When the store does not answer.
pub async fn successor_of(store: &dyn Store) -> Result<Option<String>, Refusal> {
    let records = vec![(KIND.to_owned(), Find::Id(ID.to_owned()))];
    let loaded = store.load(Needs { records, ..Needs::default() }).await?;
    let kept = loaded.of_kind(KIND).next().map(record::read::<Successor>).transpose()?;
    Ok(kept.map(|kept| kept.vkey))
}

impl Service {
    /// States in the ledger that `next` succeeds this node's key. Everything before it is signed first; after it, this node
    /// signs nothing any more.
    ///
    /// # Errors
    /// When `next` is no other key of this ledger, or the store does not take it.
    pub async fn succeed(&self, next: &SigningKey) -> Result<(), Refusal> {
        self.sign_all().await?;
        let note = countersign_ledger::succeed(&self.ledger, next)
            .map_err(|why| Refusal::Standing(format!("the ledger's key cannot be succeeded: {why}")))?;
        let kept = Successor { vkey: next.verifier().to_string() };
        self.act(Needs::default(), move |loaded| {
            let entry = succession_entry(loaded.now.as_millis(), &note).into_bytes();
            let records = vec![record::put(KIND, ID, &kept, Vec::new(), None)?];
            Ok((Change { records, entries: vec![entry], ..Change::default() }, ()))
        })
        .await?;
        // Into the ledger at once, as on a store that puts entries there later.
        self.store.sequence().await?;
        Ok(())
    }

    /// Whether this node's key is the one that signs for the ledger now.
    pub(crate) async fn signs_for_the_ledger(&self) -> Result<bool, Refusal> {
        Ok(match successor_of(&*self.store).await? {
            Some(vkey) => vkey == self.ledger.verifier().to_string(),
            // A ledger that knows of no succession is the first key's.
            None => self.ledger_before.is_empty(),
        })
    }

    /// Opens a checkpoint of this ledger, by whichever of its keys it was signed.
    pub(crate) fn open_checkpoint(&self, note: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let own = self.ledger.verifier().clone();
        let keys: Vec<VerifierKey> = self.ledger_before.iter().cloned().chain([own]).collect();
        Checkpoint::open(note, &keys)
    }
}
