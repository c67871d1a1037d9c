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
    /// Wrapping keys of earlier numbers that still open something: what a rotation has not come to, and backups.
    pub earlier: Vec<(u32, [u8; 32])>,
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

impl Keys {
    /// The wrapping key of a number, if it was not destroyed.
    pub(crate) fn wrapping_of(&self, epoch: u32) -> Option<&[u8; 32]> {
        if epoch == self.epoch {
            return Some(&self.wrapping);
        }
        self.earlier.iter().find(|(earlier, _)| *earlier == epoch).map(|(_, key)| key)
    }
}

const SUBJECT_TOKEN: &str = "cs_subject_";

impl Keys {
    /// The key under which values of one source become pseudonyms. It is all that a connector gets.
    pub fn of_source(&self, name: &str) -> [u8; 32] {
        mac(&self.index, &[b"source", name.as_bytes()])
    }

    /// The one key to a subject's request. It is derived, so that a repeated submission answers with the same.
    pub fn subject_token(&self, request: RequestId) -> String {
        self.subject_token_at(request, 0)
    }

    /// The same after the request was taken over `turn` times by whoever proved to read the subject's mail.
    pub fn subject_token_at(&self, request: RequestId, turn: u32) -> String {
        let secret = self.subject_secret(request, turn);
        format!("{SUBJECT_TOKEN}{}{}", hex::encode(request.as_bytes()), hex::encode(secret))
    }

    /// The request that a subject's token names. Whether it opens it, [`Keys::opens`] says.
    pub fn named_by(token: &str) -> Option<RequestId> {
        let digits = hex::decode(token.strip_prefix(SUBJECT_TOKEN)?).ok().filter(|it| it.len() == 48)?;
        digits.first_chunk::<16>().map(|id| RequestId::from_bytes(*id))
    }

    /// Whether a subject's token opens the request after so many turns.
    pub fn opens(&self, token: &str, request: RequestId, turn: u32) -> bool {
        bool::from(self.subject_token_at(request, turn).as_bytes().ct_eq(token.as_bytes()))
    }

    fn subject_secret(&self, request: RequestId, turn: u32) -> [u8; 32] {
        match turn {
            0 => mac(&self.token, &[b"subject", request.as_bytes()]),
            turn => mac(&self.token, &[b"subject", request.as_bytes(), &turn.to_be_bytes()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys =
        Keys { wrapping: [1; 32], epoch: 1, earlier: Vec::new(), index: [2; 32], token: [3; 32] };

    #[test]
    fn subject_token_opens_its_request_and_an_altered_one_opens_nothing() {
        let id = RequestId::from_bytes([7; 16]);
        let token = KEYS.subject_token(id);
        assert_eq!(Keys::named_by(&token), Some(id));
        assert!(KEYS.opens(&token, id, 0));
        for place in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap_or_default();
            let opened = Keys::named_by(&altered).filter(|id| KEYS.opens(&altered, *id, 0));
            assert_eq!(opened, None, "at {place}");
        }
        assert_eq!(Keys::named_by(&token[..token.len() - 2]), None);
    }

    #[test]
    fn each_turn_has_a_token_of_its_own() {
        let id = RequestId::from_bytes([7; 16]);
        let first = KEYS.subject_token(id);
        let second = KEYS.subject_token_at(id, 1);
        assert!(!KEYS.opens(&first, id, 1) && !KEYS.opens(&second, id, 0) && KEYS.opens(&second, id, 1));
    }

    #[test]
    fn mac_does_not_confuse_how_parts_are_cut() {
        assert_ne!(mac(&[0; 32], &[b"ab", b"c"]), mac(&[0; 32], &[b"a", b"bc"]));
    }
}
