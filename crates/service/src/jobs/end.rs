//! Ends of jobs: those that wait at the same moment are recorded in one transaction. Whoever comes first records for
//! all who came meanwhile.

use std::sync::Mutex;

use tokio::sync::oneshot;

use crate::app::Service;
use crate::ports::store::JobEnd;
use crate::refusal::Refusal;

/// Who waits for an end to be recorded.
struct Waiting {
    end: JobEnd,
    told: oneshot::Sender<Result<(), Refusal>>,
}

/// The ends that wait on this node.
#[derive(Default)]
pub(crate) struct Ends {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

impl Ends {
    fn wait(&self, end: JobEnd) -> Option<oneshot::Receiver<Result<(), Refusal>>> {
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
    pub(crate) async fn end_job(&self, end: JobEnd) -> Result<(), Refusal> {
        let answer = self.ends.wait(end).ok_or(Refusal::Unavailable)?;
        {
            let _turn = self.ends.turn.lock().await;
            // Empty when it was recorded with another's.
            self.record_ends(self.ends.take()).await;
        }
        answer.await.unwrap_or(Err(Refusal::Unavailable))
    }

    async fn record_ends(&self, waiting: Vec<Waiting>) {
        if waiting.is_empty() {
            return;
        }
        let ends = waiting.iter().map(|waiting| waiting.end).collect();
        let together = self.store.end(ends).await.map_err(Refusal::from);
        let alone = waiting.len() > 1 && together == Err(Refusal::Stale);
        for Waiting { end, told } in waiting {
            // One of them lost its lease, which must not hold back the others.
            let outcome = match alone {
                true => self.store.end(vec![end]).await.map_err(Refusal::from),
                false => together.clone(),
            };
            // Whoever waited may be gone; it is recorded all the same.
            let _ = told.send(outcome);
        }
    }
}
