//! A few of a subject's rows as a reviewer may see them: the shape of each value and no value. A sample is one more copy
//! of what it was taken from, and is treated as personal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many words of a value are shown at most.
const MOST_WORDS: usize = 4;
/// How many digits or other signs in a row are shown at most.
const MOST_SIGNS: usize = 12;
/// What stands for letters.
const HIDDEN: &str = "***";
/// What stands for whatever is not shown any more.
const MORE: &str = "…";

/// Rows of one table that show the same columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The source.
    pub source: String,
    /// The table.
    pub table: String,
    /// The columns that an export would show.
    pub columns: Vec<String>,
    /// What is left of each row's values, in the order of the columns.
    pub rows: Vec<Vec<Masked>>,
}

/// What is left of a value. Made by masking alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Masked(String);

impl Masked {
    /// Of a text: `j***@e***.com` of an address, of anything else the first letter of each long word, and a `#` for each
    /// digit.
    pub fn text(value: &str) -> Self {
        let value = value.trim();
        Self(address(value).unwrap_or_else(|| words(value)))
    }

    /// Of no value.
    pub fn nothing() -> Self {
        Self(String::new())
    }

    /// Of a value that has no letters to show: its kind alone.
    pub fn kind(name: &'static str) -> Self {
        Self(format!("({name})"))
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masked(…)")
    }
}

/// An e-mail address. Its last label stays where it is one that many have.
fn address(value: &str) -> Option<String> {
    let (name, domain) = value.split_once('@')?;
    if name.is_empty() || domain.contains('@') || value.chars().any(char::is_whitespace) {
        return None;
    }
    let begin = |text: &str| letter(text.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default());
    let Some((host, last)) = domain.rsplit_once('.') else {
        return Some(format!("{}@{}", begin(name), begin(domain)));
    };
    let common = (2..=4).contains(&last.len()) && last.bytes().all(|it| it.is_ascii_alphabetic());
    let last = if common { last } else { HIDDEN };
    Some(format!("{}@{}.{last}", begin(name), begin(host)))
}

/// The first letter of a word that has others, and nothing of one that is short, or no word of letters.
fn letter(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().filter(|it| (it.is_lowercase() || it.is_uppercase()) && !it.is_numeric());
    match first {
        Some(first) if letters.count() > 1 => format!("{first}{HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

/// Word by word.
fn words(value: &str) -> String {
    let (mut shown, mut seen) = (String::new(), 0);
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let kind = Sign::of(first);
        let end = rest.find(|it| Sign::of(it) != kind).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if kind == Sign::Word {
            seen += 1;
            if seen > MOST_WORDS {
                shown.push_str(MORE);
                break;
            }
        }
        shown.push_str(&kind.masked(word));
        rest = behind;
    }
    shown
}

/// What a run of signs is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Letters, digits, and whatever else may be part of a word.
    Word,
    /// Signs that tell nothing but the shape: `+49 30 …`, `12-34`.
    Shape,
}

impl Sign {
    fn of(sign: char) -> Self {
        if sign == ' ' || sign.is_ascii_punctuation() { Sign::Shape } else { Sign::Word }
    }

    fn masked(self, run: &str) -> String {
        let short = |mut signs: String| {
            if signs.chars().count() > MOST_SIGNS {
                signs = signs.chars().take(MOST_SIGNS).collect();
                signs.push_str(MORE);
            }
            signs
        };
        match self {
            Sign::Shape => short(run.to_owned()),
            Sign::Word if run.chars().all(char::is_numeric) => short("#".repeat(run.chars().count())),
            Sign::Word if run.chars().all(char::is_alphabetic) => letter(run),
            Sign::Word => HIDDEN.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn masked(value: &str) -> String {
        Masked::text(value).as_str().to_owned()
    }

    #[test]
    fn values_are_shown_by_their_shape() {
        for (value, shown) in [
            ("john.smith@example.com", "j***@e***.com"),
            ("  Ana@mail.example.museum ", "A***@m***.***"),
            ("jo@x.de", "***@***.de"),
            ("j.smith@example.co.uk", "***@e***.uk"),
            ("root@localhost", "r***@l***"),
            ("a@b@example.com", "***@***@e***.c***"),
            ("Ana Sunny-Müller", "A*** S***-M***"),
            ("Bo Li", "*** ***"),
            ("王小明", "***"),
            ("+49 30 1234567", "+## ## #######"),
            ("1984-03-07", "####-##-##"),
            ("192.0.2.17", "###.#.#.##"),
            ("C-000005", "***-######"),
            ("b3d5f6a7-1b2c", "***-***"),
            ("4111111111111111", "############…"),
            ("Please do not call me on Sundays", "P*** *** n*** c*** …"),
            ("", ""),
            ("F", "***"),
            ("\u{0}\u{1F600}", "***"),
        ] {
            assert_eq!(masked(value), shown, "{value}");
        }
    }

    #[test]
    fn nothing_of_it_is_in_what_a_log_would_show() {
        assert_eq!(format!("{:?}", Masked::text("Ana Sunny")), "Masked(…)");
    }

    /// Runs of letters and digits.
    fn runs(text: &str) -> Vec<String> {
        let runs = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
        runs.map(str::to_owned).collect()
    }

    /// What a mask may never show: a digit, two letters in a row, a letter that does not begin a longer word.
    fn tells_nothing(value: &str) {
        let shown = masked(value);
        assert!(!shown.chars().any(char::is_numeric), "a digit");
        let mut left = runs(&shown);
        let last = value.trim().rsplit('.').next().unwrap_or_default();
        if value.contains('@') && left.last().is_some_and(|it| it == last) && (2..=4).contains(&last.len()) {
            left.pop();
        }
        assert!(left.len() <= MOST_WORDS);
        for run in left {
            assert_eq!(run.chars().count(), 1, "two letters in a row");
            let begins = |word: &String| word.starts_with(&run) && word.chars().count() > 2;
            assert!(runs(value).iter().any(begins), "a letter that begins no longer word");
        }
        assert!(shown.chars().count() <= (MOST_WORDS + 1) * 2 * (MOST_SIGNS + 1), "as long as the value");
    }

    proptest! {
        #[test]
        fn no_text_tells_more_than_first_letters(value in any::<String>()) {
            tells_nothing(&value);
        }

        #[test]
        fn nothing_that_people_write_tells_more_than_first_letters(
            value in "([A-Za-zÄöß]{1,9}|[0-9]{1,9}|[-+.,@:/ ]){0,12}",
        ) {
            tells_nothing(&value);
        }

        #[test]
        fn no_word_of_two_letters_or_more_is_found_again(
            name in "[a-z]{2,12}", host in "[a-z]{2,12}", last in "[a-z]{2,9}", number in "[0-9]{2,12}",
        ) {
            let shown = masked(&format!("{name}.{number}@{host}.{last}"));
            for word in [&name, &host, &number] {
                prop_assert!(!shown.trim_end_matches(&*last).contains(&**word));
            }
            let shown = masked(&format!("{name} {host}, {number} {last}"));
            for word in [name, host, number, last] {
                prop_assert!(!shown.contains(&word));
            }
        }

        #[test]
        fn what_is_masked_alike_stays_masked(value in any::<String>()) {
            tells_nothing(&masked(&value));
        }
    }
}
