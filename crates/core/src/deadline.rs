//! When the law wants an answer: plain days by rules that are data. Nothing here is legal advice, and no rule
//! is built in; `notes` of the operator say where each comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// Which day is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstDay {
    /// The day of receipt counts (UK: ICO).
    DayOf,
    /// The day after it is the first (Regulation 1182/71 Art. 3(1)).
    DayAfter,
}

/// In what a length is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// To the corresponding day of a later month; the month's last day where there is none.
    CalendarMonth,
    /// Every day.
    CalendarDay,
    /// Days that the calendar calls working days.
    BusinessDay,
}

/// What happens when the last day is no working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rolls {
    /// Nothing.
    None,
    /// The next working day is the last (Regulation 1182/71 Art. 3(4)).
    NextWorkingDay,
}

/// How long somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Which day is the first.
    pub first_day: FirstDay,
    /// The unit of the length.
    pub unit: Unit,
    /// How many of them, from 1.
    pub count: u16,
    /// What happens at a day of rest.
    pub rolls: Rolls,
}

/// Days of rest. A year that is not listed is unknown: an error where it matters, never "no holidays".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Holidays by year, weekends aside.
    pub holidays: BTreeMap<i16, BTreeSet<Date>>,
}

/// Why there is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDeadline {
    /// The calendar has no entry for this year.
    UnknownYear(i16),
    /// Beyond the year 9999, or a length of zero.
    OutOfRange,
}

impl fmt::Display for NoDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoDeadline::UnknownYear(year) => {
                write!(f, "the calendar has no holidays for {year}; list them, if only as an empty list")
            }
            NoDeadline::OutOfRange => {
                f.write_str("the length must be at least 1, and the date before the year 10000")
            }
        }
    }
}

impl std::error::Error for NoDeadline {}

impl Clock {
    /// The last day on which an answer is in time, for something received on `receipt`.
    pub fn due(&self, receipt: Date, calendar: &Calendar) -> Result<Date, NoDeadline> {
        let count = i64::from(self.count);
        if count == 0 {
            return Err(NoDeadline::OutOfRange);
        }
        let last = match (self.unit, self.first_day) {
            // A month from the day after ends on the day that corresponds to the day of receipt; a month
            // "from the day of" to the corresponding date ends there too.
            (Unit::CalendarMonth, _) => receipt.checked_add(count.months()),
            (Unit::CalendarDay, FirstDay::DayAfter) => receipt.checked_add(count.days()),
            (Unit::CalendarDay, FirstDay::DayOf) => receipt.checked_add((count - 1).days()),
            (Unit::BusinessDay, first) => return self.business(receipt, first, count, calendar),
        };
        let last = last.map_err(|_| NoDeadline::OutOfRange)?;
        match self.rolls {
            Rolls::None => Ok(last),
            Rolls::NextWorkingDay => calendar.working_day_from(last),
        }
    }

    fn business(
        &self,
        receipt: Date,
        first: FirstDay,
        count: i64,
        calendar: &Calendar,
    ) -> Result<Date, NoDeadline> {
        let mut day = match first {
            FirstDay::DayOf => calendar.working_day_from(receipt)?,
            FirstDay::DayAfter => calendar.working_day_from(next(receipt)?)?,
        };
        for _ in 1..count {
            day = calendar.working_day_from(next(day)?)?;
        }
        Ok(day)
    }
}

impl Calendar {
    fn working_day_from(&self, mut day: Date) -> Result<Date, NoDeadline> {
        loop {
            let rest = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            let holidays = self.holidays.get(&day.year()).ok_or(NoDeadline::UnknownYear(day.year()))?;
            if !rest && !holidays.contains(&day) {
                return Ok(day);
            }
            day = next(day)?;
        }
    }
}

fn next(day: Date) -> Result<Date, NoDeadline> {
    day.tomorrow().map_err(|_| NoDeadline::OutOfRange)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;

    const GDPR: Clock = Clock {
        first_day: FirstDay::DayAfter,
        unit: Unit::CalendarMonth,
        count: 1,
        rolls: Rolls::NextWorkingDay,
    };

    #[test]
    fn month_ends_on_the_corresponding_day() {
        assert_eq!(GDPR.due(date(2026, 3, 3), &calendar()), Ok(date(2026, 4, 3 + 4))); // 3 to 6 April: Easter
    }

    #[test]
    fn month_without_that_day_ends_on_its_last() {
        let clock = Clock { rolls: Rolls::None, ..GDPR };
        assert_eq!(clock.due(date(2027, 1, 31), &calendar()), Ok(date(2027, 2, 28)));
        assert_eq!(clock.due(date(2028, 1, 31), &calendar()), Ok(date(2028, 2, 29)));
    }

    #[test]
    fn ten_business_days_skip_weekends_and_holidays() {
        let clock = Clock { unit: Unit::BusinessDay, count: 10, rolls: Rolls::None, ..GDPR };
        assert_eq!(clock.due(date(2026, 3, 30), &calendar()), Ok(date(2026, 4, 15)));
    }

    #[test]
    fn forty_five_calendar_days_count_from_the_day_after() {
        let clock = Clock { unit: Unit::CalendarDay, count: 45, rolls: Rolls::None, ..GDPR };
        assert_eq!(clock.due(date(2026, 1, 1), &calendar()), Ok(date(2026, 2, 15)));
    }

    #[test]
    fn year_that_the_calendar_does_not_know_is_an_error() {
        assert_eq!(GDPR.due(date(2030, 5, 1), &calendar()), Err(NoDeadline::UnknownYear(2030)));
    }

    #[test]
    fn end_of_time_is_an_error_and_not_a_panic() {
        assert_eq!(GDPR.due(date(9999, 12, 31), &calendar()), Err(NoDeadline::OutOfRange));
    }

    fn calendar() -> Calendar {
        let easter = BTreeSet::from([date(2026, 4, 3), date(2026, 4, 6)]);
        Calendar {
            holidays: BTreeMap::from([(2026, easter), (2027, BTreeSet::new()), (2028, BTreeSet::new())]),
        }
    }
}
