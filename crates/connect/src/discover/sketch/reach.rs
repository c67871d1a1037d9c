//! Which tables hold a subject's rows, and how far from the root. It must not know treatments.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ForeignKey};
use crate::discover::words;

/// Tables below a root.
pub(super) struct Reach<'a> {
    root: &'a str,
    depth: BTreeMap<&'a str, usize>,
    /// Tables that are reached only through rows that several people may share.
    through_shared: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(catalog: &'a Catalog, root: &str) -> Self {
        let root = catalog.tables.get_key_value(root).map_or("", |(name, _)| name);
        let mut reach = Self { root, depth: BTreeMap::new(), through_shared: BTreeSet::new() };
        reach.widen(catalog, false);
        let before: BTreeSet<&str> = reach.depth.keys().copied().collect();
        reach.widen(catalog, true);
        reach.through_shared = reach.depth.keys().copied().filter(|it| !before.contains(it)).collect();
        reach
    }

    /// Level by level, until nothing is added.
    fn widen(&mut self, catalog: &'a Catalog, through_shared: bool) {
        loop {
            let mut next: BTreeMap<&'a str, usize> = BTreeMap::new();
            for key in &catalog.keys {
                let depth =
                    if key.parent == self.root { Some(0) } else { self.depth.get(&*key.parent).copied() };
                let Some(depth) = depth else { continue };
                let known = key.child == self.root || self.depth.contains_key(&*key.child);
                let shared = key.parent != self.root && words::is_shared(&key.parent);
                if known || self.is_aside(key, catalog) || (shared && !through_shared) {
                    continue;
                }
                let nearest = next.entry(&key.child).or_insert(depth + 1);
                *nearest = (*nearest).min(depth + 1);
            }
            let Some(nearest) = next.values().min().copied() else { return };
            self.depth.extend(next.into_iter().filter(|(_, depth)| *depth == nearest));
        }
    }

    /// The nearest first, then by name.
    pub(super) fn order(&self) -> Vec<&'a str> {
        let mut all: Vec<(usize, &str)> = self.depth.iter().map(|(name, depth)| (*depth, *name)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, name)| name).collect()
    }

    pub(super) fn reaches(&self, table: &str) -> bool {
        self.depth.contains_key(table)
    }

    /// The keys of a table onto the root or a reached table, itself among them; the nearest first.
    pub(super) fn keys_of(&self, catalog: &'a Catalog, table: &str) -> Vec<&'a ForeignKey> {
        let wanted =
            |it: &&ForeignKey| it.child == table && (it.parent == self.root || self.reaches(&it.parent));
        let mut keys: Vec<&ForeignKey> = catalog.keys.iter().filter(wanted).collect();
        keys.sort_by_key(|it| (self.depth.get(&*it.parent).copied().unwrap_or(0), &it.parent, &it.on));
        keys.dedup_by(|a, b| a.parent == b.parent && a.on == b.on);
        keys
    }

    /// Whether a pointer does not make a row the subject's, and can be emptied.
    pub(super) fn is_aside(&self, key: &ForeignKey, catalog: &Catalog) -> bool {
        let aside = words::is_aside(&key.columns()) || words::is_staff(&key.child);
        aside && !key.emptiable(catalog).is_empty()
    }

    /// Whether rows only use what `key` points to, such as an address.
    pub(super) fn is_lent(&self, key: &ForeignKey) -> bool {
        words::is_shared(&key.parent)
            && self.reaches(&key.parent)
            && !self.through_shared.contains(&*key.child)
    }

    /// Whether a key points away from the root.
    pub(super) fn goes_back(&self, key: &ForeignKey) -> bool {
        self.depth.get(&*key.parent) > self.depth.get(&*key.child)
    }

    /// Whether `key` points from a reached row to one that several people may share and that only reached tables
    /// point to.
    pub(super) fn lends_from_above(&self, key: &ForeignKey, catalog: &Catalog) -> bool {
        let ours = |it: &str| it == self.root || self.reaches(it);
        let only_ours =
            |parent: &str| catalog.keys.iter().filter(|it| it.parent == parent).all(|it| ours(&it.child));
        words::is_shared(&key.parent) && !ours(&key.parent) && only_ours(&key.parent)
    }
}
