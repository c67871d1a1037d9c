//! Rules of records and settings.

use countersign_service::ports::store::{Change, Find, Needs, NewSettings, RecordChange, Status, StoreError};

use super::Trial;
use super::forms::{commit, id, load, now, of_record, put, records, request, row, submitted, term, terms};

fn found_under(kind: &str, name: &str, terms: &[(&str, &str)]) -> RecordChange {
    RecordChange::Put {
        kind: kind.to_owned(),
        id: name.to_owned(),
        body: name.as_bytes().to_vec(),
        terms: terms.iter().map(|(name, value)| term(name, value)).collect(),
        expires_at: None,
        expect: None,
    }
}

pub(super) async fn a_record_is_written_only_over_the_version_that_was_expected(trial: &dyn Trial) {
    const LAST: u64 = i64::MAX.cast_unsigned();
    let store = trial.store();
    for (expect, stands) in [
        (Some(1), false),
        (Some(0), true),
        (Some(0), false),
        (Some(2), false),
        (Some(LAST), false),
        (Some(1), true),
        (None, true),
    ] {
        let answer = commit(&*store, records(vec![put("person", "ana", "x", expect)])).await;
        assert_eq!(answer.is_ok(), stands, "{expect:?}: {answer:?}");
        assert!(stands || matches!(answer, Err(StoreError::Conflict)));
    }
    let ana = &load(&*store, of_record("person", Find::Id("ana".to_owned()))).await.records[0];
    assert_eq!(ana.version, 3);
    commit(&*store, records(vec![put("person", "bo", "x", None)])).await.unwrap();
    assert_eq!(load(&*store, of_record("person", Find::Id("bo".to_owned()))).await.records[0].version, 1);
}

pub(super) async fn a_record_that_stands_is_not_taken_for_one_that_is_gone(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, records(vec![put("person", "ana", "x", Some(0))])).await.unwrap();
    // As many rows are new, and as many written over, as were wanted; only not those.
    let swapped = vec![put("person", "ana", "y", Some(0)), put("person", "bo", "y", Some(1))];
    let answer = commit(&*store, records(swapped)).await;
    assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
    let all = load(&*store, of_record("person", Find::All)).await.records;
    assert!(matches!(&all[..], [ana] if ana.version == 1 && ana.body == b"x"), "{all:?}");
}

pub(super) async fn records_are_found_by_id_term_root_and_kind(trial: &dyn Trial) {
    let store = trial.store();
    let mut change = submitted(row(1, Status::Waiting));
    change.terms = vec![terms("root", &["r1", "r2"]), terms("identity", &["r3"])];
    commit(
        &*store,
        Change {
            records: vec![
                found_under("hold", "one", &[("root", "r1"), ("root", "r2"), ("by", "ana")]),
                found_under("hold", "two", &[("root", "r2"), ("by", "bo")]),
                found_under("hold", "three", &[("root", "r3"), ("by", "ana")]),
                found_under("token", "one", &[("root", "r1")]),
            ],
            ..request(change)
        },
    )
    .await
    .unwrap();
    for (find, wanted) in [
        (Find::Id("two".to_owned()), &["two"][..]),
        (Find::Id("four".to_owned()), &[]),
        (Find::Term(term("by", "ana")), &["one", "three"]),
        (Find::Term(term("by", "cy")), &[]),
        (Find::ByRoot, &["one", "two"]),
        (Find::All, &["one", "three", "two"]),
    ] {
        let mut needs = of_record("hold", find.clone());
        needs.request = Some(id(1));
        let loaded = load(&*store, needs).await;
        let names: Vec<_> = loaded.of_kind("hold").map(|record| record.id.as_str()).collect();
        assert_eq!(names, wanted, "{find:?}");
        assert_eq!(loaded.records.len(), wanted.len());
    }
    commit(&*store, records(vec![found_under("hold", "one", &[("by", "cy")])])).await.unwrap();
    let needs = Needs { request: Some(id(1)), ..of_record("hold", Find::ByRoot) };
    assert_eq!(load(&*store, needs).await.records.len(), 1, "all terms of a record are replaced");
}

pub(super) async fn a_record_written_over_without_terms_is_found_under_none(trial: &dyn Trial) {
    let store = trial.store();
    let under = of_record("person", Find::Term(term("identity", "a")));
    commit(&*store, records(vec![found_under("person", "ana", &[("identity", "a")])])).await.unwrap();
    assert_eq!(load(&*store, under.clone()).await.records.len(), 1);
    commit(&*store, records(vec![put("person", "ana", "x", Some(1))])).await.unwrap();
    assert!(load(&*store, under).await.records.is_empty());
}

pub(super) async fn a_record_that_two_questions_find_is_loaded_once(trial: &dyn Trial) {
    let store = trial.store();
    commit(&*store, records(vec![found_under("person", "ana", &[("seat", "privacy")])])).await.unwrap();
    let questions = [Find::All, Find::Id("ana".to_owned()), Find::Term(term("seat", "privacy"))];
    let needs = Needs {
        records: questions.into_iter().map(|find| ("person".to_owned(), find)).collect(),
        ..Needs::default()
    };
    assert_eq!(load(&*store, needs).await.records.len(), 1);
}

pub(super) async fn a_deleted_record_is_found_no_more(trial: &dyn Trial) {
    let store = trial.store();
    let delete = || RecordChange::Delete { kind: "hold".to_owned(), id: "one".to_owned() };
    commit(&*store, records(vec![found_under("hold", "one", &[("by", "ana")])])).await.unwrap();
    commit(&*store, records(vec![delete()])).await.unwrap();
    commit(&*store, records(vec![delete()])).await.unwrap();
    for find in [Find::All, Find::Id("one".to_owned()), Find::Term(term("by", "ana"))] {
        assert!(load(&*store, of_record("hold", find)).await.records.is_empty());
    }
    commit(&*store, records(vec![put("hold", "one", "again", Some(0))])).await.unwrap();
}

pub(super) async fn pages_of_records_follow_each_other(trial: &dyn Trial) {
    let store = trial.store();
    let many = (0..25).map(|n| put("person", &format!("p{n:02}"), "x", None)).collect();
    commit(&*store, records(many)).await.unwrap();
    commit(&*store, records(vec![put("token", "p03", "x", None)])).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.page("person", after.as_deref(), 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        seen.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(seen, (0..25).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
}

pub(super) async fn only_records_past_their_time_are_swept(trial: &dyn Trial) {
    let store = trial.store();
    let now = now(&*store).await;
    let until = |id: &str, expires_at| RecordChange::Put {
        kind: "answer".to_owned(),
        id: id.to_owned(),
        body: Vec::new(),
        terms: vec![term("of", "all")],
        expires_at,
        expect: None,
    };
    let mut all: Vec<_> = (0..1200).map(|n| until(&format!("soon{n}"), Some(now.plus_ms(30)))).collect();
    all.extend([until("late", Some(now.plus_ms(3_600_000))), until("never", None)]);
    commit(&*store, records(all)).await.unwrap();
    trial.wait(50).await;
    assert_eq!(store.sweep().await.unwrap(), 1200);
    assert_eq!(store.sweep().await.unwrap(), 0);
    let left = load(&*store, of_record("answer", Find::Term(term("of", "all")))).await.records;
    assert_eq!(left.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["late", "never"]);
}

pub(super) async fn settings_follow_each_other_without_a_gap(trial: &dyn Trial) {
    let store = trial.store();
    assert_eq!(store.settings(None).await.unwrap(), None);
    assert_eq!(load(&*store, Needs::default()).await.settings_version, 0);
    for (version, stands) in [(2, false), (1, true), (1, false), (3, false), (2, true)] {
        let body = format!("set {version}").into_bytes();
        let change = Change { settings: Some(NewSettings { version, body }), ..Change::default() };
        let answer = commit(&*store, change).await;
        assert_eq!(answer.is_ok(), stands, "{version}: {answer:?}");
        assert!(stands || matches!(answer, Err(StoreError::Conflict)));
    }
    assert_eq!(load(&*store, Needs::default()).await.settings_version, 2);
    assert_eq!(store.settings(None).await.unwrap(), Some((2, b"set 2".to_vec())));
    assert_eq!(store.settings(Some(1)).await.unwrap(), Some((1, b"set 1".to_vec())));
    assert_eq!(store.settings(Some(3)).await.unwrap(), None);
}
