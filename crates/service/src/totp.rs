//! One-time passwords of an enrolled device: RFC 6238 with SHA-1, six digits, 30 seconds.

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Secret};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::person::{self, Person, Totp};
use crate::ports::chance;
use crate::ports::store::{Change, Needs};
use crate::record;
use crate::refusal::Refusal;
use crate::second::{self, Second, What};
use crate::sign::joined;

const STEP_S: i64 = 30;

/// What an authenticator app is fed with, shown once.
pub struct Enrolled {
    /// In base 32.
    pub secret: String,
    /// As `otpauth://totp/…`.
    pub url: String,
}

impl Service {
    /// Enrols a device for a person. Administrators do it for others, both of them where there are two: whoever holds the
    /// secret, and reads their mail, comes in as them. Everybody does it for themselves.
    ///
    /// # Errors
    /// When the caller may not, there is no such person, or another administrator has to ask for the same.
    pub async fn enroll_totp(&self, caller: &Caller, id: PersonId) -> Result<Enrolled, Refusal> {
        let Caller::Token(holder) = caller else {
            return Err(Refusal::NotAllowed(Act::ManagePeople.words()));
        };
        let own = holder.person == id && holder.service.is_none();
        if !own {
            caller.may(Act::ManagePeople)?;
        }
        let holder = holder.clone();
        let secret = new_secret(chance::bytes::<20>(&*self.chance));
        let url = address(&id.to_string(), &secret);
        let what = What::Device { person: id };
        let mut needs = Needs { records: vec![holder.need(), person::need(id)], ..Needs::default() };
        if !own {
            needs.records.extend(second::need(&what));
        }
        let (keys, random, new) = (self.keys.clone(), std::sync::Arc::clone(&self.chance), secret.clone());
        let (_, enrolled) = self
            .act(needs, move |loaded| {
                holder.recheck(loaded)?;
                let people = person::loaded(&keys, loaded)?;
                let (person, version) = people.get(&id).ok_or(Refusal::NotFound("person"))?;
                // Whoever signs in sets up their own: else an administrator could come in by a device of theirs.
                if !own && joined::has(loaded, id) {
                    return Err(Refusal::NotAllowed("set up a device for somebody who signs in"));
                }
                let with = if own {
                    Change::default()
                } else {
                    match second::ask(loaded, &holder, &what)? {
                        Second::Noted(change) => return Ok((change, false)),
                        Second::Go(with) => with,
                    }
                };
                let totp = Totp { secret: new.clone(), enrolled_at: loaded.now, last_step: 0 };
                let enrolled = Person { totp: Some(totp), ..person.clone() };
                let entry = person::Entry::new(loaded.now, id, "enrolled_totp", None, holder.person);
                let change = Change {
                    records: vec![enrolled.put(&keys, &*random, Some(*version))?],
                    entries: vec![record::bytes(&entry)?],
                    ..Change::default()
                };
                Ok((second::along(with, change), true))
            })
            .await?;
        if enrolled { Ok(Enrolled { secret, url }) } else { Err(Refusal::NeedsSecond) }
    }
}

/// A new secret, in base 32.
pub(crate) fn new_secret(random: [u8; 20]) -> String {
    Secret::new_stack(random).to_base32()
}

/// What an authenticator app is fed with.
pub(crate) fn address(name: &str, secret: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._@".contains(&b);
    let name: String = name
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("otpauth://totp/Countersign:{name}?secret={secret}&issuer=Countersign")
}

/// Whether it is the code that was taken last.
pub(crate) fn was_taken(totp: &Totp, code: &str) -> bool {
    let Ok(secret) = Secret::try_from_base32(&totp.secret) else { return false };
    let generator = Builder::new().with_secret(secret).with_step_duration(STEP_S as u64).build_noncompliant();
    let last = generator.generate((totp.last_step * STEP_S).unsigned_abs()).to_string();
    bool::from(last.as_bytes().ct_eq(code.as_bytes()))
}

/// The person after a right code, which is then used up; `None` if it is wrong, or of a step that was used.
pub(crate) fn accept(person: &Person, code: &str, now: Timestamp) -> Option<Person> {
    let totp = person.totp.as_ref()?;
    let secret = Secret::try_from_base32(&totp.secret).ok()?;
    let generator = Builder::new().with_secret(secret).with_step_duration(STEP_S as u64).build_noncompliant();
    let current = now.as_millis().div_euclid(1000 * STEP_S);
    // One step to either side, for clocks that differ.
    (current - 1..=current + 1)
        .filter(|step| *step > totp.last_step)
        .find(|step| {
            let right = generator.generate((step * STEP_S).unsigned_abs()).to_string();
            bool::from(right.as_bytes().ct_eq(code.as_bytes()))
        })
        .map(|step| Person { totp: Some(Totp { last_step: step, ..totp.clone() }), ..person.clone() })
}
