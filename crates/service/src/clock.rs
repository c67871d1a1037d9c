//! The clock under watch: a jump holds whatever waits for time, until an operator says that the clock is right. The
//! store's time is held against one that nobody can set, and against a high-water mark that outlives the process.
//!
//! While the clock is in doubt, time stands still for policy at the latest mark: a wait that was over by then is over, no
//! other one ends. What time alone would bring (ends, ticks of schedules, destroyed copies) waits too, for none of
//! it can be taken back.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use countersign_core::id::PersonId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::caller::{Act, Caller};
use crate::jobs::{rejudge, wish};
use crate::measure::dated;
use crate::ports::store::{Change, Find, Loaded, Needs, RecordChange, Store};
use crate::record;
use crate::refusal::Refusal;

/// The kind of record.
const KIND: &str = "clock";
const MARK: &str = "mark";
const DOUBT: &str = "doubt";
/// A jump forward by more than this is one.
const FORWARD_MS: i64 = 10 * 60_000;
/// Backward, the most that may count as none: by so much do servers differ that a time service holds together, when one of
/// them takes over from another. A node may be told to bear less, never more.
pub const CLOCK_BACK_MAX_MS: i64 = 1_000;
/// How long a node goes by one anchor: two clocks drift, by less than a fifth of a second in this time.
const ANCHOR_MS: i64 = 600_000;
/// How often the high-water mark moves.
const MARK_MS: i64 = 60_000;
/// How long a node that stops waits for the store to take the mark.
const LAST_MARK: Duration = Duration::from_secs(5);

/// How long this machine has been running, or anything else that rises with time and that nobody can set.
pub type Steady = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What a node compares the clock with.
#[derive(Default)]
pub(crate) struct Watch {
    steady: OnceLock<Watched>,
    anchor: Mutex<Option<Anchor>>,
}

struct Watched {
    steady: Steady,
    back_ms: i64,
}

/// What the store told, and when by the steady time: at some moment between asking and having the answer. An answer that
/// takes long makes the clock neither slow nor fast.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    told: Timestamp,
    asked_ms: i64,
    answered_ms: i64,
}

/// A moment at which the clock was believed.
#[derive(Clone, Copy)]
struct Anchor {
    reading: Reading,
    confirmed: u64,
}

impl Anchor {
    /// The earliest and the latest time that a sound clock tells in a reading.
    fn expects(self, asked_ms: i64, answered_ms: i64) -> (Timestamp, Timestamp) {
        let Reading { told, asked_ms: before, answered_ms: after } = self.reading;
        let passed = |from: i64, to: i64| told.plus_ms(to.saturating_sub(from).max(0));
        (passed(after, asked_ms), passed(before, answered_ms))
    }
}

/// The latest time that was believed.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
    /// How often an operator confirmed the clock.
    confirmed: u64,
}

/// The clock jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Where time stands still for policy.
    pub stands_at: Timestamp,
    /// What the clock should have told, as far as that is known.
    pub expected: Timestamp,
    /// What it told.
    pub told: Timestamp,
}

/// What an operator is told.
#[derive(Clone, Copy, Debug)]
pub struct ClockView {
    /// What the clock tells now.
    pub now: Timestamp,
    /// The latest time that was believed.
    pub mark: Option<Timestamp>,
    /// The jump, if one was seen and nobody confirmed the clock since.
    pub doubt: Option<Doubt>,
}

#[derive(Serialize)]
struct Entry {
    v: u8,
    at: Timestamp,
    clock: &'static str,
    expected: Timestamp,
    told: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<PersonId>,
}

/// What to load to know whether the clock is in doubt.
pub(crate) fn need() -> (String, Find) {
    (KIND.to_owned(), Find::Id(DOUBT.to_owned()))
}

/// The doubt that was loaded.
pub(crate) fn doubt(loaded: &Loaded) -> Result<Option<Doubt>, Refusal> {
    loaded.of_kind(KIND).find(|record| record.id == DOUBT).map(record::read).transpose()
}

/// The time that policy is told.
pub(crate) fn policy_time(loaded: &Loaded) -> Result<Timestamp, Refusal> {
    Ok(doubt(loaded)?.map_or(loaded.now, |doubt| doubt.stands_at.min(loaded.now)))
}

fn mark(loaded: &Loaded) -> Result<Option<Mark>, Refusal> {
    loaded.of_kind(KIND).find(|record| record.id == MARK).map(record::read).transpose()
}

fn both() -> Needs {
    let find = |id: &str| (KIND.to_owned(), Find::Id(id.to_owned()));
    Needs { records: vec![find(MARK), find(DOUBT)], ..Needs::default() }
}

impl Service {
    /// Watches the clock from now on. Without this, as in a demo and in tests that move the clock, any time is believed.
    /// A step back by more than `back_ms` is a jump, and any by more than [`CLOCK_BACK_MAX_MS`].
    pub fn watch_clock(&self, steady: Steady, back_ms: i64) {
        // The first one stays.
        let _ = self.watch.steady.set(Watched { steady, back_ms: back_ms.clamp(0, CLOCK_BACK_MAX_MS) });
    }

    /// The steady time, as it is before the store is asked for its own.
    pub(crate) fn steady_ms(&self) -> Option<i64> {
        let watched = self.watch.steady.get()?;
        Some(i64::try_from((watched.steady)().as_millis()).unwrap_or(i64::MAX))
    }

    /// Holds what the store told, having been asked at `asked_ms`, against the steady time, and answers with the latest
    /// time that a transaction which begins now may tell. A jump is written down before anything is judged by it.
    pub(crate) async fn look_at_clock(
        &self,
        asked_ms: Option<i64>,
        told: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let (Some(answered_ms), Some(watched)) = (self.steady_ms(), self.watch.steady.get()) else {
            return Ok(Timestamp::from_millis(i64::MAX));
        };
        let reading = Reading { told, asked_ms: asked_ms.unwrap_or(answered_ms), answered_ms };
        let anchor = self.watch.anchor.lock().ok().and_then(|anchor| *anchor);
        let next = match anchor {
            Some(anchor)
                if is_sound(anchor.expects(reading.asked_ms, answered_ms), told, watched.back_ms) =>
            {
                let young = answered_ms - anchor.reading.asked_ms < ANCHOR_MS;
                if young { anchor } else { Anchor { reading, ..anchor } }
            }
            // Believed, or in doubt for everybody: from here on the next jump counts.
            anchor => {
                Anchor { reading, confirmed: self.settle_jump(anchor, reading, watched.back_ms).await? }
            }
        };
        if let Ok(mut standing) = self.watch.anchor.lock() {
            *standing = Some(next);
        }
        Ok(next.expects(reading.asked_ms, answered_ms).1.plus_ms(FORWARD_MS))
    }

    /// A time that this node cannot explain by itself: explained by the mark, or in doubt. Answers how often the clock
    /// was confirmed until then.
    async fn settle_jump(
        &self,
        anchor: Option<Anchor>,
        reading: Reading,
        back_ms: i64,
    ) -> Result<u64, Refusal> {
        let Reading { told, asked_ms, answered_ms } = reading;
        // The mark moves once a minute: after a kill the ledger may know of a later moment that is over too. How far forward
        // the clock may be is said by the mark alone.
        let known = if anchor.is_none() { self.newest_entry_at().await? } else { None };
        let (_, confirmed) = self
            .act(both(), move |loaded| {
                let mut change = Change::default();
                let Some(mark) = mark(loaded)? else { return Ok((change, 0)) };
                let since = known.unwrap_or(mark.at).max(mark.at);
                // At the start the mark is all there is to go by. Later this node trusts itself, unless an operator
                // confirmed the clock meanwhile.
                // Another node may have moved the mark since this one was told the time.
                let explained = is_sound((since, mark.at), told.max(loaded.now), back_ms)
                    && anchor.is_none_or(|anchor| anchor.confirmed != mark.confirmed);
                if explained || doubt(loaded)?.is_some() {
                    return Ok((change, mark.confirmed));
                }
                let (earliest, latest) =
                    anchor.map_or((since, mark.at), |anchor| anchor.expects(asked_ms, answered_ms));
                let expected = if told < earliest { earliest } else { latest };
                let doubt = Doubt { stands_at: mark.at.min(told), expected, told };
                let entry = Entry { v: 1, at: loaded.now, clock: "in_doubt", expected, told, by: None };
                change.records.push(record::put(KIND, DOUBT, &doubt, Vec::new(), Some(0))?);
                change.entries.push(record::bytes(&entry)?);
                tracing::error!(
                    expected_ms = expected.as_millis(),
                    told_ms = told.as_millis(),
                    "the clock jumped, or nobody looked at it for long: what waits for time is held until an operator \
                     confirms the clock"
                );
                Ok((change, mark.confirmed))
            })
            .await?;
        Ok(confirmed)
    }

    /// The time of the newest entry of the ledger.
    async fn newest_entry_at(&self) -> Result<Option<Timestamp>, Refusal> {
        let (size, _) = self.store.head().await?;
        let Some(newest) = size.checked_sub(1) else { return Ok(None) };
        Ok(self.store.entries(newest, 1).await?.pop().and_then(|entry| dated(&entry)))
    }

    /// Looks, moves the mark, and says whether time may bring what it brings.
    pub(crate) async fn time_is_sound(&self) -> Result<bool, Refusal> {
        if self.watch.steady.get().is_none() {
            return Ok(true);
        }
        let asked_ms = self.steady_ms();
        let told = self.store.load(Needs::default()).await?.now;
        self.look_at_clock(asked_ms, told).await?;
        let loaded = self.store.load(both()).await?;
        if doubt(&loaded)?.is_some() {
            return Ok(false);
        }
        let standing = mark(&loaded)?;
        if standing.is_none_or(|mark| loaded.now.since_ms(mark.at) >= MARK_MS) {
            self.move_mark().await?;
        }
        Ok(true)
    }

    async fn move_mark(&self) -> Result<(), Refusal> {
        self.act(both(), |loaded| {
            let mut change = Change::default();
            let standing = mark(loaded)?;
            // Not by a time that was put in doubt meanwhile, and never back.
            if doubt(loaded)?.is_none() && standing.is_none_or(|mark| mark.at < loaded.now) {
                let confirmed = standing.map_or(0, |mark| mark.confirmed);
                let next = Mark { at: loaded.now, confirmed };
                change.records.push(record::put(KIND, MARK, &next, Vec::new(), None)?);
            }
            Ok((change, ()))
        })
        .await
        .map(drop)
    }

    /// Moves the mark a last time, so that the next start knows how late it was when this node stopped.
    pub(crate) async fn mark_the_end(&self) {
        let kept = async {
            let sound = self.watch.steady.get().is_some() && self.time_is_sound().await?;
            if sound { self.move_mark().await } else { Ok(()) }
        };
        match tokio::time::timeout(LAST_MARK, kept).await {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => tracing::warn!(%refusal, "the time of the stop was not kept"),
            Err(_) => tracing::warn!("the time of the stop was not kept: the store does not answer"),
        }
    }

    /// What the clock tells, and whether it is believed.
    ///
    /// # Errors
    /// When the caller may not read it, or the store does not answer.
    pub async fn clock(&self, caller: &Caller) -> Result<ClockView, Refusal> {
        caller.may(Act::ReadLimits)?;
        self.clock_view().await
    }

    /// The same for the node itself.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn clock_view(&self) -> Result<ClockView, Refusal> {
        clock_of(&*self.store).await
    }

    /// An operator says that the clock is right as it is. Everything open is judged again.
    ///
    /// # Errors
    /// When the caller may not, or the clock is not in doubt.
    pub async fn confirm_clock(&self, caller: &Caller) -> Result<ClockView, Refusal> {
        let holder = caller.may(Act::ConfirmClock)?.clone();
        // A program does not look at a clock.
        if holder.service.is_some() {
            return Err(Refusal::NotAllowed(Act::ConfirmClock.words()));
        }
        let mut needs = both();
        needs.records.push(holder.need());
        self.act(needs, move |loaded| {
            holder.recheck(loaded)?;
            let Some(doubt) = doubt(loaded)? else {
                return Err(Refusal::Standing("the clock is not in doubt".to_owned()));
            };
            let entry = Entry {
                v: 1,
                at: loaded.now,
                clock: "confirmed",
                expected: doubt.expected,
                told: loaded.now,
                by: Some(holder.person),
            };
            let confirmed = mark(loaded)?.map_or(0, |mark| mark.confirmed) + 1;
            let next = Mark { at: loaded.now, confirmed };
            let change = Change {
                records: vec![
                    RecordChange::Delete { kind: KIND.to_owned(), id: DOUBT.to_owned() },
                    record::put(KIND, MARK, &next, Vec::new(), None)?,
                ],
                entries: vec![record::bytes(&entry)?],
                jobs: vec![wish("rejudge", rejudge::ALL.to_owned(), loaded.now)],
                ..Change::default()
            };
            Ok((change, ()))
        })
        .await?;
        self.clock_view().await
    }
}

/// The clock as a store has it, for whoever only looks at that.
///
/// # Errors
/// When the store does not answer.
pub async fn clock_of(store: &dyn Store) -> Result<ClockView, Refusal> {
    let loaded = store.load(both()).await?;
    Ok(ClockView { now: loaded.now, mark: mark(&loaded)?.map(|mark| mark.at), doubt: doubt(&loaded)? })
}

fn is_sound((earliest, latest): (Timestamp, Timestamp), told: Timestamp, back_ms: i64) -> bool {
    let behind = earliest.as_millis().saturating_sub(told.as_millis());
    let ahead = told.as_millis().saturating_sub(latest.as_millis());
    behind <= back_ms && ahead <= FORWARD_MS
}
