//! What a source confirms of one step of one run. A receipt is unique by its key, in the source itself.

use serde::{Deserialize, Serialize};

use crate::id::RequestId;
use crate::plan::Counts;

/// Under what a source keeps a receipt: unique there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReceiptKey {
    /// Whose request.
    pub request: RequestId,
    /// Which run of it, from 1.
    pub run: u32,
    /// Which step of the run: the source's name.
    pub step: String,
    /// 0 for the whole step, which is done or void by it; from 1 for a part that was done before.
    pub chunk: u32,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done, and touched this many rows.
    Done { touched: Counts },
    /// It never will be: the key is taken.
    Void,
}

/// A source's word on a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which step.
    pub key: ReceiptKey,
    /// What became of it.
    pub outcome: Outcome,
}
