//! `[work]`: how this node does what was wished for.

use std::path::PathBuf;

use countersign_service::CLOCK_BACK_MAX_MS;

use super::Folder;
use super::section::Section;

/// How this node does what was wished for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// How long a claimed job stays this node's without a sign of life.
    pub(crate) lease_ms: i64,
    /// How long the ledger's sequencer stays this node without one.
    pub(crate) sequencer_lease_ms: i64,
    /// By how much the clock may step back without being in doubt.
    pub(crate) clock_back_ms: i64,
    /// Where the texts of packages stand in further languages, a file `<code>.txt` each.
    pub(crate) package_words: Option<PathBuf>,
}

impl Work {
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>) -> Self {
        let mut lease = |key, usual| {
            let written = section.number(key, 1_000..=600_000);
            written.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(usual)
        };
        let work = Self {
            lease_ms: lease("lease_ms", 30_000),
            sequencer_lease_ms: lease("sequencer_lease_ms", 5_000),
            clock_back_ms: section
                .number("clock_back_ms", 10..=CLOCK_BACK_MAX_MS.unsigned_abs())
                .and_then(|ms| i64::try_from(ms).ok())
                .unwrap_or(CLOCK_BACK_MAX_MS),
            package_words: section.text("package_words").map(|written| folder.join(&written.value)),
        };
        section.close();
        work
    }
}
