//! Sequencer, jobs and source receipts: at most one effect, and none that nobody knows of (invariant 6); state, event
//! and entry are one commit, nothing that was acknowledged is lost, and the ledger has no fork (7).
//!
//! **Modelled.** One request that runs, in one source or two. Two nodes claim its job under a lease that runs out at any
//! moment, so that both may be at it; each reads the history, makes up its mind, and acts on that at any later time: a
//! node that sleeps past its lease wakes where it was, also inside its source's transaction. There the receipt is
//! inserted first, and whoever else inserts it waits. The transaction ends with a commit, with more rows than were
//! signed, without an answer, or not at all; a node forgets what it is at in any state (a crash). A person settles what
//! is stuck, on any node. Beside it, two sequencers move the queue into the ledger, each thinking that it alone does;
//! somebody else's entry takes its number before others and is committed after them; heads are signed at any time.
//!
//! **Not modelled.** What is released and why (`places`, `votes`), sources without transactions, a standby that lacks
//! what its primary had.

mod ledger;
mod state;
mod step;
mod work;

use countersign_core::receipt::{Outcome as Became, Receipt, ReceiptKey};
use countersign_core::request::{Command, Name, Outcome, State};
use countersign_core::survey::Surveyed;
use stateright::{Model, Property};

use crate::book::{Book, NOW, Page};
use crate::check;
use crate::given;
use state::{Fault, Goal, Job, Lease, Node, Place, Way, Word, Yard};

const ONE_EFFECT: &str = "no step has two effects";
const LOOKED_FOR: &str = "no effect comes when nobody looks for it";
const AS_SAID: &str = "what the history says of a step is so";
const OWN_WORKER: &str = "a run ends by its own worker";
const HAS_A_JOB: &str = "what runs has a job";
const ACKNOWLEDGED: &str = "what was acknowledged is there";
const ENTERED: &str = "every event has its entry, once and in order";
const NO_FORK: &str = "no checkpoint is of another ledger";

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    /// The receipt is looked for first and written last.
    ReceiptWrittenLast,
    /// The receipt is committed in a transaction of its own, before the rows are touched.
    ReceiptApart,
    /// A step without a receipt counts as one that never will be done.
    AbsenceForVoid,
    /// A step is made void whatever its receipt says.
    VoidOverDone,
    /// A run does again what an earlier run did.
    DoneStepsAgain,
    /// A worker that slept stops whichever run the request is in.
    SpeaksForAnyRun,
    /// Whoever ends a job ends it, whether it is theirs or not.
    FenceNotCompared,
    /// The end of a job takes what was wished meanwhile with it.
    WishForgotten,
    /// Whoever settles something is told before it is committed.
    ToldBeforeCommit,
    /// The entry is queued after the commit of the event.
    EntryAfterCommit,
    /// A sequencer writes whatever the head is by now.
    HeadNotCompared,
    /// A sequencer clears the queue up to the highest that it took.
    QueueClearedByNumber,
    /// The new head is signed before it is committed.
    SignedBeforeCommit,
}

/// Each with a promise that it breaks.
const MUTATIONS: [(Mutation, &str); 13] = [
    (Mutation::ReceiptWrittenLast, ONE_EFFECT),
    (Mutation::ReceiptApart, AS_SAID),
    (Mutation::AbsenceForVoid, LOOKED_FOR),
    (Mutation::VoidOverDone, AS_SAID),
    (Mutation::DoneStepsAgain, ONE_EFFECT),
    (Mutation::SpeaksForAnyRun, OWN_WORKER),
    (Mutation::FenceNotCompared, HAS_A_JOB),
    (Mutation::WishForgotten, HAS_A_JOB),
    (Mutation::ToldBeforeCommit, ACKNOWLEDGED),
    (Mutation::EntryAfterCommit, ENTERED),
    (Mutation::HeadNotCompared, NO_FORK),
    (Mutation::QueueClearedByNumber, ENTERED),
    (Mutation::SignedBeforeCommit, NO_FORK),
];

/// The sources, in the order of the steps.
const SOURCES: [&str; 2] = ["crm", "shop"];

/// What the model asks of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    Step { run: u8, step: usize, word: Word },
    Recount,
    Shift,
    GetStuck,
    Complete,
    Retry,
    Abandon,
}

/// What the model looks at in a state.
#[derive(Clone, Copy)]
struct Glance {
    name: Name,
    run: u8,
    /// Steps of the run that may still happen.
    open: [bool; 2],
    /// Steps that are done, in any run.
    done: [bool; 2],
    /// What the history says, by run and step.
    words: [[Option<Word>; 2]; 2],
}

struct Receipts {
    book: Book<Ask, Glance>,
    first: Page,
    sources: usize,
    runs: u8,
    /// Whether sequencers are at work.
    sequences: bool,
    broken: Option<Mutation>,
}

impl Receipts {
    fn new(sources: usize, runs: u8, sequences: bool, broken: Option<Mutation>) -> Self {
        let book = Book::new(glance, move |ask, state| command(ask, state, sources));
        let first = book.page(running(sources));
        Self { book, first, sources, runs, sequences, broken }
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.broken == Some(mutation)
    }
}

/// A request whose permit was spent.
fn running(sources: usize) -> State {
    let commands = [
        Command::Survey(Surveyed::Found(given::survey("plan", "customer 7", given::orders(1)))),
        Command::Judge {
            verdict: given::judged(true),
            holds: Vec::new(),
            ceiling: Some(given::orders(1)),
            max_age_ms: 60_000,
        },
        Command::Start {
            verdict: given::judged(true),
            holds: Vec::new(),
            ceiling: Some(given::orders(1)),
            proven: true,
            steps: steps(sources),
        },
    ];
    commands.into_iter().fold(given::submitted(1, "erase", &["ana"]), |state, command| {
        let events = state.decide(command, NOW).expect("the way to a run");
        events.iter().fold(state, |state, event| state.next(NOW, event).expect("what was decided"))
    })
}

fn steps(sources: usize) -> Vec<String> {
    SOURCES[..sources].iter().map(|source| (*source).to_owned()).collect()
}

fn glance(state: &State) -> Glance {
    let dossier = state.dossier();
    let open: Vec<&str> = match state {
        State::Running(running) => running.open_steps().collect(),
        State::Stuck(stuck) => stuck.open_steps().collect(),
        State::Waiting(_) | State::Released(_) | State::Ended(..) => Vec::new(),
    };
    let mut words = [[None; 2]; 2];
    for (key, outcome) in dossier.steps() {
        let step = SOURCES.iter().position(|source| *source == key.step).expect("one of the steps");
        words[key.run as usize - 1][step] = Some(Word::of(outcome));
    }
    Glance {
        name: state.name(),
        run: u8::try_from(dossier.runs()).expect("few runs"),
        open: SOURCES.map(|source| open.contains(&source)),
        done: SOURCES.map(|source| dossier.is_done(source)),
        words,
    }
}

/// Each question as the service puts it.
fn command(ask: Ask, state: &State, sources: usize) -> Command {
    let otto = given::person("otto");
    match ask {
        Ask::Step { run, step, word } => {
            let key = ReceiptKey {
                request: state.dossier().id(),
                run: run.into(),
                step: SOURCES[step].to_owned(),
                chunk: 0,
            };
            let outcome = match word {
                Word::Done => Became::Done { touched: given::orders(1) },
                Word::Void => Became::Void,
            };
            Command::Step { receipt: Receipt { key, outcome } }
        }
        Ask::Recount => Command::Recount { counted: given::orders(2) },
        Ask::Shift => Command::Shift { what: "the run was broken off".to_owned() },
        Ask::GetStuck => Command::GetStuck { code: "stuck".to_owned() },
        Ask::Complete => Command::Complete { outcome: Outcome::default() },
        Ask::Retry => Command::Retry {
            by: otto,
            verdict: given::judged(true),
            ceiling: Some(given::orders(1)),
            steps: steps(sources),
        },
        Ask::Abandon => Command::Abandon { by: otto, reason: None },
    }
}

impl Model for Receipts {
    type State = Yard;
    type Action = step::Step;

    fn init_states(&self) -> Vec<Yard> {
        vec![Yard::first(self.first)]
    }

    fn actions(&self, yard: &Yard, steps: &mut Vec<step::Step>) {
        step::possible(self, yard, steps);
    }

    fn next_state(&self, yard: &Yard, step: step::Step) -> Option<Yard> {
        step::taken(self, yard, step)
    }

    fn within_boundary(&self, yard: &Yard) -> bool {
        self.book.view(yard.page).run <= self.runs
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(ONE_EFFECT, |_: &Receipts, yard: &Yard| {
                yard.effects.iter().all(|effects| *effects <= 1)
            }),
            Property::always(LOOKED_FOR, |_: &Receipts, yard: &Yard| yard.fault != Some(Fault::NobodyLooks)),
            Property::always(AS_SAID, Receipts::is_as_said),
            Property::always(OWN_WORKER, |_: &Receipts, yard: &Yard| {
                yard.fault != Some(Fault::SpokeForAnother)
            }),
            Property::always(HAS_A_JOB, |model: &Receipts, yard: &Yard| {
                model.book.view(yard.page).name != Name::Running || yard.job != Job::Gone
            }),
            Property::always(ACKNOWLEDGED, |model: &Receipts, yard: &Yard| {
                let glance = model.book.view(yard.page);
                match yard.told {
                    None => true,
                    Some(Way::Retry) => glance.run == 2,
                    Some(Way::Abandon) => glance.name == Name::Abandoned,
                }
            }),
            Property::always(ENTERED, |_: &Receipts, yard: &Yard| yard.ledger.is_whole()),
            Property::always(NO_FORK, |_: &Receipts, yard: &Yard| {
                yard.ledger.log.starts_with(&yard.ledger.signed)
            }),
            Property::sometimes("it is completed", |model: &Receipts, yard: &Yard| {
                model.book.view(yard.page).name == Name::Completed
            }),
            Property::sometimes(
                "it goes back: more rows than were signed",
                |model: &Receipts, yard: &Yard| model.book.view(yard.page).name == Name::Waiting,
            ),
            Property::sometimes("a node sleeps in its source past its lease", |_: &Receipts, yard: &Yard| {
                yard.nodes.iter().any(|node| {
                    matches!(node, Node::At { lease: Lease::Lost, place: Place::InSource(_), .. })
                })
            }),
            Property::sometimes("a sleeper finds its step void", |_: &Receipts, yard: &Yard| {
                yard.nodes.iter().any(|node| {
                    let told = |place: &Place| matches!(place, Place::Told(_, Word::Void));
                    matches!(node, Node::At { lease: Lease::Lost, goal: Goal::Carry, place, .. } if told(place))
                })
            }),
            Property::sometimes("a step is done and its answer was lost", |model: &Receipts, yard: &Yard| {
                let glance = model.book.view(yard.page);
                yard.effects[0] == 1 && !glance.done[0] && yard.nodes == [Node::Idle; 2]
            }),
        ];
        if self.runs > 1 {
            properties.extend([
                Property::sometimes("a second run is completed", |model: &Receipts, yard: &Yard| {
                    let glance = model.book.view(yard.page);
                    glance.name == Name::Completed && glance.run == 2
                }),
                Property::sometimes(
                    "a sleeper of the first run wakes in the second",
                    |model: &Receipts, yard: &Yard| {
                        model.book.view(yard.page).run == 2
                            && yard.nodes.iter().any(|node| matches!(node, Node::At { run: 1, .. }))
                    },
                ),
                Property::sometimes("it is given up", |model: &Receipts, yard: &Yard| {
                    model.book.view(yard.page).name == Name::Abandoned
                }),
            ]);
        }
        if self.sources > 1 {
            properties.push(Property::sometimes("it is stuck with one step done", |model, yard: &Yard| {
                let glance = model.book.view(yard.page);
                glance.name == Name::Stuck && glance.done[0] && !glance.done[1]
            }));
        }
        if self.sequences {
            properties.extend([
                Property::sometimes("two sequencers are at the same rows", |_: &Receipts, yard: &Yard| {
                    let [one, other] = &yard.ledger.sequencers;
                    one.is_some() && one == other
                }),
                Property::sometimes("an entry is overtaken", |_: &Receipts, yard: &Yard| {
                    !yard.ledger.log.is_sorted() && yard.ledger.queue.is_empty()
                }),
            ]);
        }
        properties
    }
}

impl Receipts {
    /// What is said to be done was done, once, and what is said to be void never will be. Completed: all of it.
    fn is_as_said(&self, yard: &Yard) -> bool {
        let glance = self.book.view(yard.page);
        let said = |run: usize, step: usize| match glance.words[run][step] {
            None => true,
            Some(Word::Done) => yard.receipts[run][step] == Some(Word::Done) && yard.effects[step] == 1,
            Some(Word::Void) => yard.receipts[run][step] == Some(Word::Void),
        };
        let completed = glance.name != Name::Completed
            || yard.effects[..self.sources].iter().all(|effects| *effects == 1);
        completed && (0..2).all(|run| (0..2).all(|step| said(run, step)))
    }
}

/// Sources, runs, and whether sequencers are at work: each together is checked to its end. What the ledger does rests on
/// no run, so one source is enough beside it; both bounds together take too long for any test.
const PARTS: [(usize, u8, bool); 2] = [(2, 2, false), (1, 1, true)];

#[test]
fn receipts_hold_in_every_interleaving() {
    for (sources, runs, sequences) in PARTS {
        let with = if sequences { ", 2 sequencers" } else { "" };
        let said = format!("2 nodes, {sources} sources, {runs} runs{with}");
        check::holds("receipts", &said, Receipts::new(sources, runs, sequences, None));
    }
}

#[test]
fn receipts_broken_on_purpose_are_caught() {
    check::are_caught("receipts", &MUTATIONS, |mutation| {
        let of_ledger = matches!(
            mutation,
            Mutation::EntryAfterCommit
                | Mutation::HeadNotCompared
                | Mutation::QueueClearedByNumber
                | Mutation::SignedBeforeCommit
        );
        let (runs, sequences) = if of_ledger { (1, true) } else { (2, false) };
        Receipts::new(1, runs, sequences, Some(mutation))
    });
}
