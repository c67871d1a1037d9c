//! Small parts that many pages show: moments, spans, states, ids.

use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_service::ports::store::{Row, Status};
use maud::{Markup, html};

use super::desk::Desk;
use super::words;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// What is due within this long is marked.
const SOON_MS: i64 = 3 * DAY_MS;

/// A moment, in the configured time zone.
pub(super) fn moment(desk: &Desk, at: Timestamp) -> Markup {
    let Ok(utc) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return html! { "never" } };
    let zoned = utc.to_zoned(desk.who.zone.clone());
    html! { time datetime=(format!("{utc:.0}")) { (zoned.strftime("%-d %b %Y, %H:%M")) } }
}

/// How long ago it was, with the moment behind it.
pub(super) fn ago(desk: &Desk, at: Timestamp) -> Markup {
    let ms = desk.now().since_ms(at);
    let Ok(utc) = jiff::Timestamp::from_millisecond(at.as_millis()) else { return html! { "never" } };
    let zoned = utc.to_zoned(desk.who.zone.clone());
    let words = if ms < MINUTE_MS { "just now".to_owned() } else { format!("{} ago", span(ms)) };
    html! { time datetime=(format!("{utc:.0}")) title=(zoned.strftime("%-d %b %Y, %H:%M:%S %Z")) { (words) } }
}

/// A length of time in its largest unit.
pub(super) fn span(ms: i64) -> String {
    let many =
        |count: i64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    match ms.max(0) {
        DAY_MS => many(1, "day"),
        HOUR_MS => many(1, "hour"),
        ms if ms >= 2 * DAY_MS => many(ms / DAY_MS, "day"),
        ms if ms >= 2 * HOUR_MS => many(ms / HOUR_MS, "hour"),
        ms if ms >= 2 * MINUTE_MS => many(ms / MINUTE_MS, "minute"),
        ms => many(ms / SECOND_MS, "second"),
    }
}

/// How long something took, also where that is less than a second or two.
pub(super) fn took(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < SECOND_MS => format!("{ms} ms"),
        ms if ms < 10 * SECOND_MS => format!("{}.{} seconds", ms / SECOND_MS, ms % SECOND_MS / 100),
        ms => span(ms),
    }
}

/// When it is due, as far as it still matters.
pub(super) fn due(desk: &Desk, row: &Row) -> Markup {
    let Some(due) = row.due_at else { return html! { span.quiet { "no date" } } };
    if !row.status.is_open() {
        return moment(desk, due);
    }
    let left = due.since_ms(desk.now());
    html! {
        @if left < 0 {
            strong.late { (span(-left)) " late" }
        } @else if left < SOON_MS {
            strong.soon { "in " (span(left)) }
        } @else {
            "in " (span(left))
        }
    }
}

/// Where a request stands.
pub(super) fn status(status: Status) -> Markup {
    html! { span.chip.(status.name()) { (words::of("status", status.name())) } }
}

/// A request's id, as much of it as people compare: the end, for its beginning is the time.
pub(super) fn short(id: RequestId) -> String {
    let id = id.to_string();
    id.get(28..).unwrap_or_default().to_owned()
}

/// What an action is called.
pub(super) fn action(name: &str) -> String {
    words::find("action", name).map_or_else(|| name.replace('_', " "), str::to_owned)
}

/// On to the rest of a list of which `page` were shown from `from` on.
pub(super) fn earlier(here: &str, all: usize, from: usize, page: usize) -> Markup {
    let next = from.saturating_add(page);
    html! { @if next < all { p { a.button.second href={ (here) "?from=" (next) } { "Earlier ones" } } } }
}

/// A remark as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}

/// A number with blanks between thousands.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

/// `1 row`, `2 rows`.
pub(super) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", number(count)) }
}

/// How much it is, in the unit that says it in at most three digits; never less than it is.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut count, mut unit) = (bytes, 0);
    while count > 999 && unit + 1 < UNITS.len() {
        count = count.div_ceil(1_000);
        unit += 1;
    }
    format!("{count} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_their_largest_unit() {
        for (ms, said) in [
            (0, "0 seconds"),
            (1_000, "1 second"),
            (119_000, "119 seconds"),
            (120_000, "2 minutes"),
            (7_199_000, "119 minutes"),
            (7_200_000, "2 hours"),
            (DAY_MS, "1 day"),
            (HOUR_MS, "1 hour"),
            (2 * DAY_MS, "2 days"),
            (-5, "0 seconds"),
        ] {
            assert_eq!(span(ms), said, "{ms}");
        }
    }

    #[test]
    fn what_took_less_than_seconds_is_told_too() {
        for (ms, said) in [(0, "0 ms"), (999, "999 ms"), (1_250, "1.2 seconds"), (61_000, "61 seconds")] {
            assert_eq!(took(ms), said, "{ms}");
        }
    }

    #[test]
    fn sizes_are_said_in_three_digits_and_never_too_small() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1 kB"),
            (1_001, "2 kB"),
            (999_001, "1 MB"),
            (3_000_000_000, "3 GB"),
            (u64::MAX, "18446745 TB"),
        ] {
            assert_eq!(size(bytes), said, "{bytes}");
        }
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
