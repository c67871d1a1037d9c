//! The steps, and which of them are possible: each one commit of the store or of a source, or a look at them.

use countersign_core::request::Name;

use super::ledger::{Broken, Move};
use super::state::{Goal, Job, Lease, Node, Place, Way, Why, Word, Yard};
use super::work;
use super::{Mutation, Receipts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A node claims the job: it is free, or its lease ran out.
    Claim(usize),
    /// A person settles what is stuck, through a node.
    Settle(usize, Way),
    /// A node looks at the history and makes up its mind.
    Look(usize),
    /// A worker has tried often enough.
    GiveUp(usize),
    /// Its transaction in the source begins, with the receipt; or it reads the one that stands.
    Enter(usize),
    /// The source counts more rows than were signed, and undoes what it did.
    Beyond(usize),
    /// The transaction is committed, and its answer comes back or is lost.
    Leave(usize, Answer),
    /// The step is made void; or the receipt that stands is read.
    Void(usize),
    /// The source cannot be reached.
    Unreached(usize),
    /// What the source said goes into the history.
    Record(usize),
    /// What was promised is committed. Only if that is broken.
    Keep(usize),
    /// The end of the job.
    End(usize),
    /// A node forgets what it is at; an open transaction is undone.
    Crash(usize),
    Ledger(Move),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Comes,
    IsLost,
}

pub(super) fn possible(model: &Receipts, yard: &Yard, steps: &mut Vec<Step>) {
    if yard.fault.is_some() {
        return;
    }
    let stuck = model.book.view(yard.page).name == Name::Stuck;
    for (at, node) in yard.nodes.iter().enumerate() {
        let Node::At { lease, run, goal, place } = *node else {
            // The nodes are alike: the first that is free takes it.
            if at == 1 && yard.nodes[0] == Node::Idle {
                continue;
            }
            if yard.job != Job::Gone {
                steps.push(Step::Claim(at));
            }
            if stuck && model.runs > 1 {
                steps.extend([Step::Settle(at, Way::Retry), Step::Settle(at, Way::Abandon)]);
            }
            continue;
        };
        steps.push(Step::Crash(at));
        match place {
            Place::Looking => {
                steps.push(Step::Look(at));
                if goal == Goal::Carry && lease != Lease::Unneeded {
                    steps.push(Step::GiveUp(at));
                }
            }
            Place::Before(step) => {
                // Where nothing is taken by the receipt, nobody waits for it.
                let taken = yard.is_taken(at, run, step) && !model.is(Mutation::ReceiptWrittenLast);
                match (goal, taken) {
                    (Goal::Carry, false) => steps.push(Step::Enter(at)),
                    (Goal::Halt(_) | Goal::Settle(_), false) => steps.push(Step::Void(at)),
                    (_, true) if model.is(Mutation::AbsenceForVoid) && goal != Goal::Carry => {
                        steps.push(Step::Void(at));
                    }
                    (_, true) => {}
                }
                steps.push(Step::Unreached(at));
            }
            Place::InSource(_) => steps.extend([
                Step::Beyond(at),
                Step::Leave(at, Answer::Comes),
                Step::Leave(at, Answer::IsLost),
                Step::Unreached(at),
            ]),
            Place::Told(..) => steps.push(Step::Record(at)),
            Place::Promised => steps.push(Step::Keep(at)),
            Place::Ending => steps.push(Step::End(at)),
        }
    }
    if model.sequences {
        let mut moves = Vec::new();
        yard.ledger.possible(&mut moves);
        steps.extend(moves.into_iter().map(Step::Ledger));
    }
}

pub(super) fn taken(model: &Receipts, before: &Yard, step: Step) -> Option<Yard> {
    let mut yard = before.clone();
    match step {
        Step::Claim(at) => claim(model, &mut yard, at),
        Step::Settle(at, way) => {
            let run = model.book.view(yard.page).run;
            let goal = Goal::Settle(way);
            yard.nodes[at] = Node::At { lease: Lease::Unneeded, run, goal, place: Place::Looking };
        }
        Step::Look(at) => work::look(model, &mut yard, at),
        Step::GiveUp(at) => turn(&mut yard, at, Goal::Halt(Why::Stuck), Place::Looking),
        Step::Enter(at) => work::enter(model, &mut yard, at),
        Step::Beyond(at) => work::beyond(&mut yard, at),
        Step::Leave(at, answer) => work::leave(model, &mut yard, at, answer),
        Step::Void(at) => work::void(model, &mut yard, at),
        Step::Unreached(at) => unreached(model, &mut yard, at),
        Step::Record(at) => work::record(model, &mut yard, at),
        Step::Keep(at) => work::keep(model, &mut yard, at),
        Step::End(at) => end(model, &mut yard, at, true),
        Step::Crash(at) => yard.nodes[at] = Node::Idle,
        Step::Ledger(it) => {
            let broken = match model.broken {
                Some(Mutation::HeadNotCompared) => Broken::HeadNotCompared,
                Some(Mutation::QueueClearedByNumber) => Broken::ClearedByNumber,
                Some(Mutation::SignedBeforeCommit) => Broken::SignedEarly,
                _ => Broken::Not,
            };
            yard.ledger.take(it, broken);
        }
    }
    // The nodes are alike.
    yard.nodes.sort();
    (yard != *before).then_some(yard)
}

fn claim(model: &Receipts, yard: &mut Yard, at: usize) {
    for node in &mut yard.nodes {
        if let Node::At { lease, .. } = node
            && *lease == Lease::Held
        {
            *lease = Lease::Lost;
        }
    }
    yard.job = Job::Leased { again: false };
    let run = model.book.view(yard.page).run;
    yard.nodes[at] = Node::At { lease: Lease::Held, run, goal: Goal::Carry, place: Place::Looking };
}

/// Goes on with something else.
pub(super) fn turn(yard: &mut Yard, at: usize, to: Goal, then: Place) {
    if let Node::At { goal, place, .. } = &mut yard.nodes[at] {
        (*goal, *place) = (to, then);
    }
}

fn unreached(model: &Receipts, yard: &mut Yard, at: usize) {
    match yard.nodes[at] {
        // A source that is not reached cannot be told either; whoever takes it up again closes what is open.
        Node::At { goal: Goal::Halt(Why::Stuck), .. } => work::say(model, yard, at),
        _ => end(model, yard, at, false),
    }
}

/// The job is over, or to be tried again later.
pub(super) fn end(model: &Receipts, yard: &mut Yard, at: usize, done: bool) {
    let Node::At { lease, .. } = std::mem::replace(&mut yard.nodes[at], Node::Idle) else { return };
    let is_ours = lease == Lease::Held || lease == Lease::Lost && model.is(Mutation::FenceNotCompared);
    if !is_ours {
        return;
    }
    let again = matches!(yard.job, Job::Leased { again: true }) && !model.is(Mutation::WishForgotten);
    yard.job = if done && !again { Job::Gone } else { Job::Free };
}

impl Place {
    /// What is known of a step, if that is where it stands.
    pub(super) fn told(self) -> Option<(usize, Word)> {
        match self {
            Place::Told(step, word) => Some((step, word)),
            Place::Looking | Place::Before(_) | Place::InSource(_) | Place::Promised | Place::Ending => None,
        }
    }
}
