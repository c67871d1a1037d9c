//! One-time passwords of whoever is signed in: set up, once a code shows that the device works; and proved once more.

use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::ceremony::{self, Purpose};
use super::passkey::{may_set_up, standing};
use super::session::{self, SignedIn};
use super::tries;
use crate::app::Service;
use crate::jobs::wish;
use crate::person::{self, Entry, Person, Totp};
use crate::ports::chance;
use crate::ports::store::{Change, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::requests::verify;
use crate::totp::{self, Enrolled};

/// How long the code by which a device was set up may be sent again.
const AGAIN_MS: i64 = 2 * 60_000;

/// What was shown and is not confirmed yet.
#[derive(Serialize, Deserialize)]
struct Shown {
    secret: String,
}

/// What a code came to.
pub(super) enum Checked {
    Right,
    Wrong,
    Gone,
}

impl Checked {
    pub(super) fn outcome(self, left: u32) -> Result<(), Refusal> {
        match self {
            Checked::Right => Ok(()),
            Checked::Wrong => Err(Refusal::WrongCode { left }),
            Checked::Gone => Err(Refusal::TooManyAsked),
        }
    }
}

impl Service {
    /// A new secret for a device, which counts once a code of it was entered.
    ///
    /// # Errors
    /// When a fresh proof is needed first.
    pub async fn begin_device(&self, signed: &SignedIn, word: &str) -> Result<Enrolled, Refusal> {
        let loaded = self.store.load(self.needs_of(signed)).await?;
        let (session, person, _, has_any) = standing(&self.keys, signed, &loaded)?;
        may_set_up(&session, has_any, loaded.now)?;
        let secret = totp::new_secret(chance::bytes::<20>(&*self.chance));
        self.begin_ceremony(Purpose::Device, word, &Shown { secret: secret.clone() }).await?;
        let name = person.email().unwrap_or("account");
        Ok(Enrolled { url: totp::address(name, &secret), secret })
    }

    /// Keeps the device, if the code is one of it.
    ///
    /// # Errors
    /// When the code is wrong, or nothing was begun.
    pub async fn keep_device(&self, signed: &SignedIn, word: &str, code: &str) -> Result<(), Refusal> {
        verify::check_digits(code, verify::TOTP_DIGITS)?;
        let mut needs = self.needs_of(signed);
        needs.records.push(ceremony::need(&self.keys, Purpose::Device, word));
        let (keys, random, code) = (self.keys.clone(), std::sync::Arc::clone(&self.chance), code.to_owned());
        let signed = signed.clone();
        self.act(needs, move |loaded| {
            let shown = ceremony::standing(loaded);
            let (session, person, version, has_any) = standing(&keys, &signed, loaded)?;
            // Sent again, since no answer came: it is set up.
            let just = |totp: &Totp| loaded.now.since_ms(totp.enrolled_at) < AGAIN_MS;
            if matches!(shown, Err(Refusal::NoChallenge))
                && person.totp.as_ref().is_some_and(|totp| just(totp) && totp::was_taken(totp, &code))
            {
                return Ok((Change::default(), ()));
            }
            let Shown { secret } = shown?;
            may_set_up(&session, has_any, loaded.now)?;
            let totp = Totp { secret, enrolled_at: loaded.now, last_step: 0 };
            let with = Person { totp: Some(totp), ..person };
            // A wrong one changes nothing: the secret was only just shown to whoever types.
            let with = totp::accept(&with, &code, loaded.now).ok_or(Refusal::WrongCode { left: 1 })?;
            let mut records = ceremony::end(loaded);
            records.push(with.put(&keys, &*random, Some(version))?);
            let entry = Entry::new(loaded.now, with.id, "enrolled_totp", None, with.id);
            let jobs = vec![wish("mail_set_up", with.id.to_string(), loaded.now)];
            Ok((Change { records, entries: vec![record::bytes(&entry)?], jobs, ..Change::default() }, ()))
        })
        .await
        .map(drop)
    }

    /// Notes in the session that its holder is there.
    ///
    /// # Errors
    /// When the code is wrong, was used, or too many were.
    pub async fn prove_again_by_code(&self, signed: &SignedIn, code: &str) -> Result<(), Refusal> {
        verify::check_digits(code, verify::TOTP_DIGITS)?;
        let id = signed.person.id;
        let records = vec![signed.holder().need(), person::need(id), tries::need(id)];
        let (keys, random, code) = (self.keys.clone(), std::sync::Arc::clone(&self.chance), code.to_owned());
        let signed = signed.clone();
        let (_, (checked, left)) = self
            .act(Needs { records, ..Needs::default() }, move |loaded| {
                let proved = session::proved(&signed, loaded)?;
                let left = tries::left(loaded)?;
                if left == 0 {
                    return Ok((Change::default(), (Checked::Gone, 0)));
                }
                let people = person::loaded(&keys, loaded)?;
                let (person, version) = people.get(&id).ok_or(Refusal::Unauthenticated)?;
                let Some(next) = accepted(person, &code, loaded.now) else {
                    let records = vec![tries::wrong(id, loaded)?];
                    return Ok((Change { records, ..Change::default() }, (Checked::Wrong, left - 1)));
                };
                let records = vec![proved, next.put(&keys, &*random, Some(*version))?];
                Ok((Change { records, ..Change::default() }, (Checked::Right, left)))
            })
            .await?;
        checked.outcome(left)
    }
}

/// The person after a right code of their device.
pub(super) fn accepted(person: &Person, code: &str, now: Timestamp) -> Option<Person> {
    totp::accept(person, code, now).filter(|person| person.active)
}
