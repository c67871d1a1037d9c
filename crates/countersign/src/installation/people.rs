//! The first people of an installation as a file: who they are, what their tokens may do, and the services that
//! they answer for. Read once, when an installation begins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use countersign_service::First;
use countersign_service::caller::Role;
use serde::Deserialize;

/// The first people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    person: Vec<Person>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    /// For people to read.
    name: String,
    /// Verified identities by kind.
    identities: BTreeMap<String, String>,
    #[serde(default)]
    seats: BTreeSet<String>,
    roles: BTreeSet<Role>,
    #[serde(default = "api")]
    channel: String,
    #[serde(default)]
    service: Vec<Service>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    name: String,
    #[serde(default = "api")]
    channel: String,
    #[serde(default)]
    attests: BTreeSet<String>,
}

fn api() -> String {
    "api".to_owned()
}

/// Reads the people in `text`, which `file` names.
///
/// # Errors
/// What is wrong with it, at its line.
pub(crate) fn read(file: &str, text: &str) -> anyhow::Result<Vec<First>> {
    let read: File = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        // The text itself is not repeated: it names people.
        anyhow::anyhow!("{file}, line {line}: {}", error.message())
    })?;
    anyhow::ensure!(!read.person.is_empty(), "{file} names nobody: add a section [[person]]");
    Ok(read.person.into_iter().map(first).collect())
}

/// Reads the people in the file at `path`.
///
/// # Errors
/// When it cannot be read, or what is wrong with it.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<First>> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    read(&shown, &text)
}

fn first(person: Person) -> First {
    let services = person.service.into_iter().map(|it| (it.name, it.channel, it.attests)).collect();
    let Person { name, identities, seats, roles, channel, service: _ } =
        Person { service: Vec::new(), ..person };
    First { name, identities, seats, roles, channel, services }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn people_are_read_with_their_seats_and_services() {
        let people = read(
            "people.toml",
            "[[person]]\nname = \"Bo\"\nidentities = { email = \"bo@example.test\" }\nroles = [\"reviewer\"]\n\
             seats = [\"privacy\"]\n[[person.service]]\nname = \"desk\"\nattests = [\"identity\"]\n",
        )
        .unwrap();
        assert_eq!((people[0].name.as_str(), people[0].channel.as_str()), ("Bo", "api"));
        assert_eq!(people[0].services[0].0, "desk");
    }

    #[test]
    fn a_mistake_is_told_at_its_line_without_the_people() {
        let error =
            read("people.toml", "[[person]]\nname = \"Bo Secret\"\nrole = 1\n").unwrap_err().to_string();
        assert!(error.starts_with("people.toml, line 3: unknown field"), "{error}");
        assert!(!error.contains("Secret"), "{error}");
    }
}
