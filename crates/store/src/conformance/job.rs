//! Rules of wishes, leases and fences.

use std::sync::Arc;

use countersign_service::ports::store::{
    Becomes, Change, Job, JobChange, JobEnd, NewJob, Retrying, Store, StoreError,
};

use super::Trial;
use super::forms::{commit, jobs, now, wish};

const LEASE: i64 = 60_000;

async fn claim(store: &dyn Store) -> Vec<Job> {
    store.claim(100, LEASE).await.unwrap()
}

async fn claim_one(store: &dyn Store) -> Job {
    let mut claimed = claim(store).await;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

async fn end(store: &dyn Store, job: &Job, becomes: Becomes) -> Result<(), StoreError> {
    store.end(vec![JobEnd { id: job.id, fence: job.fence, becomes }]).await
}

async fn done(store: &dyn Store, job: &Job) -> Result<(), StoreError> {
    end(store, job, Becomes::Done).await
}

pub(super) async fn a_wish_is_claimed_once_it_is_ready_and_not_before(trial: &dyn Trial) {
    let store = trial.store();
    // Longer than a busy machine takes to look.
    let ready = now(&*store).await.plus_ms(2_000);
    commit(&*store, jobs(vec![wish("later", ready)])).await.unwrap();
    assert!(claim(&*store).await.is_empty());
    trial.wait(2_020).await;
    let job = claim_one(&*store).await;
    assert_eq!((job.kind.as_str(), job.key.as_str(), &job.body[..]), ("judge", "later", &b"later"[..]));
    assert_eq!(job.attempts, 0);
    assert!(claim(&*store).await.is_empty(), "it is leased");
}

pub(super) async fn the_oldest_ready_are_claimed_first_and_no_more_than_asked_for(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    let ages = [3, 9, 1, 7, 5];
    commit(&*store, jobs(ages.map(|age| wish(&age.to_string(), now.plus_ms(-age))).to_vec())).await.unwrap();
    let keys = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.key).collect::<Vec<_>>();
    assert_eq!(keys(store.claim(3, LEASE).await.unwrap()), ["9", "7", "5"]);
    assert_eq!(keys(store.claim(0, LEASE).await.unwrap()), [""; 0]);
    assert_eq!(keys(store.claim(3, LEASE).await.unwrap()), ["3", "1"]);
}

pub(super) async fn a_done_job_is_gone(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
    let job = claim_one(&*store).await;
    done(&*store, &job).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), None);
    assert!(matches!(done(&*store, &job).await, Err(StoreError::Fenced)));
}

pub(super) async fn leases_end_all_together_or_none(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs(["a", "b", "c", "d"].map(|key| wish(key, now)).to_vec())).await.unwrap();
    let mut claimed = claim(&*store).await;
    let ended = |jobs: &[Job], becomes: Becomes| -> Vec<JobEnd> {
        jobs.iter().map(|job| JobEnd { id: job.id, fence: job.fence, becomes }).collect()
    };
    store.end(Vec::new()).await.unwrap();
    let mut wrong = ended(&claimed, Becomes::Done);
    wrong[2].fence += 1;
    assert!(matches!(store.end(wrong).await, Err(StoreError::Fenced)));
    for job in &claimed {
        assert!(store.renew(job.id, job.fence, LEASE).await.unwrap(), "all of them are still leased");
    }
    // One is wished again, one waits, two are done.
    commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
    let waits = claimed.pop().unwrap();
    let mut ends = ended(&claimed, Becomes::Done);
    ends.extend(ended(&[waits], Becomes::Again { after_ms: 0, counts: true }));
    store.end(ends).await.unwrap();
    let keys: Vec<String> = claim(&*store).await.into_iter().map(|job| job.key).collect();
    assert_eq!(keys, ["a", "d"]);
}

pub(super) async fn a_job_to_be_tried_again_counts_its_tries(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    for attempts in 0..3 {
        let job = claim_one(&*store).await;
        assert_eq!(job.attempts, attempts);
        end(&*store, &job, Becomes::Again { after_ms: 40, counts: true }).await.unwrap();
        assert!(claim(&*store).await.is_empty());
        trial.wait(60).await;
    }
    // Whoever only waited has not failed.
    let job = claim_one(&*store).await;
    assert_eq!(job.attempts, 3);
    end(&*store, &job, Becomes::Again { after_ms: 0, counts: false }).await.unwrap();
    assert_eq!(claim_one(&*store).await.attempts, 0);
}

pub(super) async fn jobs_that_failed_are_told_by_kind(trial: &dyn Trial) {
    let store = trial.store();
    let at = now(&*store).await;
    let told = async || {
        let soon = now(&*store).await.plus_ms(LEASE + 10_000);
        let told = store.retrying(soon).await.unwrap();
        told.into_iter().map(|it| (it.kind, it.count, it.most)).collect::<Vec<_>>()
    };
    let mail = |key: &str| {
        let (kind, key, body) = ("mail".to_owned(), key.to_owned(), Vec::new());
        JobChange::Wish(NewJob { kind, key, body, run_at: at })
    };
    commit(&*store, jobs(vec![wish("a", at), wish("b", at), mail("c"), mail("d")])).await.unwrap();
    assert_eq!(told().await, []);
    let claimed = claim(&*store).await;
    assert_eq!((claimed.len(), told().await), (4, vec![]), "a first try has not failed yet");
    let failed = Becomes::Again { after_ms: 0, counts: true };
    for job in &claimed {
        end(&*store, job, if job.key == "b" { Becomes::Done } else { failed }).await.unwrap();
    }
    let twice = [("judge".to_owned(), 1, 1), ("mail".to_owned(), 2, 1)];
    assert_eq!(told().await, twice);
    let claimed = claim(&*store).await;
    assert_eq!(told().await, twice, "what is tried once more has failed as often as before");
    for job in &claimed {
        let becomes = match job.key.as_str() {
            "a" => Becomes::Again { after_ms: 0, counts: false },
            "c" => Becomes::Again { after_ms: 5 * LEASE, counts: true },
            _ => failed,
        };
        end(&*store, job, becomes).await.unwrap();
    }
    assert_eq!(told().await, [("mail".to_owned(), 1, 2)], "one only waits, one is far off");
    let far = store.retrying(now(&*store).await.plus_ms(10 * LEASE)).await.unwrap();
    assert_eq!(far, [Retrying { kind: "mail".to_owned(), count: 2, most: 2 }]);
}

pub(super) async fn wishing_again_brings_the_time_forward_and_never_back(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs(vec![wish("a", now.plus_ms(9000))])).await.unwrap();
    commit(&*store, jobs(vec![wish("a", now.plus_ms(5000))])).await.unwrap();
    commit(&*store, jobs(vec![wish("a", now.plus_ms(7000))])).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), Some(now.plus_ms(5000)));
    commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
    let job = claim_one(&*store).await;
    done(&*store, &job).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), None, "it was one job all along");
}

pub(super) async fn a_job_wished_during_its_lease_runs_once_more(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
    let job = claim_one(&*store).await;
    for after in [9000, 5000, 7000] {
        commit(&*store, jobs(vec![wish("a", now.plus_ms(after))])).await.unwrap();
    }
    assert!(claim(&*store).await.is_empty());
    done(&*store, &job).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), Some(now.plus_ms(5000)), "at the time of the new wishes");

    commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
    let again = claim_one(&*store).await;
    assert_eq!((again.attempts, again.fence > job.fence), (0, true));
    done(&*store, &again).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), None);
}

pub(super) async fn a_job_wished_during_its_lease_and_to_be_tried_again_takes_the_earlier_time(
    trial: &dyn Trial,
) {
    let store = trial.store();
    let now = now(&*store).await;
    for (wished, after_ms) in [(300_000, 900_000), (900_000, 300_000)] {
        commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
        let job = claim_one(&*store).await;
        commit(&*store, jobs(vec![wish("a", now.plus_ms(wished))])).await.unwrap();
        end(&*store, &job, Becomes::Again { after_ms, counts: true }).await.unwrap();
        let waits = store.next_job_at().await.unwrap().unwrap().since_ms(now);
        assert!((300_000..400_000).contains(&waits), "{waits}");
        commit(&*store, jobs(vec![wish("a", now)])).await.unwrap();
        done(&*store, &claim_one(&*store).await).await.unwrap();
    }
}

pub(super) async fn a_lease_that_ran_out_is_claimed_with_a_new_fence(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    let first = store.claim(1, 50).await.unwrap().remove(0);
    trial.wait(80).await;
    let second = claim_one(&*store).await;
    assert_eq!((second.id, second.attempts), (first.id, 1));
    assert!(second.fence > first.fence);
    for becomes in [Becomes::Done, Becomes::Again { after_ms: 0, counts: true }] {
        assert!(matches!(end(&*store, &first, becomes).await, Err(StoreError::Fenced)));
    }
    let hold = jobs(vec![JobChange::Hold { id: first.id, fence: first.fence }]);
    assert!(matches!(commit(&*store, hold).await, Err(StoreError::Fenced)));
    assert!(!store.renew(first.id, first.fence, LEASE).await.unwrap());
    commit(&*store, jobs(vec![JobChange::Hold { id: second.id, fence: second.fence }])).await.unwrap();
}

pub(super) async fn a_lost_fence_takes_the_whole_change_back(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    let job = claim_one(&*store).await;
    let change = Change {
        entries: vec![b"an entry".to_vec()],
        ..jobs(vec![wish("b", now(&*store).await), JobChange::Hold { id: job.id, fence: job.fence + 1 }])
    };
    assert!(matches!(commit(&*store, change).await, Err(StoreError::Fenced)));
    assert_eq!(super::forms::head(&*store).await.0, 0);
    assert!(claim(&*store).await.is_empty());
}

pub(super) async fn an_old_fence_never_fits_a_new_job(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    let old = claim_one(&*store).await;
    done(&*store, &old).await.unwrap();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    let new = claim_one(&*store).await;
    assert_ne!((old.id, old.fence), (new.id, new.fence));
    assert!(matches!(done(&*store, &old).await, Err(StoreError::Fenced)));
    done(&*store, &new).await.unwrap();
}

pub(super) async fn a_renewed_lease_lasts_longer(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, jobs(vec![wish("a", now(&*store).await)])).await.unwrap();
    let job = store.claim(1, 2000).await.unwrap().remove(0);
    assert!(store.renew(job.id, job.fence, LEASE).await.unwrap());
    trial.wait(2100).await;
    assert!(claim(&*store).await.is_empty());
    done(&*store, &job).await.unwrap();
    assert!(!store.renew(job.id, job.fence, LEASE).await.unwrap());
}

pub(super) async fn released_leases_are_ready_at_once(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs(vec![wish("a", now), wish("b", now)])).await.unwrap();
    let before = claim(&*store).await;
    commit(&*store, jobs(vec![wish("a", now.plus_ms(LEASE))])).await.unwrap();
    assert_eq!(store.release_leases().await.unwrap(), 2);
    assert_eq!(store.release_leases().await.unwrap(), 0);
    for job in &before {
        assert!(matches!(done(&*store, job).await, Err(StoreError::Fenced)));
    }
    let after = claim(&*store).await;
    assert_eq!(after.len(), 2, "also the one that was wished for later: its run was cut off");
    assert!(after.iter().all(|job| job.attempts == 1));
}

pub(super) async fn the_next_job_is_the_earliest(trial: &dyn Trial) {
    let store = trial.store();
    assert_eq!(store.next_job_at().await.unwrap(), None);
    let now = now(&*store).await;
    commit(&*store, jobs(vec![wish("a", now.plus_ms(90)), wish("b", now.plus_ms(50_000))])).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), Some(now.plus_ms(90)));
    trial.wait(100).await;
    let claimed_at = super::forms::now(&*store).await;
    store.claim(1, LEASE).await.unwrap();
    assert_eq!(store.next_job_at().await.unwrap(), Some(now.plus_ms(50_000)));
    let other = super::forms::now(&*store).await;
    assert!(other >= claimed_at);
}

pub(super) async fn a_job_is_claimed_by_one_of_many(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    commit(&*store, jobs((0..200).map(|n| wish(&n.to_string(), now)).collect())).await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let some = store.claim(7, LEASE).await.unwrap();
                    if some.is_empty() {
                        return mine;
                    }
                    mine.extend(some.into_iter().map(|job| job.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 200);
}
