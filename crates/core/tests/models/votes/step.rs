//! The steps: each one commit of the store or of the source, or a look at them.

use countersign_core::plan::Counts;
use countersign_core::request::{Name, State};

use super::ballot::{Ballot, Who, World};
use super::state::{Fault, Loaded, Node, Office};
use super::{Ask, Mutation, Votes};
use crate::book::Page;
use crate::given;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The source's rows or its data map change.
    Change(World),
    LoseSeats,
    /// A voter opens the request's page.
    Open(usize),
    /// A node begins: looks at what stands.
    Begin(usize, Node),
    /// It commits, if nobody did before.
    Commit(usize),
    /// It forgets what it is at.
    Crash(usize),
    /// The source's own transaction, and what the run makes of it.
    CarryOut,
}

pub(super) fn possible(model: &Votes, office: &Office, steps: &mut Vec<Step>) {
    if office.fault.is_some() {
        return;
    }
    let glance = model.book.view(office.page);
    if office.changes < model.changes {
        steps.extend(World::ALL.into_iter().filter(|world| *world != office.world).map(Step::Change));
    }
    if office.seated {
        steps.push(Step::LoseSeats);
    }
    for (voter, screen) in office.screens.iter().enumerate() {
        if glance.surveyed.is_some() && *screen != glance.surveyed {
            steps.push(Step::Open(voter));
        }
    }
    for (at, node) in office.nodes.iter().enumerate() {
        if *node == Node::Idle {
            // The nodes are alike: the first that is free takes it.
            if at == 1 && office.nodes[0] == Node::Idle {
                continue;
            }
            begin(office, at, glance.name, steps);
        } else {
            steps.extend([Step::Commit(at), Step::Crash(at)]);
        }
    }
    if glance.name == Name::Running {
        steps.push(Step::CarryOut);
    }
}

fn begin(office: &Office, at: usize, name: Name, steps: &mut Vec<Step>) {
    let (seated, loaded) = (office.seated, Loaded::Newest);
    if !matches!(name, Name::Waiting | Name::Released) {
        return;
    }
    for by in Who::ALL {
        for &seat in by.seats() {
            // Who may not vote sees the newest; the others see what is on their screens.
            let seen = office.screens.get(by as usize).copied().unwrap_or(Some(office.world));
            for approves in [None, seen] {
                let ballot = Ballot { by, seat, approves, seated };
                steps.push(Step::Begin(at, Node::Voting { ballot, loaded }));
                if seen.is_none() {
                    break;
                }
            }
        }
    }
    if name == Name::Waiting {
        steps.push(Step::Begin(at, Node::Surveying { found: office.world, loaded }));
    } else {
        steps.push(Step::Begin(at, Node::Starting { seated, loaded }));
    }
    steps.push(Step::Begin(at, Node::Judging { seated, loaded }));
}

pub(super) fn taken(model: &Votes, before: &Office, step: Step) -> Option<Office> {
    let mut office = before.clone();
    match step {
        Step::Change(world) => {
            office.world = world;
            office.changes += 1;
        }
        Step::LoseSeats => office.seated = false,
        Step::Open(voter) => office.screens[voter] = model.book.view(office.page).surveyed,
        Step::Begin(at, node) => {
            // What core refuses now it refuses at the commit: nothing comes of it unless something else moves.
            office.nodes[at] = node;
        }
        Step::Crash(at) => office.nodes[at] = Node::Idle,
        Step::Commit(at) => commit(model, &mut office, at),
        Step::CarryOut => carry_out(model, &mut office),
    }
    // The nodes are alike.
    office.nodes.sort();
    (office != *before).then_some(office)
}

fn commit(model: &Votes, office: &mut Office, at: usize) {
    let mut node = std::mem::replace(&mut office.nodes[at], Node::Idle);
    let base = match node.loaded() {
        Some(Loaded::Older) if model.is(Mutation::DenialToldBeforeItStands) => {
            office.denied |= matches!(node, Node::Voting { ballot: Ballot { approves: None, .. }, .. });
            return;
        }
        None | Some(Loaded::Older) => return,
        Some(Loaded::Newest) => office.page,
        Some(Loaded::Unguarded(page)) => *page,
    };
    let ask = match node {
        Node::Idle => return,
        Node::Voting { ballot, .. } => Ask::Vote(ballot),
        Node::Surveying { found, .. } => Ask::Survey(found),
        Node::Judging { seated, .. } => Ask::Judge(seated),
        Node::Starting { seated, .. } => Ask::Start(seated),
    };
    let Ok((page, events)) = model.book.ask(base, ask) else { return };
    if events == 0 {
        return;
    }
    if let Node::Voting { ballot, .. } = node {
        match ballot.approves {
            Some(seen) => office.said[ballot.by as usize] = Some((ballot.seat, seen)),
            None => office.denied = true,
        }
    }
    if let Node::Starting { seated, .. } = node
        && model.book.view(page).name == Name::Running
    {
        let surveyed = model.book.view(page).surveyed;
        if office.denied || !surveyed.is_some_and(|now| office.is_signed(now, seated)) {
            office.fault = Some(Fault::StartedUnsigned);
        }
    }
    write(model, office, page);
}

fn write(model: &Votes, office: &mut Office, page: Page) {
    let before = std::mem::replace(&mut office.page, page);
    for loaded in office.nodes.iter_mut().filter_map(Node::loaded) {
        let unguarded = model.is(Mutation::VersionNotCompared) && *loaded == Loaded::Newest;
        match (unguarded, *loaded) {
            (true, _) => *loaded = Loaded::Unguarded(before),
            (false, Loaded::Newest) => *loaded = Loaded::Older,
            (false, Loaded::Older | Loaded::Unguarded(_)) => {}
        }
    }
}

/// One transaction in the source: what is there is compared with the permit and then done, or not.
fn carry_out(model: &Votes, office: &mut Office) {
    let now = office.world;
    let (shape, ceiling) = model.book.look(office.page, |state| match state {
        State::Running(running) => {
            let permit = running.permit();
            (permit.digest(), permit.ceiling().cloned())
        }
        _ => unreachable!("only what runs is carried out"),
    });
    let beyond = |ceiling: &Counts| now.counts().beyond(ceiling).is_some();
    let asks = if shape != given::digest(now.shape()) && !model.is(Mutation::ShapeNotCompared) {
        [Ask::Void, Ask::Shift]
    } else if ceiling.as_ref().is_some_and(beyond) && !model.is(Mutation::NotRecounted) {
        [Ask::Void, Ask::Recount(now)]
    } else {
        if !office.is_signed(now, true) {
            office.fault = Some(Fault::BeyondWhatWasSigned);
        }
        [Ask::Done(now), Ask::Complete]
    };
    let turns_back = asks[0] == Ask::Void;
    for ask in asks {
        let (page, _) = model.book.ask(office.page, ask).expect("a run takes what its source says");
        write(model, office, page);
    }
    if turns_back {
        office.said = [None; 4];
    }
}
