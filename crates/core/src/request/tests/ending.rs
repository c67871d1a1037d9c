//! Ends, what may still be said after them, and the word for a result.

use super::sample::*;
use super::{Given, given};
use crate::plan::Counts;
use crate::request::{BrokenHistory, Command, Event, Kept, Outcome, Refusal, State};
use crate::survey::Surveyed;
use crate::verdict::Decision::Release;

#[test]
fn the_requester_takes_it_back_until_the_run_starts() {
    let withdraw = || Command::Withdraw { by: Some(person("ana")) };
    for history in [Vec::new(), waiting(), released()] {
        given(history).when(withdraw(), 4).then([Event::Withdrawn { by: Some(person("ana")) }]);
    }
    given(running()).when(withdraw(), 5).refused(Refusal::TooLate);
}

#[test]
fn what_has_ended_is_closed_to_everything_but_a_comment() {
    for ended in ended() {
        for command in [
            Command::Verify { proof: proof("email", "ana@example.org", 9) },
            Command::Survey(Surveyed::NoMatch),
            Command::Resolve { by: officer("bo"), choice: sealed("customer 7") },
            approve("bo"),
            deny("bo"),
            Command::Refuse { code: "duplicate".to_owned(), earlier: request() },
            judge(Release),
            start(Release),
            step(done(1, "shop")),
            Command::Recount { counted: orders(500) },
            Command::Shift { what: "roots".to_owned() },
            Command::HoldBack { holds: Vec::new() },
            Command::GetStuck { code: "outcome_unknown".to_owned() },
            Command::Complete { outcome: outcome() },
            retry(Release),
            Command::Accept { by: person("op"), outcome: outcome(), reason: None },
            Command::Abandon { by: person("op"), reason: None },
            Command::Withdraw { by: None },
            Command::Expire,
            extend(DUE + 1),
        ] {
            ended().when(command, EXPIRES).refused(Refusal::Closed);
        }
        ended().when(comment(), EXPIRES).then([commented()]);
    }
}

#[test]
fn a_comment_can_be_made_at_any_time_and_changes_nothing() {
    for history in [Vec::new(), waiting(), released(), running(), stuck()] {
        let before = given(history.clone()).state();
        assert_eq!(given(history).when(comment(), 9).then([commented()]), before);
    }
}

#[test]
fn the_laws_date_only_moves_to_a_later_one() {
    for history in [Vec::new(), waiting(), released(), running(), stuck()] {
        for second in [DUE - 1, DUE] {
            given(history.clone()).when(extend(second), 9).refused(Refusal::NotLater);
        }
        let extended = Event::Extended { by: person("op"), due_at: moment(DUE + 1), reason: None };
        let state = given(history).when(extend(DUE + 1), 9).then([extended]);
        assert_eq!(state.dossier().due_at(), Some(moment(DUE + 1)));
    }
}

#[test]
fn the_laws_date_never_ends_a_request() {
    given(waiting()).when(Command::Expire, DUE + 1).refused(Refusal::NotExpired);
}

#[test]
fn a_history_begins_with_the_submission_and_with_nothing_else() {
    let broken = |event| Err(BrokenHistory { request: request(), event });
    assert_eq!(State::replay(request(), []), broken("nothing"));
    assert_eq!(State::replay(request(), [(moment(0), &Event::Expired)]), broken("expired"));
    assert_eq!(given([]).state().next(moment(1), &submitted()), broken("submitted"));
}

#[test]
fn a_damaged_history_says_whose_it_is_and_where() {
    let broken = BrokenHistory { request: request(), event: "expired" };
    let text = broken.to_string();
    assert!(text.contains(&request().to_string()) && text.contains("`expired`"), "{text}");
}

#[test]
fn a_result_is_complete_when_nothing_stayed_and_nothing_is_left() {
    assert_eq!(outcome().word(), "complete");
    assert_eq!(Outcome { kept: vec![kept(0, "legal_obligation")], ..outcome() }.word(), "complete");
    assert_eq!(Outcome { left: orders(0), ..outcome() }.word(), "partial");
    assert_eq!(Outcome { left: Counts::default(), ..outcome() }.word(), "complete");
    assert_eq!(Outcome { kept: vec![kept(3, "legal_obligation")], ..outcome() }.word(), "partial");
}

#[test]
fn what_stayed_is_added_up_by_reason() {
    let kept = vec![kept(3, "legal_obligation"), kept(2, "owned_by_others"), kept(4, "legal_obligation")];
    let outcome = Outcome { kept, ..outcome() };
    let by_basis = outcome.kept_by_basis();
    assert_eq!(by_basis.into_iter().collect::<Vec<_>>(), [("legal_obligation", 7), ("owned_by_others", 2)]);
}

fn kept(rows: u64, basis: &str) -> Kept {
    Kept {
        source: "shop".to_owned(),
        table: "invoice".to_owned(),
        rows,
        basis: basis.to_owned(),
        until: None,
    }
}

fn commented() -> Event {
    Event::Commented { by: person("op"), text: sealed("remark") }
}

/// One of each end.
fn ended() -> [fn() -> Given; 6] {
    [
        || given([denied("bo")]),
        || given([Event::Withdrawn { by: None }]),
        || given([Event::Expired]),
        || given(running()).and(all_done(1)).and([Event::Completed { run: 1, outcome: outcome() }]),
        || given(stuck()).and([Event::Accepted { by: person("op"), outcome: outcome(), reason: None }]),
        || given(stuck()).and([Event::Abandoned { by: person("op"), reason: None }]),
    ]
}
