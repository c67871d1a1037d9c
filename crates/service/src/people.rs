//! People and seats: records, with an entry in the ledger for each change.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;

use crate::app::Service;
use crate::caller::{Act, Caller, Role};
use crate::jobs::wish;
use crate::keys::{Keys, mac};
use crate::person::{self, Entry, Person};
use crate::ports::store::{Change, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::ask;
use crate::second::{self, Second, What};
use crate::sign::leave::check_roles;
use crate::sign::provider::comes_by;
use crate::token::{self, Token};

/// A person to add.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// For people to read.
    pub name: String,
    /// Verified identities.
    pub identities: BTreeMap<String, String>,
    /// Whether they administer; then they never hold a seat.
    pub administers: bool,
    /// What they may do when they sign in, beside what follows from seats and from administering.
    pub roles: BTreeSet<Role>,
}

/// What is said to whoever would give by hand what a group gives.
pub(crate) const BY_GROUPS: &str =
    "their seats and roles follow from their groups at the identity provider: put them into one there";

impl Service {
    /// Who calls with this token.
    pub async fn caller(&self, bearer: &str) -> Result<Caller, Refusal> {
        if let Some(request) = Keys::named_by(bearer) {
            return self.subject(bearer, request).await;
        }
        let need = Token::need(&self.keys, bearer).ok_or(Refusal::Unauthenticated)?;
        let last_use = Token::need_use(&Token::key(&self.keys, bearer));
        let loaded = self.store.load(Needs { records: vec![need, last_use], ..Needs::default() }).await?;
        let record = loaded.of_kind(token::KIND).next().ok_or(Refusal::Unauthenticated)?;
        let token: Token = record::read(record)?;
        let holder = token.holder(&record.id, loaded.now).ok_or(Refusal::Unauthenticated)?;
        self.note_use(&record.id, &loaded).await;
        Ok(Caller::Token(holder))
    }

    /// Adds a person. Somebody who administers, or may do something from the beginning, is added by both administrators
    /// where there are two.
    ///
    /// # Errors
    /// When the caller may not, something said of them is wrong, or another administrator has to ask for the same.
    pub async fn put_person(&self, caller: &Caller, new: NewPerson) -> Result<Person, Refusal> {
        let holder = caller.may(Act::ManagePeople)?.clone();
        ask::check_text("name", &new.name)?;
        let identities: Vec<_> = ask::normalised(&new.identities)?.into_iter().collect();
        check_roles(&new.roles)?;
        let what = (new.administers || !new.roles.is_empty()).then(|| self.added(&new, &identities));
        let person = Person {
            id: self.new_person_id(),
            name: new.name,
            identities,
            seats: BTreeSet::new(),
            active: true,
            administers: new.administers,
            roles: new.roles,
            totp: None,
        };
        let put = person.put(&self.keys, &*self.chance, Some(0))?;
        let (id, by) = (person.id, holder.person);
        let mut needs = Needs { records: vec![holder.need()], ..Needs::default() };
        needs.records.extend(what.iter().flat_map(second::need));
        let (_, added) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let with = match &what {
                    None => Change::default(),
                    Some(what) => match second::ask(loaded, &holder, what)? {
                        Second::Noted(change) => return Ok((change, false)),
                        Second::Go(with) => with,
                    },
                };
                let entry = Entry::new(loaded.now, id, "added", None, by);
                let entries = vec![record::bytes(&entry)?];
                let change = Change { records: vec![put.clone()], entries, ..Change::default() };
                Ok((second::along(with, change), true))
            })
            .await?;
        if added { Ok(person) } else { Err(Refusal::NeedsSecond) }
    }

    /// Somebody to add who may do something at once. What names them goes under a key: it stands in the ledger.
    fn added(&self, new: &NewPerson, identities: &[(String, String)]) -> What {
        let mut parts: Vec<&[u8]> = vec![b"added", new.name.as_bytes()];
        parts.extend(identities.iter().flat_map(|(kind, value)| [kind.as_bytes(), value.as_bytes()]));
        let person = hex::encode(mac(&self.keys.index, &parts));
        What::Add { administers: new.administers, roles: new.roles.clone(), person }
    }

    /// People, in the order of their ids.
    pub async fn people(
        &self,
        caller: &Caller,
        after: Option<PersonId>,
        limit: u32,
    ) -> Result<Vec<Person>, Refusal> {
        caller.may(Act::ManagePeople)?;
        let after = after.map(|id| id.to_string());
        let records = self.store.page(person::KIND, after.as_deref(), limit.clamp(1, 200)).await?;
        records.iter().map(|record| Person::read(&self.keys, record)).collect()
    }

    /// One person.
    pub async fn person(&self, caller: &Caller, id: PersonId) -> Result<Person, Refusal> {
        caller.may(Act::ManagePeople)?;
        let loaded = self.store.load(Needs { records: vec![person::need(id)], ..Needs::default() }).await?;
        let found = person::loaded(&self.keys, &loaded)?.remove(&id);
        found.map(|(person, _)| person).ok_or(Refusal::NotFound("person"))
    }

    /// The seats that a person holds now.
    pub(crate) async fn seats_of(&self, id: PersonId) -> Result<BTreeSet<String>, Refusal> {
        let loaded = self.store.load(Needs { records: vec![person::need(id)], ..Needs::default() }).await?;
        let found = person::loaded(&self.keys, &loaded)?.remove(&id);
        Ok(found.map(|(person, _)| person.seats).unwrap_or_default())
    }

    /// Gives a person a seat, or takes it away. Open requests that they voted on are judged again.
    pub async fn set_seat(
        &self,
        caller: &Caller,
        id: PersonId,
        seat: &str,
        held: bool,
    ) -> Result<Person, Refusal> {
        let holder = caller.may(Act::ManagePeople)?.clone();
        let settings = self.settings().await?;
        if held && !settings.groups.contains(seat) {
            let known = settings.groups.iter().cloned().collect::<Vec<_>>().join(", ");
            return Err(Refusal::invalid("seat", format!("is not configured; there are: {known}")));
        }
        let what = What::Seat { person: id, seat: seat.to_owned(), give: held };
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([holder.need(), person::need(id)]);
        let (keys, chance, seat) = (self.keys.clone(), std::sync::Arc::clone(&self.chance), seat.to_owned());
        let (_, person) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let (person, version) = people.get(&id).ok_or(Refusal::NotFound("person"))?;
                if held && person.administers {
                    return Err(Refusal::Standing("an administrator holds no seat".to_owned()));
                }
                if held && comes_by(person, settings.oidc.as_ref()) {
                    return Err(Refusal::Standing(BY_GROUPS.to_owned()));
                }
                if person.seats.contains(&seat) == held {
                    return Ok((Change::default(), Some(person.clone())));
                }
                let with = match second::ask(loaded, &holder, &what)? {
                    Second::Noted(change) => return Ok((change, None)),
                    Second::Go(with) => with,
                };
                let mut next = person.clone();
                if held {
                    next.seats.insert(seat.clone());
                } else {
                    next.seats.remove(&seat);
                }
                let did = if held { "seated" } else { "unseated" };
                let entry = Entry::new(loaded.now, id, did, Some(seat.clone()), holder.person);
                let change = Change {
                    records: vec![next.put(&keys, &*chance, Some(*version))?],
                    entries: vec![record::bytes(&entry)?],
                    jobs: vec![wish("voter", id.to_string(), loaded.now)],
                    ..Change::default()
                };
                Ok((second::along(with, change), Some(next)))
            })
            .await?;
        person.ok_or(Refusal::NeedsSecond)
    }
}
