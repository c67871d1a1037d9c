//! People: who they are, the seats that they hold, how they prove themselves. Sealed in the store, found by
//! blind index.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::id::{Blind, PersonId};
use countersign_core::quorum::Voter;
use countersign_core::request::Actor;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::caller::Role;
use crate::keys::Keys;
use crate::ports::chance::Chance;
use crate::ports::source::Identity;
use crate::ports::store::{Find, Loaded, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::seal;

/// The kind of record.
pub const KIND: &str = "person";

/// A person.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    /// Random.
    pub id: PersonId,
    /// For people to read.
    pub name: String,
    /// Verified identities: kind and normalised value.
    pub identities: Vec<(String, String)>,
    /// Seats held now.
    pub seats: BTreeSet<String>,
    /// Whether they may act at all.
    pub active: bool,
    /// Whether they administer; then they hold no seat.
    pub administers: bool,
    /// What they may do when they sign in, beside what follows from their seats and from administering.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// Their second factor.
    pub totp: Option<Totp>,
}

/// An enrolled one-time password (RFC 6238: SHA-1, six digits, 30 seconds).
#[derive(Clone, Serialize, Deserialize)]
pub struct Totp {
    /// In base 32.
    pub secret: String,
    /// Later than a request, it proves nothing for it.
    pub enrolled_at: Timestamp,
    /// The step of the last code that was taken; no code of it or before is taken again.
    pub last_step: i64,
}

impl Person {
    /// The address for messages.
    pub fn email(&self) -> Option<&str> {
        self.identities.iter().find(|(kind, _)| kind == "email").map(|(_, value)| &**value)
    }

    /// What they may do when they sign in: read anew at each call, so that it ends with what it follows from.
    pub fn may_as(&self) -> BTreeSet<Role> {
        if !self.active {
            return BTreeSet::new();
        }
        let mut roles = self.roles.clone();
        roles.remove(&Role::Administrator);
        if self.administers {
            // Nobody sits on both sides of the table.
            roles.remove(&Role::Reviewer);
            roles.insert(Role::Administrator);
        } else if !self.seats.is_empty() {
            roles.insert(Role::Reviewer);
        }
        roles
    }

    /// Blind indexes of the identities.
    pub fn blinds(&self, keys: &Keys) -> BTreeSet<Blind> {
        self.identities.iter().map(|(kind, value)| seal::blind(keys, kind, value)).collect()
    }

    /// The record, as it is to be written over `expect`.
    pub fn put(
        &self,
        keys: &Keys,
        chance: &dyn Chance,
        expect: Option<u64>,
    ) -> Result<RecordChange, Refusal> {
        let id = self.id.to_string();
        let mut terms: Vec<_> =
            self.blinds(keys).iter().map(|blind| record::term("identity", blind.as_bytes())).collect();
        terms.extend(self.seats.iter().map(|seat| record::term("seat", seat)));
        let sealed = seal::seal_for_store(keys, &label(&id), &record::bytes(self)?, chance);
        Ok(RecordChange::Put { kind: KIND.to_owned(), id, body: sealed, terms, expires_at: None, expect })
    }

    /// The person in a record.
    pub fn read(keys: &Keys, record: &Record) -> Result<Self, Refusal> {
        let damaged =
            |_| Refusal::Damaged("a person's record cannot be opened with this node's keys".to_owned());
        let plain = seal::open_from_store(keys, &label(&record.id), &record.body).map_err(damaged)?;
        serde_json::from_slice(&plain)
            .map_err(|_| Refusal::Damaged("a person's record is not readable".to_owned()))
    }

    /// A record as somebody's with a device, who is nobody: where a record must be opened whether there is one or not.
    pub(crate) fn nobody(keys: &Keys, chance: &dyn Chance) -> Result<Record, Refusal> {
        let id = PersonId::from_bytes([0; 16]);
        let secret = "A".repeat(32);
        let nobody = Person {
            id,
            name: "Nobody Nowhere".to_owned(),
            identities: vec![("email".to_owned(), "nobody@nowhere.example".to_owned())],
            seats: BTreeSet::from(["privacy".to_owned()]),
            active: false,
            administers: false,
            roles: BTreeSet::new(),
            totp: Some(Totp { secret, enrolled_at: Timestamp::from_millis(0), last_step: 0 }),
        };
        let id = id.to_string();
        let body = seal::seal_for_store(keys, &label(&id), &record::bytes(&nobody)?, chance);
        Ok(Record { kind: KIND.to_owned(), id, version: 0, body, expires_at: None })
    }

    /// The person as an actor on a request that is found under these blind indexes.
    pub fn actor(&self, keys: &Keys, subject: &BTreeSet<Blind>) -> Actor {
        let Voter { seats, is_subject } = self.voter(keys, subject);
        Actor { person: self.id, seats, is_subject }
    }

    /// What counts of them as a voter.
    pub fn voter(&self, keys: &Keys, subject: &BTreeSet<Blind>) -> Voter {
        Voter {
            seats: if self.active { self.seats.clone() } else { BTreeSet::new() },
            is_subject: !self.blinds(keys).is_disjoint(subject),
        }
    }
}

fn label(id: &str) -> String {
    format!("person/{id}")
}

/// What to load for a person.
pub fn need(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Id(person.to_string()))
}

/// What to load for whoever has this identity.
pub fn need_by_identity(keys: &Keys, identity: &Identity) -> (String, Find) {
    let blind = seal::blind(keys, &identity.kind, &identity.value);
    (KIND.to_owned(), Find::Term(record::term("identity", blind.as_bytes())))
}

/// The loaded people, with the versions of their records.
pub fn loaded(keys: &Keys, loaded: &Loaded) -> Result<BTreeMap<PersonId, (Person, u64)>, Refusal> {
    loaded
        .of_kind(KIND)
        .map(|record| Person::read(keys, record).map(|person| (person.id, (person, record.version))))
        .collect()
}

/// An entry of the ledger about a person: ids and seats only.
#[derive(Serialize)]
pub(crate) struct Entry {
    v: u8,
    at: Timestamp,
    person: PersonId,
    did: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<String>,
    by: PersonId,
}

impl Entry {
    pub(crate) fn new(
        at: Timestamp,
        person: PersonId,
        did: &'static str,
        seat: Option<String>,
        by: PersonId,
    ) -> Self {
        Self { v: 1, at, person, did, seat, by }
    }
}
