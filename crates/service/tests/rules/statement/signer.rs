//! An application that signs, with keys that were made for these tests and sign nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const EC_X: &str = "YbhyXZ4BDTiWPv5CfCPadxEb_dZ4y-o4WaM4ZTEvYr8";
const EC_Y: &str = "i-fyVGNmWrtV5ZQWsNDMiDDwvlR1CvbCplmIDDxBAik";
const RSA_N: &str = "6G6ASPa9URNwH4_Qd6C0owN8Ao2KfgHhqppP9GRLkB67pDfhDh5PnlQaE-o_oSOK1pCggNMzVbbYgDbiCZnB-CJi9VOav6BJXVEENEYqRaSwmP9GVB4stN-4ZUE0CqVxiX5wFiqceLM6HMVxi5iha05ihs3zR5bfgOonBRg-Tn3r-bPBzT9xoAKy2zgPUgysvwJeR07_WPwGmpYtJuBwWu3X5enPYHhkZRZgEutYN2p4evzv-uvJqsx6tqs_ja1yBikBn0Go8RwF4BEjzOUfK8aHcFvRQxP6pQkZypWwq4-8HyU690zLZ5UAa57_VEKrYfqN6ZVlopSk141U9HnZvQ";

/// One key of an application.
pub(super) struct Signer {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    pub(super) key: EncodingKey,
    pub(super) jwk: Value,
}

fn der(text: &str) -> Vec<u8> {
    STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap()
}

impl Signer {
    pub(super) fn eddsa(seed: u8) -> Self {
        let pair = SigningKey::from_bytes(&[seed; 32]);
        let head = hex::decode("302e020100300506032b657004220420").unwrap();
        let key = EncodingKey::from_ed_der(&[&head[..], &[seed; 32]].concat());
        let kid = format!("ed-{seed}");
        let x = URL_SAFE_NO_PAD.encode(pair.verifying_key().as_bytes());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig"});
        Self { algorithm: Algorithm::EdDSA, kid, key, jwk }
    }

    pub(super) fn es256() -> Self {
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y, "kid": "ec", "alg": "ES256"});
        let key = EncodingKey::from_ec_der(&der(include_str!("es256.b64")));
        Self { algorithm: Algorithm::ES256, kid: "ec".to_owned(), key, jwk }
    }

    pub(super) fn rs256() -> Self {
        let jwk = json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "kid": "rsa"});
        let key = EncodingKey::from_rsa_der(&der(include_str!("rs256.b64")));
        Self { algorithm: Algorithm::RS256, kid: "rsa".to_owned(), key, jwk }
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// What these publish.
pub(super) fn key_set(signers: &[&Signer]) -> String {
    let keys: Vec<&Value> = signers.iter().map(|signer| &signer.jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// A token with whatever head, whose signature is none that counts.
pub(super) fn forged(head: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(head), part(claims), URL_SAFE_NO_PAD.encode(signature))
}
