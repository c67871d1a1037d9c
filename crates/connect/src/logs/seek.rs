//! A subject's value in a text: as a word of its own, in whatever spelling logs have. It must not know any file.

use std::ops::Range;

use countersign_service::settings::datamap::Compare;

/// A value that is looked for.
#[derive(Clone)]
pub(crate) struct Needle {
    chars: Vec<char>,
    compare: Compare,
    address: bool,
    number: bool,
}

impl Needle {
    /// What to look for; `None` where there is nothing to see.
    pub(crate) fn new(text: &str, compare: Compare) -> Option<Self> {
        let chars: Vec<char> = match compare {
            Compare::Digits => text.chars().filter(|it| it.is_ascii_digit() || *it == '+').collect(),
            Compare::Exact | Compare::IgnoreCase => text.trim().chars().collect(),
        };
        let number = chars.iter().all(char::is_ascii_digit);
        (!chars.is_empty()).then(|| Self { address: text.contains('@'), number, chars, compare })
    }

    /// Whether it is digits alone, which stand for many things in a text.
    pub(crate) fn is_number(&self) -> bool {
        self.number && self.compare != Compare::Digits
    }

    /// Whether a whole value is this one.
    pub(crate) fn is(&self, value: &str) -> bool {
        let value = value.trim().as_bytes();
        self.end_at(value, 0) == Some(value.len())
    }

    /// Where it stands, as a word of its own; no two overlap.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = vec![];
        let mut at = 0;
        while at < text.len() {
            match self.end_at(text, at) {
                Some(end) if self.stands_alone(text, &(at..end)) => {
                    found.push(at..end);
                    at = end;
                }
                _ => at += char_at(text, at).1,
            }
        }
        found
    }

    fn end_at(&self, text: &[u8], mut at: usize) -> Option<usize> {
        for (n, wanted) in self.chars.iter().enumerate() {
            if n > 0 && self.compare == Compare::Digits {
                at += text.get(at..)?.iter().take(2).take_while(|it| b" -/().".contains(it)).count();
            }
            at += self.step(text, at, *wanted)?;
        }
        Some(at)
    }

    /// How long the wanted character is here, plain or as `%40`.
    fn step(&self, text: &[u8], at: usize, wanted: char) -> Option<usize> {
        if at >= text.len() {
            return None;
        }
        let same = |it: char| match self.compare {
            Compare::IgnoreCase => it == wanted || it.to_lowercase().eq(wanted.to_lowercase()),
            Compare::Exact | Compare::Digits => it == wanted,
        };
        let (plain, length) = char_at(text, at);
        if same(plain) {
            return Some(length);
        }
        escaped(text, at).filter(|it| same(*it)).map(|_| 3)
    }

    fn stands_alone(&self, text: &[u8], found: &Range<usize>) -> bool {
        let (before, wider) = before(text, found.start);
        let after = (found.end < text.len()).then(|| char_at(text, found.end));
        let behind = after.and_then(|(_, length)| {
            (found.end + length < text.len()).then(|| char_at(text, found.end + length).0)
        });
        let after = after.map(|(it, _)| it);
        let is_word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
        let begins = self.chars.first().copied();
        let ends = self.chars.last().copied();
        if is_word(begins) && is_word(before) || is_word(ends) && is_word(after) {
            return false;
        }
        let is = |it: Option<char>, of: &str| it.is_some_and(|it| of.contains(it));
        let digit = |it: Option<char>| it.is_some_and(|it| it.is_ascii_digit());
        if self.address {
            // `x.ana@a.test` and `ana@a.test.example` are somebody else's.
            return !(is_word(begins) && is(before, ".+-%") || is(after, ".-") && is_word(behind));
        }
        if self.number {
            // Of `3.42`, `12:42:07`, `10.0.0.42` and `2026-11-42` nothing is a number of its own.
            return !(is(before, ".,:-") && digit(wider) || is(after, ".,:-") && digit(behind));
        }
        true
    }
}

/// The character here and its length; a byte that is no text counts as one character.
fn char_at(text: &[u8], at: usize) -> (char, usize) {
    let Some(first) = text.get(at) else { return ('\u{fffd}', 1) };
    if first.is_ascii() {
        return (char::from(*first), 1);
    }
    for length in 2..=4 {
        let whole = text.get(at..at + length).and_then(|it| std::str::from_utf8(it).ok());
        if let Some(it) = whole.and_then(|it| it.chars().next()) {
            return (it, length);
        }
    }
    ('\u{fffd}', 1)
}

/// What `%40` here stands for.
fn escaped(text: &[u8], at: usize) -> Option<char> {
    let digits = text.get(at..at + 3).filter(|it| it[0] == b'%')?;
    let digits = std::str::from_utf8(&digits[1..]).ok()?;
    u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii).map(char::from)
}

/// The character before, and the one before that.
fn before(text: &[u8], at: usize) -> (Option<char>, Option<char>) {
    let one = |end: usize| -> Option<(char, usize)> {
        if end == 0 {
            return None;
        }
        if let Some(it) = end.checked_sub(3).and_then(|start| escaped(text, start)) {
            return Some((it, end - 3));
        }
        let start = (end.saturating_sub(4)..end).rev().find(|it| text[*it] & 0xc0 != 0x80)?;
        let (it, length) = char_at(text, start);
        Some(if start + length == end { (it, start) } else { ('\u{fffd}', end - 1) })
    };
    let Some((first, start)) = one(at) else { return (None, None) };
    (Some(first), one(start).map(|it| it.0))
}

/// What looks like an e-mail address, plain or with `%40`.
pub(crate) fn addresses(text: &[u8]) -> Vec<Range<usize>> {
    let local = |it: &u8| it.is_ascii_alphanumeric() || b"._+-".contains(it) || !it.is_ascii();
    let host = |it: &u8| it.is_ascii_alphanumeric() || b".-".contains(it) || !it.is_ascii();
    let mut found: Vec<Range<usize>> = vec![];
    for at in 0..text.len() {
        let sign = match text[at] {
            b'@' => 1,
            b'%' if escaped(text, at) == Some('@') => 3,
            _ => continue,
        };
        let mut start = at - text[..at].iter().rev().take_while(|it| local(it)).count();
        // In `%3Dana@…` the digits belong to the sign before.
        if start > 0 && text[start - 1] == b'%' && escaped(text, start - 1).is_some() && start + 2 <= at {
            start += 2;
        }
        let mut end = at + sign + text[at + sign..].iter().take_while(|it| host(it)).count();
        while end > at + sign && b".-".contains(&text[end - 1]) {
            end -= 1;
        }
        if start < at && end > at + sign && found.last().is_none_or(|it| it.end <= start) {
            found.push(start..end);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn finds(value: &str, compare: Compare, text: &str) -> usize {
        Needle::new(value, compare).unwrap().find(text.as_bytes()).len()
    }

    #[test]
    fn an_account_is_found_as_a_word_of_its_own() {
        for (text, times) in [
            ("user=42 in", 1),
            ("42", 1),
            ("/users/42/orders/42", 2),
            ("[41, 42, 43]", 1),
            ("user%3D42&x", 1),
            ("id:42, ok", 1),
            ("user=42.", 1),
            ("user=1042", 0),
            ("user=421", 0),
            ("took 3.42 s", 0),
            ("12:42:07", 0),
            ("10.0.0.42", 0),
            ("2026-11-42", 0),
            ("x_42", 0),
            ("é42", 0),
        ] {
            assert_eq!(finds("42", Compare::Exact, text), times, "{text}");
        }
    }

    #[test]
    fn an_address_is_found_in_any_case_and_spelling_and_nobody_elses() {
        for (text, times) in [
            ("mail to Ana@X.Example.", 1),
            ("<ana@x.example>, ana@x.example", 2),
            ("GET /?mail=ana%40x.example HTTP", 1),
            ("q=mail%3Dana%40x.example&a", 1),
            ("“ana@x.example”", 1),
            ("susana@x.example", 0),
            ("x.ana@x.example", 0),
            ("x+ana@x.example", 0),
            ("ana@x.example.org", 0),
            ("ana@x.example-a.org", 0),
            ("ana@x.examples", 0),
        ] {
            assert_eq!(finds("ana@x.example", Compare::IgnoreCase, text), times, "{text}");
        }
        assert_eq!(finds("ÄNNE@x.example", Compare::IgnoreCase, "änne@x.example"), 1);
    }

    #[test]
    fn a_phone_is_found_however_it_is_grouped() {
        for (text, times) in [
            ("call +49 30 1234567 now", 1),
            ("+49 (30) 123-4567", 1),
            ("+4930 12345678", 0),
            ("x+49301234567", 1),
        ] {
            assert_eq!(finds("+49301234567", Compare::Digits, text), times, "{text}");
        }
    }

    #[test]
    fn addresses_are_seen_in_urls_and_texts() {
        let seen = |text: &str| -> Vec<String> {
            addresses(text.as_bytes()).into_iter().map(|it| text[it].to_owned()).collect()
        };
        assert_eq!(seen("from ana@x.example, to <ben@y.example>."), ["ana@x.example", "ben@y.example"]);
        assert_eq!(seen("?m%3Dben%40y.example&"), ["ben%40y.example"]);
        assert!(seen("@ a@ @b user @ home").is_empty());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(value in ".{1,12}", text in prop::collection::vec(any::<u8>(), 0..60)) {
            for compare in [Compare::Exact, Compare::IgnoreCase, Compare::Digits] {
                if let Some(needle) = Needle::new(&value, compare) {
                    for found in needle.find(&text) {
                        prop_assert!(found.start < found.end && found.end <= text.len());
                    }
                }
            }
            addresses(&text);
        }

        #[test]
        fn what_stands_between_spaces_is_found(value in "[a-z0-9]{1,12}", text in "[a-z ]{0,20}") {
            let line = format!("{text} {value} {text}");
            prop_assert!(finds(&value, Compare::Exact, &line) >= 1);
        }
    }
}
