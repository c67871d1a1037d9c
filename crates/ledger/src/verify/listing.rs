//! What an export says it has, sorted by where the walk over the entries will meet it. It knows paths, never
//! contents.

use std::collections::BTreeMap;

use super::finding::{Finding, MAX_FINDINGS, Report};
use crate::checkpoint::CHECKPOINTS;
use crate::text::decimal;
use crate::tile::{Bundle, Tile};

/// The paths of an export that a tree of a given size accounts for.
pub(super) struct Listing {
    size: u64,
    /// Widths by (level, n).
    pub(super) tiles: BTreeMap<(u8, u64), Vec<u16>>,
    /// Widths by n.
    pub(super) bundles: BTreeMap<u64, Vec<u16>>,
    /// Sizes at which checkpoints were issued; ascending once closed.
    pub(super) checkpoints: Vec<u64>,
    /// What the tree does not account for, the first few in order of their paths.
    strange: Vec<Finding>,
    strange_left_out: u64,
}

impl Listing {
    pub(super) fn of_tree(size: u64) -> Self {
        Self {
            size,
            tiles: BTreeMap::new(),
            bundles: BTreeMap::new(),
            checkpoints: Vec::new(),
            strange: Vec::new(),
            strange_left_out: 0,
        }
    }

    /// Sorts in one path. Other paths than those of tiles and checkpoints are none of the log's business.
    pub(super) fn take(&mut self, path: &str) {
        if let Some(size) = path.strip_prefix(CHECKPOINTS) {
            match decimal(size) {
                Some(size) if size <= self.size => self.checkpoints.push(size),
                Some(size) => self.strange(Finding::Beyond { path: path.into(), size, head: self.size }),
                None => self.strange(Finding::Unexpected { path: path.into() }),
            }
        } else if let Some(tile) = Tile::at_path(path).filter(|tile| self.has_tile(*tile)) {
            self.tiles.entry((tile.level(), tile.n())).or_default().push(tile.width());
        } else if let Some(bundle) = Bundle::at_path(path).filter(|bundle| self.has_bundle(*bundle)) {
            self.bundles.entry(bundle.n()).or_default().push(bundle.width());
        } else if path.starts_with("tile/") {
            self.strange(Finding::Unexpected { path: path.into() });
        }
    }

    /// Reports what the tree does not account for and puts the rest in order.
    pub(super) fn close(&mut self, report: &mut Report) {
        self.checkpoints.sort_unstable();
        self.checkpoints.dedup();
        self.strange.sort_by(|a, b| a.path().cmp(&b.path()));
        for finding in self.strange.drain(..) {
            report.add(finding);
        }
        report.findings_left_out += self.strange_left_out;
    }

    fn has_tile(&self, tile: Tile) -> bool {
        Tile::in_tree(tile.level(), tile.n(), self.size).is_some_and(|ours| tile.width() <= ours.width())
    }

    fn has_bundle(&self, bundle: Bundle) -> bool {
        Bundle::in_tree(bundle.n(), self.size).is_some_and(|ours| bundle.width() <= ours.width())
    }

    fn strange(&mut self, finding: Finding) {
        if self.strange.len() < MAX_FINDINGS {
            self.strange.push(finding);
        } else {
            self.strange_left_out += 1;
        }
    }
}
