//! Whether all checkpoints that were ever seen are of one ledger: each must say the very root that the exported entries
//! have at its size.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use countersign_ledger::{Checkpoint, Edge, Entries, Entry, Hash, VerifierKey, bundles_of, empty_root};

/// Compares notes with an exported ledger; answers how many sizes they speak of, or what they say that is not so.
pub(crate) fn compare(notes: &BTreeSet<Vec<u8>>, export: &Path, key: &VerifierKey) -> Result<usize, String> {
    let keys = std::slice::from_ref(key);
    let mut seen: BTreeMap<u64, Hash> = BTreeMap::new();
    for note in notes {
        let seen_now = Checkpoint::open(note, keys).map_err(|why| format!("a checkpoint: {why}"))?;
        let before = seen.insert(seen_now.size, seen_now.root);
        if before.is_some_and(|before| before != seen_now.root) {
            return Err(format!("two roots were served for size {}", seen_now.size));
        }
    }
    let head =
        std::fs::read(export.join(countersign_ledger::CHECKPOINT_PATH)).map_err(|it| it.to_string())?;
    let head = Checkpoint::open(&head, keys).map_err(|why| format!("the newest checkpoint: {why}"))?;
    if let Some((size, _)) = seen.last_key_value().filter(|(size, _)| **size > head.size) {
        return Err(format!("a checkpoint of {size} entries was served, and now there are {}", head.size));
    }
    let sizes = seen.len();
    let mut tree = Edge::new();
    if seen.remove(&0).is_some_and(|root| root != empty_root()) {
        return Err("the root of the empty ledger is another one".to_owned());
    }
    for bundle in bundles_of(head.size) {
        let bytes = std::fs::read(export.join(bundle.path())).map_err(|it| it.to_string())?;
        for entry in Entries::of(&bytes) {
            let entry: Entry<'_> = entry.map_err(|why| format!("{}: {why}", bundle.path()))?;
            tree.append(entry.leaf_hash(), |_, _| {});
            if seen.remove(&tree.size()).is_some_and(|root| root != tree.root()) {
                return Err(format!("a checkpoint of another ledger was served at size {}", tree.size()));
            }
        }
    }
    if seen.is_empty() { Ok(sizes) } else { Err(format!("sizes {:?} were never reached", seen.keys())) }
}

#[cfg(test)]
mod tests {
    use countersign_ledger::{Bundle, CHECKPOINT_PATH, SigningKey};

    use super::*;

    fn ledger(entries: &[&[u8]]) -> (Hash, Vec<u8>) {
        let (mut tree, mut bundle) = (Edge::new(), Vec::new());
        for entry in entries {
            let entry = Entry::new(entry).unwrap();
            tree.append(entry.leaf_hash(), |_, _| {});
            entry.append_to(&mut bundle);
        }
        (tree.root(), bundle)
    }

    #[test]
    fn fork_is_found_at_its_size_whatever_stands_around_it() {
        let key = SigningKey::from_seed("example.test/fork", &[7; 32]).unwrap();
        let note = |size: u64, root: Hash| {
            let checkpoint = Checkpoint { origin: "example.test/fork".to_owned(), size, root };
            checkpoint.sign(&key).unwrap().into_bytes()
        };
        let (whole, bundle) = ledger(&[b"a", b"b", b"c"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Bundle::in_tree(0, 3).unwrap().path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bundle).unwrap();
        std::fs::write(folder.path().join(CHECKPOINT_PATH), note(3, whole)).unwrap();
        let two = note(2, ledger(&[b"a", b"b"]).0);
        let three = note(3, whole);
        let forked = note(2, ledger(&[b"a", b"x"]).0);
        let beyond = note(4, ledger(&[b"a", b"b", b"c", b"d"]).0);
        let compare = |notes: &[&Vec<u8>]| {
            compare(&notes.iter().map(|it| (*it).clone()).collect(), folder.path(), key.verifier())
        };
        assert_eq!(compare(&[&two, &three]), Ok(2));
        assert!(compare(&[&two, &forked]).unwrap_err().contains("two roots"));
        assert!(compare(&[&forked]).unwrap_err().contains("size 2"));
        assert!(compare(&[&beyond]).unwrap_err().contains("4 entries"));
    }
}
