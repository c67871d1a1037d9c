//! Rules of a transaction: whole or not at all, answered after the commit, and nobody's failure but one's own.

use countersign_service::ports::store::{Change, Find, JobChange, Needs, SealedChange, Status, StoreError};
use countersign_service::refusal::Refusal;

use super::Trial;
use super::forms::{
    always, commit, event, head, id, load, moved, of_record, of_request, put, records, request, row,
    submitted, terms, wish,
};

pub(super) async fn a_refused_decision_changes_nothing_and_says_why(trial: &dyn Trial) {
    let store = trial.store();
    let refused = store.act(Needs::default(), Box::new(|_| Err(Refusal::NotFound("request")))).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound("request")))), "{refused:?}");
    assert_eq!(head(&*store).await.0, 0);
}

pub(super) async fn an_empty_change_is_answered_with_the_time(trial: &dyn Trial) {
    let store = trial.store();
    let before = load(&*store, Needs::default()).await.now;
    let committed = commit(&*store, Change::default()).await.unwrap();
    assert!(committed.at >= before);
    assert_eq!(head(&*store).await.0, 0);
}

pub(super) async fn one_failed_write_takes_the_whole_change_back(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, records(vec![put("token", "t", "one", Some(0))])).await.unwrap();
    let failed = commit(
        &*store,
        Change {
            request: Some({
                let mut change = submitted(row(1, Status::Waiting));
                change.terms.push(terms("root", &["a"]));
                change
            }),
            records: vec![put("person", "p", "p", None), put("token", "t", "two", Some(7))],
            sealed: vec![SealedChange::Key { request: id(1), epoch: 1, wrapped: vec![1] }],
            jobs: vec![wish("1", load(&*store, Needs::default()).await.now)],
            entries: vec![b"an entry".to_vec()],
            settings: None,
        },
    )
    .await;
    assert!(matches!(failed, Err(StoreError::Conflict)), "{failed:?}");
    assert!(load(&*store, of_request(1)).await.request.is_none());
    assert!(load(&*store, of_record("person", Find::All)).await.records.is_empty());
    assert_eq!(load(&*store, of_record("token", Find::All)).await.records[0].body, b"one");
    assert_eq!(store.key(id(1)).await.unwrap(), None);
    assert_eq!(store.next_job_at().await.unwrap(), None);
    assert_eq!(head(&*store).await.0, 0);
}

pub(super) async fn the_others_of_a_batch_stand_when_some_fail(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, request(submitted(row(0, Status::Waiting)))).await.unwrap();

    // While the first one decides, the rest gather, and go into one transaction where the store gathers at all.
    let mut answers = Vec::new();
    let slow = std::sync::Arc::clone(&store);
    answers.push(tokio::spawn(async move {
        slow.act(
            Needs::default(),
            Box::new(|_| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                Ok(request(submitted(row(1, Status::Waiting))))
            }),
        )
        .await
    }));
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    for n in 2..=60u64 {
        let store = std::sync::Arc::clone(&store);
        answers.push(tokio::spawn(async move {
            match n % 6 {
                2 => store.act(Needs::default(), Box::new(|_| Err(Refusal::NotFound("place")))).await,
                3 => {
                    let mut stale = moved(row(0, Status::Waiting), Status::Denied);
                    stale.row.version = 9;
                    commit(
                        &*store,
                        Change { entries: vec![vec![1]], request: Some(stale), ..Change::default() },
                    )
                    .await
                }
                4 => store.act(Needs::default(), Box::new(|_| panic!("a decision that panics"))).await,
                5 => {
                    commit(
                        &*store,
                        Change {
                            jobs: vec![JobChange::Hold { id: 77, fence: 1 }],
                            entries: vec![vec![2]],
                            ..Change::default()
                        },
                    )
                    .await
                }
                _ => commit(&*store, request(submitted(row(n, Status::Waiting)))).await,
            }
        }));
    }
    let mut stand = vec![0];
    for (answer, n) in answers.into_iter().zip(1u64..) {
        let answer = answer.await.unwrap();
        match n % 6 {
            2 => assert!(
                matches!(answer, Err(StoreError::Refused(Refusal::NotFound("place")))),
                "{n}: {answer:?}"
            ),
            3 => assert!(matches!(answer, Err(StoreError::Conflict)), "{n}: {answer:?}"),
            4 => assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{n}: {answer:?}"),
            5 => assert!(matches!(answer, Err(StoreError::Fenced)), "{n}: {answer:?}"),
            _ => {
                answer.unwrap();
                stand.push(n);
            }
        }
    }
    assert_eq!(head(&*store).await.0, stand.len() as u64);
    let mut leaves = Vec::new();
    for n in &stand {
        let request = load(&*store, of_request(*n)).await.request.unwrap();
        leaves.extend(request.events.iter().map(|event| event.leaf.unwrap()));
    }
    leaves.sort_unstable();
    assert_eq!(leaves, (0..stand.len() as u64).collect::<Vec<_>>(), "the ledger has no gap and no double");
}

pub(super) async fn a_read_sees_every_acknowledged_change(trial: &dyn Trial) {
    let store = trial.store();
    for n in 1..=50 {
        commit(&*store, request(submitted(row(n, Status::Waiting)))).await.unwrap();
        assert!(load(&*store, of_request(n)).await.request.is_some());
        assert_eq!(head(&*store).await.0, n);
    }
}

pub(super) async fn time_never_goes_back(trial: &dyn Trial) {
    let store = trial.store();
    let mut latest = load(&*store, Needs::default()).await.now;
    for step in [5, 0, 3, 0] {
        trial.wait(step).await;
        let committed =
            store.act(Needs::default(), always(Change { entries: vec![vec![]], ..Change::default() }));
        let at = committed.await.unwrap().at;
        assert!(at >= latest.plus_ms(step));
        latest = load(&*store, Needs::default()).await.now;
        assert!(latest >= at);
    }
}

pub(super) async fn whoever_watches_is_told_of_a_commit(trial: &dyn Trial) {
    let store = trial.store();
    let mut changes = store.changes();
    let mut change = submitted(row(1, Status::Waiting));
    change.events.push(event("proved"));
    change.row.version = 2;
    commit(&*store, request(change)).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
}
