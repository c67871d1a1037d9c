//! The steps: each a look under locks, or one commit.

use countersign_core::request::Name;

use super::given::{self, LIMITS, Roots, WITHDRAWS};
use super::state::{Fault, House, Loaded, Locks, Node, Proof};
use super::{Ask, Mutation, Places};
use crate::book::Page;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The sources hold the export's subject under other root keys, and a survey says so.
    Move(Roots),
    /// An administrator enters the next limit.
    Limit,
    Withdraw,
    /// A node takes its locks and looks, by this version of the settings.
    Begin(usize, usize, Act, usize),
    /// It commits, if nobody appended before.
    Commit(usize),
    /// It forgets what it is at.
    Crash(usize),
    /// What is queued is put into the ledger.
    Sequence,
    /// The ledger's head is signed.
    Sign,
    /// The run's only step is done, and the run ends.
    Finish(usize),
    /// Nobody knows whether the run's step is done.
    Break(usize),
    /// It is made sure that the step never will be.
    Close(usize),
    Abandon(usize),
}

/// What is done in one transaction that looks at a gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Judge,
    Start,
    Retry,
}

pub(super) fn possible(model: &Places, house: &House, steps: &mut Vec<Step>) {
    if house.fault.is_some() {
        return;
    }
    let glances = house.pages.map(|page| model.book.view(page));
    if house.moves < model.moves && glances[2].name == Name::Waiting {
        steps.extend(Roots::ALL.into_iter().filter(|roots| *roots != glances[2].roots).map(Step::Move));
    }
    let deciding = house.nodes.iter().any(|node| *node != Node::Idle);
    if house.limit < model.limits && (!deciding || model.is(Mutation::SettingsNotLocked)) {
        steps.push(Step::Limit);
    }
    if glances[WITHDRAWS].name == Name::Released {
        steps.push(Step::Withdraw);
    }
    for proof in house.proofs {
        let next = match proof {
            Proof::Queued => Step::Sequence,
            Proof::Sequenced => Step::Sign,
            Proof::None | Proof::Checkpointed => continue,
        };
        if !steps.contains(&next) {
            steps.push(next);
        }
    }
    for (request, glance) in glances.iter().enumerate() {
        match (glance.name, glance.is_open) {
            (Name::Running, _) => steps.extend([Step::Finish(request), Step::Break(request)]),
            (Name::Stuck, true) => steps.push(Step::Close(request)),
            (Name::Stuck, false) => steps.push(Step::Abandon(request)),
            _ => {}
        }
    }
    for at in 0..2 {
        if house.nodes[at] != Node::Idle {
            steps.extend([Step::Commit(at), Step::Crash(at)]);
        } else if at == 0 || house.nodes[0] != Node::Idle {
            // The nodes are alike: the first that is free takes it.
            begin(model, house, at, steps);
        }
    }
}

fn begin(model: &Places, house: &House, at: usize, steps: &mut Vec<Step>) {
    let oldest = if model.is(Mutation::SettingsNotCompared) { 0 } else { house.limit };
    for request in 0..3 {
        let acts: &[Act] = match model.book.view(house.pages[request]).name {
            Name::Waiting => &[Act::Judge],
            Name::Released => &[Act::Judge, Act::Start],
            Name::Stuck => &[Act::Retry],
            _ => continue,
        };
        if house.nodes.iter().any(|node| is_waited_for(model, locks(model, house, request), node)) {
            continue;
        }
        for known in oldest..=house.limit {
            steps.extend(acts.iter().map(|act| Step::Begin(at, request, *act, known)));
        }
    }
}

fn locks(model: &Places, house: &House, request: usize) -> Locks {
    Locks { action: given::action(request), roots: model.book.view(house.pages[request]).roots.keys() }
}

fn is_waited_for(model: &Places, mine: Locks, node: &Node) -> bool {
    let Node::At { locks, .. } = node else { return false };
    let action = locks.action == mine.action && !model.is(Mutation::ActionNotLocked);
    let roots = locks.roots & mine.roots != 0 && !model.is(Mutation::RootsNotLocked);
    action || roots
}

pub(super) fn taken(model: &Places, before: &House, step: Step) -> Option<House> {
    let mut house = before.clone();
    match step {
        Step::Move(roots) => {
            house.moves += 1;
            say(model, &mut house, 2, Ask::Survey(roots));
        }
        Step::Limit => house.limit += 1,
        Step::Withdraw => {
            house.withdrawn = true;
            say(model, &mut house, WITHDRAWS, Ask::Withdraw);
        }
        Step::Begin(at, request, act, known) => {
            let ask = look(model, &house, request, act, LIMITS[known]);
            let locks = locks(model, &house, request);
            house.nodes[at] = Node::At { request, ask, locks, loaded: Loaded::Newest };
        }
        Step::Crash(at) => house.nodes[at] = Node::Idle,
        Step::Commit(at) => commit(model, &mut house, at),
        Step::Sequence => pass(&mut house, Proof::Queued, Proof::Sequenced),
        Step::Sign => pass(&mut house, Proof::Sequenced, Proof::Checkpointed),
        Step::Finish(request) => {
            say(model, &mut house, request, Ask::Done);
            say(model, &mut house, request, Ask::Complete);
        }
        Step::Break(request) => say(model, &mut house, request, Ask::GetStuck),
        Step::Close(request) => say(model, &mut house, request, Ask::Void),
        Step::Abandon(request) => say(model, &mut house, request, Ask::Abandon),
    }
    // The nodes are alike.
    house.nodes.sort();
    (house != *before).then_some(house)
}

/// What a transaction makes of what it loads.
fn look(model: &Places, house: &House, request: usize, act: Act, limit: usize) -> Ask {
    let may = given::may(model, &house.pages, request, limit);
    match act {
        Act::Judge => Ask::Judge { may },
        Act::Start => {
            let proven = match house.proofs[request] {
                Proof::Checkpointed => true,
                Proof::Sequenced if model.is(Mutation::HeadForCheckpoint) => true,
                Proof::None | Proof::Queued | Proof::Sequenced => {
                    model.is(Mutation::ProofNotAsked)
                        || model.is(Mutation::OlderReleaseProves) && house.released[request] == 2
                }
            };
            Ask::Start { may: may || model.is(Mutation::NotJudgedAgain), proven }
        }
        Act::Retry => Ask::Retry { may: may || model.is(Mutation::RetryNotJudged) },
    }
}

fn pass(house: &mut House, from: Proof, to: Proof) {
    house.proofs.iter_mut().filter(|proof| **proof == from).for_each(|proof| *proof = to);
}

fn commit(model: &Places, house: &mut House, at: usize) {
    let Node::At { request, ask, loaded, .. } = std::mem::replace(&mut house.nodes[at], Node::Idle) else {
        return;
    };
    let base = match loaded {
        Loaded::Older => return,
        Loaded::Newest => house.pages[request],
        Loaded::Unguarded(page) => page,
    };
    let Ok((page, events)) = model.book.ask(base, ask) else { return };
    if events == 0 {
        return;
    }
    let before = model.book.view(base).name;
    let starts = (before, model.book.view(page).name) == (Name::Released, Name::Running);
    if !(starts && model.is(Mutation::PermitNotSpent)) {
        write(model, house, request, page);
    }
    match (before, model.book.view(page).name) {
        (_, Name::Released) => {
            house.proofs[request] = Proof::Queued;
            house.released[request] = (house.released[request] + 1).min(2);
            house.spent[request] = false;
            house.fault = house.fault.or(limit_passed(model, house, request));
        }
        (Name::Released, Name::Running) => {
            if house.proofs[request] != Proof::Checkpointed {
                house.fault = Some(Fault::SpentUnproven);
            }
            if std::mem::replace(&mut house.spent[request], true) {
                house.fault = Some(Fault::SpentTwice);
            }
            house.fault = house.fault.or(limit_passed(model, house, request));
        }
        (Name::Stuck, Name::Running) => house.fault = house.fault.or(limit_passed(model, house, request)),
        _ => {}
    }
}

/// INVARIANT 5, told apart from what the transaction saw: those that have a place, by the limit in force.
fn limit_passed(model: &Places, house: &House, request: usize) -> Option<Fault> {
    let has_place = |of: &usize| {
        let name = model.book.view(house.pages[*of]).name;
        given::action(*of) == "erase" && matches!(name, Name::Released | Name::Running | Name::Stuck)
    };
    let passed = given::action(request) == "erase" && (0..3).filter(has_place).count() > LIMITS[house.limit];
    passed.then_some(Fault::LimitPassed)
}

/// One act that looks at no gauge: loaded, decided and committed while nobody else appends.
fn say(model: &Places, house: &mut House, request: usize, ask: Ask) {
    let (page, _) = model.book.ask(house.pages[request], ask).expect("it was asked in its state");
    write(model, house, request, page);
}

fn write(model: &Places, house: &mut House, request: usize, page: Page) {
    let before = std::mem::replace(&mut house.pages[request], page);
    for node in &mut house.nodes {
        let Node::At { request: of, loaded, .. } = node else { continue };
        if *of == request && *loaded == Loaded::Newest {
            let unguarded = model.is(Mutation::VersionNotCompared);
            *loaded = if unguarded { Loaded::Unguarded(before) } else { Loaded::Older };
        }
    }
}
