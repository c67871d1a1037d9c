//! A log's key is succeeded by another: an entry of the log that both have signed. From the next entry on only the new
//! key signs for the log. It knows no files and no time.

use std::fmt;

use crate::key::{SigningKey, VerifierKey};
use crate::note::{NoteError, open_note, sign_note};

const HEADER: &str = "countersign/succession/v1";
const BEFORE_AT: &str = "{\"v\":1,\"at\":";
const BEFORE_NOTE: &str = ",\"ledger\":\"succession\",\"note\":\"";
const AFTER_NOTE: &str = "\"}";

/// The statement that `new` succeeds `old`, signed by both: by the old one because it is its to say, by the new one to show
/// that it is there.
///
/// # Errors
/// [`BadSuccession::Form`] when the two are the same key or named otherwise, or the name cannot stand in an entry.
pub fn succeed(old: &SigningKey, new: &SigningKey) -> Result<String, BadSuccession> {
    let same = old.verifier() == new.verifier();
    if same || old.name() != new.name() || old.name().contains(['"', '\\']) {
        return Err(BadSuccession::Form);
    }
    let text = format!("{HEADER}\n{}\n{}\n", old.name(), new.verifier());
    sign_note(&text, &[old, new]).map_err(BadSuccession::Note)
}

/// The entry that carries the statement, made at `at_ms`.
pub fn succession_entry(at_ms: i64, note: &str) -> String {
    format!("{BEFORE_AT}{at_ms}{BEFORE_NOTE}{}{AFTER_NOTE}", note.replace('\n', "\\n"))
}

/// The statement in an entry; `None` where the entry is about something else.
pub fn succession_in(entry: &[u8]) -> Option<String> {
    let rest = std::str::from_utf8(entry).ok()?.strip_prefix(BEFORE_AT)?;
    let (at, note) = rest.split_once(BEFORE_NOTE)?;
    at.parse::<i64>().ok()?;
    let note = note.strip_suffix(AFTER_NOTE)?.replace("\\n", "\n");
    // Nothing that JSON would read otherwise.
    (!note.contains(['"', '\\'])).then_some(note)
}

/// The key that comes after one of `force`, which was in force until then.
///
/// # Errors
/// [`BadSuccession`]: what was not signed by a key in force succeeds none.
pub fn successor(note: &str, force: &[VerifierKey]) -> Result<VerifierKey, BadSuccession> {
    let opened = open_note(note.as_bytes(), force).map_err(BadSuccession::Note)?;
    let mut lines = opened.text.lines();
    let (Some(HEADER), Some(origin), Some(key), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(BadSuccession::Form);
    };
    let key: VerifierKey = key.parse().map_err(|_| BadSuccession::Form)?;
    if key.name() != origin || opened.signers.iter().any(|signer| signer.name() != origin) {
        return Err(BadSuccession::Form);
    }
    open_note(note.as_bytes(), std::slice::from_ref(&key)).map_err(BadSuccession::Note)?;
    Ok(key)
}

/// Why a statement names no successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSuccession {
    /// It does not say what it should, or of another log.
    Form,
    /// The note around it: not signed by the key in force, or not by the new one.
    Note(NoteError),
}

impl fmt::Display for BadSuccession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("it does not name another key of this log"),
            Self::Note(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for BadSuccession {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: &str = "example.com/log";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
    }

    fn known(seed: u8) -> [VerifierKey; 1] {
        [key(seed).verifier().clone()]
    }

    #[test]
    fn successor_is_whom_the_key_in_force_names_and_nobody_else() {
        let note = succeed(&key(1), &key(2)).unwrap();
        assert_eq!(successor(&note, &known(1)).unwrap(), known(2)[0]);
        assert_eq!(successor(&note, &known(3)), Err(BadSuccession::Note(NoteError::NoKnownKey)));
        // By a key that names itself.
        let own = sign_note(&format!("{HEADER}\n{ORIGIN}\n{}\n", key(3).verifier()), &[&key(3)]).unwrap();
        assert_eq!(successor(&own, &known(1)), Err(BadSuccession::Note(NoteError::NoKnownKey)));
        // By the old one alone, of a key that nobody showed to have.
        let half = sign_note(&format!("{HEADER}\n{ORIGIN}\n{}\n", key(2).verifier()), &[&key(1)]).unwrap();
        assert_eq!(successor(&half, &known(1)), Err(BadSuccession::Note(NoteError::NoKnownKey)));
        let altered = note.replace(&key(2).verifier().to_string(), &key(3).verifier().to_string());
        assert!(successor(&altered, &known(1)).is_err());
    }

    #[test]
    fn key_does_not_succeed_itself_nor_a_key_of_another_log() {
        assert_eq!(succeed(&key(1), &key(1)), Err(BadSuccession::Form));
        let other = SigningKey::from_seed("example.com/other", &[2; 32]).unwrap();
        assert_eq!(succeed(&key(1), &other), Err(BadSuccession::Form));
    }

    #[test]
    fn entry_is_found_again_and_other_entries_are_none() {
        let note = succeed(&key(1), &key(2)).unwrap();
        let entry = succession_entry(1_795_424_400_000, &note);
        assert_eq!(succession_in(entry.as_bytes()).unwrap(), note);
        for other in ["{}", "{\"v\":1,\"at\":1,\"ledger\":\"forced\"}", ""] {
            assert_eq!(succession_in(other.as_bytes()), None);
        }
        assert_eq!(succession_in(entry.replace("\\n", "\\u000a").as_bytes()), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_succession_and_no_panic(bytes: Vec<u8>, text in "\\PC{0,60}") {
            let wrapped = succession_entry(7, &text);
            for entry in [&bytes[..], wrapped.as_bytes()] {
                if let Some(note) = succession_in(entry) {
                    prop_assert!(successor(&note, &known(1)).is_err());
                }
            }
        }
    }
}
