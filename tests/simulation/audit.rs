//! The end of a run: what the store holds, read again as a whole, against the ledger; and the ledger against its keys.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use countersign_core::receipt::Outcome;
use countersign_core::request::Event;
use countersign_ledger::{CHECKPOINT_PATH, Entry, LogSource, bundles_of, checkpoint_path, tiles_of, verify};
use countersign_service::ports::store::{Needs, Query, Store};

use crate::model::{Broken, Held, Model, rule};
use crate::rig::{Rig, ledger_key};
use crate::wired::whole;

type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn audit(rig: &Rig, model: &Model, notes: &BTreeMap<u64, Vec<u8>>) -> Held {
    histories(rig, model)?;
    effects(rig, model)?;
    copies(rig)?;
    let mut log = Export(whole(export(rig.store()))?);
    // Every checkpoint that was ever seen is of this log, also if the store should have another by now.
    log.0.extend(notes.iter().map(|(size, note)| (checkpoint_path(*size), note.clone())));
    let key = ledger_key().verifier().clone();
    let report = verify(&mut log, &[key], &mut ()).map_err(|never| match never {})?;
    rule!(report.is_whole(), "the ledger is not whole: {report:?}");
    rule!(report.entries == model.size, "{} entries are proven, {} were read", report.entries, model.size);
    Ok(())
}

/// Every event has its entry, and every row is what its events say.
fn histories(rig: &Rig, model: &Model) -> Held {
    let store = rig.store();
    let rows = whole({
        let store = Arc::clone(&store);
        async move { store.list(Query { limit: 100_000, ..Query::default() }).await }
    })
    .map_err(|why| Broken(why.to_string()))?;
    rule!(
        rows.len() == model.requests.len(),
        "{} requests, {} in the ledger",
        rows.len(),
        model.requests.len()
    );
    for row in rows {
        let request = &model.requests[&row.id];
        let n = request.asked.n;
        rule!(
            row.status == request.status,
            "request {n} is {:?}, its events say {:?}",
            row.status,
            request.status
        );
        let (own, needs) = (Arc::clone(&store), Needs { request: Some(row.id), ..Needs::default() });
        let loaded = whole(async move { own.load(needs).await }).map_err(|why| Broken(why.to_string()))?;
        let events = loaded.request.map(|record| record.events).unwrap_or_default();
        rule!(
            events.len() as u64 == request.entries,
            "request {n} has events without entries, or the other way"
        );
        for event in events {
            let leaf = event.leaf.ok_or_else(|| Broken(format!("an event of {n} has no entry")))?;
            let own = Arc::clone(&store);
            let entry =
                whole(async move { own.entries(leaf, 1).await }).map_err(|why| Broken(why.to_string()))?;
            let entry: serde_json::Value = serde_json::from_slice(&entry[0]).unwrap_or_default();
            let stored: serde_json::Value = serde_json::from_slice(&event.body).unwrap_or_default();
            let same =
                entry["seq"] == event.seq && entry["at"] == event.at.as_millis() && entry["event"] == stored;
            rule!(same, "event {} of request {n} is not what its entry says", event.seq);
            rule!(serde_json::from_slice::<Event>(&event.body).is_ok(), "an event of {n} is not readable");
        }
    }
    Ok(())
}

/// INVARIANT 11: what we keep about a request can be read as long as it is open and for its term after the end; then it
/// is gone. No event says so, and no answer: whoever only compares those would not notice.
fn copies(rig: &Rig) -> Held {
    let (store, now) = (rig.store(), rig.time.now());
    let kept = whole(async move {
        let mut kept = Vec::new();
        for row in store.list(Query { limit: 100_000, ..Query::default() }).await? {
            let there = store.key(row.id).await?.is_some();
            kept.push((row, there));
        }
        Ok::<_, countersign_service::ports::store::StoreError>(kept)
    })
    .map_err(|why| Broken(why.to_string()))?;
    for (row, there) in kept {
        let left = rig.spans.copies - (now - row.changed_at.as_millis());
        rule!(there || !row.status.is_open(), "what is kept about an open request is gone: {row:?}");
        rule!(there || left <= 0, "copies are destroyed {left} ms before their term: {row:?}");
        // The last of the jobs is done by then.
        let over = !row.status.is_open() && left < -rig.spans.lease;
        rule!(!(there && over), "copies are there {} ms after their term: {row:?}", -left);
    }
    Ok(())
}

/// INVARIANT 6: at most one effect, and none that nobody knows of.
fn effects(rig: &Rig, model: &Model) -> Held {
    for (source, shop) in &rig.world.shops {
        let inside = shop.inside();
        let done = |outcome: &Outcome| matches!(outcome, Outcome::Done { .. });
        let receipts: Vec<_> = inside.receipts.values().filter(|receipt| done(&receipt.outcome)).collect();
        rule!(receipts.len() == inside.erased as usize, "{source}: effects without receipts");
        for receipt in receipts {
            let key = &receipt.key;
            let request = &model.requests[&key.request];
            let known = request.steps.get(&(key.run, key.step.clone())) == Some(&true);
            rule!(known, "request {} was carried out in {source} and nobody knows", request.asked.n);
            let steps = inside
                .receipts
                .values()
                .filter(|other| done(&other.outcome) && other.key.request == key.request);
            rule!(steps.count() == 1, "request {} was carried out twice in {source}", request.asked.n);
        }
    }
    Ok(())
}

/// The ledger as files.
async fn export(store: Arc<dyn Store>) -> Result<Files, Broken> {
    let told = |why: countersign_service::ports::store::StoreError| Broken(why.to_string());
    let mut files = Files::new();
    let Some((size, note)) = store.checkpoint(None).await.map_err(told)? else {
        return Err(Broken("there is no checkpoint".to_owned()));
    };
    files.insert(CHECKPOINT_PATH.to_owned(), note);
    for bundle in bundles_of(size) {
        let mut content = Vec::new();
        for entry in store.entries(bundle.first_entry(), u32::from(bundle.width())).await.map_err(told)? {
            Entry::new(&entry).map_err(|why| Broken(why.to_string()))?.append_to(&mut content);
        }
        files.insert(bundle.path(), content);
    }
    for tile in tiles_of(size) {
        let content = store.tile(tile.level(), tile.n(), u32::from(tile.width())).await.map_err(told)?;
        files.insert(tile.path(), content.ok_or_else(|| Broken(format!("{} is missing", tile.path())))?);
    }
    for size in store.checkpoint_sizes(0, 100_000).await.map_err(told)? {
        let kept = store.checkpoint(Some(size)).await.map_err(told)?;
        files.extend(kept.map(|(size, note)| (checkpoint_path(size), note)));
    }
    Ok(files)
}

struct Export(Files);

impl LogSource for Export {
    type Error = Infallible;

    fn read(&mut self, path: &str, _: usize, content: &mut Vec<u8>) -> Result<bool, Infallible> {
        content.clear();
        let file = self.0.get(path);
        content.extend(file.into_iter().flatten());
        Ok(file.is_some())
    }

    fn list(&mut self, found: &mut dyn FnMut(&str)) -> Result<(), Infallible> {
        self.0.keys().for_each(|path| found(path));
        Ok(())
    }
}
