//! The single-use right to run one released request.
//! Only the state machine makes one; it cannot be written down and read back.

use crate::id::{Digest, RequestId};
use crate::plan::Counts;

/// The right to carry out one run of one request, as it was signed. Connectors take this, never a request's id.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    request: RequestId,
    run: u32,
    action: String,
    digest: Digest,
    ceiling: Option<Counts>,
}

impl Permit {
    // INVARIANT 1: called by the state `Running` alone.
    pub(crate) fn of_run(
        request: RequestId,
        run: u32,
        action: String,
        digest: Digest,
        ceiling: Option<Counts>,
    ) -> Self {
        Self { request, run, action, digest, ceiling }
    }

    /// Whose.
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// Which run, from 1.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// What may be done.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// What was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The most rows per table that the votes cover; `None` where nobody had to sign.
    pub fn ceiling(&self) -> Option<&Counts> {
        self.ceiling.as_ref()
    }
}
