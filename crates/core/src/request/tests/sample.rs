//! Ana asks for the erasure of her data in the source `shop`; Bo, Cy and Di are officers. Histories to start
//! from, the events in them, and the commands that ask for more.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Commitment, Digest, PersonId, RequestId};
use crate::plan::Counts;
use crate::quorum::{Vote, Voter};
use crate::receipt::{Outcome as Became, Receipt, ReceiptKey};
use crate::request::{Actor, By, Command, Event, Outcome, Submitted};
use crate::subject::{Asking, Committed, Proof, Requester, Target};
use crate::survey::{Survey, Surveyed};
use crate::time::Timestamp;
use crate::verdict::{Criteria, Decision, Verdict};

/// Without a proof it expires at this second; with one, at `EXPIRES`.
/// Before everything.
pub(super) const LONG_AGO: Timestamp = Timestamp::from_millis(i64::MIN);
pub(super) const EXPIRES_UNPROVEN: i64 = 1_000;
pub(super) const EXPIRES: i64 = 10_000;
pub(super) const DUE: i64 = 5_000;
/// How old a survey may be for a release.
pub(super) const MAX_AGE_MS: i64 = 60_000;

pub(super) fn moment(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

pub(super) fn request() -> RequestId {
    RequestId::from_bytes([1; 16])
}

fn padded<const N: usize>(name: &str) -> [u8; N] {
    std::array::from_fn(|place| name.as_bytes().get(place).copied().unwrap_or(0))
}

pub(super) fn person(name: &str) -> PersonId {
    PersonId::from_bytes(padded(name))
}

pub(super) fn sealed(value: &str) -> Commitment {
    Commitment::from_bytes(padded(value))
}

pub(super) fn digest(plan: &str) -> Digest {
    Digest::from_bytes(padded(plan))
}

pub(super) fn identity(value: &str) -> Committed {
    let kind = if value.contains('@') { "email" } else { "account" };
    Committed { kind: kind.to_owned(), value: sealed(value) }
}

/// Rows of the table `orders`, beside one row of `customer`.
pub(super) fn orders(rows: u64) -> Counts {
    let mut counts = Counts::default();
    counts.add("shop", "customer", 1);
    counts.add("shop", "orders", rows);
    counts
}

// Histories.

/// E-mail proved, and looked at: 100 orders.
pub(super) fn waiting() -> Vec<Event> {
    vec![verified("email", "ana@example.org", 1), surveyed(survey(2))]
}

pub(super) fn released() -> Vec<Event> {
    [waiting(), vec![release(2)]].concat()
}

/// Run 1, of the steps `shop` and `logs`.
pub(super) fn running() -> Vec<Event> {
    [released(), vec![run_started(1)]].concat()
}

/// Nobody knows of `logs`; `shop` is done.
pub(super) fn stuck() -> Vec<Event> {
    [running(), vec![stepped(done(1, "shop")), got_stuck(1)]].concat()
}

// Events.

pub(super) fn submitted() -> Event {
    Event::Submitted(Box::new(submission()))
}

pub(super) fn submission() -> Submitted {
    Submitted {
        nonce: sealed("nonce"),
        action: "erase".to_owned(),
        channel: "portal".to_owned(),
        environment: "production".to_owned(),
        asking: Asking {
            requester: Requester::Agent { person: person("agent") },
            persons: ["ana", "agent", "minter"].map(person).into(),
        },
        target: Target::Subject { stated: vec![identity("ana@example.org")] },
        parameters: None,
        reason: None,
        attested: Vec::new(),
        due_at: Some(moment(DUE)),
        expires_at: moment(EXPIRES),
        expires_unproven_at: moment(EXPIRES_UNPROVEN),
    }
}

pub(super) fn proof(method: &str, of: &str, second: i64) -> Proof {
    Proof { method: method.to_owned(), identity: identity(of), at: moment(second) }
}

pub(super) fn verified(method: &str, of: &str, second: i64) -> Event {
    Event::Verified { proof: proof(method, of, second) }
}

pub(super) fn survey(second: i64) -> Survey {
    Survey {
        at: moment(second),
        digest: digest("plan"),
        roots: sealed("customer 7"),
        identities: vec![identity("ana@example.org"), identity("A-7")],
        counts: orders(100),
    }
}

pub(super) fn surveyed(survey: Survey) -> Event {
    Event::Surveyed { survey }
}

/// A vote for the seat `privacy`, on 100 orders, given at a second.
pub(super) fn vote(by: &str, second: i64) -> Vote {
    Vote {
        by: person(by),
        seat: "privacy".to_owned(),
        digest: digest("plan"),
        ceiling: orders(100).ceiling(),
        reason: None,
        at: moment(second),
    }
}

pub(super) fn voted(by: &str, second: i64) -> Event {
    Event::Approved { vote: vote(by, second) }
}

pub(super) fn denied(by: &str) -> Event {
    let by = By::Person { person: person(by), seat: "privacy".to_owned() };
    Event::Denied { code: "denied_by_reviewer".to_owned(), by, reason: None }
}

pub(super) fn release(survey_second: i64) -> Event {
    Event::Released { criteria: criteria(), survey_at: moment(survey_second), ceiling: None }
}

pub(super) fn retracted() -> Event {
    Event::Retracted { criteria: criteria() }
}

pub(super) fn run_started(run: u32) -> Event {
    Event::RunStarted { run, criteria: criteria(), steps: steps(), by: None, ceiling: None }
}

pub(super) fn stepped(receipt: Receipt) -> Event {
    Event::Stepped { receipt }
}

pub(super) fn got_stuck(run: u32) -> Event {
    Event::Stuck { run, code: "outcome_unknown".to_owned() }
}

pub(super) fn steps() -> Vec<String> {
    ["shop", "logs"].map(str::to_owned).into()
}

fn receipt(run: u32, step: &str, outcome: Became) -> Receipt {
    Receipt { key: ReceiptKey { request: request(), run, step: step.to_owned(), chunk: 0 }, outcome }
}

pub(super) fn done(run: u32, step: &str) -> Receipt {
    receipt(run, step, Became::Done { touched: orders(100) })
}

pub(super) fn void(run: u32, step: &str) -> Receipt {
    receipt(run, step, Became::Void)
}

/// Both steps of a run are void.
pub(super) fn all_void(run: u32) -> [Event; 2] {
    [stepped(void(run, "shop")), stepped(void(run, "logs"))]
}

/// Both steps of a run are done.
pub(super) fn all_done(run: u32) -> [Event; 2] {
    [stepped(done(run, "shop")), stepped(done(run, "logs"))]
}

// People.

/// A member of the seat `privacy`.
pub(super) fn officer(name: &str) -> Actor {
    Actor { person: person(name), seats: seats(&["privacy"]), is_subject: false }
}

pub(super) fn seats(seats: &[&str]) -> BTreeSet<String> {
    seats.iter().map(|&seat| seat.to_owned()).collect()
}

/// All of these still sit in `privacy`.
pub(super) fn members<const N: usize>(names: [&str; N]) -> BTreeMap<PersonId, Voter> {
    names.map(|name| (person(name), Voter { seats: seats(&["privacy"]), is_subject: false })).into()
}

// Commands.

pub(super) fn approve(by: &str) -> Command {
    approve_as(officer(by))
}

pub(super) fn approve_as(by: Actor) -> Command {
    Command::Approve { by, seat: "privacy".to_owned(), digest: digest("plan"), ceiling: None, reason: None }
}

pub(super) fn deny(by: &str) -> Command {
    deny_as(officer(by))
}

pub(super) fn deny_as(by: Actor) -> Command {
    Command::Deny { by, seat: "privacy".to_owned(), reason: None }
}

pub(super) fn look(survey: Survey) -> Command {
    Command::Survey(Surveyed::Found(survey))
}

pub(super) fn judge(decision: Decision) -> Command {
    Command::Judge { verdict: verdict(decision), holds: Vec::new(), ceiling: None, max_age_ms: MAX_AGE_MS }
}

pub(super) fn start(decision: Decision) -> Command {
    Command::Start {
        verdict: verdict(decision),
        holds: Vec::new(),
        ceiling: None,
        proven: true,
        steps: steps(),
    }
}

pub(super) fn step(receipt: Receipt) -> Command {
    Command::Step { receipt }
}

pub(super) fn retry(decision: Decision) -> Command {
    Command::Retry { by: person("op"), verdict: verdict(decision), ceiling: None, steps: steps() }
}

pub(super) fn extend(second: i64) -> Command {
    Command::Extend { by: person("op"), due_at: moment(second), reason: None }
}

pub(super) fn comment() -> Command {
    Command::Comment { by: person("op"), text: sealed("remark") }
}

// Verdicts.

pub(super) fn verdict(decision: Decision) -> Verdict {
    Verdict { decision, criteria: criteria() }
}

pub(super) fn hold() -> Decision {
    Decision::Hold { paths: Vec::new() }
}

pub(super) fn never() -> Decision {
    Decision::Deny { code: "legal_hold".to_owned() }
}

pub(super) fn criteria() -> Criteria {
    Criteria {
        policy_set: "00".repeat(32),
        policies: vec!["erase.production".to_owned()],
        errors: Vec::new(),
        facts: BTreeMap::new(),
        at: moment(3),
    }
}

/// A run that left nothing.
pub(super) fn outcome() -> Outcome {
    Outcome { touched: orders(100), ..Outcome::default() }
}

/// Somebody broke the glass.
pub(super) fn broken(by: &str, review_due: i64) -> Event {
    let seats = vec!["privacy".to_owned()];
    let reason = sealed("an emergency");
    Event::GlassBroken { by: person(by), seats, reason, review_due: moment(review_due) }
}

/// Somebody reviewed it.
pub(super) fn reviewed(by: &str, justified: bool) -> Event {
    Event::GlassReviewed { by: person(by), seat: "privacy".to_owned(), justified, text: None }
}
