//! What a verification has to say: a count of what was checked and a located finding for everything wrong.

use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::entry::BadBundle;
use crate::key::VerifierKey;
use crate::succession::BadSuccession;

/// How many findings a report keeps; more are counted only.
pub const MAX_FINDINGS: usize = 100;

/// The outcome of a full verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The checkpoint that the log was verified against; `None` when there was none to trust.
    pub head: Option<Checkpoint>,
    /// How many entries were read and hashed.
    pub entries: u64,
    /// How many tiles were compared.
    pub tiles: u64,
    /// How many checkpoints under `checkpoints/` were held against the recomputed root.
    pub checkpoints: u64,
    /// Keys that succeeded the first one, each with the index of the entry that says so.
    pub successors: Vec<(u64, VerifierKey)>,
    /// What is wrong, in the order found; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many further findings there were.
    pub findings_left_out: u64,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            head: None,
            entries: 0,
            tiles: 0,
            checkpoints: 0,
            successors: Vec::new(),
            findings: Vec::new(),
            findings_left_out: 0,
        }
    }

    /// Whether the log is exactly what its checkpoint says.
    pub fn is_whole(&self) -> bool {
        self.head.is_some() && self.findings.is_empty() && self.findings_left_out == 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }
}

/// One thing that is wrong with a log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A file that the log must have is not there.
    Missing {
        /// Its path in the export.
        path: String,
    },
    /// A file lies among the log's that its tree does not account for.
    Unexpected {
        /// Its path in the export.
        path: String,
    },
    /// A checkpoint is malformed, or not signed by the log's key.
    Checkpoint {
        /// Its path in the export.
        path: String,
        /// What is wrong with it.
        why: CheckpointError,
    },
    /// A checkpoint lies under another size than it speaks of.
    Misnamed {
        /// Its path in the export.
        path: String,
        /// The size that it speaks of.
        size: u64,
    },
    /// A checkpoint was issued for more entries than the log has now: entries were taken away.
    Beyond {
        /// Its path in the export.
        path: String,
        /// The size in its name.
        size: u64,
        /// The size of the log's newest checkpoint.
        head: u64,
    },
    /// The entries do not give the root that was signed at that size: they were altered, or the log was forked.
    OtherRoot {
        /// The checkpoint's path in the export.
        path: String,
        /// The size that it speaks of.
        size: u64,
        /// The largest size before at which entries and signed root agree: what is wrong came after.
        fits: Option<u64>,
    },
    /// An entry says that another key signs from now on, and the key in force did not say so.
    Succession {
        /// The index of the entry.
        entry: u64,
        /// What is wrong with it.
        why: BadSuccession,
    },
    /// A bundle of entries is malformed.
    Bundle {
        /// Its path in the export.
        path: String,
        /// The index of the first entry that could not be read.
        entry: u64,
        /// What is wrong with it.
        why: BadBundle,
    },
    /// An older, shorter form of a bundle is not the beginning of the present one.
    PartialBundleDiffers {
        /// Its path in the export.
        path: String,
    },
    /// A tile has another hash than the entries under it give.
    TileDiffers {
        /// Its path in the export.
        path: String,
        /// First and last index of the entries under the first wrong hash.
        entries: (u64, u64),
    },
    /// A tile is too short, or bytes follow its last hash.
    TileLength {
        /// Its path in the export.
        path: String,
        /// How many bytes it should have.
        expected: usize,
    },
    /// After a bundle that is missing or malformed nothing can be recomputed.
    NotChecked {
        /// The index of the first entry not checked.
        from: u64,
        /// How many entries the log has.
        size: u64,
    },
}

impl Finding {
    /// The file that it is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Missing { path }
            | Self::Unexpected { path }
            | Self::Checkpoint { path, .. }
            | Self::Misnamed { path, .. }
            | Self::Beyond { path, .. }
            | Self::OtherRoot { path, .. }
            | Self::Bundle { path, .. }
            | Self::PartialBundleDiffers { path }
            | Self::TileDiffers { path, .. }
            | Self::TileLength { path, .. } => Some(path),
            Self::NotChecked { .. } | Self::Succession { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{path}: missing"),
            Self::Unexpected { path } => write!(f, "{path}: does not belong to a log of this size"),
            Self::Checkpoint { path, why } => write!(f, "{path}: {why}"),
            Self::Misnamed { path, size } => write!(f, "{path}: speaks of {size} entries"),
            Self::Beyond { path, head, .. } => {
                write!(
                    f,
                    "{path}: issued for more entries than the {head} that the log has now; entries were taken away"
                )
            }
            Self::OtherRoot { path, size, fits } => {
                write!(f, "{path}: the first {size} entries do not give the root that was signed; ")?;
                match fits {
                    Some(fits) => {
                        write!(f, "the first {fits} fit their checkpoint, what is wrong came after")
                    }
                    None => f.write_str("no checkpoint before it fits"),
                }
            }
            Self::Succession { entry, why } => {
                write!(f, "entry {entry}: names a key that is to sign from then on, and is not valid: {why}")
            }
            Self::Bundle { path, entry, why } => write!(f, "{path}: {why} (at entry {entry})"),
            Self::PartialBundleDiffers { path } => {
                write!(f, "{path}: is not the beginning of the bundle that it grew into")
            }
            Self::TileDiffers { path, entries: (first, last) } if first == last => {
                write!(
                    f,
                    "{path}: holds another hash than that of entry {first}; the entry or the tile was altered"
                )
            }
            Self::TileDiffers { path, entries: (first, last) } => write!(
                f,
                "{path}: holds another hash than entries {first} to {last} give; an entry or the tile was altered"
            ),
            Self::TileLength { path, expected } => write!(f, "{path}: must have exactly {expected} bytes"),
            Self::NotChecked { from, size } => {
                write!(f, "entries {from} to {} could not be checked", size.saturating_sub(1))
            }
        }
    }
}
