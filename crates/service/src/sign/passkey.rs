//! Passkeys of people of ours: enrolled from a session that may, listed, removed. The keys are public; which device holds
//! the other half is nobody's business here.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs::prelude::{Passkey, PasskeyRegistration, RegisterPublicKeyCredential, Uuid};

use super::ceremony::{self, Purpose};
use super::session::{Means, Session, SignedIn};
use super::site::Site;
use crate::app::Service;
use crate::jobs::wish;
use crate::keys::{Keys, mac};
use crate::person::{self, Entry, Person};
use crate::ports::chance;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;

const KIND: &str = "passkey";
/// As many devices as anybody has.
const MOST: usize = 10;
/// How fresh a proof must be for something to be added by which its holder signs in.
const FRESH_MS: i64 = 10 * 60_000;
/// How long after coming in the first thing can be set up.
const SETTING_UP_MS: i64 = 60 * 60_000;

/// A passkey of somebody.
#[derive(Clone, Serialize, Deserialize)]
pub struct Held {
    /// Its public name.
    pub label: String,
    /// Whose.
    pub person: PersonId,
    /// The browser that it was set up in, in a few words.
    pub device: String,
    /// When it was set up.
    pub enrolled_at: Timestamp,
    /// When it was used last.
    pub used_at: Option<Timestamp>,
    pub(super) key: Passkey,
}

/// Under what a credential is kept.
pub(super) fn id(keys: &Keys, credential: &[u8]) -> String {
    hex::encode(mac(&keys.index, &[b"passkey", credential]))
}

pub(super) fn need(keys: &Keys, credential: &[u8]) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id(keys, credential)))
}

/// What to load for all of a person's.
pub(super) fn need_of(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Term(record::term("person", person.as_bytes())))
}

/// Those that were loaded, each with where it is kept and its version.
pub(super) fn held(loaded: &Loaded) -> Result<Vec<(Held, String, u64)>, Refusal> {
    let one = |found| record::read(found).map(|held| (held, found.id.clone(), found.version));
    loaded.of_kind(KIND).map(one).collect()
}

/// Removes all that were loaded.
pub(super) fn remove_all(loaded: &Loaded) -> Vec<RecordChange> {
    loaded.of_kind(KIND).map(|found| remove(&found.id)).collect()
}

fn remove(id: &str) -> RecordChange {
    RecordChange::Delete { kind: KIND.to_owned(), id: id.to_owned() }
}

impl Held {
    pub(super) fn put(&self, id: String, expect: u64) -> Result<RecordChange, Refusal> {
        let terms = vec![record::term("person", self.person.as_bytes())];
        record::put(KIND, id, self, terms, Some(expect))
    }
}

/// Whether something may be set up from this session by which its person then signs in. Whoever found a browser open must
/// not come back the next day by a device of their own.
pub(super) fn may_set_up(session: &Session, has_any: bool, now: Timestamp) -> Result<(), Refusal> {
    let proved = session.proved_at.is_some_and(|at| now.since_ms(at) < FRESH_MS);
    let new = now.since_ms(session.began_at) < SETTING_UP_MS;
    let invited = session.means == Means::Invitation;
    let may = proved || (new && (invited || !has_any));
    may.then_some(()).ok_or(Refusal::StepUp { within_ms: FRESH_MS })
}

/// The session that was loaded, of whoever is signed in, and everything that they sign in with.
pub(super) fn standing(
    keys: &Keys,
    signed: &SignedIn,
    loaded: &Loaded,
) -> Result<(Session, Person, u64, bool), Refusal> {
    let (session, _) = super::session::loaded(signed, loaded)?;
    let people = person::loaded(keys, loaded)?;
    let found = people.get(&signed.person.id).filter(|(person, _)| person.active);
    let (person, version) = found.ok_or(Refusal::Unauthenticated)?;
    let has_any = person.totp.is_some() || loaded.of_kind(KIND).next().is_some();
    Ok((session, person.clone(), *version, has_any))
}

impl Service {
    /// What to load for [`standing`].
    pub(super) fn needs_of(&self, signed: &SignedIn) -> Needs {
        let id = signed.person.id;
        Needs { records: vec![signed.holder().need(), person::need(id), need_of(id)], ..Needs::default() }
    }

    /// Asks a browser to make a passkey. Answers with what its script is handed.
    ///
    /// # Errors
    /// When a fresh proof is needed first, or there are as many as anybody has.
    pub async fn begin_passkey(&self, site: &Site, signed: &SignedIn, word: &str) -> Result<Value, Refusal> {
        let loaded = self.store.load(self.needs_of(signed)).await?;
        let (session, person, _, has_any) = standing(&self.keys, signed, &loaded)?;
        may_set_up(&session, has_any, loaded.now)?;
        let held = held(&loaded)?;
        if held.len() >= MOST {
            return Err(Refusal::Standing(format!("there are {MOST} passkeys; remove one first")));
        }
        let known = held.iter().map(|(held, ..)| held.key.cred_id().clone()).collect();
        let name = person.email().unwrap_or(&person.name);
        let user = Uuid::from_bytes(*person.id.as_bytes());
        let begun = site.0.start_passkey_registration(user, name, &person.name, Some(known));
        let (asked, state) = begun.map_err(not_proved)?;
        self.begin_ceremony(Purpose::Enrol, word, &state).await?;
        let mut asked = serde_json::to_value(asked).map_err(|_| Refusal::Unavailable)?;
        // So that it is found again without typing who one is.
        asked["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
        asked["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
        Ok(asked)
    }

    /// Keeps the passkey that a browser made.
    ///
    /// # Errors
    /// When it is not what was asked for, or somebody has it already.
    pub async fn keep_passkey(
        &self,
        site: &Site,
        signed: &SignedIn,
        word: &str,
        answer: &str,
        device: &str,
    ) -> Result<(), Refusal> {
        let state: PasskeyRegistration = self.ceremony(Purpose::Enrol, word).await?;
        let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(not_proved)?;
        let key = site.0.finish_passkey_registration(&answer, &state).map_err(not_proved)?;
        let new = id(&self.keys, key.cred_id());
        let mut needs = self.needs_of(signed);
        needs.records.push((KIND.to_owned(), Find::Id(new.clone())));
        needs.records.push(ceremony::need(&self.keys, Purpose::Enrol, word));
        let label = format!("k{}", hex::encode(chance::bytes::<6>(&*self.chance)));
        let (keys, signed, device) = (self.keys.clone(), signed.clone(), device.to_owned());
        self.act(needs, move |loaded| {
            // Answered once.
            let _: PasskeyRegistration = ceremony::standing(loaded)?;
            let (session, person, _, has_any) = standing(&keys, &signed, loaded)?;
            may_set_up(&session, has_any, loaded.now)?;
            if held(loaded)?.iter().any(|(_, id, _)| *id == new) {
                return Err(Refusal::Standing("this passkey is known already".to_owned()));
            }
            let held = Held {
                label: label.clone(),
                person: person.id,
                device: device.clone(),
                enrolled_at: loaded.now,
                used_at: None,
                key: key.clone(),
            };
            let mut records = ceremony::end(loaded);
            records.push(held.put(new.clone(), 0)?);
            let entry = Entry::new(loaded.now, person.id, "enrolled_passkey", None, person.id);
            let jobs = vec![wish("mail_set_up", person.id.to_string(), loaded.now)];
            Ok((Change { records, entries: vec![record::bytes(&entry)?], jobs, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }

    /// The passkeys of whoever is signed in, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn passkeys(&self, signed: &SignedIn) -> Result<Vec<Held>, Refusal> {
        let records = vec![need_of(signed.person.id)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let mut all: Vec<Held> = held(&loaded)?.into_iter().map(|(held, ..)| held).collect();
        all.sort_by_key(|held| held.enrolled_at);
        Ok(all)
    }

    /// Ends other sessions of whoever is signed in, one by its name or all of them: after a fresh proof, so that who found a
    /// browser open does not keep its owner out everywhere else.
    ///
    /// # Errors
    /// When a fresh proof is needed first, or there is none of this name.
    pub async fn end_own_sessions(&self, signed: &SignedIn, label: Option<&str>) -> Result<usize, Refusal> {
        let loaded = self.store.load(self.needs_of(signed)).await?;
        let (session, person, _, has_any) = standing(&self.keys, signed, &loaded)?;
        may_set_up(&session, has_any, loaded.now)?;
        self.end_sessions(&signed.caller, person.id, label).await
    }

    /// Removes a passkey of whoever is signed in.
    ///
    /// # Errors
    /// When a fresh proof is needed first, or there is none of this name.
    pub async fn remove_passkey(&self, signed: &SignedIn, label: &str) -> Result<(), Refusal> {
        let (keys, signed, label) = (self.keys.clone(), signed.clone(), label.to_owned());
        self.act(self.needs_of(&signed), move |loaded| {
            let (session, person, _, has_any) = standing(&keys, &signed, loaded)?;
            may_set_up(&session, has_any, loaded.now)?;
            let all = held(loaded)?;
            let (_, id, _) =
                all.iter().find(|(held, ..)| held.label == label).ok_or(Refusal::NotFound("passkey"))?;
            let entry = Entry::new(loaded.now, person.id, "removed_passkey", None, person.id);
            let (records, entries) = (vec![remove(id)], vec![record::bytes(&entry)?]);
            Ok((Change { records, entries, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }
}

/// Whatever was wrong with an answer is told to nobody: it may have been made to find out.
pub(super) fn not_proved(error: impl std::fmt::Display) -> Refusal {
    tracing::debug!(%error, "a passkey did not prove anything");
    Refusal::NotProved
}
