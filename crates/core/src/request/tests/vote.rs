//! Who may vote, for what, and which votes count.

use super::given;
use super::sample::*;
use crate::quorum::{Vote, Voter};
use crate::request::{Actor, Command, Event, Refusal};
use crate::survey::{Survey, Surveyed};

#[test]
fn an_officer_approves_what_the_survey_found_and_ten_percent_more() {
    given(waiting()).when(approve("bo"), 3).then([voted("bo", 3)]);
    assert_eq!(vote("bo", 3).ceiling.of("shop", "orders"), 120);
}

#[test]
fn nobody_on_the_asking_side_votes_be_it_requester_agent_or_minter_of_the_token() {
    for name in ["ana", "agent", "minter"] {
        given(waiting()).when(approve(name), 3).refused(Refusal::OwnRequest);
        given(waiting()).when(deny(name), 3).refused(Refusal::OwnRequest);
    }
}

#[test]
fn the_subject_under_another_account_is_barred_by_identity() {
    let subject = || Actor { is_subject: true, ..officer("bo") };
    given(waiting()).when(approve_as(subject()), 3).refused(Refusal::OwnData);
    given(waiting()).when(deny_as(subject()), 3).refused(Refusal::OwnData);
}

#[test]
fn a_vote_needs_membership_in_the_seat_that_it_is_for() {
    let outsider = || Actor { seats: seats(&["legal"]), ..officer("bo") };
    given(waiting()).when(approve_as(outsider()), 3).refused(Refusal::NotYourSeat);
    given(waiting()).when(deny_as(outsider()), 3).refused(Refusal::NotYourSeat);
}

#[test]
fn a_person_with_two_seats_votes_for_one_of_them_only() {
    let both = Actor { seats: seats(&["privacy", "legal"]), ..officer("bo") };
    let second = Command::Approve {
        by: both,
        seat: "legal".to_owned(),
        digest: digest("plan"),
        ceiling: None,
        reason: None,
    };
    given(waiting()).and([voted("bo", 3)]).when(second, 4).refused(Refusal::AlreadyVoted);
}

#[test]
fn nothing_can_be_approved_before_the_sources_were_looked_at() {
    given([]).when(approve("bo"), 3).refused(Refusal::TooEarly);
}

#[test]
fn nothing_can_be_approved_while_several_people_match() {
    given([Event::Ambiguous { matches: 2 }]).when(approve("bo"), 3).refused(Refusal::NotResolved);
}

#[test]
fn an_approval_of_another_digest_is_stale() {
    let stale = Command::Approve {
        by: officer("bo"),
        seat: "privacy".to_owned(),
        digest: digest("old plan"),
        ceiling: None,
        reason: None,
    };
    given(waiting()).when(stale, 3).refused(Refusal::StaleDigest);
}

#[test]
fn a_ceiling_may_be_as_low_as_what_is_there_and_no_lower() {
    given(waiting()).when(approve_up_to(99), 3).refused(Refusal::CeilingTooLow);
    let exact = Event::Approved { vote: Vote { ceiling: orders(100), ..vote("bo", 3) } };
    given(waiting()).when(approve_up_to(100), 3).then([exact]);
}

#[test]
fn a_vote_that_stands_cannot_be_given_again() {
    given(waiting()).and([voted("bo", 3)]).when(approve("bo"), 4).refused(Refusal::AlreadyVoted);
}

#[test]
fn a_vote_that_no_longer_covers_can_be_given_again_and_replaces_the_old_one() {
    let state = given(waiting())
        .and([voted("bo", 3), surveyed(grown())])
        .when(approve("bo"), 5)
        .then([Event::Approved { vote: Vote { ceiling: grown().counts.ceiling(), ..vote("bo", 5) } }]);
    assert_eq!(state.dossier().votes().len(), 1);
    assert_eq!(state.dossier().tally(&members(["bo"])).any, 1);
}

#[test]
fn a_vote_stops_counting_when_the_digest_changes_and_counts_again_when_it_is_back() {
    let changed = Survey { digest: digest("other plan"), ..survey(4) };
    let history = || given(waiting()).and([voted("bo", 3), surveyed(changed.clone())]);
    assert_eq!(history().state().dossier().tally(&members(["bo"])).any, 0);
    let back = history().and([surveyed(survey(5))]).state();
    assert_eq!(back.dossier().tally(&members(["bo"])).any, 1);
}

#[test]
fn a_vote_covers_up_to_its_ceiling_and_not_a_row_more() {
    for (rows, counts) in [(120, 1), (121, 0)] {
        let more = Survey { counts: orders(rows), ..survey(4) };
        let state = given(waiting()).and([voted("bo", 3), surveyed(more)]).state();
        assert_eq!(state.dossier().tally(&members(["bo"])).any, counts, "{rows} rows");
    }
}

#[test]
fn a_membership_that_was_lost_takes_the_vote_with_it() {
    let state = given(waiting()).and([voted("bo", 3), voted("cy", 4)]).state();
    assert_eq!(state.dossier().tally(&members(["cy"])).any, 1);
    let mut moved = members(["bo", "cy"]);
    moved.insert(person("bo"), Voter { seats: seats(&["legal"]), is_subject: false });
    assert_eq!(state.dossier().tally(&moved).any, 1);
}

#[test]
fn without_a_survey_no_vote_counts() {
    let ambiguous = given(waiting()).and([voted("bo", 3), Event::Ambiguous { matches: 2 }]).state();
    assert_eq!(ambiguous.dossier().tally(&members(["bo"])).any, 0);
}

#[test]
fn a_denial_needs_no_digest_and_no_survey() {
    given([]).when(deny("bo"), 1).then([denied("bo")]);
    given([Event::Ambiguous { matches: 2 }]).when(deny("bo"), 2).then([denied("bo")]);
    given(waiting()).when(deny("bo"), 3).then([denied("bo")]);
}

#[test]
fn whoever_approved_may_still_deny_and_a_denial_beats_every_approval_until_the_run_starts() {
    let approved = [voted("bo", 3), voted("cy", 4)];
    given(waiting()).and(approved.clone()).when(deny("bo"), 5).then([denied("bo")]);
    given(waiting()).and(approved.clone()).and([release(2)]).when(deny("di"), 5).then([denied("di")]);
    given(running()).when(deny("di"), 5).refused(Refusal::TooLate);
    given(stuck()).when(deny("di"), 7).refused(Refusal::TooLate);
}

#[test]
fn after_the_release_approvals_are_too_late() {
    given(released()).when(approve("bo"), 4).refused(Refusal::TooLate);
    given(running()).when(approve("bo"), 5).refused(Refusal::TooLate);
    given(stuck()).when(approve("bo"), 7).refused(Refusal::TooLate);
}

#[test]
fn a_person_who_is_not_asking_settles_who_of_several_is_meant() {
    let several = || given([Event::Ambiguous { matches: 2 }]);
    let resolve = |by: Actor| Command::Resolve { by, choice: sealed("customer 7") };
    let resolved = Event::Resolved { by: person("bo"), choice: sealed("customer 7") };
    let state = several().when(resolve(officer("bo")), 2).then([resolved]);
    assert_eq!(state.dossier().unresolved(), None);
    assert_eq!(state.dossier().choice(), Some(sealed("customer 7")));
    several().when(resolve(officer("agent")), 2).refused(Refusal::OwnRequest);
    several().when(resolve(Actor { is_subject: true, ..officer("bo") }), 2).refused(Refusal::OwnData);
    given(waiting()).when(resolve(officer("bo")), 3).refused(Refusal::TooLate);
}

#[test]
fn who_is_meant_is_asked_again_when_several_match_after_somebody_chose() {
    let resolved = Event::Resolved { by: person("bo"), choice: sealed("customer 7") };
    let several = |matches| Command::Survey(Surveyed::Several { matches });
    let history = || given([Event::Ambiguous { matches: 2 }, resolved.clone()]);
    given([Event::Ambiguous { matches: 2 }]).when(several(2), 2).then_nothing();
    for matches in [2, 3] {
        let state = history().when(several(matches), 3).then([Event::Ambiguous { matches }]);
        assert_eq!(state.dossier().unresolved(), Some(matches));
    }
}

fn approve_up_to(rows: u64) -> Command {
    Command::Approve {
        by: officer("bo"),
        seat: "privacy".to_owned(),
        digest: digest("plan"),
        ceiling: Some(orders(rows)),
        reason: None,
    }
}

/// Beyond what a vote on 100 orders covers.
fn grown() -> Survey {
    Survey { counts: orders(500), ..survey(4) }
}
