//! What an operator pages on, as numbers: who waits for what and since when, what is late, how long a verdict takes. The
//! only words among them are of actions, groups and kinds of waiting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_core::time::Timestamp;
use serde::Deserialize;

use crate::app::Service;
use crate::pause::paused_of;
use crate::ports::store::{Needs, Query, Retrying, Status, Store};
use crate::refusal::Refusal;
use crate::requests::glass;

/// The upper ends of the buckets of [`Spread`], in milliseconds; a last one has no end.
pub const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000];

/// What failed is tried again within this: the longest pause between two tries, and a lease, come earlier.
const TRIED_AGAIN_WITHIN_MS: i64 = 10 * 60_000;

/// How often something took how long.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BUCKETS_MS.iter().position(|end| us <= end * 1000).unwrap_or(BUCKETS_MS.len());
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn spread(&self) -> Spread {
        Spread {
            counts: self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed)),
            sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)),
        }
    }
}

/// How many jobs of each kind this node gave up since it started.
#[derive(Default)]
pub(crate) struct GivenUp(Mutex<BTreeMap<String, u64>>);

impl GivenUp {
    pub(crate) fn one_more(&self, kind: &str) {
        // Numbers stay what they are, whoever panicked while counting.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind.to_owned()).or_default() += 1;
    }

    fn counts(&self) -> Vec<(String, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(kind, count)| (kind.clone(), *count)).collect()
    }
}

/// How often something took how long, by the buckets of [`BUCKETS_MS`].
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// How often, a bucket each.
    pub counts: [u64; BUCKETS_MS.len() + 1],
    /// How long in all.
    pub sum: Duration,
}

/// Requests that wait for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `vote:privacy`, `capacity:erase`, `today:erase`, `time`, …
    pub what: String,
    /// How many.
    pub count: u64,
    /// For how long the oldest has been here.
    pub oldest_ms: i64,
}

/// The numbers of a node.
#[derive(Clone, Debug)]
pub struct Measures {
    /// Requests by action and status.
    pub tally: Vec<(String, Status, u64)>,
    /// Requests by what they wait for. One that waits for several things is in each.
    pub waiting: Vec<Waiting>,
    /// For how long the oldest request that is not over has been here; 0 if there is none.
    pub oldest_open_ms: i64,
    /// For how long the next wish has been due: mail, runs, judgements. 0 if none is late.
    pub job_lag_ms: i64,
    /// Jobs that failed and are tried again, by kind.
    pub retrying: Vec<Retrying>,
    /// How many jobs of each kind this node gave up since it started.
    pub given_up: Vec<(String, u64)>,
    /// Entries in the ledger.
    pub ledger_size: u64,
    /// Entries under a checkpoint.
    pub checkpoint_size: u64,
    /// How old the oldest entry is that no checkpoint covers; 0 if there is none.
    pub unsigned_ms: i64,
    /// How long this node's verdicts took, from what was loaded to the commit.
    pub verdicts: Spread,
    /// Requests whose glass was broken, by where their review is: `due`, `overdue`, `done`.
    pub glass: Vec<(String, u64)>,
    /// Actions that are paused.
    pub paused: Vec<String>,
    /// Whether the clock is in doubt.
    pub clock_in_doubt: bool,
    /// The active settings.
    pub settings_version: u64,
}

/// The time of any entry of ours.
#[derive(Deserialize)]
struct Dated {
    at: Timestamp,
}

/// When an entry of the ledger was made.
pub(crate) fn dated(entry: &[u8]) -> Option<Timestamp> {
    serde_json::from_slice::<Dated>(entry).ok().map(|entry| entry.at)
}

/// Requests whose glass was broken, by where their review is, for whoever only looks at the store.
///
/// # Errors
/// When the store does not answer.
pub async fn glass_of(store: &dyn Store) -> Result<Vec<(String, u64)>, Refusal> {
    let counted = store.count_terms(glass::INDEX).await?;
    let words =
        counted.into_iter().map(|(word, count, _)| (String::from_utf8_lossy(&word).into_owned(), count));
    Ok(words.filter(|(word, _)| word != glass::ANY).collect())
}

/// Jobs that failed and are tried again, by kind, for whoever only looks at the store.
///
/// # Errors
/// When the store does not answer.
pub async fn retrying_of(store: &dyn Store, now: Timestamp) -> Result<Vec<Retrying>, Refusal> {
    Ok(store.retrying(now.plus_ms(TRIED_AGAIN_WITHIN_MS)).await?)
}

impl Service {
    /// Measures now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn measures(&self) -> Result<Measures, Refusal> {
        let loaded = self.store.load(Needs::default()).await?;
        let now = loaded.now;
        let waiting = self.store.count_terms("waiting").await?;
        let oldest = Query {
            statuses: Status::ALL.into_iter().filter(|status| status.is_open()).collect(),
            oldest_first: true,
            limit: 1,
            ..Query::default()
        };
        let oldest = self.store.list(oldest).await?;
        let late = self.store.next_job_at().await?;
        let (ledger_size, _) = self.store.head().await?;
        let checkpoint_size = self.store.checkpoint(None).await?.map_or(0, |(size, _)| size);
        let unsigned = if checkpoint_size < ledger_size {
            self.store.entries(checkpoint_size, 1).await?.pop()
        } else {
            None
        };
        let unsigned_at = unsigned.and_then(|entry| dated(&entry));
        Ok(Measures {
            tally: self.store.tally().await?,
            waiting: waiting
                .into_iter()
                .map(|(what, count, since)| Waiting {
                    what: String::from_utf8_lossy(&what).into_owned(),
                    count,
                    oldest_ms: now.since_ms(since),
                })
                .collect(),
            oldest_open_ms: oldest.first().map_or(0, |row| now.since_ms(row.submitted_at)),
            job_lag_ms: late.map_or(0, |at| now.since_ms(at)),
            retrying: retrying_of(&*self.store, now).await?,
            given_up: self.given_up.counts(),
            ledger_size,
            checkpoint_size,
            unsigned_ms: unsigned_at.map_or(0, |at| now.since_ms(at)),
            verdicts: self.verdicts.spread(),
            glass: glass_of(&*self.store).await?,
            paused: paused_of(&*self.store).await?.into_iter().map(|(action, _)| action).collect(),
            clock_in_doubt: self.clock_view().await?.doubt.is_some(),
            settings_version: loaded.settings_version,
        })
    }
}
