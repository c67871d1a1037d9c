//! Random policies from a grammar, random facts: the explanation against the engine.
//! The oracle is the engine alone, asked with a context from JSON over all policies; never the walk itself.
#![allow(clippy::unwrap_used, missing_docs)]

mod given;

use std::collections::BTreeSet;
use std::str::FromStr;

use cedar_policy::{PolicySet as CedarSet, Schema};
use countersign_core::verdict::{Decision, Missing};
use countersign_policy::*;
use given::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn text(all: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(all).prop_map(str::to_owned)
}

fn comparison(
    left: impl Strategy<Value = String>,
    right: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let op = select(&["<", "<=", ">", ">=", "==", "!="]);
    (left, op, right, any::<bool>()).prop_map(|(a, op, b, mirrored)| {
        if mirrored { format!("{b} {op} {a}") } else { format!("{a} {op} {b}") }
    })
}

fn atom() -> impl Strategy<Value = String> {
    let count = || {
        text(&[
            "context.approvals.privacy",
            "context.approvals.data_owner",
            "context.approvals.any",
            "context.running.export",
            "context.started_today.export",
            "context.conflicts",
        ])
    };
    let small = || (0..4i64).prop_map(|it| it.to_string());
    let methods = || {
        subsequence(vec!["email", "totp", "passkey"], 1..=3)
            .prop_map(|it| format!("[\"{}\"]", it.join("\", \"")))
    };
    prop_oneof![
        2 => text(&["context.environment == \"production\"", "context.channel == \"portal\"", "principal == resource",
            "principal is Staff", "principal in Group::\"privacy\"", "principal in [Group::\"privacy\", Group::\"data_owner\"]",
            "context.environment != \"test\" && principal is Staff", "true", "false"]),
        3 => (text(&["containsAll", "containsAny"]), methods()).prop_map(|(how, it)| format!("context.verified.{how}({it})")),
        1 => text(&["context.verified.contains(\"email\")", "context.attested.contains(\"identity\")",
            "context.attested == [\"identity\"]"]),
        5 => comparison(count(), small()),
        1 => comparison(count(), text(&["resource.required", "context.running.export", "9223372036854775807"])),
        1 => comparison(text(&["context.approvals.privacy + context.approvals.data_owner",
            "context.conflicts + 9223372036854775806"]), small()),
        3 => comparison(text(&["context.waited"]), (0..4u8).prop_map(|it| format!("duration(\"{it}h\")"))),
        1 => comparison(text(&["context.waited.toHours()", "context.waited.toMinutes()"]), small()),
        2 => comparison(text(&["context.now.toTime()", "context.now.offset(duration(\"2h\")).toTime()"]),
            (0..26u8).prop_map(|it| format!("duration(\"{it}h\")"))),
        1 => comparison(text(&["context.now"]), (1..4u8).prop_map(|it| format!("datetime(\"2026-03-0{it}\")"))),
        2 => comparison(text(&["context.impact.rows", "context.impact.tables"]), small())
            .prop_map(|it| format!("(context has impact && {it})")),
        1 => text(&["context has impact", "!(context has impact)"]),
        2 => text(&["resource.legal_hold", "resource.legal_hold == false", "resource.region == \"eu\"",
            "resource.region != \"eu\"", "resource.region like \"e*\""]),
        1 => comparison(text(&["resource.required"]), small()),
        1 => comparison(text(&["principal.level"]), small())
            .prop_map(|it| format!("(principal is Staff && principal has level && {it})")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            1 => inner.clone().prop_map(|it| format!("!({it})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

fn policy(permit: bool) -> impl Strategy<Value = String> {
    let who = text(&[
        "principal",
        "principal",
        "principal",
        "principal is Staff",
        "principal is Staff in Group::\"privacy\"",
    ]);
    let action = text(&[
        "action == Action::\"export\"",
        "action",
        "action in [Action::\"export\", Action::\"erase\"]",
    ]);
    let clause = text(&["when", "when", "unless"]);
    (who, action, clause, condition(), any::<bool>()).prop_map(
        move |(who, action, clause, condition, deny)| {
            let (effect, deny) = match (permit, deny) {
                (true, _) => ("permit", ""),
                (false, true) => ("forbid", "@deny(\"code\") "),
                (false, false) => ("forbid", ""),
            };
            format!("{deny}{effect}({who}, {action}, resource is Subject) {clause} {{ {condition} }};")
        },
    )
}

fn policy_text() -> impl Strategy<Value = String> {
    let permits = prop::collection::vec(policy(true), 1..4);
    let forbids = prop::collection::vec(policy(false), 0..3);
    (permits, forbids).prop_map(|(permits, forbids)| {
        let all = permits.into_iter().chain(forbids).enumerate();
        all.map(|(at, it)| format!("@id(\"p{at}\") {it}\n")).collect()
    })
}

prop_compose! {
    /// Facts that change while a request waits, put on `facts`.
    fn moved(facts: Facts)(
        verified in subsequence(vec!["email", "totp", "passkey"], 0..=3),
        attested in any::<bool>(), groups in subsequence(vec!["privacy", "data_owner"], 0..=2),
        privacy in 0..5u64, owner in 0..5u64, spare in 0..3u64, running in 0..5u64, today in 0..5u64,
        conflicts in 0..3u64, waited_ms in 0..5 * HOUR_MS, later_ms in 0..30 * HOUR_MS, rows in 0..5u64,
        held in any::<bool>(), region in select(&["eu", "us"]), required in 0..4i64, level in prop::option::of(0..4i64),
    ) -> Facts {
        let mut it = facts.clone();
        it.verified = verified.into_iter().map(str::to_owned).collect();
        it.attested = if attested { ["identity".to_owned()].into() } else { BTreeSet::new() };
        it.approvals = [("privacy".to_owned(), privacy), ("data_owner".to_owned(), owner)].into();
        it.approvals_any = privacy + owner + spare;
        it.running.insert("export".into(), running);
        it.started_today.insert("export".into(), today);
        it.conflicts = conflicts;
        it.waited_ms = waited_ms;
        it.now = it.now.plus_ms(later_ms);
        it.impact = Some(Impact { rows, tables: rows.min(2), sources: rows.min(1) });
        for (name, value) in [("legal_hold", Value::Bool(held)), ("region", Value::Text(region.into())), ("required", Value::Long(required))] {
            it.resource.attributes.insert(name.into(), Attribute::plain(value));
        }
        if it.requester.kind == RequesterKind::Staff {
            it.requester.groups = groups.into_iter().map(str::to_owned).collect();
            it.requester.attributes = level.map(|it| ("level".to_owned(), Attribute::plain(Value::Long(it)))).into_iter().collect();
        }
        it
    }
}

/// Somebody who asks, somewhere, by some way: what stays as it is for the life of a request.
fn settled() -> impl Strategy<Value = Facts> {
    let who = select(&[RequesterKind::Subject, RequesterKind::Staff, RequesterKind::Service]);
    (who, select(&["production", "test"]), select(&["portal", "api"])).prop_map(
        |(kind, environment, channel)| {
            let mut facts = if kind == RequesterKind::Subject { own("export") } else { staff("export") };
            facts.requester.kind = kind;
            facts.environment = environment.into();
            facts.channel = channel.into();
            facts
        },
    )
}

/// Facts, and others that the same request can come to.
fn life() -> impl Strategy<Value = (Facts, Vec<Facts>)> {
    settled().prop_flat_map(|it| (moved(it.clone()), prop::collection::vec(moved(it), 40)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_explanation_agrees_with_the_engine(text in policy_text(), (facts, reachable) in life(), first in any::<bool>()) {
        let facts = Facts { first_judgement: first, ..facts };
        let set = policies(&text);
        let (schema, _) = Schema::from_cedarschema_str(&cedar_schema(&vocabulary())).unwrap();
        let bare = CedarSet::from_str(&text).unwrap();
        let engine = |facts: &Facts| engine_with(&bare, &schema, facts);

        let verdict = judge(&set, &facts);
        prop_assert_eq!(verdict.decision == Decision::Release, engine(&facts), "release exactly when the engine allows");
        if let Decision::Hold { paths } = &verdict.decision {
            for path in paths {
                prop_assert!(!path.missing.is_empty());
                let Some(then) = after(&path.missing, &facts) else { continue };
                prop_assert!(engine(&then), "shown and does not release: {path:?}");
                prop_assert_eq!(judge(&set, &then).decision, Decision::Release);
            }
        }
        // What was denied for good stays impossible wherever the request may come to.
        if let (Decision::Deny { .. }, false) = (&verdict.decision, first) {
            for other in &reachable {
                prop_assert!(!engine(other), "denied and reachable");
            }
        }

        let stale = judge(&set, &Facts { survey: SurveyState::Stale, ..facts.clone() });
        match &verdict.decision {
            Decision::Release => {
                let Decision::Hold { paths } = stale.decision else { panic!("a stale survey holds") };
                prop_assert!(!paths.is_empty() && paths.iter().all(|it| it.missing == [Missing::Survey]));
            }
            other => prop_assert_eq!(&stale.decision, other),
        }

        let mut unseen = Facts { survey: SurveyState::Absent, impact: None, ..facts.clone() };
        unseen.resource.attributes.clear();
        match judge(&set, &unseen).decision {
            Decision::Release => panic!("released without a survey"),
            Decision::Hold { paths } => prop_assert!(paths.iter().all(|it| it.missing.contains(&Missing::Survey))),
            Decision::Deny { .. } => {
                for other in &reachable {
                    prop_assert!(!engine(other), "denied before the survey and reachable");
                }
            }
        }
    }
}

/// More for a long look: `PROPTEST_CASES=20000`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(400)
}
