//! `[reviewers]`: when those who vote get mail, unless they choose otherwise for themselves.

use serde::{Deserialize, Serialize};

use super::section::Section;

const HOUR: u8 = 8;
const REMIND_PERCENT: u8 = 75;

/// At once, or gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// One mail for each request, at once.
    AtOnce,
    /// One mail a day, if there is anything to say.
    Digest,
}

/// When reviewers get mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reviewers {
    /// At once, or gathered.
    pub pace: Pace,
    /// The hour of what was gathered, in the settings' time zone.
    pub hour: u8,
    /// After this share of the time until an answer is due, whoever has not voted is reminded; 0: never.
    pub remind_percent: u8,
}

impl Default for Reviewers {
    fn default() -> Self {
        Self { pace: Pace::AtOnce, hour: HOUR, remind_percent: REMIND_PERCENT }
    }
}

impl Reviewers {
    /// Reads the section, if it is there.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut reviewers = Self::default();
        let Some(section) = top.section("reviewers") else { return reviewers };
        if let Some(pace) = section.choice("mail", &[("at_once", Pace::AtOnce), ("digest", Pace::Digest)]) {
            reviewers.pace = pace;
        }
        if let Some(hour) = section.number("hour", 0..=23) {
            reviewers.hour = u8::try_from(hour).unwrap_or(HOUR);
        }
        if let Some(percent) = section.number("remind_percent", 0..=99) {
            reviewers.remind_percent = u8::try_from(percent).unwrap_or(REMIND_PERCENT);
        }
        section.finish();
        reviewers
    }
}
