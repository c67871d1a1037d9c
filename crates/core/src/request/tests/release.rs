//! From waiting to released and back, and the start of a run.

use super::given;
use super::sample::*;
use crate::request::{By, Command, Event, Refusal, State};
use crate::verdict::Decision::{self, Release};

#[test]
fn policy_releases_over_a_survey_that_is_young_enough() {
    given(waiting()).when(judge(Release), 62).then([release(2)]);
    given(waiting()).when(judge(Release), 63).refused(Refusal::StaleSurvey);
}

#[test]
fn a_new_look_that_found_the_same_makes_the_release_possible_again() {
    given(waiting()).and([surveyed(survey(90))]).when(judge(Release), 100).then([release(90)]);
}

#[test]
fn without_a_survey_there_is_no_release() {
    given([]).when(judge(Release), 2).refused(Refusal::StaleSurvey);
}

#[test]
fn while_several_people_match_there_is_no_release() {
    let several = || given([Event::Ambiguous { matches: 2 }]);
    several().when(judge(Release), 2).refused(Refusal::NotResolved);
    let resolved = Event::Resolved { by: person("bo"), choice: sealed("customer 7") };
    several().and([resolved]).when(judge(Release), 3).refused(Refusal::StaleSurvey);
}

#[test]
fn a_release_says_what_the_votes_cover_together() {
    let judge = Command::Judge {
        verdict: verdict(Release),
        holds: Vec::new(),
        ceiling: Some(orders(120)),
        max_age_ms: MAX_AGE_MS,
    };
    let released = Event::Released { criteria: criteria(), survey_at: moment(2), ceiling: Some(orders(120)) };
    given(waiting()).when(judge, 3).then([released]);
}

#[test]
fn a_hold_changes_nothing_while_it_waits() {
    given(waiting()).when(judge(hold()), 3).then_nothing();
}

#[test]
fn a_released_request_that_is_judged_again_stays_released_or_gives_its_place_back() {
    given(released()).when(judge(Release), 100).then_nothing();
    let state = given(released()).when(judge(hold()), 4).then([retracted()]);
    assert!(matches!(state, State::Waiting(_)));
}

#[test]
fn what_was_voted_survives_a_retraction() {
    let history = given(waiting()).and([voted("bo", 3), release(2), retracted()]);
    assert_eq!(history.state().dossier().tally(&members(["bo"])).any, 1);
}

#[test]
fn policy_denies_with_its_code_and_the_names_of_the_legal_holds() {
    let holds = || vec!["litigation 4".to_owned()];
    let denied = || Event::Denied {
        code: "legal_hold".to_owned(),
        by: By::Policy { criteria: criteria(), holds: holds() },
        reason: None,
    };
    for history in [waiting(), released()] {
        let judge = Command::Judge {
            verdict: verdict(never()),
            holds: holds(),
            ceiling: None,
            max_age_ms: MAX_AGE_MS,
        };
        given(history).when(judge, 4).then([denied()]);
    }
    let start = Command::Start {
        verdict: verdict(never()),
        holds: holds(),
        ceiling: None,
        proven: true,
        steps: steps(),
    };
    given(released()).when(start, 4).then([denied()]);
}

#[test]
fn a_rule_about_an_earlier_request_denies_it_until_the_run_starts() {
    let refuse = || Command::Refuse { code: "duplicate".to_owned(), earlier: request() };
    let by = By::Conflict { earlier: request() };
    let denied = Event::Denied { code: "duplicate".to_owned(), by, reason: None };
    for history in [waiting(), released()] {
        given(history).when(refuse(), 4).then([denied.clone()]);
    }
    given(running()).when(refuse(), 5).refused(Refusal::TooLate);
}

#[test]
fn a_run_starts_only_from_a_release() {
    given(waiting()).when(start(Release), 3).refused(Refusal::NotReleased);
    given(running()).when(start(Release), 5).refused(Refusal::TooLate);
    given(stuck()).when(start(Release), 7).refused(Refusal::TooLate);
}

#[test]
fn a_run_starts_only_when_the_release_is_under_a_committed_checkpoint() {
    let start = |proven, decision: Decision| Command::Start {
        verdict: verdict(decision),
        holds: Vec::new(),
        ceiling: None,
        proven,
        steps: steps(),
    };
    given(released()).when(start(false, Release), 4).refused(Refusal::NotProven);
    given(released()).when(start(true, Release), 4).then([run_started(1)]);
}

#[test]
fn the_start_judges_again_and_a_hold_gives_the_place_back() {
    given(released()).when(start(hold()), 4).then([retracted()]);
}

#[test]
fn a_running_request_gives_the_same_permit_as_often_as_it_is_taken_up() {
    let ceiling = Some(orders(120));
    let start = Event::RunStarted {
        run: 1,
        criteria: criteria(),
        steps: steps(),
        by: None,
        ceiling: ceiling.clone(),
    };
    let State::Running(running) = given(released()).and([start]).state() else { panic!("it runs") };
    let permit = running.permit();
    assert_eq!(permit, running.permit());
    assert_eq!((permit.request(), permit.run(), permit.action()), (request(), 1, "erase"));
    assert_eq!((permit.digest(), permit.ceiling()), (digest("plan"), ceiling.as_ref()));
    assert_eq!(running.started_at(), moment(4));
}

#[test]
fn what_belongs_to_a_run_is_too_early_before_it() {
    let accept = || Command::Accept { by: person("op"), outcome: outcome(), reason: None };
    for history in [waiting(), released()] {
        for command in [
            step(done(1, "shop")),
            Command::Recount { counted: orders(500) },
            Command::Shift { what: "roots".to_owned() },
            Command::HoldBack { holds: Vec::new() },
            Command::GetStuck { code: "outcome_unknown".to_owned() },
            Command::Complete { outcome: outcome() },
            retry(Release),
            accept(),
            Command::Abandon { by: person("op"), reason: None },
        ] {
            given(history.clone()).when(command, 5).refused(Refusal::TooEarly);
        }
    }
}
