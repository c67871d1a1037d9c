//! One entry of the ledger and the bundle that carries 256 of them. It knows bytes and lengths, never what an
//! entry says.

use std::fmt;

use crate::hash::{Hash, leaf_hash};

/// The longest entry: a bundle writes lengths in two bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// The bytes of one entry, known to be at most [`MAX_ENTRY_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a>(&'a [u8]);

impl<'a> Entry<'a> {
    /// Takes `bytes` as an entry.
    ///
    /// # Errors
    /// [`EntryTooLong`] beyond [`MAX_ENTRY_BYTES`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, EntryTooLong> {
        if bytes.len() > MAX_ENTRY_BYTES { Err(EntryTooLong { bytes: bytes.len() }) } else { Ok(Self(bytes)) }
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The leaf hash: SHA-256(0x00 ‖ entry).
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(self.0)
    }

    /// Appends this entry to a bundle: big-endian two-byte length, then the bytes.
    pub fn append_to(&self, bundle: &mut Vec<u8>) {
        // `new` is the only way in and bounds the length, so nothing is cut off here.
        bundle.extend_from_slice(&(self.0.len() as u16).to_be_bytes());
        bundle.extend_from_slice(self.0);
    }
}

/// Shows the length only: an entry may name people's requests.
impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes)", self.0.len())
    }
}

/// An entry longer than [`MAX_ENTRY_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryTooLong {
    /// How long it was, in bytes.
    pub bytes: usize,
}

impl fmt::Display for EntryTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a ledger entry has at most {MAX_ENTRY_BYTES} bytes, this one has {}", self.bytes)
    }
}

impl std::error::Error for EntryTooLong {}

/// The entries of a bundle, in order, without copying. Ends after the first error.
#[derive(Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads `bundle` as entries.
    pub fn of(bundle: &'a [u8]) -> Self {
        Self { rest: bundle }
    }

    /// How many bytes of the bundle were not read yet.
    pub fn bytes_left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, BadBundle>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self
            .rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        match read {
            Some((entry, rest)) => {
                self.rest = rest;
                Some(Ok(Entry(entry)))
            }
            None => {
                self.rest = &[];
                Some(Err(BadBundle::CutOff))
            }
        }
    }
}

/// What is wrong with the bytes of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBundle {
    /// It ends within a length or within an entry.
    CutOff,
    /// It holds fewer entries than its place in the log says.
    TooFew,
    /// Bytes follow its last entry.
    TrailingBytes,
}

impl fmt::Display for BadBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutOff => "the bundle ends within an entry",
            Self::TooFew => "the bundle holds fewer entries than its place in the log says",
            Self::TrailingBytes => "bytes follow the bundle's last entry",
        })
    }
}

impl std::error::Error for BadBundle {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_of_65535_bytes_is_taken_and_one_more_is_refused() {
        let bytes = vec![7; MAX_ENTRY_BYTES + 1];
        assert!(Entry::new(&bytes[1..]).is_ok());
        assert_eq!(Entry::new(&bytes), Err(EntryTooLong { bytes: 65_536 }));
    }

    #[test]
    fn lengths_are_big_endian() {
        let mut bundle = Vec::new();
        Entry::new(&[9; 258]).unwrap().append_to(&mut bundle);
        assert_eq!(bundle[..3], [1, 2, 9]);
    }

    #[test]
    fn a_bundle_cut_off_anywhere_within_an_entry_is_told() {
        let mut bundle = Vec::new();
        Entry::new(b"one").unwrap().append_to(&mut bundle);
        for end in 1..bundle.len() {
            let read: Vec<_> = Entries::of(&bundle[..end]).collect();
            assert_eq!(read, [Err(BadBundle::CutOff)]);
        }
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Entry::new(b"secret").unwrap()), "Entry(6 bytes)");
    }

    proptest! {
        #[test]
        fn bundles_come_back_as_they_were_written(
            entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20)
        ) {
            let mut bundle = Vec::new();
            for entry in &entries {
                Entry::new(entry).unwrap().append_to(&mut bundle);
            }
            let read: Vec<Vec<u8>> = Entries::of(&bundle).map(|e| e.unwrap().bytes().to_vec()).collect();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn arbitrary_bytes_are_read_without_panic_and_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..900)) {
            let mut again = Vec::new();
            if Entries::of(&bytes).all(|e| e.map(|e| e.append_to(&mut again)).is_ok()) {
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
