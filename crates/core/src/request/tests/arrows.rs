//! The drawing of the states, the list of arrows beside this file, and what `next` does are one and the same.

use std::collections::BTreeSet;

use super::given;
use super::sample::*;
use crate::request::{Event, Name, State};

mod drawing;

/// From, event, to.
type Arrow = (String, String, String);

#[test]
fn next_takes_exactly_the_arrows_of_the_list() {
    let list: String =
        arrows().into_iter().map(|(from, event, to)| format!("{from:<9} {event:<14} {to}\n")).collect();
    assert_eq!(list, include_str!("arrows.txt"), "the arrows are now:\n{list}");
}

#[test]
fn the_drawing_shows_exactly_the_arrows_that_change_the_state() {
    let changing: BTreeSet<Arrow> = arrows().into_iter().filter(|(from, _, to)| from != to).collect();
    assert_eq!(drawing::arrows(include_str!("../state.rs")), changing);
}

/// What `next` does with every event in sample states of every name.
fn arrows() -> BTreeSet<Arrow> {
    let mut arrows = BTreeSet::new();
    for state in states() {
        for event in events() {
            if let Ok(after) = state.clone().next(moment(9), &event) {
                arrows.insert((word(state.name()), event.kind().to_owned(), word(after.name())));
            }
        }
    }
    arrows
}

/// As in status strings: in lower case.
pub(super) fn word(name: Name) -> String {
    format!("{name:?}").to_lowercase()
}

fn states() -> Vec<State> {
    let mut states: Vec<State> = [
        Vec::new(),
        waiting(),
        vec![Event::Ambiguous { matches: 2 }],
        vec![broken("op", 3)],
        [vec![broken("op", 3)], released()].concat(),
        [vec![broken("op", 3)], running()].concat(),
        [vec![broken("op", 3)], stuck()].concat(),
        released(),
        running(),
        [running(), all_void(1).into()].concat(),
        [running(), all_done(1).into()].concat(),
        stuck(),
        [stuck(), vec![stepped(void(1, "logs"))]].concat(),
    ]
    .into_iter()
    .map(|history| given(history).state())
    .collect();
    let ended: Vec<State> = states
        .iter()
        .flat_map(|state| events().into_iter().map(|event| state.clone().next(moment(9), &event)))
        .filter_map(Result::ok)
        .filter(|state| matches!(state, State::Ended(..)))
        .collect();
    states.extend(ended);
    states
}

/// One of each kind at least.
fn events() -> Vec<Event> {
    let by = person("op");
    vec![
        submitted(),
        verified("email", "ana@example.org", 9),
        surveyed(survey(9)),
        Event::Ambiguous { matches: 3 },
        Event::Resolved { by, choice: sealed("customer 7") },
        voted("bo", 9),
        release(2),
        retracted(),
        run_started(1),
        run_started(2),
        stepped(done(1, "shop")),
        stepped(void(1, "logs")),
        Event::Recounted { run: 1, counted: orders(500) },
        Event::Shifted { run: 1, what: "roots".to_owned() },
        Event::HeldBack { run: 1, holds: Vec::new() },
        got_stuck(1),
        Event::Completed { run: 1, outcome: outcome() },
        Event::Accepted { by, outcome: outcome(), reason: None },
        Event::Abandoned { by, reason: None },
        denied("bo"),
        Event::Withdrawn { by: None },
        Event::Expired,
        Event::Extended { by, due_at: moment(DUE + 1), reason: None },
        broken("op", 9),
        reviewed("bo", true),
        Event::Commented { by, text: sealed("remark") },
    ]
}
