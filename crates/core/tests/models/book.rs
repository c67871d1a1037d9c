//! The real core behind numbers. A model's state must be small and hashable; a request's is neither. So every state of
//! a request that turns up gets a number, and what core answers to a command is asked once and remembered: `decide`
//! and `next` are pure.
//! It knows neither the models nor what they ask.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use countersign_core::request::{Command, Event, Refusal, State};
use countersign_core::time::Timestamp;

/// A state of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Page(u16);

/// What core said: the state after it and the number of events, or why not.
pub(crate) type Answer = Result<(Page, u8), Refusal>;

type Speak<A> = Box<dyn Fn(A, &State) -> Command + Send + Sync>;

/// Everything that ever turned up. `A`: what a model asks. `V`: what it wants to know of a state at a glance.
pub(crate) struct Book<A, V> {
    speak: Speak<A>,
    view: fn(&State) -> V,
    kept: RwLock<Kept<A, V>>,
}

struct Kept<A, V> {
    pages: Vec<(Arc<State>, V)>,
    numbers: BTreeMap<String, Page>,
    answers: BTreeMap<(Page, A), Answer>,
}

impl<A: Copy + Ord, V: Copy> Book<A, V> {
    /// `speak` makes a command of what is asked of a state.
    pub(crate) fn new(
        view: fn(&State) -> V,
        speak: impl Fn(A, &State) -> Command + Send + Sync + 'static,
    ) -> Self {
        let kept = Kept { pages: Vec::new(), numbers: BTreeMap::new(), answers: BTreeMap::new() };
        Self { speak: Box::new(speak), view, kept: RwLock::new(kept) }
    }

    /// The state after a command. Time stands still in the models: what time does is among their steps.
    pub(crate) fn ask(&self, page: Page, ask: A) -> Answer {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = kept.answers.get(&(page, ask)) {
            return *answer;
        }
        let state = Arc::clone(&kept.pages[usize::from(page.0)].0);
        drop(kept);
        let answer = state
            .decide((self.speak)(ask, &state), NOW)
            .map(|events| (self.write(page, &events), u8::try_from(events.len()).unwrap()));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.answers.insert((page, ask), answer);
        answer
    }

    /// The state after events that nobody decided: only for what is broken on purpose.
    pub(crate) fn write(&self, page: Page, events: &[Event]) -> Page {
        let state = self.look(page, Clone::clone);
        let state = events.iter().try_fold(state, |state, event| state.next(NOW, event));
        self.page(state.expect("what decide allows, next accepts"))
    }

    /// The number of a state.
    pub(crate) fn page(&self, state: State) -> Page {
        let name = format!("{state:?}");
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = kept.numbers.get(&name) {
            return *page;
        }
        let page = Page(u16::try_from(kept.pages.len()).expect("too many states of a request"));
        let view = (self.view)(&state);
        kept.pages.push((Arc::new(state), view));
        kept.numbers.insert(name, page);
        page
    }

    /// A state at a glance.
    pub(crate) fn view(&self, page: Page) -> V {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).pages[usize::from(page.0)].1
    }

    /// A state in full.
    pub(crate) fn look<T>(&self, page: Page, look: impl FnOnce(&State) -> T) -> T {
        let state = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&kept.pages[usize::from(page.0)].0)
        };
        look(&state)
    }
}

/// The one moment of the models.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000);
