//! The keys of notes: a named key that signs and the verifier key (vkey) that is handed out. It knows no
//! notes, and makes no keys: the seed is the caller's.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::text::{from_base64, to_base64};

/// The kind of a signature, by its C2SP type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// Ed25519 over the text of the note.
    Ed25519 = 0x01,
}

impl Algorithm {
    /// The type byte, as it stands in a vkey and in a table of keys.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The algorithm of a type byte; `None` for those that we do not speak.
    pub fn of_byte(byte: u8) -> Option<Self> {
        (byte == Self::Ed25519.byte()).then_some(Self::Ed25519)
    }
}

/// A key that signs notes in its own name. Zeroed when dropped; Debug shows the name alone.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The Ed25519 key of `seed`, which must be 32 bytes of good randomness, named `name`. For a log's key the
    /// name is the log's origin. The caller erases its own copy of the seed.
    ///
    /// # Errors
    /// [`BadKeyName`] for an empty name or one with spaces, control characters or `+`.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, BadKeyName> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// What others check this key's signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signature over `text`, with the key id in front.
    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(&self.key.sign(text).to_bytes());
        bytes
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// A public key with its name. Printed and parsed as a vkey: `<name>+<key id in hex>+<base64(type ‖ key)>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    algorithm: Algorithm,
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, BadKeyName> {
        if !is_key_name(name) {
            return Err(BadKeyName);
        }
        let algorithm = Algorithm::Ed25519;
        let id = key_id(name, algorithm, key.as_bytes());
        Ok(Self { name: name.to_owned(), id, algorithm, key })
    }

    /// The key's name; of a log's key, the origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name ‖ newline ‖ type ‖ public key): a label, no protection.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The kind of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` (without key id) is this key's over `text`. Strict: no second form of a signature.
    pub(crate) fn signed(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), to_base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = BadVerifierKey;

    /// Reads a vkey, without newline at its end.
    fn from_str(text: &str) -> Result<Self, BadVerifierKey> {
        let (name, rest) = text.split_once('+').ok_or(BadVerifierKey::Form)?;
        let (id, key) = rest.split_once('+').ok_or(BadVerifierKey::Form)?;
        let key = from_base64(key).ok_or(BadVerifierKey::Form)?;
        let (&algorithm, key) = key.split_first().ok_or(BadVerifierKey::Form)?;
        if Algorithm::of_byte(algorithm).is_none() {
            return Err(BadVerifierKey::Algorithm(algorithm));
        }
        let key = key.try_into().map_err(|_| BadVerifierKey::Key)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| BadVerifierKey::Key)?;
        if key.is_weak() {
            return Err(BadVerifierKey::Key);
        }
        let verifier = Self::new(name, key).map_err(|BadKeyName| BadVerifierKey::Name)?;
        if format!("{:08x}", u32::from_be_bytes(verifier.id)) == id {
            Ok(verifier)
        } else {
            Err(BadVerifierKey::Id)
        }
    }
}

fn key_id(name: &str, algorithm: Algorithm, key: &[u8]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update([algorithm.byte()])
        .chain_update(key)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Whether `name` may name a key: not empty, no spaces of any kind, no control characters, no `+`.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// A key name that is empty or has spaces, control characters or `+` in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKeyName;

impl fmt::Display for BadKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key's name (the log's origin) must not be empty nor have spaces, control characters or `+` in it")
    }
}

impl std::error::Error for BadKeyName {}

/// Why a text is no vkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadVerifierKey {
    /// It is not `<name>+<key id>+<base64>`.
    Form,
    /// Its name is empty or has spaces or control characters in it.
    Name,
    /// Its type byte is one that we do not speak.
    Algorithm(u8),
    /// Its key is no usable Ed25519 public key.
    Key,
    /// Its key id is not that of its name and key: one of the three was altered or mistyped.
    Id,
}

impl fmt::Display for BadVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("a verifier key reads `<name>+<8 hex digits>+<base64>`"),
            Self::Name => BadKeyName.fmt(f),
            Self::Algorithm(byte) => {
                write!(f, "signature type 0x{byte:02x} is not supported, only 0x01 (Ed25519)")
            }
            Self::Key => f.write_str("this is no usable Ed25519 public key"),
            Self::Id => f.write_str("the key id does not belong to this name and key"),
        }
    }
}

impl std::error::Error for BadVerifierKey {}
