//! How old a line is, by one of its fields or by the time that it begins with.

use countersign_core::time::Timestamp;
use countersign_service::settings::datamap::AgeFormat;

use super::json;
use super::rules::LINE;

/// When a line was written, by its own word; `None` if that is not to be understood.
pub(super) fn of(line: &[u8], field: &str, format: AgeFormat) -> Option<Timestamp> {
    let said = match json::leaves(line) {
        Some(leaves) => {
            let leaf = leaves.into_iter().find(|it| it.path == field)?;
            leaf.text.unwrap_or_else(|| String::from_utf8_lossy(&line[leaf.span]).into_owned())
        }
        None if field == LINE => {
            let text = std::str::from_utf8(line).ok()?.trim_start_matches('[');
            let words: Vec<&str> = text.splitn(3, [' ', '\t', ']']).collect();
            let [first, rest @ ..] = &*words else { return None };
            // `2026-10-31 23:59:59 …` is one time of two words.
            match rest
                .first()
                .filter(|it| first.len() == 10 && it.starts_with(|it: char| it.is_ascii_digit()))
            {
                Some(time) => format!("{first}T{}", time.replace(',', ".")),
                None => (*first).to_owned(),
            }
        }
        None => return None,
    };
    let millis = match format {
        AgeFormat::UnixSeconds => (said.trim().parse::<f64>().ok()? * 1000.0) as i64,
        AgeFormat::UnixMillis => said.trim().parse::<i64>().ok()?,
        AgeFormat::Iso | AgeFormat::Timestamp => instant(said.trim())?,
    };
    Some(Timestamp::from_millis(millis))
}

fn instant(text: &str) -> Option<i64> {
    if let Ok(it) = text.parse::<jiff::Timestamp>() {
        return Some(it.as_millisecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_it_was_written() {
        let at = |line: &str, field, format| of(line.as_bytes(), field, format).map(Timestamp::as_millis);
        let second = Some(1_793_491_199_000);
        assert_eq!(at("2026-10-31T23:59:59Z GET /", LINE, AgeFormat::Iso), second);
        assert_eq!(at("[2026-10-31 23:59:59] GET /", LINE, AgeFormat::Iso), second);
        assert_eq!(at(r#"{"ts":"2026-10-31T23:59:59"}"#, "ts", AgeFormat::Iso), second);
        assert_eq!(at(r#"{"t":{"s":1793491199}}"#, "t.s", AgeFormat::UnixSeconds), second);
        assert_eq!(at(r#"{"ts":1793491199000}"#, "ts", AgeFormat::UnixMillis), second);
        assert_eq!(at("yesterday GET /", LINE, AgeFormat::Iso), None);
        assert_eq!(at(r#"{"ts":null}"#, "ts", AgeFormat::Iso), None);
    }
}
