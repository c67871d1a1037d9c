//! Votes and release: one vote a person and one seat a vote, nobody from the asking side, each for what its voter saw
//! (invariants 2 and 3); and a denial beats every approval until the run starts.
//!
//! **Modelled.** Bo sits in `privacy` and `legal`, Cy in `legal`; policy wants one of each. Ana asks and sits in
//! `privacy` too; Di is an officer who has one of the subject's identities. Voters read a page and send their vote
//! whenever they like. Two nodes carry out what they are told: a vote, a survey (read outside, written with the version
//! that was read), a judgement, the start of a run. Each is two steps, so that anything happens between what was loaded
//! and what is committed, and a node forgets what it does at any step (a crash). Jobs may come late and twice: any node
//! may survey, judge and start at any time. The rows of the source grow, and its data map changes, at any time up to the
//! source's own transaction. Bo loses his seats at any time.
//!
//! **Not modelled.** Time (surveys that grow old), capacity (`places`), crashes inside a run (`receipts`).

mod ballot;
mod state;
mod step;

use countersign_core::receipt::{Outcome as Became, Receipt, ReceiptKey};
use countersign_core::request::{Command, Name, Outcome, State};
use countersign_core::survey::Surveyed;
use stateright::{Model, Property};

use crate::book::{Book, Page};
use crate::check::{self, Bound};
use crate::given;
use ballot::{Ballot, World};
use state::{Node, Office};

const BY_TWO: &str = "no run starts without two people who may vote";
const AS_SEEN: &str = "no effect goes beyond what each of two people saw";
const DENIED: &str = "a denial beats every approval until the run starts";
const APPROVED: &str = "no approval that was acknowledged is lost";

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    /// What was loaded is written whatever was written meanwhile.
    VersionNotCompared,
    /// The submission does not name the person behind it.
    AskerNotNamed,
    /// A voter's identities are not compared with the subject's.
    IdentitiesNotCompared,
    /// Who voted is counted whether they still have the seat or not.
    SeatsNotLookedUp,
    /// A voter has an account for each seat, and accounts are counted.
    AccountsForPersons,
    /// The node fills in the newest digest instead of the one that the voter saw.
    DigestFilledIn,
    /// The node fills in the newest counts instead of those that the voter saw.
    CountsFilledIn,
    /// The run is not told what the votes cover together.
    CeilingForgotten,
    /// The start of a run rests on the judgement before it.
    NotJudgedAgain,
    /// The source's transaction does not count.
    NotRecounted,
    /// The source's transaction does not compare the plan's shape.
    ShapeNotCompared,
    /// Whoever denies is told so before the commit, which may fail because somebody else appended first.
    DenialToldBeforeItStands,
}

/// Each with a promise that it breaks.
const MUTATIONS: [(Mutation, &str); 13] = [
    (Mutation::VersionNotCompared, DENIED),
    (Mutation::VersionNotCompared, APPROVED),
    (Mutation::AskerNotNamed, BY_TWO),
    (Mutation::IdentitiesNotCompared, BY_TWO),
    (Mutation::SeatsNotLookedUp, BY_TWO),
    (Mutation::AccountsForPersons, BY_TWO),
    (Mutation::DigestFilledIn, BY_TWO),
    (Mutation::CountsFilledIn, BY_TWO),
    (Mutation::CeilingForgotten, AS_SEEN),
    (Mutation::NotJudgedAgain, BY_TWO),
    (Mutation::NotRecounted, AS_SEEN),
    (Mutation::ShapeNotCompared, AS_SEEN),
    (Mutation::DenialToldBeforeItStands, DENIED),
];

/// What the model asks of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Survey(World),
    Vote(Ballot),
    /// With Bo in his seats or not.
    Judge(bool),
    Start(bool),
    Void,
    Recount(World),
    Shift,
    Done(World),
    Complete,
}

/// What the model looks at in a state.
#[derive(Clone, Copy)]
struct Glance {
    name: Name,
    runs: u32,
    /// What the latest survey found.
    surveyed: Option<World>,
}

struct Votes {
    book: Book<Ask, Glance>,
    first: Page,
    changes: u8,
    runs: u32,
    broken: Option<Mutation>,
}

impl Votes {
    fn new(bound: Bound, broken: Option<Mutation>) -> Self {
        let book = Book::new(glance, move |ask, state| command(ask, state, broken));
        let asking: &[&str] = if broken == Some(Mutation::AskerNotNamed) { &[] } else { &["ana"] };
        let first = book.page(given::submitted(1, "erase", asking));
        let (changes, runs) = match bound {
            Bound::Short => (1, 2),
            Bound::Long => (2, 2),
        };
        Self { book, first, changes, runs, broken }
    }

    fn is(&self, mutation: Mutation) -> bool {
        self.broken == Some(mutation)
    }
}

fn glance(state: &State) -> Glance {
    let dossier = state.dossier();
    let surveyed = dossier.survey().and_then(World::of);
    Glance { name: state.name(), runs: dossier.runs(), surveyed }
}

/// Each question as the service puts it. The tally and its ceiling are core's.
fn command(ask: Ask, state: &State, broken: Option<Mutation>) -> Command {
    let dossier = state.dossier();
    let receipt = |outcome| {
        let key =
            ReceiptKey { request: dossier.id(), run: dossier.runs(), step: "shop".to_owned(), chunk: 0 };
        Command::Step { receipt: Receipt { key, outcome } }
    };
    let judged = |seated: bool| {
        let tally = dossier.tally(&ballot::voters(seated, broken));
        let of = |seat: &str| tally.by_seat.get(seat).copied().unwrap_or(0);
        let may = of("privacy") >= 1 && of("legal") >= 1 && tally.any >= 2;
        let ceiling = tally.ceiling.filter(|_| broken != Some(Mutation::CeilingForgotten));
        (given::judged(may), ceiling)
    };
    match ask {
        Ask::Survey(world) => Command::Survey(Surveyed::Found(world.survey())),
        Ask::Vote(ballot) => ballot.command(dossier.survey(), broken),
        Ask::Judge(seated) => {
            let (verdict, ceiling) = judged(seated);
            Command::Judge { verdict, holds: Vec::new(), ceiling, max_age_ms: 60_000 }
        }
        Ask::Start(seated) => {
            let (verdict, ceiling) = judged(seated);
            let again = broken != Some(Mutation::NotJudgedAgain);
            Command::Start {
                verdict: if again { verdict } else { given::judged(true) },
                holds: Vec::new(),
                ceiling,
                proven: true,
                steps: vec!["shop".to_owned()],
            }
        }
        Ask::Void => receipt(Became::Void),
        Ask::Recount(world) => Command::Recount { counted: world.counts() },
        Ask::Shift => Command::Shift { what: "the plan".to_owned() },
        Ask::Done(world) => receipt(Became::Done { touched: world.counts() }),
        Ask::Complete => Command::Complete { outcome: Outcome::default() },
    }
}

impl Model for Votes {
    type State = Office;
    type Action = step::Step;

    fn init_states(&self) -> Vec<Office> {
        vec![Office::first(self.first)]
    }

    fn actions(&self, office: &Office, steps: &mut Vec<step::Step>) {
        step::possible(self, office, steps);
    }

    fn next_state(&self, office: &Office, step: step::Step) -> Option<Office> {
        step::taken(self, office, step)
    }

    fn within_boundary(&self, office: &Office) -> bool {
        self.book.view(office.page).runs <= self.runs
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(BY_TWO, |_: &Votes, office: &Office| {
                office.fault != Some(state::Fault::StartedUnsigned)
            }),
            Property::always(AS_SEEN, |_: &Votes, office: &Office| {
                office.fault != Some(state::Fault::BeyondWhatWasSigned)
            }),
            Property::always(DENIED, |model: &Votes, office: &Office| {
                !office.denied || model.book.view(office.page).name == Name::Denied
            }),
            Property::always(APPROVED, |model: &Votes, office: &Office| model.stands_as_said(office)),
            Property::sometimes("it is carried out", |model: &Votes, office: &Office| {
                model.book.view(office.page).name == Name::Completed
            }),
            Property::sometimes("it is carried out in a second run", |model: &Votes, office: &Office| {
                let glance = model.book.view(office.page);
                glance.name == Name::Completed && glance.runs == 2
            }),
            Property::sometimes("it is denied while another node starts it", |_: &Votes, office: &Office| {
                office.denied && office.nodes.iter().any(|node| matches!(node, Node::Starting { .. }))
            }),
        ]
    }
}

impl Votes {
    /// Every approval that somebody was told to stand is in the history, unless a run turned back on it.
    fn stands_as_said(&self, office: &Office) -> bool {
        self.book.look(office.page, |state| {
            let votes = state.dossier().votes();
            office.said.iter().flatten().count() == votes.len() || self.broken.is_some_and(Mutation::splits)
        })
    }
}

impl Mutation {
    /// Whether one person's votes are kept apart, so that they cannot be compared with what was said.
    fn splits(self) -> bool {
        self == Mutation::AccountsForPersons
    }
}

#[test]
fn votes_and_release_hold_in_every_interleaving() {
    let bound = Bound::wished();
    let model = Votes::new(bound, None);
    let said = format!("2 nodes, 4 voters, {} changes of the source, {} runs", model.changes, model.runs);
    check::holds("votes", &said, model);
}

#[test]
fn votes_and_release_broken_on_purpose_are_caught() {
    // The short bound is enough for each of them.
    check::are_caught("votes", &MUTATIONS, |mutation| Votes::new(Bound::Short, Some(mutation)));
}
