//! Who somebody is here whom the provider vouches for, and what they have from now on. Pure.

use std::collections::BTreeMap;

use countersign_core::id::PersonId;

use super::Unlet;
use super::claims::Vouched;
use crate::caller::Role;
use crate::person::Person;
use crate::ports::source::Identity;
use crate::requests::ask;
use crate::settings::{Given, Oidc};

/// The kind of identity by which somebody is known at a provider.
pub(super) const KIND: &str = "oidc";
/// The longest name of somebody.
const NAME_MOST: usize = 200;

/// As whom the provider knows somebody.
pub(super) fn identity(issuer: &str, sub: &str) -> Identity {
    // A space stands in no address.
    Identity { kind: KIND.to_owned(), value: format!("{issuer} {sub}") }
}

/// Whether a person signs in by this provider, and by nothing else.
pub(crate) fn comes_by(person: &Person, oidc: Option<&Oidc>) -> bool {
    oidc.is_some_and(|oidc| known_at(person, &oidc.issuer))
}

fn known_at(person: &Person, issuer: &str) -> bool {
    let here = |value: &str| value.split_once(' ').is_some_and(|(at, _)| at == issuer);
    person.identities.iter().any(|(kind, value)| kind == KIND && here(value))
}

/// The verified address, as it is compared.
pub(super) fn address(vouched: &Vouched, oidc: &Oidc) -> Option<Identity> {
    let email = vouched.email.as_ref().filter(|_| vouched.email_verified || oidc.trusts_email)?;
    let typed = [("email".to_owned(), email.clone())].into();
    let value = ask::normalised(&typed).ok()?.remove("email")?;
    Some(Identity { kind: "email".to_owned(), value })
}

/// What becomes of somebody who comes from the provider.
pub(super) struct Settled {
    /// As they are from now on.
    pub(super) next: Person,
    /// What changed, for the ledger: what was done, and which seat or roles.
    pub(super) did: Vec<(&'static str, Option<String>)>,
    /// Whether something was taken from them.
    pub(super) taken: bool,
    /// Whether they are let in.
    pub(super) unlet: Option<Unlet>,
}

/// Who it is among those that were loaded by identity and by address, and what their groups give.
pub(super) fn settle(
    people: &BTreeMap<PersonId, (Person, u64)>,
    vouched: &Vouched,
    oidc: &Oidc,
    new: PersonId,
) -> Result<Settled, Unlet> {
    let identity = identity(&oidc.issuer, &vouched.sub);
    let address = address(vouched, oidc);
    let has = |person: &Person, it: &Identity| {
        person.identities.iter().any(|(kind, value)| *kind == it.kind && *value == it.value)
    };
    let all = || people.values().map(|(person, _)| person);
    let known = all().find(|person| has(person, &identity));
    let addressed = || all().filter(|person| address.as_ref().is_some_and(|it| has(person, it)));
    let by_address = match addressed().filter(|person| person.active).collect::<Vec<_>>()[..] {
        // Somebody who was removed does not come back as somebody new.
        [] => addressed().next(),
        [only] => Some(only),
        [..] => return Err(Unlet::Unclear),
    };
    let given = oidc.given(vouched.groups.iter().map(String::as_str));
    let mut did = Vec::new();
    let person = match (known, by_address) {
        // An address that is another person's now: nobody is two people, or takes another's place.
        (Some(known), Some(other)) if known.id != other.id && other.active => return Err(Unlet::Unclear),
        (Some(known), _) => known.clone(),
        (None, _) if address.is_none() => return Err(Unlet::Unverified),
        (None, Some(other)) if other.active && known_at(other, &oidc.issuer) => return Err(Unlet::Unclear),
        (None, Some(other)) => {
            did.push(("linked", None));
            other.clone()
        }
        (None, None) => {
            did.push(("provisioned", None));
            let name = vouched.name.as_deref().or(vouched.email.as_deref()).unwrap_or("somebody");
            Person {
                id: new,
                name: name.chars().filter(|c| !c.is_control()).take(NAME_MOST).collect(),
                identities: Vec::new(),
                seats: Default::default(),
                active: true,
                administers: false,
                roles: Default::default(),
                totp: None,
            }
        }
    };
    if !person.active {
        return Err(Unlet::NothingGiven);
    }
    if person.administers {
        return Err(Unlet::Administers);
    }
    if given.is_empty() && known.is_none() {
        return Err(Unlet::NothingGiven);
    }
    Ok(changed(person, given, [Some(identity), address], did))
}

fn changed(
    person: Person,
    given: Given,
    identities: [Option<Identity>; 2],
    mut did: Vec<(&'static str, Option<String>)>,
) -> Settled {
    let Given { seats, roles } = given;
    let unlet = (seats.is_empty() && roles.is_empty()).then_some(Unlet::NothingGiven);
    let gone = person.seats.difference(&seats).cloned().map(|seat| ("unseated_by_groups", Some(seat)));
    let came = seats.difference(&person.seats).cloned().map(|seat| ("seated_by_groups", Some(seat)));
    did.extend(gone.chain(came));
    if roles != person.roles {
        let named = roles.iter().map(|role: &Role| role.name()).collect::<Vec<_>>().join("+");
        did.push(("roles_by_groups", Some(named)));
    }
    let taken = !seats.is_superset(&person.seats) || !roles.is_superset(&person.roles);
    let mut next = Person { seats, roles, ..person };
    for identity in identities.into_iter().flatten() {
        let it = (identity.kind, identity.value);
        // What they had before stays: a vote on their own data is refused under every address they ever had. The newest
        // address is where their mail goes.
        if next.identities.iter().find(|(kind, _)| *kind == it.0) != Some(&it) {
            next.identities.retain(|known| *known != it);
            next.identities.insert(0, it);
        }
    }
    Settled { next, did, taken, unlet }
}
