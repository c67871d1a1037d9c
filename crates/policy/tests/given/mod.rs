//! Facts and policies to start a test from, and one more way to ask the engine: with a context from JSON, checked
//! against the schema, over all policies. That way shares no code with the crate, so it can be its oracle.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision as Answer, Entities, EntityUid, PolicySet as CedarSet, Request, Schema,
};
use countersign_core::time::Timestamp;
use countersign_core::verdict::Missing;
use countersign_policy::{
    Attribute, AttributeType, Facts, Impact, PolicySet, Requester, RequesterKind, Resource, ResourceKind,
    SurveyState, Value, Vocabulary, cedar_schema, load,
};
use serde_json::json;

pub const HOUR_MS: i64 = 3_600_000;
/// 2026-03-02T10:00:00Z.
pub const MORNING: i64 = 1_772_445_600_000;

pub fn vocabulary() -> Vocabulary {
    let mut it = Vocabulary::standard();
    it.groups = ["privacy", "data_owner"].map(str::to_owned).into();
    it.subject_attributes.insert("region".into(), AttributeType::String);
    it.subject_attributes.insert("required".into(), AttributeType::Long);
    it.requester_attributes.insert("level".into(), AttributeType::Long);
    it.environments = ["production", "test"].map(str::to_owned).into();
    it
}

/// Policies of one file, which must load.
pub fn policies(text: &str) -> PolicySet {
    match load(&vocabulary(), &[("test.cedar".to_owned(), text.to_owned())]) {
        Ok(set) => set,
        Err(error) => panic!("{error}"),
    }
}

/// A subject who asks to have their own data erased, just now, with a fresh survey.
pub fn own(action: &str) -> Facts {
    let actions = vocabulary().actions;
    Facts {
        action: action.into(),
        requester: Requester {
            kind: RequesterKind::Subject,
            id: "s1".into(),
            groups: BTreeSet::new(),
            attributes: Default::default(),
        },
        resource: Resource {
            kind: ResourceKind::Subject,
            id: "s1".into(),
            attributes: [
                ("legal_hold".into(), Attribute::plain(Value::Bool(false))),
                ("region".into(), Attribute::committed(Value::Text("eu".into()), "c0ffee")),
                ("required".into(), Attribute::plain(Value::Long(2))),
            ]
            .into(),
        },
        environment: "production".into(),
        channel: "portal".into(),
        now: Timestamp::from_millis(MORNING),
        waited_ms: 0,
        verified: BTreeSet::new(),
        attested: BTreeSet::new(),
        approvals: Default::default(),
        approvals_any: 0,
        running: actions.iter().map(|it| (it.clone(), 0)).collect(),
        started_today: actions.iter().map(|it| (it.clone(), 0)).collect(),
        impact: Some(Impact { rows: 50, tables: 5, sources: 1 }),
        conflicts: 0,
        survey: SurveyState::Fresh,
        first_judgement: false,
    }
}

/// A member of staff who asks.
pub fn staff(action: &str) -> Facts {
    let mut facts = own(action);
    facts.requester.kind = RequesterKind::Staff;
    facts.requester.id = "bo".into();
    facts.channel = "api".into();
    facts
}

/// A timer that asks for a purge of a dataset.
pub fn tick() -> Facts {
    let mut facts = own("purge");
    facts.requester.kind = RequesterKind::Schedule;
    facts.requester.id = "nightly".into();
    facts.resource =
        Resource { kind: ResourceKind::Dataset, id: "app_log".into(), attributes: Default::default() };
    facts.channel = "schedule".into();
    facts
}

/// The engine's own answer, asked in another way than the crate asks: whether it allows without an error.
pub fn engine(text: &str, facts: &Facts) -> bool {
    let (schema, _) = Schema::from_cedarschema_str(&cedar_schema(&vocabulary())).unwrap();
    engine_with(&CedarSet::from_str(text).unwrap(), &schema, facts)
}

pub fn engine_with(set: &CedarSet, schema: &Schema, facts: &Facts) -> bool {
    let uid = |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).unwrap();
    let value = |it: &Attribute| match &it.value {
        Value::Bool(it) => json!(it),
        Value::Long(it) => json!(it),
        Value::Text(it) => json!(it),
    };
    let mut approvals = serde_json::Map::new();
    for group in vocabulary().groups {
        approvals.insert(group.clone(), json!(facts.approvals.get(&group).copied().unwrap_or(0)));
    }
    approvals.insert("any".into(), json!(facts.approvals_any));
    let mut context = json!({
        "environment": facts.environment, "channel": facts.channel,
        "now": {"__extn": {"fn": "offset", "args": [
            {"__extn": {"fn": "datetime", "arg": "1970-01-01"}},
            {"__extn": {"fn": "duration", "arg": format!("{}ms", facts.now.as_millis())}}]}},
        "waited": {"__extn": {"fn": "duration", "arg": format!("{}ms", facts.waited_ms)}},
        "verified": facts.verified, "attested": facts.attested, "approvals": approvals,
        "running": facts.running, "started_today": facts.started_today, "conflicts": facts.conflicts,
    });
    if let Some(it) = facts.impact {
        context["impact"] = json!({"rows": it.rows, "tables": it.tables, "sources": it.sources});
    }
    let action = uid("Action", &facts.action);
    let context = Context::from_json_value(context, Some((schema, &action))).unwrap();
    let attributes = |all: &std::collections::BTreeMap<String, Attribute>| {
        all.iter().map(|(name, it)| (name.clone(), value(it))).collect::<serde_json::Map<_, _>>()
    };
    let (kind, id) = (facts.resource.kind.type_name(), &facts.resource.id);
    let mut entities = vec![
        json!({"uid": {"type": kind, "id": id}, "attrs": attributes(&facts.resource.attributes), "parents": []}),
    ];
    if facts.requester.kind != RequesterKind::Subject {
        let parents: Vec<_> =
            facts.requester.groups.iter().map(|it| json!({"type": "Group", "id": it})).collect();
        entities.push(json!({
            "uid": {"type": facts.requester.kind.type_name(), "id": facts.requester.id},
            "attrs": attributes(&facts.requester.attributes), "parents": parents
        }));
    }
    let entities = Entities::from_json_value(json!(entities), Some(schema)).unwrap();
    let principal = uid(facts.requester.kind.type_name(), &facts.requester.id);
    let request = Request::new(principal, action, uid(kind, id), context, Some(schema)).unwrap();
    let answer = Authorizer::new().is_authorized(&request, set, &entities);
    answer.decision() == Answer::Allow && answer.diagnostics().errors().next().is_none()
}

/// `facts` after everything that is missing came true; `None` where a part of it cannot be tried.
pub fn after(missing: &[Missing], facts: &Facts) -> Option<Facts> {
    let mut then = facts.clone();
    let mut any = 0;
    for it in missing {
        match it {
            Missing::Verification { method } => {
                then.verified.insert(method.clone());
            }
            Missing::Attestation { name } => {
                then.attested.insert(name.clone());
            }
            Missing::Vote { group, need, .. } if group == "any" => any = *need as u64,
            Missing::Vote { group, need, have } => {
                then.approvals.insert(group.clone(), *need as u64);
                then.approvals_any += (need - have) as u64;
            }
            Missing::Time { remaining_ms, .. } => {
                let more = (facts.now.as_millis() + remaining_ms - then.now.as_millis()).max(0);
                then.now = then.now.plus_ms(more);
                then.waited_ms += more;
            }
            Missing::Capacity { action, below, .. } => {
                then.running.insert(action.clone(), (*below - 1) as u64);
            }
            Missing::Today { action, below, .. } => {
                {
                    then.started_today.insert(action.clone(), (*below - 1) as u64);
                };
            }
            Missing::Conflict { count } => then.conflicts -= *count as u64,
            Missing::LegalHold { .. } => {
                {
                    then.resource
                        .attributes
                        .insert("legal_hold".into(), Attribute::plain(Value::Bool(false)));
                };
            }
            Missing::Survey => then.survey = SurveyState::Fresh,
            // Policies say nothing of a pause.
            Missing::Identity | Missing::Opaque { .. } | Missing::Paused { .. } => return None,
        }
    }
    then.approvals_any = then.approvals_any.max(any);
    Some(then)
}

/// A missing thing in a few letters, for pictures and assertions.
pub fn word(it: &Missing) -> String {
    match it {
        Missing::Verification { method } => format!("verify {method}"),
        Missing::Vote { group, need, have } => format!("vote {group} {have}/{need}"),
        Missing::Time { need_ms, remaining_ms } => {
            format!("time {}h of {}h", *remaining_ms as f64 / 3.6e6, *need_ms as f64 / 3.6e6)
        }
        Missing::Capacity { action, below, now } => format!("capacity {action} {now}<{below}"),
        Missing::Today { action, below, now } => format!("today {action} {now}<{below}"),
        Missing::Paused { action, .. } => format!("paused {action}"),
        Missing::Conflict { count } => format!("conflict {count}"),
        Missing::Survey => "survey".into(),
        Missing::Identity => "identity".into(),
        Missing::LegalHold { policy } => format!("legal hold {policy}"),
        Missing::Attestation { name } => format!("attest {name}"),
        Missing::Opaque { condition } => format!("opaque [{condition}]"),
    }
}
