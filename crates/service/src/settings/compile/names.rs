//! Names that the author of the settings chooses: what they may look like, and where they stand when they do not.

use std::collections::{BTreeMap, BTreeSet};

use countersign_policy::{AttributeType, Vocabulary};

use crate::settings::mistake::did_you_mean;
use crate::settings::section::{Page, Placed, Section, brief};

/// Whether `name` can name a source, an attribute or a schedule.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    // The rule of policies' attributes, which forbids least: a name that is good there is good everywhere.
    reason(Vocabulary {
        dataset_attributes: [(name.to_owned(), AttributeType::Bool)].into(),
        ..Vocabulary::default()
    })
}

/// Notes a mistake unless `name` is a good name in the part of the vocabulary that `with` puts it into.
pub(super) fn sound(page: &Page<'_>, name: &Placed<&str>, with: impl Fn(String) -> Vocabulary) -> bool {
    let fault = reason(with(name.value.to_owned()));
    if let Err(reason) = fault {
        page.wrong(
            name.span.clone(),
            format!("`{}` cannot be used as a name", brief(name.value)),
            &format!("it {reason}"),
        );
    }
    fault.is_ok()
}

fn reason(vocabulary: Vocabulary) -> Result<(), &'static str> {
    vocabulary.check().map_err(|error| error.reason)
}

/// A list of names; each must be good, and stand there once.
pub(super) fn list(
    section: &Section<'_>,
    key: &'static str,
    with: impl Fn(String) -> Vocabulary,
) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for name in section.texts(key) {
        if sound(section.page(), &name, &with) && !names.insert(name.value.to_owned()) {
            let message = format!("`{}` stands in `{key}` twice", name.value);
            section.page().wrong(name.span, message, "take one away");
        }
    }
    names
}

/// A table of attributes with their types.
pub(super) fn attributes(top: &Section<'_>, key: &'static str) -> BTreeMap<String, AttributeType> {
    const TYPES: [(&str, AttributeType); 3] =
        [("bool", AttributeType::Bool), ("long", AttributeType::Long), ("string", AttributeType::String)];
    let mut attributes = BTreeMap::new();
    let Some(section) = top.section(key) else { return attributes };
    for (name, value) in section.entries() {
        let good = sound(section.page(), &name, |it| Vocabulary {
            requester_attributes: [(it, AttributeType::Bool)].into(),
            ..Vocabulary::default()
        });
        let Some(written) = section.as_text(name.value, value) else { continue };
        let Some(kind) = section.choose(name.value, &written, &TYPES) else { continue };
        if good {
            attributes.insert(name.value.to_owned(), kind);
        }
    }
    attributes
}

/// Whether `known` has the name; a mistake with a suggestion where it has not.
pub(super) fn is_known<'k>(
    page: &Page<'_>,
    what: &str,
    name: &Placed<&str>,
    known: impl IntoIterator<Item = &'k str> + Clone,
) -> bool {
    if known.clone().into_iter().any(|it| it == name.value) {
        return true;
    }
    let mut advice = did_you_mean(name.value, known.clone());
    if advice.is_empty() {
        let all: Vec<&str> = known.into_iter().collect();
        advice = if all.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are: {}", all.join(", "))
        };
    }
    page.wrong(name.span.clone(), format!("there is no {what} `{}`", brief(name.value)), &advice);
    false
}
