//! What must be readable for a while and then never again: one random key a request, one derived key a field.
//! A leaf of the ledger holds a commitment at most; the sealed field stands beside it and dies with its key.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use countersign_core::id::{Blind, Commitment, RequestId};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::keys::{Keys, mac};
use crate::ports::chance::{self, Chance};
use crate::ports::source::Identity;

/// What was sealed cannot be opened: another key, or altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed field cannot be opened: its key is another one, or it was altered")]
pub struct Unsealable;

/// The key of one request.
#[derive(ZeroizeOnDrop)]
pub struct DataKey {
    #[zeroize(skip)]
    request: RequestId,
    secret: [u8; 32],
}

impl DataKey {
    /// A new key, and its wrapped form for the store.
    pub fn create(request: RequestId, keys: &Keys, chance: &dyn Chance) -> (Self, Vec<u8>) {
        let key = Self { request, secret: chance::bytes(chance) };
        let wrapped = key.wrap(keys, chance);
        (key, wrapped)
    }

    /// The key in a wrapped form.
    pub fn unwrap(request: RequestId, keys: &Keys, epoch: u32, wrapped: &[u8]) -> Result<Self, Unsealable> {
        let wrapping = keys.wrapping_of(epoch).ok_or(Unsealable)?;
        let secret = open(wrapping, &wrap_label(request, epoch), wrapped)?;
        Ok(Self { request, secret: secret.try_into().map_err(|_| Unsealable)? })
    }

    /// The key's wrapped form under the newest wrapping key.
    pub fn wrap(&self, keys: &Keys, chance: &dyn Chance) -> Vec<u8> {
        lock(&keys.wrapping, &wrap_label(self.request, keys.epoch), &self.secret, chance)
    }

    /// Seals a field.
    pub fn seal(&self, field: &str, plain: &[u8], chance: &dyn Chance) -> Vec<u8> {
        lock(&self.derive(&["seal", field]), &self.label(field), plain, chance)
    }

    /// Opens a field.
    pub fn open(&self, field: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        open(&self.derive(&["seal", field]), &self.label(field), sealed)
    }

    /// A new key for one part of what the request keeps, so that this part can be destroyed alone, and the key's sealed
    /// form, to be kept as the field `name`.
    pub fn create_within(&self, name: &str, chance: &dyn Chance) -> (Self, Vec<u8>) {
        let within = Self { request: self.request, secret: chance::bytes(chance) };
        let sealed = self.seal(name, &within.secret, chance);
        (within, sealed)
    }

    /// The key in the sealed form that `create_within` gave under the same name.
    pub fn open_within(&self, name: &str, sealed: &[u8]) -> Result<Self, Unsealable> {
        let secret = self.open(name, sealed)?;
        Ok(Self { request: self.request, secret: secret.try_into().map_err(|_| Unsealable)? })
    }

    /// Seals a numbered part of something long. The number is bound to it, and so is whether it is the last: parts in
    /// another order, or fewer of them, do not open.
    pub fn seal_part(&self, of: &str, n: u64, last: bool, plain: &[u8], chance: &dyn Chance) -> Vec<u8> {
        self.seal(&part(of, n, last), plain, chance)
    }

    /// Opens a part.
    pub fn open_part(&self, of: &str, n: u64, last: bool, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        self.open(&part(of, n, last), sealed)
    }

    /// A commitment to a value of a field: binding, and hiding once the key is gone.
    pub fn commit(&self, field: &str, value: &[u8]) -> Commitment {
        Commitment::from_bytes(mac(&self.derive(&["commit", field]), &[value]))
    }

    /// A commitment to an identity. The same in every survey of the request.
    pub fn commit_identity(&self, identity: &Identity) -> Commitment {
        self.commit(&format!("identity/{}", identity.kind), identity.value.as_bytes())
    }

    fn derive(&self, path: &[&str]) -> [u8; 32] {
        let mut key = [0; 32];
        let info = path.join("\0");
        // 32 bytes are far below HKDF's bound of 255 blocks, the only thing that can fail here.
        if Hkdf::<Sha256>::new(None, &self.secret).expand(info.as_bytes(), &mut key).is_err() {
            unreachable!("HKDF gives 32 bytes");
        }
        key
    }

    fn label(&self, field: &str) -> Vec<u8> {
        [b"countersign/field/v1\0", &self.request.as_bytes()[..], field.as_bytes()].concat()
    }
}

fn part(of: &str, n: u64, last: bool) -> String {
    format!("{of}/{n}/{}", if last { "last" } else { "more" })
}

fn wrap_label(request: RequestId, epoch: u32) -> Vec<u8> {
    [b"countersign/key/v1\0", &request.as_bytes()[..], &epoch.to_be_bytes()].concat()
}

/// Seals something that belongs to no request: a TOTP secret, an answer.
pub fn seal_for_store(keys: &Keys, label: &str, plain: &[u8], chance: &dyn Chance) -> Vec<u8> {
    lock(&keys.wrapping, label.as_bytes(), plain, chance)
}

/// Opens what `seal_for_store` sealed under the same label, by whichever wrapping key that was.
pub fn open_from_store(keys: &Keys, label: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let earlier = keys.earlier.iter().map(|(_, key)| key);
    let mut all = std::iter::once(&keys.wrapping).chain(earlier);
    all.find_map(|key| open(key, label.as_bytes(), sealed).ok()).ok_or(Unsealable)
}

/// A blind index of a normalised value: for search, duplicates, legal holds and barred voters, in the store alone.
pub fn blind(keys: &Keys, kind: &str, value: &str) -> Blind {
    Blind::from_bytes(mac(&keys.index, &[b"blind", kind.as_bytes(), value.as_bytes()]))
}

fn lock(key: &[u8; 32], label: &[u8], plain: &[u8], chance: &dyn Chance) -> Vec<u8> {
    let nonce: [u8; 24] = chance::bytes(chance);
    let cipher = XChaCha20Poly1305::new(key.into());
    let payload = Payload { msg: plain, aad: label };
    // Encryption fails only beyond 256 GiB, which no field has.
    let Ok(sealed) = cipher.encrypt(&XNonce::from(nonce), payload) else { unreachable!("a field is small") };
    [&nonce[..], &sealed].concat()
}

fn open(key: &[u8; 32], label: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(Unsealable)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: label }).map_err(|_| Unsealable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEYS: Keys =
        Keys { wrapping: [1; 32], epoch: 1, earlier: Vec::new(), index: [2; 32], token: [3; 32] };

    struct Counting(std::sync::atomic::AtomicU8);

    impl Chance for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn chance() -> Counting {
        Counting(0.into())
    }

    #[test]
    fn field_opens_under_its_own_name_and_request_alone() {
        let chance = chance();
        let (key, wrapped) = DataKey::create(RequestId::from_bytes([1; 16]), &KEYS, &chance);
        let sealed = key.seal("reason", b"because", &chance);
        assert_eq!(key.open("reason", &sealed).unwrap(), b"because");
        assert_eq!(key.open("subject", &sealed), Err(Unsealable));
        assert!(DataKey::unwrap(RequestId::from_bytes([2; 16]), &KEYS, 1, &wrapped).is_err());
        let again = DataKey::unwrap(RequestId::from_bytes([1; 16]), &KEYS, 1, &wrapped).unwrap();
        assert_eq!(again.open("reason", &sealed).unwrap(), b"because");
    }

    #[test]
    fn altered_field_does_not_open() {
        let chance = chance();
        let (key, _) = DataKey::create(RequestId::from_bytes([1; 16]), &KEYS, &chance);
        let mut sealed = key.seal("reason", b"because", &chance);
        for place in 0..sealed.len() {
            sealed[place] ^= 1;
            assert_eq!(key.open("reason", &sealed), Err(Unsealable));
            sealed[place] ^= 1;
        }
        assert_eq!(key.open("reason", &[]), Err(Unsealable));
    }

    #[test]
    fn what_was_sealed_under_an_earlier_key_opens_as_long_as_that_key_is_there() {
        let (chance, request) = (chance(), RequestId::from_bytes([1; 16]));
        let (key, wrapped) = DataKey::create(request, &KEYS, &chance);
        let kept = seal_for_store(&KEYS, "label", b"plain", &chance);
        let rotated = |earlier| Keys { wrapping: [9; 32], epoch: 2, earlier, index: [2; 32], token: [3; 32] };
        let both = rotated(vec![(1, [1; 32])]);
        let opened = DataKey::unwrap(request, &both, 1, &wrapped).unwrap();
        assert_eq!(opened.secret, key.secret);
        assert_eq!(open_from_store(&both, "label", &kept).unwrap(), b"plain");
        let anew = opened.wrap(&both, &chance);
        let alone = rotated(Vec::new());
        assert_eq!(DataKey::unwrap(request, &alone, 2, &anew).unwrap().secret, key.secret);
        assert_eq!(DataKey::unwrap(request, &alone, 1, &wrapped).err(), Some(Unsealable));
        assert_eq!(open_from_store(&alone, "label", &kept), Err(Unsealable));
    }

    #[test]
    fn parts_in_another_order_or_cut_off_do_not_open() {
        let chance = chance();
        let (whole, _) = DataKey::create(RequestId::from_bytes([1; 16]), &KEYS, &chance);
        let (key, sealed_key) = whole.create_within("package/a", &chance);
        let parts: Vec<_> =
            (0..3).map(|n| key.seal_part("package/a", n, n == 2, &[n as u8], &chance)).collect();
        let again = whole.open_within("package/a", &sealed_key).unwrap();
        assert_eq!(again.open_part("package/a", 2, true, &parts[2]).unwrap(), [2]);
        assert_eq!(again.open_part("package/a", 0, false, &parts[1]), Err(Unsealable), "another order");
        assert_eq!(again.open_part("package/a", 1, true, &parts[1]), Err(Unsealable), "cut off");
        assert_eq!(again.open_part("package/b", 0, false, &parts[0]), Err(Unsealable), "of another package");
        assert_eq!(whole.open_part("package/a", 0, false, &parts[0]), Err(Unsealable), "under its own key");
        assert!(whole.open_within("package/b", &sealed_key).is_err());
    }

    #[test]
    fn equal_values_of_two_requests_do_not_link_by_their_commitments() {
        let chance = chance();
        let identity = Identity { kind: "email".into(), value: "a@example.test".into() };
        let (one, _) = DataKey::create(RequestId::from_bytes([1; 16]), &KEYS, &chance);
        let (two, _) = DataKey::create(RequestId::from_bytes([2; 16]), &KEYS, &chance);
        assert_ne!(one.commit_identity(&identity), two.commit_identity(&identity));
        assert_eq!(one.commit_identity(&identity), one.commit_identity(&identity));
    }
}
