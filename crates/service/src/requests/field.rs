//! The sealed fields of a request: their names, and what is in them.

use std::collections::BTreeMap;

use countersign_core::id::Commitment;
use countersign_core::plan::Sample;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::source::{AttributeValue, Identity, Match, RootKey};

/// Whom the requester named: kind and normalised value.
pub(crate) const SUBJECT: &str = "subject";
/// What a person chose when several matched, in the same form.
pub(crate) const CHOICE: &str = "choice";
/// The action's parameters.
pub(crate) const PARAMETERS: &str = "parameters";
/// Why.
pub(crate) const REASON: &str = "reason";
/// Why the glass was broken.
pub(crate) const GLASS: &str = "glass";
/// What the latest look at the sources found.
pub(crate) const FOUND: &str = "found";

/// Where the portal is that a request came in by, and in which language it speaks to its subject.
pub(crate) const PORTAL: &str = "portal";

/// The code that was sent for a method; after a space, the secret of the link that was sent with it.
pub(crate) fn code(method: &str) -> String {
    format!("code/{method}")
}

/// A free text that goes with an event, found by the commitment to it that the event holds.
pub(crate) fn said(what: &str, commitment: &Commitment) -> String {
    format!("{what}/{commitment}")
}

/// A part of a package, from 0. Each try to make a package writes under a name of its own, so that two that were
/// made at once, as after a lost lease, never mix.
pub(crate) fn package(made: &str, part: u64) -> String {
    format!("{}/{part}", package_of(made))
}

/// What the parts of a package are sealed as.
pub(crate) fn package_of(made: &str) -> String {
    format!("package/{made}")
}

/// The key of a package, which dies before the request's does.
pub(crate) fn package_key(made: &str) -> String {
    format!("package/{made}/key")
}

/// Identities by kind.
pub(crate) type Stated = BTreeMap<String, String>;

/// The identities in a map.
pub(crate) fn identities(stated: &Stated) -> Vec<Identity> {
    stated.iter().map(|(kind, value)| Identity { kind: kind.clone(), value: value.clone() }).collect()
}

/// What a look found, as far as it is personal.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Found {
    /// When the sources were read; equals that of the survey's record.
    pub(crate) at: Timestamp,
    /// Source, table, key.
    pub(crate) roots: Vec<(String, String, String)>,
    /// By source, what its root row said of itself: for the look afterwards, when that row is gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) held: BTreeMap<String, Stated>,
    /// Attributes that policy reads.
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// A few rows, masked, where the data map asks for them: a copy, which lives here alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples: Vec<Sample>,
}

/// An attribute's value.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Attribute {
    Bool(bool),
    Long(i64),
    Text(String),
}

impl From<&AttributeValue> for Attribute {
    fn from(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::Bool(value) => Attribute::Bool(*value),
            AttributeValue::Long(value) => Attribute::Long(*value),
            AttributeValue::Text(value) => Attribute::Text(value.clone()),
        }
    }
}

impl Found {
    /// What a source's root rows held.
    pub(crate) fn matches(&self, source: &str) -> Vec<Match> {
        let Some(held) = self.held.get(source) else { return Vec::new() };
        let own = self.root_keys().into_iter().filter(|root| root.source == source);
        own.map(|root| Match { root, identities: identities(held), attributes: Vec::new() }).collect()
    }

    /// The root keys.
    pub(crate) fn root_keys(&self) -> Vec<RootKey> {
        self.roots
            .iter()
            .map(|(source, table, key)| RootKey {
                source: source.clone(),
                table: table.clone(),
                key: key.clone(),
            })
            .collect()
    }
}
