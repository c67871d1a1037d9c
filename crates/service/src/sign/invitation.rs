//! Invitations: a link that lets one person in once. Made by an administrator; where there are two, another has to ask
//! for the same, for whoever holds the link is that person until somebody notices.

use countersign_core::id::{Blind, PersonId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::session::{self, Entered, Means};
use super::{joined, provider};
use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::keys::{Keys, mac};
use crate::person::{self, Entry, Person};
use crate::ports::chance;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::second::{self, Second, What};

const KIND: &str = "invitation";
/// How long a link works.
const LIVES_MS: i64 = 3 * 86_400_000;
/// How long the browser that used it up may send the same again: the answer may have been lost on its way.
const AGAIN_MS: i64 = 2 * 60_000;

#[derive(Serialize, Deserialize)]
struct Invitation {
    person: PersonId,
    by: PersonId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Used>,
}

/// An invitation that was used up.
#[derive(Serialize, Deserialize)]
struct Used {
    /// By the browser that this says, and no other.
    by: Blind,
    /// The session that began so: whoever sends the same again never heard of it.
    session: String,
}

fn used_by(keys: &Keys, secret: &str, word: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"invited", secret.as_bytes(), word.as_bytes()]))
}

/// An invitation that was made. The secret is told this once.
pub struct Invited {
    /// What the link carries.
    pub secret: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

fn key(keys: &Keys, secret: &str) -> String {
    hex::encode(mac(&keys.index, &[b"invitation", secret.as_bytes()]))
}

fn need(keys: &Keys, secret: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(key(keys, secret)))
}

/// What to load for the invitations of a person.
pub(crate) fn need_of(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Term(record::term("person", person.as_bytes())))
}

/// Takes back every invitation that was loaded.
pub(crate) fn take_back(loaded: &Loaded) -> Vec<RecordChange> {
    let delete = |id: &String| RecordChange::Delete { kind: KIND.to_owned(), id: id.clone() };
    loaded.of_kind(KIND).map(|record| delete(&record.id)).collect()
}

/// A loaded invitation that lets somebody in: anybody who holds it, or once more the browser that used it up.
fn invited(loaded: &Loaded, browser: Option<Blind>) -> Result<(Invitation, u64), Refusal> {
    let record = loaded.of_kind(KIND).next().ok_or(Refusal::NotFound("invitation"))?;
    let fresh = record.expires_at.is_some_and(|at| loaded.now < at);
    let invitation: Invitation = record::read(record)?;
    let stands = fresh && invitation.used.as_ref().is_none_or(|used| browser == Some(used.by));
    stands.then_some((invitation, record.version)).ok_or(Refusal::NotFound("invitation"))
}

impl Service {
    /// Invites a person: makes the one link that lets them in once. An earlier one works no longer.
    ///
    /// # Errors
    /// When the caller may not, there is no such person, or another administrator has to ask for the same.
    pub async fn invite(&self, caller: &Caller, id: PersonId) -> Result<Invited, Refusal> {
        let holder = caller.may(Act::ManagePeople)?.clone();
        let secret = hex::encode(chance::bytes::<32>(&*self.chance));
        let what = What::Invite { person: id };
        let mut needs = Needs { records: second::need(&what), ..Needs::default() };
        needs.records.extend([holder.need(), person::need(id), need_of(id)]);
        let settings = self.settings().await?;
        let (keys, new) = (self.keys.clone(), key(&self.keys, &secret));
        let (_, expires_at) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let found = people.get(&id).filter(|(person, _)| person.active);
                let (person, _) = found.ok_or(Refusal::NotFound("person"))?;
                if provider::comes_by(person, settings.oidc.as_ref()) {
                    let why = "they sign in by the identity provider, and by nothing else";
                    return Err(Refusal::Standing(why.to_owned()));
                }
                // Whoever invites themselves gets nothing that they do not have.
                let with = if id == holder.person && person.administers {
                    Change::default()
                } else {
                    match second::ask(loaded, &holder, &what)? {
                        Second::Noted(change) => return Ok((change, None)),
                        Second::Go(with) => with,
                    }
                };
                let expires_at = loaded.now.plus_ms(LIVES_MS);
                let mut records = take_back(loaded);
                records.push(RecordChange::Put {
                    kind: KIND.to_owned(),
                    id: new.clone(),
                    body: record::bytes(&Invitation { person: id, by: holder.person, used: None })?,
                    terms: vec![record::term("person", id.as_bytes())],
                    expires_at: Some(expires_at),
                    expect: Some(0),
                });
                let entry = Entry::new(loaded.now, id, "invited", None, holder.person);
                let change = Change { records, entries: vec![record::bytes(&entry)?], ..Change::default() };
                Ok((second::along(with, change), Some(expires_at)))
            })
            .await?;
        expires_at.map(|expires_at| Invited { secret, expires_at }).ok_or(Refusal::NeedsSecond)
    }

    /// Who would come in by this link, if it works. Looking changes nothing.
    ///
    /// # Errors
    /// When it works no longer.
    pub async fn invitation_stands(&self, secret: &str) -> Result<Person, Refusal> {
        let records = vec![need(&self.keys, secret)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let id = invited(&loaded, None)?.0.person;
        let loaded = self.store.load(Needs { records: vec![person::need(id)], ..Needs::default() }).await?;
        let mut people = person::loaded(&self.keys, &loaded)?;
        let found = people.remove(&id).map(|(person, _)| person).filter(|person| person.active);
        found.ok_or(Refusal::NotFound("invitation"))
    }

    /// Lets its person in, once. `word`: of the browser; what it sends again, since no answer came, is answered again.
    ///
    /// # Errors
    /// When it works no longer.
    pub async fn accept_invitation(
        &self,
        secret: &str,
        word: &str,
        device: &str,
    ) -> Result<Entered, Refusal> {
        let browser = used_by(&self.keys, secret, word);
        let records = vec![need(&self.keys, secret)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await?;
        let id = invited(&loaded, Some(browser))?.0.person;
        let fresh = self.fresh_session(device).await?;
        let settings = self.settings().await?;
        let (keys, entered) = (self.keys.clone(), fresh.secret.clone());
        let (at, records) = (key(&self.keys, secret), vec![need(&self.keys, secret), person::need(id)]);
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            let (invitation, version) = invited(loaded, Some(browser))?;
            if invitation.person != id {
                return Err(Refusal::NotFound("invitation"));
            }
            let people = person::loaded(&keys, loaded)?;
            let stays =
                |person: &Person| person.active && !provider::comes_by(person, settings.oidc.as_ref());
            let found = people.get(&id).filter(|(person, _)| stays(person));
            let (person, _) = found.ok_or(Refusal::NotFound("invitation"))?;
            // Used up. It was loaded, so that of two who press at the same moment one finds it so.
            let expires_at = match &invitation.used {
                None => Some(loaded.now.plus_ms(AGAIN_MS)),
                Some(_) => loaded.of_kind(KIND).next().and_then(|record| record.expires_at),
            };
            let before = invitation.used.as_ref().map(|used| used.session.clone());
            let used = Used { by: browser, session: fresh.key().to_owned() };
            let mut records = vec![
                RecordChange::Put {
                    kind: KIND.to_owned(),
                    id: at.clone(),
                    body: record::bytes(&Invitation { used: Some(used), ..invitation })?,
                    terms: vec![record::term("person", id.as_bytes())],
                    expires_at,
                    expect: Some(version),
                },
                fresh.begin(id, Means::Invitation, false, loaded.now)?,
                joined::put(person, loaded.now)?,
            ];
            let entries = match before {
                // Nobody has its secret.
                Some(lost) => {
                    records.push(session::end_at(&lost));
                    Vec::new()
                }
                None => vec![record::bytes(&Entry::new(loaded.now, id, "joined", None, id))?],
            };
            Ok((Change { records, entries, ..Change::default() }, ()))
        })
        .await?;
        Ok(Entered { secret: entered, person: id })
    }
}
