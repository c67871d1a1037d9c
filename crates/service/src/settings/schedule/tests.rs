//! Ticks, above all where clocks are put forward or back. Berlin: 29 March 2026, 2:00 becomes 3:00; 25 October 2026,
//! 3:00 becomes 2:00.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[test]
fn daily_tick_comes_at_its_hour_in_winter_and_in_summer() {
    let schedule = berlin("0 3 * * *");
    assert_eq!(ticks(&schedule, "2026-01-10T12:00Z", 2), ["2026-01-11T02:00:00Z", "2026-01-12T02:00:00Z"]);
    assert_eq!(ticks(&schedule, "2026-07-10T12:00Z", 2), ["2026-07-11T01:00:00Z", "2026-07-12T01:00:00Z"]);
}

#[test]
fn tick_in_the_hour_that_spring_leaves_out_comes_once_when_that_hour_would_have_ended() {
    let schedule = berlin("30 2 * * *");
    assert_eq!(
        ticks(&schedule, "2026-03-28T00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
}

#[test]
fn tick_in_the_hour_that_autumn_repeats_comes_once_the_first_time() {
    let schedule = berlin("30 2 * * *");
    assert_eq!(ticks(&schedule, "2026-10-24T12:00Z", 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    // Asked between the two half past twos, and in the second of them.
    assert_eq!(ticks(&schedule, "2026-10-25T00:45Z", 1), ["2026-10-26T01:30:00Z"]);
    assert_eq!(ticks(&schedule, "2026-10-25T01:10Z", 1), ["2026-10-26T01:30:00Z"]);
}

#[test]
fn every_half_hour_goes_on_through_both_changes() {
    let schedule = berlin("*/30 * * * *");
    assert_eq!(
        ticks(&schedule, "2026-03-29T00:30Z", 3),
        ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"]
    );
    assert_eq!(
        ticks(&schedule, "2026-10-25T00:00Z", 5),
        [
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T02:30:00Z"
        ]
    );
}

#[test]
fn midnight_that_does_not_exist_ticks_at_the_first_moment_of_that_day() {
    // Santiago, 6 September 2026: 0:00 becomes 1:00.
    let schedule = Schedule { time_zone: TimeZone::get("America/Santiago").unwrap(), ..berlin("0 0 * * *") };
    assert_eq!(ticks(&schedule, "2026-09-05T12:00Z", 2), ["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]);
}

#[test]
fn after_a_silence_only_the_latest_tick_counts() {
    let schedule = berlin("0 3 * * *");
    let latest = |now: &str, after: &str| schedule.latest_tick_at_or_before(at(now), at(after)).map(shown);
    assert_eq!(latest("2026-06-20T12:00Z", "2021-01-01T00:00Z"), Some("2026-06-20T01:00:00Z".into()));
    assert_eq!(latest("2026-06-20T01:00Z", "2026-06-19T01:00Z"), Some("2026-06-20T01:00:00Z".into()));
    assert_eq!(latest("2026-06-20T12:00Z", "2026-06-20T01:00Z"), None, "that tick was seen");
    assert_eq!(latest("2026-06-20T00:59Z", "2026-06-19T01:00Z"), None, "not yet");
    assert_eq!(latest("2026-06-20T12:00Z", "2026-06-21T00:00Z"), None, "a clock that went back");
}

#[test]
fn leap_days_are_found_across_the_century() {
    let schedule = Schedule { time_zone: TimeZone::UTC, ..berlin("0 0 29 2 *") };
    assert_eq!(ticks(&schedule, "2096-03-01T00:00Z", 1), ["2104-02-29T00:00:00Z"]);
    let latest = schedule.latest_tick_at_or_before(at("2103-01-01T00:00Z"), at("2026-01-01T00:00Z"));
    assert_eq!(latest.map(shown), Some("2096-02-29T00:00:00Z".into()));
}

#[test]
fn ends_of_time_have_no_tick_and_no_panic() {
    for ms in [i64::MIN, i64::MAX, -377_705_023_201_000, 253_402_207_200_000] {
        let _ = berlin("0 3 * * *").next_after(Timestamp::from_millis(ms));
        let _ = berlin("* * * * *")
            .latest_tick_at_or_before(Timestamp::from_millis(ms), Timestamp::from_millis(0));
    }
}

#[test]
fn patterns_with_seconds_or_years_or_without_any_tick_are_refused() {
    for bad in [
        "",
        "x",
        "* * * *",
        "0 0 3 * * *",
        "0 0 3 * * * 2027",
        "60 * * * *",
        "* * * * FOO",
        "0 0 30 2 *",
        "@soon",
    ] {
        assert!(parse_cron(bad).is_err(), "{bad}");
    }
    for good in ["0 3 * * *", "@daily", "*/15 8-17 * * MON-FRI", "0 0 L * *", "0 0 29 2 *"] {
        assert!(parse_cron(good).is_ok(), "{good}");
    }
}

proptest! {
    #[test]
    fn no_pattern_makes_it_panic(pattern in "[-*/,0-9LW#?@A-Za-z ]{0,24}") {
        let _ = parse_cron(&pattern);
    }

    #[test]
    fn no_text_at_all_makes_it_panic(pattern in ".{0,40}") {
        let _ = parse_cron(&pattern);
    }

    /// From wherever one asks, the answer is the same ticks: none is skipped, none comes twice.
    #[test]
    fn next_tick_does_not_depend_on_where_one_asks_from(
        pattern in prop::sample::select(vec!["30 2 * * *", "*/20 * * * *", "0 * * * *", "15 2,3 * * SUN"]),
        day in 0i64..720, one in 0i64..DAY_MS, other in 0i64..DAY_MS,
    ) {
        let schedule = berlin(pattern);
        let start = at("2025-12-01T00:00Z").plus_ms(day * DAY_MS);
        let (early, late) = (start.plus_ms(one.min(other)), start.plus_ms(one.max(other)));
        let next = schedule.next_after(early).unwrap();
        prop_assert!(next > early);
        let from_late = schedule.next_after(late).unwrap();
        if next > late {
            prop_assert_eq!(from_late, next);
        } else {
            prop_assert!(from_late > next);
            let latest = schedule.latest_tick_at_or_before(late, early).unwrap();
            prop_assert!(latest <= late && latest >= next);
            prop_assert_eq!(schedule.next_after(latest).unwrap(), from_late);
        }
    }
}

fn berlin(pattern: &str) -> Schedule {
    Schedule {
        name: "nightly".into(),
        cron: parse_cron(pattern).unwrap(),
        pattern: pattern.into(),
        time_zone: TimeZone::get("Europe/Berlin").unwrap(),
        action: "purge".into(),
        source: "shop".into(),
        dataset: "app_log".into(),
        older_than_ms: 90 * DAY_MS,
        author: None,
    }
}

fn ticks(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let first = schedule.next_after(at(after));
    std::iter::successors(first, |tick| schedule.next_after(*tick)).take(count).map(shown).collect()
}

fn at(text: &str) -> Timestamp {
    let text = if text.len() == 17 { text.replace('Z', ":00Z") } else { text.to_owned() };
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap().to_string()
}
