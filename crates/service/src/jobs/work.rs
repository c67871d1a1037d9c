//! The loops of a node: claims jobs, signs checkpoints, lets time pass. Stops when it is told to, after what runs.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::app::Service;
use crate::jobs::{JobError, Worked, backoff_ms};
use crate::ports::chance;
use crate::ports::store::{Becomes, Job, JobEnd};
use crate::refusal::Refusal;
use crate::span;

/// Jobs that run at once on this node.
const AT_ONCE: usize = 256;
/// Jobs claimed in one go.
const BATCH: u32 = 64;
/// The longest sleep, in case a hint was missed.
const NAP: Duration = Duration::from_millis(500);

impl Service {
    /// Works until `stop` says so, then lets running jobs come to an end.
    pub async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut loops = JoinSet::new();
        // Signing goes on while jobs run: a run waits for the checkpoint over its release.
        let (ended, idle) = watch::channel(false);
        loops.spawn(Arc::clone(&self).sign_until(idle));
        loops.spawn(Arc::clone(&self).pass_time_until(stop.clone()));
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        let mut changes = self.store.changes();
        while !*stop.borrow() {
            while running.try_join_next().is_some() {}
            changes.mark_unchanged();
            let claimed =
                match self.store.claim(BATCH.min(room.available_permits() as u32), self.lease_ms).await {
                    Ok(jobs) => jobs,
                    Err(error) => {
                        tracing::warn!(%error, "no jobs could be claimed");
                        Vec::new()
                    }
                };
            let more = claimed.len() == BATCH as usize;
            for job in claimed {
                let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
                let service = Arc::clone(&self);
                running.spawn(async move {
                    service.carry_out(job).await;
                    drop(place);
                });
            }
            if more {
                continue;
            }
            let nap = self.until_next_job().await;
            tokio::select! {
                _ = stop.changed() => {}
                _ = changes.changed() => {}
                _ = tokio::time::sleep(nap) => {}
                _ = running.join_next(), if !running.is_empty() => {}
            }
        }
        while running.join_next().await.is_some() {}
        self.mark_the_end().await;
        ended.send_replace(true);
        while loops.join_next().await.is_some() {}
    }

    async fn until_next_job(&self) -> Duration {
        let next = self.store.next_job_at().await.ok().flatten();
        let wait = next.map_or(i64::MAX, |at| at.since_ms((self.clock)()));
        Duration::from_millis(wait.unsigned_abs().max(1)).min(NAP)
    }

    /// One claimed job to its end, which is recorded. `work` does it with each; public for whoever turns the wheel by
    /// hand, as the simulation does.
    pub async fn carry_out(self: Arc<Self>, job: Job) {
        let renewing = Arc::clone(&self).renew(job.id, job.fence);
        let span = span::job(&job);
        let outcome = tokio::select! {
            outcome = self.dispatch(&job).instrument(span.clone()) => outcome,
            () = renewing => return, // the lease is somebody else's by now
        };
        span.record("outcome", word(&outcome));
        drop(span);
        let becomes = match outcome {
            Ok(Worked::Done) => Becomes::Done,
            Ok(Worked::Later(ms)) => Becomes::Again { after_ms: ms, counts: false },
            Err(JobError::Retry(refusal)) => {
                tracing::warn!(kind = job.kind, attempts = job.attempts, %refusal, "a job is tried again later");
                let chance = u32::from_be_bytes(chance::bytes(&*self.chance));
                Becomes::Again { after_ms: backoff_ms(job.attempts, chance), counts: true }
            }
            Err(JobError::GiveUp(refusal)) => {
                tracing::error!(kind = job.kind, %refusal, "a job was given up");
                self.given_up.one_more(&job.kind);
                Becomes::Done
            }
        };
        let end = JobEnd { id: job.id, fence: job.fence, becomes };
        if let Err(error) = self.end_job(end).await {
            tracing::warn!(kind = job.kind, %error, "the end of a job was not recorded; it will be done again");
        }
    }

    /// Ends only when the lease is lost.
    async fn renew(self: Arc<Self>, id: u64, fence: u64) {
        loop {
            tokio::time::sleep(Duration::from_millis(self.lease_ms.unsigned_abs() / 3)).await;
            if let Ok(false) = self.store.renew(id, fence, self.lease_ms).await {
                return;
            }
        }
    }

    /// One arm a kind of job.
    async fn dispatch(self: &Arc<Self>, job: &Job) -> Result<Worked, JobError> {
        match &*job.kind {
            "advance" => {
                self.advance(request(&job.key)?).await?;
                Ok(Worked::Done)
            }
            "run" => self.run(request(&job.key)?, job.attempts).await,
            "wake" => self.wake_beside(request(&job.key)?).await,
            "capacity" => self.wake_for_room(&job.key).await,
            "rejudge" => self.rejudge_all(&job.key).await,
            "voter" => self.rejudge_voted(&job.key).await,
            "call" => self.call(&job.key).await,
            "glass" => self.glass(&job.key).await,
            "mail_glass" => self.mail_glass(&job.key).await,
            "package_end" => self.end_package(request(&job.key)?).await,
            "unpack" => self.unpack(&job.key).await,
            "keep_until" => self.keep_until(&job.key).await,
            "forget" => self.forget(request(&job.key)?).await,
            "forget_all" => self.forget_all().await,
            "tell" => self.tell_outside(&job.key).await,
            "mail_vote" => self.mail_vote(&job.key).await,
            "mail_mandate" => self.mail_mandate(request(&job.key)?).await,
            "digest" => self.digest(&job.key).await,
            "remind" => self.remind(request(&job.key)?).await,
            "mail_reminder" => self.mail_reminder(&job.key).await,
            "mail_code" => self.mail_code(request(&job.key)?).await,
            "mail_sign_in" => self.mail_signing_in(&job.key).await,
            "mail_set_up" => self.mail_set_up(&job.key).await,
            "mail_outcome" => self.mail_outcome(request(&job.key)?).await,
            kind => Err(JobError::GiveUp(Refusal::Damaged(format!("nobody does jobs of kind `{kind}`")))),
        }
    }

    async fn sign_until(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut changes = self.store.changes();
        changes.mark_changed();
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => continue,
                _ = changes.changed() => {}
                _ = tokio::time::sleep(NAP) => {}
            }
            changes.mark_unchanged();
            if !self.store.leads() {
                continue;
            }
            if let Err(refusal) = self.sign_head().await {
                tracing::warn!(%refusal, "no checkpoint was signed");
            }
            // Entries that come together stand under one checkpoint.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn pass_time_until(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            self.pass_time().await;
            tokio::select! {
                _ = stop.changed() => {}
                _ = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// What time alone brings: requests run out, schedules tick, old records go.
    pub async fn pass_time(&self) {
        match self.time_is_sound().await {
            Ok(true) => {}
            // Nothing of it can be taken back, and a time that is in doubt brings none of it.
            Ok(false) => return,
            Err(refusal) => {
                tracing::warn!(%refusal, "the clock could not be looked at");
                return;
            }
        }
        if let Err(refusal) = self.expire_due().await {
            tracing::warn!(%refusal, "what ran out could not be ended");
        }
        if let Err(refusal) = self.tick_schedules().await {
            tracing::warn!(%refusal, "schedules could not be looked at");
        }
        if let Err(error) = self.store.sweep().await {
            tracing::warn!(%error, "old records could not be swept");
        }
        if let Err(refusal) = self.keep_to_the_term().await {
            tracing::warn!(%refusal, "the term of our own copies could not be looked at");
        }
        if let Err(error) = self.clear_scratch().await {
            tracing::warn!(%error, "the scratch folder could not be cleared");
        }
    }
}

/// What a job came to.
fn word(outcome: &Result<Worked, JobError>) -> &'static str {
    match outcome {
        Ok(Worked::Done) => "done",
        Ok(Worked::Later(_)) => "later",
        Err(JobError::Retry(_)) => "retry",
        Err(JobError::GiveUp(_)) => "given_up",
    }
}

fn request(key: &str) -> Result<RequestId, JobError> {
    key.parse().map_err(|_| JobError::GiveUp(Refusal::Damaged("a job names no request".to_owned())))
}
