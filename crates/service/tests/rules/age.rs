//! Verifications grow old: beyond the age that the settings give an action, one no longer counts and is missing again.

use std::time::Duration;

use countersign_core::verdict::Missing;
use countersign_service::ports::store::Status;
use countersign_service::settings::Bundle;

use crate::fixture::{HOUR, House, replace};

const ANA: &[(&str, &str)] = &[("email", "ana@example.test")];
const MS: Duration = Duration::from_millis(1);

/// An e-mail proof counts for six hours, and an officer signs besides.
fn ageing(bundle: &mut Bundle) {
    const EXPORT: &str = "[actions.export]\ndeadline = \"gdpr\"\nverification_max_age = ";
    replace(bundle, "settings.toml", &format!("{EXPORT}\"30d\""), &format!("{EXPORT}\"6h\""));
    let both = "context.verified.contains(\"email\") && context.approvals.privacy >= 1 };";
    let text = bundle.files.get_mut("policies/export.cedar").unwrap();
    *text = text.replacen(
        "permit (principal, action == Action::\"export\", resource is Subject)\nwhen { principal == resource && context.verified.contains(\"email\") };",
        &format!(
            "permit (principal, action == Action::\"export\", resource is Subject)\nwhen {{ principal == resource && {both}"
        ),
        1,
    );
    assert!(text.contains(both));
}

fn email() -> Missing {
    Missing::Verification { method: "email".to_owned() }
}

#[tokio::test]
async fn verification_that_grew_too_old_is_missing_again_and_a_new_one_counts() {
    let house = House::with(ageing).await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    house.pass(6 * HOUR - Duration::from_secs(10));
    assert!(!house.missing(id).await.contains(&email()));
    house.pass(Duration::from_secs(10) + MS);
    assert!(house.missing(id).await.contains(&email()), "{:?}", house.missing(id).await);
    house.approve("olga", id).await;
    assert_eq!((house.status(id).await, house.missing(id).await), (Status::Waiting, [email()].into()));
    house.prove_email(&ana, id).await;
    assert_eq!(house.status(id).await, Status::Completed);
}

/// An erasure that was proved, and was not decided for 29, and then for 31 days.
async fn missing_after_a_month(house: &House) -> [bool; 2] {
    let (id, ana) = house.ask_subject("erase", ANA).await;
    house.prove_email(&ana, id).await;
    house.pass(29 * 24 * HOUR);
    let before = house.missing(id).await.contains(&email());
    house.pass(2 * 24 * HOUR);
    [before, house.missing(id).await.contains(&email())]
}

#[tokio::test]
async fn verification_counts_for_a_month_where_nothing_is_said_and_for_ever_only_where_that_is_said() {
    let saying = |said: &'static str| {
        move |bundle: &mut Bundle| {
            replace(bundle, "settings.toml", "decided by people\nverification_max_age = \"30d\"\n", said);
        }
    };
    let house = House::with(saying("decided by people\n")).await;
    assert_eq!(missing_after_a_month(&house).await, [false, true]);
    let house = House::with(saying("decided by people\nverification_max_age = \"never\"\n")).await;
    assert_eq!(missing_after_a_month(&house).await, [false, false]);
}

/// The inbox learns by itself what is missing now: nobody has to look at the request for that.
#[tokio::test]
async fn what_a_request_waits_for_changes_when_its_verification_grows_old() {
    let house = House::with(ageing).await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    let words = async || {
        let record = house.stored(id).await;
        let words = record.terms.into_iter().filter(|term| term.name == "waiting");
        words.map(|term| String::from_utf8(term.value).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(words().await, ["vote:privacy"]);
    house.pass(6 * HOUR + Duration::from_secs(1));
    house.settle().await;
    assert!(words().await.contains(&"verification:email".to_owned()), "{:?}", words().await);
}

#[tokio::test]
async fn verification_that_grows_old_between_release_and_start_holds_the_run() {
    let house = House::with(ageing).await;
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    house.pass(6 * HOUR - Duration::from_secs(10));
    // Looked at anew, so that the release rests on a young survey.
    house.vote("olga", id, true).await.unwrap();
    assert_eq!(house.status(id).await, Status::Released);
    house.pass(Duration::from_secs(10) + MS);
    house.settle().await;
    assert_eq!((house.status(id).await, house.missing(id).await), (Status::Waiting, [email()].into()));
}

/// A day with 23 hours makes nothing older: ages are counted, not read off a clock on the wall.
#[tokio::test]
async fn age_is_counted_in_hours_that_passed_also_when_the_clock_on_the_wall_is_set_forward() {
    let house = House::with(|bundle| {
        ageing(bundle);
        replace(bundle, "settings.toml", "\"6h\"", "\"24h\"");
    })
    .await;
    // 27 March 2027, noon in Berlin; the night after has an hour less.
    house.clock.set(1_806_145_200_000);
    let (id, ana) = house.ask_subject("export", ANA).await;
    house.prove_email(&ana, id).await;
    // At noon of the next day 23 hours have passed.
    house.pass(23 * HOUR + Duration::from_secs(1));
    assert!(!house.missing(id).await.contains(&email()));
    house.pass(HOUR);
    assert!(house.missing(id).await.contains(&email()));
}
