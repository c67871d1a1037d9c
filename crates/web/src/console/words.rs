//! The console's sentences, from one file: what a note, an event, a code, a status means for people.

use std::sync::LazyLock;

use countersign_service::words::Words;

pub(super) const FILE: &str = include_str!("words.txt");

static WORDS: LazyLock<Words> = LazyLock::new(|| Words::read(FILE));

/// The text of a key.
pub(super) fn say(key: &'static str) -> &'static str {
    WORDS.find(key).unwrap_or(key)
}

/// The text of a word of a kind, such as `status` and `waiting`; the word itself where there is none.
pub(super) fn of(kind: &str, word: &str) -> String {
    find(kind, word).map_or_else(|| word.replace('_', " "), str::to_owned)
}

/// The same, if there is one.
pub(super) fn find(kind: &str, word: &str) -> Option<&'static str> {
    WORDS.find(&format!("{kind}.{word}"))
}
