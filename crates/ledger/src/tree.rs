//! The growing tree, kept as its right edge: the partial tile of every level and nothing else. It knows
//! neither entries nor where tiles are kept.

use std::fmt;

use crate::hash::{HASH_BYTES, Hash, empty_root, node_hash, perfect_root};
use crate::tile::{TILE_WIDTH, Tile, TileSource, count, edge_of};

/// The right edge of an append-only tree: enough to go on growing and to name the root.
///
/// INVARIANT: `rows[l]` has exactly `(size >> 8·l) mod 256` hashes. Nodes within a partial tile are hashed
/// when a root is asked for, so that the tiles themselves are the whole state and restoring needs no hashing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    rows: Vec<Vec<Hash>>,
}

/// A tile to be written: full for ever, or the right edge's, to be rewritten in place.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangedTile {
    /// Its coordinates; (level, n) is the key of the row.
    pub tile: Tile,
    /// Its contents, `tile.byte_len()` bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for ChangedTile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChangedTile").field(&self.tile.path()).finish()
    }
}

impl Edge {
    /// The edge of the tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size` entries, from the tiles that [`edge_of`] names (longer rows are
    /// cut to their prefix), held against `root`, the root that was committed with that size.
    ///
    /// # Errors
    /// [`BrokenEdge`] when a tile is missing, too short, or the tiles do not give `root`.
    pub fn restore(size: u64, root: &Hash, tiles: &impl TileSource) -> Result<Self, BrokenEdge> {
        let mut edge = Self { size, rows: Vec::new() };
        for tile in edge_of(size) {
            let bytes = tiles.tile(tile).ok_or(BrokenEdge::Missing(tile))?;
            let bytes = bytes.get(..tile.byte_len()).ok_or(BrokenEdge::TooShort(tile))?;
            edge.row(tile.level()).extend(bytes.as_chunks().0);
        }
        if edge.root() == *root { Ok(edge) } else { Err(BrokenEdge::OtherRoot) }
    }

    /// How many entries the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all entries. Costs at most 255 node hashes a level.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for row in &self.rows {
            let mut end = row.len();
            while end > 0 {
                // The rightmost perfect subtree of what is left of this row.
                let start = end - (1 << end.trailing_zeros());
                let left = perfect_root(&row[start..end]);
                root = Some(root.map_or(left, |right| node_hash(&left, &right)));
                end = start;
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// Adds one leaf. `full` is given every tile that it completes, lowest level first.
    ///
    /// # Panics
    /// At 2⁶⁴ − 1 entries.
    pub fn append(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[u8])) {
        self.size = self.size.checked_add(1).expect("no log comes to 2^64 entries");
        let (mut level, mut hash) = (0u8, leaf);
        loop {
            let n = (count(level, self.size) - 1) / u64::from(TILE_WIDTH);
            let row = self.row(level);
            row.push(hash);
            if row.len() < usize::from(TILE_WIDTH) {
                return;
            }
            if let Some(tile) = Tile::new(level, n, TILE_WIDTH) {
                full(tile, row.as_flattened());
            }
            hash = perfect_root(row);
            row.clear();
            level += 1;
        }
    }

    /// Adds leaves and returns every tile that changed, each once: those that became full, then the new right
    /// edge. Together with size and root this is what one commit writes.
    pub fn append_all(&mut self, leaves: impl IntoIterator<Item = Hash>) -> Vec<ChangedTile> {
        let before = self.size;
        let mut changed = Vec::new();
        for leaf in leaves {
            self.append(leaf, |tile, bytes| changed.push(ChangedTile { tile, bytes: bytes.to_vec() }));
        }
        let after = self.size;
        changed.extend(
            self.partial_tiles()
                .filter(|(tile, _)| count(tile.level(), before) != count(tile.level(), after))
                .map(|(tile, bytes)| ChangedTile { tile, bytes: bytes.to_vec() }),
        );
        changed
    }

    /// The partial tiles, lowest level first: the whole state beside the size.
    pub fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &[u8])> {
        edge_of(self.size).map(|tile| (tile, self.rows[usize::from(tile.level())].as_flattened()))
    }

    fn row(&mut self, level: u8) -> &mut Vec<Hash> {
        let level = usize::from(level);
        while self.rows.len() <= level {
            self.rows.push(Vec::with_capacity(usize::from(TILE_WIDTH)));
        }
        &mut self.rows[level]
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Why an edge could not be restored: the stored tree is damaged, and nothing may be appended to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenEdge {
    /// A tile of the edge is not there.
    Missing(Tile),
    /// A tile of the edge has fewer hashes than the size says.
    TooShort(Tile),
    /// The tiles of the edge do not give the root that was committed.
    OtherRoot,
}

impl fmt::Display for BrokenEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(tile) => write!(f, "the ledger's {} is missing", tile.path()),
            Self::TooShort(tile) => {
                write!(f, "the ledger's {} has less than {} bytes", tile.path(), tile.byte_len())
            }
            Self::OtherRoot => f.write_str("the ledger's right edge does not give the committed root"),
        }
    }
}

impl std::error::Error for BrokenEdge {}

const _: () = assert!(HASH_BYTES * TILE_WIDTH as usize == 8192);

#[cfg(test)]
mod tests;
