//! Rules of what reviewers are told: at once or once a day, as each chooses; nothing twice, nothing to those whose vote
//! would not count, nothing when it is over; and again before the time runs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::id::RequestId;
use countersign_core::time::Timestamp;
use countersign_notify::email::{Email, EmailConfig, Tls};
use countersign_service::Refusal;
use countersign_service::ports::notifier::{About, Message, Notifier, NotifyError};
use countersign_service::ports::store::{Change, JobChange, Needs, NewJob, Store};
use countersign_service::reviewers::Choice;
use countersign_service::settings::Pace;
use countersign_testing::smtp::{Received, Sink};
use tokio::sync::Mutex;

use crate::fixture::{HOUR, House, replace};

const BEN: &[(&str, &str)] = &[("email", "ben@example.test")];
const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const DAY: Duration = Duration::from_secs(86_400);

async fn chooses(house: &House, name: &str, pace: Pace, hour: u8, zone: &str) {
    let choice = Choice { pace, hour, zone: zone.to_owned(), language: None };
    house.service.choose_mail(&house.caller(name).await, Some(choice)).await.unwrap();
    house.settle().await;
}

/// How often somebody was told of a request, alone or among others.
fn told(house: &House, name: &str, id: RequestId) -> usize {
    let to = format!("{name}@example.test");
    let names = |message: &Message| match &message.about {
        About::CallToVote { request, .. } => *request == id,
        About::Digest { waiting, .. } => waiting.iter().any(|one| one.request == id),
        _ => false,
    };
    house.mail().iter().filter(|message| message.to == to && names(message)).count()
}

fn reminded(house: &House, name: &str, id: RequestId) -> usize {
    let to = format!("{name}@example.test");
    let is =
        |about: &About| matches!(about, About::CallToVote { request, reminder: true, .. } if *request == id);
    house.mail().iter().filter(|message| message.to == to && is(&message.about)).count()
}

/// Wishes a job again, as it stands after a node that died before it recorded the end.
async fn again(house: &House, kind: &str, key: String) {
    let job = |now| NewJob { kind: kind.to_owned(), key: key.clone(), body: Vec::new(), run_at: now };
    let job = job(Timestamp::from_millis(house.clock.now_ms()));
    let decide = move |_: &_| Ok(Change { jobs: vec![JobChange::Wish(job.clone())], ..Change::default() });
    house.store.act(Needs::default(), Box::new(decide)).await.unwrap();
    house.settle().await;
}

#[tokio::test]
async fn two_officers_are_told_by_real_mail_one_at_once_and_one_by_digest() {
    let house = House::new().await;
    let sink = Sink::start().unwrap();
    let email = Email::new(&EmailConfig {
        host: sink.host().to_owned(),
        port: sink.port(),
        tls: Tls::None,
        login: None,
        from: "Countersign <countersign@shop.example.test>".to_owned(),
        timeout: Duration::from_secs(20),
        authority_pem: None,
    });
    let node = house.saying(Arc::new(email.unwrap()));
    node.reached_at("https://countersign.example.test/");
    let choice = Choice { pace: Pace::Digest, hour: 8, zone: "America/New_York".to_owned(), language: None };
    node.choose_mail(&house.caller("pavel").await, Some(choice)).await.unwrap();
    let mut requests = Vec::new();
    for subject in [BEN, &[("account", "A-1")]] {
        let desk = house.caller("helpdesk").await;
        let receipt = node.submit(&desk, crate::fixture::about("erase", subject)).await.unwrap();
        house.settle_on(&node).await;
        requests.push(receipt.picture.row.id);
    }
    let to = |who: &str| -> Vec<Received> {
        let to = format!("{who}@example.test");
        sink.received().into_iter().filter(|mail| mail.to == [to.clone()]).collect()
    };
    assert_eq!((to("olga").len(), to("pavel").len()), (2, 0));
    for (received, id) in to("olga").iter().zip(&requests) {
        let mail = received.mail();
        let link = format!("https://countersign.example.test/console/requests/{id}");
        assert!(mail.body.lines().any(|line| line == link), "{}", mail.body);
        assert!(mail.body.contains("erase personal data") && mail.body.contains("answered by"));
        // Neither a subject nor a key of ours.
        let raw = String::from_utf8_lossy(&received.data).to_lowercase();
        for secret in ["ben@", "ana@", "a-1", "token", "key="] {
            assert!(!raw.contains(secret), "{secret} is in {raw}");
        }
    }
    // Eight o'clock in New York.
    house.pass(4 * HOUR);
    house.settle_on(&node).await;
    let [digest] = to("pavel").try_into().unwrap();
    let mail = digest.mail();
    assert_eq!(mail.subject, "2 requests wait for your vote");
    for id in &requests {
        assert!(mail.body.contains(&format!("https://countersign.example.test/console/requests/{id}")));
    }
    house.pass(2 * DAY);
    house.settle_on(&node).await;
    assert_eq!((to("olga").len(), to("pavel").len()), (2, 1), "nothing is told twice");
}

#[tokio::test]
async fn nothing_is_told_twice_by_a_node_that_died_before_it_recorded_the_end() {
    let house = House::new().await;
    chooses(&house, "pavel", Pace::Digest, 10, "UTC").await;
    let id = house.ask_attested("erase", BEN).await;
    house.pass(HOUR);
    house.settle().await;
    assert_eq!((told(&house, "olga", id), told(&house, "pavel", id)), (1, 1));
    again(&house, "call", format!("{id}/privacy")).await;
    again(&house, "mail_vote", format!("{id}/privacy/{}", house.id("olga"))).await;
    again(&house, "digest", house.id("pavel").to_string()).await;
    house.pass(DAY);
    house.settle().await;
    assert_eq!((told(&house, "olga", id), told(&house, "pavel", id)), (1, 1));
}

/// A mail server that takes the mail, and whose answer is lost once.
struct Lost {
    taken: Mutex<Vec<Message>>,
    answers: AtomicBool,
}

#[async_trait]
impl Notifier for Lost {
    async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        self.taken.lock().await.push(message.clone());
        if matches!(message.about, About::Digest { .. } | About::CallToVote { .. })
            && !self.answers.swap(true, Ordering::SeqCst)
        {
            return Err(NotifyError::Retry("the answer was lost".to_owned()));
        }
        Ok(())
    }
}

#[tokio::test]
async fn mail_whose_answer_was_lost_comes_again_under_the_same_name() {
    for pace in [Pace::AtOnce, Pace::Digest] {
        let house = House::with(|bundle| {
            // One officer alone.
            replace(bundle, "policies/erase.cedar", "approvals.privacy", "approvals.data_owner");
        })
        .await;
        let lost = Arc::new(Lost { taken: Mutex::default(), answers: AtomicBool::new(false) });
        let node = house.saying(lost.clone());
        chooses(&house, "dora", pace, 10, "UTC").await;
        let desk = house.caller("helpdesk").await;
        node.submit(&desk, crate::fixture::about("erase", BEN)).await.unwrap();
        for _ in 0..3 {
            house.settle_on(&node).await;
            house.pass(HOUR);
        }
        let taken = lost.taken.lock().await;
        let names: Vec<_> = taken.iter().map(|message| message.name.clone()).collect();
        assert_eq!(names.len(), 2, "{pace:?}: {names:?}");
        assert!(names[0].is_some() && names[0] == names[1], "{pace:?}: {names:?}");
    }
}

#[tokio::test]
async fn two_nodes_tell_each_officer_once() {
    let house = House::new().await;
    let other = house.another();
    let id = {
        let desk = house.caller("helpdesk").await;
        let receipt = house.service.submit(&desk, crate::fixture::about("erase", BEN)).await.unwrap();
        receipt.picture.row.id
    };
    tokio::join!(house.settle(), house.settle_on(&other));
    assert_eq!((told(&house, "olga", id), told(&house, "pavel", id)), (1, 1));
}

#[tokio::test]
async fn nothing_is_told_of_what_was_decided_meanwhile() {
    let house = House::new().await;
    for name in ["pavel", "olga"] {
        chooses(&house, name, Pace::Digest, 12, "UTC").await;
    }
    let denied = house.ask_attested("erase", BEN).await;
    let waits = house.ask_attested("erase", ANA).await;
    house.vote("olga", denied, false).await.unwrap();
    house.settle().await;
    house.pass(3 * HOUR);
    house.settle().await;
    assert_eq!((told(&house, "pavel", denied), told(&house, "pavel", waits)), (0, 1));
    assert_eq!(told(&house, "olga", waits), 1);
    // She is the subject, by another account.
    assert_eq!(told(&house, "ana", waits), 0);
}

#[tokio::test]
async fn whoever_lost_the_seat_before_the_hour_is_told_nothing() {
    let house = House::new().await;
    chooses(&house, "pavel", Pace::Digest, 12, "UTC").await;
    let id = house.ask_attested("erase", BEN).await;
    let admin = house.caller("admin").await;
    house.service.set_seat(&admin, house.id("pavel"), "privacy", false).await.unwrap();
    house.pass(3 * HOUR);
    house.settle().await;
    assert_eq!((told(&house, "pavel", id), told(&house, "olga", id)), (0, 1));
}

#[tokio::test]
async fn whoever_wants_it_at_once_after_all_gets_what_was_gathered() {
    let house = House::new().await;
    chooses(&house, "pavel", Pace::Digest, 12, "UTC").await;
    let id = house.ask_attested("erase", BEN).await;
    assert_eq!(told(&house, "pavel", id), 0);
    let pavel = house.caller("pavel").await;
    assert!(house.service.mail_choice(&pavel).await.unwrap().own);
    house.service.choose_mail(&pavel, None).await.unwrap();
    house.settle().await;
    assert_eq!(told(&house, "pavel", id), 1);
    let chosen = house.service.mail_choice(&pavel).await.unwrap();
    assert_eq!((chosen.choice.pace, chosen.own), (Pace::AtOnce, false));
}

#[tokio::test]
async fn settings_say_what_counts_for_whoever_chose_nothing() {
    let house = House::with(|bundle| {
        let written = "[reviewers]\nmail = \"digest\"\nhour = 11\nremind_percent = 0\n\n[actions.erase]";
        replace(bundle, "settings.toml", "[actions.erase]", written);
    })
    .await;
    chooses(&house, "olga", Pace::AtOnce, 8, "UTC").await;
    let id = house.ask_attested("erase", BEN).await;
    assert_eq!((told(&house, "olga", id), told(&house, "pavel", id)), (1, 0));
    // Eleven in Berlin is ten here.
    house.pass(HOUR);
    house.settle().await;
    assert_eq!((told(&house, "olga", id), told(&house, "pavel", id)), (1, 1));
    house.pass(29 * DAY);
    house.settle().await;
    assert_eq!(reminded(&house, "olga", id), 0, "nobody is reminded where the settings say so");
}

#[tokio::test]
async fn whoever_has_not_voted_is_reminded_once_when_most_of_the_time_is_over() {
    let house = House::new().await;
    chooses(&house, "pavel", Pace::Digest, 12, "UTC").await;
    let id = house.ask_attested("erase", BEN).await;
    house.pass(20 * DAY);
    house.settle().await;
    assert_eq!((reminded(&house, "olga", id), reminded(&house, "pavel", id)), (0, 0));
    house.pass(4 * DAY);
    house.settle().await;
    assert_eq!((reminded(&house, "olga", id), reminded(&house, "pavel", id)), (1, 1));
    again(&house, "remind", id.to_string()).await;
    again(&house, "mail_reminder", format!("{id}/privacy/{}", house.id("olga"))).await;
    house.pass(4 * DAY);
    house.settle().await;
    assert_eq!((reminded(&house, "olga", id), reminded(&house, "pavel", id)), (1, 1));
}

#[tokio::test]
async fn nobody_is_reminded_of_what_is_decided_nor_before_a_date_that_was_moved() {
    let house = House::new().await;
    let (decided, moved) = (house.ask_attested("erase", BEN).await, house.ask_attested("erase", ANA).await);
    house.vote("olga", decided, false).await.unwrap();
    let otto = house.caller("otto").await;
    let due = Timestamp::from_millis(house.clock.now_ms()).plus_ms(59 * 86_400_000);
    house.service.extend(&otto, moved, due, None).await.unwrap();
    house.pass(25 * DAY);
    house.settle().await;
    assert_eq!((reminded(&house, "olga", decided), reminded(&house, "olga", moved)), (0, 0));
    house.pass(20 * DAY);
    house.settle().await;
    assert_eq!((reminded(&house, "olga", decided), reminded(&house, "olga", moved)), (0, 1));
}

#[tokio::test]
async fn nobody_chooses_who_votes_on_nothing() {
    let house = House::new().await;
    for name in ["otto", "helpdesk", "admin", "ben"] {
        let caller = house.caller(name).await;
        let refused = house.service.choose_mail(&caller, None).await;
        assert!(matches!(refused, Err(Refusal::NotAllowed(_))), "{name}");
    }
}

/// In which language the last mail to somebody was.
fn language(house: &House, name: &str) -> Option<String> {
    let to = format!("{name}@example.test");
    house.mail().iter().rev().find(|message| message.to == to).map(|message| message.language.clone())
}

#[tokio::test]
async fn mail_comes_in_the_language_that_its_reader_chose_and_else_in_that_of_the_settings() {
    let house = House::with(|bundle| {
        replace(bundle, "settings.toml", "language = \"en\"", "language = \"de\"");
    })
    .await;
    let english = |pace, hour| Choice { pace, hour, zone: "UTC".to_owned(), language: Some("en".to_owned()) };
    let olga = house.caller("olga").await;
    house.service.choose_mail(&olga, Some(english(Pace::AtOnce, 8))).await.unwrap();
    house.ask_attested("erase", BEN).await;
    house.settle().await;
    assert_eq!((language(&house, "olga"), language(&house, "pavel")), (Some("en".into()), Some("de".into())));
    // What is gathered, and what is said of a request once more.
    house.service.choose_mail(&olga, Some(english(Pace::Digest, 12))).await.unwrap();
    house.ask_attested("erase", ANA).await;
    house.pass(3 * HOUR);
    house.settle().await;
    let to = "olga@example.test";
    let digest = house.mail().into_iter().find(|it| it.to == to && matches!(it.about, About::Digest { .. }));
    assert_eq!(digest.unwrap().language, "en");
    house.pass(24 * DAY);
    house.settle().await;
    assert!(house.mail().iter().any(|it| matches!(it.about, About::CallToVote { reminder: true, .. })));
    for message in house.mail().iter().filter(|it| !matches!(it.about, About::Code { .. })) {
        assert_eq!(message.language == "en", message.to == to, "{message:?}");
    }
    // With nothing chosen it is everybody's again.
    house.service.choose_mail(&olga, None).await.unwrap();
    house.shop.add("9", &[("email", "cleo@example.test")], &[("customer", 1)]);
    house.ask_attested("erase", &[("email", "cleo@example.test")]).await;
    house.settle().await;
    assert_eq!(language(&house, "olga"), Some("de".into()));
}
