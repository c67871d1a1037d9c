//! Full verification of an exported log: every hash is recomputed from the entries, in one pass.
//!
//! It knows neither where the export lies ([`LogSource`]) nor what entries say ([`Watch`]). INVARIANT: no tile
//! is ever taken for true. Verifiers that accept a record because its leaf hash stands in a tile let an altered
//! record with an equally altered tile pass (CVE-2026-56865); here tiles are compared, never used.

mod finding;
mod listing;

use std::cmp::Ordering;

use crate::checkpoint::{CHECKPOINT_PATH, Checkpoint, CheckpointError, checkpoint_path};
use crate::entry::{BadBundle, Entries, MAX_ENTRY_BYTES};
use crate::hash::HASH_BYTES;
use crate::key::VerifierKey;
use crate::note::{MAX_NOTE_BYTES, NoteError};
use crate::succession::{succession_in, successor};
use crate::tile::{Bundle, TILE_WIDTH, Tile, bundles_of};
use crate::tree::Edge;
pub use finding::{Finding, MAX_FINDINGS, Report};
use listing::Listing;

/// The longest bundle that a log can have, in bytes.
const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_BYTES);

/// An exported log, by the paths of its files relative to its folder, with `/` between names.
pub trait LogSource {
    /// What goes wrong when reading; ends the verification without a verdict.
    type Error;

    /// Puts the content at `path` into `content`, whose old content is dropped and whose memory is reused.
    /// `false` when there is nothing at `path`. At most `limit` bytes are needed: of a longer content any
    /// prefix of that length will do, so that a hostile file cannot fill the memory.
    ///
    /// # Errors
    /// Whatever hindered reading, except that there is nothing.
    fn read(&mut self, path: &str, limit: usize, content: &mut Vec<u8>) -> Result<bool, Self::Error>;

    /// Calls `found` with every path below `tile/` and `checkpoints/`, in any order; others may be among them.
    ///
    /// # Errors
    /// Whatever hindered listing. A folder that is not there is an empty one.
    fn list(&mut self, found: &mut dyn FnMut(&str)) -> Result<(), Self::Error>;
}

/// Looks on while a log is verified: for progress, and for checks of what entries say.
///
/// Nothing seen is established before the report says that the log is whole.
pub trait Watch {
    /// The bytes of entry `index`, in order, each once.
    fn entry(&mut self, index: u64, bytes: &[u8]) {
        let _ = (index, bytes);
    }

    /// `done` of `size` entries are recomputed. Called once a bundle.
    fn progress(&mut self, done: u64, size: u64) {
        let _ = (done, size);
    }
}

/// Nobody looks on.
impl Watch for () {}

/// Verifies the export in `source` against the keys of the log, which should come from elsewhere than the export.
///
/// It recomputes the tree from the entry bundles, compares every tile present or due (full and partial) byte for
/// byte, and holds the checkpoint, and every older one under `checkpoints/`, against the root recomputed at its
/// size. It goes on after a finding as far as something can still be recomputed.
///
/// What it cannot show: that the holder of the log's key did not rewrite the whole log and sign it anew. For that
/// put a checkpoint kept elsewhere under `checkpoints/`.
///
/// # Errors
/// Those of `source`. A log that is not whole is no error but a [`Report`] with findings.
pub fn verify<S: LogSource>(
    source: &mut S,
    keys: &[VerifierKey],
    watch: &mut impl Watch,
) -> Result<Report, S::Error> {
    let mut report = Report::new();
    let mut file = Vec::new();
    if !source.read(CHECKPOINT_PATH, MAX_NOTE_BYTES + 1, &mut file)? {
        report.add(Finding::Missing { path: CHECKPOINT_PATH.into() });
        return Ok(report);
    }
    // A successor's, maybe: whether that is so stands in the entries, and is settled after them.
    let unproved = |why| match why {
        CheckpointError::Note(NoteError::NoKnownKey) => Checkpoint::unproved(&file).ok_or(why),
        why => Err(why),
    };
    let head = match Checkpoint::open(&file, keys).or_else(unproved) {
        Ok(head) => head,
        Err(why) => {
            report.add(Finding::Checkpoint { path: CHECKPOINT_PATH.into(), why });
            return Ok(report);
        }
    };
    let note = file.clone();
    report.head = Some(head.clone());
    let mut listing = Listing::of_tree(head.size);
    source.list(&mut |path| listing.take(path))?;
    listing.close(&mut report);
    let mut audit = Audit {
        source,
        force: keys.to_vec(),
        head,
        report,
        listing,
        next_older: 0,
        fits: None,
        file,
        trouble: None,
    };
    audit.run(watch)?;
    Ok(audit.settled(&note))
}

/// One verification under way.
struct Audit<'a, S: LogSource> {
    source: &'a mut S,
    /// The keys in force after the entries read so far: those that the reader trusts, then each successor alone.
    force: Vec<VerifierKey>,
    head: Checkpoint,
    report: Report,
    listing: Listing,
    /// Position in `listing.checkpoints` of the next one to compare.
    next_older: usize,
    /// The largest size whose checkpoint fits the recomputed root.
    fits: Option<u64>,
    /// What was read last, other than a bundle; kept for its memory.
    file: Vec<u8>,
    /// What went wrong when reading within a callback.
    trouble: Option<S::Error>,
}

impl<S: LogSource> Audit<'_, S> {
    fn run(&mut self, watch: &mut impl Watch) -> Result<(), S::Error> {
        let mut edge = Edge::new();
        let mut content = Vec::new();
        self.older_checkpoint(&edge)?;
        for bundle in bundles_of(self.head.size) {
            let read = self.source.read(&bundle.path(), MAX_BUNDLE_BYTES + 1, &mut content)?;
            let taken = if read {
                self.entries(bundle, &content, &mut edge, watch)?
            } else {
                self.report.add(Finding::Missing { path: bundle.path() });
                false
            };
            self.report.entries = edge.size();
            if !taken {
                // Without these entries nothing after them has a hash that follows from entries.
                self.report.add(Finding::NotChecked { from: edge.size(), size: self.head.size });
                return Ok(());
            }
            self.partial_bundles(bundle, &content)?;
            watch.progress(edge.size(), self.head.size);
        }
        for (tile, bytes) in edge.partial_tiles() {
            self.tiles(tile, bytes)?;
        }
        if edge.root() != self.head.root {
            self.report.add(Finding::OtherRoot {
                path: CHECKPOINT_PATH.into(),
                size: self.head.size,
                fits: self.fits,
            });
        }
        Ok(())
    }

    /// The report, once the newest checkpoint is known to be signed by the key that was in force over it.
    fn settled(mut self, note: &[u8]) -> Report {
        if let Err(why) = Checkpoint::open(note, &self.force) {
            if self.report.successors.is_empty() {
                // Nobody whom the reader trusts ever spoke: what was compared with what says nothing.
                self.report = Report::new();
            }
            self.report.head = None;
            self.report.add(Finding::Checkpoint { path: CHECKPOINT_PATH.into(), why });
        }
        self.report
    }

    /// From the next entry on another key signs, if the key in force says so.
    fn succession(&mut self, index: u64, note: &str) {
        match successor(note, &self.force) {
            Ok(key) => {
                self.report.successors.push((index, key.clone()));
                self.force = vec![key];
            }
            Err(why) => self.report.add(Finding::Succession { entry: index, why }),
        }
    }

    /// Adds the entries of a bundle to the tree. `false` when the bundle is not what it should be.
    fn entries(
        &mut self,
        bundle: Bundle,
        content: &[u8],
        edge: &mut Edge,
        watch: &mut impl Watch,
    ) -> Result<bool, S::Error> {
        let mut entries = Entries::of(content);
        for _ in 0..bundle.width() {
            let entry = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(why)) => return Ok(self.bad_bundle(bundle, edge, why)),
                None => return Ok(self.bad_bundle(bundle, edge, BadBundle::TooFew)),
            };
            watch.entry(edge.size(), entry.bytes());
            if let Some(note) = succession_in(entry.bytes()) {
                self.succession(edge.size(), &note);
            }
            edge.append(entry.leaf_hash(), |tile, bytes| {
                if self.trouble.is_none() {
                    self.trouble = self.tiles(tile, bytes).err();
                }
            });
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            self.older_checkpoint(edge)?;
        }
        if entries.bytes_left() > 0 {
            // The entries themselves were read; the tree can go on.
            self.bad_bundle(bundle, edge, BadBundle::TrailingBytes);
        }
        Ok(true)
    }

    fn bad_bundle(&mut self, bundle: Bundle, edge: &Edge, why: BadBundle) -> bool {
        self.report.add(Finding::Bundle { path: bundle.path(), entry: edge.size(), why });
        false
    }

    /// Compares the bundles of fewer entries that the export holds from the time before `bundle` grew.
    fn partial_bundles(&mut self, bundle: Bundle, content: &[u8]) -> Result<(), S::Error> {
        let Some(widths) = self.listing.bundles.remove(&bundle.n()) else { return Ok(()) };
        for partial in widths.into_iter().filter_map(|width| Bundle::new(bundle.n(), width)) {
            if partial == bundle {
                continue;
            }
            let mut entries = Entries::of(content);
            let first = entries.by_ref().take(usize::from(partial.width())).count();
            let expected = &content[..content.len() - entries.bytes_left()];
            debug_assert_eq!(first, usize::from(partial.width()));
            let path = partial.path();
            if !self.source.read(&path, expected.len() + 1, &mut self.file)? {
                self.report.add(Finding::Missing { path });
            } else if self.file != expected {
                self.report.add(Finding::PartialBundleDiffers { path });
            }
        }
        Ok(())
    }

    /// Compares the export's tile, and its older partial forms where they are there, with recomputed `bytes`.
    fn tiles(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), S::Error> {
        self.compare(tile, bytes)?;
        let Some(widths) = self.listing.tiles.remove(&(tile.level(), tile.n())) else { return Ok(()) };
        for partial in widths.into_iter().filter_map(|width| Tile::new(tile.level(), tile.n(), width)) {
            if partial != tile {
                self.compare(partial, &bytes[..partial.byte_len()])?;
            }
        }
        Ok(())
    }

    fn compare(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), S::Error> {
        let path = tile.path();
        if !self.source.read(&path, bytes.len() + 1, &mut self.file)? {
            self.report.add(Finding::Missing { path });
            return Ok(());
        }
        self.report.tiles += 1;
        if self.file == bytes {
            return Ok(());
        }
        let (theirs, ours) = (self.file.chunks(HASH_BYTES), bytes.chunks(HASH_BYTES));
        let agree = theirs.zip(ours).take_while(|(theirs, ours)| theirs == ours).count();
        self.report.add(if agree < usize::from(tile.width()) && self.file.len() == bytes.len() {
            Finding::TileDiffers { path, entries: entries_under(tile, agree, self.head.size) }
        } else {
            Finding::TileLength { path, expected: bytes.len() }
        });
        Ok(())
    }

    /// Compares the checkpoint issued at the size just reached, if there is one.
    fn older_checkpoint(&mut self, edge: &Edge) -> Result<(), S::Error> {
        if self.listing.checkpoints.get(self.next_older) != Some(&edge.size()) {
            return Ok(());
        }
        self.next_older += 1;
        let path = checkpoint_path(edge.size());
        if !self.source.read(&path, MAX_NOTE_BYTES + 1, &mut self.file)? {
            self.report.add(Finding::Missing { path });
            return Ok(());
        }
        let older = match Checkpoint::open(&self.file, &self.force) {
            Ok(older) => older,
            Err(why) => {
                self.report.add(Finding::Checkpoint { path, why });
                return Ok(());
            }
        };
        self.report.checkpoints += 1;
        if older.origin != self.head.origin {
            self.report.add(Finding::Checkpoint { path, why: CheckpointError::Origin });
        } else if older.size != edge.size() {
            self.report.add(Finding::Misnamed { path, size: older.size });
        } else if older.root != edge.root() {
            self.report.add(Finding::OtherRoot { path, size: older.size, fits: self.fits });
        } else {
            self.fits = Some(older.size);
        }
        Ok(())
    }
}

/// The entries under one hash of a tile, first and last.
fn entries_under(tile: Tile, position: usize, size: u64) -> (u64, u64) {
    let height = 8 * u32::from(tile.level());
    let first = (tile.n() * u64::from(TILE_WIDTH) + position as u64) << height;
    let after = first.saturating_add(1 << height);
    match after.cmp(&size) {
        Ordering::Greater => (first, size.saturating_sub(1)),
        Ordering::Less | Ordering::Equal => (first, after - 1),
    }
}

#[cfg(test)]
mod tests;
