//! Everything that one judgement needs, as plain data read just before. It must not know Cedar or where facts come from.
//! `Debug` shows no identifiers and no attribute values: they may be personal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use countersign_core::time::Timestamp;

/// Counts beyond this enter policy as this, so that sums of a few of them cannot overflow.
pub(crate) const COUNT_MAX: i64 = 1_000_000_000_000;
/// Longest wait that enters policy: about a thousand years, in milliseconds.
pub(crate) const WAITED_MAX_MS: i64 = 1_000 * 366 * 86_400_000;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequesterKind {
    /// The person whose data it is.
    Subject,
    /// Somebody with a mandate.
    Agent,
    /// A member of staff.
    Staff,
    /// A service.
    Service,
    /// A timer.
    Schedule,
}

impl RequesterKind {
    /// The Cedar entity type.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Agent => "Agent",
            Self::Staff => "Staff",
            Self::Service => "Service",
            Self::Schedule => "Schedule",
        }
    }
}

/// What the action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// One person's data.
    Subject,
    /// A set of rows by age or prefix.
    Dataset,
}

impl ResourceKind {
    /// The Cedar entity type.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Dataset => "Dataset",
        }
    }
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Long(i64),
    /// A text.
    Text(String),
}

/// An attribute with what the criteria may show of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The value that policy sees.
    pub value: Value,
    /// What the criteria show: the plain value, or a commitment to a personal one.
    pub shown: String,
}

impl Attribute {
    /// An attribute that may stand in the open: a flag, a class, nothing personal.
    pub fn plain(value: Value) -> Self {
        let shown = match &value {
            Value::Bool(it) => it.to_string(),
            Value::Long(it) => it.to_string(),
            Value::Text(it) => it.clone(),
        };
        Self { value, shown }
    }

    /// A personal attribute: the criteria show `commitment` in place of the value.
    pub fn committed(value: Value, commitment: impl Into<String>) -> Self {
        Self { value, shown: commitment.into() }
    }
}

/// The requester, as policy sees them.
#[derive(Clone, PartialEq, Eq)]
pub struct Requester {
    /// The kind; settled for the life of a request.
    pub kind: RequesterKind,
    /// Opaque id. A subject who asks for their own data has the id of the resource.
    pub id: String,
    /// Groups they are an active member of now.
    pub groups: BTreeSet<String>,
    /// Attributes by name; those that the vocabulary does not know are left out. A subject's own stand on the resource.
    pub attributes: BTreeMap<String, Attribute>,
}

/// The subject or dataset, as policy sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    /// Subject or dataset.
    pub kind: ResourceKind,
    /// Opaque id of a subject, or the name of a dataset.
    pub id: String,
    /// Attributes by name. After a survey every attribute of the vocabulary must stand here, else the verdict is Hold.
    pub attributes: BTreeMap<String, Attribute>,
}

/// The size of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impact {
    /// Rows that would be touched.
    pub rows: u64,
    /// Tables with at least one such row.
    pub tables: u64,
    /// Sources with at least one such row.
    pub sources: u64,
}

/// Whether the sources were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurveyState {
    /// Not yet. Attributes and impact may be absent; nothing is released.
    Absent,
    /// Longer ago than `survey_max_age`. Nothing is released; what else is missing is told.
    Stale,
    /// Young enough to act on.
    Fresh,
}

/// All facts of one judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The action's name.
    pub action: String,
    /// Who asks.
    pub requester: Requester,
    /// For whose data, or for which dataset.
    pub resource: Resource,
    /// The environment that this installation serves.
    pub environment: String,
    /// One of [`crate::CHANNELS`].
    pub channel: String,
    /// The transaction's time.
    pub now: Timestamp,
    /// Milliseconds waited since the latest first proof of a named method, else since submission.
    pub waited_ms: i64,
    /// Methods by which intent is proved now.
    pub verified: BTreeSet<String>,
    /// Statements attested by the token behind the request.
    pub attested: BTreeSet<String>,
    /// Distinct people who approve, per group; a group without a vote may be left out, and one that is
    /// no longer configured counts for nothing.
    pub approvals: BTreeMap<String, u64>,
    /// Distinct people who approve, over all groups.
    pub approvals_any: u64,
    /// Other requests that run, per action. An action that policy reads and that is not here makes the verdict Hold.
    pub running: BTreeMap<String, u64>,
    /// Other requests that started today, per action; same rule.
    pub started_today: BTreeMap<String, u64>,
    /// The plan's size; absent before a survey.
    pub impact: Option<Impact>,
    /// Other requests that go first on the same root key.
    pub conflicts: u64,
    /// State of the survey.
    pub survey: SurveyState,
    /// Whether this is the first judgement on a survey: only then may a `@deny` forbid deny.
    pub first_judgement: bool,
}

impl Facts {
    /// Whether the requester is the subject.
    pub(crate) fn is_own(&self) -> bool {
        self.requester.kind == RequesterKind::Subject
            && self.resource.kind == ResourceKind::Subject
            && self.requester.id == self.resource.id
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool(_) => "Bool(…)",
            Self::Long(_) => "Long(…)",
            Self::Text(_) => "Text(…)",
        })
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.value)
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester")
            .field("kind", &self.kind)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("kind", &self.kind).finish_non_exhaustive()
    }
}
