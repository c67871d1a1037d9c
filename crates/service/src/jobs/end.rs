//! Ends of jobs: those that wait at the same moment are recorded in one transaction. Whoever comes first records for
//! all who came meanwhile.

use std::sync::Mutex;

use countersign_core::time::Timestamp;
use tokio::sync::oneshot;

use crate::app::Service;
use crate::ports::store::{Change, Job, JobChange, Needs};
use crate::refusal::Refusal;

/// The end of one claimed job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    id: u64,
    fence: u64,
    becomes: Becomes,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Becomes {
    /// It is done, or never will be.
    Done,
    /// It only waits: again after so many milliseconds, and no try is counted.
    Later(i64),
    /// It failed: again after so many milliseconds.
    Again(i64),
}

impl End {
    pub(crate) fn of(job: &Job, becomes: Becomes) -> Self {
        Self { id: job.id, fence: job.fence, becomes }
    }

    fn change(self, now: Timestamp) -> JobChange {
        let Self { id, fence, becomes } = self;
        match becomes {
            Becomes::Done => JobChange::Done { id, fence },
            Becomes::Later(ms) => JobChange::Again { id, fence, run_at: now.plus_ms(ms), counts: false },
            Becomes::Again(ms) => JobChange::Again { id, fence, run_at: now.plus_ms(ms), counts: true },
        }
    }
}

/// Who waits for an end to be recorded.
struct Waiting {
    end: End,
    told: oneshot::Sender<Result<(), Refusal>>,
}

/// The ends that wait on this node.
#[derive(Default)]
pub(crate) struct Ends {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Ends {
    fn wait(&self, end: End) -> Option<oneshot::Receiver<Result<(), Refusal>>> {
        let (told, answer) = oneshot::channel();
        self.waiting.lock().ok()?.push(Waiting { end, told });
        Some(answer)
    }

    fn take(&self) -> Vec<Waiting> {
        self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting)).unwrap_or_default()
    }
}

impl Service {
    /// Records the end of a job.
    pub(crate) async fn end_job(&self, end: End) -> Result<(), Refusal> {
        let answer = self.ends.wait(end).ok_or(Refusal::Unavailable)?;
        {
            let _turn = self.ends.turn.lock().await;
            // Empty when it was recorded with another's.
            self.record_ends(self.ends.take()).await;
        }
        answer.await.unwrap_or(Err(Refusal::Unavailable))
    }

    async fn record_ends(&self, waiting: Vec<Waiting>) {
        let ends: Vec<End> = waiting.iter().map(|waiting| waiting.end).collect();
        let together = match ends.len() {
            0 => return,
            _ => self.record_together(ends).await,
        };
        let alone = waiting.len() > 1 && together == Err(Refusal::Stale);
        for Waiting { end, told } in waiting {
            // One of them lost its lease, which must not hold back the others.
            let outcome = if alone { self.record_together(vec![end]).await } else { together.clone() };
            // Whoever waited may be gone; it is recorded all the same.
            let _ = told.send(outcome);
        }
    }

    async fn record_together(&self, ends: Vec<End>) -> Result<(), Refusal> {
        let record = move |loaded: &crate::ports::store::Loaded| {
            let jobs = ends.iter().map(|end| end.change(loaded.now)).collect();
            Ok((Change { jobs, ..Change::default() }, ()))
        };
        self.act(Needs::default(), record).await.map(drop)
    }
}
