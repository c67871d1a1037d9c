//! Timers that ask for an action on a dataset: when each ticks, in its own time zone, also when clocks are put
//! forward or back. It must not know what is asked for, nor whether it ran: one request a tick is the job's to see to.

#[cfg(test)]
mod tests;

use countersign_core::time::Timestamp;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

/// Longer patterns are no slip, and parsing them is not free.
const LONGEST_PATTERN: usize = 200;

/// One timer.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name; the requester of what it asks for.
    pub name: String,
    /// When it ticks.
    pub cron: Cron,
    /// The pattern as it was written.
    pub pattern: String,
    /// Where the pattern's clock hangs.
    pub time_zone: TimeZone,
    /// The action it asks for.
    pub action: String,
    /// The source.
    pub source: String,
    /// The dataset in it.
    pub dataset: String,
    /// Rows older than this at the tick are asked for.
    pub older_than_ms: i64,
    /// The person who wrote it, by id: nobody who stands on the asking side votes. `None` in a file means whoever
    /// applied it; the service fills that in.
    pub author: Option<String>,
}

/// Why a text is no pattern of ticks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCron(&'static str);

/// The ticks that `pattern` describes: five fields, minute to day of the week, or a nickname such as `@daily`.
///
/// # Errors
/// Text that is no such pattern, or one that never ticks, such as a 30th of February.
pub fn parse_cron(pattern: &str) -> Result<Cron, NoCron> {
    const FORM: &str = "five fields: minute hour day-of-month month day-of-week, as in \"0 3 * * *\"";
    if pattern.len() > LONGEST_PATTERN || !pattern.is_ascii() {
        return Err(NoCron(FORM));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(pattern).map_err(|_| NoCron(FORM))?;
    // Leap days are at most eight years apart; a pattern without a tick from here has none at all.
    match next(&cron, &TimeZone::UTC, Timestamp::from_millis(0)) {
        Some(_) => Ok(cron),
        None => Err(NoCron("it never ticks: there is no such day")),
    }
}

impl Schedule {
    /// The first tick later than `after`; `None` where the calendar ends.
    ///
    /// A tick that falls into the hour that spring leaves out comes when that hour would have ended, once. A tick at
    /// a fixed time in the hour that autumn repeats comes the first time only; a pattern with a wildcard or a step
    /// in its minutes or hours goes on through both.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        next(&self.cron, &self.time_zone, after)
    }

    /// The last tick that is later than `after` and not later than `now`: the one to run after a time in which
    /// nobody was there to see the others.
    pub fn latest_tick_at_or_before(&self, now: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let seen = |from: Timestamp| self.next_after(from).filter(|tick| *tick <= now);
        let mut latest = seen(after)?;
        // Halving rather than walking, so that years of silence do not cost a step a tick.
        let mut none_later_than = now;
        while latest < none_later_than {
            let middle = latest.as_millis().midpoint(none_later_than.as_millis());
            match seen(Timestamp::from_millis(middle)) {
                Some(tick) => latest = tick,
                None => none_later_than = Timestamp::from_millis(middle),
            }
        }
        Some(latest)
    }
}

fn next(cron: &Cron, time_zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    // Croner counts whole seconds and drops what is finer: start from the second that `after` lies in.
    let second = after.as_millis().div_euclid(1000);
    let mut from = jiff::Timestamp::from_second(second).ok()?.to_zoned(time_zone.clone());
    loop {
        let tick = cron.find_next_occurrence(&from, false).ok()?;
        let at = Timestamp::from_millis(tick.timestamp().as_millisecond());
        if at > after {
            return Some(at);
        }
        // Never backwards and never the same again, whatever the clock did there.
        let onward = tick.timestamp().max(from.timestamp());
        from = onward.checked_add(jiff::SignedDuration::from_secs(1)).ok()?.to_zoned(time_zone.clone());
    }
}
