//! The law's clocks by name, and the calendar they count on. Every rule is the operator's data.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::deadline::{Calendar, Clock, FirstDay, Rolls, Unit};
use jiff::civil::Date;
use toml::de::DeValue;

use super::mistake::did_you_mean;
use super::section::{Page, Placed, Section, Value, brief};

/// Clocks by the names that actions use for them.
pub(super) struct Regimes {
    clocks: BTreeMap<String, Option<Clock>>,
}

impl Regimes {
    /// Reads `[deadlines.<name>]`.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut clocks = BTreeMap::new();
        for (name, section) in top.named("deadlines") {
            // One that could not be read is kept by name, so that whoever refers to it is not blamed too.
            clocks.insert(name.value.to_owned(), clock(section));
        }
        Self { clocks }
    }

    /// The clock called `name`; a mistake where there is none.
    pub(super) fn find(&self, page: &Page<'_>, name: &Placed<&str>) -> Option<Clock> {
        if let Some(clock) = self.clocks.get(name.value) {
            return *clock;
        }
        let mut advice = did_you_mean(name.value, self.clocks.keys().map(String::as_str));
        if advice.is_empty() {
            advice = format!("add a section [deadlines.{}]", brief(name.value));
        }
        page.wrong(name.span.clone(), format!("there is no deadline `{}`", brief(name.value)), &advice);
        None
    }
}

fn clock(section: Section<'_>) -> Option<Clock> {
    let first_day =
        section.choice("first_day", &[("day_of", FirstDay::DayOf), ("day_after", FirstDay::DayAfter)]);
    let unit = section.choice(
        "unit",
        &[
            ("calendar_month", Unit::CalendarMonth),
            ("calendar_day", Unit::CalendarDay),
            ("business_day", Unit::BusinessDay),
        ],
    );
    let count = section.number("count", 1..=3650);
    let rolls =
        section.choice("rolls", &[("none", Rolls::None), ("next_working_day", Rolls::NextWorkingDay)]);
    let wanted = [
        ("first_day", "\"day_after\""),
        ("unit", "\"calendar_month\""),
        ("count", "1"),
        ("rolls", "\"next_working_day\""),
    ];
    for (key, example) in wanted {
        if !section.has(key) {
            section.missing(key, example);
        }
    }
    section.finish();
    Some(Clock { first_day: first_day?, unit: unit?, count: u16::try_from(count?).ok()?, rolls: rolls? })
}

/// Reads `[calendar]`: by year, the holidays that fall on a working day.
pub(super) fn calendar(top: &Section<'_>) -> Calendar {
    let mut calendar = Calendar::default();
    let Some(section) = top.section("calendar") else { return calendar };
    let page = section.page();
    for (key, value) in section.entries() {
        let Some(year) = key.value.parse::<i16>().ok().filter(|it| (1900..=9999).contains(it)) else {
            let message = format!("`{}` is no year", brief(key.value));
            page.wrong(key.span, message, "write it with four digits, such as 2026");
            continue;
        };
        let Some(items) = value.get_ref().as_array() else {
            page.wrong(
                value.span(),
                format!("`{year}` is no list"),
                "write a list of dates, if only an empty one: []",
            );
            continue;
        };
        let days: BTreeSet<Date> = items.iter().filter_map(|it| holiday(page, year, it)).collect();
        calendar.holidays.insert(year, days);
    }
    calendar
}

fn holiday(page: &Page<'_>, year: i16, item: Value<'_>) -> Option<Date> {
    let written = match item.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        _ => String::new(),
    };
    let Ok(day) = written.parse::<Date>() else {
        page.wrong(item.span(), "this is no date", &format!("write the day as {year}-12-25"));
        return None;
    };
    if day.year() != year {
        page.wrong(item.span(), format!("{day} is not in {year}"), "move it to its year");
        return None;
    }
    Some(day)
}
