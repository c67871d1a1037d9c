//! Rules of the look at the running: what is counted, who is left out, and that a limit holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_service::ports::store::{Change, Find, Gauge, Needs, RecordChange, Row, Status, StoreError};
use countersign_service::refusal::Refusal;

use super::Trial;
use super::forms::{at, commit, id, load, request, row, submitted, terms};

fn gauge(n: Option<u64>, day_start: i64) -> Needs {
    Needs {
        request: n.map(id),
        gauge: Some(Gauge { actions: ["erase".to_owned()].into(), day_start: Some(at(day_start)) }),
        ..Needs::default()
    }
}

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(action, count)| ((*action).to_owned(), *count)).collect()
}

pub(super) async fn the_running_are_counted_by_action_without_the_asking_request(trial: &dyn Trial) {
    let store = trial.store();
    for (n, status) in (1..).zip(Status::ALL) {
        commit(&*store, request(submitted(row(n, status)))).await.unwrap();
        let export = Row { action: "export".to_owned(), ..row(100 + n, status) };
        commit(&*store, request(submitted(export))).await.unwrap();
    }
    let all = counts(&[("erase", 3), ("export", 3)]);
    assert_eq!(load(&*store, gauge(None, 0)).await.running, all);
    assert_eq!(load(&*store, gauge(Some(1), 0)).await.running, all, "the first one waits and holds no place");
    assert_eq!(load(&*store, gauge(Some(3), 0)).await.running, counts(&[("erase", 2), ("export", 3)]));
    assert!(
        load(&*store, super::forms::of_request(3)).await.running.is_empty(),
        "without a gauge nothing is counted"
    );
}

pub(super) async fn the_started_are_counted_from_the_start_of_the_day_without_the_asking_request(
    trial: &dyn Trial,
) {
    let store = trial.store();
    for (n, started) in [(1, None), (2, Some(499)), (3, Some(500)), (4, Some(900))] {
        let row = Row { started_at: started.map(at), ..row(n, Status::Completed) };
        commit(&*store, request(submitted(row))).await.unwrap();
    }
    assert_eq!(load(&*store, gauge(None, 500)).await.started, counts(&[("erase", 2)]));
    assert_eq!(load(&*store, gauge(Some(4), 500)).await.started, counts(&[("erase", 1)]));
    assert_eq!(load(&*store, gauge(None, 901)).await.started, counts(&[]));
    let mut unread = gauge(None, 0);
    unread.gauge.as_mut().unwrap().day_start = None;
    assert!(load(&*store, unread).await.started.is_empty(), "nobody reads it, and nothing is counted");
}

pub(super) async fn open_requests_that_share_a_root_come_oldest_first(trial: &dyn Trial) {
    let store = trial.store();
    for (n, status, roots) in [
        (5, Status::Waiting, &["a", "b"][..]),
        (4, Status::Running, &["b", "a"][..]),
        (3, Status::Completed, &["a"][..]),
        (2, Status::Released, &["c"][..]),
        (1, Status::Stuck, &["a"][..]),
        (6, Status::Waiting, &["a"][..]),
    ] {
        let mut change = submitted(row(n, status));
        change.terms = vec![terms("root", roots), terms("identity", &["same"])];
        commit(&*store, request(change)).await.unwrap();
    }
    let beside: Vec<_> = load(&*store, gauge(Some(5), 0)).await.beside.iter().map(|row| row.id).collect();
    assert_eq!(beside, [id(1), id(4), id(6)]);
    assert!(load(&*store, gauge(Some(2), 0)).await.beside.is_empty());
    assert!(load(&*store, gauge(Some(99), 0)).await.beside.is_empty());
    assert!(load(&*store, gauge(None, 0)).await.beside.is_empty());
}

pub(super) async fn a_limit_is_never_exceeded_however_many_ask_at_once(trial: &dyn Trial) {
    const LIMIT: u64 = 5;
    let store = trial.store();
    let asking: Vec<_> = (1..=40u64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                loop {
                    let answer = store
                        .act(
                            gauge(Some(n), 0),
                            Box::new(move |loaded| {
                                if loaded.running.get("erase").copied().unwrap_or(0) >= LIMIT {
                                    return Err(Refusal::NotFound("place"));
                                }
                                Ok(request(submitted(row(n, Status::Released))))
                            }),
                        )
                        .await;
                    // A store whose transactions may collide says so; then it is asked again.
                    if !matches!(answer, Err(StoreError::Conflict)) {
                        return answer;
                    }
                }
            })
        })
        .collect();
    let mut placed = 0;
    for answer in asking {
        match answer.await.unwrap() {
            Ok(_) => placed += 1,
            Err(StoreError::Refused(Refusal::NotFound("place"))) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(placed, LIMIT);
    assert_eq!(load(&*store, gauge(None, 0)).await.running, counts(&[("erase", LIMIT)]));
}

/// As an action that pauses: what one decision wrote under the gauge, every later one under it sees, on any node.
pub(super) async fn nothing_starts_under_a_gauge_after_what_stops_it_was_written(trial: &dyn Trial) {
    let store = trial.store();
    let stop = || ("stop".to_owned(), Find::Id("erase".to_owned()));
    let seen = Arc::new(AtomicU64::new(u64::MAX));
    let asking: Vec<_> = (1..=40u64)
        .map(|n| {
            let (store, seen) = (Arc::clone(&store), Arc::clone(&seen));
            tokio::spawn(async move {
                loop {
                    let seen = Arc::clone(&seen);
                    let needs = |n| Needs { records: vec![stop()], ..gauge(n, 0) };
                    // The twentieth stops the others.
                    let needs = if n == 20 { needs(None) } else { needs(Some(n)) };
                    let answer = store
                        .act(
                            needs,
                            Box::new(move |loaded| {
                                if n == 20 {
                                    let running = loaded.running.get("erase").copied().unwrap_or(0);
                                    seen.store(running, Ordering::SeqCst);
                                    let (kind, id) = ("stop".to_owned(), "erase".to_owned());
                                    let (body, terms) = (b"stop".to_vec(), Vec::new());
                                    let put = RecordChange::Put {
                                        kind,
                                        id,
                                        body,
                                        terms,
                                        expires_at: None,
                                        expect: Some(0),
                                    };
                                    return Ok(Change { records: vec![put], ..Change::default() });
                                }
                                if loaded.of_kind("stop").next().is_some() {
                                    return Err(Refusal::NotFound("way"));
                                }
                                Ok(request(submitted(row(n, Status::Released))))
                            }),
                        )
                        .await;
                    if !matches!(answer, Err(StoreError::Conflict)) {
                        return answer;
                    }
                }
            })
        })
        .collect();
    for answer in asking {
        match answer.await.unwrap() {
            Ok(_) | Err(StoreError::Refused(Refusal::NotFound("way"))) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let running = load(&*store, gauge(None, 0)).await.running.get("erase").copied().unwrap_or(0);
    assert_eq!(running, seen.load(Ordering::SeqCst), "started after they were stopped");
}
