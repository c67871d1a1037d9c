//! Their data: what a connector to a real data store can be asked.
//! A connector knows its source and the data map, never our store.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use countersign_core::permit::Permit;
use countersign_core::plan::{Counts, Sample, SourcePlan};
use countersign_core::receipt::{Receipt, ReceiptKey};
use countersign_core::time::Timestamp;

use crate::settings::datamap::DataMap;

/// How somebody names a subject: kind (`email`, `phone`, `account`, …) and value, normalised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The kind, as the data map spells it.
    pub kind: String,
    /// The value. Personal.
    pub value: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}: …)", self.kind)
    }
}

/// A root row: where a subject starts in a source. Personal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootKey {
    /// The source's name.
    pub source: String,
    /// The root table.
    pub table: String,
    /// The key's values as a JSON array of strings, in the order of the map's `key`: `["42"]`.
    pub key: String,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}.{}: …)", self.source, self.table)
    }
}

/// What the source holds of one root row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The row.
    pub root: RootKey,
    /// Every identity that the source holds for it, in the map's kinds.
    pub identities: Vec<Identity>,
    /// What policy may know of the subject: attribute name (the map's `attributes`) and value.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// The value of an attribute that policy may read.
#[derive(Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A text.
    Text(String),
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeValue(…)")
    }
}

/// Whose rows, or which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Those of the subject who starts at these rows (of this source).
    Subject(Vec<RootKey>),
    /// Those of a dataset of the map that are older than a moment.
    Dataset {
        /// The dataset's name in the map.
        name: String,
        /// Rows strictly before this go.
        before: Timestamp,
    },
}

/// A value out of a row, on its way into a package.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction that binary floating point holds exactly.
    Real(f64),
    /// A text; also dates, numerics, enums, as the source writes them.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A JSON document, as text.
    Json(String),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

/// One piece of an export, in order: a table, then its rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Exported {
    /// The rows that follow are of this table.
    Table {
        /// The source's name.
        source: String,
        /// The table.
        table: String,
        /// Its exported columns, in order.
        columns: Vec<String>,
        /// Columns left out, each with the reason: never disclosed, another person's.
        left_out: Vec<(String, String)>,
    },
    /// A row of the table before.
    Row(Vec<Value>),
}

/// What became of the try to carry out a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// Committed, now or by an earlier try under the same key: the receipt says what was touched.
    Done(Receipt),
    /// A part of the step was committed, now or by an earlier try under the same key, and there is more to do: under
    /// the next chunk's key. Only where the key that was asked for has a chunk.
    Part(Receipt),
    /// The key is taken by a void receipt: it never will be done.
    Void(Receipt),
    /// More rows than were signed; nothing was committed.
    Beyond {
        /// Rows per table as counted inside the transaction.
        counted: Counts,
    },
    /// The root rows or the map's tables are not those that were signed; nothing was committed.
    Changed {
        /// What changed, without personal data.
        what: String,
    },
}

/// What `check` found about a map and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What, at which table or column, and what to do.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but will hurt.
    Warning,
    /// There is something in the source that nobody looked at.
    Drift,
    /// The map cannot be used.
    Error,
}

/// What a map needs of the account by which a source is reached, and what that account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// How the least is given: statements of the source's own, or sentences where it has none.
    pub least: Vec<String>,
    /// What the account lacks of it: something will fail.
    pub lacks: Vec<String>,
    /// What it may do beyond, as far as that can be seen.
    pub beyond: Vec<String>,
}

/// Why a source did not answer. Texts carry no value out of the source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not reached, or busy: nothing was committed, and trying again is safe.
    #[error("source `{source_name}` is not available: {reason}")]
    Unavailable {
        /// The source's name.
        source_name: String,
        /// What the driver said, without values.
        reason: String,
    },
    /// The commit was sent and no answer came: done or not, nobody knows until a receipt is looked up.
    #[error("source `{source_name}` did not say whether the step was committed: {reason}")]
    Unknown {
        /// The source's name.
        source_name: String,
        /// What the driver said, without values.
        reason: String,
    },
    /// The map or the source makes it impossible; trying again does not help. Nothing was committed.
    #[error("source `{source_name}` refused: {reason}")]
    Refused {
        /// The source's name.
        source_name: String,
        /// What is wrong and what to do, without values.
        reason: String,
    },
}

/// A real data store.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Whether it has no root rows of its own and holds things under identities that other sources know, as logs,
    /// files and services do. Such a source is told who is meant (`ports::following`) once that is clear, and
    /// [`Source::resolve`] is asked only where no other source knows anybody: whether it holds anything of theirs.
    fn follows(&self) -> bool {
        false
    }

    /// Whether it can do a step in parts, under keys with a chunk.
    fn in_parts(&self) -> bool {
        false
    }

    /// Compares a map with the source: what is missing, drifted, unindexed, unreachable.
    async fn check(&self, map: &DataMap) -> Result<Vec<Finding>, SourceError>;

    /// The least that a map needs here, said for the account `to` (else for the one that looks), and what the one that
    /// looks has of it.
    ///
    /// # Errors
    /// `Refused` where the map does not fit, or the source does not tell.
    async fn rights(&self, map: &DataMap, to: Option<&str>) -> Result<Rights, SourceError> {
        let _ = (map, to);
        let reason = "it does not tell rights".to_owned();
        Err(SourceError::Refused { source_name: self.name().to_owned(), reason })
    }

    /// Every table that there is, with its columns in order: what a map may write down as known, and what is held
    /// against [`DataMap::drift`].
    ///
    /// # Errors
    /// `Refused` where the source has no tables to tell of.
    async fn tables(&self) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
        let reason = "it does not tell its tables".to_owned();
        Err(SourceError::Refused { source_name: self.name().to_owned(), reason })
    }

    /// A first data map for a person to correct, as commented TOML.
    async fn discover(&self, root_table: Option<&str>) -> Result<String, SourceError>;

    /// The root rows that hold *all* of these identities (those of kinds that the map knows; at least one).
    /// Several rows may match. At most 100 are returned.
    async fn resolve(&self, map: &DataMap, identities: &[Identity]) -> Result<Vec<Match>, SourceError>;

    /// What the source holds of these very root rows; a row that is gone is left out.
    async fn look(&self, map: &DataMap, roots: &[RootKey]) -> Result<Vec<Match>, SourceError>;

    /// Sends the key of every root row, in batches, in one read transaction: for whoever looks for people who should
    /// not be there any more. Stops with `Unavailable` if the receiver goes away.
    async fn roots(
        &self,
        map: &DataMap,
        out: tokio::sync::mpsc::Sender<Vec<RootKey>>,
    ) -> Result<(), SourceError> {
        let _ = (map, out);
        let reason = "this kind of source cannot list its root rows".to_owned();
        Err(SourceError::Refused { source_name: self.name().to_owned(), reason })
    }

    /// A few of the target's rows, of each table of which the map asks for some and at most so many: what an export would
    /// show of them, masked before it leaves the source's own code.
    async fn samples(&self, map: &DataMap, target: &Target) -> Result<Vec<Sample>, SourceError> {
        let _ = (map, target);
        Ok(Vec::new())
    }

    /// Counts what would be done, in one read transaction.
    async fn survey(&self, map: &DataMap, target: &Target) -> Result<SourcePlan, SourceError>;

    /// Sends the target's rows, table by table in the map's order, in one read transaction.
    /// Stops with `Unavailable` if the receiver goes away.
    async fn export(
        &self,
        permit: &Permit,
        map: &DataMap,
        target: &Target,
        out: tokio::sync::mpsc::Sender<Exported>,
    ) -> Result<Counts, SourceError>;

    /// Carries out one step in one transaction whose first statement inserts the receipt under `key`, and
    /// whose counts must stay within the permit's ceiling. Calling it again under the same key is safe.
    ///
    /// Under a key whose chunk is not 0 a part of the step is done, of at most the map's `chunk_rows`; where nothing is
    /// left that goes in parts, the step itself is, under chunk 0. What parts of the request touched counts towards the
    /// ceiling. A source that does nothing in parts refuses such a key.
    async fn erase(
        &self,
        permit: &Permit,
        key: &ReceiptKey,
        map: &DataMap,
        target: &Target,
    ) -> Result<Stepped, SourceError>;

    /// The receipt under `key`, if there is one.
    async fn receipt(&self, key: &ReceiptKey) -> Result<Option<Receipt>, SourceError>;

    /// Makes sure that the step under `key` never happens from now on, by committing a void receipt; answers
    /// with the receipt that stands: void, or done if it was done before.
    async fn void(&self, key: &ReceiptKey) -> Result<Receipt, SourceError>;

    /// What root rows held when they were looked at: for [`Source::left`], which follows soft links that start at rows that
    /// are gone by now, in a process that may not be the one that erased them.
    fn remember(&self, map: &DataMap, found: &[Match]) {
        let _ = (map, found);
    }

    /// The look afterwards, in a new transaction: rows that should be gone or cleared and are not.
    async fn left(&self, map: &DataMap, target: &Target) -> Result<Counts, SourceError>;
}
