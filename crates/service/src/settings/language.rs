//! In which language mail is written to whom nothing else is known of.

use super::section::Section;

/// Those that mail is written in, by their codes.
pub const LANGUAGES: [&str; 2] = ["en", "de"];

/// Whether mail is written in it.
pub fn is_spoken(language: &str) -> bool {
    LANGUAGES.contains(&language)
}

/// Reads `language`; English where it is not there.
pub(super) fn read(top: &Section<'_>) -> String {
    let spoken = LANGUAGES.map(|language| (language, language));
    top.choice("language", &spoken).unwrap_or(LANGUAGES[0]).to_owned()
}
