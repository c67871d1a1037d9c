//! Rules of lists, held against a plain filter over the same rows.

use std::collections::BTreeSet;

use countersign_service::ports::store::{Query, Row, Status, Store};

use super::Trial;
use super::forms::{at, commit, id, moved, request, row, submitted, term, terms};

/// Ninety requests of every state, two actions, times that repeat, some that expire.
async fn fill(store: &dyn Store) -> Vec<Row> {
    let mut rows = Vec::new();
    for n in 0..90u64 {
        let mut row = row(n, Status::ALL[(n % 9) as usize]);
        row.action = if n % 4 == 0 { "export" } else { "erase" }.to_owned();
        row.submitted_at = at(((n * 37) % 40) as i64);
        row.expires_at = (n % 5 == 0).then(|| at(n as i64));
        let mut change = submitted(row.clone());
        change.terms = vec![
            terms("third", if n % 3 == 0 { &["yes"] } else { &["no"] }),
            terms("fifth", if n % 5 == 0 { &["yes"] } else { &[] }),
        ];
        commit(store, request(change)).await.unwrap();
        rows.push(row);
    }
    rows
}

async fn pages(store: &dyn Store, query: &Query) -> Vec<Row> {
    let mut all = Vec::new();
    let mut query = query.clone();
    loop {
        let page = store.list(query.clone()).await.unwrap();
        assert!(page.len() <= query.limit as usize);
        let Some(last) = page.last() else { return all };
        query.after = Some((last.submitted_at, last.id));
        all.extend(page);
    }
}

pub(super) async fn every_list_shows_what_a_plain_filter_shows_page_by_page(trial: &dyn Trial) {
    let store = trial.store();
    let rows = fill(&*store).await;
    let states =
        [&[][..], &[Status::Waiting], &[Status::Stuck, Status::Waiting, Status::Waiting, Status::Expired]];
    for statuses in states {
        for action in [None, Some("erase"), Some("export"), Some("purge")] {
            for expires_by in [None, Some(at(40))] {
                for (terms, oldest_first) in [
                    (&[][..], true),
                    (&[], false),
                    (&[term("third", "yes")], true),
                    (&[term("third", "no")], false),
                ] {
                    let query = Query {
                        statuses: statuses.to_vec(),
                        action: action.map(str::to_owned),
                        terms: terms.to_vec(),
                        expires_by,
                        oldest_first,
                        limit: 7,
                        ..Query::default()
                    };
                    let third = terms.first().map(|term| term.value == b"yes");
                    let mut wanted: Vec<_> = rows
                        .iter()
                        .zip(0u64..)
                        .filter(|(row, n)| {
                            (statuses.is_empty() || statuses.contains(&row.status))
                                && action.is_none_or(|action| row.action == action)
                                && expires_by.is_none_or(|by| row.expires_at.is_some_and(|at| at <= by))
                                && third.is_none_or(|third| third == (n % 3 == 0))
                        })
                        .map(|(row, _)| row.clone())
                        .collect();
                    wanted.sort_by_key(|row| (row.submitted_at, row.id));
                    if !oldest_first {
                        wanted.reverse();
                    }
                    assert_eq!(pages(&*store, &query).await, wanted, "{query:?}");
                }
            }
        }
    }
}

pub(super) async fn requests_are_found_under_all_their_terms(trial: &dyn Trial) {
    let store = trial.store();
    fill(&*store).await;
    let both =
        Query { terms: vec![term("third", "yes"), term("fifth", "yes")], limit: 100, ..Query::default() };
    let found: BTreeSet<_> = store.list(both).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(found, (0..90).filter(|n| n % 15 == 0).map(id).collect());
    let neither =
        Query { terms: vec![term("third", "yes"), term("fifth", "no")], limit: 100, ..Query::default() };
    assert!(store.list(neither).await.unwrap().is_empty());
    assert!(store.list(Query { limit: 0, ..Query::default() }).await.unwrap().is_empty());
}

pub(super) async fn requests_are_found_under_one_of_some_terms_and_not_under_another(trial: &dyn Trial) {
    let store = trial.store();
    let mut rows = fill(&*store).await;
    rows.sort_by_key(|row| (row.submitted_at, row.id));
    let n = |row: &Row| (0..90).find(|n| id(*n) == row.id).unwrap();
    let any = vec![term("third", "yes"), term("fifth", "yes"), term("fifth", "perhaps")];
    type Picks = fn(u64) -> bool;
    let questions: [(Query, Picks); 5] = [
        (Query { any: any.clone(), ..Query::default() }, |n| n % 3 == 0 || n % 5 == 0),
        (Query { any: any.clone(), terms: vec![term("third", "no")], ..Query::default() }, |n| {
            n % 5 == 0 && n % 3 != 0
        }),
        (Query { any, without: vec![term("third", "yes")], ..Query::default() }, |n| {
            n % 5 == 0 && n % 3 != 0
        }),
        (Query { without: vec![term("fifth", "yes")], ..Query::default() }, |n| n % 5 != 0),
        (Query { without: vec![term("fifth", "yes"), term("third", "yes")], ..Query::default() }, |n| {
            n % 5 != 0 && n % 3 != 0
        }),
    ];
    for (query, picks) in questions {
        for oldest_first in [true, false] {
            let query = Query { oldest_first, limit: 7, ..query.clone() };
            let mut wanted: Vec<_> = rows.iter().filter(|row| picks(n(row))).cloned().collect();
            if !oldest_first {
                wanted.reverse();
            }
            assert_eq!(pages(&*store, &query).await, wanted, "{query:?}");
        }
    }
}

pub(super) async fn the_tally_counts_by_action_and_state(trial: &dyn Trial) {
    let store = trial.store();
    let rows = fill(&*store).await;
    let tally = store.tally().await.unwrap();
    assert_eq!(tally.iter().map(|(_, _, count)| count).sum::<u64>(), 90);
    for (action, status, count) in tally {
        let wanted = rows.iter().filter(|row| row.action == action && row.status == status).count();
        assert_eq!(count, wanted as u64, "{action} {status:?}");
    }
}

pub(super) async fn terms_are_counted_by_value_with_the_time_of_the_oldest(trial: &dyn Trial) {
    let store = trial.store();
    for (n, values) in [(3, &["vote:a", "time"][..]), (1, &["vote:a"]), (2, &["time"]), (4, &[])] {
        let mut change = submitted(row(n, Status::Waiting));
        change.terms = vec![terms("waiting", values), terms("other", &["vote:a"])];
        commit(&*store, request(change)).await.unwrap();
    }
    let counted = store.count_terms("waiting").await.unwrap();
    assert_eq!(counted, [(b"time".to_vec(), 2, at(1002)), (b"vote:a".to_vec(), 2, at(1001))]);
    assert!(store.count_terms("nothing").await.unwrap().is_empty());
    // Who waits no more is found under nothing.
    let mut change = moved(row(1, Status::Waiting), Status::Withdrawn);
    change.terms = vec![terms("waiting", &[])];
    commit(&*store, request(change)).await.unwrap();
    let counted = store.count_terms("waiting").await.unwrap();
    assert_eq!(counted[1], (b"vote:a".to_vec(), 1, at(1003)));
}
