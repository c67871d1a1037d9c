#![allow(clippy::unwrap_used)]
use super::*;
use crate::entry::Entry;
use crate::hash::Hash;
use crate::key::SigningKey;
use crate::tile::tiles_of;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;

mod succession;

const ORIGIN: &str = "example.com/ledger";
/// Enough for full tiles, a level above them, and partial tiles on both.
const SIZE: u64 = 600;
const OLDER: [u64; 6] = [0, 1, 100, 256, 400, 600];

/// An export in memory.
#[derive(Clone, Default)]
struct Export(BTreeMap<String, Vec<u8>>);

impl LogSource for Export {
    type Error = Infallible;

    fn read(&mut self, path: &str, limit: usize, content: &mut Vec<u8>) -> Result<bool, Infallible> {
        content.clear();
        let Some(bytes) = self.0.get(path) else { return Ok(false) };
        content.extend_from_slice(&bytes[..bytes.len().min(limit)]);
        Ok(true)
    }

    fn list(&mut self, found: &mut dyn FnMut(&str)) -> Result<(), Infallible> {
        self.0.keys().for_each(|path| found(path));
        Ok(())
    }
}

impl Export {
    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.0.get_mut(path).unwrap()
    }

    fn with(&self, change: impl FnOnce(&mut Export)) -> Report {
        let mut altered = self.clone();
        change(&mut altered);
        let report = verify(&mut altered, &keys(), &mut ()).unwrap();
        assert_eq!(report.is_whole(), report.findings.is_empty());
        report
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[5; 32]).unwrap()
}

fn keys() -> [VerifierKey; 1] {
    [key().verifier().clone()]
}

fn sign(size: u64, root: Hash) -> Vec<u8> {
    Checkpoint { origin: ORIGIN.into(), size, root }.sign(&key()).unwrap().into_bytes()
}

fn bodies(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(|i| format!("entry number {i}").into_bytes()).collect()
}

/// What an honest log of these entries exports, with the partial tiles and bundles of `older` sizes too.
fn export(bodies: &[Vec<u8>], older: &[u64]) -> Export {
    let mut files = BTreeMap::new();
    let mut edge = Edge::new();
    for size in 0..=bodies.len() as u64 {
        if older.contains(&size) || size == bodies.len() as u64 {
            files.insert(checkpoint_path(size), sign(size, edge.root()));
            files.extend(edge.partial_tiles().map(|(tile, bytes)| (tile.path(), bytes.to_vec())));
            files.extend(bundles_of(size).map(|bundle| {
                let mut bytes = Vec::new();
                let first = bundle.first_entry() as usize;
                for body in &bodies[first..first + usize::from(bundle.width())] {
                    Entry::new(body).unwrap().append_to(&mut bytes);
                }
                (bundle.path(), bytes)
            }));
        }
        if let Some(body) = bodies.get(size as usize) {
            edge.append(Entry::new(body).unwrap().leaf_hash(), |tile, bytes| {
                files.insert(tile.path(), bytes.to_vec());
            });
        }
    }
    files.insert(CHECKPOINT_PATH.into(), sign(edge.size(), edge.root()));
    files.insert("vkey".into(), b"not read".to_vec());
    Export(files)
}

fn honest() -> Export {
    export(&bodies(SIZE), &OLDER)
}

fn texts(report: &Report) -> Vec<String> {
    report.findings.iter().map(Finding::to_string).collect()
}

#[test]
fn an_honest_log_is_whole_and_everything_was_looked_at() {
    let report = honest().with(|_| {});
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.entries, report.checkpoints), (SIZE, OLDER.len() as u64));
    assert!(report.tiles > tiles_of(SIZE).count() as u64);
}

#[test]
fn honest_logs_of_every_size_up_to_the_second_tile_are_whole() {
    for size in (0..20).chain([255, 256, 257, 511, 512, 513]) {
        let report = export(&bodies(size), &[size / 2]).with(|_| {});
        assert!(report.is_whole() && report.entries == size, "{size}: {report:?}");
    }
}

#[test]
fn an_honest_log_with_three_levels_is_whole() {
    let report = export(&bodies(66_000), &[300, 65_536, 65_537]).with(|_| {});
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_flipped_bit_in_any_entry_is_found_and_located() {
    let (honest, bodies) = (honest(), bodies(SIZE));
    for entry in 0..SIZE {
        let bundle = Bundle::in_tree(entry / 256, SIZE).unwrap();
        let last_byte: usize =
            bodies[bundle.first_entry() as usize..=entry as usize].iter().map(|body| 2 + body.len()).sum();
        let report = honest.with(|export| export.file(&bundle.path())[last_byte - 1] ^= 1);
        let located = report.findings.iter().any(|finding| {
            matches!(finding, Finding::TileDiffers { path, entries } if path.starts_with("tile/0/") && *entries == (entry, entry))
        });
        assert!(located, "{entry}: {:?}", texts(&report));
        assert!(
            report
                .findings
                .iter()
                .any(|f| matches!(f, Finding::OtherRoot { path, .. } if path == "checkpoint"))
        );
    }
}

/// CVE-2026-56865: verifiers that took leaf hashes from the level-0 tile let this pass.
#[test]
fn an_altered_record_with_an_altered_leaf_hash_in_its_tile_is_found() {
    let mut bodies = bodies(SIZE);
    bodies[300] = b"something else".to_vec();
    let forged = export(&bodies, &OLDER);
    let report = honest().with(|export| {
        let paths: Vec<String> = export
            .0
            .keys()
            .filter(|p| p.starts_with("tile/entries/") || p.starts_with("tile/0/"))
            .cloned()
            .collect();
        for path in paths {
            *export.file(&path) = forged.0[&path].clone();
        }
    });
    assert_eq!(
        texts(&report),
        [
            "checkpoints/400: the first 400 entries do not give the root that was signed; the first 256 fit their checkpoint, what is wrong came after",
            "checkpoints/600: the first 600 entries do not give the root that was signed; the first 256 fit their checkpoint, what is wrong came after",
            "tile/1/000.p/2: holds another hash than entries 256 to 511 give; an entry or the tile was altered",
            "checkpoint: the first 600 entries do not give the root that was signed; the first 256 fit their checkpoint, what is wrong came after",
        ]
    );
}

#[test]
fn all_files_altered_alike_but_the_checkpoint_are_found() {
    let mut bodies = bodies(SIZE);
    bodies[599] = b"something else".to_vec();
    let mut forged = export(&bodies, &OLDER);
    let signed = honest();
    for path in ["checkpoint", "checkpoints/600"] {
        *forged.file(path) = signed.0[path].clone();
    }
    let report = forged.with(|_| {});
    assert!(matches!(
        &report.findings[..],
        [Finding::OtherRoot { fits: Some(400), .. }, Finding::OtherRoot { .. }]
    ));
}

#[test]
fn a_flipped_bit_in_any_file_is_found_in_that_file() {
    let honest = honest();
    for path in honest.0.keys().filter(|path| *path != "vkey" && !path.starts_with("tile/entries/")) {
        let length = honest.0[path].len();
        for at in [0, length / 2, length.saturating_sub(2)] {
            let report = honest.with(|export| export.file(path)[at] ^= 1);
            assert!(
                report.findings.iter().any(|f| f.path() == Some(path)),
                "{path} at {at}: {:?}",
                texts(&report)
            );
        }
    }
}

#[test]
fn bytes_more_or_fewer_in_any_file_are_found_in_that_file() {
    let honest = honest();
    for path in honest.0.keys().filter(|path| *path != "vkey") {
        let longer = honest.with(|export| export.file(path).push(0));
        assert!(longer.findings.iter().any(|f| f.path() == Some(path)), "{path}: {:?}", texts(&longer));
        let shorter = honest.with(|export| assert!(export.file(path).pop().is_some()));
        assert!(shorter.findings.iter().any(|f| f.path() == Some(path)), "{path}: {:?}", texts(&shorter));
        let empty = honest.with(|export| export.file(path).clear());
        assert!(empty.findings.iter().any(|f| f.path() == Some(path)), "{path}: {:?}", texts(&empty));
    }
}

#[test]
fn a_missing_file_of_the_present_tree_is_found() {
    let honest = honest();
    let due = tiles_of(SIZE).map(|t| t.path()).chain(bundles_of(SIZE).map(|b| b.path()));
    for path in due.chain(["checkpoint".into()]) {
        let report = honest.with(|export| drop(export.0.remove(&path)));
        assert!(report.findings.contains(&Finding::Missing { path: path.clone() }), "{path}");
    }
}

#[test]
fn what_follows_a_missing_bundle_is_said_to_be_unchecked() {
    let report = honest().with(|export| drop(export.0.remove("tile/entries/001")));
    assert_eq!(report.entries, 256);
    assert_eq!(texts(&report), ["tile/entries/001: missing", "entries 256 to 599 could not be checked"]);
}

#[test]
fn reordered_entries_are_found() {
    let mut swapped = bodies(SIZE);
    swapped.swap(10, 11);
    let report = honest().with(|export| {
        *export.file("tile/entries/000") = self::export(&swapped, &[]).0["tile/entries/000"].clone();
    });
    assert!(texts(&report).contains(
        &"tile/0/000: holds another hash than that of entry 10; the entry or the tile was altered".to_owned()
    ));
}

#[test]
fn an_older_checkpoint_of_another_history_is_found_although_its_signature_holds() {
    let report = honest().with(|export| *export.file("checkpoints/400") = sign(400, [7; 32]));
    let fork = Finding::OtherRoot { path: "checkpoints/400".into(), size: 400, fits: Some(256) };
    assert_eq!(report.findings, [fork]);
}

#[test]
fn a_checkpoint_under_another_size_is_found() {
    let report =
        honest().with(|export| *export.file("checkpoints/400") = export.0["checkpoints/256"].clone());
    assert_eq!(report.findings, [Finding::Misnamed { path: "checkpoints/400".into(), size: 256 }]);
}

#[test]
fn a_log_cut_back_to_an_older_checkpoint_is_found_by_the_newer_one() {
    let mut cut = export(&bodies(400), &[256]);
    cut.0.insert("checkpoints/600".into(), honest().0["checkpoints/600"].clone());
    let beyond = Finding::Beyond { path: "checkpoints/600".into(), size: 600, head: 400 };
    assert_eq!(cut.with(|_| {}).findings, [beyond]);
}

#[test]
fn files_that_no_tree_of_this_size_has_are_found() {
    for path in [
        "tile/0/002",
        "tile/0/002.p/100",
        "tile/2/000.p/1",
        "tile/entries/003.p/1",
        "tile/x",
        "checkpoints/07",
        "tile/0/0002",
    ] {
        let report = honest().with(|export| drop(export.0.insert(path.into(), vec![0; 8192])));
        assert_eq!(report.findings, [Finding::Unexpected { path: path.into() }]);
    }
    assert!(honest().with(|export| drop(export.0.insert("README".into(), vec![]))).is_whole());
}

#[test]
fn many_findings_are_counted_and_the_first_kept() {
    let report = honest().with(|export| {
        for n in 0..500 {
            export.0.insert(format!("tile/9/{n:03}"), vec![]);
        }
    });
    assert_eq!((report.findings.len(), report.findings_left_out), (MAX_FINDINGS, 400));
}

#[test]
fn another_key_gets_no_verdict_out_of_the_log() {
    let other = [SigningKey::from_seed(ORIGIN, &[6; 32]).unwrap().verifier().clone()];
    let report = verify(&mut honest(), &other, &mut ()).unwrap();
    assert!(!report.is_whole() && report.head.is_none());
    assert_eq!(texts(&report), ["checkpoint: the note is not signed by the key it should be signed with"]);
    assert!(!verify(&mut honest(), &[], &mut ()).unwrap().is_whole());
}

#[test]
fn whoever_watches_sees_every_entry_once_and_in_order() {
    #[derive(Default)]
    struct Seen(Vec<Vec<u8>>, Vec<(u64, u64)>);
    impl Watch for Seen {
        fn entry(&mut self, index: u64, bytes: &[u8]) {
            assert_eq!(index, self.0.len() as u64);
            self.0.push(bytes.to_vec());
        }
        fn progress(&mut self, done: u64, size: u64) {
            self.1.push((done, size));
        }
    }
    let mut seen = Seen::default();
    verify(&mut honest(), &keys(), &mut seen).unwrap();
    assert_eq!(seen.0, bodies(SIZE));
    assert_eq!(seen.1, [(256, 600), (512, 600), (600, 600)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_single_changed_byte_passes(file: proptest::sample::Index, at: proptest::sample::Index, flip in 1u8..) {
        let honest = export(&bodies(300), &[100]);
        let paths: Vec<&String> = honest.0.keys().filter(|path| *path != "vkey").collect();
        let path = paths[file.index(paths.len())];
        let at = at.index(honest.0[path].len());
        prop_assert!(!honest.with(|export| export.file(path)[at] ^= flip).is_whole());
    }
}
