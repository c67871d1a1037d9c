//! Every kind of event in its stored form, once: a changed form would make histories unreadable, and is seen here.
//! `COUNTERSIGN_BLESS=1` writes the file of a kind that has none.

use std::path::Path;

use countersign_core::id::{Commitment, Digest, PersonId, RequestId};
use countersign_core::plan::Counts;
use countersign_core::quorum::Vote;
use countersign_core::receipt::{Outcome as Did, Receipt, ReceiptKey};
use countersign_core::request::{By, Event, Kept, Outcome, Submitted};
use countersign_core::subject::{Asking, Committed, Proof, Requester, Target};
use countersign_core::survey::Survey;
use countersign_core::time::Timestamp;
use countersign_core::verdict::Criteria;
use countersign_service::ports::store::EventRecord;
use countersign_service::record;

const AT: Timestamp = Timestamp::from_millis(1_795_424_400_000);

fn commitment(n: u8) -> Commitment {
    Commitment::from_bytes([n; 32])
}

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn counts(rows: u64) -> Counts {
    let mut counts = Counts::default();
    counts.add("shop", "orders", rows);
    counts
}

fn criteria() -> Criteria {
    Criteria {
        policy_set: "ab".repeat(32),
        policies: vec!["erase.staff".to_owned()],
        errors: Vec::new(),
        facts: [("action".to_owned(), "erase".to_owned())].into(),
        at: AT,
    }
}

fn email() -> Committed {
    Committed { kind: "email".to_owned(), value: commitment(1) }
}

fn outcome() -> Outcome {
    let kept = Kept {
        source: "shop".to_owned(),
        table: "invoice".to_owned(),
        rows: 2,
        basis: "legal_obligation".to_owned(),
        until: None,
    };
    Outcome { touched: counts(3), kept: vec![kept], left: Counts::default(), package: false }
}

fn kept_until() -> Outcome {
    let mut outcome = outcome();
    outcome.kept[0].until = Some("ten years after `issued_on`".to_owned());
    outcome
}

fn every_kind() -> Vec<(&'static str, Event)> {
    let submitted = Submitted {
        nonce: commitment(9),
        action: "erase".to_owned(),
        channel: "api".to_owned(),
        environment: "production".to_owned(),
        asking: Asking { requester: Requester::Staff { person: person(1) }, persons: [person(1)].into() },
        target: Target::Subject { stated: vec![email()] },
        parameters: Some(commitment(2)),
        reason: Some(commitment(3)),
        attested: vec!["identity".to_owned()],
        due_at: Some(AT),
        expires_at: AT,
        expires_unproven_at: AT,
    };
    let survey = Survey {
        at: AT,
        digest: Digest::from_bytes([5; 32]),
        roots: commitment(6),
        identities: vec![email()],
        counts: counts(3),
    };
    let vote = Vote {
        by: person(2),
        seat: "privacy".to_owned(),
        digest: Digest::from_bytes([5; 32]),
        ceiling: counts(23),
        reason: Some(commitment(7)),
        at: AT,
    };
    let key =
        ReceiptKey { request: RequestId::from_bytes([8; 16]), run: 1, step: "shop".to_owned(), chunk: 0 };
    let policy = By::Policy { criteria: criteria(), holds: vec!["case-7".to_owned()] };
    let seated = By::Person { person: person(2), seat: "privacy".to_owned() };
    let earlier = RequestId::from_bytes([4; 16]);
    let denied = |by: By| Event::Denied { code: "code".to_owned(), by, reason: None };
    let dataset = Submitted {
        target: Target::Dataset { source: "shop".to_owned(), name: "app_log".to_owned() },
        asking: Asking {
            requester: Requester::Schedule { name: "nightly".to_owned() },
            persons: [person(1)].into(),
        },
        parameters: None,
        reason: None,
        attested: Vec::new(),
        due_at: None,
        ..submitted.clone()
    };
    vec![
        ("submitted", Event::Submitted(Box::new(submitted))),
        ("submitted_dataset", Event::Submitted(Box::new(dataset))),
        (
            "verified",
            Event::Verified { proof: Proof { method: "email".to_owned(), identity: email(), at: AT } },
        ),
        ("surveyed", Event::Surveyed { survey }),
        ("ambiguous", Event::Ambiguous { matches: 2 }),
        ("resolved", Event::Resolved { by: person(2), choice: commitment(4) }),
        ("approved", Event::Approved { vote }),
        ("released", Event::Released { criteria: criteria(), survey_at: AT, ceiling: Some(counts(23)) }),
        ("retracted", Event::Retracted { criteria: criteria() }),
        (
            "run_started",
            Event::RunStarted {
                run: 1,
                criteria: criteria(),
                steps: vec!["shop".to_owned()],
                by: None,
                ceiling: Some(counts(23)),
            },
        ),
        (
            "stepped",
            Event::Stepped {
                receipt: Receipt { key: key.clone(), outcome: Did::Done { touched: counts(3) } },
            },
        ),
        ("stepped_void", Event::Stepped { receipt: Receipt { key, outcome: Did::Void } }),
        ("recounted", Event::Recounted { run: 1, counted: counts(50) }),
        ("shifted", Event::Shifted { run: 1, what: "other root rows".to_owned() }),
        ("held_back", Event::HeldBack { run: 1, holds: vec!["case-7".to_owned()] }),
        ("stuck", Event::Stuck { run: 1, code: "step_void".to_owned() }),
        ("completed", Event::Completed { run: 1, outcome: outcome() }),
        ("completed_until", Event::Completed { run: 1, outcome: kept_until() }),
        ("accepted", Event::Accepted { by: person(3), outcome: outcome(), reason: None }),
        ("abandoned", Event::Abandoned { by: person(3), reason: Some(commitment(7)) }),
        ("denied_by_person", denied(seated)),
        ("denied_by_policy", denied(policy)),
        ("denied_by_conflict", denied(By::Conflict { earlier })),
        ("denied_by_survey", denied(By::Survey)),
        ("withdrawn", Event::Withdrawn { by: None }),
        ("expired", Event::Expired),
        ("extended", Event::Extended { by: person(3), due_at: AT, reason: None }),
        (
            "glass_broken",
            Event::GlassBroken {
                by: person(3),
                seats: vec!["privacy".to_owned()],
                reason: commitment(7),
                review_due: AT,
            },
        ),
        (
            "glass_reviewed",
            Event::GlassReviewed {
                by: person(4),
                seat: "privacy".to_owned(),
                justified: true,
                text: Some(commitment(8)),
            },
        ),
        ("commented", Event::Commented { by: person(3), text: commitment(7) }),
    ]
}

#[test]
fn every_kind_of_event_is_written_and_read_as_its_golden_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names = Vec::new();
    for (name, event) in every_kind() {
        assert!(name.starts_with(event.kind()), "{name} is of kind {}", event.kind());
        let path = folder.join(format!("{name}.json"));
        let written = record::bytes(&event).unwrap();
        if !path.exists() && std::env::var_os("COUNTERSIGN_BLESS").is_some() {
            std::fs::write(&path, [&written[..], b"\n"].concat()).unwrap();
        }
        let golden = std::fs::read(&path).unwrap_or_else(|_| panic!("{name} has no golden file"));
        let golden = golden.strip_suffix(b"\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(golden.to_vec()).unwrap());
        let stored = EventRecord {
            seq: 1,
            at: AT,
            kind: event.kind().to_owned(),
            form: 1,
            body: golden.to_vec(),
            leaf: None,
        };
        assert_eq!(record::event(&stored).unwrap(), event);
        let newer = EventRecord { form: 2, ..stored };
        assert!(record::event(&newer).is_err(), "a form that is not known is not guessed at");
        names.push(format!("{name}.json"));
    }
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}
