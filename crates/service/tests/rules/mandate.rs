//! Rules of an agent's mandate: the subject confirms it, and takes it back; nobody else does, and looking does neither.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::ports::notifier::About;
use countersign_service::ports::store::Status;
use countersign_service::requests::ask::{Ask, AskedBy};
use countersign_service::requests::vote::Ballot;
use countersign_service::{Refusal, Service};

use crate::fixture::{House, about};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];

/// A house in which an agent's erasure needs the subject's word and one signature, and where there is a portal.
async fn house() -> House {
    let house = House::with(|bundle| {
        bundle.files.insert(
            "policies/agent.cedar".to_owned(),
            "@id(\"erase.agent\")\npermit (principal is Agent, action == Action::\"erase\", resource is Subject)\n\
            when { context.verified.contains(\"email\") && context.approvals.privacy >= 1 };\n"
                .to_owned(),
        );
    })
    .await;
    house.service.portal_at("https://privacy.example.test/privacy");
    house
}

async fn asked(house: &House) -> (RequestId, Caller) {
    let agent = house.caller("ben").await;
    let ask =
        Ask { by: AskedBy::Agent, mandate: Some("Her power of attorney".to_owned()), ..about("erase", ANA) };
    let id = house.service.submit(&agent, ask).await.unwrap().picture.row.id;
    house.service.start_verification(&agent, id, "email").await.unwrap();
    house.settle().await;
    (id, agent)
}

/// The secret of the newest link.
fn secret(house: &House, id: RequestId) -> String {
    let mail = house.mail();
    let link = mail.iter().rev().find_map(|mail| match &mail.about {
        About::Mandate { request, link, agent, .. } if *request == id => {
            assert_eq!((&*mail.to, &**agent), ("ana@example.test", "ben"));
            Some(link.clone())
        }
        _ => None,
    });
    let link = link.expect("a link was mailed");
    let (page, secret) = link.split_once("?key=").unwrap();
    assert_eq!(page, format!("https://privacy.example.test/privacy/mandates/{id}"));
    secret.to_owned()
}

#[tokio::test]
async fn subject_confirms_once_and_looking_confirms_nothing() {
    let house = house().await;
    let (id, agent) = asked(&house).await;
    let secret = secret(&house, id);
    for _ in 0..3 {
        let seen = house.service.mandate(id, &secret).await.unwrap();
        assert_eq!((&*seen.agent, &*seen.action, seen.confirmed), ("ben", "erase", false));
        assert_eq!(seen.text.as_deref(), Some("Her power of attorney"));
    }
    assert!(house.see(id).await.proofs.is_empty());
    // The agent has no code to type, and nobody opens it with a guess.
    assert_eq!(
        house.service.verify(&agent, id, "email", "12345678").await.unwrap_err(),
        Refusal::NoChallenge
    );
    let guess = "0".repeat(64);
    assert_eq!(house.service.confirm_mandate(id, &guess).await, Err(Refusal::NoChallenge));
    assert_eq!(house.service.revoke_mandate(id, &guess).await, Err(Refusal::NoChallenge));
    for _ in 0..2 {
        house.service.confirm_mandate(id, &secret).await.unwrap();
        house.settle().await;
    }
    assert_eq!(house.see(id).await.proofs.len(), 1);
    house.approve("olga", id).await;
    assert_eq!(house.status(id).await, Status::Completed);
    let refused = house.service.revoke_mandate(id, &secret).await;
    assert!(matches!(refused, Err(Refusal::Rule(_))), "{refused:?}");
}

#[tokio::test]
async fn revoked_mandate_ends_what_waits_and_is_confirmed_no_more() {
    for confirmed in [false, true] {
        let house = house().await;
        let (id, _) = asked(&house).await;
        let secret = secret(&house, id);
        if confirmed {
            house.service.confirm_mandate(id, &secret).await.unwrap();
            house.settle().await;
        }
        for _ in 0..2 {
            house.service.revoke_mandate(id, &secret).await.unwrap();
        }
        house.settle().await;
        assert_eq!(house.status(id).await, Status::Withdrawn);
        if !confirmed {
            let refused = house.service.confirm_mandate(id, &secret).await;
            assert!(matches!(refused, Err(Refusal::Rule(_))), "{refused:?}");
        }
        if confirmed {
            assert!(house.vote("olga", id, true).await.is_err());
        }
        assert!(house.shop.holds("1"));
        assert!(house.service.mandate(id, &secret).await.is_ok());
    }
}

#[tokio::test]
async fn newer_link_takes_the_place_of_an_older_one() {
    let house = house().await;
    let (id, agent) = asked(&house).await;
    let older = secret(&house, id);
    house.service.start_verification(&agent, id, "email").await.unwrap();
    house.settle().await;
    let newer = secret(&house, id);
    assert_eq!(house.service.confirm_mandate(id, &older).await, Err(Refusal::NoChallenge));
    house.service.confirm_mandate(id, &newer).await.unwrap();
}

#[tokio::test]
async fn nobodys_inbox_is_filled_by_an_agent() {
    let house = house().await;
    let (id, agent) = asked(&house).await;
    for _ in 0..4 {
        house.service.start_verification(&agent, id, "email").await.unwrap();
    }
    assert!(house.service.start_verification(&agent, id, "email").await.is_err());
}

/// The one that comes first counts, on whatever node: either nothing is done, or it was done before it was taken back. The
/// subject comes later and later until they are too late, and sooner again.
#[tokio::test]
async fn race_of_revoking_and_voting_erases_or_withdraws_and_never_both() {
    let (mut late_ms, mut too_late) = (0u64, 0);
    for _ in 0..16 {
        let house = house().await;
        let (id, _) = asked(&house).await;
        let secret = secret(&house, id);
        house.service.confirm_mandate(id, &secret).await.unwrap();
        house.settle().await;
        let digest = house.see(id).await.digest.unwrap();
        let olga = house.caller("olga").await;
        let other: Arc<Service> = house.another();
        let ballot =
            Ballot { approve: true, seat: "privacy".to_owned(), digest, ceiling: None, reason: None };
        let revoke = async {
            tokio::time::sleep(Duration::from_millis(late_ms)).await;
            other.revoke_mandate(id, &secret).await
        };
        let vote = async {
            let _ = house.service.vote(&olga, id, ballot).await;
            house.settle().await;
        };
        let (revoked, ()) = tokio::join!(revoke, vote);
        house.settle().await;
        match (revoked, house.status(id).await) {
            (Ok(()), Status::Withdrawn) => {
                assert!(house.shop.holds("1"), "taken back, and erased all the same");
                late_ms = late_ms * 3 / 2 + 2;
            }
            // Somebody else appended at the same moment: nothing of it was done.
            (Err(Refusal::Rule(_) | Refusal::Stale | Refusal::Again), Status::Completed) => {
                assert!(!house.shop.holds("1"));
                late_ms /= 2;
                too_late += 1;
            }
            (revoked, status) => panic!("{revoked:?} and {status:?}"),
        }
    }
    assert!(too_late > 0, "nobody ever came too late");
}
