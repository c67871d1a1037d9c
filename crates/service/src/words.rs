//! The texts of one language, from a file of lines `key = text`. Who says what is the doors' and the notifier's.

use std::collections::BTreeMap;

/// The texts of one language by key.
#[derive(Clone, Debug, Default)]
pub struct Words(BTreeMap<&'static str, &'static str>);

impl Words {
    /// Reads a file: a line a text; `#` begins a note, and an empty line is one.
    pub fn read(file: &'static str) -> Self {
        let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.filter_map(|line| line.split_once(" = ")).map(|(key, text)| (key, text.trim())).collect())
    }

    /// The text of a key; the key itself where there is none, which the tests of the files do not let happen.
    pub fn say<'a>(&self, key: &'a str) -> &'a str {
        self.find(key).unwrap_or(key)
    }

    /// The text of a key, if there is one.
    pub fn find(&self, key: &str) -> Option<&'static str> {
        self.0.get(key).copied()
    }

    /// The text of a key with `{name}` filled in. What is filled in is not looked at again.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut left = self.say(key);
        let mut filled = String::new();
        while let Some((before, rest)) = left.split_once('{') {
            filled.push_str(before);
            let found = rest.split_once('}').and_then(|(name, after)| {
                values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, after))
            });
            let Some((value, after)) = found else {
                filled.push('{');
                left = rest;
                continue;
            };
            filled.push_str(value);
            left = after;
        }
        filled.push_str(left);
        filled
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_once_and_what_is_filled_in_is_not_read_as_a_text() {
        let words = Words::read("# note\nhello = Hello {name}, {what}!\n\nplain = Just {this\n");
        assert_eq!(words.fill("hello", &[("name", "{what}"), ("what", "well")]), "Hello {what}, well!");
        assert_eq!(words.fill("plain", &[("this", "x")]), "Just {this");
        assert_eq!((words.say("none"), words.find("none")), ("none", None));
    }
}
