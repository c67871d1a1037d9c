//! Whether a call is signed with our key, now, and for the first time: RFC 9421 with HMAC-SHA-256, in the one form that
//! Countersign writes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// How far clocks may be apart, in seconds. Nonces are remembered for as long.
const APART: i64 = 300;

pub(crate) struct Checked {
    key: Vec<u8>,
    seen: Mutex<BTreeMap<String, i64>>,
}

impl Checked {
    pub(crate) fn new(key: Vec<u8>) -> Self {
        Self { key, seen: Mutex::default() }
    }

    /// Why a call is not accepted, if it is not.
    pub(crate) fn check(&self, headers: &HeaderMap, path: &str, body: &[u8]) -> Result<(), &'static str> {
        let header =
            |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).ok_or("a header is missing");
        let digest = header("content-digest")?;
        if digest != format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body))) {
            return Err("the digest is of another body");
        }
        let params = header("signature-input")?.strip_prefix("sig1=").ok_or("there is no sig1")?;
        let signature = header("signature")?.strip_prefix("sig1=:").and_then(|it| it.strip_suffix(':'));
        let signature =
            STANDARD.decode(signature.ok_or("there is no sig1")?).map_err(|_| "sig1 is no base64")?;
        // Whatever is not covered is not signed.
        let rest = params
            .strip_prefix("(\"@method\" \"@path\" \"content-digest\");")
            .ok_or("something is not covered")?;
        let base = format!(
            "\"@method\": POST\n\"@path\": {path}\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
        );
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).map_err(|_| "there is no key")?;
        mac.chain_update(base.as_bytes())
            .verify_slice(&signature)
            .map_err(|_| "it is signed with another key")?;

        let value = |name: &str| rest.split(';').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        let created: i64 = value("created").and_then(|it| it.parse().ok()).ok_or("there is no time")?;
        let nonce = value("nonce").ok_or("there is no nonce")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs().cast_signed());
        if (now - created).abs() > APART {
            return Err("it is too old, or a clock is wrong");
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| now - *at <= 2 * APART);
        match seen.insert(nonce.to_owned(), now) {
            None => Ok(()),
            Some(_) => Err("it was sent before"),
        }
    }
}
