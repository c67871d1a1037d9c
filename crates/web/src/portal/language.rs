//! The languages of the portal, a file each in `words/`, and how a browser chooses among them.

use std::sync::LazyLock;

use countersign_core::time::Timestamp;
use countersign_service::words::Words;
use jiff::tz::TimeZone;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::read(include_str!("words/en.txt")));
static GERMAN: LazyLock<Words> = LazyLock::new(|| Words::read(include_str!("words/de.txt")));

impl Language {
    /// Every language.
    pub(crate) const ALL: [Language; 2] = [Language::English, Language::German];

    /// Its code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The one of a code.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The first that a browser's `Accept-Language` wants most; English if it wants none of ours.
    pub(crate) fn accepted(header: &str) -> Self {
        let mut best = (0.0, Language::English);
        for part in header.split(',').take(32) {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let tag = tag.trim().to_ascii_lowercase();
            let language = Self::of_code(tag.split('-').next().unwrap_or_default());
            let weight: f32 = weight.trim().trim_start_matches("q=").parse().unwrap_or(0.0);
            if let Some(language) = language.filter(|_| weight > best.0) {
                best = (weight, language);
            }
        }
        best.1
    }

    fn words(self) -> &'static Words {
        match self {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// A text.
    pub(super) fn say(self, key: &str) -> &str {
        self.words().say(key)
    }

    /// A text of a family that what stands outside names, such as a reason's code; `None` where it has none for it.
    pub(super) fn find(self, family: &str, name: &str) -> Option<&'static str> {
        self.words().find(&format!("{family}.{name}"))
    }

    /// A text with its places filled in.
    pub(super) fn fill(self, key: &str, values: &[(&str, &str)]) -> String {
        self.words().fill(key, values)
    }

    /// So many records.
    pub(super) fn rows(self, rows: u64) -> String {
        if rows == 1 {
            self.say("plan.row").to_owned()
        } else {
            self.fill("plan.rows", &[("rows", &rows.to_string())])
        }
    }

    /// A day; nothing for one beyond any calendar.
    pub(crate) fn day(self, at: Timestamp, zone: &TimeZone) -> String {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return String::new() };
        let at = at.to_zoned(zone.clone());
        let month = usize::from(at.month().unsigned_abs()).saturating_sub(1);
        let month = self.say("months").split(',').nth(month).unwrap_or_default();
        let (day, year) = (at.day().to_string(), at.year().to_string());
        self.fill("day", &[("day", &day), ("month", month), ("year", &year)])
    }

    /// A day and the time on it.
    pub(crate) fn moment(self, at: Timestamp, zone: &TimeZone) -> String {
        let time = jiff::Timestamp::from_millisecond(at.as_millis())
            .map(|at| at.to_zoned(zone.clone()).strftime("%H:%M").to_string())
            .unwrap_or_default();
        self.fill("moment", &[("day", &self.day(at, zone)), ("time", &time)])
    }
}

#[cfg(test)]
mod tests;
