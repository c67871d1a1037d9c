//! A passkey in software: makes what a browser would answer for somebody whose device holds one. Its key is made from a
//! number and guards nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;
const WITH_KEY: u8 = 64;

/// A device with one passkey.
pub struct Passkey {
    key: SigningKey,
    id: [u8; 32],
    user: Option<String>,
    /// How often it was used, as it says.
    pub counter: u32,
    /// Whether it asks its owner who they are.
    pub verifies: bool,
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkey").field("counter", &self.counter).finish_non_exhaustive()
    }
}

impl Passkey {
    /// The device of this number.
    ///
    /// # Panics
    /// For 0, which is no key.
    #[must_use]
    pub fn new(number: u8) -> Self {
        let key = SigningKey::from_slice(&[number; 32]).expect("a key");
        Self { key, id: [number; 32], user: None, counter: 0, verifies: true }
    }

    /// The answer to being asked for a new passkey, by a page at `origin`.
    ///
    /// # Panics
    /// When what is asked is not what a browser is asked.
    pub fn make(&mut self, asked: &Value, origin: &str) -> String {
        let asked = &asked["publicKey"];
        self.user = asked["user"]["id"].as_str().map(str::to_owned);
        let mut data = self.data(asked["rp"]["id"].as_str().expect("a name"), WITH_KEY);
        data.extend([0; 16]);
        data.extend([0, 32]);
        data.extend(self.id);
        data.extend(self.public());
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        object.extend(text("none"));
        object.extend(text("attStmt"));
        object.push(0xa0);
        object.extend(text("authData"));
        object.extend([0x58, u8::try_from(data.len()).expect("few bytes")]);
        object.extend(data);
        let client = client("webauthn.create", asked, origin);
        self.said(&json!({ "attestationObject": coded(&object), "clientDataJSON": coded(client.as_bytes()) }))
    }

    /// The answer to being asked for a passkey, by a page at `origin`.
    ///
    /// # Panics
    /// When what is asked is not what a browser is asked.
    pub fn answer(&mut self, asked: &Value, origin: &str) -> String {
        let asked = &asked["publicKey"];
        self.counter += 1;
        let data = self.data(asked["rpId"].as_str().expect("a name"), 0);
        let client = client("webauthn.get", asked, origin);
        let signed = [&data[..], &Sha256::digest(client.as_bytes())].concat();
        let signature: Signature = self.key.sign(&signed);
        self.said(&json!({
            "authenticatorData": coded(&data), "clientDataJSON": coded(client.as_bytes()),
            "signature": coded(signature.to_der().as_bytes()), "userHandle": self.user,
        }))
    }

    /// Whether it is among those that are asked for.
    #[must_use]
    pub fn is_asked_for(&self, asked: &Value) -> bool {
        let known = asked["publicKey"]["allowCredentials"].as_array();
        known.is_some_and(|known| known.iter().any(|known| known["id"] == coded(&self.id)))
    }

    fn data(&self, name: &str, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(name.as_bytes()).to_vec();
        data.push(PRESENT | verified | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The public key as COSE writes it: P-256, for ES256.
    fn public(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let point = point.as_bytes();
        let mut map = vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
        map.extend(&point[1..33]);
        map.extend([0x22, 0x58, 32]);
        map.extend(&point[33..]);
        map
    }

    fn said(&self, response: &Value) -> String {
        let id = coded(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "extensions": {} })
            .to_string()
    }
}

fn client(what: &str, asked: &Value, origin: &str) -> String {
    json!({ "type": what, "challenge": asked["challenge"], "origin": origin, "crossOrigin": false })
        .to_string()
}

/// A short text in CBOR.
fn text(text: &str) -> Vec<u8> {
    let head = 0x60 + u8::try_from(text.len()).unwrap_or(0);
    [&[head], text.as_bytes()].concat()
}

fn coded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
