#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Texts that are named by what stands outside: a status, an action, a code.
const FAMILIES: [&str; 9] =
    ["action.", "status.", "step.", "note.", "reason.", "denied.", "end.completed.", "plan.", "error."];

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

#[test]
fn every_language_has_the_same_texts_with_the_same_places_to_fill() {
    assert_eq!(ENGLISH.keys().collect::<Vec<_>>(), GERMAN.keys().collect::<Vec<_>>());
    for key in ENGLISH.keys() {
        assert_eq!(places(ENGLISH.say(key)), places(GERMAN.say(key)), "{key}");
        assert!(!ENGLISH.say(key).is_empty() && !GERMAN.say(key).is_empty(), "{key}");
    }
    for file in [include_str!("../words/en.txt"), include_str!("../words/de.txt")] {
        let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut seen = BTreeSet::new();
        for line in lines {
            let (key, _) = line.split_once(" = ").expect(line);
            assert!(seen.insert(key), "{key} stands twice");
        }
    }
}

#[test]
fn every_text_is_used_and_every_text_that_is_used_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal");
    let mut source = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            source.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for key in ENGLISH.keys() {
        let of_family = FAMILIES.iter().any(|family| key.starts_with(family));
        assert!(of_family || source.contains(&format!("\"{key}\"")), "`{key}` is said nowhere");
    }
    for call in [".say(\"", ".fill(\""] {
        for part in source.split(call).skip(1) {
            let key = part.split('"').next().unwrap();
            assert!(ENGLISH.find(key).is_some(), "`{key}` has no text");
        }
    }
}

#[test]
fn browser_gets_what_it_wants_most() {
    for (header, language) in [
        ("de", Language::German),
        ("de-AT,de;q=0.9,en;q=0.8", Language::German),
        ("en-GB,de;q=0.9", Language::English),
        ("fr, de;q=0.3, en;q=0.2", Language::German),
        ("fr", Language::English),
        ("", Language::English),
        (";;;q=,de;q=x", Language::English),
    ] {
        assert_eq!(Language::accepted(header), language, "{header}");
    }
}

#[test]
fn days_are_written_as_the_language_writes_them() {
    let at = Timestamp::from_millis(1_700_000_000_000);
    assert_eq!(Language::English.moment(at, &TimeZone::UTC), "14 November 2023, 22:13");
    assert_eq!(Language::German.moment(at, &TimeZone::UTC), "14. November 2023, 22:13 Uhr");
    assert_eq!(Language::German.day(Timestamp::from_millis(i64::MAX), &TimeZone::UTC), "");
}
