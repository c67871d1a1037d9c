//! `[store]`: where our own state is kept.

use std::path::PathBuf;

use super::Folder;
use super::section::Section;

/// Where our own state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// The embedded store's file.
    pub(crate) path: PathBuf,
}

impl Store {
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>) -> Self {
        let path = section.text("path").map_or_else(|| "data/countersign.db".to_owned(), |path| path.value);
        section.close();
        Self { path: folder.join(&path) }
    }
}
