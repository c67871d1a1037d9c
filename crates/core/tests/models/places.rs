//! Capacity, permits and the one-run-a-subject lock: nothing runs without a permit, and each permit opens one run, only
//! once its release is under a checkpoint (invariant 1); a limit is never passed (5); one action at a time on a subject
//! (10).
//!
//! **Modelled.** Two erasures and an export. The erasures are of two people; whose the export is changes under it: a
//! later survey finds other root keys. Two nodes judge, start and retry whatever they like, whenever they like: jobs come
//! late and twice. Each act is two steps: it takes its locks (its action, its root keys, the settings) and looks, and it
//! commits, if nobody appended first; a node forgets what it does in between (a crash), and its locks are gone. The lock
//! of the request's own row is left out: the version guard must do alone. The limit of erasures is lowered and raised by
//! an administrator; a release is withdrawn by its requester; entries are sequenced and signed whenever somebody comes
//! to it; runs end, get stuck, and are settled by a person.
//!
//! **Not modelled.** Votes and surveys that grow old (`votes`), what a run does in its sources (`receipts`).

mod given;
mod state;
mod step;

use countersign_core::receipt::{Outcome as Became, Receipt, ReceiptKey};
use countersign_core::request::{Command, Name, Outcome, State};
use countersign_core::survey::Surveyed;
use stateright::{Model, Property};

use self::given::{LIMITS, Roots};
use crate::book::{Book, Page};
use crate::check::{self, Bound};
use state::{Fault, House, Node, Proof};

const LIMIT: &str = "a limit is never passed";
const ALONE: &str = "one action at a time on a subject";
const PROVEN: &str = "a permit is spent once its release is proven";
const ONCE: &str = "a permit opens one run";
const WITHDRAWN: &str = "a withdrawal that was acknowledged stands";

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    /// What was loaded is written whatever was written meanwhile.
    VersionNotCompared,
    /// Two that look at one action's gauge do not wait for each other.
    ActionNotLocked,
    /// Two that look at one subject do not wait for each other.
    RootsNotLocked,
    /// New settings are entered while somebody decides by the old ones.
    SettingsNotLocked,
    /// A node decides by the settings that it knows, whichever are in force.
    SettingsNotCompared,
    /// The start of a run rests on the judgement before it.
    NotJudgedAgain,
    /// A person's retry rests on the judgement before it.
    RetryNotJudged,
    /// A release takes its place only when it runs.
    ReleasedNotCounted,
    /// What is stuck gave its place back.
    StuckNotCounted,
    /// Only requests for the same action are seen beside a request.
    OtherActionsNotSeen,
    /// A start hands out the permit and writes nothing of it.
    PermitNotSpent,
    /// The start does not ask for the proof of its release.
    ProofNotAsked,
    /// An entry counts as proven as soon as it is in the ledger.
    HeadForCheckpoint,
    /// The proof of an earlier release counts for a later one.
    OlderReleaseProves,
}

/// Each with a promise that it breaks.
const MUTATIONS: [(Mutation, &str); 14] = [
    (Mutation::VersionNotCompared, WITHDRAWN),
    (Mutation::ActionNotLocked, LIMIT),
    (Mutation::RootsNotLocked, ALONE),
    (Mutation::SettingsNotLocked, LIMIT),
    (Mutation::SettingsNotCompared, LIMIT),
    (Mutation::NotJudgedAgain, LIMIT),
    (Mutation::RetryNotJudged, LIMIT),
    (Mutation::ReleasedNotCounted, LIMIT),
    (Mutation::StuckNotCounted, LIMIT),
    (Mutation::OtherActionsNotSeen, ALONE),
    (Mutation::PermitNotSpent, ONCE),
    (Mutation::ProofNotAsked, PROVEN),
    (Mutation::HeadForCheckpoint, PROVEN),
    (Mutation::OlderReleaseProves, PROVEN),
];

/// What the model asks of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    Survey(Roots),
    /// `may`: policy releases, over what was loaded.
    Judge {
        may: bool,
    },
    Start {
        may: bool,
        proven: bool,
    },
    Retry {
        may: bool,
    },
    Withdraw,
    Done,
    Complete,
    GetStuck,
    Void,
    Abandon,
}

/// What the model looks at in a state.
#[derive(Clone, Copy)]
struct Glance {
    name: Name,
    runs: u32,
    roots: Roots,
    /// Whether a step of the run may still happen.
    is_open: bool,
}

struct Places {
    book: Book<Ask, Glance>,
    first: [Page; 3],
    runs: u32,
    moves: u8,
    /// How often the limit changes.
    limits: usize,
    broken: Option<Mutation>,
}

impl Places {
    fn new(bound: Bound, broken: Option<Mutation>) -> Self {
        let book = Book::new(glance, command);
        let first = given::first().map(|state| book.page(state));
        let (runs, moves, limits) = match bound {
            Bound::Short => (2, 1, 2),
            Bound::Long => (2, 2, 2),
        };
        Self { book, first, runs, moves, limits, broken }
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.broken == Some(mutation)
    }
}

fn glance(state: &State) -> Glance {
    let dossier = state.dossier();
    let is_open = match state {
        State::Running(running) => running.open_steps().next().is_some(),
        State::Stuck(stuck) => stuck.open_steps().next().is_some(),
        State::Waiting(_) | State::Released(_) | State::Ended(..) => false,
    };
    let roots = dossier.survey().and_then(Roots::of).expect("each was looked at");
    Glance { name: state.name(), runs: dossier.runs(), roots, is_open }
}

/// Each question as the service puts it.
fn command(ask: Ask, state: &State) -> Command {
    let dossier = state.dossier();
    let receipt = |outcome| {
        let key =
            ReceiptKey { request: dossier.id(), run: dossier.runs(), step: "shop".to_owned(), chunk: 0 };
        Command::Step { receipt: Receipt { key, outcome } }
    };
    let steps = vec!["shop".to_owned()];
    let judged = crate::given::judged;
    match ask {
        Ask::Survey(roots) => Command::Survey(Surveyed::Found(roots.survey())),
        Ask::Judge { may } => {
            Command::Judge { verdict: judged(may), holds: Vec::new(), ceiling: None, max_age_ms: 60_000 }
        }
        Ask::Start { may, proven } => {
            Command::Start { verdict: judged(may), holds: Vec::new(), ceiling: None, proven, steps }
        }
        Ask::Retry { may } => {
            Command::Retry { by: crate::given::person("otto"), verdict: judged(may), ceiling: None, steps }
        }
        Ask::Withdraw => Command::Withdraw { by: None },
        Ask::Done => receipt(Became::Done { touched: crate::given::orders(1) }),
        Ask::Complete => Command::Complete { outcome: Outcome::default() },
        Ask::GetStuck => Command::GetStuck { code: "source_unavailable".to_owned() },
        Ask::Void => receipt(Became::Void),
        Ask::Abandon => Command::Abandon { by: crate::given::person("otto"), reason: None },
    }
}

impl Model for Places {
    type State = House;
    type Action = step::Step;

    fn init_states(&self) -> Vec<House> {
        vec![House::first(self.first)]
    }

    fn actions(&self, house: &House, steps: &mut Vec<step::Step>) {
        step::possible(self, house, steps);
    }

    fn next_state(&self, house: &House, step: step::Step) -> Option<House> {
        step::taken(self, house, step)
    }

    fn within_boundary(&self, house: &House) -> bool {
        house.pages.iter().all(|page| self.book.view(*page).runs <= self.runs)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(LIMIT, |_: &Places, house: &House| house.fault != Some(Fault::LimitPassed)),
            Property::always(ALONE, Places::one_at_a_time),
            Property::always(PROVEN, |_: &Places, house: &House| house.fault != Some(Fault::SpentUnproven)),
            Property::always(ONCE, |_: &Places, house: &House| house.fault != Some(Fault::SpentTwice)),
            Property::always(WITHDRAWN, |model: &Places, house: &House| {
                !house.withdrawn || model.book.view(house.pages[given::WITHDRAWS]).name == Name::Withdrawn
            }),
            Property::sometimes("both erasures run", |model: &Places, house: &House| {
                model.name(house, 0) == Name::Running && model.name(house, 1) == Name::Running
            }),
            Property::sometimes(
                "a release goes back for a lowered limit",
                |model: &Places, house: &House| {
                    house.limit > 0 && house.released[0] > 0 && model.name(house, 0) == Name::Waiting
                },
            ),
            Property::sometimes("a second run of what was stuck is done", |model: &Places, house: &House| {
                let glance = model.book.view(house.pages[0]);
                glance.name == Name::Completed && glance.runs == 2
            }),
            Property::sometimes("the export runs where it moved to", |model: &Places, house: &House| {
                let glance = model.book.view(house.pages[2]);
                glance.name == Name::Running && glance.roots != Roots::Second
            }),
            Property::sometimes("a judgement comes too late", |_: &Places, house: &House| {
                house.nodes.iter().any(|node| matches!(node, Node::At { loaded: state::Loaded::Older, .. }))
            }),
            Property::sometimes("a start waits for its proof", |_: &Places, house: &House| {
                house
                    .nodes
                    .iter()
                    .any(|node| matches!(node, Node::At { ask: Ask::Start { may: true, proven: false }, .. }))
            }),
            Property::sometimes("a second release is proven", |_: &Places, house: &House| {
                house.released[0] == 2 && house.proofs[0] == Proof::Checkpointed
            }),
        ]
    }
}

impl Places {
    fn name(&self, house: &House, request: usize) -> Name {
        self.book.view(house.pages[request]).name
    }

    /// INVARIANT 10, told apart from the core: of two that have a place, or whose step may still happen, none shares a
    /// root key.
    fn one_at_a_time(&self, house: &House) -> bool {
        let has_place = |name: Name| matches!(name, Name::Released | Name::Running | Name::Stuck);
        let glances = house.pages.map(|page| self.book.view(page));
        let placed: Vec<Roots> = glances
            .iter()
            .filter(|glance| has_place(glance.name) || glance.is_open)
            .map(|glance| glance.roots)
            .collect();
        placed.iter().enumerate().all(|(at, roots)| placed[..at].iter().all(|other| !roots.share(*other)))
    }
}

#[test]
fn places_hold_in_every_interleaving() {
    let bound = Bound::wished();
    let model = Places::new(bound, None);
    let said = format!(
        "2 nodes, 3 requests, {} runs each, {} changes of the limit ({LIMITS:?}), {} moves of a subject",
        model.runs, model.limits, model.moves
    );
    check::holds("places", &said, model);
}

#[test]
fn places_broken_on_purpose_are_caught() {
    check::are_caught("places", &MUTATIONS, |mutation| Places::new(Bound::Short, Some(mutation)));
}
