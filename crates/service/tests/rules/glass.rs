//! Broken glass: other policies than usual, under the same forbids; everybody concerned is told, and somebody else reviews it.

use countersign_core::request::Refusal as Rule;
use countersign_core::verdict::{Decision, Missing};
use countersign_service::Refusal;
use countersign_service::ports::notifier::About;
use countersign_service::ports::store::Status;
use countersign_service::requests::picture::ListQuery;
use countersign_service::reviewers::Choice;
use countersign_service::settings::{Bundle, Pace};

use crate::fixture::{HOUR, House, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

const EMERGENCY: &str = r#"
@id("erase.emergency")
permit (principal, action == Action::"erase", resource is Subject)
when { principal is Service && context.attested.contains("identity") };
"#;

fn with_glass(who: &str) -> impl FnOnce(&mut Bundle) {
    let section = format!(
        "[break_glass]\npolicies = \"policies/break-glass.cedar\"\nwho = [\"{who}\"]\nseats = [\"privacy\"]\nreview_within = \"72h\"\n\n[requester_attributes]"
    );
    move |bundle| {
        replace(bundle, "settings.toml", "[requester_attributes]", &section);
        bundle.files.insert("policies/break-glass.cedar".to_owned(), EMERGENCY.to_owned());
    }
}

async fn smash(house: &House, name: &str, id: countersign_core::id::RequestId) -> Result<(), Refusal> {
    let caller = house.caller(name).await;
    house.service.break_glass(&caller, id, "a life is at stake".to_owned()).await?;
    house.settle().await;
    Ok(())
}

async fn review(house: &House, name: &str, id: countersign_core::id::RequestId) -> Result<(), Refusal> {
    let caller = house.caller(name).await;
    let text = Some("it was a life".to_owned());
    house.service.review_glass(&caller, id, "privacy".to_owned(), true, text).await?;
    Ok(())
}

async fn listed(house: &House, word: &str) -> usize {
    let query = ListQuery { glass: Some(word.to_owned()), limit: 10, ..ListQuery::default() };
    house.service.list(&house.caller("audra").await, query).await.unwrap().len()
}

fn told(house: &House, overdue: bool) -> Vec<String> {
    let of = |message: &countersign_service::ports::notifier::Message| {
        let about = matches!(&message.about, About::GlassBroken { overdue: it, .. } if *it == overdue);
        about.then(|| message.to.clone())
    };
    let mut told: Vec<String> = house.mail().iter().filter_map(of).collect();
    told.sort();
    told.dedup();
    told
}

#[tokio::test]
async fn broken_glass_releases_by_its_own_policies_and_every_officer_is_told() {
    let house = House::with(with_glass("data_owner")).await;
    let id = house.ask_attested("erase", ANA).await;
    assert_eq!(house.status(id).await, Status::Waiting, "one officer is missing");
    let german =
        Choice { pace: Pace::AtOnce, hour: 8, zone: "UTC".to_owned(), language: Some("de".to_owned()) };
    house.service.choose_mail(&house.caller("pavel").await, Some(german)).await.unwrap();
    smash(&house, "dora", id).await.unwrap();
    assert_eq!(house.status(id).await, Status::Completed);
    let loud = house.mail().into_iter().filter(|mail| matches!(mail.about, About::GlassBroken { .. }));
    let german: Vec<_> = loud.filter(|mail| mail.language == "de").map(|mail| mail.to).collect();
    assert_eq!(german, ["pavel@example.test"], "in the language that he reads");
    let seen = house.see(id).await;
    let glass = seen.glass.unwrap();
    assert_eq!((glass.by, glass.seats), (house.id("dora"), vec!["privacy".to_owned()]));
    assert_eq!(glass.review_due.since_ms(glass.at), 72 * 3_600_000);
    assert_eq!(seen.glass_reason.as_deref(), Some("a life is at stake"));
    assert!(house.kinds(id).await.contains(&"glass_broken".to_owned()));
    let officers = ["ana@example.test", "olga@example.test", "pavel@example.test", "stan@example.test"];
    assert_eq!(told(&house, false), officers);
    assert_eq!((listed(&house, "any").await, listed(&house, "due").await), (1, 1));
    // By which policies it was released stands in the history.
    let released = house.stored(id).await.events.into_iter().find(|event| event.kind == "released").unwrap();
    let text = String::from_utf8(released.body).unwrap();
    let settings = house.service.settings().await.unwrap();
    assert!(text.contains("erase.emergency"), "{text}");
    assert!(text.contains(settings.break_glass.as_ref().unwrap().policies.hash()), "{text}");
}

#[tokio::test]
async fn legal_hold_conflict_and_limit_bind_behind_broken_glass_too() {
    let house = House::with(|bundle| {
        with_glass("data_owner")(bundle);
        replace(bundle, "policies/erase.cedar", "context.running.erase >= 100", "context.running.erase >= 1");
    })
    .await;
    let export = house.ask_attested("export", ANA).await;
    house.pass(std::time::Duration::from_secs(1));
    let id = house.ask_attested("erase", ANA).await;
    house.hold("case-1", "ana@example.test").await;
    smash(&house, "dora", id).await.unwrap();
    let missing = house.missing(id).await;
    assert!(missing.contains(&Missing::Conflict { count: 1 }), "{missing:?}");
    assert!(missing.iter().any(|it| matches!(it, Missing::LegalHold { .. })), "{missing:?}");
    house.service.withdraw(&house.caller("helpdesk").await, export).await.unwrap();
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Waiting, "the hold stands");
    // Somebody else has the only place.
    let other = house.ask_attested("erase", &[("account", "A-2")]).await;
    house.vote("olga", other, true).await.unwrap();
    assert_eq!(house.status(other).await, Status::Released);
    house.service.lift_hold(&house.caller("admin").await, "case-1").await.unwrap();
    let full = Missing::Capacity { action: "erase".to_owned(), below: 1, now: 1 };
    assert!(house.missing(id).await.contains(&full), "{:?}", house.missing(id).await);
    house.settle().await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn glass_is_broken_by_members_of_the_named_groups_and_by_no_program() {
    let house = House::with(with_glass("data_owner")).await;
    let id = house.ask_attested("erase", ANA).await;
    for name in ["olga", "otto", "helpdesk"] {
        assert!(matches!(smash(&house, name, id).await, Err(Refusal::NotAllowed(_))), "{name}");
    }
    for name in ["admin", "audra"] {
        assert!(smash(&house, name, id).await.is_err(), "{name}");
    }
    assert_eq!(house.status(id).await, Status::Waiting);
    let bare = House::new().await;
    let id = bare.ask_attested("erase", ANA).await;
    assert!(matches!(smash(&bare, "dora", id).await, Err(Refusal::Standing(_))));
}

#[tokio::test]
async fn what_the_policies_for_broken_glass_never_permit_is_refused_and_not_denied() {
    let house = House::with(with_glass("data_owner")).await;
    let id = house.ask_attested("export", ANA).await;
    assert!(matches!(smash(&house, "dora", id).await, Err(Refusal::Standing(_))));
    let seen = house.see(id).await;
    assert!(seen.glass.is_none() && matches!(seen.verdict.unwrap().decision, Decision::Hold { .. }));
}

#[tokio::test]
async fn whoever_broke_the_glass_cannot_close_the_review_by_any_account() {
    let house = House::with(with_glass("privacy")).await;
    let id = house.ask_attested("erase", ANA).await;
    smash(&house, "stan", id).await.unwrap();
    assert_eq!(review(&house, "stan", id).await, Err(Refusal::Rule(Rule::OwnRequest)));
    assert_eq!(review(&house, "stan again", id).await, Err(Refusal::Rule(Rule::OwnData)));
    assert_eq!(review(&house, "dora", id).await, Err(Refusal::Rule(Rule::NotYourSeat)));
    // Ana is the subject.
    assert_eq!(review(&house, "ana", id).await, Err(Refusal::Rule(Rule::OwnData)));
    assert!(matches!(review(&house, "otto", id).await, Err(Refusal::NotAllowed(_))));
    review(&house, "pavel", id).await.unwrap();
    let by = house.see(id).await.glass.unwrap().review.unwrap().by;
    assert_eq!(by, house.id("pavel"));
    assert_eq!(review(&house, "olga", id).await, Err(Refusal::Rule(Rule::TooLate)));
    assert_eq!((listed(&house, "due").await, listed(&house, "done").await), (0, 1));
}

#[tokio::test]
async fn review_that_nobody_did_in_time_is_overdue_until_somebody_does() {
    let house = House::with(with_glass("data_owner")).await;
    let id = house.ask_attested("erase", ANA).await;
    smash(&house, "dora", id).await.unwrap();
    house.pass(72 * HOUR - HOUR);
    house.settle().await;
    assert_eq!((listed(&house, "due").await, listed(&house, "overdue").await), (1, 0));
    house.pass(HOUR + HOUR);
    house.settle().await;
    assert_eq!((listed(&house, "due").await, listed(&house, "overdue").await), (0, 1));
    assert_eq!(told(&house, true).len(), 4);
    let measured = house.service.measures().await.unwrap().glass;
    assert_eq!(measured, [("overdue".to_owned(), 1)]);
    review(&house, "olga", id).await.unwrap();
    assert_eq!((listed(&house, "overdue").await, listed(&house, "any").await), (0, 1));
}

/// Long after everything that we kept is destroyed, the mark is still there, and so is who reviewed it.
#[tokio::test]
async fn mark_outlives_what_we_kept_about_the_subject() {
    let house = House::with(with_glass("data_owner")).await;
    let id = house.ask_attested("erase", ANA).await;
    smash(&house, "dora", id).await.unwrap();
    house.pass(31 * 24 * HOUR);
    house.settle().await;
    let seen = house.see(id).await;
    assert_eq!((seen.glass_reason, seen.glass.unwrap().by), (None, house.id("dora")));
    // A text has no key to be sealed with any more; the review itself needs none.
    assert!(matches!(review(&house, "olga", id).await, Err(Refusal::Standing(_))));
    let olga = house.caller("olga").await;
    house.service.review_glass(&olga, id, "privacy".to_owned(), false, None).await.unwrap();
    assert!(!house.see(id).await.glass.unwrap().review.unwrap().justified);
}
