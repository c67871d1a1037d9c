//! Checking proofs: that a leaf is in a tree, that one tree is the beginning of another (RFC 9162, 2.1.3 and
//! 2.1.4). It knows hashes and positions only and trusts nothing but the roots it is given.

use std::fmt;

use crate::hash::{Hash, empty_root, node_hash};

/// Checks that the leaf `leaf` is entry `index` of the tree of `size` entries with this `root`. `proof` goes from
/// the hash beside the leaf upwards.
///
/// # Errors
/// [`Refuted`] unless leaf, index, size, proof and root fit each other exactly.
pub fn check_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Refuted> {
    if index >= size {
        return Err(Refuted);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return Err(Refuted);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(beside, &hash);
            skip_lone_parents(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, beside);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Refuted) }
}

/// Checks that the tree of `old_size` entries with `old_root` is the beginning of the tree of `new_size` entries
/// with `new_root`.
///
/// # Errors
/// [`Refuted`] unless sizes, roots and proof fit each other exactly.
pub fn check_consistency(
    (old_size, old_root): (u64, &Hash),
    (new_size, new_root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), Refuted> {
    if old_size == new_size || old_size == 0 {
        let old_is_right = if old_size == 0 { *old_root == empty_root() } else { old_root == new_root };
        let new_is_right = new_size > 0 || *new_root == empty_root();
        return if proof.is_empty() && old_is_right && new_is_right { Ok(()) } else { Err(Refuted) };
    }
    if old_size > new_size {
        return Err(Refuted);
    }
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // A perfect old tree is itself the first node, and is left out of the proof.
    let (first, rest) =
        if old_size.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(Refuted)? };
    let (mut old, mut new) = (*first, *first);
    for beside in rest {
        if last == 0 {
            return Err(Refuted);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(beside, &old);
            new = node_hash(beside, &new);
            skip_lone_parents(&mut node, &mut last);
        } else {
            new = node_hash(&new, beside);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && old == *old_root && new == *new_root { Ok(()) } else { Err(Refuted) }
}

/// On the right edge a node may have no sibling for some levels: it passes up unchanged.
fn skip_lone_parents(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

/// The proof does not show what it should. There is no telling which of its parts is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refuted;

impl fmt::Display for Refuted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to the root it should lead to")
    }
}

impl std::error::Error for Refuted {}

#[cfg(test)]
mod tests;
