//! What is proved, since when it waits, and what a look at the sources changes.

use super::given;
use super::sample::*;
use crate::request::{By, Command, Event, Refusal, State, Submitted};
use crate::subject::Target;
use crate::survey::{Survey, Surveyed};

#[test]
fn a_proof_is_taken_while_it_waits_and_not_after_the_release() {
    let verify = || Command::Verify { proof: proof("totp", "A-7", 9) };
    given(waiting()).when(verify(), 9).then([verified("totp", "A-7", 9)]);
    for history in [released(), running(), stuck()] {
        given(history).when(verify(), 9).refused(Refusal::TooLate);
    }
}

#[test]
fn a_method_is_verified_only_for_an_identity_that_the_survey_holds() {
    let stranger = verified("totp", "mallory@example.org", 1);
    let state = given([stranger, verified("email", "ana@example.org", 2), surveyed(survey(3))]).state();
    assert_eq!(state.dossier().verified(LONG_AGO), ["email"].into());
}

#[test]
fn before_a_survey_nothing_is_verified() {
    let state = given([verified("email", "ana@example.org", 1)]).state();
    assert!(state.dossier().verified(LONG_AGO).is_empty());
    assert!(state.dossier().is_proved());
}

#[test]
fn an_identity_of_the_same_value_and_another_kind_proves_nothing() {
    let mut other = proof("email", "ana@example.org", 1);
    other.identity.kind = "account".to_owned();
    let state = given([Event::Verified { proof: other }, surveyed(survey(2))]).state();
    assert!(state.dossier().verified(LONG_AGO).is_empty());
}

#[test]
fn it_waits_since_the_latest_first_proof_of_the_methods_that_policy_names() {
    let state = given([
        verified("email", "ana@example.org", 1),
        verified("totp", "A-7", 5),
        verified("email", "ana@example.org", 7),
        surveyed(survey(8)),
    ])
    .state();
    let since = |methods: &[&str]| state.dossier().waiting_since(&seats(methods));
    assert_eq!(since(&[]), moment(0));
    assert_eq!(since(&["email"]), moment(1));
    assert_eq!(since(&["email", "totp"]), moment(5));
    assert_eq!(since(&["email", "totp", "passkey"]), moment(5));
    assert_eq!(since(&["passkey"]), moment(0));
}

#[test]
fn a_proof_of_somebody_elses_identity_does_not_begin_the_cooling_off() {
    let state = given([
        verified("email", "mallory@example.org", 1),
        verified("email", "ana@example.org", 5),
        surveyed(survey(6)),
    ])
    .state();
    assert_eq!(state.dossier().waiting_since(&seats(&["email"])), moment(5));
}

#[test]
fn it_runs_out_sooner_as_long_as_nothing_was_proved() {
    given([]).when(Command::Expire, EXPIRES_UNPROVEN - 1).refused(Refusal::NotExpired);
    given([]).when(Command::Expire, EXPIRES_UNPROVEN).then([Event::Expired]);
    for history in [waiting(), released()] {
        given(history.clone()).when(Command::Expire, EXPIRES - 1).refused(Refusal::NotExpired);
        given(history).when(Command::Expire, EXPIRES).then([Event::Expired]);
    }
}

#[test]
fn a_run_does_not_expire() {
    given(running()).when(Command::Expire, EXPIRES).refused(Refusal::TooLate);
    given(stuck()).when(Command::Expire, EXPIRES).refused(Refusal::TooLate);
}

#[test]
fn an_attested_identity_is_proof_and_any_other_attestation_is_none() {
    let attested = |what: &str| Submitted { attested: vec![what.to_owned()], ..submission() };
    assert!(begun(attested("identity")).dossier().is_proved());
    assert!(!begun(attested("manager_informed")).dossier().is_proved());
    assert!(!begun(submission()).dossier().is_proved());
}

#[test]
fn a_dataset_needs_no_proof() {
    let target = Target::Dataset { source: "shop".to_owned(), name: "app_log".to_owned() };
    let state = begun(Submitted { target, ..submission() });
    assert!(state.dossier().is_proved());
    assert_eq!(state.dossier().expires_at(), moment(EXPIRES));
}

#[test]
fn what_a_look_finds_is_an_event_when_it_is_new() {
    let found = |survey: Survey| [surveyed(survey)];
    given([]).when(look(survey(2)), 2).then(found(survey(2)));
    let changes = [
        Survey { digest: digest("other plan"), ..survey(2) },
        Survey { roots: sealed("customer 8"), ..survey(2) },
        Survey { identities: Vec::new(), ..survey(2) },
        Survey { counts: orders(101), ..survey(2) },
    ];
    for changed in changes {
        given(waiting()).when(look(changed.clone()), 3).then(found(changed));
    }
}

#[test]
fn a_later_look_that_finds_the_same_is_news_and_an_earlier_one_is_not() {
    given(waiting()).when(look(survey(2)), 3).then_nothing();
    given(waiting()).when(look(survey(1)), 3).then_nothing();
    given(waiting()).when(look(survey(90)), 91).then([surveyed(survey(90))]);
}

#[test]
fn several_matches_take_the_survey_away_and_a_survey_settles_them() {
    let several = Command::Survey(Surveyed::Several { matches: 2 });
    let state = given(waiting()).when(several, 3).then([Event::Ambiguous { matches: 2 }]);
    assert_eq!(state.dossier().unresolved(), Some(2));
    assert_eq!(state.dossier().survey(), None);
    let settled = given([Event::Ambiguous { matches: 2 }]).when(look(survey(3)), 3);
    assert_eq!(settled.then([surveyed(survey(3))]).dossier().unresolved(), None);
}

#[test]
fn nobody_matching_denies_it() {
    let denied = Event::Denied { code: "no_match".to_owned(), by: By::Survey, reason: None };
    given([]).when(Command::Survey(Surveyed::NoMatch), 2).then([denied]);
}

#[test]
fn the_sources_are_not_looked_at_for_it_after_the_release() {
    for history in [released(), running(), stuck()] {
        given(history).when(look(survey(9)), 9).refused(Refusal::TooLate);
    }
}

fn begun(submitted: Submitted) -> State {
    State::begin(request(), moment(0), &Event::Submitted(Box::new(submitted))).unwrap()
}
