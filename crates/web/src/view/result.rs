//! What came of a request, on the wire.

use countersign_core::request::{By, Ending, Kept, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::plan::{RowsView, rows};

/// What came of a request that has ended.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ResultView {
    /// `complete` or `partial` for one that was carried out, else how it ended: `denied`, `withdrawn`, `expired`,
    /// `abandoned`.
    #[schema(example = "complete")]
    outcome: &'static str,
    /// Why it was denied, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Who or what denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ByView>,
    /// Rows touched, or exported.
    touched: Vec<RowsView>,
    /// Rows that stayed, and why.
    kept: Vec<KeptView>,
    /// Rows that a look afterwards still found.
    left: Vec<RowsView>,
    /// Whether a package was made for the requester to fetch.
    package: bool,
    /// Who declared a stuck request done as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_by: Option<String>,
}

/// Who or what denied a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ByView {
    /// A person.
    Person {
        /// Their id.
        person: String,
        /// The seat for which they denied.
        seat: String,
    },
    /// Policy.
    Policy {
        /// SHA-256 of the policy set, in hex.
        policy_set: String,
        /// The policies that decided.
        policies: Vec<String>,
        /// Legal holds that stood in the way, by name.
        holds: Vec<String>,
    },
    /// A rule about an earlier request on the same subject.
    Conflict {
        /// That request's id.
        earlier: String,
    },
    /// The sources: they hold nobody of the proved identities.
    Survey,
}

/// Rows that stayed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptView {
    /// The source.
    source: String,
    /// The table.
    table: String,
    /// How many rows.
    rows: u64,
    /// Why, as a code: a legal basis, or `owned_by_others`.
    code: String,
    /// Until when, as the data map says it to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<Ending> for ResultView {
    fn from(ending: Ending) -> Self {
        let ended = |outcome| Self { outcome, ..Self::default() };
        match ending {
            Ending::Completed { outcome, accepted_by } => {
                Self { accepted_by: accepted_by.map(|person| person.to_string()), ..Self::of(outcome) }
            }
            Ending::Denied { code, by } => Self { code: Some(code), by: Some(by.into()), ..ended("denied") },
            Ending::Withdrawn => ended("withdrawn"),
            Ending::Expired => ended("expired"),
            Ending::Abandoned => ended("abandoned"),
        }
    }
}

impl ResultView {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcome: outcome.word(),
            touched: rows(&outcome.touched),
            left: rows(&outcome.left),
            package: outcome.package,
            kept: outcome.kept.into_iter().filter(|kept| kept.rows > 0).map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl From<By> for ByView {
    fn from(by: By) -> Self {
        match by {
            By::Person { person, seat } => Self::Person { person: person.to_string(), seat },
            By::Policy { criteria, holds } => {
                Self::Policy { policy_set: criteria.policy_set, policies: criteria.policies, holds }
            }
            By::Conflict { earlier } => Self::Conflict { earlier: earlier.to_string() },
            By::Survey => Self::Survey,
        }
    }
}

impl From<Kept> for KeptView {
    fn from(kept: Kept) -> Self {
        let Kept { source, table, rows, basis, until } = kept;
        Self { source, table, rows, code: basis, until }
    }
}
