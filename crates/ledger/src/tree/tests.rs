#![allow(clippy::unwrap_used)]
use super::*;
use crate::entry::Entry;
use crate::tile::tiles_of;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Rows = BTreeMap<(u8, u64), Vec<u8>>;

fn leaf(i: u64) -> Hash {
    Entry::new(format!("entry {i}").as_bytes()).unwrap().leaf_hash()
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

fn write(rows: &mut Rows, changed: Vec<ChangedTile>) {
    for ChangedTile { tile, bytes } in changed {
        assert_eq!(bytes.len(), tile.byte_len());
        rows.insert((tile.level(), tile.n()), bytes);
    }
}

/// The leaves and roots that certificate-transparency implementations test with.
#[test]
fn roots_are_those_of_the_known_vectors() {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = Edge::new();
    assert_eq!(hex(&edge.root()), roots[0]);
    for (leaf, root) in leaves.iter().zip(&roots[1..]) {
        edge.append(Entry::new(leaf).unwrap().leaf_hash(), |_, _| {});
        assert_eq!(hex(&edge.root()), *root);
    }
}

#[test]
fn roots_are_those_of_an_independent_tree() {
    let mut theirs = MemoryBackedTree::<sha2::Sha256, String>::new();
    let mut ours = Edge::new();
    for i in 0..70_000u64 {
        theirs.push(format!("entry {i}"));
        ours.append(leaf(i), |_, _| {});
        if i < 600 || i % 997 == 0 || i.abs_diff(65_536) < 3 {
            assert_eq!(ours.root()[..], theirs.root().as_bytes()[..], "{i}");
        }
    }
}

#[test]
fn the_rows_written_batch_by_batch_are_the_tiles_of_the_tree() {
    for batch in [1, 7, 256, 300, 70_000] {
        let (mut edge, mut rows, mut next) = (Edge::new(), Rows::new(), 0u64);
        while edge.size() < 70_000 {
            let end = (next + batch).min(70_000);
            write(&mut rows, edge.append_all((next..end).map(leaf)));
            next = end;
        }
        let due: Vec<_> = tiles_of(70_000).map(|t| ((t.level(), t.n()), t.byte_len())).collect();
        let kept: Vec<_> = rows.iter().map(|(key, bytes)| (*key, bytes.len())).collect();
        assert_eq!(kept, due, "in batches of {batch}");
        for i in [0u64, 255, 256, 69_999] {
            let row = &rows[&(0, i / 256)];
            assert_eq!(row[(i % 256) as usize * 32..][..32], leaf(i));
        }
    }
}

#[test]
fn only_changed_tiles_are_written_and_each_once() {
    let mut edge = Edge::new();
    edge.append_all((0..300).map(leaf));
    let paths = |changed: Vec<ChangedTile>| changed.iter().map(|c| c.tile.path()).collect::<Vec<_>>();
    assert_eq!(paths(edge.append_all([])), [""; 0]);
    assert_eq!(paths(edge.append_all([leaf(300)])), ["tile/0/001.p/45"]);
    let rest = edge.append_all((301..513).map(leaf));
    assert_eq!(paths(rest), ["tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2"]);
    assert_eq!(paths(edge.append_all((513..768).map(leaf))), ["tile/0/002", "tile/1/000.p/3"]);
}

#[test]
fn an_edge_restored_from_rows_goes_on_as_if_never_stopped() {
    let (mut edge, mut rows) = (Edge::new(), Rows::new());
    for i in 0..1_200 {
        let restored = Edge::restore(edge.size(), &edge.root(), &rows).unwrap();
        assert_eq!(restored, edge);
        edge = restored;
        write(&mut rows, edge.append_all([leaf(i)]));
    }
    let mut straight = Edge::new();
    straight.append_all((0..1_200).map(leaf));
    assert_eq!(edge.root(), straight.root());
}

#[test]
fn an_older_edge_is_restored_from_longer_rows() {
    let (mut edge, mut rows) = (Edge::new(), Rows::new());
    write(&mut rows, edge.append_all((0..300).map(leaf)));
    let old = edge.root();
    write(&mut rows, edge.append_all((300..400).map(leaf)));
    assert_eq!(Edge::restore(300, &old, &rows).map(|edge| edge.root()), Ok(old));
}

#[test]
fn a_damaged_edge_is_not_restored() {
    let (mut edge, mut rows) = (Edge::new(), Rows::new());
    write(&mut rows, edge.append_all((0..300).map(leaf)));
    let root = edge.root();
    let damaged = |change: &dyn Fn(&mut Rows)| {
        let mut rows = rows.clone();
        change(&mut rows);
        Edge::restore(300, &root, &rows).unwrap_err()
    };
    let tile = Tile::new(0, 1, 44).unwrap();
    assert_eq!(damaged(&|rows| drop(rows.remove(&(0, 1)))), BrokenEdge::Missing(tile));
    assert_eq!(
        damaged(&|rows| rows.get_mut(&(0, 1)).unwrap().truncate(44 * 32 - 1)),
        BrokenEdge::TooShort(tile)
    );
    assert_eq!(damaged(&|rows| rows.get_mut(&(1, 0)).unwrap()[3] ^= 1), BrokenEdge::OtherRoot);
    assert!(Edge::restore(301, &root, &rows).is_err());
    assert_eq!(Edge::restore(0, &root, &rows), Err(BrokenEdge::OtherRoot));
}

proptest! {
    #[test]
    fn batches_do_not_matter(cuts in proptest::collection::vec(0u64..400, 0..6)) {
        let (mut edge, mut rows, mut next) = (Edge::new(), Rows::new(), 0);
        for cut in cuts {
            write(&mut rows, edge.append_all((next..next + cut).map(leaf)));
            next += cut;
        }
        let mut straight = Edge::new();
        straight.append_all((0..next).map(leaf));
        prop_assert_eq!(edge.root(), straight.root());
        prop_assert_eq!(Edge::restore(next, &straight.root(), &rows).map(|e| e.size()), Ok(next));
    }
}
