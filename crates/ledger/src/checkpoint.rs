//! Checkpoints: the signed head of the log as origin, size and root (c2sp.org/tlog-checkpoint). It carries no
//! time, and knows not how a root comes about.

use std::fmt;

use crate::hash::Hash;
use crate::key::{SigningKey, VerifierKey};
use crate::note::{NoteError, open_note, sign_note};
use crate::text::{decimal, hash_from_base64, to_base64};

/// Where an export keeps its newest checkpoint.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// Where an export keeps its verifier key, with a newline at its end.
pub const VKEY_PATH: &str = "vkey";

/// Where an export keeps the checkpoint issued at `size`.
pub fn checkpoint_path(size: u64) -> String {
    format!("{CHECKPOINTS}{size}")
}

/// The folder of every checkpoint ever issued.
pub(crate) const CHECKPOINTS: &str = "checkpoints/";

/// What a log stands by: that its first `size` entries have this root.
///
/// INVARIANT: two checkpoints that a log ever signed are consistent. Keep it by signing only what was read back
/// from a committed head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, a URL without scheme; also the name of its key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, to_base64(&self.root))
    }

    /// Reads exactly what [`Checkpoint::text`] writes. Extension lines are refused: no auditor could check them.
    ///
    /// # Errors
    /// [`CheckpointError::Text`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Text)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Text);
        };
        let size = decimal(size).ok_or(CheckpointError::Text)?;
        let root = hash_from_base64(root).ok_or(CheckpointError::Text)?;
        if origin.is_empty() {
            return Err(CheckpointError::Text);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The signed note.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when the key is not named as the origin; [`CheckpointError::Note`] when the
    /// origin cannot stand in a note.
    pub fn sign(&self, key: &SigningKey) -> Result<String, CheckpointError> {
        if key.name() != self.origin {
            return Err(CheckpointError::Origin);
        }
        sign_note(&self.text(), &[key]).map_err(CheckpointError::Note)
    }

    /// What a note says that nobody vouches for yet: to be opened once its key is known.
    pub(crate) fn unproved(note: &[u8]) -> Option<Self> {
        let note = std::str::from_utf8(note).ok()?;
        Self::parse(&note[..=note.rfind("\n\n")?]).ok()
    }

    /// Opens a signed checkpoint with the keys that the reader trusts. A key named as the origin must have signed.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &[u8], known: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = open_note(note, known).map_err(CheckpointError::Note)?;
        let checkpoint = Self::parse(note.text)?;
        if note.signers.iter().any(|key| key.name() == checkpoint.origin) {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin)
        }
    }
}

/// Why a checkpoint was not signed or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// The note around it.
    Note(NoteError),
    /// Its text is not origin, size and root on a line each.
    Text,
    /// It is of another log than the key.
    Origin,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(f),
            Self::Text => f.write_str("the checkpoint is not origin, size and root on a line each"),
            Self::Origin => f.write_str("the checkpoint's origin is not the name of the log's key"),
        }
    }
}

impl std::error::Error for CheckpointError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hash::empty_root;
    use proptest::prelude::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[7; 32]).unwrap()
    }

    fn of(origin: &str, size: u64) -> Checkpoint {
        Checkpoint { origin: origin.into(), size, root: empty_root() }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_alone() {
        let (ours, theirs) = (key("example.com/log"), key("example.com/other"));
        let note = of("example.com/log", 12).sign(&ours).unwrap();
        assert_eq!(
            Checkpoint::open(note.as_bytes(), &[ours.verifier().clone()]),
            Ok(of("example.com/log", 12))
        );
        let refused = Checkpoint::open(note.as_bytes(), &[theirs.verifier().clone()]);
        assert_eq!(refused, Err(CheckpointError::Note(NoteError::NoKnownKey)));
    }

    #[test]
    fn a_key_signs_for_its_own_origin_only() {
        assert_eq!(of("example.com/log", 1).sign(&key("example.com/x")), Err(CheckpointError::Origin));
        let foreign = sign_note(&of("example.com/log", 1).text(), &[&key("example.com/x")]).unwrap();
        let opened = Checkpoint::open(foreign.as_bytes(), &[key("example.com/x").verifier().clone()]);
        assert_eq!(opened, Err(CheckpointError::Origin));
    }

    #[test]
    fn the_checkpoint_of_the_specification_is_read_and_printed_again() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!((checkpoint.size, checkpoint.text().as_str()), (20_852_163, text));
    }

    #[test]
    fn every_other_text_is_refused() {
        let root = to_base64(&empty_root());
        for text in [
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("o\n1\n{root}"),
            format!("o\n1\n{root}\nextension\n"),
            format!("o\n1\n{root}\n\n"),
            format!("o\n1\n{}\n", &root[..43]),
            "o\n1\nAAAA\n".into(),
            format!("o\r\n1\n{root}\n").replace("o\r", ""),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(CheckpointError::Text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn checkpoints_come_back(origin in "[a-z0-9./-]{1,40}", size in any::<u64>(), root in any::<Hash>()) {
            let checkpoint = Checkpoint { origin: origin.clone(), size, root };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint.clone()));
            let key = key(&origin);
            let note = checkpoint.sign(&key).unwrap();
            prop_assert_eq!(Checkpoint::open(note.as_bytes(), &[key.verifier().clone()]), Ok(checkpoint));
        }

        #[test]
        fn arbitrary_text_is_read_without_panic(text in "(o\n)?(1\n)?\\PC*\n?", bytes in any::<Vec<u8>>()) {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.text(), text);
            }
            prop_assert!(Checkpoint::open(&bytes, &[key("o").verifier().clone()]).is_err());
        }
    }
}
