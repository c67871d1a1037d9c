//! What a token must claim to count for something: a sign-in that was begun here, or a sign-out. Pure: keys, time and what
//! was asked come in, and what it is worth comes out.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::time::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::jws::{Flaw, Signed};

/// By how much the provider's clock and ours may differ.
const SKEW_MS: i64 = 60_000;
/// The longest that a word about signing out may be good for, by its own claims.
const LOGOUT_MOST_MS: i64 = 86_400_000;
/// How old one may be.
const LOGOUT_AGE_MS: i64 = 10 * 60_000;
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest name of somebody, or of a session, at the provider.
const NAME_MOST: usize = 255;

/// What was asked, that an ID token must answer.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: Option<&'a str>,
    pub(super) begun_at: Timestamp,
    /// Whether they had to prove themselves anew.
    pub(super) anew: bool,
    pub(super) now: Timestamp,
}

/// Whom an ID token is about.
#[derive(Debug)]
pub(super) struct Vouched {
    pub(super) sub: String,
    pub(super) sid: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) name: Option<String>,
    pub(super) groups: BTreeSet<String>,
}

/// Who signed out at the provider.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) jti: String,
    pub(super) sub: Option<String>,
    pub(super) sid: Option<String>,
    /// Until when the same word must be known again.
    pub(super) until: Timestamp,
}

/// What an ID token is worth.
pub(super) fn vouched(signed: &Signed, groups_claim: &str, expected: &Expected<'_>) -> Result<Vouched, Flaw> {
    let claims = &signed.claims;
    if signed.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(Flaw("it is of another kind"));
    }
    meant_for(claims, expected.issuer, expected.client_id)?;
    let now = expected.now;
    if now.since_ms(seconds(claims, "exp")?) >= SKEW_MS {
        return Err(Flaw("it is over"));
    }
    let issued_at = seconds(claims, "iat")?;
    if issued_at.since_ms(now) > SKEW_MS || expected.begun_at.since_ms(issued_at) > SKEW_MS {
        return Err(Flaw("it was not issued for what was begun here"));
    }
    let nonce = text(claims, "nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Flaw("its nonce is another one"));
    }
    if let Some(hash) = claims.get("at_hash") {
        let right = expected.access_token.map(|token| half_hash(signed.algorithm, token));
        if right.is_none() || hash.as_str() != right.as_deref() {
            return Err(Flaw("it was issued with another access token"));
        }
    }
    if expected.anew {
        let proved_at = seconds(claims, "auth_time")?;
        if expected.begun_at.since_ms(proved_at) > SKEW_MS || proved_at.since_ms(now) > SKEW_MS {
            return Err(Flaw("its holder did not prove themselves anew"));
        }
    }
    Ok(Vouched {
        sub: named(claims, "sub")?.ok_or(Flaw("it says not whom it is about"))?,
        sid: named(claims, "sid")?,
        email: text(claims, "email").map(str::to_owned),
        // Some providers write the truth as a text.
        email_verified: matches!(claims.get("email_verified"), Some(Value::Bool(true)))
            || text(claims, "email_verified") == Some("true"),
        name: text(claims, "name").map(str::to_owned),
        groups: groups(claims.get(groups_claim)),
    })
}

/// What a logout token says (OpenID Connect Back-Channel Logout 1.0, 2.6).
pub(super) fn left(signed: &Signed, issuer: &str, client_id: &str, now: Timestamp) -> Result<Left, Flaw> {
    let claims = &signed.claims;
    if let Some(typ) = signed.typ.as_deref()
        && !["logout+jwt", "application/logout+jwt", "jwt"].iter().any(|it| typ.eq_ignore_ascii_case(it))
    {
        return Err(Flaw("it is of another kind"));
    }
    meant_for(claims, issuer, client_id)?;
    if claims.contains_key("nonce") {
        // So that no ID token passes for one.
        return Err(Flaw("it has a nonce"));
    }
    let event = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Flaw("it is not about signing out"));
    }
    let (until, issued_at) = (seconds(claims, "exp")?, seconds(claims, "iat")?);
    if now.since_ms(until) >= SKEW_MS {
        return Err(Flaw("it is over"));
    }
    let (early_ms, age_ms) = (issued_at.since_ms(now), now.since_ms(issued_at));
    if early_ms > SKEW_MS || age_ms > LOGOUT_AGE_MS || until.since_ms(now) > LOGOUT_MOST_MS {
        return Err(Flaw("it was not issued just now"));
    }
    let (sub, sid) = (named(claims, "sub")?, named(claims, "sid")?);
    if sub.is_none() && sid.is_none() {
        return Err(Flaw("it says not who signed out"));
    }
    let jti = named(claims, "jti")?.ok_or(Flaw("it has no name of its own"))?;
    Ok(Left { jti, sub, sid, until: until.plus_ms(SKEW_MS) })
}

/// That it is from this issuer and for us; if for others too, that we asked for it.
fn meant_for(claims: &Map<String, Value>, issuer: &str, client_id: &str) -> Result<(), Flaw> {
    if text(claims, "iss") != Some(issuer) {
        return Err(Flaw("it is from another issuer"));
    }
    let (ours, others) = match claims.get("aud") {
        Some(Value::String(only)) => (only == client_id, false),
        Some(Value::Array(all)) => (
            all.iter().any(|it| it.as_str() == Some(client_id)),
            all.iter().any(|it| it.as_str() != Some(client_id)),
        ),
        _ => (false, false),
    };
    if !ours {
        return Err(Flaw("it is meant for somebody else"));
    }
    let asked_by = claims.get("azp").map(|it| it.as_str() == Some(client_id));
    match (others, asked_by) {
        (_, Some(false)) | (true, None) => Err(Flaw("it was asked for by somebody else")),
        (_, Some(true)) | (false, None) => Ok(()),
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A name at the provider. One that is too long, or is no text, is no name; it is not left out in silence.
fn named(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Flaw> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=NAME_MOST).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(Flaw("a name in it is none")),
    }
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Timestamp, Flaw> {
    // Numbers may have a fraction (RFC 7519, section 2).
    let number = claims.get(name).and_then(|it| it.as_i64().or_else(|| it.as_f64().map(|it| it as i64)));
    let number = number.filter(|it| (0..=253_402_300_799).contains(it));
    number.map(|it| Timestamp::from_millis(it * 1000)).ok_or(Flaw("a time in it is missing or none"))
}

fn groups(claim: Option<&Value>) -> BTreeSet<String> {
    match claim {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(only)) => [only.clone()].into(),
        _ => BTreeSet::new(),
    }
}

/// The left half of a hash, as `at_hash` is made.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    match algorithm {
        Algorithm::EdDSA => URL_SAFE_NO_PAD.encode(&Sha512::digest(token)[..32]),
        _ => URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16]),
    }
}

#[cfg(test)]
mod tests;
