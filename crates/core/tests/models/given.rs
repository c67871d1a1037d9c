//! What the models have in common: one request that Ana, of the staff, makes; officers; surveys; verdicts.

use std::collections::BTreeMap;

use countersign_core::id::{Commitment, Digest, PersonId, RequestId};
use countersign_core::plan::Counts;
use countersign_core::request::{Event, State, Submitted};
use countersign_core::subject::{Asking, Committed, Requester, Target};
use countersign_core::survey::Survey;
use countersign_core::time::Timestamp;
use countersign_core::verdict::{Criteria, Decision, Verdict};

use crate::book::NOW;

pub(crate) fn person(name: &str) -> PersonId {
    PersonId::from_bytes(padded(name))
}

pub(crate) fn commitment(value: &str) -> Commitment {
    Commitment::from_bytes(padded(value))
}

pub(crate) fn digest(shape: &str) -> Digest {
    Digest::from_bytes(padded(shape))
}

fn padded<const N: usize>(name: &str) -> [u8; N] {
    std::array::from_fn(|place| name.as_bytes().get(place).copied().unwrap_or(0))
}

/// Request `n`, the `n`th to be made.
pub(crate) fn request(n: u8) -> RequestId {
    RequestId::from_bytes([n; 16])
}

/// Submitted by Ana for an action; proved, in that a token attested it.
pub(crate) fn submitted(n: u8, action: &str, asking: &[&str]) -> State {
    let submitted = Submitted {
        nonce: commitment("nonce"),
        action: action.to_owned(),
        channel: "api".to_owned(),
        environment: "production".to_owned(),
        asking: Asking {
            requester: Requester::Staff { person: person("ana") },
            persons: asking.iter().map(|name| person(name)).collect(),
        },
        target: Target::Subject { stated: vec![identity()] },
        parameters: None,
        reason: None,
        attested: vec!["identity".to_owned()],
        due_at: None,
        expires_at: Timestamp::from_millis(i64::MAX),
        expires_unproven_at: Timestamp::from_millis(i64::MAX),
    };
    let at = Timestamp::from_millis(i64::from(n));
    State::begin(request(n), at, &Event::Submitted(Box::new(submitted))).expect("it begins")
}

fn identity() -> Committed {
    Committed { kind: "email".to_owned(), value: commitment("dee@example.org") }
}

/// A survey that found a plan of this shape for these roots, with so many rows in each of the sources.
pub(crate) fn survey(shape: &str, roots: &str, counts: Counts) -> Survey {
    Survey { at: NOW, digest: digest(shape), roots: commitment(roots), identities: vec![identity()], counts }
}

pub(crate) fn orders(rows: u64) -> Counts {
    let mut counts = Counts::default();
    counts.add("shop", "orders", rows);
    counts
}

pub(crate) fn verdict(decision: Decision) -> Verdict {
    let criteria = Criteria {
        policy_set: String::new(),
        policies: Vec::new(),
        errors: Vec::new(),
        facts: BTreeMap::new(),
        at: NOW,
    };
    Verdict { decision, criteria }
}

/// A release if `may`, else a hold.
pub(crate) fn judged(may: bool) -> Verdict {
    verdict(if may { Decision::Release } else { Decision::Hold { paths: Vec::new() } })
}
