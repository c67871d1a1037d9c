//! Messages to one person each: the code, the outcome, the way in. Texts are the notifier's.

use countersign_core::id::{PersonId, RequestId};
use countersign_core::request::{By, Dossier, Ending, State};
use countersign_core::subject::Requester;

use crate::app::Service;
use crate::jobs::unpack::{self, Packed};
use crate::jobs::{JobError, Worked};
use crate::person;
use crate::portal::WayBack;
use crate::ports::notifier::{About, Message, NotifyError};
use crate::ports::store::Needs;
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::field;
use crate::reviewers;

impl Service {
    pub(crate) async fn mail_code(&self, id: RequestId) -> Result<Worked, JobError> {
        let Some(key) = self.data_key(id).await? else { return Ok(Worked::Done) };
        let needs = Needs { request: Some(id), ..Needs::default() };
        let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let (Some(to), Some(code)) = (
            self.address(&key, id).await?,
            self.field(&key, id, &field::code("email")).await?.and_then(|code| String::from_utf8(code).ok()),
        ) else {
            return Ok(Worked::Done);
        };
        let action = history.state().dossier().submitted().action.clone();
        let expires_at = loaded.now.plus_ms(15 * 60_000);
        let (code, secret) = match code.split_once(' ') {
            Some((code, secret)) => (code.to_owned(), Some(secret.to_owned())),
            None => (code, None),
        };
        let back = self.way_back(&key, id).await?;
        let page = back.as_ref().map(|back| format!("{}/requests/{id}/confirm?key=", back.url));
        let link = page.zip(secret).map(|(page, secret)| page + &secret);
        let about = About::Code { code, request: id, action, expires_at, link };
        let language = self.spoken(back).await?;
        self.deliver(Message::new(to, about, language)).await
    }

    pub(crate) async fn mail_outcome(&self, id: RequestId) -> Result<Worked, JobError> {
        let records = vec![unpack::need(id)];
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let loaded = self.store.load(needs).await.map_err(Refusal::from)?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        let State::Ended(dossier, ending) = history.state() else { return Ok(Worked::Done) };
        let to = match dossier.submitted().asking.requester {
            // An address that was never proved is told nothing: it may be anybody's. A source that holds the subject by
            // it says as much.
            Requester::Subject if is_theirs(dossier) => match self.data_key(id).await? {
                Some(key) => self.address(&key, id).await?,
                None => None,
            },
            Requester::Staff { person } | Requester::Agent { person } => self.email_of(person).await?,
            Requester::Subject | Requester::Service { .. } | Requester::Schedule { .. } => None,
        };
        let Some(to) = to else { return Ok(Worked::Done) };
        let package_until = loaded
            .of_kind(unpack::KIND)
            .next()
            .map(record::read::<Packed>)
            .transpose()?
            .map(|packed| packed.until);
        let (detail, kept) = match ending {
            Ending::Completed { outcome, .. } => {
                let kept = outcome
                    .kept_by_basis()
                    .into_iter()
                    .map(|(basis, rows)| (basis.to_owned(), rows))
                    .collect();
                (Some(outcome.word().to_owned()), kept)
            }
            Ending::Denied { code, by } => {
                let holds = match by {
                    By::Policy { holds, .. } if !holds.is_empty() => format!(" ({})", holds.join(", ")),
                    _ => String::new(),
                };
                (Some(format!("{code}{holds}")), Vec::new())
            }
            Ending::Withdrawn | Ending::Expired | Ending::Abandoned => (None, Vec::new()),
        };
        let back = match self.data_key(id).await? {
            Some(key) => self.way_back(&key, id).await?,
            None => None,
        };
        let about = About::Outcome {
            link: back.as_ref().map(|back| format!("{}/requests/{id}", back.url)),
            request: id,
            action: dossier.submitted().action.clone(),
            status: record::status(history.state()).name().to_owned(),
            detail,
            kept,
            package_until,
        };
        let language = self.spoken(back).await?;
        self.deliver(Message::new(to, about, language)).await
    }

    /// The record of the link.
    pub(crate) async fn mail_signing_in(&self, at: &str) -> Result<Worked, JobError> {
        match self.signing_in(at).await? {
            Some(message) => self.deliver(message).await,
            None => Ok(Worked::Done),
        }
    }

    /// The person.
    pub(crate) async fn mail_set_up(&self, key: &str) -> Result<Worked, JobError> {
        let id = key.parse().map_err(|_| Refusal::Damaged("a notice names nobody".to_owned()))?;
        let records = vec![person::need(id), reviewers::need_choice(id)];
        let loaded = self.store.load(Needs { records, ..Needs::default() }).await.map_err(Refusal::from)?;
        let people = person::loaded(&self.keys, &loaded)?;
        let person = people.get(&id).map(|(person, _)| person);
        let Some(to) = person.and_then(|person| person.email()).map(str::to_owned) else {
            return Ok(Worked::Done);
        };
        let language = reviewers::reads(&*self.settings().await?, &loaded, id)?;
        self.deliver(Message::new(to, About::SetUp, language)).await
    }

    pub(crate) async fn deliver(&self, message: Message) -> Result<Worked, JobError> {
        match self.notifier.send(&message).await {
            Ok(()) => Ok(Worked::Done),
            Err(error @ NotifyError::Retry(_)) => Err(JobError::Retry(Refusal::Source(error.to_string()))),
            Err(error @ NotifyError::GiveUp(_)) => Err(JobError::GiveUp(Refusal::Source(error.to_string()))),
        }
    }

    /// How the mail's reader finds back to the portal, if the request came in there.
    pub(crate) async fn way_back(
        &self,
        key: &crate::seal::DataKey,
        id: RequestId,
    ) -> Result<Option<WayBack>, Refusal> {
        let plain = self.field(key, id, field::PORTAL).await?;
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    /// The language that somebody reads who asked at the portal; that of everybody for whoever said nothing.
    async fn spoken(&self, back: Option<WayBack>) -> Result<String, Refusal> {
        match back {
            Some(back) => Ok(back.language),
            None => Ok(self.settings().await?.language.clone()),
        }
    }

    async fn address(&self, key: &crate::seal::DataKey, id: RequestId) -> Result<Option<String>, Refusal> {
        let plain = self.field(key, id, field::SUBJECT).await?;
        let stated: field::Stated =
            plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        Ok(stated.get("email").cloned())
    }

    pub(crate) async fn email_of(&self, id: PersonId) -> Result<Option<String>, Refusal> {
        let loaded = self.store.load(Needs { records: vec![person::need(id)], ..Needs::default() }).await?;
        let people = person::loaded(&self.keys, &loaded)?;
        Ok(people.get(&id).and_then(|(person, _)| person.email().map(str::to_owned)))
    }
}

/// Whether the stated address is known to be the subject's: it was proved, or what was proved otherwise was found together
/// with it.
fn is_theirs(dossier: &Dossier) -> bool {
    let proofs = dossier.proofs();
    proofs.iter().any(|proof| proof.identity.kind == "email")
        || (!proofs.is_empty() && dossier.survey().is_some())
}
