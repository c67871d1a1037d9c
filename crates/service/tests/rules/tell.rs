//! Whoever outside holds what came from a source is named in the plan, and told once it is erased: by a reference alone.

use countersign_core::id::RequestId;
use countersign_service::ports::notifier::About;
use countersign_service::ports::store::{Change, Loaded, Needs, Status, Store};
use countersign_service::{Notice, NoticeEnd, record};

use crate::fixture::{House, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

const NOTIFY: &str = r#"source = "shop"
[[notify]]
name = "Example Mailer"
holds = "addresses"
mail = "privacy@mailer.example"
reference = "id"
[[notify]]
name = "Example Post"
holds = "labels"
mail = "privacy@post.example"
"#;

async fn house() -> (House, RequestId) {
    let house = House::with(|bundle| replace(bundle, "maps/shop.toml", "source = \"shop\"", NOTIFY)).await;
    let id = house.ask_attested("erase", ANA).await;
    (house, id)
}

/// Who was told, at which address, and by which references.
fn told(house: &House, id: RequestId) -> Vec<(String, String, Vec<String>)> {
    let mut all: Vec<_> = house
        .mail()
        .into_iter()
        .filter_map(|message| match message.about {
            About::Erased { request, name, references } if request == id => {
                Some((name, message.to, references))
            }
            _ => None,
        })
        .collect();
    all.sort();
    all
}

async fn entries(house: &House) -> Vec<String> {
    let all = house.store.entries(0, 10_000).await.unwrap();
    let texts = all.into_iter().map(|it| String::from_utf8(it).unwrap());
    texts.filter(|it| it.contains("\"told\"")).collect()
}

#[tokio::test]
async fn recipients_are_in_the_plan_and_are_told_once_when_it_is_done() {
    let (house, id) = house().await;
    let named: Vec<String> = house.see(id).await.tells.into_iter().map(|(_, it)| it.name).collect();
    assert_eq!(named, ["Example Mailer", "Example Post"]);
    house.vote("olga", id, true).await.unwrap();
    assert!(told(&house, id).is_empty(), "not before it is done");
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
    let by_id = ("Example Mailer".to_owned(), "privacy@mailer.example".to_owned(), vec!["1".to_owned()]);
    let by_request = ("Example Post".to_owned(), "privacy@post.example".to_owned(), vec![]);
    assert_eq!(told(&house, id), [by_id, by_request]);
    house.settle_on(&house.another()).await;
    assert_eq!(told(&house, id).len(), 2, "once each");
    let entries = entries(&house).await;
    assert_eq!(entries.iter().filter(|it| it.contains("\"delivered\"")).count(), 2);
    assert!(entries.iter().all(|it| it.contains(&id.to_string()) && !it.contains("ana@")), "{entries:?}");
}

/// Who is to be told, and what came of it, as evidence says it.
async fn notices(house: &House, id: RequestId) -> Vec<(String, String)> {
    let evidence = house.service.evidence(&house.caller("audra").await, id).await.unwrap();
    let state = |it: &Notice| match it.ended {
        None => "open",
        Some((_, told)) => told.map_or("unknown", NoticeEnd::name),
    };
    evidence.notices.iter().map(|it| (it.recipient.clone(), state(it).to_owned())).collect()
}

fn both(one: &str, other: &str) -> Vec<(String, String)> {
    vec![("Example Mailer".to_owned(), one.to_owned()), ("Example Post".to_owned(), other.to_owned())]
}

#[tokio::test]
async fn evidence_says_who_was_told_and_who_still_is_to_be() {
    let (house, id) = house().await;
    assert!(notices(&house, id).await.is_empty(), "nothing is done");
    house.refuse_mail_to(&["privacy@post.example"]);
    house.vote("olga", id, true).await.unwrap();
    house.settle().await;
    assert_eq!(notices(&house, id).await, both("delivered", "open"));
    house.refuse_mail_to(&[]);
    house.try_again_and_again().await;
    assert_eq!(notices(&house, id).await, both("delivered", "delivered"));
    let ended = house.service.evidence(&house.caller("audra").await, id).await.unwrap().notices;
    assert!(ended.iter().all(|it| it.wished_at.unwrap() <= it.ended.unwrap().0));
    assert!(ended[0].ended.unwrap().0 < ended[1].ended.unwrap().0, "each at its own time");
}

#[tokio::test]
async fn whoever_is_not_in_the_map_any_more_is_not_told_and_evidence_says_so() {
    let (house, id) = house().await;
    house.refuse_mail_to(&["privacy@post.example"]);
    house.vote("olga", id, true).await.unwrap();
    house.settle().await;
    let without = NOTIFY.split("[[notify]]\nname = \"Example Post\"").next().unwrap().to_owned();
    house.apply(|bundle| replace(bundle, "maps/shop.toml", NOTIFY, &without)).await;
    house.refuse_mail_to(&[]);
    house.try_again_and_again().await;
    assert_eq!(notices(&house, id).await, both("delivered", "dropped"));
    assert_eq!(told(&house, id).len(), 1);
    assert!(entries(&house).await.iter().any(|it| it.contains("\"dropped\"")));
}

#[tokio::test]
async fn notice_that_an_earlier_version_wrote_down_is_still_read() {
    let (house, id) = house().await;
    let at = house.see(id).await.row.submitted_at;
    let put = move |_: &Loaded| {
        let record = record::put("told", format!("{id}/shop/Example Mailer"), &at, Vec::new(), None)?;
        Ok(Change { records: vec![record], ..Change::default() })
    };
    house.store.act(Needs::default(), Box::new(put)).await.unwrap();
    assert_eq!(notices(&house, id).await, [("Example Mailer".to_owned(), "unknown".to_owned())]);
}

#[tokio::test]
async fn nobody_is_told_of_somebody_whom_the_source_does_not_hold_or_of_what_is_only_read() {
    let (house, _) = house().await;
    let export = house.ask_attested("export", ANA).await;
    assert!(house.see(export).await.tells.is_empty());
    assert!(entries(&house).await.is_empty());
}
