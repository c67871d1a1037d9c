//! What an administrator may not do alone: each kind of act, and how it is written down, with everything in it that could
//! differ. Ids and hashes, nobody's data.

use std::collections::BTreeSet;
use std::fmt;

use countersign_core::id::PersonId;

use crate::caller::Role;

/// An act that needs both administrators where there are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Enter a version of the settings.
    Settings {
        /// The version that it would be.
        version: u64,
        /// Of all its files.
        hash: String,
    },
    /// Give a person a seat, or take it.
    Seat {
        /// Whom.
        person: PersonId,
        /// Which seat.
        seat: String,
        /// Whether it is given.
        give: bool,
    },
    /// Say what a person may do when they sign in.
    Roles {
        /// Whom.
        person: PersonId,
        /// All of them.
        roles: BTreeSet<Role>,
    },
    /// Add somebody who administers, or who may do something from the beginning.
    Add {
        /// Whether they administer.
        administers: bool,
        /// What they may do.
        roles: BTreeSet<Role>,
        /// A keyed hash of everything that is said of them.
        person: String,
    },
    /// Set up a device for a person.
    Device {
        /// Whom.
        person: PersonId,
    },
    /// Invite a person.
    Invite {
        /// Whom.
        person: PersonId,
    },
    /// Remove another administrator.
    Remove {
        /// Whom.
        person: PersonId,
    },
    /// Mint a token that attests.
    Token {
        /// A hash of everything that is said of it.
        shape: String,
    },
    /// Take back another administrator's token.
    Revoke {
        /// Its public name.
        label: String,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Settings { version, hash } => write!(f, "settings/{version}/{hash}"),
            What::Seat { person, seat, give } => {
                write!(f, "seat/{person}/{seat}/{}", if *give { "give" } else { "take" })
            }
            What::Roles { person, roles } => write!(f, "roles/{person}/{}", named(roles)),
            What::Add { administers, roles, person } => {
                let kind = if *administers { "administrator" } else { "person" };
                write!(f, "add/{kind}/{}/{person}", named(roles))
            }
            What::Device { person } => write!(f, "device/{person}"),
            What::Invite { person } => write!(f, "invite/{person}"),
            What::Remove { person } => write!(f, "remove/{person}"),
            What::Token { shape } => write!(f, "token/{shape}"),
            What::Revoke { label } => write!(f, "revoke/{label}"),
        }
    }
}

impl What {
    /// What was written down; `None` if another program wrote it, and this one does not know it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        Some(match *parts.as_slice() {
            ["settings", version, hash] => {
                What::Settings { version: version.parse().ok()?, hash: hash.to_owned() }
            }
            ["seat", person, seat, how @ ("give" | "take")] => {
                What::Seat { person: person.parse().ok()?, seat: seat.to_owned(), give: how == "give" }
            }
            ["roles", person, roles] => What::Roles { person: person.parse().ok()?, roles: read(roles)? },
            ["add", kind @ ("administrator" | "person"), roles, person] => What::Add {
                administers: kind == "administrator",
                roles: read(roles)?,
                person: person.to_owned(),
            },
            ["device", person] => What::Device { person: person.parse().ok()? },
            ["invite", person] => What::Invite { person: person.parse().ok()? },
            ["remove", person] => What::Remove { person: person.parse().ok()? },
            ["token", shape] => What::Token { shape: shape.to_owned() },
            ["revoke", label] => What::Revoke { label: label.to_owned() },
            _ => return None,
        })
    }
}

/// Roles in one word, also for entries.
pub(crate) fn named(roles: &BTreeSet<Role>) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join("+")
}

fn read(named: &str) -> Option<BTreeSet<Role>> {
    let known = |name: &str| Role::ALL.into_iter().find(|role| role.name() == name);
    named.split('+').filter(|name| !name.is_empty()).map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        let person = PersonId::from_bytes([7; 16]);
        let roles = BTreeSet::from([Role::Operator, Role::Auditor]);
        let all = [
            What::Settings { version: 3, hash: "ab".to_owned() },
            What::Seat { person, seat: "privacy".to_owned(), give: true },
            What::Seat { person, seat: "privacy".to_owned(), give: false },
            What::Roles { person, roles: roles.clone() },
            What::Roles { person, roles: BTreeSet::new() },
            What::Add { administers: true, roles: BTreeSet::new(), person: "cd".to_owned() },
            What::Add { administers: false, roles, person: "cd".to_owned() },
            What::Device { person },
            What::Invite { person },
            What::Remove { person },
            What::Token { shape: "ef".to_owned() },
            What::Revoke { label: "t1".to_owned() },
        ];
        for what in all {
            assert_eq!(What::read(&what.to_string()).as_ref(), Some(&what), "{what}");
        }
        assert_eq!(What::read("something/else"), None);
    }
}
