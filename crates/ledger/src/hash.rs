//! The hashes of the tree: SHA-256 with the prefixes of RFC 6962. It knows no positions and no tiles.

use sha2::{Digest, Sha256};

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash: of a leaf, a node, or a whole tree.
pub type Hash = [u8; HASH_BYTES];

/// The root of a tree without entries: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest(b"").into()
}

/// The hash of a node over its two children: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1u8; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(left);
    bytes[1 + HASH_BYTES..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The hash of a leaf: SHA-256(0x00 ‖ entry).
pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(entry);
    hasher.finalize().into()
}

/// The root over `hashes`, which are the neighbouring roots of equally large perfect subtrees. Their number
/// is a power of two and at most a tile's.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = [[0u8; HASH_BYTES]; 128];
    let mut width = hashes.len() / 2;
    if width == 0 {
        return hashes[0];
    }
    for i in 0..width {
        row[i] = node_hash(&hashes[2 * i], &hashes[2 * i + 1]);
    }
    while width > 1 {
        width /= 2;
        for i in 0..width {
            row[i] = node_hash(&row[2 * i], &row[2 * i + 1]);
        }
    }
    row[0]
}
