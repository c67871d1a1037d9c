//! Rules of a request's row, history and terms.

use std::sync::Arc;

use countersign_service::ports::store::{Status, StoreError};

use super::Trial;
use super::forms::{at, commit, event, load, moved, of_request, request, row, submitted, term, terms};

pub(super) async fn a_new_request_comes_back_with_its_history_and_terms(trial: &dyn Trial) {
    let store = trial.store();
    let mut change = submitted(row(1, Status::Waiting));
    change.events.push(event("proved"));
    change.row.version = 2;
    change.row.due_at = Some(at(7));
    change.row.expires_at = Some(at(8));
    change.row.started_at = Some(at(-9));
    change.terms = vec![terms("root", &["b", "a", "a"]), terms("waiting", &["vote"])];
    let written = change.row.clone();
    let committed = commit(&*store, request(change)).await.unwrap();
    store.sequence().await.unwrap();

    let stored = load(&*store, of_request(1)).await.request.unwrap();
    assert_eq!(stored.row, written);
    assert_eq!(stored.terms, [term("root", "a"), term("root", "b"), term("waiting", "vote")]);
    let [first, second] = &stored.events[..] else { panic!("{} events", stored.events.len()) };
    assert_eq!((first.seq, first.kind.as_str(), first.form), (1, "submitted", 1));
    assert_eq!((second.seq, second.kind.as_str()), (2, "proved"));
    assert_eq!(first.body, b"body of submitted");
    assert_eq!((first.leaf, second.leaf), (Some(0), Some(1)));
    assert_eq!((first.at, second.at), (committed.at, committed.at));

    assert!(load(&*store, of_request(2)).await.request.is_none());
}

pub(super) async fn a_second_insert_of_a_request_is_a_conflict(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, request(submitted(row(1, Status::Waiting)))).await.unwrap();
    let again = commit(&*store, request(submitted(row(1, Status::Denied)))).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let stored = load(&*store, of_request(1)).await.request.unwrap();
    assert_eq!((stored.row.status, stored.events.len()), (Status::Waiting, 1));
}

pub(super) async fn a_stale_version_is_a_conflict(trial: &dyn Trial) {
    let store = trial.store();
    let first = row(1, Status::Waiting);
    commit(&*store, request(submitted(first.clone()))).await.unwrap();
    commit(&*store, request(moved(first.clone(), Status::Released))).await.unwrap();
    for version in [2, 4, 90] {
        let mut stale = moved(first.clone(), Status::Denied);
        stale.row.version = version;
        let answer = commit(&*store, request(stale)).await;
        assert!(matches!(answer, Err(StoreError::Conflict)), "{version}: {answer:?}");
    }
    let absent = commit(&*store, request(moved(row(2, Status::Waiting), Status::Denied))).await;
    assert!(matches!(absent, Err(StoreError::Conflict)), "{absent:?}");
    let stored = load(&*store, of_request(1)).await.request.unwrap();
    assert_eq!((stored.row.version, stored.row.status, stored.events.len()), (2, Status::Released, 2));
    assert_eq!(super::forms::head(&*store).await.0, 2);

    // Without events the version stays, and is guarded all the same.
    let mut shown = submitted(stored.row.clone());
    shown.events.clear();
    shown.terms = vec![terms("waiting", &["survey"])];
    commit(&*store, request(shown.clone())).await.unwrap();
    shown.row.version = 1;
    assert!(matches!(commit(&*store, request(shown)).await, Err(StoreError::Conflict)));
}

pub(super) async fn of_many_writers_on_one_version_exactly_one_appends(trial: &dyn Trial) {
    let store = trial.store();
    let first = row(1, Status::Waiting);
    commit(&*store, request(submitted(first.clone()))).await.unwrap();
    let racing: Vec<_> = (0..16)
        .map(|_| {
            let (store, change) = (Arc::clone(&store), moved(first.clone(), Status::Released));
            tokio::spawn(async move { commit(&*store, request(change)).await })
        })
        .collect();
    let mut won = 0;
    for answer in racing {
        match answer.await.unwrap() {
            Ok(_) => won += 1,
            Err(StoreError::Conflict) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(load(&*store, of_request(1)).await.request.unwrap().events.len(), 2);
}

pub(super) async fn what_a_request_asks_for_never_changes(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, request(submitted(row(1, Status::Waiting)))).await.unwrap();
    let mut other = moved(row(1, Status::Waiting), Status::Waiting);
    other.row.action = "export".to_owned();
    let answer = commit(&*store, request(other)).await;
    assert!(matches!(answer, Err(StoreError::Malformed(_))), "{answer:?}");
    assert_eq!(load(&*store, of_request(1)).await.request.unwrap().row.action, "erase");
}

pub(super) async fn only_the_named_terms_are_replaced(trial: &dyn Trial) {
    let store = trial.store();
    let mut first = submitted(row(1, Status::Waiting));
    first.terms = vec![terms("root", &["a", "b"]), terms("waiting", &["vote", "time"])];
    commit(&*store, request(first.clone())).await.unwrap();
    let mut second = moved(first.row, Status::Waiting);
    second.terms = vec![terms("waiting", &["time"]), terms("voter", &["bo"])];
    commit(&*store, request(second.clone())).await.unwrap();
    let stored = load(&*store, of_request(1)).await.request.unwrap();
    assert_eq!(
        stored.terms,
        [term("root", "a"), term("root", "b"), term("voter", "bo"), term("waiting", "time")]
    );

    let mut third = moved(second.row, Status::Denied);
    third.terms = vec![terms("waiting", &[])];
    commit(&*store, request(third)).await.unwrap();
    let stored = load(&*store, of_request(1)).await.request.unwrap();
    assert_eq!(stored.terms, [term("root", "a"), term("root", "b"), term("voter", "bo")]);
}

pub(super) async fn a_request_without_events_is_not_taken(trial: &dyn Trial) {
    let store = trial.store();
    let mut nothing = submitted(row(1, Status::Waiting));
    nothing.events.clear();
    nothing.row.version = 0;
    assert!(commit(&*store, request(nothing.clone())).await.is_err());
    nothing.row.version = 1;
    assert!(matches!(commit(&*store, request(nothing)).await, Err(StoreError::Conflict)));
    assert!(load(&*store, of_request(1)).await.request.is_none());
}
