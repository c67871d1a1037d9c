//! Settings, schedules and evidence.

use std::time::Duration;

use countersign_core::request::Refusal as Rule;
use countersign_ledger::{Entry, ProofFile, VerifierKey};
use countersign_service::Refusal;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::Ask;
use countersign_service::requests::picture::{ListQuery, Picture};
use countersign_service::requests::vote::Ballot;

use crate::fixture::{HOUR, House, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

async fn purges(house: &House) -> Vec<Picture> {
    let query = ListQuery { action: Some("purge".to_owned()), limit: 100, ..ListQuery::default() };
    let rows = house.service.list(&house.caller("audra").await, query).await.unwrap();
    let mut all = Vec::new();
    for row in rows {
        all.push(house.see(row.id).await);
    }
    all
}

#[tokio::test]
async fn tick_is_one_request_however_often_the_server_starts() {
    let house = House::new().await;
    house.settle().await;
    assert!(purges(&house).await.is_empty());
    house.pass(24 * HOUR);
    house.settle().await;
    house.settle_on(&house.another()).await;
    let all = purges(&house).await;
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].row.status, &*all[0].row.channel), (Status::Completed, "schedule"));
    assert_eq!(house.shop.inside().datasets["app_log"], 0);
    house.pass(3 * 24 * HOUR);
    house.settle().await;
    assert_eq!(purges(&house).await.len(), 2, "ticks that were slept through are one");
}

#[tokio::test]
async fn author_of_a_schedule_does_not_vote_on_its_ticks() {
    let house = House::with(|_| {}).await;
    let dora = house.id("dora").to_string();
    house
        .apply(|bundle| {
            let author = format!("older_than = \"90d\"\nauthor = \"{dora}\"");
            replace(bundle, "settings.toml", "older_than = \"90d\"", &author);
        })
        .await;
    house.shop.inside().datasets.insert("app_log".to_owned(), 1_000_000);
    house.pass(24 * HOUR);
    house.settle().await;
    let purge = &purges(&house).await[0];
    assert_eq!(purge.row.status, Status::Waiting);
    let ballot = Ballot {
        approve: true,
        seat: "data_owner".to_owned(),
        digest: purge.digest.unwrap(),
        ceiling: None,
        reason: None,
    };
    let refused = house.service.vote(&house.caller("dora").await, purge.row.id, ballot).await;
    assert_eq!(refused.unwrap_err(), Refusal::Rule(Rule::OwnRequest));
}

#[tokio::test]
async fn purge_without_an_age_is_refused_at_once() {
    let house = House::new().await;
    let stan = house.caller("stan").await;
    let ask = Ask { action: "purge".to_owned(), dataset: Some("shop/app_log".to_owned()), ..Ask::default() };
    assert!(matches!(house.service.submit(&stan, ask).await, Err(Refusal::Invalid { .. })));
}

#[tokio::test]
async fn changed_policy_judges_what_waits_again() {
    let house = House::new().await;
    let id = house.ask_attested("erase", ANA).await;
    assert_eq!(house.status(id).await, Status::Waiting);
    house.apply(|bundle| replace(bundle, "policies/erase.cedar", "privacy >= 1", "privacy >= 0")).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn changed_policy_judges_all_that_waits_however_much_it_is() {
    let house = House::new().await;
    let mut ids = Vec::new();
    // More than one page of the judging.
    for n in 0..60 {
        let email = format!("person.{n}@example.test");
        house.shop.add(&format!("c{n}"), &[("email", &email)], &[("orders", 1)]);
        ids.push(house.ask_attested("erase", &[("email", &email)]).await);
    }
    house.apply(|bundle| replace(bundle, "policies/erase.cedar", "privacy >= 1", "privacy >= 0")).await;
    for id in ids {
        assert_eq!(house.status(id).await, Status::Completed);
    }
}

#[tokio::test]
async fn settings_enter_by_version_whole_and_after_a_try() {
    let house = House::new().await;
    let admin = house.caller("admin").await;
    let standing = house.service.settings().await.unwrap();
    let mut bundle = standing.bundle.clone();
    replace(&mut bundle, "settings.toml", "package_days = 7", "package_days = 8");

    let tried = house.service.apply(&admin, bundle.clone(), Some(1), true).await.unwrap();
    assert!(tried.dry_run && tried.version == 2 && !tried.changes.is_empty());
    assert_eq!(house.service.read_settings(&admin).await.unwrap().version, 1);

    let stale = house.service.apply(&admin, bundle.clone(), Some(7), false).await;
    assert_eq!(stale.unwrap_err(), Refusal::Stale);
    let mut wrong = bundle.clone();
    replace(&mut wrong, "policies/erase.cedar", "approvals.privacy", "approvals.privaci");
    assert!(matches!(house.service.apply(&admin, wrong, None, false).await, Err(Refusal::Mistakes(_))));

    house.service.apply(&admin, bundle, Some(1), false).await.unwrap();
    assert_eq!(house.service.read_settings(&admin).await.unwrap().version, 2);
}

#[tokio::test]
async fn another_node_judges_by_settings_that_were_entered_on_this_one() {
    let house = House::new().await;
    let other = house.another();
    other.settings().await.unwrap();
    house.apply(|bundle| replace(bundle, "policies/erase.cedar", "privacy >= 1", "privacy >= 0")).await;
    let desk = house.caller("helpdesk").await;
    let id = other.submit(&desk, crate::fixture::about("erase", ANA)).await.unwrap().picture.row.id;
    house.settle_on(&other).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

#[tokio::test]
async fn evidence_is_checked_without_us() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    let evidence = house.service.evidence(&house.caller("audra").await, id).await.unwrap();
    let known: VerifierKey = house.service.vkey().parse().unwrap();
    assert_eq!(evidence.entries.len(), house.kinds(id).await.len());
    for proof in &evidence.entries {
        let file: ProofFile = proof.proof.parse().unwrap();
        let head = file.check(Entry::new(&proof.entry).unwrap(), std::slice::from_ref(&known)).unwrap();
        assert!(proof.index < head.size);
        let mut altered = proof.entry.clone();
        altered[10] ^= 1;
        assert!(file.check(Entry::new(&altered).unwrap(), std::slice::from_ref(&known)).is_err());
    }
}

#[tokio::test]
async fn nobody_is_called_to_vote_where_the_action_says_so() {
    let house = House::with(|bundle| {
        replace(bundle, "settings.toml", "[actions.erase]", "[actions.erase]\ncall_to_vote = false");
    })
    .await;
    let id = house.ask_attested("erase", ANA).await;
    house.pass(Duration::from_secs(1));
    assert!(house.calls(id).is_empty());
    assert_eq!(house.status(id).await, Status::Waiting);
}
