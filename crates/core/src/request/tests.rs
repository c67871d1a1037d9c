//! The rules of a request, as sentences: given a history, when something is asked, then these events follow,
//! or it is refused.

#![allow(clippy::unwrap_used)]

mod arrows;
mod ending;
mod glass;
mod proof;
mod property;
mod release;
mod run;
mod sample;
mod stuck;
mod vote;

use super::{Command, Event, Refusal, State};
use sample::{moment, request, submitted};

/// A request with a history; its events happened at second 0, 1, 2, …
struct Given {
    history: Vec<Event>,
}

/// A request of which something was asked.
struct When {
    state: State,
    decided: Result<Vec<Event>, Refusal>,
    second: i64,
}

/// A request that was submitted at second 0; what happened to it afterwards.
fn given(history: impl IntoIterator<Item = Event>) -> Given {
    Given { history: std::iter::once(submitted()).chain(history).collect() }
}

impl Given {
    /// It goes on with these.
    fn and(mut self, more: impl IntoIterator<Item = Event>) -> Given {
        self.history.extend(more);
        self
    }

    /// The state that replay gives.
    fn state(self) -> State {
        State::replay(request(), (0..).map(moment).zip(&self.history)).unwrap()
    }

    /// Asks for something at a second.
    fn when(self, command: Command, second: i64) -> When {
        let state = self.state();
        let decided = state.decide(command, moment(second));
        When { state, decided, second }
    }
}

impl When {
    /// Exactly these events follow, and the state takes them; gives the state after them.
    #[track_caller]
    fn then<const N: usize>(self, events: [Event; N]) -> State {
        assert_eq!(self.decided.as_deref(), Ok(&events[..]));
        let at = moment(self.second);
        events.iter().try_fold(self.state, |state, event| state.next(at, event)).unwrap()
    }

    /// It is granted, and there is nothing to record.
    #[track_caller]
    fn then_nothing(self) {
        self.then([]);
    }

    #[track_caller]
    fn refused(self, refusal: Refusal) {
        assert_eq!(self.decided, Err(refusal));
    }
}
