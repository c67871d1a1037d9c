//! What goes over the wire to a service and back. `examples/http-source/openapi.json` says the same to whoever writes one.

use std::collections::BTreeMap;

use countersign_core::receipt::ReceiptKey;
use serde::{Deserialize, Serialize};

/// Whose things, or which.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    /// By kind of identity, every value.
    Subject(BTreeMap<String, Vec<String>>),
    /// A dataset of the map.
    Dataset {
        name: String,
        /// Milliseconds since 1970.
        before_ms: i64,
    },
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Key<'a> {
    pub(super) request: String,
    pub(super) run: u32,
    pub(super) step: &'a str,
    pub(super) chunk: u32,
}

impl<'a> From<&'a ReceiptKey> for Key<'a> {
    fn from(key: &'a ReceiptKey) -> Self {
        Self { request: key.request.to_string(), run: key.run, step: &key.step, chunk: key.chunk }
    }
}

/// The body of every call: what of it a call needs.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Ask<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) whose: Option<Whose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Key<'a>>,
    /// The most rows by table; without it, any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ceiling: Option<BTreeMap<String, u64>>,
}

/// What the service has.
#[derive(Debug, Deserialize)]
pub(super) struct Described {
    pub(super) identities: Vec<String>,
    pub(super) tables: Vec<DescribedTable>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DescribedTable {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    pub(super) treatment: String,
}

/// What would be done.
#[derive(Debug, Deserialize)]
pub(super) struct Planned {
    pub(super) tables: Vec<PlannedTable>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PlannedTable {
    pub(super) table: String,
    pub(super) treatment: String,
    pub(super) rows: u64,
    #[serde(default)]
    pub(super) bytes: Option<u64>,
}

/// Where a step stands.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Said {
    Done {
        touched: BTreeMap<String, u64>,
    },
    Void,
    /// More than the ceiling; nothing was done, and the key is free.
    Beyond {
        counted: BTreeMap<String, u64>,
    },
    /// It is being done at this moment.
    Begun,
    /// Nobody asked for it under this key.
    None,
}

/// One line of an export.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Piece {
    Table {
        table: String,
        columns: Vec<String>,
        #[serde(default)]
        left_out: Vec<(String, String)>,
    },
    Row(Vec<serde_json::Value>),
    /// The last line: without it the export was broken off.
    End,
}
