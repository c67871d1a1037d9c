//! Who may break the glass, who reviews it, and that the mark stays.

use super::given;
use super::sample::*;
use crate::request::{Actor, Command, Refusal};

fn breaks(by: Actor) -> Command {
    let seats = vec!["privacy".to_owned()];
    Command::BreakGlass { by, seats, reason: sealed("an emergency"), review_due: moment(DUE) }
}

fn reviews(by: Actor) -> Command {
    Command::ReviewGlass { by, seat: "privacy".to_owned(), justified: true, text: None }
}

#[test]
fn the_glass_is_broken_once_and_only_while_it_waits() {
    given(waiting()).when(breaks(officer("op")), 3).then([broken("op", DUE)]);
    given(waiting()).and([broken("op", DUE)]).when(breaks(officer("bo")), 4).refused(Refusal::TooLate);
    for history in [released(), running(), stuck()] {
        given(history).when(breaks(officer("op")), 9).refused(Refusal::TooLate);
    }
    given([denied("bo")]).when(breaks(officer("op")), 9).refused(Refusal::Closed);
}

#[test]
fn nobody_breaks_the_glass_over_their_own_data_and_a_requester_may() {
    let subject = Actor { is_subject: true, ..officer("op") };
    given(waiting()).when(breaks(subject), 3).refused(Refusal::OwnData);
    given(waiting()).when(breaks(officer("ana")), 3).then([broken("ana", DUE)]);
}

#[test]
fn whoever_broke_the_glass_reviews_nothing_of_it_and_votes_on_nothing_of_it() {
    let marked = || given(waiting()).and([voted("op", 3), broken("op", DUE)]);
    marked().when(reviews(officer("op")), 4).refused(Refusal::OwnRequest);
    marked().when(approve("op"), 4).refused(Refusal::OwnRequest);
    marked().when(deny("op"), 4).refused(Refusal::OwnRequest);
    // Nor does what they said before count any more.
    let state = marked().and([surveyed(survey(4))]).state();
    assert_eq!(state.dossier().tally(&members(["op"])).any, 0);
}

#[test]
fn the_review_is_of_somebody_else_in_one_of_the_seats_that_were_told() {
    let marked = || given(waiting()).and([broken("op", DUE)]);
    for name in ["ana", "agent", "minter"] {
        marked().when(reviews(officer(name)), 4).refused(Refusal::OwnRequest);
    }
    let subject = Actor { is_subject: true, ..officer("bo") };
    marked().when(reviews(subject), 4).refused(Refusal::OwnData);
    let outsider = Actor { seats: seats(&["legal"]), ..officer("bo") };
    marked().when(reviews(outsider), 4).refused(Refusal::NotYourSeat);
    let elsewhere = Command::ReviewGlass {
        by: Actor { seats: seats(&["privacy", "legal"]), ..officer("bo") },
        seat: "legal".to_owned(),
        justified: true,
        text: None,
    };
    marked().when(elsewhere, 4).refused(Refusal::NotYourSeat);
    marked().when(reviews(officer("bo")), 4).then([reviewed("bo", true)]);
    marked().and([reviewed("bo", true)]).when(reviews(officer("cy")), 5).refused(Refusal::TooLate);
    given(waiting()).when(reviews(officer("bo")), 4).refused(Refusal::TooEarly);
}

#[test]
fn the_mark_and_the_review_stand_in_every_state_that_follows() {
    let mark = |history: Vec<_>| [vec![broken("op", DUE)], history].concat();
    for history in
        [mark(waiting()), mark(released()), mark(running()), mark(stuck()), mark(vec![denied("bo")])]
    {
        let state = given(history).when(reviews(officer("cy")), 9).then([reviewed("cy", true)]);
        let glass = state.dossier().glass().unwrap();
        assert_eq!((glass.by, glass.review.map(|review| review.by)), (person("op"), Some(person("cy"))));
    }
}
