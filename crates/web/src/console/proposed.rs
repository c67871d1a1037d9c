//! What waits for a second administrator, in words. Every kind of act has its own: the match has every arm.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_service::caller::Role;
use countersign_service::person::Person;
use countersign_service::{Proposed, What};

use super::people::name;

/// What a proposal is about, in words: nobody countersigns what they cannot read.
pub(super) fn what(proposed: &Proposed, people: &[Person]) -> String {
    let named = |id: &PersonId| name(people, *id);
    match &proposed.what {
        Some(What::Seat { person, seat, give: true }) => format!("Give {} the seat {seat}", named(person)),
        Some(What::Seat { person, seat, give: false }) => {
            format!("Take the seat {seat} from {}", named(person))
        }
        Some(What::Settings { version, .. }) => format!("Enter version {version} of the settings"),
        Some(What::Roles { person, roles }) if roles.is_empty() => {
            format!("Let {} do nothing beside what follows from their seats", named(person))
        }
        Some(What::Roles { person, roles }) => format!("Let {} be {}", named(person), listed(roles)),
        Some(What::Add { administers: true, roles, .. }) if roles.is_empty() => {
            "Add somebody who administers".to_owned()
        }
        Some(What::Add { administers: true, roles, .. }) => {
            format!("Add somebody who administers, and is {}", listed(roles))
        }
        Some(What::Add { administers: false, roles, .. }) => format!("Add somebody who is {}", listed(roles)),
        Some(What::Device { person }) => {
            format!("Set up one-time passwords for {}: whoever asks last sees their secret", named(person))
        }
        Some(What::Invite { person }) => {
            format!("Invite {}: whoever asks last gets the link", named(person))
        }
        Some(What::Remove { person }) => format!("Remove {}, who administers", named(person)),
        Some(What::Token { .. }) => "Mint a token that attests".to_owned(),
        Some(What::Revoke { label }) => format!("Take the token {label} back"),
        None => "Something that only a newer version of this program knows".to_owned(),
    }
}

fn listed(roles: &BTreeSet<Role>) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use countersign_core::time::Timestamp;

    use super::*;

    fn said(what: Option<What>) -> String {
        let person = Person {
            id: PersonId::from_bytes([1; 16]),
            name: "Olga".to_owned(),
            identities: Vec::new(),
            seats: BTreeSet::new(),
            active: true,
            administers: false,
            roles: BTreeSet::new(),
            totp: None,
        };
        let proposed = Proposed { what, by: person.id, at: Timestamp::from_millis(0) };
        super::what(&proposed, &[person])
    }

    #[test]
    fn every_kind_of_act_has_words_that_say_what_it_is_and_about_whom() {
        let olga = PersonId::from_bytes([1; 16]);
        let roles = BTreeSet::from([Role::Operator, Role::Auditor]);
        let seat = |give| What::Seat { person: olga, seat: "privacy".to_owned(), give };
        let add = |administers, roles: &BTreeSet<Role>| What::Add {
            administers,
            roles: roles.clone(),
            person: String::new(),
        };
        let none = BTreeSet::new();
        for (what, words) in [
            (seat(true), "Give Olga the seat privacy"),
            (seat(false), "Take the seat privacy from Olga"),
            (What::Settings { version: 3, hash: String::new() }, "Enter version 3 of the settings"),
            (What::Roles { person: olga, roles: roles.clone() }, "Let Olga be operator, auditor"),
            (
                What::Roles { person: olga, roles: none.clone() },
                "Let Olga do nothing beside what follows from their seats",
            ),
            (add(true, &none), "Add somebody who administers"),
            (add(true, &roles), "Add somebody who administers, and is operator, auditor"),
            (add(false, &roles), "Add somebody who is operator, auditor"),
            (
                What::Device { person: olga },
                "Set up one-time passwords for Olga: whoever asks last sees their secret",
            ),
            (What::Invite { person: olga }, "Invite Olga: whoever asks last gets the link"),
            (What::Remove { person: olga }, "Remove Olga, who administers"),
            (What::Token { shape: String::new() }, "Mint a token that attests"),
            (What::Revoke { label: "t1".to_owned() }, "Take the token t1 back"),
        ] {
            assert_eq!(said(Some(what)), words);
        }
        assert!(said(None).contains("newer version"));
    }
}
