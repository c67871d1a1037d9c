//! A run: its number, its receipts, and the ways out of it.

use super::given;
use super::sample::*;
use crate::receipt::{Outcome as Became, Receipt, ReceiptKey};
use crate::request::{BrokenHistory, Command, Event, Refusal, State};
use crate::verdict::Decision::Release;
use crate::{id::RequestId, request::Name};

#[test]
fn a_receipt_of_the_run_is_recorded_and_the_same_again_is_nothing() {
    given(running()).when(step(done(1, "shop")), 5).then([stepped(done(1, "shop"))]);
    given(running()).and([stepped(done(1, "shop"))]).when(step(done(1, "shop")), 6).then_nothing();
    given(running()).and([stepped(void(1, "shop"))]).when(step(void(1, "shop")), 6).then_nothing();
}

#[test]
fn a_receipt_of_another_run_step_or_request_or_of_a_part_that_is_void_is_refused() {
    let of = |key: ReceiptKey| Receipt { key, outcome: Became::Void };
    let key = || void(1, "shop").key;
    for wrong in [
        void(2, "shop"),
        void(0, "shop"),
        void(1, "crm"),
        of(ReceiptKey { request: RequestId::from_bytes([9; 16]), ..key() }),
        of(ReceiptKey { chunk: 1, ..key() }),
    ] {
        given(running()).when(step(wrong.clone()), 5).refused(Refusal::WrongReceipt);
        given(stuck()).when(step(wrong), 7).refused(Refusal::WrongReceipt);
    }
}

#[test]
fn parts_are_done_one_after_the_other_and_are_not_the_whole() {
    let part = |chunk: u32| {
        let whole = done(1, "shop");
        Receipt { key: ReceiptKey { chunk, ..whole.key }, outcome: whole.outcome }
    };
    given(running()).when(step(part(2)), 5).refused(Refusal::WrongReceipt);
    given(running()).when(step(part(1)), 5).then([stepped(part(1))]);
    let state = given(running()).and([stepped(part(1))]).when(step(part(2)), 6).then([stepped(part(2))]);
    let dossier = state.dossier();
    assert!(dossier.is_part_done() && !dossier.is_done("shop"), "parts are done, the step is open");
    assert_eq!((dossier.parts_done(1, "shop"), dossier.parts_done(2, "shop")), (2, 0));
    assert_eq!(open_steps(&state), ["shop", "logs"], "no step is settled by its parts");
    let stopped = || given(running()).and([stepped(part(1))]).and(all_void(1));
    for (command, _) in &ways_back()[..2] {
        stopped().when(command.clone(), 9).refused(Refusal::PartDone);
    }
    let code = "legal_hold: litigation 4".to_owned();
    stopped().when(hold_back(), 9).then([Event::Stuck { run: 1, code }]);
}

#[test]
fn a_receipt_that_contradicts_one_that_stands_is_refused() {
    given(running())
        .and([stepped(done(1, "shop"))])
        .when(step(void(1, "shop")), 6)
        .refused(Refusal::WrongReceipt);
    given(running())
        .and([stepped(void(1, "shop"))])
        .when(step(done(1, "shop")), 6)
        .refused(Refusal::WrongReceipt);
}

#[test]
fn it_completes_when_every_step_is_done() {
    let complete = || Command::Complete { outcome: outcome() };
    let completed = Event::Completed { run: 1, outcome: outcome() };
    let state = given(running()).and(all_done(1)).when(complete(), 7).then([completed]);
    assert_eq!(state.name(), Name::Completed);
    given(running()).when(complete(), 5).refused(Refusal::OpenSteps);
    given(running()).and([stepped(done(1, "shop"))]).when(complete(), 6).refused(Refusal::OpenSteps);
    given(running()).and(all_void(1)).when(complete(), 7).refused(Refusal::OpenSteps);
}

#[test]
fn it_goes_back_to_waiting_only_when_every_step_is_void() {
    for (command, event) in ways_back() {
        let way = || given(running());
        way().when(command.clone(), 5).refused(Refusal::OpenSteps);
        way().and([stepped(void(1, "shop"))]).when(command.clone(), 6).refused(Refusal::OpenSteps);
        let state = way().and(all_void(1)).when(command, 7).then([event]);
        assert_eq!(state.name(), Name::Waiting);
    }
}

#[test]
fn nothing_goes_back_to_waiting_once_a_part_is_done() {
    let part_done = || given(running()).and([stepped(done(1, "shop")), stepped(void(1, "logs"))]);
    part_done().when(Command::Recount { counted: orders(500) }, 7).refused(Refusal::PartDone);
    part_done().when(Command::Shift { what: "roots".to_owned() }, 7).refused(Refusal::PartDone);
}

#[test]
fn a_legal_hold_on_a_request_that_is_part_done_leaves_it_stuck() {
    let stuck = Event::Stuck { run: 1, code: "legal_hold: litigation 4".to_owned() };
    let state = given(running()).and([stepped(done(1, "shop"))]).when(hold_back(), 6).then([stuck]);
    assert_eq!(state.name(), Name::Stuck);
}

#[test]
fn a_recount_and_a_shift_void_the_votes_and_the_survey_and_a_legal_hold_keeps_both() {
    for (_, event) in ways_back() {
        let kept = matches!(event, Event::HeldBack { .. });
        let history = given(waiting()).and([voted("bo", 3), release(2), run_started(1)]);
        let state = history.and(all_void(1)).and([event]).state();
        assert_eq!(state.dossier().votes().len(), usize::from(kept));
        assert_eq!(state.dossier().survey().is_some(), kept);
    }
}

#[test]
fn after_a_recount_nothing_is_released_or_approved_before_a_new_look() {
    let recounted = || {
        let event = Event::Recounted { run: 1, counted: orders(500) };
        given(running()).and(all_void(1)).and([event])
    };
    recounted().when(judge(Release), 8).refused(Refusal::StaleSurvey);
    recounted().when(approve("bo"), 8).refused(Refusal::TooEarly);
    recounted().and([surveyed(survey(8))]).when(judge(Release), 9).then([release(8)]);
}

#[test]
fn runs_are_numbered_without_a_gap() {
    let again = || {
        let held_back = Event::HeldBack { run: 1, holds: Vec::new() };
        given(running()).and(all_void(1)).and([held_back, release(2)])
    };
    let state = again().when(start(Release), 9).then([run_started(2)]);
    assert_eq!(state.dossier().runs(), 2);
    for run in [0, 1, 3] {
        let broken = again().state().next(moment(9), &run_started(run));
        assert_eq!(broken, Err(BrokenHistory { request: request(), event: "run_started" }));
    }
}

#[test]
fn receipts_of_an_earlier_run_do_not_close_steps_of_a_later_one_unless_they_say_done() {
    let held_back = Event::HeldBack { run: 1, holds: Vec::new() };
    let second = given(running()).and(all_void(1)).and([held_back, release(2), run_started(2)]).state();
    assert_eq!(open_steps(&second), ["shop", "logs"]);
    let history = given(stuck()).and([stepped(void(1, "logs")), run_started(2)]);
    assert_eq!(open_steps(&history.state()), ["logs"]);
}

#[test]
fn what_has_no_way_on_gets_stuck() {
    let command = Command::GetStuck { code: "outcome_unknown".to_owned() };
    given(running()).when(command, 5).then([got_stuck(1)]);
}

#[test]
fn a_second_receipt_under_one_key_breaks_the_history() {
    let broken = Err(BrokenHistory { request: request(), event: "stepped" });
    for history in [running(), [running(), vec![got_stuck(1)]].concat()] {
        let state = given(history).and([stepped(void(1, "logs"))]).state();
        assert_eq!(state.next(moment(9), &stepped(void(1, "logs"))), broken);
    }
}

#[test]
fn an_event_of_another_run_breaks_the_history() {
    let state = || given(running()).and(all_void(1)).state();
    let others = [
        Event::Recounted { run: 2, counted: orders(500) },
        Event::Shifted { run: 2, what: "roots".to_owned() },
        Event::HeldBack { run: 2, holds: Vec::new() },
        Event::Completed { run: 2, outcome: outcome() },
        got_stuck(2),
        stepped(done(2, "shop")),
    ];
    for other in others {
        assert!(state().next(moment(9), &other).is_err(), "{}", other.kind());
    }
}

fn ways_back() -> [(Command, Event); 3] {
    let what = || "roots".to_owned();
    let holds = || vec!["litigation 4".to_owned()];
    [
        (Command::Recount { counted: orders(500) }, Event::Recounted { run: 1, counted: orders(500) }),
        (Command::Shift { what: what() }, Event::Shifted { run: 1, what: what() }),
        (hold_back(), Event::HeldBack { run: 1, holds: holds() }),
    ]
}

fn hold_back() -> Command {
    Command::HoldBack { holds: vec!["litigation 4".to_owned()] }
}

fn open_steps(state: &State) -> Vec<&str> {
    let State::Running(running) = state else { panic!("it runs") };
    running.open_steps().collect()
}
