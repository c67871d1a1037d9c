//! The beginning of an installation: the first people, tokens and settings, in one transaction that works once.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::PersonId;

use crate::app::Service;
use crate::caller::Role;
use crate::fit;
use crate::govern;
use crate::jobs::schedule;
use crate::person::{Entry, Person};
use crate::ports::chance;
use crate::ports::store::{Change, Find, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::ask;
use crate::settings::{Bundle, Settings};
use crate::token::Token;

const KIND: &str = "bootstrap";

/// One of the first people, with a token of their own, or a service that they answer for.
#[derive(Clone, Debug)]
pub struct First {
    /// For people to read.
    pub name: String,
    /// Verified identities.
    pub identities: BTreeMap<String, String>,
    /// Seats.
    pub seats: BTreeSet<String>,
    /// What their token may do; with `Administrator` they hold no seat.
    pub roles: BTreeSet<Role>,
    /// Where their requests come in.
    pub channel: String,
    /// Services that they answer for: name and what the token attests.
    pub services: Vec<(String, String, BTreeSet<String>)>,
}

/// Who was made, with secrets that are shown this once.
pub struct Begun {
    /// Person, name, and the secret of their token.
    pub people: Vec<(PersonId, String, String)>,
    /// Service and the secret of its token.
    pub services: Vec<(String, String)>,
}

impl Service {
    /// Whether the installation has begun.
    pub async fn has_begun(&self) -> Result<bool, Refusal> {
        let records = vec![(KIND.to_owned(), Find::Id("done".to_owned()))];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        Ok(loaded.of_kind(KIND).next().is_some())
    }

    /// Begins. Refused once it has been done; the first of `people` stands as author in the ledger.
    pub async fn bootstrap(&self, people: Vec<First>, bundle: Bundle) -> Result<Begun, Refusal> {
        let settings = Settings::compile(1, &bundle).map_err(Refusal::Mistakes)?;
        let mut begun = Begun { people: Vec::new(), services: Vec::new() };
        let mut persons = Vec::new();
        let mut tokens = Vec::new();
        for first in people {
            let administers = first.roles.contains(&Role::Administrator);
            if administers && !first.seats.is_empty() {
                return Err(Refusal::invalid("seats", "are not for an administrator"));
            }
            let person = Person {
                id: self.new_person_id(),
                name: first.name.clone(),
                identities: ask::normalised(&first.identities)?.into_iter().collect(),
                seats: first.seats,
                active: true,
                administers,
                roles: first.roles.clone(),
                totp: None,
            };
            let secret = Token::secret(&*self.chance);
            tokens.push((
                person.id,
                None,
                first.roles,
                first.channel.clone(),
                BTreeSet::new(),
                secret.clone(),
            ));
            begun.people.push((person.id, first.name, secret));
            for (service, channel, attests) in first.services {
                let secret = Token::secret(&*self.chance);
                let roles = BTreeSet::from([Role::Submitter]);
                tokens.push((person.id, Some(service.clone()), roles, channel, attests, secret.clone()));
                begun.services.push((service, secret));
            }
            persons.push(person);
        }
        let author = persons
            .first()
            .map(|person| person.id)
            .ok_or_else(|| Refusal::invalid("people", "are needed"))?;
        let (keys, chance) = (self.keys.clone(), std::sync::Arc::clone(&self.chance));
        let needs = Needs {
            records: vec![
                (KIND.to_owned(), Find::Id("done".to_owned())),
                (schedule::KIND.to_owned(), Find::All),
            ],
            ..Needs::default()
        };
        self.act(needs, move |loaded| {
            if loaded.of_kind(KIND).next().is_some() || loaded.settings_version != 0 {
                return Err(Refusal::Standing(
                    "this installation has begun already; bootstrapping works once".to_owned(),
                ));
            }
            let mut change: Change = govern::enter(&settings, &bundle, loaded, author)?;
            change.records.push(record::put(KIND, "done", &loaded.now, Vec::new(), Some(0))?);
            change.records.push(fit::put(&keys)?);
            for person in &persons {
                change.records.push(person.put(&keys, &*chance, Some(0))?);
                let added = Entry::new(loaded.now, person.id, "added", None, author);
                change.entries.push(record::bytes(&added)?);
                for seat in &person.seats {
                    let seated = Entry::new(loaded.now, person.id, "seated", Some(seat.clone()), author);
                    change.entries.push(record::bytes(&seated)?);
                }
            }
            for (person, service, roles, channel, attests, secret) in &tokens {
                let token = Token {
                    label: format!("t{}", hex::encode(chance::bytes::<6>(&*chance))),
                    person: *person,
                    service: service.clone(),
                    roles: roles.clone(),
                    channel: channel.clone(),
                    attests: attests.clone(),
                    minted_at: loaded.now,
                    expires_at: None,
                    revoked_at: None,
                    used_at: None,
                };
                change.entries.push(crate::minting::token_entry(&token, loaded.now, "minted", author)?);
                change.records.push(token.put(Token::key(&keys, secret), Some(0))?);
            }
            Ok((change, ()))
        })
        .await?;
        Ok(begun)
    }
}
