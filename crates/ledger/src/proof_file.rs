//! `.tlog-proof` files: an inclusion proof with the checkpoint it leads to, to be checked offline
//! (c2sp.org/tlog-proof). It knows no tiles.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::entry::Entry;
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::note::MAX_NOTE_BYTES;
use crate::proof::check_inclusion;
use crate::text::{decimal, from_base64, hash_from_base64, to_base64};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// More hashes than a tree of 2⁶⁴ entries can need.
const MAX_HASHES: usize = 64;

/// The content of a `.tlog-proof` file; shows nothing until [`ProofFile::check`] said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Bytes for the application's own use. **Not authenticated.**
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log.
    pub index: u64,
    /// From beside the leaf upwards.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl ProofFile {
    /// Checks that `entry` is in the log at `index`, under a checkpoint signed by one of `known`. Returns that
    /// checkpoint.
    ///
    /// # Errors
    /// [`ProofRefused`].
    pub fn check(&self, entry: Entry<'_>, known: &[VerifierKey]) -> Result<Checkpoint, ProofRefused> {
        let head = Checkpoint::open(self.checkpoint.as_bytes(), known).map_err(ProofRefused::Checkpoint)?;
        check_inclusion(&entry.leaf_hash(), self.index, head.size, &self.hashes, &head.root)
            .map_err(|_| ProofRefused::NotIncluded)?;
        Ok(head)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", to_base64(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofFile {
    type Err = BadProofFile;

    fn from_str(text: &str) -> Result<Self, BadProofFile> {
        if text.len() > 2 * MAX_NOTE_BYTES {
            return Err(BadProofFile::TooLong);
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(BadProofFile::Header)?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(BadProofFile::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(from_base64(&line["extra ".len()..]).ok_or(BadProofFile::Extra)?),
            None => None,
        };
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(BadProofFile::Index)?;
        let hashes: Option<Vec<Hash>> = lines.take(MAX_HASHES + 1).map(hash_from_base64).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= MAX_HASHES).ok_or(BadProofFile::Hashes)?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

/// Why a text is no `.tlog-proof` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadProofFile {
    /// Longer than any proof can be.
    TooLong,
    /// Its first line is another.
    Header,
    /// Its `extra` line is no base64.
    Extra,
    /// It has no `index` line where one should be.
    Index,
    /// A line between index and empty line is no hash, or there are more than any tree needs.
    Hashes,
    /// No checkpoint follows.
    NoCheckpoint,
}

impl fmt::Display for BadProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the file is longer than any proof"),
            Self::Header => write!(f, "the first line is not `{HEADER}`"),
            Self::Extra => f.write_str("the `extra` line is not base64"),
            Self::Index => f.write_str("the `index` line is missing or not a number"),
            Self::Hashes => {
                f.write_str("a line of the proof is not a base64 SHA-256 hash, or there are too many")
            }
            Self::NoCheckpoint => f.write_str("no checkpoint follows the proof"),
        }
    }
}

impl std::error::Error for BadProofFile {}

/// Why a well-formed proof shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofRefused {
    /// Its checkpoint is not one of a known log.
    Checkpoint(CheckpointError),
    /// The checkpoint holds, but the entry is not in its tree at that index.
    NotIncluded,
}

impl fmt::Display for ProofRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(error) => error.fmt(f),
            Self::NotIncluded => {
                f.write_str("the entry is not in the log at that index under that checkpoint")
            }
        }
    }
}

impl std::error::Error for ProofRefused {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hash::node_hash;
    use crate::key::SigningKey;
    use proptest::prelude::*;

    fn entry(bytes: &[u8]) -> Entry<'_> {
        Entry::new(bytes).unwrap()
    }

    fn proof_of_two() -> (ProofFile, VerifierKey) {
        let key = SigningKey::from_seed("example.com/log", &[3; 32]).unwrap();
        let (a, b) = (entry(b"a").leaf_hash(), entry(b"b").leaf_hash());
        let head = Checkpoint { origin: key.name().into(), size: 2, root: node_hash(&a, &b) };
        let file = ProofFile { extra: None, index: 1, hashes: vec![a], checkpoint: head.sign(&key).unwrap() };
        (file, key.verifier().clone())
    }

    #[test]
    fn a_proof_shows_its_entry_at_its_index_under_its_key_and_nothing_else() {
        let (file, key) = proof_of_two();
        let keys = [key];
        assert_eq!(file.check(entry(b"b"), &keys).unwrap().size, 2);
        assert_eq!(file.check(entry(b"a"), &keys), Err(ProofRefused::NotIncluded));
        assert_eq!(
            ProofFile { index: 0, ..file.clone() }.check(entry(b"b"), &keys),
            Err(ProofRefused::NotIncluded)
        );
        let stranger = [SigningKey::from_seed("example.com/log", &[4; 32]).unwrap().verifier().clone()];
        assert!(matches!(file.check(entry(b"b"), &stranger), Err(ProofRefused::Checkpoint(_))));
    }

    #[test]
    fn extra_is_carried_but_not_authenticated() {
        let (file, key) = proof_of_two();
        let with = ProofFile { extra: Some(b"note to self".to_vec()), ..file };
        let text = with.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra bm90ZSB0byBzZWxm\nindex 1\n"));
        assert!(text.parse::<ProofFile>().unwrap().check(entry(b"b"), &[key]).is_ok());
    }

    #[test]
    fn malformed_files_are_refused() {
        let text = proof_of_two().0.to_string();
        let hash = text.lines().nth(2).unwrap();
        for (bad, why) in [
            (text.replace("@v1", "@v2"), BadProofFile::Header),
            (text.replace("index 1", "index 01"), BadProofFile::Index),
            (text.replace("index 1\n", ""), BadProofFile::Index),
            (text.replace("index", "extra !\nindex"), BadProofFile::Extra),
            (text.replace(hash, &hash[1..]), BadProofFile::Hashes),
            (text.replace(hash, &[hash; 65].join("\n")), BadProofFile::Hashes),
            (text.split_once("\n\n").unwrap().0.to_owned(), BadProofFile::NoCheckpoint),
            (text.replace('\n', "\r\n"), BadProofFile::Header),
            (format!("{text}{}", " ".repeat(2 * MAX_NOTE_BYTES)), BadProofFile::TooLong),
        ] {
            assert_eq!(bad.parse::<ProofFile>(), Err(why));
        }
        let (_, key) = proof_of_two();
        let trailing: ProofFile = format!("{text}garbage\n").parse().unwrap();
        assert!(trailing.check(entry(b"b"), &[key]).is_err());
    }

    proptest! {
        #[test]
        fn files_come_back(
            extra: Option<Vec<u8>>, index: u64, hashes in proptest::collection::vec(any::<Hash>(), 0..=64),
            checkpoint in "\\PC*(\n\\PC*){0,3}"
        ) {
            let file = ProofFile { extra, index, hashes, checkpoint };
            prop_assert_eq!(file.to_string().parse::<ProofFile>().unwrap(), file);
        }

        #[test]
        fn arbitrary_text_is_read_without_panic(
            text in "(c2sp.org/tlog-proof@v1\n)?(extra \\PC*\n)?(index [0-9]{0,21}\n)?(\\PC*\n){0,3}\\PC*"
        ) {
            if let Ok(file) = text.parse::<ProofFile>() {
                prop_assert_eq!(file.to_string(), text);
            }
        }
    }
}
