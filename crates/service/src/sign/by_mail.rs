//! Signing in by a mailed link and a one-time password: two things, for whoever has no passkey at hand. Whatever address is
//! typed, the same happens, until whoever reads its mail opens the link in the browser that asked.

use countersign_core::id::{Blind, PersonId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::device::{Checked, accepted};
use super::session::{Entered, Means};
use super::{flood, joined, provider, tries};
use crate::app::Service;
use crate::jobs::wish;
use crate::keys::{Keys, mac};
use crate::person::{self, Person};
use crate::portal::Door;
use crate::ports::chance;
use crate::ports::notifier::{About, Message};
use crate::ports::source::Identity;
use crate::ports::store::{Change, Find, Loaded, Needs, Record, RecordChange};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::{ask, verify};
use crate::seal;
use crate::settings::Oidc;

const KIND: &str = "mailed_sign_in";
const LIVES_MS: i64 = 10 * 60_000;
/// Tries that one link has.
const TRIES: u32 = 5;

/// A link that was asked for.
#[derive(Clone, Serialize, Deserialize)]
struct Mailed {
    /// Nobody, where nobody signs in by that address: the record is there all the same.
    person: Option<PersonId>,
    /// Of the browser that asked.
    browser: Blind,
    url: String,
    language: String,
    /// What the link carries, sealed until it was mailed.
    secret: Vec<u8>,
    wrong: u32,
    expires_at: Timestamp,
}

fn id(keys: &Keys, secret: &str) -> String {
    hex::encode(mac(&keys.index, &[b"mailed_sign_in", secret.as_bytes()]))
}

fn browser(keys: &Keys, word: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"browser", word.as_bytes()]))
}

fn need(id: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(id.to_owned()))
}

fn label(id: &str) -> String {
    format!("mailed_sign_in/{id}")
}

fn standing(loaded: &Loaded) -> Result<(Mailed, &Record), Refusal> {
    let found = loaded.of_kind(KIND).next().ok_or(Refusal::NoChallenge)?;
    let mailed: Mailed = record::read(found)?;
    let stands = loaded.now < mailed.expires_at && mailed.wrong < TRIES && mailed.person.is_some();
    stands.then_some((mailed, found)).ok_or(Refusal::NoChallenge)
}

fn put(mailed: &Mailed, id: &str, expect: u64) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: id.to_owned(),
        body: record::bytes(mailed)?,
        terms: Vec::new(),
        expires_at: Some(mailed.expires_at),
        expect: Some(expect),
    })
}

impl Service {
    /// Mails a link to whoever signs in by this address with a device. `word`: of the browser that asks.
    ///
    /// # Errors
    /// When it is no address, or too much was asked from there; never whether somebody is known by it.
    pub async fn mail_sign_in(&self, door: &Door, email: &str, word: &str) -> Result<(), Refusal> {
        let typed = [("email".to_owned(), email.to_owned())].into();
        let normal = ask::normalised(&typed)?.remove("email").unwrap_or_default();
        self.count(flood::SIGN_IN, &door.client).await?;
        match self.count(flood::SIGN_IN_MAIL, &normal).await {
            Ok(()) => {}
            // The page stays the same: else it would tell how often others asked.
            Err(Refusal::TooManyAsked) => return Ok(()),
            Err(refusal) => return Err(refusal),
        }
        let secret = hex::encode(chance::bytes::<32>(&*self.chance));
        let at = id(&self.keys, &secret);
        let sealed = seal::seal_for_store(&self.keys, &label(&at), secret.as_bytes(), &*self.chance);
        let identity = Identity { kind: "email".to_owned(), value: normal };
        let records = vec![person::need_by_identity(&self.keys, &identity)];
        let settings = self.settings().await?;
        let (keys, door, browser) = (self.keys.clone(), door.clone(), browser(&self.keys, word));
        let nobody = Person::nobody(&keys, &*self.chance)?;
        self.act(Needs { records, ..Needs::default() }, move |loaded| {
            let mut people = person::loaded(&keys, loaded)?.into_values().map(|(person, _)| person);
            if people.len() == 0 {
                // A record is opened in any case: time does not tell whether there was one.
                Person::read(&keys, &nobody)?;
            }
            let person = match (people.next(), people.next()) {
                (Some(only), None) if may_come(&only, settings.oidc.as_ref()) => Some(only.id),
                _ => None,
            };
            let mailed = Mailed {
                person,
                browser,
                url: door.url.clone(),
                language: door.language.clone(),
                secret: sealed.clone(),
                wrong: 0,
                expires_at: loaded.now.plus_ms(LIVES_MS),
            };
            let records = vec![put(&mailed, &at, 0)?];
            let jobs = vec![wish("mail_sign_in", at.clone(), loaded.now)];
            Ok((Change { records, jobs, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }

    /// Sends the link of a record, if it is anybody's.
    pub(crate) async fn signing_in(&self, at: &str) -> Result<Option<Message>, Refusal> {
        let loaded = self.store.load(Needs { records: vec![need(at)], ..Needs::default() }).await?;
        let Ok((mailed, _)) = standing(&loaded) else { return Ok(None) };
        let damaged = || Refusal::Damaged("a link to sign in by cannot be opened".to_owned());
        let secret = seal::open_from_store(&self.keys, &label(at), &mailed.secret).map_err(|_| damaged())?;
        let secret = String::from_utf8(secret).map_err(|_| damaged())?;
        let Some(to) = self.email_of(mailed.person.ok_or_else(damaged)?).await? else { return Ok(None) };
        let link = format!("{}/sign-in/mail/{secret}", mailed.url);
        let about = About::SignIn { link, expires_at: mailed.expires_at };
        Ok(Some(Message::new(to, about, mailed.language)))
    }

    /// Whether a link works in this browser. Looking changes nothing.
    ///
    /// # Errors
    /// When it works no longer, or was asked for elsewhere.
    pub async fn mailed_link_stands(&self, secret: &str, word: &str) -> Result<(), Refusal> {
        let at = id(&self.keys, secret);
        let loaded = self.store.load(Needs { records: vec![need(&at)], ..Needs::default() }).await?;
        let (mailed, _) = standing(&loaded)?;
        is_of(&mailed, browser(&self.keys, word))
    }

    /// Lets in whoever opened the link where it was asked for, and has a right code.
    ///
    /// # Errors
    /// When the link works no longer, or the code is wrong.
    pub async fn sign_in_by_mail(
        &self,
        secret: &str,
        word: &str,
        code: &str,
        device: &str,
    ) -> Result<Entered, Refusal> {
        verify::check_digits(code, verify::TOTP_DIGITS)?;
        let at = id(&self.keys, secret);
        let loaded = self.store.load(Needs { records: vec![need(&at)], ..Needs::default() }).await?;
        let id = standing(&loaded)?.0.person.ok_or(Refusal::NoChallenge)?;
        let fresh = self.fresh_session(device).await?;
        let settings = self.settings().await?;
        let entered = fresh.secret.clone();
        let records = vec![need(&at), person::need(id), tries::need(id)];
        let (keys, random, code) = (self.keys.clone(), std::sync::Arc::clone(&self.chance), code.to_owned());
        let browser = browser(&self.keys, word);
        let (_, (checked, left)) = self
            .act(Needs { records, ..Needs::default() }, move |loaded| {
                let (mailed, found) = standing(loaded)?;
                is_of(&mailed, browser)?;
                let left = tries::left(loaded)?;
                if left == 0 {
                    return Ok((Change::default(), (Checked::Gone, 0)));
                }
                let people = person::loaded(&keys, loaded)?;
                let known = people.get(&id).filter(|(person, _)| may_come(person, settings.oidc.as_ref()));
                let (person, version) = known.ok_or(Refusal::NoChallenge)?;
                let Some(next) = accepted(person, &code, loaded.now) else {
                    let wrong = Mailed { wrong: mailed.wrong + 1, ..mailed };
                    let left = left.min(TRIES + 1 - wrong.wrong) - 1;
                    let records = vec![put(&wrong, &found.id, found.version)?, tries::wrong(id, loaded)?];
                    return Ok((Change { records, ..Change::default() }, (Checked::Wrong, left)));
                };
                let records = vec![
                    RecordChange::Delete { kind: KIND.to_owned(), id: found.id.clone() },
                    next.put(&keys, &*random, Some(*version))?,
                    fresh.begin(id, Means::Totp, true, loaded.now)?,
                    joined::put(person, loaded.now)?,
                ];
                Ok((Change { records, ..Change::default() }, (Checked::Right, left)))
            })
            .await?;
        checked.outcome(left)?;
        Ok(Entered { secret: entered, person: id })
    }
}

/// Whether somebody signs in so at all: with a device, and not by the company's provider, which would not be asked.
fn may_come(person: &Person, oidc: Option<&Oidc>) -> bool {
    person.active && person.totp.is_some() && !provider::comes_by(person, oidc)
}

/// A link that somebody was talked into opening, or that was read in a mailbox, works in no other browser.
fn is_of(mailed: &Mailed, browser: Blind) -> Result<(), Refusal> {
    let same = bool::from(mailed.browser.as_bytes().ct_eq(browser.as_bytes()));
    same.then_some(()).ok_or(Refusal::NotProved)
}
