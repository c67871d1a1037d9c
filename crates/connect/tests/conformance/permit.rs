//! Permits for tests, made the only way there is: a history is replayed until its run starts.

use std::collections::BTreeMap;

use countersign_core::id::{Commitment, Digest, PersonId, RequestId};
use countersign_core::permit::Permit;
use countersign_core::plan::Counts;
use countersign_core::receipt::ReceiptKey;
use countersign_core::request::{Event, State, Submitted};
use countersign_core::subject::{Asking, Requester, Target};
use countersign_core::survey::Survey;
use countersign_core::time::Timestamp;
use countersign_core::verdict::Criteria;

/// The request of a number.
pub fn request(number: u8) -> RequestId {
    RequestId::from_bytes([number; 16])
}

/// The key of its first run in the source `shop`.
pub fn key(number: u8) -> ReceiptKey {
    ReceiptKey { request: request(number), run: 1, step: "shop".to_owned(), chunk: 0 }
}

/// The permit of its first run.
pub fn permit(number: u8, action: &str, ceiling: Option<Counts>) -> Permit {
    let at = Timestamp::from_millis(1_000);
    let criteria =
        Criteria { policy_set: String::new(), policies: vec![], errors: vec![], facts: BTreeMap::new(), at };
    let commitment = Commitment::from_bytes([7; 32]);
    let person = PersonId::from_bytes([9; 16]);
    let events = [
        Event::Submitted(Box::new(Submitted {
            nonce: commitment,
            action: action.to_owned(),
            channel: "api".to_owned(),
            environment: "test".to_owned(),
            asking: Asking { requester: Requester::Agent { person }, persons: [person].into() },
            target: Target::Subject { stated: vec![] },
            parameters: None,
            reason: None,
            attested: vec!["identity".to_owned()],
            due_at: None,
            expires_at: Timestamp::from_millis(1_000_000),
            expires_unproven_at: Timestamp::from_millis(1_000_000),
        })),
        Event::Surveyed {
            survey: Survey {
                at,
                digest: Digest::from_bytes([3; 32]),
                roots: commitment,
                identities: vec![],
                counts: Counts::default(),
            },
        },
        Event::Released { criteria: criteria.clone(), survey_at: at, ceiling: ceiling.clone() },
        Event::RunStarted { run: 1, criteria, steps: vec!["shop".to_owned()], by: None, ceiling },
    ];
    let state =
        State::replay(request(number), events.iter().map(|event| (at, event))).expect("a whole history");
    let State::Running(running) = state else { panic!("the history ends with a run") };
    running.permit()
}
