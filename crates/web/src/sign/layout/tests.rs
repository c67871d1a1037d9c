#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

#[test]
fn every_language_has_the_same_texts_with_the_same_places_to_fill() {
    assert_eq!(ENGLISH.keys().collect::<Vec<_>>(), GERMAN.keys().collect::<Vec<_>>());
    for key in ENGLISH.keys() {
        assert_eq!(places(ENGLISH.say(key)), places(GERMAN.say(key)), "{key}");
    }
}

#[test]
fn every_text_is_used_and_every_text_that_is_used_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sign");
    let mut source = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            source.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for key in ENGLISH.keys() {
        let of_note = key.strip_prefix("note.").is_some_and(|name| {
            source.contains(&format!("note={name}")) || source.contains(&format!("\"{name}\""))
        });
        assert!(of_note || source.contains(&format!("\"{key}\"")), "`{key}` is said nowhere");
    }
    for call in [".say(\"", ".fill(\""] {
        for part in source.split(call).skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(ENGLISH.find(key).is_some(), "`{key}` has no text");
        }
    }
}
