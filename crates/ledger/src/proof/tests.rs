#![allow(clippy::unwrap_used)]
use super::*;
use crate::entry::Entry;
use crate::prove::{ProofError, consistency, consistency_tiles, inclusion, inclusion_tiles};
use crate::tile::{Tile, TileSource};
use crate::tree::Edge;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::Sha256;
use std::collections::BTreeMap;

type Rows = BTreeMap<(u8, u64), Vec<u8>>;

/// A log as a store keeps it: rows of the newest tree, and the root at every size.
struct Log {
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
    rows: Rows,
}

fn log(size: u64) -> Log {
    let leaves: Vec<Hash> = (0..size).map(|i| Entry::new(&i.to_be_bytes()).unwrap().leaf_hash()).collect();
    let (mut edge, mut rows, mut roots) = (Edge::new(), Rows::new(), vec![empty_root()]);
    for leaf in &leaves {
        edge.append(*leaf, |tile, bytes| drop(rows.insert((tile.level(), tile.n()), bytes.to_vec())));
        roots.push(edge.root());
    }
    rows.extend(edge.partial_tiles().map(|(tile, bytes)| ((tile.level(), tile.n()), bytes.to_vec())));
    Log { leaves, roots, rows }
}

/// Every way in which a right list of hashes is made wrong: shorter, longer, one bit off, out of order.
fn spoilt(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[[0; 32]]].concat(), [&[[0; 32]], proof].concat()];
    if let (Some(first), Some(last)) = (proof.first(), proof.last()) {
        all.push(proof[1..].to_vec());
        all.push(proof[..proof.len() - 1].to_vec());
        all.push([proof, &[*last]].concat());
        let mut flipped = proof.to_vec();
        flipped[proof.len() / 2][31] ^= 1;
        all.push(flipped);
        if first != last {
            all.push(proof.iter().rev().copied().collect());
        }
    }
    all
}

#[test]
fn every_entry_of_every_tree_up_to_300_is_proved_and_nothing_else_is() {
    let log = log(300);
    for size in 1..=300u64 {
        let root = &log.roots[size as usize];
        for index in 0..size {
            let leaf = &log.leaves[index as usize];
            let proof = inclusion(&log.rows, leaf, index, size, root).unwrap();
            assert!(check_inclusion(leaf, index, size, &proof, root).is_ok());
            for wrong in [index + 1, index.wrapping_sub(1), index ^ 2, size, u64::MAX] {
                assert!(
                    check_inclusion(leaf, wrong, size, &proof, root).is_err(),
                    "{index} of {size} as {wrong}"
                );
            }
            for wrong in spoilt(&proof) {
                assert!(check_inclusion(leaf, index, size, &wrong, root).is_err(), "{index} of {size}");
            }
        }
        assert_eq!(inclusion(&log.rows, &log.leaves[0], size, size, root), Err(ProofError::NotInTree));
    }
}

#[test]
fn every_pair_of_trees_up_to_300_is_proved_consistent_and_nothing_else_is() {
    let log = log(300);
    for new in 0..=300u64 {
        let new_root = &log.roots[new as usize];
        for old in 0..=new {
            let old_root = &log.roots[old as usize];
            let proof = consistency(&log.rows, (old, old_root), (new, new_root)).unwrap();
            assert!(check_consistency((old, old_root), (new, new_root), &proof).is_ok());
            assert!(check_consistency((old, &[7; 32]), (new, new_root), &proof).is_err(), "{old} {new}");
            if old > 0 {
                assert!(check_consistency((old, old_root), (new, &[7; 32]), &proof).is_err(), "{old} {new}");
            }
            if old < new {
                assert!(check_consistency((new, new_root), (old, old_root), &proof).is_err(), "{old} {new}");
            }
            for wrong in spoilt(&proof) {
                assert!(check_consistency((old, old_root), (new, new_root), &wrong).is_err(), "{old} {new}");
            }
        }
    }
    assert!(check_consistency((0, &empty_root()), (0, &[7; 32]), &[]).is_err());
}

#[test]
fn an_independent_implementation_accepts_our_proofs_and_we_accept_its() {
    let log = log(700);
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=700u64 {
        theirs.push((size - 1).to_be_bytes().to_vec());
        if size > 80 && size % 37 != 0 {
            continue;
        }
        let root = &log.roots[size as usize];
        let their_root = RootHash::<Sha256>::new((*root).into(), size);
        for index in (0..size).step_by(if size > 80 { 11 } else { 1 }) {
            let leaf = &log.leaves[index as usize];
            let ours = inclusion(&log.rows, leaf, index, size, root).unwrap();
            let proof = InclusionProof::<Sha256>::try_from_bytes(ours.concat()).unwrap();
            their_root.verify_inclusion(&index.to_be_bytes().to_vec(), index, &proof).unwrap();
            assert_eq!(theirs.prove_inclusion(index as usize).as_bytes(), ours.concat());
        }
        for old in (1..size).step_by(if size > 80 { 13 } else { 1 }) {
            let old_root = &log.roots[old as usize];
            let ours = consistency(&log.rows, (old, old_root), (size, root)).unwrap();
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(ours.concat()).unwrap();
            their_root.verify_consistency(&RootHash::new((*old_root).into(), old), &proof).unwrap();
            assert_eq!(theirs.prove_consistency((size - old) as usize).as_bytes(), ours.concat());
        }
    }
}

/// Answers for exactly the tiles that were announced.
struct Announced<'a> {
    rows: &'a Rows,
    tiles: Vec<Tile>,
}

impl TileSource for Announced<'_> {
    fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        self.tiles.contains(&tile).then(|| self.rows.tile(tile)).flatten()
    }
}

#[test]
fn the_tiles_announced_are_enough_also_above_65536() {
    let (log, size) = (log(66_000), 66_000);
    let root = &log.roots[size as usize];
    for index in [0, 255, 256, 40_000, 65_535, 65_536, 65_999] {
        let tiles = Announced { rows: &log.rows, tiles: inclusion_tiles(index, size) };
        assert!(tiles.tiles.len() <= 5);
        inclusion(&tiles, &log.leaves[index as usize], index, size, root).unwrap();
    }
    for old in [1, 255, 256, 257, 40_000, 65_536, 65_537, 65_999] {
        let tiles = Announced { rows: &log.rows, tiles: consistency_tiles(old, size) };
        consistency(&tiles, (old, &log.roots[old as usize]), (size, root)).unwrap();
    }
    assert!(inclusion_tiles(5, 5).is_empty() && consistency_tiles(6, 5).is_empty());
}

#[test]
fn a_proof_from_altered_tiles_is_not_handed_out() {
    let mut log = log(300);
    let (leaf, root) = (log.leaves[7], log.roots[300]);
    log.rows.get_mut(&(0, 0)).unwrap()[9] ^= 1;
    assert_eq!(inclusion(&log.rows, &leaf, 7, 300, &root), Err(ProofError::TilesLie));
    assert_eq!(consistency(&log.rows, (3, &log.roots[3]), (300, &root)), Err(ProofError::TilesLie));
    log.rows.get_mut(&(0, 0)).unwrap().truncate(31);
    let tile = Tile::new(0, 0, 256).unwrap();
    assert_eq!(inclusion(&log.rows, &leaf, 7, 300, &root), Err(ProofError::MissingTile(tile)));
}

proptest! {
    #[test]
    fn arbitrary_proofs_are_refused_without_panic(
        leaf: Hash, root: Hash, index: u64, size: u64, proof in proptest::collection::vec(any::<Hash>(), 0..70)
    ) {
        prop_assert!(check_inclusion(&leaf, index, size, &proof, &root).is_err());
        prop_assert!(check_consistency((index, &leaf), (size, &root), &proof).is_err());
    }
}
