//! Signed tokens of a provider: the signature alone, by one of its keys and by a way that we allow. What a token claims is
//! looked at elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;
/// The shortest RSA modulus that proves anything, in bytes.
const MODULUS_LEAST: usize = 256;

/// What is wrong with a token. It holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Flaw(pub(super) &'static str);

/// The keys by which a provider signs.
#[derive(Clone, Default)]
pub(super) struct SigningKeys(Vec<Jwk>);

/// A token whose signature is right.
pub(super) struct Signed {
    pub(super) claims: Map<String, Value>,
    pub(super) typ: Option<String>,
    pub(super) algorithm: Algorithm,
}

/// What a token says of itself before anything of it is believed.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// Why no key fits.
pub(super) enum NoKey {
    /// The key that it names is not known: the provider may have a new one.
    Unknown,
    /// It is no token of ours, whatever keys there are.
    Flawed(Flaw),
}

impl From<Flaw> for NoKey {
    fn from(flaw: Flaw) -> Self {
        Self::Flawed(flaw)
    }
}

impl SigningKeys {
    /// The keys of a JWK set. Those of a kind that is not used here are passed over.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(bytes).ok()?;
        let keys = set.get("keys")?.as_array()?.iter();
        let read = keys.filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        let signs =
            |key: &Jwk| key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        Some(Self(read.filter(signs).collect()))
    }

    /// Checks the signature of a token.
    pub(super) fn check(&self, token: &str) -> Result<Signed, NoKey> {
        if token.len() > LONGEST {
            return Err(Flaw("it is too long").into());
        }
        let mut parts = token.split('.');
        let (Some(head), Some(body), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Flaw("it is no signed token").into());
        };
        let plain = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw("it is no signed token"));
        let head: Head =
            serde_json::from_slice(&plain(head)?).map_err(|_| Flaw("its head is not readable"))?;
        // INVARIANT: never `none`, and never a way whose key is a secret: the provider's keys are public.
        let algorithm = match &*head.alg {
            "RS256" => Algorithm::RS256,
            "ES256" => Algorithm::ES256,
            "EdDSA" => Algorithm::EdDSA,
            _ => return Err(Flaw("it is signed in a way that is not allowed").into()),
        };
        if head.crit.is_some() {
            return Err(Flaw("it demands something that is not known").into());
        }
        let key = self.pick(algorithm, head.kid.as_deref())?;
        let key = DecodingKey::from_jwk(key).map_err(|_| Flaw("its key cannot be used"))?;
        let signed = &token[..token.len() - signature.len() - 1];
        let right = jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, algorithm);
        if !right.unwrap_or(false) {
            return Err(Flaw("its signature is wrong").into());
        }
        let claims =
            serde_json::from_slice(&plain(body)?).map_err(|_| Flaw("its claims are not readable"))?;
        Ok(Signed { claims, typ: head.typ, algorithm })
    }

    /// The one key that a token of this head can be signed by.
    fn pick(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&Jwk, NoKey> {
        let mut fitting = self.0.iter().filter(|key| fits(key, algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_deref() == Some(kid)).ok_or(NoKey::Unknown),
            None => match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(only),
                (None, _) => Err(NoKey::Unknown),
                (Some(_), Some(_)) => Err(Flaw("it does not say by which key it is signed").into()),
            },
        }
    }
}

/// Whether a key signs in this way, and well enough.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let named = key.common.key_algorithm.map(|named| named.to_string());
    let named_so = named.is_none_or(|named| named == format!("{algorithm:?}"));
    named_so
        && match (&key.algorithm, algorithm) {
            (AlgorithmParameters::RSA(rsa), Algorithm::RS256) => {
                let modulus = URL_SAFE_NO_PAD.decode(rsa.n.trim_end_matches('='));
                modulus.is_ok_and(|n| n.iter().skip_while(|b| **b == 0).count() >= MODULUS_LEAST)
            }
            (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => ec.curve == EllipticCurve::P256,
            (AlgorithmParameters::OctetKeyPair(okp), Algorithm::EdDSA) => okp.curve == EllipticCurve::Ed25519,
            _ => false,
        }
}
