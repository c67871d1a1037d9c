//! `[keys]`: where the keys lie, which must not be where the data is.

use std::path::PathBuf;

use super::section::{Located, Section};
use super::{Folder, Store};

/// Where the keys lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Their folder; each key is a file of its own, for its owner alone.
    pub(crate) directory: PathBuf,
}

impl Keys {
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>, store: Option<&Store>) -> Self {
        let written = section.text("directory");
        let default = || Located { value: "keys".to_owned(), span: section.span() };
        let Located { value, span } = written.unwrap_or_else(default);
        let directory = folder.join(&value);
        // INVARIANT: a copy of the data never carries the keys that would open it.
        if store.and_then(Store::data).is_some_and(|data| directory.starts_with(data)) {
            let what =
                "the keys would lie in the store's folder, so that a copy of the data carries them along";
            section.note(span, what, "name a folder outside it");
        }
        section.close();
        Self { directory }
    }
}
