//! Makes one file out of what sources send: the package that a requester fetches.

use std::path::Path;

use async_trait::async_trait;
use countersign_core::time::Timestamp;
use tokio::sync::mpsc;

use super::source::Exported;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A readable page alone.
    Access,
    /// Also JSON and CSV.
    Export,
}

/// What the package says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The request's id.
    pub request: String,
    /// How much of it.
    pub format: Format,
    /// When it was made.
    pub made_at: Timestamp,
    /// The code of the language that its reader reads: `en`, `de`, …
    pub language: String,
}

/// Writes packages.
#[async_trait]
pub trait Packager: Send + Sync {
    /// Writes a ZIP file to `out` from what arrives, until every sender is gone: from its first byte to its last, in
    /// pieces of any length. Working files go to `scratch`, sealed. What is not finished is nobody's package.
    async fn write(
        &self,
        scratch: &Path,
        about: About,
        pieces: mpsc::Receiver<Exported>,
        out: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), String>;
}
