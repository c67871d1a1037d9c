//! What a code or an answer is compared with, and the tries at it: records, counted the same on every node and after a
//! restart.

use countersign_core::id::{Blind, RequestId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Change, Find, Loaded, RecordChange};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record that a code is compared with.
const KIND: &str = "challenge";
/// Tries a code has.
const TRIES: u32 = 5;
/// How long wrong tries, and codes, are counted.
pub(super) const LIVES_MS: i64 = 15 * 60_000;

/// A code that was sent, or tries at a one-time password or by a passkey.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) code: Option<Blind>,
    /// Of the link that was sent with the code, by the portal alone.
    #[serde(default)]
    pub(crate) link: Option<Blind>,
    /// Which form used it up: the same form again is answered and not refused.
    #[serde(default)]
    pub(crate) used_by: Option<Blind>,
    pub(super) tries: u32,
    pub(super) starts: u32,
    pub(super) since: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Challenge {
    /// The code, as long as it may be tried.
    pub(crate) fn code_to_try(&self) -> Option<Blind> {
        self.code.filter(|_| self.tries < TRIES)
    }

    /// Used up: neither code nor link proves anything twice.
    pub(crate) fn used(self, by: Option<Blind>) -> Self {
        Self { code: None, link: None, used_by: by, ..self }
    }
}

pub(crate) fn need(id: RequestId, method: &str) -> (String, Find) {
    (KIND.to_owned(), Find::Id(format!("{id}/{method}")))
}

pub(crate) fn challenge(loaded: &Loaded) -> Result<(Option<Challenge>, u64), Refusal> {
    match loaded.of_kind(KIND).next() {
        Some(record) => Ok((Some(record::read(record)?), record.version)),
        None => Ok((None, 0)),
    }
}

pub(crate) fn put(
    id: RequestId,
    method: &str,
    challenge: &Challenge,
    version: u64,
) -> Result<RecordChange, Refusal> {
    Ok(RecordChange::Put {
        kind: KIND.to_owned(),
        id: format!("{id}/{method}"),
        body: record::bytes(challenge)?,
        terms: Vec::new(),
        expires_at: Some(challenge.expires_at.plus_ms(LIVES_MS)),
        expect: Some(version),
    })
}

/// The tries at one-time passwords or by passkeys, begun anew when the last ones have run out; none once there are too many.
pub(crate) fn tries(loaded: &Loaded) -> Result<(Option<Challenge>, u64), Refusal> {
    let (before, version) = challenge(loaded)?;
    let anew = Challenge {
        code: None,
        link: None,
        used_by: None,
        tries: 0,
        starts: 0,
        since: loaded.now,
        expires_at: loaded.now.plus_ms(LIVES_MS),
    };
    let standing = before.filter(|before| loaded.now < before.expires_at).unwrap_or(anew);
    Ok((Some(standing).filter(|standing| standing.tries < TRIES), version))
}

/// Counts a wrong try; answers with how many are left.
pub(crate) fn wrong(
    id: RequestId,
    method: &str,
    standing: Challenge,
    version: u64,
) -> Result<(Change, u32), Refusal> {
    let tries = standing.tries + 1;
    let next = Challenge { tries, ..standing };
    let change = Change { records: vec![put(id, method, &next, version)?], ..Change::default() };
    Ok((change, TRIES - tries))
}
