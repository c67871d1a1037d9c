#![allow(clippy::unwrap_used)]
use super::*;
use crate::key::BadVerifierKey;
use proptest::prelude::*;

/// The poem of c2sp.org/signed-note.
const POEM: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
    — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
/// The example of the specification that comes with its key.
const MESSAGE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const MESSAGE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, &[seed; 32]).unwrap()
}

fn open<'n>(note: &'n str, keys: &[&SigningKey]) -> Result<&'n str, NoteError> {
    let known: Vec<VerifierKey> = keys.iter().map(|k| k.verifier().clone()).collect();
    open_note(note.as_bytes(), &known).map(|note| note.text)
}

#[test]
fn the_example_of_the_specification_opens_with_its_key() {
    let known = [MESSAGE_KEY.parse::<VerifierKey>().unwrap()];
    assert_eq!(known[0].to_string(), MESSAGE_KEY);
    assert_eq!(open_note(MESSAGE.as_bytes(), &known).unwrap().text, "This is an example message.\n");
    let altered = MESSAGE.replace("example message", "Example message");
    assert_eq!(open_note(altered.as_bytes(), &known), Err(NoteError::WrongSignature));
}

#[test]
fn the_poem_of_the_specification_is_well_formed_and_its_key_is_unknown_to_us() {
    assert_eq!(open(POEM, &[]), Err(NoteError::NoKnownKey));
    let (name, id, signature) = signature_line(POEM.lines().last().unwrap()).unwrap();
    assert_eq!((name, id, signature.len()), ("quasimodo.example/salvatore", [0x36, 0x7b, 0xa0, 0x4b], 64));
}

#[test]
fn text_is_cut_at_the_last_empty_line() {
    let a = key("a", 1);
    let note = sign_note("one\n\ntwo\n", &[&a]).unwrap();
    assert_eq!(open(&note, &[&a]), Ok("one\n\ntwo\n"));
}

#[test]
fn a_line_of_an_unknown_key_is_ignored() {
    let (ours, other) = (key("log", 1), key("witness", 2));
    let note = sign_note("text\n", &[&other, &ours]).unwrap();
    assert_eq!(open(&note, &[&ours]), Ok("text\n"));
}

#[test]
fn a_key_of_the_same_name_with_another_id_is_unknown() {
    let (ours, namesake) = (key("log", 1), key("log", 2));
    let note = sign_note("text\n", &[&namesake]).unwrap();
    assert_eq!(open(&note, &[&ours]), Err(NoteError::NoKnownKey));
}

#[test]
fn a_known_key_that_fails_rejects_the_note_though_another_holds() {
    let (a, b) = (key("a", 1), key("b", 2));
    let (good, other) = (sign_note("text\n", &[&a]).unwrap(), sign_note("other\n", &[&b]).unwrap());
    let both = format!("{good}{}\n", other.lines().last().unwrap());
    assert_eq!(open(&both, &[&a]), Ok("text\n"));
    assert_eq!(open(&both, &[&a, &b]), Err(NoteError::WrongSignature));
}

#[test]
fn sixteen_signatures_are_read() {
    let keys: Vec<_> = (0..16).map(|i| key(&format!("k{i}"), i + 1)).collect();
    let keys: Vec<_> = keys.iter().collect();
    let note = sign_note("text\n", &keys).unwrap();
    assert_eq!(open(&note, &keys[15..]), Ok("text\n"));
}

#[test]
fn malformed_notes_are_refused() {
    let a = key("a", 1);
    let note = sign_note("text\n", &[&a]).unwrap();
    let line = note.lines().last().unwrap();
    for (bad, why) in [
        (String::new(), NoteError::NoSignature),
        ("text\n".into(), NoteError::NoSignature),
        ("text\n\n".into(), NoteError::Line),
        (note.trim_end().to_owned(), NoteError::Line),
        (format!("{note}garbage"), NoteError::Line),
        (format!("{note}garbage\n"), NoteError::Line),
        (format!("{note}\n"), NoteError::Line),
        (note.replace('\n', "\r\n"), NoteError::NoSignature),
        (note.replace("text", "te\u{1}xt"), NoteError::Text),
        (note.replace('\u{2014}', "-"), NoteError::Line),
        (format!("text\n\n{}\n", line.trim_end_matches('=')), NoteError::Line),
        (format!("text\n\n{line} \n"), NoteError::Line),
        ("text\n\n— a AAAAAA==\n".into(), NoteError::Line),
        (format!("text\n\n{}", format!("{line}\n").repeat(MAX_SIGNATURES + 1)), NoteError::Size),
        (format!("{}{note}", "x".repeat(MAX_NOTE_BYTES)), NoteError::Size),
    ] {
        assert_eq!(open(&bad, &[&a]), Err(why), "{:?}", &bad[..bad.len().min(200)]);
    }
    assert_eq!(open_note(b"\xff\n\n", &[]), Err(NoteError::Text));
}

#[test]
fn what_no_reader_would_take_is_not_signed() {
    let a = key("a", 1);
    for text in ["", "no newline", "tab\t\n", "\r\n"] {
        assert_eq!(sign_note(text, &[&a]), Err(NoteError::Text), "{text:?}");
    }
    assert_eq!(sign_note("text\n", &[]), Err(NoteError::NoSignature));
    assert_eq!(sign_note(&"x\n".repeat(MAX_NOTE_BYTES / 2), &[&a]), Err(NoteError::Size));
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", "a\u{7f}"] {
        assert!(SigningKey::from_seed(name, &[1; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn an_altered_verifier_key_is_refused() {
    let vkey = key("example.com/log", 1).verifier().to_string();
    let weak = format!("a+00000000+{}", to_base64(&[&[1u8, 1][..], &[0; 31]].concat()));
    for (bad, why) in [
        (vkey.replace("log", "lag"), BadVerifierKey::Id),
        (vkey.replace("example.com/log", ""), BadVerifierKey::Name),
        (vkey.replace('+', "-"), BadVerifierKey::Form),
        (format!("{vkey}\n"), BadVerifierKey::Form),
        (MESSAGE_KEY.replace("530d903a", "530D903A"), BadVerifierKey::Id),
        (format!("a+00000000+{}", to_base64(&[6; 33])), BadVerifierKey::Algorithm(6)),
        (format!("a+00000000+{}", to_base64(&[1; 32])), BadVerifierKey::Key),
        ("a+00000000+".into(), BadVerifierKey::Form),
        (weak, BadVerifierKey::Key),
    ] {
        assert_eq!(bad.parse::<VerifierKey>(), Err(why), "{bad:?}");
    }
}

#[test]
fn debug_of_a_signing_key_shows_its_name_alone() {
    assert_eq!(format!("{:?}", key("log", 0x41)), r#"SigningKey { name: "log", .. }"#);
}

proptest! {
    #[test]
    fn whatever_is_signed_opens_and_whatever_is_altered_does_not(
        text in "[^\\x00-\\x1f]{0,40}(\n[^\\x00-\\x1f]{0,40}){0,3}", seed: [u8; 32], at: proptest::sample::Index
    ) {
        let key = SigningKey::from_seed("log", &seed).unwrap();
        let text = format!("{text}\n");
        let note = sign_note(&text, &[&key]).unwrap();
        prop_assert_eq!(open(&note, &[&key]), Ok(text.as_str()));
        let mut bytes = note.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1;
        prop_assert!(open_note(&bytes, &[key.verifier().clone()]).is_err());
    }

    #[test]
    fn vkeys_come_back(name in "[^\\s+\\p{Cc}]{1,20}", seed: [u8; 32]) {
        let key = SigningKey::from_seed(&name, &seed).unwrap();
        prop_assert_eq!(key.verifier().to_string().parse::<VerifierKey>().unwrap(), key.verifier().clone());
    }

    #[test]
    fn arbitrary_bytes_are_read_without_panic(
        bytes: Vec<u8>, text in "\\PC*(\n){0,2}(— \\PC* [A-Za-z0-9+/]{4,8}\n)?", vkey in "\\PC*(\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]{0,48})?"
    ) {
        let known = [key("log", 1).verifier().clone()];
        prop_assert!(open_note(&bytes, &known).is_err());
        prop_assert!(open_note(text.as_bytes(), &known).is_err());
        if let Ok(key) = vkey.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), vkey);
        }
    }
}
