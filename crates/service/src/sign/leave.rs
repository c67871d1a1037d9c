//! Removing a person: their sessions, tokens and ways in end in the transaction that removes them.

use countersign_core::id::PersonId;

use super::provider::comes_by;
use super::{invitation, joined, passkey, session};
use crate::app::Service;
use crate::caller::{Act, Caller, Role};
use crate::jobs::wish;
use crate::minting::token_entry;
use crate::people::BY_GROUPS;
use crate::person::{self, Entry, Person};
use crate::ports::store::{Change, Find, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::second::{self, Second, What};
use crate::token::{self, Token};

impl Service {
    /// Removes a person. What they signed stays in the ledger, and votes of theirs count no longer where nothing has run.
    /// Tokens of services that they answer for go on: those are taken back one by one.
    ///
    /// # Errors
    /// When the caller may not; when it is another administrator, until a second one asks; when it is the last one.
    pub async fn remove_person(&self, caller: &Caller, id: PersonId) -> Result<(), Refusal> {
        let holder = caller.may(Act::ManagePeople)?.clone();
        let what = What::Remove { person: id };
        // Every token is loaded, and every session, invitation and passkey of the person.
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([
            holder.need(),
            person::need(id),
            session::need_of(id),
            invitation::need_of(id),
            passkey::need_of(id),
            (token::KIND.to_owned(), Find::Term(record::term("person", id.as_bytes()))),
        ]);
        let (keys, random) = (self.keys.clone(), std::sync::Arc::clone(&self.chance));
        let (_, removed) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let (person, version) = people.get(&id).ok_or(Refusal::NotFound("person"))?;
                if !person.active {
                    return Ok((Change::default(), true));
                }
                let mut left = second::administrators(loaded)?;
                let administers = left.remove(&id) || person.administers;
                if administers && left.is_empty() {
                    return Err(Refusal::Standing("the last administrator cannot be removed".to_owned()));
                }
                let with = if administers && id != holder.person {
                    match second::ask(loaded, &holder, &what)? {
                        Second::Noted(change) => return Ok((change, false)),
                        Second::Go(with) => with,
                    }
                } else {
                    Change::default()
                };
                let gone = Person {
                    active: false,
                    seats: Default::default(),
                    roles: Default::default(),
                    administers: false,
                    totp: None,
                    ..person.clone()
                };
                let entry = |did| record::bytes(&Entry::new(loaded.now, id, did, None, holder.person));
                let mut change = Change {
                    records: vec![gone.put(&keys, &*random, Some(*version))?, joined::forget(id)],
                    entries: vec![entry("removed")?],
                    jobs: vec![wish("voter", id.to_string(), loaded.now)],
                    ..Change::default()
                };
                change.records.extend(session::end_of(id, loaded)?);
                change.records.extend(invitation::take_back(loaded));
                change.records.extend(passkey::remove_all(loaded));
                for found in loaded.of_kind(token::KIND) {
                    let token: Token = record::read(found)?;
                    if token.person != id || token.service.is_some() || token.revoked_at.is_some() {
                        continue;
                    }
                    let token = Token { revoked_at: Some(loaded.now), ..token };
                    change.records.push(token.put(found.id.clone(), Some(found.version))?);
                    change.entries.push(token_entry(&token, loaded.now, "revoked", holder.person)?);
                }
                Ok((second::along(with, change), true))
            })
            .await?;
        removed.then_some(()).ok_or(Refusal::NeedsSecond)
    }

    /// Changes what a person may do when they sign in, beside what follows from seats. Where there are two
    /// administrators, both ask.
    ///
    /// # Errors
    /// When the caller may not, or a role is none that is given so.
    pub async fn set_roles(
        &self,
        caller: &Caller,
        id: PersonId,
        roles: std::collections::BTreeSet<Role>,
    ) -> Result<Person, Refusal> {
        let holder = caller.may(Act::ManagePeople)?.clone();
        check_roles(&roles)?;
        let named = second::named(&roles);
        let what = What::Roles { person: id, roles: roles.clone() };
        let settings = self.settings().await?;
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([holder.need(), person::need(id), session::need_of(id)]);
        let (keys, random) = (self.keys.clone(), std::sync::Arc::clone(&self.chance));
        let (_, person) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let found = people.get(&id).filter(|(person, _)| person.active);
                let (person, version) = found.ok_or(Refusal::NotFound("person"))?;
                if comes_by(person, settings.oidc.as_ref()) && !person.roles.is_superset(&roles) {
                    return Err(Refusal::Standing(BY_GROUPS.to_owned()));
                }
                let with = match second::ask(loaded, &holder, &what)? {
                    Second::Noted(change) => return Ok((change, None)),
                    Second::Go(with) => with,
                };
                let next = Person { roles: roles.clone(), ..person.clone() };
                let entry = Entry::new(loaded.now, id, "roles", Some(named.clone()), holder.person);
                let mut records = vec![next.put(&keys, &*random, Some(*version))?];
                // A call that is on its way with what was taken must not come through.
                if !roles.is_superset(&person.roles) {
                    records.extend(session::end_of(id, loaded)?);
                }
                let change = Change { records, entries: vec![record::bytes(&entry)?], ..Change::default() };
                Ok((second::along(with, change), Some(next)))
            })
            .await?;
        person.ok_or(Refusal::NeedsSecond)
    }
}

/// Roles that are written at a person: the others follow from what they are.
pub(crate) fn check_roles(roles: &std::collections::BTreeSet<Role>) -> Result<(), Refusal> {
    if roles.iter().any(|role| matches!(role, Role::Administrator | Role::Reviewer)) {
        let why =
            "are submitter, operator and auditor; a seat makes a reviewer, `administers` an administrator";
        return Err(Refusal::invalid("roles", why));
    }
    Ok(())
}
