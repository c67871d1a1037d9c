//! A verdict with its explanation against a bare `is_authorized` on the same input: 50 policies, facts in memory.
//! The least of many batches, ours and theirs by turns; of four inputs the one with the worst ratio.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use countersign_core::time::Timestamp;
use countersign_policy::{
    Attribute, Bare, Facts, Impact, PolicySet, Requester, RequesterKind, Resource, ResourceKind, SurveyState,
    Value, Vocabulary, judge, load,
};

use crate::line::{Limit, Line};

const POLICIES: usize = 50;
const HOUR_MS: i64 = 3_600_000;
/// Calls in a batch, and batches.
const CALLS: u32 = 200;
const BATCHES: u32 = 40;

pub(crate) fn measure() -> Line {
    let mut worst = (0.0, 0.0, 0.0);
    for alike in [false, true] {
        let set = load(&vocabulary(), &[("many.cedar".to_owned(), policies(alike))]).unwrap();
        for facts in [waiting(), ready()] {
            let (ours, theirs) = compare(&set, &facts);
            if ours / theirs > worst.0 {
                worst = (ours / theirs, ours, theirs);
            }
        }
    }
    let (ratio, ours, theirs) = worst;
    Line {
        name: format!("verdict with its explanation, {POLICIES} policies"),
        ours: format!("{ours:.0} µs"),
        reference: format!("bare is_authorized {theirs:.0} µs"),
        ratio,
        limit: Limit::AtMost(8.0),
    }
}

/// Microseconds a call: the verdict, and the engine alone.
fn compare(set: &PolicySet, facts: &Facts) -> (f64, f64) {
    let bare = Bare::of(set, facts).unwrap();
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..BATCHES {
        theirs = theirs.min(batch(|| {
            black_box(bare.is_authorized());
        }));
        ours = ours.min(batch(|| drop(black_box(judge(set, black_box(facts))))));
    }
    (ours, theirs)
}

fn batch(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

/// The sample's policies, filled up with others for the same actions. `alike`: every one of them is a way to the
/// same release, so that each has to be explained; otherwise most are out of the question by the channel.
fn policies(alike: bool) -> String {
    let mut text = ["export", "erase", "purge"]
        .map(|name| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
            std::fs::read_to_string(format!("{folder}/{name}.cedar")).unwrap()
        })
        .concat();
    let channel = if alike { "portal" } else { "gateway" };
    for n in text.matches("@id(").count()..POLICIES {
        let action = if n % 2 == 0 { "erase" } else { "export" };
        if n % 10 == 0 {
            writeln!(
                text,
                "@id(\"f{n}\") forbid (principal, action == Action::\"{action}\", resource is Subject)
                 when {{ resource.region == \"r{n}\" && context.approvals.any < {n} }};"
            )
            .unwrap();
        } else {
            writeln!(
                text,
                "@id(\"p{n}\") permit (principal, action == Action::\"{action}\", resource is Subject)
                 when {{ context.environment == \"production\" && context.channel == \"{channel}\"
                     && context.verified.containsAll([\"email\", \"totp\"]) && context.approvals.privacy >= {}
                     && context.waited >= duration(\"{n}h\") && context.running.{action} < 100 }};",
                n % 4 + 1
            )
            .unwrap();
        }
    }
    text
}

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::standard();
    vocabulary.groups = ["privacy", "data_owner"].map(str::to_owned).into();
    vocabulary.environments = ["production".to_owned()].into();
    vocabulary.subject_attributes.insert("region".to_owned(), countersign_policy::AttributeType::String);
    vocabulary
}

/// Much is missing still.
fn waiting() -> Facts {
    let counts = || vocabulary().actions.into_iter().map(|action| (action, 0)).collect();
    Facts {
        action: "erase".to_owned(),
        requester: Requester {
            kind: RequesterKind::Subject,
            id: "s1".to_owned(),
            groups: Default::default(),
            attributes: Default::default(),
        },
        resource: Resource {
            kind: ResourceKind::Subject,
            id: "s1".to_owned(),
            attributes: [
                ("legal_hold".to_owned(), Attribute::plain(Value::Bool(false))),
                ("region".to_owned(), Attribute::committed(Value::Text("eu".to_owned()), "c0ffee")),
            ]
            .into(),
        },
        environment: "production".to_owned(),
        channel: "portal".to_owned(),
        now: Timestamp::from_millis(1_772_445_600_000),
        waited_ms: 0,
        verified: ["email".to_owned()].into(),
        attested: Default::default(),
        approvals: [("privacy".to_owned(), 1)].into(),
        approvals_any: 1,
        running: counts(),
        started_today: counts(),
        impact: Some(Impact { rows: 50, tables: 5, sources: 1 }),
        conflicts: 0,
        survey: SurveyState::Fresh,
        first_judgement: false,
    }
}

/// Nothing is missing.
fn ready() -> Facts {
    let mut facts = waiting();
    facts.verified.insert("totp".to_owned());
    facts.approvals.insert("privacy".to_owned(), 2);
    facts.waited_ms = 72 * HOUR_MS;
    facts
}
