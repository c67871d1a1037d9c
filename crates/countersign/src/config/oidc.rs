//! `[oidc]`: how this node reaches the identity provider. Which one it is, and what its groups give, is part of the settings.

use std::path::PathBuf;

use super::Folder;
use super::section::Section;

/// How this node reaches the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oidc {
    /// What the provider knows us by, in a file that nobody else may read.
    pub(crate) client_secret_file: PathBuf,
    /// Whether it may be on this machine or in a private network, and be called without TLS.
    pub(crate) allow_private: bool,
}

impl Oidc {
    pub(super) fn read(mut section: Section<'_>, folder: Folder<'_>) -> Option<Self> {
        if !section.is_there() {
            return None;
        }
        let file = section.required("client_secret_file", "\"keys/oidc-client-secret\"");
        let allow_private = section.truth("allow_private").unwrap_or(false);
        section.close();
        Some(Self { client_secret_file: folder.join(&file?.value), allow_private })
    }
}
