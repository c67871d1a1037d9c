//! What auditors and witnesses hand in: notes, checkpoints, keys, proofs, successions. And the canonical form of JSON, that a
//! digest is made over.

use std::collections::BTreeMap;

use countersign_core::digest::Json;
use countersign_ledger::{
    Checkpoint, Entries, Entry, ProofFile, SigningKey, VerifierKey, open_note, succeed, succession_entry,
    succession_in, successor,
};
use serde_json::Value;

use crate::mutator::{fuzz, kind};

const ORIGIN: &str = "example.com/log";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn known() -> [VerifierKey; 1] {
    [key(1).verifier().clone()]
}

/// What the key signed is in the corpus; nothing that was altered may open as something else.
#[test]
fn notes_keys_and_successions_are_read_without_panic_and_never_believed_when_altered() {
    let head = Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: [3; 32] };
    let signed = head.sign(&key(1)).unwrap();
    let note = succeed(&key(1), &key(2)).unwrap();
    let more = [&signed, &key(1).verifier().to_string(), &note, &succession_entry(7, &note)];
    let more = more.map(|text| text.clone().into_bytes()).to_vec();
    fuzz("note", more, |input| {
        let known = known();
        let opened = open_note(input, &known);
        if let Ok(opened) = &opened {
            assert!(
                [head.text().as_str(), note.split("\n\n").next().unwrap()]
                    .iter()
                    .any(|it| opened.text.trim_end() == it.trim_end())
            );
        }
        let checkpoint = Checkpoint::open(input, &known);
        assert!(checkpoint.as_ref().is_ok_and(|it| *it == head) || checkpoint.is_err());
        let text = String::from_utf8_lossy(input);
        let vkey = text.parse::<VerifierKey>();
        if let Ok(vkey) = &vkey {
            assert_eq!(vkey.to_string(), text);
        }
        let succession = succession_in(input);
        if let Some(Ok(next)) = succession.as_deref().map(|note| successor(note, &known)) {
            assert_eq!(next, *key(2).verifier());
        }
        let entries = Entries::of(input).filter(Result::is_ok).count();
        let checkpoint = checkpoint.map(|it| it.size).map_err(|why| why.to_string());
        let opened = opened.map(|it| it.signers.len()).map_err(|why| why.to_string());
        let vkey = vkey.map(drop).map_err(|why| why.to_string());
        kind((opened, checkpoint, vkey, succession.is_some(), entries.min(8)))
    });
}

#[test]
fn proof_files_are_read_without_panic_come_back_as_they_were_and_prove_nothing_when_altered() {
    let entry = Entry::new(b"entry").unwrap();
    let head = Checkpoint { origin: ORIGIN.to_owned(), size: 1, root: entry.leaf_hash() };
    let checkpoint = head.sign(&key(1)).unwrap();
    let file = ProofFile { extra: Some(b"x".to_vec()), index: 0, hashes: Vec::new(), checkpoint };
    fuzz("proof", vec![file.to_string().into_bytes()], |input| {
        let text = String::from_utf8_lossy(input);
        let read = text.parse::<ProofFile>();
        let proved = read.as_ref().map(|read| {
            assert_eq!(read.to_string(), text);
            let proved = read.check(entry, &known());
            assert!(proved.as_ref().is_ok_and(|it| *it == head && read.index == 0) || proved.is_err());
            proved.map(drop).map_err(|why| why.to_string())
        });
        kind(proved.map_err(|why| why.to_string()))
    });
}

/// The canonical form is one: read and written again it is the same, and other readers read the same from it.
#[test]
fn canonical_json_is_its_own_canonical_form() {
    fuzz("json", Vec::new(), |input| {
        let Ok(value) = serde_json::from_slice::<Value>(input) else { return 0 };
        let Some(json) = canonical(&value) else { return 1 };
        let text = json.to_string();
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(canonical(&again).unwrap().to_string(), text);
        kind((text.len().min(64), text.bytes().filter(|byte| b"{[\"\\".contains(byte)).count().min(32)))
    });
}

fn canonical(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(it) => Json::Bool(*it),
        Value::Number(it) => Json::Int(it.as_i64()?),
        Value::String(it) => Json::Text(it.clone()),
        Value::Array(items) => Json::List(items.iter().map(canonical).collect::<Option<_>>()?),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.clone(), canonical(value)?)));
            Json::Object(members.collect::<Option<BTreeMap<_, _>>>()?)
        }
    })
}
