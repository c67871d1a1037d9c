//! That a store holds together: its entries give the ledger's root, the signed heads are heads of that ledger, and
//! every event of every request stands in it as it is stored. What cannot be proved so (people, tokens, sealed fields)
//! is not said to be.

use anyhow::{Context, ensure};
use countersign_ledger::{Checkpoint, Edge, Entry, Hash, VerifierKey};
use countersign_service::ports::store::{Needs, Query, Store};
use countersign_service::record;

const PAGE: u32 = 500;

/// What was proved.
pub(crate) struct Proved {
    /// Entries in the ledger.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: Hash,
    /// The newest signed head.
    pub(crate) note: Vec<u8>,
    /// Requests whose events were found in the ledger.
    pub(crate) requests: u64,
}

/// Recomputes everything.
///
/// # Errors
/// What does not hold together.
pub(crate) async fn prove(store: &dyn Store, keys: &[VerifierKey]) -> anyhow::Result<Proved> {
    let (size, root) = store.head().await?;
    let newest = store.checkpoint(None).await?;
    let (_, note) = newest.context("no checkpoint was issued yet: start the server once")?;
    let signed = Checkpoint::open(&note, keys).context("the newest checkpoint")?;
    ensure!(signed.size <= size, "a checkpoint speaks of {} entries, and there are {size}", signed.size);
    let mut tree = Edge::new();
    let mut agrees = signed.size == 0;
    while tree.size() < size {
        let entries = store.entries(tree.size(), PAGE).await?;
        ensure!(!entries.is_empty(), "entries from {} on are missing", tree.size());
        for entry in &entries {
            if tree.size() == size {
                break;
            }
            tree.append(Entry::new(entry)?.leaf_hash(), |_, _| {});
            agrees |= tree.size() == signed.size && tree.root() == signed.root;
        }
    }
    ensure!(tree.root() == root, "the entries do not give the root that was committed over them");
    ensure!(agrees, "the newest checkpoint was signed over other entries");
    let requests = events(store).await?;
    Ok(Proved { size, root, note, requests })
}

/// Compares every event with its entry.
async fn events(store: &dyn Store) -> anyhow::Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let query = Query { oldest_first: true, after, limit: PAGE, ..Query::default() };
        let rows = store.list(query).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = Some((last.submitted_at, last.id));
        for row in &rows {
            let needs = Needs { request: Some(row.id), ..Needs::default() };
            let stored = store.load(needs).await?.request.context("a request was listed and is not there")?;
            for event in &stored.events {
                let leaf = event.leaf.context("an event has no place in the ledger")?;
                let entry = store.entries(leaf, 1).await?.pop();
                ensure!(
                    entry.as_deref() == Some(&*record::entry(row.id, event.seq, event.at, &event.body)),
                    "event {} of request {} is not what the ledger says",
                    event.seq,
                    row.id
                );
            }
            record::History::read(&stored)
                .map_err(|why| anyhow::anyhow!("the history of request {}: {why}", row.id))?;
            count += 1;
        }
    }
}
