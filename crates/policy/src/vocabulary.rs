//! The names that policies may use, as plain data. It must not know where they are configured.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The channels a request can come in by; fixed, because a channel comes from the kind of token.
pub const CHANNELS: [&str; 6] = ["portal", "api", "cli", "console", "gateway", "schedule"];

/// Words of Cedar that no attribute, group or action may be called.
const RESERVED: [&str; 8] = ["true", "false", "if", "then", "else", "in", "is", "like"];

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer.
    Long,
    /// A text.
    String,
}

impl AttributeType {
    /// The name that Cedar has for it.
    pub(crate) const fn cedar_name(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::String => "String",
        }
    }
}

/// Everything that a policy may name. Names match `[a-z][a-z0-9_]*`; environments are any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vocabulary {
    /// Actions that may be asked for.
    pub actions: BTreeSet<String>,
    /// Groups whose members may vote; `any` is taken, it counts everybody once.
    pub groups: BTreeSet<String>,
    /// Attributes of a subject. All of them are facts of the survey.
    pub subject_attributes: BTreeMap<String, AttributeType>,
    /// Attributes of a dataset. All of them are facts of the survey.
    pub dataset_attributes: BTreeMap<String, AttributeType>,
    /// Attributes that an agent, staff member, service or schedule may have; policies test for them with `has`.
    pub requester_attributes: BTreeMap<String, AttributeType>,
    /// Verification methods.
    pub methods: BTreeSet<String>,
    /// Statements that a token from outside may attest.
    pub attestations: BTreeSet<String>,
    /// Names of environments; a policy that names another gets a warning, since files may be shared between them.
    pub environments: BTreeSet<String>,
}

/// A name that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{section}: the name `{name}` {reason}")]
pub struct VocabularyError {
    /// The part of the vocabulary it stands in, such as `groups`.
    pub section: &'static str,
    /// The name.
    pub name: String,
    /// What is wrong with it and what would be right.
    pub reason: &'static str,
}

impl Vocabulary {
    /// What every installation has: the four actions, three methods, legal holds; no groups yet.
    pub fn standard() -> Self {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            actions: set(&["access", "export", "erase", "purge"]),
            methods: set(&["email", "totp", "passkey"]),
            attestations: set(&["identity"]),
            subject_attributes: [("legal_hold".to_owned(), AttributeType::Bool)].into(),
            ..Self::default()
        }
    }

    /// Refuses names that could not stand in a policy or would hide one of ours.
    ///
    /// # Errors
    /// The first bad name, in the order of the fields.
    pub fn check(&self) -> Result<(), VocabularyError> {
        let sections: [(&'static str, Vec<&String>); 7] = [
            ("actions", self.actions.iter().collect()),
            ("groups", self.groups.iter().collect()),
            ("subject_attributes", self.subject_attributes.keys().collect()),
            ("dataset_attributes", self.dataset_attributes.keys().collect()),
            ("requester_attributes", self.requester_attributes.keys().collect()),
            ("methods", self.methods.iter().collect()),
            ("attestations", self.attestations.iter().collect()),
        ];
        for (section, names) in sections {
            for name in names {
                if let Some(reason) = fault(section, name) {
                    return Err(VocabularyError { section, name: name.clone(), reason });
                }
            }
        }
        if self.environments.iter().any(String::is_empty) {
            return Err(VocabularyError {
                section: "environments",
                name: String::new(),
                reason: "is empty; give the environment a name",
            });
        }
        Ok(())
    }
}

fn fault(section: &str, name: &str) -> Option<&'static str> {
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_lowercase());
    if !starts || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Some("must begin with a-z and go on with a-z, 0-9 or _");
    }
    if name.len() > 64 {
        return Some("is longer than 64 characters");
    }
    if RESERVED.contains(&name) || name == "has" {
        return Some("is a word of the policy language; choose another");
    }
    if section == "groups" && name == "any" {
        return Some("is taken: `approvals.any` counts everybody once; choose another");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_group(name: &str) -> Result<(), VocabularyError> {
        Vocabulary { groups: [name.to_owned()].into(), ..Vocabulary::standard() }.check()
    }

    #[test]
    fn plain_names_are_taken() {
        assert_eq!(with_group("data_owner2"), Ok(()));
    }

    #[test]
    fn names_that_policies_could_not_write_are_refused_with_the_section() {
        for bad in ["", "Privacy", "2nd", "data-owner", "in", "has", "any", "é", &"a".repeat(65)] {
            let error = with_group(bad).expect_err(bad);
            assert_eq!((error.section, error.name.as_str()), ("groups", bad));
        }
    }
}
