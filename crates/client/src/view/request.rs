//! Requests: what is submitted, what is shown, what is voted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Secret, Verdict};

/// What is asked for. Personal: Debug shows the action alone.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Submission {
    /// `access`, `export`, `erase`, `purge`, or one that the settings declare.
    pub action: String,
    /// `subject`, `caller` (the server's default) or `agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Identities of the subject by kind: `email`, `phone`, `account`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subject: BTreeMap<String, String>,
    /// The dataset, as `source/name`, for actions on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// What the action wants to know beside.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Why, in words; kept sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By what right an agent asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandate: Option<String>,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("action", &self.action).finish_non_exhaustive()
    }
}

/// A request as the API shows it to this caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// What is asked for.
    pub action: String,
    /// Where it stands: `waiting`, `released`, `running`, `stuck`, `completed`, `denied`, `withdrawn`, `expired`,
    /// `abandoned`.
    pub status: String,
    /// Where it came in.
    pub channel: String,
    /// Who asks, as the server tells this caller.
    pub requester: Value,
    /// When it was submitted, RFC 3339.
    pub submitted_at: String,
    /// The law's date.
    pub due_at: Option<String>,
    /// What a vote is bound to; there once the sources were looked at.
    pub digest: Option<String>,
    /// What would be done.
    pub plan: Option<Plan>,
    /// What policy said.
    pub verdict: Option<Verdict>,
    /// Who voted what.
    pub votes: Vec<Vote>,
    /// What was proved.
    pub verifications: Vec<Verification>,
    /// What came of it, once it has ended.
    pub result: Option<Outcome>,
    /// How often it was tried to carry it out.
    pub runs: u32,
    /// Why it is stuck.
    pub stuck: Option<String>,
    /// Who outside is told once it is done.
    pub tells: Vec<Recipient>,
    /// How far each source is, once there was a run.
    pub steps: Vec<Step>,
    /// What happened, in order.
    pub events: Vec<Happened>,
    /// The one key to a subject's own request; in the answer to its submission alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_token: Option<Secret>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Somebody outside who is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipient {
    /// The source.
    pub source: String,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: String,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How far one source is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The source.
    pub source: String,
    /// `done`, `undone` or `unknown`.
    pub state: String,
    /// How many parts of it were done.
    pub parts: u64,
    /// Rows that were touched.
    pub rows: u64,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What would be done, by source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// Each source that is touched, in the order of the steps.
    pub sources: Vec<SourcePlan>,
    /// How long handing over took the last time, all sources together.
    pub last_time: Option<LastTime>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What would be done in one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourcePlan {
    /// The source's name.
    #[serde(alias = "source")]
    pub name: String,
    /// Its tables with the rows that were counted; a table stands there once for each way that leads to its rows.
    pub tables: Vec<TablePlan>,
    /// How long the same step took the last time.
    pub last_time: Option<LastTime>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What would be done in one table, in one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TablePlan {
    /// The table.
    #[serde(alias = "name")]
    pub table: String,
    /// `delete`, `clear`, `detach`, `keep`, `keep-for-others`.
    pub treatment: String,
    /// Rows counted.
    pub rows: u64,
    /// By what law they are kept.
    pub legal_basis: Option<String>,
    /// Until when they are kept.
    pub until: Option<String>,
    /// How many bytes their values have, where the source tells.
    pub bytes: Option<u64>,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How long the same took the last time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastTime {
    /// In milliseconds.
    pub took_ms: u64,
    /// Rows that were touched or handed over.
    pub rows: u64,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Plan {
    /// Bytes over all tables, as far as they are known.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().flat_map(|source| &source.tables).filter_map(|table| table.bytes).sum()
    }

    /// Rows over all tables.
    pub fn rows(&self) -> u64 {
        self.sources.iter().flat_map(|source| &source.tables).map(|table| table.rows).sum()
    }
}

/// A vote that was cast.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vote {
    /// `approve`; a denial ends the request and stands in its result.
    pub vote: String,
    /// For which seat.
    pub seat: String,
    /// Whose: a person's id.
    pub by: String,
    /// Whether it covers what would be done now.
    pub counts: bool,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A method of proof and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verification {
    /// `email`, `totp`, `passkey`.
    pub method: String,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// `complete`, `partial`, `denied`, `withdrawn`, `expired`, `abandoned`.
    pub outcome: String,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// By whom or what it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Value>,
    /// Rows that were touched, by table.
    pub touched: Vec<Rows>,
    /// Rows that were kept, and why.
    pub kept: Vec<Rows>,
    /// Rows that should be gone and are not.
    pub left: Vec<Rows>,
    /// Whether there is a package to fetch.
    pub package: bool,
    /// Whatever else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rows {
    /// The source.
    pub source: String,
    /// The table.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// Why they were kept, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Until when they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Something that happened to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Happened {
    /// When.
    pub at: String,
    /// What: `submitted`, `verified`, `approved`, …
    pub event: String,
}

/// For or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// For.
    Approve,
    /// Against.
    Deny,
}

/// A vote to be cast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ballot {
    /// For or against.
    pub vote: Choice,
    /// For which seat.
    pub seat: String,
    /// The digest that the voter saw; an approval needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The most rows that the voter signs, by source and table, instead of those seen and a tenth more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// Why, in words; kept sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which requests to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In this state.
    pub status: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Waiting for this: `me`, or a word such as `vote:privacy`.
    pub waiting_for: Option<String>,
    /// Whose glass was broken: `any`, `due`, `overdue`, `done`.
    pub glass: Option<String>,
    /// About the subject of this identity, `email:ana@example.test`.
    pub subject: Option<String>,
    /// After the page that gave this cursor.
    pub cursor: Option<String>,
    /// At most so many a page.
    pub limit: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page<T> {
    /// The page's rows.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last.
    #[serde(alias = "next", alias = "next_cursor", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
