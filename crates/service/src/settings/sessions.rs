//! `[sessions]`: how long somebody stays signed in.

use super::duration::DAY_MS;
use super::section::Section;

const MINUTE_MS: i64 = 60_000;

/// How long somebody stays signed in. A session keeps what stood when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// A session that nobody used for so long is over.
    pub idle_ms: i64,
    /// However much it is used, it is over so long after it began.
    pub absolute_ms: i64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle_ms: 30 * MINUTE_MS, absolute_ms: DAY_MS / 2 }
    }
}

impl Sessions {
    /// Reads the section, if it is there.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut sessions = Self::default();
        let Some(section) = top.section("sessions") else { return sessions };
        if let Some(span_ms) = section.duration("idle", MINUTE_MS..=DAY_MS) {
            sessions.idle_ms = span_ms;
        }
        if let Some(span_ms) = section.duration("absolute", MINUTE_MS..=30 * DAY_MS) {
            sessions.absolute_ms = span_ms;
        }
        section.finish();
        sessions
    }
}
