//! What an operator pages on: what fails again and again shows, although it is due again only after its pause.

use std::time::Duration;

use countersign_service::ports::store::Retrying;

use crate::fixture::House;

const ANA: &str = "ana@example.test";

#[tokio::test]
async fn mail_that_fails_shows_as_tried_again_while_nothing_is_late() {
    let house = House::new().await;
    let (id, ana) = house.ask_subject("export", &[("email", ANA)]).await;
    let measured = async || house.service.measures().await.unwrap();
    assert!(measured().await.retrying.is_empty());
    house.refuse_mail_to(&[ANA]);
    house.service.start_verification(&ana, id, "email").await.unwrap();
    for tried in 1..=6 {
        house.settle().await;
        let now = measured().await;
        assert_eq!(now.job_lag_ms, 0, "it waits for its next try");
        let retrying = Retrying { kind: "mail_code".to_owned(), count: 1, most: tried };
        assert_eq!(now.retrying, [retrying]);
        // A code that ran out is no longer mailed: six tries lie within a few seconds.
        house.pass(Duration::from_secs(9));
    }
    assert!(measured().await.given_up.is_empty());
    house.refuse_mail_to(&[]);
    house.settle().await;
    assert!(measured().await.retrying.is_empty());
    assert!(!house.code(id).is_empty(), "it came in the end");
}

#[tokio::test]
async fn jobs_that_are_given_up_are_counted() {
    use countersign_service::ports::store::{Change, JobChange, Needs, NewJob, Store};
    let house = House::new().await;
    let wish = |loaded: &countersign_service::ports::store::Loaded| {
        let job =
            NewJob { kind: "nonsense".to_owned(), key: "x".to_owned(), body: Vec::new(), run_at: loaded.now };
        Ok(Change { jobs: vec![JobChange::Wish(job)], ..Change::default() })
    };
    house.store.act(Needs::default(), Box::new(wish)).await.unwrap();
    house.settle().await;
    assert_eq!(house.service.measures().await.unwrap().given_up, [("nonsense".to_owned(), 1)]);
}
