//! Where a hash lives: C2SP tiles of 256 hashes, bundles of 256 entries, their paths, and which of them a tree
//! of a given size has. It knows coordinates, never contents.

use std::collections::BTreeMap;

use crate::hash::HASH_BYTES;
use crate::text::decimal;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Levels that the path format allows; a tree of 2⁶⁴ entries uses eight of them.
const LEVELS: u8 = 64;

/// The coordinates of a tile: level 0 holds leaf hashes, each higher level the roots of full tiles below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    level: u8,
    n: u64,
    width: u16,
}

impl Tile {
    /// The tile `n` of `level` (0…63) with `width` hashes (1…256); `None` outside these bounds.
    pub fn new(level: u8, n: u64, width: u16) -> Option<Self> {
        (level < LEVELS && (1..=TILE_WIDTH).contains(&width)).then_some(Self { level, n, width })
    }

    /// What a tree of `size` entries holds of tile `n` of `level`: full, partial, or `None`.
    pub fn in_tree(level: u8, n: u64, size: u64) -> Option<Self> {
        Self::new(level, n, width_of(n, count(level, size)))
    }

    /// The level, 0 for leaf hashes.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The position within the level.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// How many hashes, 1…256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256 hashes.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Length of its contents in bytes.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// `tile/<L>/<N>` or `tile/<L>/<N>.p/<W>`.
    pub fn path(&self) -> String {
        path_of(&format!("tile/{}", self.level), self.n, self.width)
    }

    /// The tile at `path`, which must be spelt exactly as [`Tile::path`] spells it.
    pub fn at_path(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (n, width) = place(rest)?;
        let tile = Self::new(decimal(level)?.try_into().ok()?, n, width)?;
        (tile.path() == path).then_some(tile)
    }
}

/// The coordinates of an entry bundle, which stands beside the level-0 tile of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bundle {
    n: u64,
    width: u16,
}

impl Bundle {
    /// The bundle `n` with `width` entries (1…256); `None` outside these bounds.
    pub fn new(n: u64, width: u16) -> Option<Self> {
        (1..=TILE_WIDTH).contains(&width).then_some(Self { n, width })
    }

    /// What a log of `size` entries holds of bundle `n`.
    pub fn in_tree(n: u64, size: u64) -> Option<Self> {
        Self::new(n, width_of(n, size))
    }

    /// The position: bundle `n` starts with entry 256·n.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// How many entries, 1…256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The index of its first entry. Meaningful for bundles of a real log only (`n` below 2⁵⁶).
    pub fn first_entry(&self) -> u64 {
        self.n.saturating_mul(u64::from(TILE_WIDTH))
    }

    /// `tile/entries/<N>` or `tile/entries/<N>.p/<W>`.
    pub fn path(&self) -> String {
        path_of("tile/entries", self.n, self.width)
    }

    /// The bundle at `path`, which must be spelt exactly as [`Bundle::path`] spells it.
    pub fn at_path(path: &str) -> Option<Self> {
        let (n, width) = place(path.strip_prefix("tile/entries/")?)?;
        let bundle = Self::new(n, width)?;
        (bundle.path() == path).then_some(bundle)
    }
}

/// Where proofs take tiles from: rows, files, a map.
///
/// What comes back is never trusted: proofs made from it are checked against a root before they count.
pub trait TileSource {
    /// The hashes of `tile`, at least its width; of a longer answer the prefix is used, because an older
    /// partial tile is a prefix of the row kept. `None` when there is no such tile.
    fn tile(&self, tile: Tile) -> Option<Vec<u8>>;
}

/// Rows read beforehand, keyed by (level, n): for stores that cannot be asked from within pure code.
impl TileSource for BTreeMap<(u8, u64), Vec<u8>> {
    fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        self.get(&(tile.level, tile.n)).cloned()
    }
}

/// Every tile of a tree of `size` entries, level by level from the leaves, partial ones last in their level.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    levels_of(size).flat_map(move |level| {
        (0..tiles_in_level(count(level, size))).filter_map(move |n| Tile::in_tree(level, n, size))
    })
}

/// The partial tiles of a tree of `size` entries, its right edge: what [`crate::Edge`] is restored from.
pub fn edge_of(size: u64) -> impl Iterator<Item = Tile> {
    levels_of(size).filter_map(move |level| {
        Tile::in_tree(level, count(level, size) / u64::from(TILE_WIDTH), size).filter(|tile| !tile.is_full())
    })
}

/// Every entry bundle of a log of `size` entries, in order.
pub fn bundles_of(size: u64) -> impl Iterator<Item = Bundle> {
    (0..tiles_in_level(size)).filter_map(move |n| Bundle::in_tree(n, size))
}

/// How many hashes `level` has in a tree of `size` entries.
pub(crate) fn count(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

fn levels_of(size: u64) -> impl Iterator<Item = u8> {
    (0..LEVELS).take_while(move |&level| count(level, size) > 0)
}

fn tiles_in_level(hashes: u64) -> u64 {
    hashes.div_ceil(u64::from(TILE_WIDTH))
}

/// The width of tile `n` in a row of `count` hashes; 0 beyond it.
fn width_of(n: u64, count: u64) -> u16 {
    let full = u64::from(TILE_WIDTH);
    let before = n.saturating_mul(full);
    count.saturating_sub(before).min(full) as u16
}

fn path_of(folder: &str, n: u64, width: u16) -> String {
    let mut groups = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        groups = format!("x{:03}/{groups}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{folder}/{groups}.p/{width}") } else { format!("{folder}/{groups}") }
}

/// Number and width from `x001/x234/067` or `x001/x234/067.p/12`. The caller compares with the one right
/// spelling, so this need not refuse every wrong one.
fn place(text: &str) -> Option<(u64, u16)> {
    let (groups, width) = match text.split_once(".p/") {
        Some((groups, width)) => (groups, decimal(width)?.try_into().ok()?),
        None => (text, TILE_WIDTH),
    };
    let mut n = 0u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        n = n.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some((n, width))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(Tile::new(0, 1_234_067, 256).unwrap().path(), "tile/0/x001/x234/067");
        assert_eq!(Tile::new(3, 5, 17).unwrap().path(), "tile/3/005.p/17");
        assert_eq!(Tile::new(0, 1_000, 256).unwrap().path(), "tile/0/x001/000");
        assert_eq!(Bundle::new(1_234_067, 255).unwrap().path(), "tile/entries/x001/x234/067.p/255");
    }

    #[test]
    fn a_second_spelling_of_a_path_is_refused() {
        for path in [
            "tile/0/x000/001",
            "tile/00/001",
            "tile/0/1",
            "tile/0/001.p/256",
            "tile/0/001.p/0",
            "tile/0/001.p/07",
            "tile/64/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/001/",
            "tile/+1/001",
            "tile/0/",
            "tile//001",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/../001",
            "tile/0/001.p/1.p/1",
        ] {
            assert_eq!(Tile::at_path(path), None, "{path}");
        }
        assert_eq!(Bundle::at_path("tile/entries/x000/001"), None);
    }

    #[test]
    fn a_tree_of_256_has_a_full_leaf_tile_and_one_hash_above() {
        let tiles: Vec<_> = tiles_of(256).map(|t| t.path()).collect();
        assert_eq!(tiles, ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(edge_of(256).map(|t| t.path()).collect::<Vec<_>>(), ["tile/1/000.p/1"]);
        assert_eq!(bundles_of(256).count(), 1);
    }

    #[test]
    fn a_tree_of_70000_has_three_levels() {
        let tiles: Vec<_> = tiles_of(70_000).collect();
        assert_eq!(tiles.len(), 274 + 2 + 1);
        let edge: Vec<_> = edge_of(70_000).map(|t| t.path()).collect();
        assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert_eq!(tiles_of(0).count() + bundles_of(0).count() + edge_of(0).count(), 0);
    }

    #[test]
    fn the_largest_tree_has_an_edge_of_eight_levels() {
        assert_eq!(edge_of(u64::MAX).count(), 8);
        assert!(edge_of(u64::MAX).all(|tile| tile.width() == 255));
    }

    proptest! {
        #[test]
        fn paths_come_back(level in 0u8..64, n in any::<u64>(), width in 1u16..=256) {
            let tile = Tile::new(level, n, width).unwrap();
            prop_assert_eq!(Tile::at_path(&tile.path()), Some(tile));
            let bundle = Bundle::new(n, width).unwrap();
            prop_assert_eq!(Bundle::at_path(&bundle.path()), Some(bundle));
        }

        #[test]
        fn arbitrary_paths_are_read_without_panic(path in "(tile/)?[0-9a-z/.x]{0,40}|\\PC*") {
            if let Some(tile) = Tile::at_path(&path) {
                prop_assert_eq!(tile.path(), path);
            }
        }
    }
}
