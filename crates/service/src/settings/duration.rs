//! Lengths of time as people write them: `500ms`, `90s`, `15m`, `72h`, `30d`. A day has 24 hours here; what the
//! law counts in days of a calendar is the business of deadlines.

use std::fmt;

/// The longest that is taken: a hundred years.
pub const LONGEST_MS: i64 = 36_525 * DAY_MS;
/// Milliseconds of 24 hours.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const UNITS: [(&str, i64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000), ("d", DAY_MS)];

/// Why a text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDuration {
    /// Not digits with a unit behind.
    Form,
    /// Digits, and a unit that is none of ours.
    Unit,
    /// More than [`LONGEST_MS`].
    TooLong,
}

impl fmt::Display for NoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "write a whole number and a unit, such as \"90s\", \"72h\" or \"30d\"",
            Self::Unit => "the unit is one of ms, s, m, h, d, as in \"72h\"",
            Self::TooLong => "at most a hundred years are taken",
        })
    }
}

impl std::error::Error for NoDuration {}

/// Milliseconds of a text such as `72h`.
///
/// # Errors
/// Anything that is not a whole number with one of the units `ms`, `s`, `m`, `h`, `d`, or is too long.
pub fn parse(text: &str) -> Result<i64, NoDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(NoDuration::Form);
    }
    if unit.is_empty() || !unit.bytes().all(|it| it.is_ascii_alphabetic()) {
        return Err(NoDuration::Form);
    }
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NoDuration::Unit)?;
    let number: i64 = number.parse().map_err(|_| NoDuration::TooLong)?;
    let span_ms = number.checked_mul(*unit_ms).ok_or(NoDuration::TooLong)?;
    if span_ms > LONGEST_MS { Err(NoDuration::TooLong) } else { Ok(span_ms) }
}

/// The shortest text that [`parse`] reads as `span_ms`, which is not negative.
pub fn show(span_ms: i64) -> String {
    let fitting = UNITS.iter().rev().find(|(_, unit_ms)| span_ms != 0 && span_ms % unit_ms == 0);
    let (unit, unit_ms) = fitting.copied().unwrap_or(("s", 1000));
    format!("{}{unit}", span_ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_read_in_their_units() {
        assert_eq!(parse("500ms"), Ok(500));
        assert_eq!(parse("90s"), Ok(90_000));
        assert_eq!(parse("15m"), Ok(900_000));
        assert_eq!(parse("72h"), Ok(259_200_000));
        assert_eq!(parse("30d"), Ok(30 * DAY_MS));
        assert_eq!(parse("0s"), Ok(0));
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for bad in ["", "h", "72", "-1h", "1.5h", "72 h", " 72h", "1h30m", "٣h"] {
            assert_eq!(parse(bad), Err(NoDuration::Form), "{bad}");
        }
        for bad in ["3w", "72H", "5min"] {
            assert_eq!(parse(bad), Err(NoDuration::Unit), "{bad}");
        }
        for bad in ["36526d", "99999999999999999999s", "9223372036854775807d"] {
            assert_eq!(parse(bad), Err(NoDuration::TooLong), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(span_ms in 0..=LONGEST_MS) {
            prop_assert_eq!(parse(&show(span_ms)), Ok(span_ms));
        }
    }
}
