//! Rules of our own copies: they die after `own_data_after`, and what is found by blind index or proved is still there.

use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_service::ports::store::{Status, Store};
use countersign_service::requests::picture::ListQuery;
use countersign_service::{AnswerBegun, Refusal};

use crate::fixture::{HOUR, House, replace};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn has_copies(house: &House, id: RequestId) -> bool {
    let key = house.store.key(id).await.unwrap().is_some();
    let subject = house.store.sealed(id, "subject").await.unwrap().is_some();
    assert_eq!(key, subject, "key and fields live and die together");
    key
}

/// An export that is done.
async fn exported(house: &House) -> (RequestId, countersign_service::caller::Caller) {
    let (id, subject) = house.ask_subject("export", &[("email", "ana@example.test")]).await;
    house.prove_email(&subject, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    (id, subject)
}

#[tokio::test]
async fn our_own_copies_die_after_their_term_and_not_before() {
    let house = House::new().await;
    let (id, subject) = exported(&house).await;
    assert_eq!(house.service.package(&subject, id).await.unwrap().parts, 1);
    house.pass(30 * DAY - HOUR);
    house.settle().await;
    assert!(has_copies(&house, id).await);
    house.pass(2 * HOUR);
    house.settle().await;
    assert!(!has_copies(&house, id).await);
    let gone = house.service.package(&subject, id).await.unwrap_err();
    assert_eq!(gone, Refusal::NotFound("package"));
    let said = house.service.comment(&house.caller("otto").await, id, "late".to_owned()).await.unwrap_err();
    assert!(said.to_string().contains("is destroyed"), "{said}");
    let again = house.service.retry(&house.caller("otto").await, id).await.map(drop);
    assert_eq!(again, Err(Refusal::Rule(countersign_core::request::Refusal::TooLate)));
}

#[tokio::test]
async fn a_remark_after_the_end_does_not_put_the_term_off() {
    let house = House::new().await;
    let (id, _) = exported(&house).await;
    house.pass(29 * DAY);
    house.service.comment(&house.caller("otto").await, id, "a remark".to_owned()).await.unwrap();
    house.settle().await;
    house.pass(DAY + HOUR);
    house.settle().await;
    assert!(!has_copies(&house, id).await);
}

#[tokio::test]
async fn search_duplicates_and_holds_work_and_the_ledger_proves_what_was_destroyed() {
    let house = House::new().await;
    let (id, _) = exported(&house).await;
    house.pass(31 * DAY);
    house.settle().await;
    assert!(!has_copies(&house, id).await);
    let audra = house.caller("audra").await;
    let named = |value: &str| ListQuery {
        subject: Some(("email".to_owned(), value.to_owned())),
        limit: 10,
        ..ListQuery::default()
    };
    let found = house.service.list(&audra, named("ana@example.test")).await.unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    assert!(house.service.list(&audra, named("ben@example.test")).await.unwrap().is_empty());
    let erase = house.ask_attested("erase", &[("account", "A-1")]).await;
    house.pass(Duration::from_secs(1));
    let again = house.ask_attested("erase", &[("email", "ana@example.test")]).await;
    assert_eq!(house.denied(again).await, "duplicate");
    assert_eq!(house.hold("case-1", "ana@example.test").await.open, [(erase, Status::Waiting)]);
    let evidence = house.service.evidence(&audra, id).await.unwrap();
    assert!(evidence.entries.len() > 3);
    let (size, _) = house.store.head().await.unwrap();
    let entries = house.store.entries(0, u32::try_from(size).unwrap()).await.unwrap();
    let told = entries.iter().filter(|entry| {
        let text = String::from_utf8_lossy(entry);
        text.contains("\"copies\":\"destroyed\"") && text.contains(&id.to_string())
    });
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn a_shorter_term_holds_for_what_ended_before_it() {
    let house = House::new().await;
    let (id, _) = exported(&house).await;
    house.pass(2 * DAY);
    house.apply(|bundle| replace(bundle, "settings.toml", "\"30d\"", "\"60d\"")).await;
    house.pass(29 * DAY);
    house.settle().await;
    assert!(has_copies(&house, id).await, "a longer one too");
    house.apply(|bundle| replace(bundle, "settings.toml", "\"60d\"", "\"3d\"")).await;
    assert!(!has_copies(&house, id).await);
}

#[tokio::test]
async fn what_is_open_keeps_its_copies_whatever_time_passes() {
    let house = House::new().await;
    let id = house.ask_attested("erase", &[("account", "A-1")]).await;
    house.pass(31 * DAY);
    house.settle().await;
    assert_eq!(house.status(id).await.is_open(), has_copies(&house, id).await);
}

#[tokio::test]
async fn a_denial_at_submission_leaves_no_copies_behind() {
    let house = House::with(|bundle| {
        let own = "principal == resource && context.verified.contains(\"email\")";
        replace(bundle, "policies/export.cedar", own, "context.channel == \"cli\"");
    })
    .await;
    let (id, _) = house.ask_subject("export", &[("email", "ana@example.test")]).await;
    // The one look at everything that a fresh installation takes is over.
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Denied, "not by this channel");
    assert!(house.store.key(id).await.unwrap().is_some());
    house.pass(31 * DAY);
    house.settle().await;
    assert!(house.store.key(id).await.unwrap().is_none());
}

#[tokio::test]
async fn remembered_answers_about_a_request_die_with_it() {
    let house = House::with(|bundle| replace(bundle, "settings.toml", "\"30d\"", "\"1h\"")).await;
    let (id, _) = exported(&house).await;
    let stan = house.caller("stan").await;
    let begin = async || house.service.answer_begin(&stan, Some(id), "k", b"body").await;
    let AnswerBegun::Fresh(ticket) = begin().await.unwrap() else { panic!("nobody used this key before") };
    house.service.answer_finish(ticket, 200, b"what is known of Ana").await.unwrap();
    let AnswerBegun::Replay { body, .. } = begin().await.unwrap() else { panic!("it was answered") };
    assert_eq!(body, b"what is known of Ana");
    assert_eq!(house.store.page("answer", None, 10).await.unwrap().len(), 1);
    house.pass(2 * HOUR);
    house.settle().await;
    assert!(!has_copies(&house, id).await);
    assert!(house.store.page("answer", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn files_that_a_process_which_died_left_behind_go() {
    let house = House::new().await;
    let (old, new) = (house.folder().join("old.zip"), house.folder().join("new.zip"));
    for path in [&old, &new] {
        std::fs::write(path, "somebody's data").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - HOUR;
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    house.service.pass_time().await;
    assert!(!old.exists() && new.exists());
}
