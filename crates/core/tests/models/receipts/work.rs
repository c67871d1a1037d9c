//! What a node does with a run, or with one that is stuck, in the order of `service`: look, do or void a step, record
//! it, say how it ended.

use countersign_core::request::{Name, Refusal};

use super::state::{Fault, Goal, Node, Place, Way, Why, Word, Yard};
use super::step::{Answer, end, turn};
use super::{Ask, Mutation, Receipts};

/// The history is read, and what comes next is decided: about the node's own run, or not at all.
pub(super) fn look(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { run, goal, .. } = &mut yard.nodes[at] else { return };
    let glance = model.book.view(yard.page);
    if model.is(Mutation::SpeaksForAnyRun) && matches!(goal, Goal::Halt(_)) {
        *run = glance.run;
    }
    let (run, goal) = (*run, *goal);
    let wanted = if matches!(goal, Goal::Settle(_)) { Name::Stuck } else { Name::Running };
    if glance.name != wanted || glance.run != run {
        return match goal {
            Goal::Settle(_) => yard.nodes[at] = Node::Idle,
            Goal::Carry | Goal::Halt(_) => turn(yard, at, goal, Place::Ending),
        };
    }
    let again = model.is(Mutation::DoneStepsAgain) && goal == Goal::Carry;
    let of_this_run = glance.words[usize::from(run) - 1];
    let is_open = |step: &usize| if again { of_this_run[*step].is_none() } else { glance.open[*step] };
    match ((0..model.sources).find(is_open), goal) {
        (Some(step), _) => turn(yard, at, goal, Place::Before(step)),
        (None, Goal::Carry) if glance.done[..model.sources].iter().all(|done| *done) => {
            commit(model, yard, Ask::Complete).expect("all is done");
            turn(yard, at, goal, Place::Ending);
        }
        (None, Goal::Carry) => turn(yard, at, Goal::Halt(Why::BrokenOff), Place::Looking),
        (None, Goal::Halt(_)) => say(model, yard, at),
        (None, Goal::Settle(way)) => settle(model, yard, at, way),
    }
}

/// The receipt is inserted first: if it stands already, that is the answer.
pub(super) fn enter(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { run, place: Place::Before(step), .. } = yard.nodes[at] else { return };
    if let Some(word) = *yard.receipt(run, step) {
        return turn(yard, at, Goal::Carry, Place::Told(step, word));
    }
    if model.is(Mutation::ReceiptApart) {
        *yard.receipt(run, step) = Some(Word::Done);
    }
    turn(yard, at, Goal::Carry, Place::InSource(step));
}

/// The rows are gone and the receipt stands, both at once.
pub(super) fn leave(model: &Receipts, yard: &mut Yard, at: usize, answer: Answer) {
    let Node::At { run, place: Place::InSource(step), .. } = yard.nodes[at] else { return };
    *yard.receipt(run, step) = Some(Word::Done);
    yard.effects[step] += 1;
    let glance = model.book.view(yard.page);
    if !matches!(glance.name, Name::Running | Name::Stuck) || glance.run != run {
        yard.fault = Some(Fault::NobodyLooks);
    }
    match answer {
        Answer::Comes => turn(yard, at, Goal::Carry, Place::Told(step, Word::Done)),
        Answer::IsLost => end(model, yard, at, false),
    }
}

/// The source undid what it did: more than was signed.
pub(super) fn beyond(yard: &mut Yard, at: usize) {
    let Node::At { run, .. } = yard.nodes[at] else { return };
    turn(yard, at, Goal::Halt(Why::Beyond { run }), Place::Looking);
}

/// The receipt that stands, or a void one that stands from now on.
pub(super) fn void(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { run, goal, place: Place::Before(step), .. } = yard.nodes[at] else { return };
    let receipt = yard.receipt(run, step);
    let word = match *receipt {
        Some(_) if model.is(Mutation::VoidOverDone) => Word::Void,
        Some(word) => word,
        None if model.is(Mutation::AbsenceForVoid) => Word::Void,
        None => *receipt.insert(Word::Void),
    };
    turn(yard, at, goal, Place::Told(step, word));
}

/// What the source said goes into the history, unless it stands there.
pub(super) fn record(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { run, goal, place, .. } = yard.nodes[at] else { return };
    let Some((step, word)) = place.told() else { return };
    let known = model.book.view(yard.page).words[usize::from(run) - 1][step] == Some(word);
    let said = if known { Ok(()) } else { commit(model, yard, Ask::Step { run, step, word }) };
    match (said, goal) {
        // Of a run that is over nothing is recorded any more.
        (Err(_), _) => end(model, yard, at, false),
        (Ok(()), Goal::Carry) if word == Word::Void => turn(yard, at, Goal::Halt(Why::Stuck), Place::Looking),
        (Ok(()), goal) => turn(yard, at, goal, Place::Looking),
    }
}

/// Why the run stops, if it is the one that the request is in.
pub(super) fn say(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { run, goal: goal @ Goal::Halt(why), .. } = yard.nodes[at] else { return };
    let glance = model.book.view(yard.page);
    if glance.name != Name::Running || glance.run != run {
        return turn(yard, at, goal, Place::Ending);
    }
    if matches!(why, Why::Beyond { run: found } if found != glance.run) {
        yard.fault = Some(Fault::SpokeForAnother);
    }
    let ask = match why {
        Why::Beyond { .. } => Ask::Recount,
        Why::Stuck => Ask::GetStuck,
        Why::BrokenOff => Ask::Shift,
    };
    let said = match commit(model, yard, ask) {
        Err(Refusal::PartDone) => commit(model, yard, Ask::GetStuck),
        said => said,
    };
    match said {
        Ok(()) => turn(yard, at, goal, Place::Ending),
        Err(_) => end(model, yard, at, false),
    }
}

/// A person's word on what is stuck. A second run is wished for in the same commit.
fn settle(model: &Receipts, yard: &mut Yard, at: usize, way: Way) {
    if model.is(Mutation::ToldBeforeCommit) {
        yard.told = Some(way);
        return turn(yard, at, Goal::Settle(way), Place::Promised);
    }
    keep(model, yard, at);
}

pub(super) fn keep(model: &Receipts, yard: &mut Yard, at: usize) {
    let Node::At { goal: Goal::Settle(way), .. } = std::mem::replace(&mut yard.nodes[at], Node::Idle) else {
        return;
    };
    let ask = match way {
        Way::Retry => Ask::Retry,
        Way::Abandon => Ask::Abandon,
    };
    if commit(model, yard, ask).is_ok() {
        yard.told = Some(way);
        if way == Way::Retry {
            yard.job.wish();
        }
    }
}

/// State, event and entry, in one commit; loaded and decided in it.
fn commit(model: &Receipts, yard: &mut Yard, ask: Ask) -> Result<(), Refusal> {
    let (page, events) = model.book.ask(yard.page, ask)?;
    yard.page = page;
    for _ in 0..events {
        match (model.sequences, model.is(Mutation::EntryAfterCommit)) {
            (true, false) => yard.ledger.queued(),
            (true, true) => yard.ledger.forgotten(),
            (false, _) => {}
        }
    }
    Ok(())
}
