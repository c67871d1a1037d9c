//! Whether this node has the keys of the installation. Every node has the same files; one with others would find nobody
//! by their blind index and open no sealed field, and would not know why. Keeps marks of the keys, never the keys.

use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::keys::{Keys, mac};
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "keys";
const ID: &str = "marks";
/// What to do where the key of the ledger is not the one that its entries name.
const SUCCEEDED: &str = "the ledger's key was succeeded, and this node's key is not the one that signs for this store: if \
    `countersign keys succeed` was broken off, run it again; a copy from before the succession can be verified, and is not \
    served any more";

/// What tells whether a key is the one that it was, and nothing else of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    wrapping: String,
    epoch: u32,
    index: String,
    token: String,
}

impl Marks {
    fn of(keys: &Keys) -> Self {
        let mark = |key: &[u8; 32]| hex::encode(mac(key, &[b"countersign/key/v1"]));
        Self {
            wrapping: mark(&keys.wrapping),
            epoch: keys.epoch,
            index: mark(&keys.index),
            token: mark(&keys.token),
        }
    }

    fn other_than(&self, stored: &Self) -> Option<&'static str> {
        match () {
            () if self.index != stored.index => Some("index"),
            () if self.token != stored.token => Some("token"),
            // It lacks the newest one.
            () if self.epoch < stored.epoch => Some("wrapping"),
            () if self.epoch == stored.epoch && self.wrapping != stored.wrapping => Some("wrapping"),
            () => None,
        }
    }
}

/// Keeps the marks of the keys that an installation begins with.
pub(crate) fn put(keys: &Keys) -> Result<RecordChange, Refusal> {
    record::put(KIND, ID, &Marks::of(keys), Vec::new(), Some(0))
}

/// Keeps the marks of the keys that a rotation ends with.
pub(crate) fn put_again(keys: &Keys) -> Result<RecordChange, Refusal> {
    record::put(KIND, ID, &Marks::of(keys), Vec::new(), None)
}

impl Service {
    /// Makes sure that this node's keys are those of the installation, as far as it says.
    ///
    /// # Errors
    /// `Standing`, with the name of the key that is another one.
    pub async fn keys_fit(&self) -> Result<(), Refusal> {
        if let Some((_, note)) = self.store.checkpoint(None).await?
            && self.open_checkpoint(&note).is_err()
        {
            return Err(another("ledger"));
        }
        if !self.signs_for_the_ledger().await? {
            return Err(Refusal::Standing(SUCCEEDED.to_owned()));
        }
        compare(&self.keys, &self.store.load(needs()).await?).map(drop)
    }

    /// The same before this node serves; keeps marks if the installation began under a version that kept none.
    ///
    /// # Errors
    /// As [`Service::keys_fit`].
    pub async fn hold_to_keys(&self) -> Result<(), Refusal> {
        self.keys_fit().await?;
        if compare(&self.keys, &self.store.load(needs()).await?)? {
            return Ok(());
        }
        let change = Change { records: vec![put(&self.keys)?], ..Change::default() };
        match self.act(needs(), move |_| Ok((change.clone(), ()))).await {
            // Another node was first: compare with its.
            Err(Refusal::Stale) => self.keys_fit().await,
            outcome => outcome.map(drop),
        }
    }
}

fn needs() -> Needs {
    Needs { records: vec![(KIND.to_owned(), Find::Id(ID.to_owned()))], ..Needs::default() }
}

/// Whether there are marks, which then are those of `keys`.
fn compare(keys: &Keys, loaded: &Loaded) -> Result<bool, Refusal> {
    let Some(stored) = loaded.of_kind(KIND).next() else { return Ok(false) };
    match Marks::of(keys).other_than(&record::read::<Marks>(stored)?) {
        Some(key) => Err(another(key)),
        None => Ok(true),
    }
}

fn another(key: &str) -> Refusal {
    Refusal::Standing(format!(
        "the {key} key of this node is not the one that this store was begun with; every node has the same key files: \
         copy them from a node that serves"
    ))
}
