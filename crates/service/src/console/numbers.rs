//! Numbers over many requests, for one page of pictures: how many, how fast, how many by themselves.

use std::collections::BTreeMap;

use countersign_core::time::Timestamp;

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::ports::store::{Needs, Query, Row, Status};
use crate::refusal::Refusal;

/// How far back the numbers go.
const DAYS: usize = 30;
const DAY_MS: i64 = 86_400_000;
/// At most so many of the newest requests are counted.
const MOST: usize = 2_000;
/// Of so many of the newest completed requests it is looked at whether somebody signed.
pub const AUTOMATIC_MOST: u32 = 100;
/// The most rows of one answer of the store.
const PAGE: u32 = 200;

/// How many requests that ended were answered within a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The end of the span, in milliseconds; `None` for all that is longer.
    pub within_ms: Option<i64>,
    /// How many.
    pub count: u64,
}

/// How many quarters of their time requests took to end: at most one, two, three, four of them, and more than all.
pub type Quarters = [u64; 5];

/// Numbers over the last thirty days.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Submitted a day, oldest first, with the day's beginning.
    pub by_day: Vec<(Timestamp, u64)>,
    /// Submitted by action.
    pub by_action: BTreeMap<String, u64>,
    /// By how long they took.
    pub answered: Vec<Answered>,
    /// The median of that, in milliseconds.
    pub median_ms: Option<i64>,
    /// Of those that ended and had a date, by action: how much they took of the time that the law gave.
    pub quarters: BTreeMap<String, Quarters>,
    /// Of the same: how many in time, and how many late.
    pub in_time: u64,
    /// See [`Numbers::in_time`].
    pub late: u64,
    /// Open ones past their date.
    pub overdue: u64,
    /// Of the newest completed requests: how many nobody signed, by action, and how many there are.
    pub automatic: BTreeMap<String, (u64, u64)>,
    /// Whether there were more than are counted.
    pub cut: bool,
}

impl Service {
    /// The numbers of the last thirty days.
    ///
    /// # Errors
    /// When the caller may not list requests.
    pub async fn numbers(&self, caller: &Caller) -> Result<Numbers, Refusal> {
        caller.may(Act::List)?;
        let settings = self.settings().await?;
        let now = self.store.load(Needs::default()).await?.now;
        let mut days = vec![settings.day_start(now)];
        while days.len() < DAYS {
            // Noon of the day before, whatever clocks were changed between.
            let noon = days[days.len() - 1].plus_ms(-DAY_MS / 2);
            days.push(settings.day_start(noon));
        }
        days.reverse();
        let (rows, cut) = self.rows_since(days[0]).await?;
        let mut numbers = counted(&days, &rows, now);
        numbers.cut = cut;
        numbers.automatic = self.automatic().await?;
        Ok(numbers)
    }

    async fn rows_since(&self, since: Timestamp) -> Result<(Vec<Row>, bool), Refusal> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let after = rows.last().map(|row| (row.submitted_at, row.id));
            let page = self.store.list(Query { after, limit: PAGE, ..Query::default() }).await?;
            let all = page.len() < PAGE as usize;
            rows.extend(page);
            let past = rows.last().is_none_or(|row| row.submitted_at < since);
            if all || past || rows.len() >= MOST {
                let cut = !all && !past;
                rows.retain(|row| row.submitted_at >= since);
                return Ok((rows, cut));
            }
        }
    }

    async fn automatic(&self) -> Result<BTreeMap<String, (u64, u64)>, Refusal> {
        let query = Query { statuses: vec![Status::Completed], limit: AUTOMATIC_MOST, ..Query::default() };
        let mut automatic = BTreeMap::new();
        for row in self.store.list(query).await? {
            let loaded = self.store.load(Needs { request: Some(row.id), ..Needs::default() }).await?;
            let signed =
                loaded.request.is_some_and(|request| request.terms.iter().any(|term| term.name == "voter"));
            let (alone, all): &mut (u64, u64) = automatic.entry(row.action).or_default();
            *alone += u64::from(!signed);
            *all += 1;
        }
        Ok(automatic)
    }
}

fn counted(days: &[Timestamp], rows: &[Row], now: Timestamp) -> Numbers {
    let mut by_day: Vec<(Timestamp, u64)> = days.iter().map(|day| (*day, 0)).collect();
    let mut by_action = BTreeMap::new();
    let mut took = Vec::new();
    let mut quarters: BTreeMap<String, Quarters> = BTreeMap::new();
    let (mut in_time, mut late, mut overdue) = (0, 0, 0);
    for row in rows {
        if let Some((_, count)) = by_day.iter_mut().rev().find(|(day, _)| *day <= row.submitted_at) {
            *count += 1;
        }
        *by_action.entry(row.action.clone()).or_default() += 1;
        if row.status.is_open() {
            overdue += u64::from(row.due_at.is_some_and(|due| due < now));
            continue;
        }
        took.push(row.changed_at.since_ms(row.submitted_at));
        let Some(due) = row.due_at else { continue };
        if row.changed_at > due {
            late += 1;
        } else {
            in_time += 1;
        }
        quarters.entry(row.action.clone()).or_default()[quarter(row, due)] += 1;
    }
    took.sort_unstable();
    let hour = DAY_MS / 24;
    let spans = [hour, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS];
    let mut from = 0;
    let mut answered = Vec::new();
    for end in spans.into_iter().map(Some).chain([None]) {
        let to = end.map_or(took.len(), |end| took.partition_point(|ms| *ms <= end));
        answered.push(Answered { within_ms: end, count: (to - from) as u64 });
        from = to;
    }
    let median_ms = took.get(took.len() / 2).copied();
    let automatic = BTreeMap::new();
    Numbers {
        by_day,
        by_action,
        answered,
        median_ms,
        quarters,
        in_time,
        late,
        overdue,
        automatic,
        cut: false,
    }
}

/// Which quarter of its time a request ended in; 4 after all of it.
fn quarter(row: &Row, due: Timestamp) -> usize {
    let (took, had) = (row.changed_at.since_ms(row.submitted_at), due.since_ms(row.submitted_at));
    if row.changed_at > due {
        return 4;
    }
    (0..3).find(|n| i128::from(took) * 4 <= i128::from(had) * (n + 1)).map_or(3, |n| n as usize)
}

#[cfg(test)]
mod tests {
    use countersign_core::id::RequestId;

    use super::*;

    fn row(status: Status, submitted_ms: i64, changed_ms: i64, due_ms: i64) -> Row {
        Row {
            id: RequestId::from_bytes([0; 16]),
            version: 1,
            status,
            action: "erase".to_owned(),
            channel: "api".to_owned(),
            submitted_at: Timestamp::from_millis(submitted_ms),
            due_at: Some(Timestamp::from_millis(due_ms)),
            expires_at: None,
            started_at: None,
            changed_at: Timestamp::from_millis(changed_ms),
        }
    }

    #[test]
    fn requests_are_counted_by_day_by_length_and_against_their_date() {
        let days = [0, DAY_MS, 2 * DAY_MS].map(Timestamp::from_millis);
        let rows = [
            row(Status::Completed, 10, 20, 100),
            row(Status::Denied, DAY_MS, 4 * DAY_MS, 3 * DAY_MS),
            row(Status::Waiting, DAY_MS + 1, DAY_MS + 1, 2 * DAY_MS),
        ];
        let numbers = counted(&days, &rows, Timestamp::from_millis(3 * DAY_MS));
        assert_eq!(numbers.by_day.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!((numbers.in_time, numbers.late, numbers.overdue), (1, 1, 1));
        let counts: Vec<u64> = numbers.answered.iter().map(|it| it.count).collect();
        assert_eq!(counts, [1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(numbers.median_ms, Some(3 * DAY_MS));
        assert_eq!(numbers.quarters, BTreeMap::from([("erase".to_owned(), [1, 0, 0, 0, 1])]));
    }

    #[test]
    fn what_took_a_quarter_of_its_time_is_in_the_first_and_a_moment_too_late_is_late() {
        let at = |took: i64, had: i64| {
            quarter(&row(Status::Completed, 100, 100 + took, 0), Timestamp::from_millis(100 + had))
        };
        for (took, had, quarter) in [
            (0, 100, 0),
            (25, 100, 0),
            (26, 100, 1),
            (50, 100, 1),
            (51, 100, 2),
            (75, 100, 2),
            (76, 100, 3),
            (100, 100, 3),
            (101, 100, 4),
            (0, 0, 0),
            (1, 0, 4),
            (0, -1, 4),
            (i64::MAX / 2, i64::MAX / 2, 3),
        ] {
            assert_eq!(at(took, had), quarter, "{took} of {had}");
        }
    }
}
