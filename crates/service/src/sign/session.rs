//! Sessions of people who signed in: kept as a keyed hash, over after a while without use and after a while at all, and
//! taken back one by one. What its person may do is read at each call and never kept here.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::keys::{Keys, mac};
use crate::person::{self, Person};
use crate::ports::chance;
use crate::ports::store::{Change, Find, Loaded, Needs, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::settings::Sessions;

/// The kind of record.
pub const KIND: &str = "session";

const PREFIX: &str = "cs_session_";
/// What policies read as the channel of a request that was submitted from a session.
const CHANNEL: &str = "console";
/// How exactly it is known when a session was used last: to this part of the time that it may idle. A call does not
/// become a write.
const EXACTLY: i64 = 10;

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// By an invitation's link, which worked once.
    Invitation,
    /// By a passkey.
    Passkey,
    /// By a mailed link and a one-time password.
    Totp,
    /// By the company's identity provider.
    #[serde(rename = "oidc")]
    Provider,
}

impl Means {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Means::Invitation => "invitation",
            Means::Passkey => "passkey",
            Means::Totp => "totp",
            Means::Provider => "oidc",
        }
    }
}

/// What is known of a session that began at an identity provider, so that it ends when that one says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FromProvider {
    pub(crate) issuer: String,
    /// A keyed hash of what the provider calls its own session.
    pub(crate) sid: Option<String>,
}

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its public name.
    pub label: String,
    /// Whose.
    pub person: PersonId,
    /// How it began.
    pub means: Means,
    /// The browser, in a few words.
    pub device: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was used last, roughly.
    pub seen_at: Timestamp,
    /// How long it may go unused.
    pub idle_ms: i64,
    /// When it is over in any case.
    pub ends_at: Timestamp,
    /// When its holder last proved to be there, by something that they have.
    pub proved_at: Option<Timestamp>,
    /// Where it began, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<FromProvider>,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// As who they call.
    pub caller: Caller,
    /// Who they are now.
    pub person: Person,
    /// The session that says so.
    pub session: Session,
    holder: Holder,
}

impl SignedIn {
    /// The session as what a transaction looks at again.
    pub(crate) fn holder(&self) -> Holder {
        self.holder.clone()
    }
}

/// A session that began. The secret is its browser's, and is told this once.
pub struct Entered {
    /// What the browser sends from now on.
    pub secret: String,
    /// Who came in.
    pub person: PersonId,
}

/// What a new session is known by, before there is one: drawn outside the transaction that makes it.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) secret: String,
    key: String,
    label: String,
    device: String,
    lifetimes: Sessions,
    provider: Option<FromProvider>,
}

impl Session {
    /// Under what a secret is kept.
    fn key(keys: &Keys, secret: &str) -> Option<String> {
        let ours = secret.len() == PREFIX.len() + 64 && secret.starts_with(PREFIX);
        ours.then(|| hex::encode(mac(&keys.index, &[b"session", secret.as_bytes()])))
    }

    /// Whether it opens anything at `now`.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        now < self.ends_at && now.since_ms(self.seen_at) < self.idle_ms
    }

    pub(crate) fn put(&self, key: &str, expect: u64) -> Result<RecordChange, Refusal> {
        let mut terms =
            vec![record::term("label", &self.label), record::term("person", self.person.as_bytes())];
        let sid = self.provider.as_ref().and_then(|from| from.sid.as_ref());
        terms.extend(sid.map(|sid| record::term("sid", sid)));
        Ok(RecordChange::Put {
            kind: KIND.to_owned(),
            id: key.to_owned(),
            body: record::bytes(self)?,
            terms,
            expires_at: Some(self.ends_at),
            expect: Some(expect),
        })
    }

    /// As who its person calls, as they are now.
    fn holder(&self, key: &str, person: &Person) -> Holder {
        Holder {
            key: key.to_owned(),
            label: self.label.clone(),
            person: self.person,
            service: None,
            roles: person.may_as(),
            channel: CHANNEL.to_owned(),
            attests: Default::default(),
            session: true,
        }
    }
}

impl Fresh {
    /// Under what it will be kept.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The same, to begin at an identity provider.
    pub(crate) fn begun_at(self, from: FromProvider) -> Self {
        Self { provider: Some(from), ..self }
    }

    /// The session, as it begins for `person`. `proved`: by something that they have.
    pub(crate) fn begin(
        &self,
        person: PersonId,
        means: Means,
        proved: bool,
        now: Timestamp,
    ) -> Result<RecordChange, Refusal> {
        let session = Session {
            label: self.label.clone(),
            person,
            means,
            device: self.device.clone(),
            began_at: now,
            seen_at: now,
            idle_ms: self.lifetimes.idle_ms,
            ends_at: now.plus_ms(self.lifetimes.absolute_ms),
            proved_at: proved.then_some(now),
            provider: self.provider.clone(),
        };
        session.put(&self.key, 0)
    }
}

/// Under what the provider's own name of a session is kept.
pub(crate) fn sid_of(keys: &Keys, issuer: &str, sid: &str) -> String {
    hex::encode(mac(&keys.index, &[b"sid", issuer.as_bytes(), sid.as_bytes()]))
}

/// What to load for all sessions of a person.
pub(crate) fn need_of(person: PersonId) -> (String, Find) {
    (KIND.to_owned(), Find::Term(record::term("person", person.as_bytes())))
}

pub(crate) fn end(found: &Record) -> RecordChange {
    end_at(&found.id)
}

/// Ends the session that is kept there.
pub(crate) fn end_at(key: &str) -> RecordChange {
    RecordChange::Delete { kind: KIND.to_owned(), id: key.to_owned() }
}

/// Ends every loaded session of a person; the caller's own may be loaded beside them.
pub(crate) fn end_of(person: PersonId, loaded: &Loaded) -> Result<Vec<RecordChange>, Refusal> {
    let mut ended = Vec::new();
    for found in loaded.of_kind(KIND) {
        if record::read::<Session>(found)?.person == person {
            ended.push(end(found));
        }
    }
    Ok(ended)
}

/// The session of whoever is signed in as it stands now, inside a transaction, and its version.
pub(crate) fn loaded(signed: &SignedIn, loaded: &Loaded) -> Result<(Session, u64), Refusal> {
    let holder = signed.holder();
    holder.recheck(loaded)?;
    let found = loaded.of_kind(KIND).find(|found| found.id == holder.key);
    let found = found.ok_or(Refusal::Unauthenticated)?;
    Ok((record::read(found)?, found.version))
}

/// The session with the note that its holder proved to be there now.
pub(crate) fn proved(signed: &SignedIn, now: &Loaded) -> Result<RecordChange, Refusal> {
    let (session, version) = loaded(signed, now)?;
    Session { proved_at: Some(now.now), ..session }.put(&signed.holder().key, version)
}

/// Looks again, inside a transaction: it may have been ended since the call came in.
pub(crate) fn recheck(key: &str, person: PersonId, loaded: &Loaded) -> Result<(), Refusal> {
    let record = loaded.of_kind(KIND).find(|record| record.id == key).ok_or(Refusal::Unauthenticated)?;
    let session: Session = record::read(record)?;
    let stands = session.stands(loaded.now) && session.person == person;
    stands.then_some(()).ok_or(Refusal::Unauthenticated)
}

impl Service {
    /// What a session that is about to begin will be known by. A secret is never taken from outside: whoever planted one
    /// in a browser has nothing once its user signed in.
    pub(crate) async fn fresh_session(&self, device: &str) -> Result<Fresh, Refusal> {
        let lifetimes = self.settings().await?.sessions;
        let secret = format!("{PREFIX}{}", hex::encode(chance::bytes::<32>(&*self.chance)));
        let key = Session::key(&self.keys, &secret).ok_or(Refusal::Unavailable)?;
        let label = format!("s{}", hex::encode(chance::bytes::<6>(&*self.chance)));
        let device = device.chars().filter(|c| !c.is_control()).take(60).collect();
        Ok(Fresh { secret, key, label, device, lifetimes, provider: None })
    }

    /// Who is signed in by this secret, as they are now.
    ///
    /// # Errors
    /// When it opens nothing: unknown, over, ended, or of somebody who was removed.
    pub async fn signed_in(&self, secret: &str) -> Result<SignedIn, Refusal> {
        let key = Session::key(&self.keys, secret).ok_or(Refusal::Unauthenticated)?;
        let need = (KIND.to_owned(), Find::Id(key.clone()));
        let loaded = self.store.load(Needs { records: vec![need], ..Needs::default() }).await?;
        let record = loaded.of_kind(KIND).next().ok_or(Refusal::Unauthenticated)?;
        let session: Session = record::read(record)?;
        if !session.stands(loaded.now) {
            return Err(Refusal::Unauthenticated);
        }
        let records = vec![person::need(session.person)];
        let people = self.store.load(Needs { records, ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &people)?;
        let (person, _) = people.get(&session.person).ok_or(Refusal::Unauthenticated)?;
        if !person.active {
            return Err(Refusal::Unauthenticated);
        }
        self.note_seen(&key, &session, record.version, loaded.now).await;
        let holder = session.holder(&key, person);
        let caller = Caller::Token(holder.clone());
        Ok(SignedIn { caller, person: person.clone(), session, holder })
    }

    /// Notes that a session is used, unless that was noted a moment ago.
    async fn note_seen(&self, key: &str, session: &Session, version: u64, now: Timestamp) {
        if now.since_ms(session.seen_at) < session.idle_ms / EXACTLY {
            return;
        }
        let (session, key) = (session.clone(), key.to_owned());
        let noted = self
            .act(Needs::default(), move |loaded| {
                // Over what was read alone: a session that was ended meanwhile does not come back.
                let put = Session { seen_at: loaded.now, ..session.clone() }.put(&key, version)?;
                Ok((Change { records: vec![put], ..Change::default() }, ()))
            })
            .await;
        match noted {
            // Another call of the same session noted it first, or it was ended.
            Ok(_) | Err(Refusal::Stale) => {}
            Err(refusal) => tracing::warn!(%refusal, "the use of a session was not noted"),
        }
    }

    /// Ends the session of this secret, if there is one.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn sign_out(&self, secret: &str) -> Result<(), Refusal> {
        let Some(key) = Session::key(&self.keys, secret) else { return Ok(()) };
        self.act(Needs::default(), move |_| {
            let end = RecordChange::Delete { kind: KIND.to_owned(), id: key.clone() };
            Ok((Change { records: vec![end], ..Change::default() }, ()))
        })
        .await?;
        Ok(())
    }

    /// The sessions of a person that stand, the latest first: one's own, or for administrators anybody's.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn sessions_of(&self, caller: &Caller, person: PersonId) -> Result<Vec<Session>, Refusal> {
        may_touch(caller, person)?;
        let loaded = self.store.load(Needs { records: vec![need_of(person)], ..Needs::default() }).await?;
        let mut sessions = Vec::new();
        for record in loaded.of_kind(KIND) {
            let session: Session = record::read(record)?;
            if session.stands(loaded.now) {
                sessions.push(session);
            }
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.began_at));
        Ok(sessions)
    }

    /// Ends a session by its name, or all of a person's but the caller's own; answers how many were ended.
    ///
    /// # Errors
    /// When the caller may not, or there is none of this name.
    pub async fn end_sessions(
        &self,
        caller: &Caller,
        person: PersonId,
        label: Option<&str>,
    ) -> Result<usize, Refusal> {
        let holder = may_touch(caller, person)?.clone();
        let label = label.map(str::to_owned);
        let needs = Needs { records: vec![holder.need(), need_of(person)], ..Needs::default() };
        let (_, ended) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let mut ended = Vec::new();
                for found in loaded.of_kind(KIND) {
                    let session: Session = record::read(found)?;
                    let meant = match &label {
                        Some(label) => session.label == *label,
                        None => found.id != holder.key,
                    };
                    // The caller's own was loaded too, whosever are meant.
                    if meant && session.person == person {
                        ended.push(end(found));
                    }
                }
                if label.is_some() && ended.is_empty() {
                    return Err(Refusal::NotFound("session"));
                }
                let count = ended.len();
                Ok((Change { records: ended, ..Change::default() }, count))
            })
            .await?;
        Ok(ended)
    }
}

/// Whether somebody may look at a person's sessions and end them.
fn may_touch(caller: &Caller, person: PersonId) -> Result<&Holder, Refusal> {
    match caller {
        Caller::Token(holder) if holder.person == person && holder.service.is_none() => Ok(holder),
        Caller::Token(_) | Caller::Subject(_) => caller.may(Act::ManagePeople),
    }
}
