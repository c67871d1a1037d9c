//! Making proofs from tiles. It trusts no tile: every proof is checked against the roots before it is handed out.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::hash::{HASH_BYTES, Hash, node_hash, perfect_root};
use crate::proof::{check_consistency, check_inclusion};
use crate::tile::{TILE_WIDTH, Tile, TileSource};

/// Proves that `leaf` is entry `index` of the tree of `size` entries with `root`: the hashes from beside the leaf
/// upwards.
///
/// # Errors
/// [`ProofError`]; [`ProofError::TilesLie`] also when `leaf` or `root` is not this tree's.
pub fn inclusion(
    tiles: &impl TileSource,
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::NotInTree);
    }
    let proof = hashes(tiles, inclusion_ranges(index, size), size)?;
    check_inclusion(leaf, index, size, &proof, root).map_err(|_| ProofError::TilesLie)?;
    Ok(proof)
}

/// Proves that the tree of the first size and root is the beginning of the tree of the second.
///
/// # Errors
/// [`ProofError`]; [`ProofError::TilesLie`] also when the two roots are of a fork.
pub fn consistency(
    tiles: &impl TileSource,
    (old_size, old_root): (u64, &Hash),
    (new_size, new_root): (u64, &Hash),
) -> Result<Vec<Hash>, ProofError> {
    if old_size > new_size {
        return Err(ProofError::NotInTree);
    }
    let proof = hashes(tiles, consistency_ranges(old_size, new_size), new_size)?;
    check_consistency((old_size, old_root), (new_size, new_root), &proof)
        .map_err(|_| ProofError::TilesLie)?;
    Ok(proof)
}

/// The tiles that [`inclusion`] will ask for, each once: for stores that must fetch them beforehand.
pub fn inclusion_tiles(index: u64, size: u64) -> Vec<Tile> {
    if index < size { tiles_under(inclusion_ranges(index, size), size) } else { Vec::new() }
}

/// The tiles that [`consistency`] will ask for, each once.
pub fn consistency_tiles(old_size: u64, new_size: u64) -> Vec<Tile> {
    if old_size <= new_size {
        tiles_under(consistency_ranges(old_size, new_size), new_size)
    } else {
        Vec::new()
    }
}

/// The subtrees beside the way from the root to a leaf, lowest first, as ranges of leaves.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut low, mut high, mut beside) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            beside.push(middle..high);
            high = middle;
        } else {
            beside.push(low..middle);
            low = middle;
        }
    }
    beside.reverse();
    beside
}

/// The subtrees from which both trees can be put together, lowest first, as ranges of leaves.
fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    if old == 0 || old == new {
        return Vec::new();
    }
    let (mut low, mut high, mut beside) = (0, new, Vec::new());
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            beside.push(middle..high);
            high = middle;
        } else {
            beside.push(low..middle);
            low = middle;
        }
    }
    // Where the old tree is one perfect subtree from the left, its checker has the root already.
    if low > 0 {
        beside.push(low..high);
    }
    beside.reverse();
    beside
}

/// Where a tree of `size` > 1 entries divides: the largest power of two below it.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// A perfect subtree as the place of the tile hashes that it is made of.
struct Perfect {
    tile: Tile,
    hashes: Range<usize>,
}

/// The perfect subtrees of a range that the tree divides into, from the left.
fn perfect_subtrees(range: Range<u64>, size: u64) -> impl Iterator<Item = Perfect> {
    let mut low = range.start;
    std::iter::from_fn(move || {
        let left = range.end - low;
        let height = left.checked_ilog2()?;
        let level = (height / 8) as u8;
        let first = low >> (8 * u32::from(level));
        let start = (first % u64::from(TILE_WIDTH)) as usize;
        let tile = Tile::in_tree(level, first / u64::from(TILE_WIDTH), size)?;
        low += 1 << height;
        Some(Perfect { tile, hashes: start..start + (1 << (height % 8)) })
    })
}

fn tiles_under(ranges: Vec<Range<u64>>, size: u64) -> Vec<Tile> {
    let tiles: BTreeSet<Tile> =
        ranges.into_iter().flat_map(|range| perfect_subtrees(range, size)).map(|part| part.tile).collect();
    tiles.into_iter().collect()
}

/// The root of each range.
fn hashes(tiles: &impl TileSource, ranges: Vec<Range<u64>>, size: u64) -> Result<Vec<Hash>, ProofError> {
    // Neighbouring hashes of a proof come from the same tile; of a source with slow reads each is asked once.
    let mut read: Vec<(Tile, Vec<u8>)> = Vec::new();
    let mut roots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut parts = Vec::new();
        for Perfect { tile, hashes } in perfect_subtrees(range, size) {
            let at = match read.iter().position(|(known, _)| *known == tile) {
                Some(at) => at,
                None => {
                    read.push((tile, tiles.tile(tile).ok_or(ProofError::MissingTile(tile))?));
                    read.len() - 1
                }
            };
            let bytes = read[at].1.get(..tile.byte_len()).ok_or(ProofError::MissingTile(tile))?;
            let bytes = &bytes[hashes.start * HASH_BYTES..hashes.end * HASH_BYTES];
            parts.push(perfect_root(bytes.as_chunks().0));
        }
        roots.extend(parts.into_iter().rev().reduce(|right, left| node_hash(&left, &right)));
    }
    Ok(roots)
}

/// Why no proof was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The entry, or the older tree, lies beyond the tree.
    NotInTree,
    /// A tile is not there or too short.
    MissingTile(Tile),
    /// The tiles do not lead from the leaf, or from the old root, to the root.
    TilesLie,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInTree => f.write_str("the ledger's tree does not reach that far"),
            Self::MissingTile(tile) => write!(f, "the ledger's {} is missing or too short", tile.path()),
            Self::TilesLie => f.write_str("the ledger's tiles do not give the root that was committed"),
        }
    }
}

impl std::error::Error for ProofError {}
