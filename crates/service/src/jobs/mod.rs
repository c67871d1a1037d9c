//! Wishes that were written in the same transaction as what they follow from, and the workers that carry them out.

mod call;
mod digest;
pub(crate) mod end;
mod erase;
mod expire;
pub(crate) mod forget;
mod glass;
mod halt;
mod hand_over;
pub(crate) mod keep_until;
mod mail;
pub(crate) mod rejudge;
pub(crate) mod room;
mod run;
pub(crate) mod schedule;
pub(crate) mod tell;
pub(crate) mod unpack;
mod wake;
mod work;

use countersign_core::time::Timestamp;

use crate::ports::store::{JobChange, NewJob};
use crate::refusal::Refusal;

/// A wish about `key`, for the worker of that kind.
pub(crate) fn wish(kind: &str, key: String, run_at: Timestamp) -> JobChange {
    JobChange::Wish(NewJob { kind: kind.to_owned(), key, body: Vec::new(), run_at })
}

/// What became of a job.
pub(crate) enum Worked {
    /// It is carried out, or there is nothing to carry out any more.
    Done,
    /// Not yet: again after this many milliseconds.
    Later(i64),
}

/// Why a job was not carried out.
pub(crate) enum JobError {
    /// Trying again is safe and may help.
    Retry(Refusal),
    /// It never will work.
    GiveUp(Refusal),
}

impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(_) | Refusal::Rule(_) | Refusal::Damaged(_) | Refusal::Invalid { .. } => {
                JobError::GiveUp(refusal)
            }
            refusal => JobError::Retry(refusal),
        }
    }
}

/// Milliseconds until the next try: doubled each time up to five minutes, and spread by `chance` from half to whole.
pub(crate) fn backoff_ms(attempts: u32, chance: u32) -> i64 {
    let whole = 250i64.saturating_mul(1 << attempts.min(11)).min(300_000);
    whole / 2 + i64::from(chance) * (whole / 2) / i64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_later_and_later_but_never_later_than_five_minutes() {
        assert_eq!(backoff_ms(0, 0), 125);
        assert_eq!(backoff_ms(0, u32::MAX), 250);
        assert_eq!(backoff_ms(40, u32::MAX), 300_000);
        assert!((1..40).all(|attempt| backoff_ms(attempt, 0) >= backoff_ms(attempt - 1, 0)));
    }
}
