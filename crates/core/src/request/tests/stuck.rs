//! A request that is stuck: only a person gets it out.

use super::given;
use super::sample::*;
use crate::request::{Command, Ending, Event, Name, Refusal, State};
use crate::verdict::Decision::Release;

#[test]
fn a_retry_opens_a_new_run_once_every_step_is_known() {
    given(stuck()).when(retry(Release), 7).refused(Refusal::OpenSteps);
    let by_operator = Event::RunStarted {
        run: 2,
        criteria: criteria(),
        steps: steps(),
        by: Some(person("op")),
        ceiling: None,
    };
    let state = given(stuck()).and([stepped(void(1, "logs"))]).when(retry(Release), 8).then([by_operator]);
    let State::Running(running) = state else { panic!("it runs") };
    assert_eq!((running.run(), running.permit().run()), (2, 2));
}

#[test]
fn a_retry_judges_again() {
    for decision in [hold(), never()] {
        let settled = given(stuck()).and([stepped(void(1, "logs"))]);
        settled.when(retry(decision), 8).refused(Refusal::NotReleased);
    }
}

#[test]
fn a_history_in_which_a_run_follows_open_steps_is_broken() {
    assert!(given(stuck()).state().next(moment(7), &run_started(2)).is_err());
}

#[test]
fn a_source_may_still_say_what_became_of_a_step() {
    for receipt in [void(1, "logs"), done(1, "logs")] {
        let state = given(stuck()).when(step(receipt.clone()), 7).then([stepped(receipt)]);
        let State::Stuck(stuck) = state else { panic!("it is stuck") };
        assert_eq!(stuck.open_steps().count(), 0);
    }
}

#[test]
fn a_person_accepts_it_as_it_is_once_every_step_is_known() {
    let accept = Command::Accept { by: person("op"), outcome: outcome(), reason: None };
    let accepted = Event::Accepted { by: person("op"), outcome: outcome(), reason: None };
    given(stuck()).when(accept.clone(), 7).refused(Refusal::OpenSteps);
    let state = given(stuck()).and([stepped(void(1, "logs"))]).when(accept, 8).then([accepted]);
    let ending = Ending::Completed { outcome: outcome(), accepted_by: Some(person("op")) };
    assert!(matches!(&state, State::Ended(_, ended) if *ended == ending));
    assert_eq!(state.name(), Name::Completed);
}

#[test]
fn a_person_gives_it_up_once_every_step_is_known() {
    let abandon = Command::Abandon { by: person("op"), reason: None };
    let abandoned = Event::Abandoned { by: person("op"), reason: None };
    given(stuck()).when(abandon.clone(), 7).refused(Refusal::OpenSteps);
    let known = given(stuck()).and([stepped(void(1, "logs"))]);
    assert_eq!(known.when(abandon, 8).then([abandoned]).name(), Name::Abandoned);
}

#[test]
fn it_does_not_get_out_by_itself() {
    for command in [
        judge(Release),
        start(Release),
        Command::Complete { outcome: outcome() },
        Command::Recount { counted: orders(500) },
        Command::Shift { what: "roots".to_owned() },
        Command::HoldBack { holds: Vec::new() },
        Command::GetStuck { code: "outcome_unknown".to_owned() },
        Command::Withdraw { by: None },
    ] {
        given(stuck()).and([stepped(done(1, "logs"))]).when(command, 8).refused(Refusal::TooLate);
    }
}

#[test]
fn a_run_cannot_be_retried_accepted_or_given_up_while_it_runs() {
    for command in [
        retry(Release),
        Command::Accept { by: person("op"), outcome: outcome(), reason: None },
        Command::Abandon { by: person("op"), reason: None },
    ] {
        given(running()).when(command, 5).refused(Refusal::TooLate);
    }
}
