//! Moments and spans, as plain numbers that are handed in. This file must not know any clock.

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `span_ms` later (earlier if negative); stays at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, span_ms: i64) -> Self {
        Self(self.0.saturating_add(span_ms))
    }

    /// Milliseconds from `earlier` to this moment; never below zero.
    pub const fn since_ms(self, earlier: Timestamp) -> i64 {
        let span = self.0.saturating_sub(earlier.0);
        if span < 0 { 0 } else { span }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn a_span_to_something_later_is_zero_and_never_negative() {
        let [early, late] = [3, 10].map(Timestamp::from_millis);
        assert_eq!((late.since_ms(early), early.since_ms(late)), (7, 0));
    }

    #[test]
    fn moments_and_spans_stay_at_the_ends_of_the_range() {
        let [first, last] = [i64::MIN, i64::MAX].map(Timestamp::from_millis);
        assert_eq!((last.plus_ms(1), first.plus_ms(-1)), (last, first));
        assert_eq!(last.since_ms(first), i64::MAX);
    }
}
