//! What in a source is a subject's, and how each table is treated. It must not know any database: whether the
//! tables and columns exist is for a connector to say.
//!
//! ```toml
//! source = "shop"
//! chunk_rows = 50000                          # left out: an erasure is one transaction
//!
//! [[root]]                                    # where a subject starts
//! table = "customer"
//! key = ["id"]
//! identities = { email = "email", account = "account" }
//! attributes = { vip = { column = "vip", type = "bool" }, drifted = { type = "drift" } }
//! never_disclose = ["password_hash"]
//! samples = 2                                 # left out: a plan shows no row; see below
//! treatment = "delete"                        # or "clear", with `empty` and `replace`
//!
//! [[table]]
//! name = "invoice"
//! [[table.way]]                               # rows whose `customer_id` is the customer's `id`
//! from = "customer"
//! on = { customer_id = "id" }
//! treatment = "clear"                         # the row stays by law, without the person
//! basis = "legal_obligation"
//! until = "ten years after `issued_on`"
//! keep_for = "3650d"                          # after the erasure; then a request of its own removes the row
//! empty = ["note"]
//! replace = { name = "erased", mail = "{pseudonym}@invalid.example", born = { generalise = "year" } }
//!
//! [[table]]
//! name = "event_log"
//! [[table.way]]                               # no foreign key: a value made of the root row's columns
//! column = "who"
//! equals = "customer:{id}"
//! treatment = "delete"
//!
//! [[dataset]]                                 # what `purge` removes by age
//! name = "app_log"
//! table = "app_log"
//! age = "at"
//! format = "iso"
//!
//! [known]                                     # every table and column that somebody looked at; others are drift
//! customer = ["id", "email", "account", "vip", "password_hash"]
//! ```
//!
//! # What a replaced column holds
//!
//! - A text, a number, `true` or `false`: as written. In a text `{key}` is the row's own key, other names in braces are
//!   columns of the row, and doubled braces are braces.
//! - A text with `{pseudonym}`: 32 hexadecimal digits made of the old value under a key of the source. The same value
//!   gets the same pseudonym everywhere in one source and another one in every other source. Whoever has the key can
//!   find out whose it is, so that it stays personal data.
//!   An empty cell stays empty.
//! - `{ generalise = "year" }`: the first of January of the same year. `{ generalise = "network" }`: the network of an
//!   address, /24 of IPv4 and /48 of IPv6. A text that is no date or address becomes NULL, or empty where NULL may not
//!   be.
//!
//! # How long rows stay
//!
//! `until` says it to people. `keep_for` is a length of time, counted from the end of the erasure, so that no row goes
//! before any term that began while it was in use: when it is over, a request by the requester `schedule` deletes the rows
//! (`docs/howto/write-a-data-map.md`). It goes with a `basis`. Every root is `clear` then, for a row is found by its root;
//! `keep_for` at the root itself, no shorter than any other, lets that go last.
//!
//! # Samples
//!
//! `samples`, at a root or a table, lets a plan show so many of its rows, masked: first letters and shapes of what an export
//! would show. It is one more copy, sealed with the request's own data, and dies with that.
//!
//! # In parts
//!
//! `chunk_rows` lets an erasure clear rows, and delete those that nothing hangs on, in transactions of at most so
//! many, each with a receipt of its own (`docs/decisions/027-erasure-in-parts.md`). For subjects whose one
//! transaction would hurt.
//!
//! # Drift
//!
//! With `[known]`, a table or column of the source that does not stand there is *drift*: `source check` names it, and
//! a root's attribute of the type `drift` tells policy that there is some. What `[known]` says does not change
//! [`DataMap::version`], since nothing else is done by it.
//!
//! # Which treatment a row gets
//!
//! A row that is reached in several ways is treated once, by the first of these that applies:
//!
//! 1. `keep`: a legal basis stands over everything.
//! 2. `clear` with a basis: kept by law, without the person.
//! 3. In a table with a `keep-for-others` way: another living subject reaches the row too, in any way of the table
//!    but `detach`. The row stays, whatever `delete` or `clear` says; only its pointers to the subject are emptied.
//! 4. `delete`, and `keep-for-others` when nobody else is left.
//! 5. `clear`.
//! 6. `detach`: the row is somebody else's; the columns by which it points to the subject are emptied.
//!
//! A subject is living while its root row is there and was not cleared. Rows reached through a row that may stay for
//! others may not be deleted or cleared on their own account: their ways must say `keep-for-others` too.

mod keep;
mod known;
mod notify;
mod read;
mod replacement;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use countersign_core::plan::Treatment;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::mistake::Mistake;

pub use known::{known_text, with_known};
pub use notify::Recipient;
pub use replacement::{Generalise, Part, Replacement, Template};

/// The map of one source. Only [`DataMap::parse`] and [`DataMap::read`] make it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataMap {
    /// The source's name in the configuration.
    pub source: String,
    /// Where subjects start.
    pub roots: Vec<Root>,
    /// Tables with rows of subjects, in the order in which they are exported.
    pub tables: Vec<Table>,
    /// What can be purged.
    pub datasets: Vec<Dataset>,
    /// Who outside is told of erasures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Recipient>,
    /// How many rows an erasing transaction deletes at most where the source can do it in parts; `None`: all in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_rows: Option<u32>,
    /// Every table that somebody looked at, with its columns; `None` where nobody wrote it down.
    #[serde(skip)]
    pub known: Option<BTreeMap<String, Vec<String>>>,
    /// What a plan by this map rested on in the source when it was signed: a source that is another one now does not act
    /// by it. `None`: whatever it is.
    #[serde(skip)]
    pub rests_on: Option<String>,
    #[serde(skip)]
    version: String,
}

/// A table whose rows are subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Root {
    /// The table, as the source names it.
    pub table: String,
    /// The columns of its key, in order.
    pub key: Vec<String>,
    /// By kind of identity: where the row holds it.
    pub identities: BTreeMap<String, IdentityColumn>,
    /// What policy may know of the subject, by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// The attribute, true or false, by which policy learns whether the source drifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// What happens to the row: `Delete` or `Clear`.
    pub rule: Rule,
    /// Columns that never go into an export.
    pub never_disclose: Vec<String>,
    /// How many rows a plan shows, masked; `None`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Rows of other subjects that point here or to the subject's rows: `Detach` only.
    pub ways: Vec<Way>,
}

/// Where a root row holds an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityColumn {
    /// The column.
    pub column: String,
    /// When two values are the same.
    pub compare: Compare,
}

/// When two values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Character by character.
    Exact,
    /// Capitals do not matter; what e-mail addresses start with unless the map says otherwise.
    IgnoreCase,
    /// Only digits and `+` matter; what phone numbers start with.
    Digits,
}

/// A column that policy may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// The column.
    pub column: String,
    /// Its type in policies.
    #[serde(rename = "type")]
    pub kind: AttributeKind,
}

/// The type of an attribute in policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// True or false.
    Bool,
    /// A whole number.
    Long,
    /// A text.
    Text,
}

/// A table with rows of subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The table, as the source names it.
    pub name: String,
    /// Columns that never go into an export.
    pub never_disclose: Vec<String>,
    /// How many rows a plan shows, masked; `None`: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// How its rows are reached; at least one.
    pub ways: Vec<Way>,
}

/// One way in which a table's rows are a subject's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// What leads to the rows.
    pub link: Link,
    /// What happens to them.
    pub rule: Rule,
    /// The columns that are the subject's to see when a row is reached in this way; `None`: all.
    pub only: Option<Vec<String>>,
}

/// What happens to rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// In a word.
    pub treatment: Treatment,
    /// The legal basis on which rows stay, as a code; always there with `Keep`.
    pub basis: Option<String>,
    /// Until when they stay, for people.
    pub until: Option<String>,
    /// How long after the erasure they stay, in milliseconds; then a request of its own removes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_for_ms: Option<i64>,
    /// Columns that become NULL.
    pub empty: Vec<String>,
    /// Columns that get another value.
    pub replace: BTreeMap<String, Replacement>,
}

/// What leads to rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Columns that are equal to columns of rows reached before, along a foreign key in either direction.
    Key {
        /// The table (or root table) whose rows lead here.
        from: String,
        /// Pairs of this table's column and the other table's.
        on: Vec<(String, String)>,
    },
    /// A column that is equal to a value made of the root row.
    Value {
        /// The root table.
        root: String,
        /// The column here.
        column: String,
        /// The value; its names are columns of the root table.
        equals: Template,
        /// When two values are the same.
        compare: Compare,
    },
}

/// What `purge` removes by age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Its name in requests.
    pub name: String,
    /// The table.
    pub table: String,
    /// The column that says how old a row is.
    pub age: String,
    /// How it says so.
    pub format: AgeFormat,
}

/// How a column says when something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgeFormat {
    /// A text such as `2026-10-31T23:59:59Z`; without an offset it is UTC.
    Iso,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// A date or time type of the source; without a time zone it is UTC.
    Timestamp,
}

/// Something wrong with a data map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapMistake {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong, and below it the line with a mark and what to do.
    pub message: String,
}

impl DataMap {
    /// Reads a map.
    ///
    /// # Errors
    /// Every mistake in it, in the order of lines; never empty.
    pub fn parse(text: &str) -> Result<Self, Vec<MapMistake>> {
        Self::read("data map", text).map_err(|mistakes| mistakes.into_iter().map(MapMistake::from).collect())
    }

    /// Reads the map in `file`; the name is for messages only.
    ///
    /// # Errors
    /// Every mistake in it, in the order of lines; never empty.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        read::read(file, text)
    }

    /// The same with its version.
    fn versioned(mut map: Self) -> Self {
        // Structs, lists and sorted maps of plain values: there is nothing in it that JSON cannot hold.
        let canonical = serde_json::to_vec(&map).unwrap_or_default();
        map.version = hex::encode(Sha256::digest(&canonical));
        map
    }

    /// SHA-256, in hex, of what the map says: white space, comments and the order of keys do not change it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The same map, for a source as it was when its plan was signed.
    #[must_use]
    pub fn resting_on(&self, fingerprint: &str) -> Self {
        Self { rests_on: Some(fingerprint.to_owned()), ..self.clone() }
    }

    /// The root table of this name.
    pub fn root(&self, table: &str) -> Option<&Root> {
        self.roots.iter().find(|root| root.table == table)
    }

    /// The dataset of this name.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// Every kind of identity that some root holds, sorted, once each.
    pub fn identity_kinds(&self) -> Vec<&str> {
        let kinds: std::collections::BTreeSet<&str> =
            self.roots.iter().flat_map(|root| root.identities.keys()).map(String::as_str).collect();
        kinds.into_iter().collect()
    }

    /// What policy may know of subjects: names and types.
    pub fn attributes(&self) -> BTreeMap<&str, AttributeKind> {
        let all = self.roots.iter().flat_map(|root| &root.attributes);
        let held = all.map(|(name, attribute)| (&**name, attribute.kind));
        let drift = self.roots.iter().filter_map(|it| it.drift.as_deref());
        held.chain(drift.map(|name| (name, AttributeKind::Bool))).collect()
    }
}

impl From<Mistake> for MapMistake {
    fn from(mistake: Mistake) -> Self {
        let message = match mistake.snippet {
            Some(snippet) => format!("{}\n{snippet}", mistake.message),
            None => mistake.message,
        };
        Self { line: mistake.line.unwrap_or(1), column: mistake.column.unwrap_or(1), message }
    }
}

impl std::fmt::Display for MapMistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}
