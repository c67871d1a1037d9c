//! What a statement must say to prove anything. Pure: the signature was checked, time comes in, and what it is worth comes
//! out.

use countersign_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::jws::{Flaw, Signed};
use crate::settings::Application;

/// By how much the application's clock and ours may differ.
const SKEW_MS: i64 = 60_000;
/// The longest that a statement may be good for, by its own claims: it is made for a call that follows at once.
const LIVES_MOST_MS: i64 = 10 * 60_000;
/// The longest text of a claim, in bytes.
const LONGEST: usize = 255;

/// What a statement is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stated {
    /// The identity that the configured claim names.
    pub(super) value: String,
    /// The request that it was made for, if it says so.
    pub(super) request: Option<String>,
    /// Its own name, by which it is known again.
    pub(super) jti: String,
    /// Until when it proves anything, and has to be known again.
    pub(super) until: Timestamp,
}

/// Looks at every claim.
pub(super) fn stated(signed: &Signed, application: &Application, now: Timestamp) -> Result<Stated, Flaw> {
    let claims = &signed.claims;
    if signed.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(Flaw("it is of another kind"));
    }
    if !application.algorithms.iter().any(|it| *it == format!("{:?}", signed.algorithm)) {
        return Err(Flaw("it is signed in a way that the settings do not allow"));
    }
    if text(claims, "iss")?.as_deref() != Some(&*application.issuer) {
        return Err(Flaw("it is from another issuer"));
    }
    let ours = match claims.get("aud") {
        Some(Value::String(only)) => *only == application.audience,
        Some(Value::Array(all)) => all.iter().any(|it| it.as_str() == Some(&*application.audience)),
        _ => false,
    };
    if !ours {
        return Err(Flaw("it is meant for somebody else"));
    }
    let (issued_at, expires_at) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
    if issued_at.since_ms(now) > SKEW_MS {
        return Err(Flaw("it was issued in the future"));
    }
    let lives_ms = expires_at.since_ms(issued_at);
    if !(1..=LIVES_MOST_MS).contains(&lives_ms) {
        return Err(Flaw("it is good for too long"));
    }
    let until = expires_at.plus_ms(SKEW_MS);
    if now >= until {
        return Err(Flaw("it is over"));
    }
    if claims.contains_key("nbf") && seconds(claims, "nbf")?.since_ms(now) > SKEW_MS {
        return Err(Flaw("it does not count yet"));
    }
    let signed_in_at = seconds(claims, "auth_time")?;
    if signed_in_at.since_ms(now) > SKEW_MS || now.since_ms(signed_in_at) > application.max_age_ms {
        return Err(Flaw("its subject signed in too long ago"));
    }
    Ok(Stated {
        value: identity(claims, &application.claim)?,
        request: text(claims, "request_id")?,
        jti: text(claims, "jti")?.ok_or(Flaw("it has no name of its own"))?,
        until,
    })
}

/// Whom it is about: a text, or a whole number as some applications count their accounts.
fn identity(claims: &Map<String, Value>, claim: &str) -> Result<String, Flaw> {
    match claims.get(claim) {
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => text(claims, claim)?.ok_or(Flaw("it says not whom it is about")),
    }
}

/// A text. One that is empty, too long or no text is not left out in silence.
fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Flaw> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=LONGEST).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(Flaw("a text in it is none")),
    }
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Timestamp, Flaw> {
    // Numbers may have a fraction (RFC 7519, section 2).
    let number = claims.get(name).and_then(|it| it.as_i64().or_else(|| it.as_f64().map(|it| it as i64)));
    let number = number.filter(|it| (0..=253_402_300_799).contains(it));
    number.map(|it| Timestamp::from_millis(it * 1000)).ok_or(Flaw("a time in it is missing or none"))
}
