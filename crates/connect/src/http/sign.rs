//! What a call is signed with: HMAC-SHA-256 over method, path and digest of the body, with its time and a nonce, written as
//! RFC 9421 and RFC 9530 have it. It must not know what is called.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The least bytes of a key.
const LEAST: usize = 32;

/// A key that a service and we share.
#[derive(Clone)]
pub struct SharedKey {
    id: String,
    secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedKey({})", self.id)
    }
}

/// The headers of a signed call.
pub(super) struct Signed {
    pub(super) digest: String,
    pub(super) input: String,
    pub(super) signature: String,
}

impl SharedKey {
    /// A key, and the name by which the service knows it.
    ///
    /// # Errors
    /// When it is too short, or the name has signs that a header cannot have.
    pub fn new(id: &str, secret: &str) -> Result<Self, String> {
        if secret.len() < LEAST {
            return Err(format!("the key is shorter than {LEAST} bytes"));
        }
        let plain = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        if id.is_empty() || !id.chars().all(plain) {
            return Err("the key's name has other signs than letters, digits, `-`, `_` and `.`".to_owned());
        }
        Ok(Self { id: id.to_owned(), secret: Zeroizing::new(secret.as_bytes().to_vec()) })
    }

    /// Signs a POST.
    pub(super) fn sign(&self, path: &str, body: &[u8], created: i64, nonce: &str) -> Signed {
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)));
        let params = format!(
            "(\"@method\" \"@path\" \"content-digest\");created={created};nonce=\"{nonce}\";keyid=\"{}\";\
             alg=\"hmac-sha256\"",
            self.id
        );
        let base = format!(
            "\"@method\": POST\n\"@path\": {path}\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
        );
        let signature = Hmac::<Sha256>::new_from_slice(&self.secret)
            .map(|it| it.chain_update(base.as_bytes()).finalize().into_bytes())
            .map(|it| STANDARD.encode(it))
            .unwrap_or_default();
        Signed { digest, input: format!("sig1={params}"), signature: format!("sig1=:{signature}:") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn everything_that_matters_is_signed() {
        let secret = "a secret of more than thirty-two bytes";
        let key = SharedKey::new("one", secret).unwrap();
        let sign = |path: &str, body: &[u8], at, nonce: &str| key.sign(path, body, at, nonce).signature;
        let one = sign("/erase", b"{}", 1, "n");
        assert_eq!(one, sign("/erase", b"{}", 1, "n"));
        for other in [
            sign("/plan", b"{}", 1, "n"),
            sign("/erase", b"{ }", 1, "n"),
            sign("/erase", b"{}", 2, "n"),
            sign("/erase", b"{}", 1, "m"),
            SharedKey::new("two", secret).unwrap().sign("/erase", b"{}", 1, "n").signature,
        ] {
            assert_ne!(one, other);
        }
        assert!(SharedKey::new("one", "short").is_err());
        assert!(SharedKey::new("a\"b", secret).is_err());
        assert_eq!(format!("{key:?}"), "SharedKey(one)");
    }
}
