//! The keys of an installation. They come from files outside the data directory; nothing here reads them.

use std::fmt;

use countersign_core::id::RequestId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

/// Keys by purpose, 32 random bytes each.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Keys {
    /// Wraps the data keys of requests.
    pub wrapping: [u8; 32],
    /// The number of that wrapping key; it grows with each rotation.
    #[zeroize(skip)]
    pub epoch: u32,
    /// Makes blind indexes and hashes of tokens.
    pub index: [u8; 32],
    /// Makes the tokens of subjects.
    pub token: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys(epoch {})", self.epoch)
    }
}

/// HMAC-SHA256 over parts, each with its length before it, so that no two lists of parts are alike.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104: a key shorter than the block is filled up with zeros.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

const SUBJECT_TOKEN: &str = "cs_subject_";

impl Keys {
    /// The key under which values of one source become pseudonyms. It is all that a connector gets.
    pub fn of_source(&self, name: &str) -> [u8; 32] {
        mac(&self.index, &[b"source", name.as_bytes()])
    }

    /// The one key to a subject's request. It is derived, so that a repeated submission answers with the same.
    pub fn subject_token(&self, request: RequestId) -> String {
        let secret = mac(&self.token, &[b"subject", request.as_bytes()]);
        format!("{SUBJECT_TOKEN}{}{}", hex::encode(request.as_bytes()), hex::encode(secret))
    }

    /// The request that a subject's token opens, if the token is genuine.
    pub fn subject_of(&self, token: &str) -> Option<RequestId> {
        let digits = hex::decode(token.strip_prefix(SUBJECT_TOKEN)?).ok()?;
        let (id, secret) = digits.split_first_chunk::<16>()?;
        let request = RequestId::from_bytes(*id);
        let genuine = mac(&self.token, &[b"subject", request.as_bytes()]);
        bool::from(genuine.ct_eq(secret)).then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { wrapping: [1; 32], epoch: 1, index: [2; 32], token: [3; 32] };

    #[test]
    fn subject_token_opens_its_request_and_an_altered_one_opens_nothing() {
        let id = RequestId::from_bytes([7; 16]);
        let token = KEYS.subject_token(id);
        assert_eq!(KEYS.subject_of(&token), Some(id));
        for place in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap_or_default();
            assert_eq!(KEYS.subject_of(&altered), None, "at {place}");
        }
        assert_eq!(KEYS.subject_of(&token[..token.len() - 2]), None);
    }

    #[test]
    fn mac_does_not_confuse_how_parts_are_cut() {
        assert_ne!(mac(&[0; 32], &[b"ab", b"c"]), mac(&[0; 32], &[b"a", b"bc"]));
    }
}
