//! Proof of intent: a code that was sent to an address, or a one-time password of an enrolled device.

mod challenge;

use countersign_core::id::{Blind, RequestId};
use countersign_core::request::State;
use countersign_core::subject::{Committed, Proof, Requester};
use countersign_core::time::Timestamp;
use subtle::ConstantTimeEq;

use crate::app::Service;
use crate::caller::{Act, Caller, Holder};
use crate::fetch::fresh;
use crate::jobs::{unpack, wish};
use crate::keys::{Keys, mac};
use crate::person::{self, Person};
use crate::portal::WayBack;
use crate::ports::chance;
use crate::ports::source::Identity;
use crate::ports::store::{Change, Needs, SealedChange};
use crate::record::{self, History};
use crate::refusal::Refusal;
use crate::requests::facts;
use crate::requests::field;
use crate::requests::picture::Picture;
use crate::seal::DataKey;
use crate::totp;

use challenge::LIVES_MS;
pub(crate) use challenge::{Challenge, challenge, need, put, tries, wrong};

const METHODS: &str = "is `email`, `totp`, `passkey` or `statement`";
/// Codes that may be asked for before the first has run out.
const STARTS: u32 = 5;
/// How long a code that was mailed holds; wrong tries, and codes, are counted for longer.
const CODE_LIVES_MS: i64 = 10 * 60_000;
/// Of a code that was sent, and of a one-time password.
pub(crate) const CODE_DIGITS: usize = 8;
pub(crate) const TOTP_DIGITS: usize = 6;

/// A verification that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// By which method.
    pub method: String,
    /// Until when a code holds.
    pub expires_at: Option<Timestamp>,
}

/// What a code came to. A wrong one is counted, so it is an outcome and not a refusal.
pub(crate) enum Checked {
    Right,
    Wrong { left: u32 },
    Gone,
    Unknown,
}

impl Service {
    /// Starts a verification: for `email`, a code goes to the stated address, whether or not anybody is known by it.
    pub async fn start_verification(
        &self,
        caller: &Caller,
        id: RequestId,
        method: &str,
    ) -> Result<Started, Refusal> {
        self.may_prove(caller, id).await?;
        match method {
            "email" => self.send_counted_code(id).await,
            "totp" | "statement" => Ok(Started { method: method.to_owned(), expires_at: None }),
            _ => Err(Refusal::invalid("method", METHODS)),
        }
    }

    /// Checks a code. Five tries; the right one proves intent.
    pub async fn verify(
        &self,
        caller: &Caller,
        id: RequestId,
        method: &str,
        code: &str,
    ) -> Result<Picture, Refusal> {
        let own_device = self.may_prove(caller, id).await?;
        match method {
            "email" => check_digits(code, CODE_DIGITS)?,
            "totp" => check_digits(code, TOTP_DIGITS)?,
            "statement" if own_device.is_none() => {}
            _ => return Err(Refusal::invalid("method", METHODS)),
        }
        let checked = match (method, own_device) {
            ("statement", _) => self.check_statement(id, code).await?,
            ("email", _) => self.check_code(id, code).await?,
            (_, Some(holder)) => self.check_own_device(holder, id, code).await?,
            _ => self.check_totp(id, code).await?,
        };
        self.came_to(caller, id, checked).await
    }

    /// What whoever sent a proof is told of what it came to.
    pub(crate) async fn came_to(
        &self,
        caller: &Caller,
        id: RequestId,
        checked: Checked,
    ) -> Result<Picture, Refusal> {
        match checked {
            Checked::Wrong { left } => Err(told_wrong(id, left)),
            Checked::Gone => Err(Refusal::NoChallenge),
            Checked::Unknown => Err(Refusal::NotEnrolled),
            Checked::Right => {
                self.advance_now(id).await;
                self.read(caller, id).await
            }
        }
    }

    /// Whoever carries the proof in: the subject's own token, or the requester's. Of a request that has ended with a
    /// package, a requester who is one of ours proves to be themselves.
    pub(crate) async fn may_prove<'a>(
        &self,
        caller: &'a Caller,
        id: RequestId,
    ) -> Result<Option<&'a Holder>, Refusal> {
        match caller {
            Caller::Subject(own) if *own == id => Ok(None),
            Caller::Subject(_) => Err(Refusal::NotFound("request")),
            Caller::Token(holder) => {
                caller.may(Act::Submit)?;
                let records = vec![unpack::need(id)];
                let loaded =
                    self.store.load(Needs { request: Some(id), records, ..Needs::default() }).await?;
                let record = loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?;
                let own = record::term("requester", holder.person.as_bytes());
                let history = History::read(record)?;
                // A subject's request is proved with the subject's token alone, whoever carried it in.
                let subjects =
                    matches!(history.state().dossier().submitted().asking.requester, Requester::Subject);
                let may = record.terms.contains(&own) && !subjects;
                let opens = fresh::opens(&history, &loaded)?;
                may.then(|| Some(holder).filter(|_| opens)).ok_or(Refusal::NotFound("request"))
            }
        }
    }

    /// The key of a request about which something is to be proved. Once our copies about it are destroyed, it is too late.
    pub(crate) async fn key_to_prove(&self, id: RequestId) -> Result<DataKey, Refusal> {
        if let Some(key) = self.data_key(id).await? {
            return Ok(key);
        }
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        loaded.request.ok_or(Refusal::NotFound("request"))?;
        Err(Refusal::Rule(countersign_core::request::Refusal::TooLate))
    }

    /// Sends a code; from the portal a link too, and then also to whoever comes back after the proof.
    pub(crate) async fn send_code(
        &self,
        id: RequestId,
        portal: Option<&WayBack>,
    ) -> Result<Started, Refusal> {
        let key = self.key_to_prove(id).await?;
        self.stated(&key, id, "email").await?;
        let code = new_code(&*self.chance);
        let secret = portal.map(|_| hex::encode(chance::bytes::<32>(&*self.chance)));
        let sent =
            [Some(&code), secret.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let hashed = hash(&self.keys, id, &code);
        let link = secret.map(|secret| hash_link(&self.keys, id, &secret));
        let mut sealed = vec![(field::code("email"), sent.into_bytes())];
        if let Some(portal) = portal {
            sealed.push((field::PORTAL.to_owned(), record::bytes(portal)?));
        }
        let sealed: Vec<SealedChange> = sealed
            .into_iter()
            .map(|(field, text)| {
                let sealed = key.seal(&field, &text, &*self.chance);
                SealedChange::Field { request: id, field, sealed }
            })
            .collect();
        let back = portal.is_some();
        let records = vec![need(id, "email"), unpack::need(id)];
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let (_, expires_at) = self
            .act(needs, move |loaded| {
                let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                if !back && !matches!(history.state(), State::Waiting(_)) && !fresh::opens(&history, loaded)?
                {
                    return Err(Refusal::Rule(countersign_core::request::Refusal::TooLate));
                }
                let (before, version) = challenge(loaded)?;
                let now = loaded.now;
                let (starts, since) = match before {
                    Some(before) if now.since_ms(before.since) < LIVES_MS => (before.starts, before.since),
                    _ => (0, now),
                };
                if starts >= STARTS {
                    return Err(Refusal::TooManyChallenges);
                }
                let expires_at = now.plus_ms(CODE_LIVES_MS);
                let starts = starts + 1;
                let code = Some(hashed);
                let next = Challenge { code, link, used_by: None, tries: 0, starts, since, expires_at };
                let change = Change {
                    records: vec![put(id, "email", &next, version)?],
                    sealed: sealed.clone(),
                    jobs: vec![wish("mail_code", id.to_string(), now)],
                    ..Change::default()
                };
                Ok((change, expires_at))
            })
            .await?;
        Ok(Started { method: "email".to_owned(), expires_at: Some(expires_at) })
    }

    async fn check_code(&self, id: RequestId, code: &str) -> Result<Checked, Refusal> {
        let Some(key) = self.data_key(id).await? else { return Ok(Checked::Gone) };
        let identity = self.stated(&key, id, "email").await?;
        let identity = Committed { value: key.commit_identity(&identity), kind: identity.kind };
        let tried = hash(&self.keys, id, code);
        let records = vec![need(id, "email"), unpack::need(id)];
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let (_, checked) = self
            .act(needs, move |loaded| {
                let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                let (Some(standing), version) = challenge(loaded)? else {
                    return Ok((Change::default(), Checked::Gone));
                };
                let Some(code) = standing.code_to_try().filter(|_| loaded.now < standing.expires_at) else {
                    return Ok((Change::default(), Checked::Gone));
                };
                if !bool::from(code.as_bytes().ct_eq(tried.as_bytes())) {
                    let (change, left) = wrong(id, "email", standing, version)?;
                    return Ok((change, Checked::Wrong { left }));
                }
                let proof = Proof { method: "email".to_owned(), identity: identity.clone(), at: loaded.now };
                let used = put(id, "email", &standing.used(None), version)?;
                Ok((fresh::proved(history, proof, loaded, vec![used])?, Checked::Right))
            })
            .await?;
        Ok(checked)
    }

    async fn check_totp(&self, id: RequestId, code: &str) -> Result<Checked, Refusal> {
        let key = self.key_to_prove(id).await?;
        let loaded = self.store.load(Needs { request: Some(id), ..Needs::default() }).await?;
        let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
        if history.state().dossier().survey().is_none() {
            return Err(Refusal::Rule(countersign_core::request::Refusal::TooEarly));
        }
        let mut records = facts::need_people(&history);
        records.extend([need(id, "totp"), unpack::need(id)]);
        let needs = Needs { request: Some(id), records, ..Needs::default() };
        let (keys, code, chance) = (self.keys.clone(), code.to_owned(), std::sync::Arc::clone(&self.chance));
        let (_, checked) = self
            .act(needs, move |loaded| {
                let history = History::read(loaded.request.as_ref().ok_or(Refusal::NotFound("request"))?)?;
                let submitted_at = history.state().dossier().submitted_at();
                let people = person::loaded(&keys, loaded)?;
                let (standing, version) = tries(loaded)?;
                let Some(standing) = standing else { return Ok((Change::default(), Checked::Gone)) };
                // Enrolled before the request was made, by somebody whom the sources hold as the subject.
                let enrolled = people.values().filter(|(person, _)| {
                    person.active && person.totp.as_ref().is_some_and(|totp| totp.enrolled_at < submitted_at)
                });
                let mut any = false;
                for (person, record_version) in enrolled {
                    any = true;
                    let Some(next) = totp::accept(person, &code, loaded.now) else { continue };
                    let Some(identity) = held_identity(person, &history, &key) else { continue };
                    let proof = Proof { method: "totp".to_owned(), identity, at: loaded.now };
                    let used = next.put(&keys, &*chance, Some(*record_version))?;
                    let change = fresh::proved(history, proof, loaded, vec![used])?;
                    return Ok((change, Checked::Right));
                }
                if any {
                    let (change, left) = wrong(id, "totp", standing, version)?;
                    Ok((change, Checked::Wrong { left }))
                } else {
                    Ok((Change::default(), Checked::Unknown))
                }
            })
            .await?;
        Ok(checked)
    }

    /// The identity that the request stated, by its kind.
    pub(crate) async fn stated(&self, key: &DataKey, id: RequestId, kind: &str) -> Result<Identity, Refusal> {
        let plain = self.field(key, id, field::SUBJECT).await?;
        let stated: field::Stated =
            plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
        let value = stated.get(kind).cloned();
        value.map(|value| Identity { kind: kind.to_owned(), value }).ok_or_else(|| {
            Refusal::invalid("method", format!("needs that the request named an `{kind}` of the subject"))
        })
    }
}

/// The identity of a person that the survey holds.
pub(crate) fn held_identity(person: &Person, history: &History, key: &DataKey) -> Option<Committed> {
    let survey = history.state().dossier().survey()?;
    person
        .identities
        .iter()
        .map(|(kind, value)| {
            let identity = Identity { kind: kind.clone(), value: value.clone() };
            Committed { value: key.commit_identity(&identity), kind: identity.kind }
        })
        .find(|committed| survey.identities.contains(committed))
}

/// A code has so many digits, and nothing else.
pub(crate) fn check_digits(code: &str, digits: usize) -> Result<(), Refusal> {
    let fits = code.len() == digits && code.bytes().all(|c| c.is_ascii_digit());
    fits.then_some(()).ok_or_else(|| Refusal::invalid("code", format!("is {digits} digits")))
}

pub(crate) fn hash(keys: &Keys, id: RequestId, code: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"code", id.as_bytes(), code.as_bytes()]))
}

/// Of a link's secret; another word than a code's, so that neither is ever taken for the other.
pub(crate) fn hash_link(keys: &Keys, id: RequestId, secret: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"link", id.as_bytes(), secret.as_bytes()]))
}

/// Eight digits, each as likely as any other.
fn new_code(chance: &dyn chance::Chance) -> String {
    loop {
        let number = u32::from_be_bytes(chance::bytes(chance));
        // Above the largest multiple of 10^8 some codes would be likelier than others.
        if number < 4_200_000_000 {
            return format!("{:08}", number % 100_000_000);
        }
    }
}

/// Whoever watches a node is told too.
pub(crate) fn told_wrong(request: RequestId, left: u32) -> Refusal {
    tracing::warn!(%request, left, "a code was wrong");
    Refusal::WrongCode { left }
}
