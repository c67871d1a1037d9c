//! Rules of signing in: what ends a session, what a code is good for, and what somebody who was demoted or removed a
//! moment ago may still do.

mod again;

use std::time::Duration;

use countersign_core::id::PersonId;
use countersign_core::verdict::Missing;
use countersign_service::Refusal;
use countersign_service::caller::Caller;
use countersign_service::portal::Door;
use countersign_service::ports::notifier::About;
use countersign_service::requests::vote::Ballot;
use countersign_service::sign::SignedIn;

use crate::fixture::{HOUR, House};

const MINUTE: Duration = Duration::from_secs(60);
const WORD: &str = "the-word-of-a-browser";

/// Comes in by an invitation; answers with the session's secret.
async fn come_in(house: &House, name: &str) -> String {
    let admin = house.caller("admin").await;
    let invited = house.service.invite(&admin, house.id(name)).await.unwrap();
    house.service.accept_invitation(&invited.secret, WORD, "Firefox, Linux").await.unwrap().secret
}

async fn signed(house: &House, secret: &str) -> SignedIn {
    house.service.signed_in(secret).await.unwrap()
}

async fn is_over(house: &House, secret: &str) -> bool {
    matches!(house.service.signed_in(secret).await, Err(Refusal::Unauthenticated))
}

/// Sets up a device; answers with its secret.
async fn device(house: &House, secret: &str) -> String {
    let signed = signed(house, secret).await;
    let shown = house.service.begin_device(&signed, WORD).await.unwrap().secret;
    house.service.keep_device(&signed, WORD, &house.totp(&shown)).await.unwrap();
    house.pass(Duration::from_secs(30));
    shown
}

async fn ballot(house: &House, id: countersign_core::id::RequestId) -> Ballot {
    let digest = house.see(id).await.digest.unwrap();
    Ballot { approve: true, seat: "privacy".to_owned(), digest, ceiling: None, reason: None }
}

fn door() -> Door {
    Door {
        url: "https://countersign.example".to_owned(),
        language: "en".to_owned(),
        client: "192.0.2.1".to_owned(),
    }
}

/// Asks for a link by mail; answers with its secret, if one was mailed.
async fn mailed(house: &House, email: &str) -> Option<String> {
    let before = house.mail().len();
    house.service.mail_sign_in(&door(), email, WORD).await.unwrap();
    house.settle().await;
    let link = house.mail().into_iter().skip(before).find_map(|mail| match mail.about {
        About::SignIn { link, .. } => Some(link),
        _ => None,
    })?;
    Some(link.strip_prefix("https://countersign.example/sign-in/mail/").unwrap().to_owned())
}

#[tokio::test]
async fn session_is_over_when_nobody_used_it_and_when_it_is_old() {
    let house = House::new().await;
    let idle = come_in(&house, "olga").await;
    house.pass(29 * MINUTE);
    assert!(!is_over(&house, &idle).await);
    house.pass(29 * MINUTE);
    assert!(!is_over(&house, &idle).await, "it was used");
    house.pass(31 * MINUTE);
    assert!(is_over(&house, &idle).await);

    let used = come_in(&house, "olga").await;
    for _ in 0..36 {
        house.pass(20 * MINUTE - Duration::from_millis(1));
        assert!(!is_over(&house, &used).await);
    }
    house.pass(20 * MINUTE);
    assert!(is_over(&house, &used).await, "half a day is over");
    assert_eq!(
        house.service.sessions_of(&house.caller("olga").await, house.id("olga")).await.unwrap().len(),
        0
    );
}

#[tokio::test]
async fn settings_say_how_long_somebody_stays_signed_in() {
    let house = House::with(|bundle| {
        let text = bundle.files.get_mut("settings.toml").unwrap();
        text.push_str("\n[sessions]\nidle = \"2m\"\nabsolute = \"5m\"\n");
    })
    .await;
    let secret = come_in(&house, "olga").await;
    for _ in 0..4 {
        house.pass(MINUTE);
        assert!(!is_over(&house, &secret).await);
    }
    house.pass(MINUTE);
    assert!(is_over(&house, &secret).await);
}

#[tokio::test]
async fn invitation_runs_out() {
    let house = House::new().await;
    let invited = house.service.invite(&house.caller("admin").await, house.id("olga")).await.unwrap();
    house.pass(72 * HOUR);
    let refused = house.service.accept_invitation(&invited.secret, WORD, "").await;
    assert!(matches!(refused, Err(Refusal::NotFound("invitation"))));
}

#[tokio::test]
async fn session_that_was_ended_does_not_come_back_by_being_used() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    house.pass(10 * MINUTE);
    // The note that it was used and its end meet.
    for _ in 0..20 {
        let secret = come_in(&house, "pavel").await;
        house.pass(10 * MINUTE);
        let (_, out) = tokio::join!(house.service.signed_in(&secret), house.service.sign_out(&secret));
        out.unwrap();
        assert!(is_over(&house, &secret).await);
    }
    house.pass(25 * MINUTE);
    assert!(is_over(&house, &secret).await);
}

#[tokio::test]
async fn vote_of_somebody_demoted_a_moment_ago_does_not_stand() {
    let house = House::new().await;
    let id = house.ask_attested("erase", &[("email", "ben@example.test")]).await;
    let ballot = ballot(&house, id).await;
    let secret = come_in(&house, "olga").await;
    // The page was opened as a reviewer.
    let before = signed(&house, &secret).await;
    house.service.set_seat(&house.caller("admin").await, house.id("olga"), "privacy", false).await.unwrap();
    let voted = house.service.vote(&before.caller, id, ballot.clone()).await;
    assert!(matches!(voted, Err(Refusal::Rule(_))), "{:?}", voted.err());
    // The next page is no reviewer's.
    let after = signed(&house, &secret).await;
    let voted = house.service.vote(&after.caller, id, ballot).await;
    assert_eq!(
        voted.err().map(|refusal| refusal.code()),
        Some("not_your_seat"),
        "the role was given by hand"
    );
}

#[tokio::test]
async fn call_that_began_with_a_role_that_was_taken_since_does_not_come_through() {
    let house = House::new().await;
    let id = house.ask_attested("erase", &[("email", "ben@example.test")]).await;
    let secret = come_in(&house, "otto").await;
    let before = signed(&house, &secret).await;
    let none = std::collections::BTreeSet::new();
    house.service.set_roles(&house.caller("admin").await, house.id("otto"), none).await.unwrap();
    let commented = house.service.comment(&before.caller, id, "seen".to_owned()).await;
    assert_eq!(commented.err(), Some(Refusal::Unauthenticated));
    assert!(is_over(&house, &secret).await);
}

#[tokio::test]
async fn removed_person_has_no_session_no_token_and_no_way_back() {
    let house = House::new().await;
    let id = house.ask_attested("erase", &[("email", "ben@example.test")]).await;
    let ballot = ballot(&house, id).await;
    let secret = come_in(&house, "olga").await;
    let totp = device(&house, &secret).await;
    let before = signed(&house, &secret).await;
    let by_token = house.caller("olga").await;
    let admin = house.caller("admin").await;
    let waiting = house.service.invite(&admin, house.id("olga")).await.unwrap();
    let link = mailed(&house, "olga@example.test").await;
    house.service.remove_person(&admin, house.id("olga")).await.unwrap();
    for caller in [&before.caller, &by_token] {
        let voted = house.service.vote(caller, id, ballot.clone()).await;
        assert_eq!(voted.err(), Some(Refusal::Unauthenticated));
    }
    assert!(is_over(&house, &secret).await);
    assert!(house.service.caller(house.secret("olga")).await.is_err());
    assert!(house.service.accept_invitation(&waiting.secret, WORD, "").await.is_err());
    if let Some(link) = link {
        let entered = house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await;
        assert!(entered.is_err());
    }
    assert!(house.service.invite(&admin, house.id("olga")).await.is_err());
    // Asked again, it is done already; the last administrator stays.
    house.service.remove_person(&admin, house.id("olga")).await.unwrap();
    let last = house.service.remove_person(&admin, house.id("admin")).await;
    assert!(matches!(last, Err(Refusal::Standing(_))));
}

#[tokio::test]
async fn race_of_removal_and_vote_leaves_no_vote_that_counts() {
    for _ in 0..8 {
        let house = House::new().await;
        let id = house.ask_attested("erase", &[("email", "ben@example.test")]).await;
        let ballot = ballot(&house, id).await;
        let secret = come_in(&house, "olga").await;
        let (voter, admin) = (signed(&house, &secret).await.caller, house.caller("admin").await);
        let (voted, removed) = tokio::join!(
            house.service.vote(&voter, id, ballot),
            house.service.remove_person(&admin, house.id("olga"))
        );
        removed.unwrap();
        house.settle().await;
        // Either the vote came first and is asked for again, or there is none.
        assert_eq!(voted.is_ok(), !house.see(id).await.votes.is_empty());
        let asked = |it: &Missing| matches!(it, Missing::Vote { group, have: 0, .. } if group == "privacy");
        assert!(house.missing(id).await.iter().any(asked));
    }
}

#[tokio::test]
async fn code_signs_in_once_and_only_where_the_link_was_asked_for() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    let totp = device(&house, &secret).await;
    house.settle().await;
    let link = mailed(&house, "Olga@Example.test").await.unwrap();
    // Somebody who reads her mail, with a code over her shoulder.
    let elsewhere = house.service.sign_in_by_mail(&link, "another", &house.totp(&totp), "").await;
    assert!(matches!(elsewhere, Err(Refusal::NotProved)));
    let entered = house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await.unwrap();
    assert!(signed(&house, &entered.secret).await.session.proved_at.is_some());
    let again = house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await;
    assert!(matches!(again, Err(Refusal::NoChallenge)));
    // The same step by another link.
    let link = mailed(&house, "olga@example.test").await.unwrap();
    let replayed = house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await;
    assert!(matches!(replayed, Err(Refusal::WrongCode { .. })));
    // Whoever has no device, or is nobody, gets no mail, and the asker the same answer.
    assert_eq!(mailed(&house, "pavel@example.test").await, None);
    assert_eq!(mailed(&house, "nobody@example.test").await, None);
}

#[tokio::test]
async fn codes_cannot_be_tried_out() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    let totp = device(&house, &secret).await;
    house.settle().await;
    let link = mailed(&house, "olga@example.test").await.unwrap();
    let wrong = |house: &House| if house.totp(&totp) == "000000" { "000001" } else { "000000" };
    // On two nodes in turn: they count together.
    let nodes = [house.another(), house.another()];
    for n in 0..5 {
        let tried = nodes[n % 2].sign_in_by_mail(&link, WORD, wrong(&house), "").await;
        assert!(matches!(tried, Err(Refusal::WrongCode { .. })), "{n}");
    }
    let tried = house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await;
    assert!(matches!(tried, Err(Refusal::NoChallenge)), "a link has five");
    let holder = signed(&house, &secret).await;
    for n in 0..5 {
        let tried = nodes[n % 2].prove_again_by_code(&holder, wrong(&house)).await;
        assert!(matches!(tried, Err(Refusal::WrongCode { .. })), "{n}");
    }
    let tried = house.service.prove_again_by_code(&holder, &house.totp(&totp)).await;
    assert!(matches!(tried, Err(Refusal::TooManyAsked)), "a person has ten a day, wherever");
    let link = mailed(&house, "olga@example.test").await.unwrap();
    assert!(house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await.is_err());
    house.pass(24 * HOUR);
    let link = mailed(&house, "olga@example.test").await.unwrap();
    house.service.sign_in_by_mail(&link, WORD, &house.totp(&totp), "").await.unwrap();
}

#[tokio::test]
async fn only_so_many_links_are_mailed_to_one_address() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    device(&house, &secret).await;
    house.settle().await;
    for _ in 0..5 {
        assert!(mailed(&house, "olga@example.test").await.is_some());
    }
    assert_eq!(mailed(&house, "olga@example.test").await, None);
}

#[tokio::test]
async fn vote_on_an_action_that_is_named_needs_a_fresh_proof_of_presence() {
    let house = House::with(|bundle| {
        let text = bundle.files.get_mut("settings.toml").unwrap();
        *text = text.replace("[actions.erase]", "[actions.erase]\nstep_up = \"5m\"");
    })
    .await;
    let id = house.ask_attested("erase", &[("email", "ben@example.test")]).await;
    let ballot = ballot(&house, id).await;
    let step_up = Some(Refusal::StepUp { within_ms: 300_000 });
    // A token proves nobody's presence.
    let by_token = house.service.vote(&house.caller("olga").await, id, ballot.clone()).await;
    assert_eq!(by_token.err(), step_up);
    let secret = come_in(&house, "olga").await;
    let holder = signed(&house, &secret).await;
    assert_eq!(house.service.vote(&holder.caller, id, ballot.clone()).await.err(), step_up);
    let deny = Ballot { approve: false, ..ballot.clone() };
    assert_eq!(house.service.vote(&holder.caller, id, deny).await.err(), step_up);
    let totp = device(&house, &secret).await;
    house.service.prove_again_by_code(&holder, &house.totp(&totp)).await.unwrap();
    house.pass(5 * MINUTE);
    assert_eq!(house.service.vote(&holder.caller, id, ballot.clone()).await.err(), step_up, "too long ago");
    house.service.prove_again_by_code(&holder, &house.totp(&totp)).await.unwrap();
    house.pass(4 * MINUTE);
    house.service.vote(&holder.caller, id, ballot).await.unwrap();
}

#[tokio::test]
async fn other_devices_are_set_up_only_by_whoever_proves_to_be_there() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    let totp = device(&house, &secret).await;
    // An hour later somebody finds the browser open.
    for _ in 0..3 {
        house.pass(21 * MINUTE);
        signed(&house, &secret).await;
    }
    let holder = signed(&house, &secret).await;
    let set_up = house.service.begin_device(&holder, WORD).await;
    assert!(matches!(set_up, Err(Refusal::StepUp { .. })));
    house.service.prove_again_by_code(&holder, &house.totp(&totp)).await.unwrap();
    house.service.begin_device(&holder, WORD).await.unwrap();
    // An administrator does it for nobody who signs in.
    let for_her = house.service.enroll_totp(&house.caller("admin").await, house.id("olga")).await;
    assert!(matches!(for_her, Err(Refusal::NotAllowed(_))));
    house.service.enroll_totp(&house.caller("admin").await, house.id("ben")).await.unwrap();
}

#[tokio::test]
async fn what_is_set_up_is_told_by_mail() {
    let house = House::new().await;
    let secret = come_in(&house, "olga").await;
    device(&house, &secret).await;
    house.settle().await;
    let mail = house.mail().pop().unwrap();
    assert!(matches!(mail.about, About::SetUp) && mail.to == "olga@example.test");
}

#[tokio::test]
async fn session_of_an_administrator_counts_as_a_second_one_and_reviews_nothing() {
    let house = House::new().await;
    let secret = come_in(&house, "admin").await;
    let Caller::Token(holder) = signed(&house, &secret).await.caller else { panic!() };
    assert!(holder.session && holder.channel == "console");
    let roles: Vec<_> = holder.roles.iter().map(|role| role.name()).collect();
    assert_eq!(roles, ["administrator"]);
    // Their own second factor of two is not themselves twice.
    let by_session = Caller::Token(holder);
    let nobody = house.service.remove_person(&by_session, PersonId::from_bytes([9; 16])).await;
    assert!(matches!(nobody, Err(Refusal::NotFound("person"))));
    house.service.set_seat(&by_session, house.id("ben"), "privacy", true).await.unwrap();
}
