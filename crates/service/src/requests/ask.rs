//! What is asked for, checked before anything is stored.

use std::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::settings::{Action, Effect, Settings, duration};

/// On whose behalf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedBy {
    /// The person whose data it is; the caller only carries it in.
    Subject,
    /// The token's person or service.
    #[default]
    Caller,
    /// The token's person, with a mandate of the subject.
    Agent,
}

/// A submission, as a door took it in.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The action's name.
    pub action: String,
    /// On whose behalf.
    pub by: AskedBy,
    /// Identities by kind: `email`, `phone`, `account`, …
    pub subject: BTreeMap<String, String>,
    /// A dataset, as `source/name`.
    pub dataset: Option<String>,
    /// For the action.
    pub parameters: BTreeMap<String, String>,
    /// Why, in words.
    pub reason: Option<String>,
    /// The subject's mandate, for an agent.
    pub mandate: Option<String>,
    /// The caller's own name for this submission; sent again, it is answered with the same request.
    pub idempotency_key: Option<String>,
}

/// The longest free text, in bytes.
pub const TEXT_MAX: usize = 4096;
const IDENTITY_MAX: usize = 320;
const IDENTITIES_MAX: usize = 8;
const PARAMETERS_MAX: usize = 16;

/// What is asked about, normalised.
#[derive(Clone, Debug)]
pub(crate) enum About {
    Subject(BTreeMap<String, String>),
    Dataset { source: String, name: String },
}

impl Ask {
    /// The action and what it is about, or what is wrong with the submission.
    pub(crate) fn check<'a>(&self, settings: &'a Settings) -> Result<(&'a Action, About), Refusal> {
        let action = settings.actions.get(&self.action).ok_or_else(|| {
            let known = settings.actions.keys().cloned().collect::<Vec<_>>().join(", ");
            Refusal::invalid("action", format!("is not configured here; there are: {known}"))
        })?;
        self.check_texts()?;
        let about = match (&self.dataset, action.effect) {
            (Some(dataset), Effect::Purge | Effect::Declared) if self.subject.is_empty() => {
                dataset_of(dataset, settings)?
            }
            (Some(_), _) => {
                return Err(Refusal::invalid("dataset", "goes with a purge, and without a `subject`"));
            }
            (None, Effect::Purge) => return Err(Refusal::invalid("dataset", "is needed: `source/name`")),
            (None, _) => About::Subject(normalised(&self.subject)?),
        };
        if action.effect == Effect::Purge {
            let age = self.parameters.get("older_than").and_then(|text| duration::parse(text).ok());
            age.filter(|age| *age > 0).ok_or_else(|| {
                Refusal::invalid("parameters.older_than", "is needed for a purge: a duration such as `90d`")
            })?;
        }
        match (self.by, &self.mandate) {
            (AskedBy::Agent, None) => Err(Refusal::invalid("mandate", "is needed from an agent")),
            (AskedBy::Subject | AskedBy::Caller, Some(_)) => {
                Err(Refusal::invalid("mandate", "goes with `requester: \"agent\"` only"))
            }
            (AskedBy::Subject | AskedBy::Agent, None | Some(_)) if matches!(about, About::Dataset { .. }) => {
                Err(Refusal::invalid("requester", "is `caller` for a dataset"))
            }
            _ => Ok((action, about)),
        }
    }

    fn check_texts(&self) -> Result<(), Refusal> {
        for (at, text) in [("reason", &self.reason), ("mandate", &self.mandate)] {
            if let Some(text) = text {
                check_text(at, text)?;
            }
        }
        if self.parameters.len() > PARAMETERS_MAX {
            return Err(Refusal::invalid("parameters", format!("are at most {PARAMETERS_MAX}")));
        }
        for (name, value) in &self.parameters {
            if !is_name(name) {
                return Err(Refusal::invalid(
                    "parameters",
                    "have names of a–z, 0–9 and _, beginning with a letter",
                ));
            }
            check_text(&format!("parameters.{name}"), value)?;
        }
        Ok(())
    }
}

/// A free text: not empty, not too long, no control characters but line breaks and tabs.
pub fn check_text(at: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::invalid(at, "is empty"));
    }
    if text.len() > TEXT_MAX {
        return Err(Refusal::invalid(at, format!("is longer than {TEXT_MAX} bytes")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Refusal::invalid(at, "has control characters"));
    }
    Ok(())
}

/// Identities in the one spelling under which they are stored, hashed and compared.
pub fn normalised(subject: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
    if subject.is_empty() {
        return Err(Refusal::invalid("subject", "is needed: `{\"email\": \"…\"}`, `phone`, `account`, …"));
    }
    if subject.len() > IDENTITIES_MAX {
        return Err(Refusal::invalid("subject", format!("has at most {IDENTITIES_MAX} identities")));
    }
    subject
        .iter()
        .map(|(kind, value)| {
            let at = if is_name(kind) { format!("subject.{kind}") } else { "subject".to_owned() };
            if !is_name(kind) {
                return Err(Refusal::invalid(at, "has kinds of a–z, 0–9 and _, beginning with a letter"));
            }
            let value = normalise(kind, value);
            if value.is_empty() || value.len() > IDENTITY_MAX || value.chars().any(char::is_control) {
                return Err(Refusal::invalid(
                    at,
                    format!("is 1 to {IDENTITY_MAX} bytes without control characters"),
                ));
            }
            let one_at = value.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && !domain.is_empty()
                    && !domain.contains('@')
                    && !value.contains(char::is_whitespace)
            });
            if kind == "email" && !one_at {
                return Err(Refusal::invalid(at, "is no e-mail address"));
            }
            Ok((kind.clone(), value))
        })
        .collect()
}

/// One identity in that spelling: addresses in lower case, telephone numbers as digits with their `+`.
pub fn normalise(kind: &str, value: &str) -> String {
    let value = value.trim();
    match kind {
        "email" => value.to_lowercase(),
        "phone" => value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
        _ => value.to_owned(),
    }
}

fn dataset_of(dataset: &str, settings: &Settings) -> Result<About, Refusal> {
    let unknown = || Refusal::invalid("dataset", "is `source/name`, both as in the data map");
    let (source, name) = dataset.split_once('/').ok_or_else(unknown)?;
    let map = settings.maps.get(source).ok_or_else(unknown)?;
    if map.dataset(name).is_none() {
        return Err(unknown());
    }
    Ok(About::Dataset { source: source.to_owned(), name: name.to_owned() })
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    text.len() <= 64
        && chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn address_has_one_spelling() {
        let subject = BTreeMap::from([("email".to_owned(), "  Ana@Example.TEST ".to_owned())]);
        assert_eq!(normalised(&subject).unwrap()["email"], "ana@example.test");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for wrong in ["", "ana", "@", "a@b@c", "a b@c", "a@\u{0}b", &format!("{}@x", "a".repeat(400))] {
            let subject = BTreeMap::from([("email".to_owned(), wrong.to_owned())]);
            let refusal = normalised(&subject).unwrap_err().to_string();
            assert!(wrong.len() < 4 || !refusal.contains(wrong), "{refusal}");
        }
    }
}
