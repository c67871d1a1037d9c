//! Signed notes: text, an empty line, signature lines (c2sp.org/signed-note). It knows no checkpoints.

use std::fmt;

use crate::key::{SigningKey, VerifierKey, is_key_name};
use crate::text::{from_base64, to_base64};

/// The longest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// The most signature lines that are read; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// What stands before every signature: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Signs `text` with each of `keys`, in order.
///
/// # Errors
/// [`NoteError::Text`] when `text` does not end in a newline or has other control characters in it,
/// [`NoteError::Size`] when the note would be longer than readers take,
/// [`NoteError::NoSignature`] without keys.
pub fn sign_note(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    check_text(text)?;
    if keys.is_empty() {
        return Err(NoteError::NoSignature);
    }
    let mut note = format!("{text}\n");
    for key in keys {
        note.push_str(&format!("{DASH}{} {}\n", key.name(), to_base64(&key.sign(text.as_bytes()))));
    }
    if note.len() > MAX_NOTE_BYTES || keys.len() > MAX_SIGNATURES {
        return Err(NoteError::Size);
    }
    Ok(note)
}

/// A note of which at least one known key's signature holds, and none fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedNote<'n, 'k> {
    /// The signed text, with its last newline.
    pub text: &'n str,
    /// The known keys that signed it, each once, in the order of the lines.
    pub signers: Vec<&'k VerifierKey>,
}

/// Opens a note with the keys that the reader trusts. Lines of other keys are read for their form and otherwise
/// ignored.
///
/// # Errors
/// [`NoteError`]: malformed, no line of a known key, or a known key's signature that does not hold.
pub fn open_note<'n, 'k>(note: &'n [u8], known: &'k [VerifierKey]) -> Result<OpenedNote<'n, 'k>, NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Size);
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Text)?;
    let cut = note.rfind("\n\n").ok_or(NoteError::NoSignature)?;
    let (text, lines) = (&note[..=cut], &note[cut + 2..]);
    check_text(text)?;
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Line)?;
    let mut signers: Vec<&VerifierKey> = Vec::new();
    for (i, line) in lines.split('\n').enumerate() {
        if i >= MAX_SIGNATURES {
            return Err(NoteError::Size);
        }
        let (name, id, signature) = signature_line(line).ok_or(NoteError::Line)?;
        let Some(key) = known.iter().find(|key| key.name() == name && key.id() == id) else { continue };
        if !key.signed(text.as_bytes(), &signature) {
            return Err(NoteError::WrongSignature);
        }
        if !signers.contains(&key) {
            signers.push(key);
        }
    }
    if signers.is_empty() { Err(NoteError::NoKnownKey) } else { Ok(OpenedNote { text, signers }) }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let clean = text.ends_with('\n') && !text.bytes().any(|b| b < b' ' && b != b'\n');
    if clean { Ok(()) } else { Err(NoteError::Text) }
}

/// Name, key id and signature of `— <name> <base64(id ‖ signature)>`.
fn signature_line(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = from_base64(bytes)?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_key_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

/// Why a note was not signed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// Too long, or too many signature lines.
    Size,
    /// Not UTF-8, control characters, or a text that does not end in a newline.
    Text,
    /// There is no signature: no empty line, or no key to sign with.
    NoSignature,
    /// What follows the empty line is not signature lines alone.
    Line,
    /// No signature is of a known key.
    NoKnownKey,
    /// A known key's signature does not hold: the text or the line was altered.
    WrongSignature,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "the note is too long or has too many signatures",
            Self::Text => "the note's text is not plain UTF-8 that ends in a newline",
            Self::NoSignature => "the note has no signature",
            Self::Line => "after the note's empty line stands something else than signature lines",
            Self::NoKnownKey => "the note is not signed by the key it should be signed with",
            Self::WrongSignature => "the signature does not hold: text or signature was altered",
        })
    }
}

impl std::error::Error for NoteError {}

#[cfg(test)]
mod tests;
