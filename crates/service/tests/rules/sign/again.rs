//! What is sent twice since no answer came, and what wants a fresh proof.

use super::*;

#[tokio::test]
async fn invitation_that_is_sent_again_because_no_answer_came_lets_the_same_browser_in_for_two_minutes() {
    let house = House::new().await;
    let invited = house.service.invite(&house.caller("admin").await, house.id("olga")).await.unwrap();
    let enter = async |word: &str| house.service.accept_invitation(&invited.secret, word, "").await;
    let entries = async || house.service.store().head().await.unwrap().0;
    let lost = enter(WORD).await.unwrap().secret;
    let before = entries().await;
    assert!(enter("another-browser").await.is_err());
    assert!(house.service.invitation_stands(&invited.secret).await.is_err(), "to look at it is used up");
    house.pass(Duration::from_secs(119));
    let secret = enter(WORD).await.unwrap().secret;
    assert!(is_over(&house, &lost).await && !is_over(&house, &secret).await, "one of them is left");
    assert_eq!(entries().await, before, "they joined once");
    house.pass(Duration::from_secs(1));
    assert!(enter(WORD).await.is_err(), "no try makes it longer");
    assert!(!is_over(&house, &secret).await);
}

#[tokio::test]
async fn code_that_set_a_device_up_may_be_sent_again_and_sets_nothing_up_again() {
    let house = House::new().await;
    let session = come_in(&house, "olga").await;
    let signed = signed(&house, &session).await;
    let shown = house.service.begin_device(&signed, WORD).await.unwrap().secret;
    let code = house.totp(&shown);
    house.service.keep_device(&signed, WORD, &code).await.unwrap();
    let before = house.service.store().head().await.unwrap().0;
    house.service.keep_device(&signed, WORD, &code).await.unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(house.service.keep_device(&signed, WORD, wrong).await, Err(Refusal::NoChallenge));
    assert_eq!(house.service.store().head().await.unwrap().0, before);
    house.pass(2 * MINUTE);
    assert_eq!(house.service.keep_device(&signed, WORD, &code).await, Err(Refusal::NoChallenge));
}

#[tokio::test]
async fn other_sessions_are_ended_after_a_fresh_proof_alone() {
    let house = House::new().await;
    let (here, other) = (come_in(&house, "olga").await, come_in(&house, "olga").await);
    let totp = device(&house, &here).await;
    for _ in 0..6 {
        house.pass(10 * MINUTE);
        assert!(!is_over(&house, &here).await && !is_over(&house, &other).await);
    }
    let label = signed(&house, &other).await.session.label;
    for label in [None, Some(&*label)] {
        let early = house.service.end_own_sessions(&signed(&house, &here).await, label).await;
        assert!(matches!(early, Err(Refusal::StepUp { .. })), "{early:?}");
    }
    assert!(!is_over(&house, &other).await);
    house.service.prove_again_by_code(&signed(&house, &here).await, &house.totp(&totp)).await.unwrap();
    assert_eq!(house.service.end_own_sessions(&signed(&house, &here).await, None).await, Ok(1));
    assert!(is_over(&house, &other).await && !is_over(&house, &here).await);
}
