//! A moment on the wire: RFC 3339 in UTC with milliseconds.

use countersign_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A moment: RFC 3339, shown in UTC with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T09:00:00.000Z")]
pub(crate) struct Moment(pub(crate) Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = self.0.as_millis();
        // Beyond the years that can be written, the last one stands for "never".
        let end = if ms < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(end);
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = || de::Error::custom("must be a moment such as 2026-01-31T09:00:00Z");
        let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        Ok(Self(Timestamp::from_millis(at.as_millisecond())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(ms: i64) -> String {
        serde_json::to_string(&Moment(Timestamp::from_millis(ms))).unwrap()
    }

    #[test]
    fn moments_are_written_in_utc_with_milliseconds() {
        assert_eq!(shown(0), "\"1970-01-01T00:00:00.000Z\"");
        assert_eq!(shown(1_769_850_000_012), "\"2026-01-31T09:00:00.012Z\"");
    }

    #[test]
    fn moments_that_no_calendar_has_are_written_as_its_ends() {
        assert!(shown(i64::MAX).starts_with("\"9999-"));
        assert!(shown(i64::MIN).starts_with("\"-"));
    }

    #[test]
    fn offsets_are_read_and_nonsense_is_not() {
        let read: Moment = serde_json::from_str("\"2026-01-31T10:00:00+01:00\"").unwrap();
        assert_eq!(read.0.as_millis(), 1_769_850_000_000);
        for wrong in ["\"tomorrow\"", "\"2026-01-31\"", "\"2026-13-31T10:00:00Z\"", "\"\"", "5", "null"] {
            assert!(serde_json::from_str::<Moment>(wrong).is_err(), "{wrong}");
        }
    }
}
