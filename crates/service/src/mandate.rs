//! An agent's mandate: the subject is mailed a link to a page that says who acts for them and what was asked, where one
//! button confirms it and another takes it back. It knows no page, and looking changes nothing.

use countersign_core::id::{Blind, RequestId};
use countersign_core::request::{Command, State};
use countersign_core::subject::{Committed, Proof, Requester};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::app::Service;
use crate::jobs::{JobError, Worked, wish};
use crate::keys::{Keys, mac};
use crate::person;
use crate::ports::chance;
use crate::ports::notifier::{About, Message};
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange, SealedChange, Status};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::judge;
use crate::requests::verify::Started;

/// The kind of record.
const KIND: &str = "mandate";
/// The sealed field with the secret of the link.
const SECRET: &str = "mandate/secret";
/// The sealed field with what the agent wrote.
const TEXT: &str = "mandate";

/// What became of a mandate.
#[derive(Serialize, Deserialize)]
struct Mandate {
    link: Blind,
    confirmed_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A mandate as its subject sees it.
#[derive(Clone, Debug)]
pub struct MandateSeen {
    /// Who acts for them.
    pub agent: String,
    /// What was asked for.
    pub action: String,
    /// What the agent wrote.
    pub text: Option<String>,
    /// Where the request stands.
    pub status: Status,
    /// Whether they confirmed it.
    pub confirmed: bool,
}

impl Service {
    /// Whether a request is an agent's whose subject can be asked at a page of ours.
    pub(crate) fn asks_for_mandate(&self, history: &History) -> bool {
        let asking = &history.state().dossier().submitted().asking;
        matches!(asking.requester, Requester::Agent { .. }) && self.portal_page("").is_some()
    }

    /// Mails the subject the link, once more each time; an earlier link works no longer.
    pub(crate) async fn start_mandate(&self, id: RequestId) -> Result<Started, Refusal> {
        let key = self.key_to_prove(id).await?;
        self.count_mail(id).await?;
        let secret = hex::encode(chance::bytes::<32>(&*self.chance));
        let link = hash(&self.keys, id, &secret);
        let sealed = SealedChange::Field {
            request: id,
            field: SECRET.to_owned(),
            sealed: key.seal(SECRET, secret.as_bytes(), &*self.chance),
        };
        let (_, expires_at) = self
            .act(needs(id), move |loaded| {
                let history = read(loaded)?;
                let State::Waiting(dossier) = history.state() else {
                    return Err(Refusal::Rule(countersign_core::request::Refusal::TooLate));
                };
                let (before, version) = found(loaded)?;
                let confirmed_at = before.and_then(|before| before.confirmed_at);
                let mandate = Mandate { link, confirmed_at, revoked_at: None };
                let change = Change {
                    records: vec![put(id, &mandate, dossier.submitted().expires_at, version)?],
                    sealed: vec![sealed.clone()],
                    jobs: vec![wish("mail_mandate", id.to_string(), loaded.now)],
                    ..Change::default()
                };
                Ok((change, dossier.expires_at()))
            })
            .await?;
        Ok(Started { method: "email".to_owned(), expires_at: Some(expires_at) })
    }

    /// The mail with the link.
    pub(crate) async fn mail_mandate(&self, id: RequestId) -> Result<Worked, JobError> {
        let Some(key) = self.data_key(id).await? else { return Ok(Worked::Done) };
        let history = self.history(id).await?;
        let State::Waiting(dossier) = history.state() else { return Ok(Worked::Done) };
        let secret = self.field(&key, id, SECRET).await?.and_then(|secret| String::from_utf8(secret).ok());
        let to = self.stated(&key, id, "email").await.ok();
        let (Some(secret), Some(to)) = (secret, to) else { return Ok(Worked::Done) };
        let Some(link) = self.portal_page(&format!("/mandates/{id}?key={secret}")) else {
            return Ok(Worked::Done);
        };
        let about = About::Mandate {
            agent: self.agent_of(&history).await?,
            request: id,
            action: dossier.submitted().action.clone(),
            link,
        };
        let language = self.settings().await?.language.clone();
        self.deliver(Message::new(to.value, about, language)).await
    }

    /// What the subject is asked. Looking changes nothing.
    ///
    /// # Errors
    /// The link does not stand any more.
    pub async fn mandate(&self, id: RequestId, secret: &str) -> Result<MandateSeen, Refusal> {
        let loaded = self.store.load(needs(id)).await?;
        let history = read(&loaded).map_err(|_| Refusal::NoChallenge)?;
        let (mandate, _) = standing(&self.keys, id, secret, &loaded)?;
        let text = match self.data_key(id).await? {
            Some(key) => self.field(&key, id, TEXT).await?.and_then(|text| String::from_utf8(text).ok()),
            None => None,
        };
        Ok(MandateSeen {
            agent: self.agent_of(&history).await?,
            action: history.state().dossier().submitted().action.clone(),
            text,
            status: record::status(history.state()),
            confirmed: mandate.confirmed_at.is_some(),
        })
    }

    /// The subject confirms it, which proves their address. Sent twice, it is done once.
    ///
    /// # Errors
    /// The link does not stand any more, or the request does not wait.
    pub async fn confirm_mandate(&self, id: RequestId, secret: &str) -> Result<(), Refusal> {
        let key = self.data_key(id).await?.ok_or(Refusal::NoChallenge)?;
        let identity = self.stated(&key, id, "email").await?;
        let identity = Committed { value: key.commit_identity(&identity), kind: identity.kind };
        let (keys, secret) = (self.keys.clone(), secret.to_owned());
        self.act(needs(id), move |loaded| {
            let mut history = read(loaded)?;
            let (mandate, version) = standing(&keys, id, &secret, loaded)?;
            if mandate.confirmed_at.is_some() {
                return Ok((Change::default(), ()));
            }
            let method = "email".to_owned();
            let proof = Proof { method, identity: identity.clone(), at: loaded.now };
            history.decide(Command::Verify { proof }, loaded.now)?;
            let ends_at = history.state().dossier().submitted().expires_at;
            let confirmed = Mandate { confirmed_at: Some(loaded.now), ..mandate };
            let change = Change {
                request: Some(history.into_change()),
                records: vec![put(id, &confirmed, ends_at, version)?],
                jobs: vec![wish("advance", id.to_string(), loaded.now)],
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        self.advance_now(id).await;
        Ok(())
    }

    /// The subject takes it back, confirmed or not: what still waits, or is released and not begun, ends as withdrawn.
    ///
    /// # Errors
    /// The link does not stand any more; it runs already, or is over.
    pub async fn revoke_mandate(&self, id: RequestId, secret: &str) -> Result<(), Refusal> {
        let (keys, secret) = (self.keys.clone(), secret.to_owned());
        self.act(needs(id), move |loaded| {
            let mut history = read(loaded)?;
            let (mandate, version) = standing(&keys, id, &secret, loaded)?;
            if mandate.revoked_at.is_some() {
                return Ok((Change::default(), ()));
            }
            history.decide(Command::Withdraw { by: None }, loaded.now)?;
            let ends_at = history.state().dossier().submitted().expires_at;
            let revoked = Mandate { revoked_at: Some(loaded.now), ..mandate };
            let mut change = judge::ended(&mut history, loaded.now);
            change.records.push(put(id, &revoked, ends_at, version)?);
            Ok((change, ()))
        })
        .await?;
        Ok(())
    }

    async fn agent_of(&self, history: &History) -> Result<String, Refusal> {
        let Requester::Agent { person } = &history.state().dossier().submitted().asking.requester else {
            return Err(Refusal::NoChallenge);
        };
        let person = *person;
        let loaded =
            self.store.load(Needs { records: vec![person::need(person)], ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        Ok(people.get(&person).map(|(person, _)| person.name.clone()).unwrap_or_default())
    }
}

fn hash(keys: &Keys, id: RequestId, secret: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"mandate", id.as_bytes(), secret.as_bytes()]))
}

fn needs(id: RequestId) -> Needs {
    let records = vec![(KIND.to_owned(), Find::Id(id.to_string()))];
    Needs { request: Some(id), records, ..Needs::default() }
}

fn read(loaded: &Loaded) -> Result<History, Refusal> {
    History::read(loaded.request.as_ref().ok_or(Refusal::NoChallenge)?)
}

fn found(loaded: &Loaded) -> Result<(Option<Mandate>, u64), Refusal> {
    match loaded.of_kind(KIND).next() {
        Some(record) => Ok((Some(record::read(record)?), record.version)),
        None => Ok((None, 0)),
    }
}

/// The mandate that a secret opens.
fn standing(keys: &Keys, id: RequestId, secret: &str, loaded: &Loaded) -> Result<(Mandate, u64), Refusal> {
    let (mandate, version) = found(loaded)?;
    let mandate = mandate.ok_or(Refusal::NoChallenge)?;
    let opens = bool::from(mandate.link.as_bytes().ct_eq(hash(keys, id, secret).as_bytes()));
    opens.then_some((mandate, version)).ok_or(Refusal::NoChallenge)
}

fn put(id: RequestId, mandate: &Mandate, ends_at: Timestamp, version: u64) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: id.to_string(),
        body: record::bytes(mandate)?,
        terms: Vec::new(),
        expires_at: Some(ends_at),
        expect: Some(version),
    })
}
