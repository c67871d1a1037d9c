//! What a look at the sources found, in the form in which it stands in a history.

use serde::{Deserialize, Serialize};

use crate::id::{Commitment, Digest};
use crate::plan::Counts;
use crate::subject::Committed;
use crate::time::Timestamp;

/// A survey that found whom or what it looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// When the sources were read.
    pub at: Timestamp,
    /// What a vote from now on is bound to.
    pub digest: Digest,
    /// Of the root keys, sorted; of the dataset's name for a dataset.
    pub roots: Commitment,
    /// Every identity that the sources hold for the root keys.
    pub identities: Vec<Committed>,
    /// Rows per table.
    pub counts: Counts,
}

/// What a look at the sources came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surveyed {
    /// The sources hold nobody of these identities.
    NoMatch,
    /// Several people match; a person has to settle it.
    Several { matches: u32 },
    /// One subject, or the dataset.
    Found(Survey),
}
