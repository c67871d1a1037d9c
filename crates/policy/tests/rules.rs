//! The rules of judging, one sentence each.
#![allow(clippy::unwrap_used, missing_docs)]

mod given;

use countersign_core::verdict::Decision;
use countersign_policy::*;
use given::*;

/// Policy text and facts, then what comes of it: `release`, `deny <code>`, or the paths in words.
struct Case {
    text: String,
    facts: Facts,
}

fn given(text: &str, facts: Facts) -> Case {
    Case { text: text.to_owned(), facts }
}

impl Case {
    fn when(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    fn then(self, expected: &str) {
        let verdict = judge(&policies(&self.text), &self.facts);
        assert_eq!(said(&verdict.decision), expected, "errors: {:?}", verdict.criteria.errors);
    }
}

fn said(decision: &Decision) -> String {
    match decision {
        Decision::Release => "release".into(),
        Decision::Deny { code } => format!("deny {code}"),
        Decision::Hold { paths } if paths.is_empty() => "hold".into(),
        Decision::Hold { paths } => {
            let all: Vec<String> = paths
                .iter()
                .map(|it| {
                    format!("{}: {}", it.policy, it.missing.iter().map(word).collect::<Vec<_>>().join(", "))
                })
                .collect();
            format!("hold; {}", all.join("; "))
        }
    }
}

const EXPORT: &str = r#"@id("x") permit(principal, action == Action::"export", resource is Subject)
    when { principal == resource && context.verified.contains("email") };"#;
const HOLD: &str = r#"@id("hold") @deny("legal_hold") forbid(principal, action == Action::"export", resource is Subject)
    when { resource.legal_hold };"#;

fn permit(condition: &str) -> String {
    format!(
        r#"@id("x") permit(principal, action == Action::"export", resource is Subject) when {{ {condition} }};"#
    )
}

fn forbid(condition: &str) -> String {
    format!(
        r#"@id("f") forbid(principal, action == Action::"export", resource is Subject) when {{ {condition} }};"#
    )
}

fn hold_legally(facts: &mut Facts) {
    facts.resource.attributes.insert("legal_hold".into(), Attribute::plain(Value::Bool(true)));
}

#[test]
fn an_export_waits_for_the_proof_and_then_goes() {
    given(EXPORT, own("export")).then("hold; x: verify email");
    given(EXPORT, own("export"))
        .when(|it| {
            it.verified.insert("email".into());
        })
        .then("release");
}

#[test]
fn somebody_elses_data_is_denied_at_once_where_only_the_subject_may() {
    given(EXPORT, staff("export")).then("deny no_policy");
}

#[test]
fn an_action_that_no_policy_permits_is_denied() {
    given(EXPORT, own("erase")).then("deny no_policy");
}

#[test]
fn an_action_that_is_not_configured_holds() {
    given(EXPORT, own("explode")).then("hold");
}

#[test]
fn a_forbid_over_settled_facts_denies_with_its_code_or_forbidden() {
    let text = format!("{EXPORT} {}", forbid(r#"context.channel == "portal""#));
    given(&text, own("export")).then("deny forbidden");
    given(&text.replace("@id(\"f\")", "@id(\"f\") @deny(\"not_here\")"), own("export")).then("deny not_here");
}

#[test]
fn a_legal_hold_denies_at_the_first_judgement_and_holds_later() {
    let text = format!("{EXPORT} {HOLD}");
    given(&text, own("export")).when(hold_legally).then("hold; x: verify email, legal hold hold");
    let first = given(&text, own("export")).when(hold_legally);
    first.when(|it| it.first_judgement = true).then("deny legal_hold");
}

#[test]
fn before_a_survey_nothing_is_released_and_the_survey_is_named() {
    let text = format!("{EXPORT} {HOLD}");
    let before = |it: &mut Facts| {
        it.survey = SurveyState::Absent;
        it.resource.attributes.clear();
        it.impact = None;
    };
    given(&text, own("export")).when(before).then("hold; x: verify email, survey");
    let proved = given(&text, own("export")).when(before).when(|it| {
        it.verified.insert("email".into());
    });
    proved.then("hold; x: survey");
    given(EXPORT, staff("export")).when(before).then("deny no_policy");
}

#[test]
fn a_stale_survey_is_all_that_is_missing_only_where_the_rest_would_release() {
    let stale = |it: &mut Facts| it.survey = SurveyState::Stale;
    given(EXPORT, own("export")).when(stale).then("hold; x: verify email");
    let proved = given(EXPORT, own("export")).when(stale).when(|it| {
        it.verified.insert("email".into());
    });
    proved.then("hold; x: survey");
}

#[test]
fn a_policy_that_errs_holds_even_beside_a_permit_that_applies() {
    let overflow = "context.conflicts + 9223372036854775807 > 0";
    let facts = || {
        let mut it = own("export");
        it.verified.insert("email".into());
        it.conflicts = 1;
        it
    };
    given(&format!("{EXPORT} {}", forbid(overflow)), facts())
        .then("hold; x: opaque [!((context.conflicts + 9223372036854775807) > 0)]");
    let text = format!("{EXPORT} {}", permit(overflow).replace("\"x\"", "\"y\""));
    let verdict = judge(&policies(&text), &facts());
    assert!(matches!(verdict.decision, Decision::Hold { .. }));
    assert_eq!(verdict.criteria.errors, ["y"]);
}

#[test]
fn an_entity_that_only_the_policy_knows_holds() {
    let text = format!("{EXPORT} {}", forbid(r#"Subject::"other".legal_hold"#));
    given(&text, own("export"))
        .when(|it| {
            it.verified.insert("email".into());
        })
        .then("hold; x: opaque [!(Subject::\"other\".legal_hold)]");
}

#[test]
fn an_attribute_that_is_missing_or_of_another_type_after_a_survey_holds() {
    let proved = |it: &mut Facts| {
        it.verified.insert("email".into());
    };
    let lost = given(EXPORT, own("export")).when(proved);
    lost.when(|it| {
        it.resource.attributes.remove("legal_hold");
    })
    .then("hold");
    let wrong = given(EXPORT, own("export")).when(proved);
    let text = || Attribute::plain(Value::Text("no".into()));
    wrong
        .when(|it| {
            it.resource.attributes.insert("legal_hold".into(), text());
        })
        .then("hold");
}

#[test]
fn a_gauge_that_policy_reads_and_nobody_read_holds() {
    let text = format!("{EXPORT} {}", forbid("context.running.export >= 100"));
    let proved = |it: &mut Facts| {
        it.verified.insert("email".into());
    };
    given(&text, own("export")).when(proved).then("release");
    given(&text, own("export")).when(proved).when(|it| it.running.clear()).then("hold");
    given(EXPORT, own("export")).when(proved).when(|it| it.running.clear()).then("release");
}

#[test]
fn a_limit_is_capacity_below_it() {
    let text = format!("{} {}", permit("true"), forbid("context.running.export >= 100"));
    given(&text, own("export"))
        .when(|it| {
            it.running.insert("export".into(), 120);
        })
        .then("hold; x: capacity export 120<100");
    let text = format!("{} {}", permit("true"), forbid("context.started_today.export > 9"));
    given(&text, own("export"))
        .when(|it| {
            it.started_today.insert("export".into(), 10);
        })
        .then("hold; x: today export 10<10");
}

#[test]
fn votes_waiting_conflicts_and_attestations_are_told_with_their_numbers() {
    given(&permit("2 <= context.approvals.privacy"), own("export")).then("hold; x: vote privacy 0/2");
    given(&permit("context.approvals.any > 2"), own("export")).then("hold; x: vote any 0/3");
    given(&permit("context.approvals.privacy >= resource.required"), own("export"))
        .then("hold; x: vote privacy 0/2");
    given(&permit("context.waited >= duration(\"72h\")"), own("export"))
        .when(|it| it.waited_ms = 70 * HOUR_MS)
        .then("hold; x: time 2h of 72h");
    given(&permit("context.waited.toHours() > 1"), own("export")).then("hold; x: time 2h of 2h");
    given(&permit("context.conflicts == 0"), own("export"))
        .when(|it| it.conflicts = 2)
        .then("hold; x: conflict 2");
    given(&permit("context.conflicts < 2"), own("export"))
        .when(|it| it.conflicts = 3)
        .then("hold; x: conflict 2");
    given(&permit("context.attested.contains(\"identity\")"), own("export")).then("hold; x: attest identity");
}

#[test]
fn alternatives_are_told_apart() {
    given(&permit("context.verified.containsAny([\"totp\", \"passkey\"])"), own("export"))
        .then("hold; x: verify passkey; x: verify totp");
    given(
        &permit("if resource.region == \"eu\" then context.approvals.privacy >= 2 else true"),
        own("export"),
    )
    .then("hold; x: vote privacy 0/2");
    let text = permit("context.verified.contains(\"totp\") && context.approvals.privacy >= 1");
    given(
        &format!("{text} {}", text.replace("\"x\"", "\"y\"").replace("privacy", "data_owner")),
        own("export"),
    )
    .then("hold; x: verify totp, vote privacy 0/1; y: verify totp, vote data_owner 0/1");
}

#[test]
fn a_daily_window_opens_at_its_time_also_in_another_zone() {
    let window = permit("context.now.toTime() < duration(\"6h\")");
    given(&window, own("export")).then("hold; x: time 14h of 14h");
    let window = permit("context.now.offset(duration(\"2h\")).toTime() >= duration(\"20h\")");
    given(&window, own("export")).then("hold; x: time 8h of 8h");
    let both =
        permit("context.now.toTime() >= duration(\"22h\") && context.now.toTime() < duration(\"23h\")");
    given(&both, own("export"))
        .when(|it| it.now = it.now.plus_ms(27 * HOUR_MS / 2))
        .then("hold; x: time 22.5h of 22.5h");
}

#[test]
fn a_wait_that_ends_outside_a_window_is_told_with_the_next_opening() {
    let text = permit("context.waited >= duration(\"20h\") && context.now.toTime() < duration(\"2h\")");
    // Over at 06:00 tomorrow, the window opens at midnight after.
    given(&text, own("export")).then("hold; x: time 20h of 20h, time 38h of 38h");
}

#[test]
fn a_date_that_is_to_come_is_waited_for_and_one_that_is_past_is_not_offered() {
    given(&permit("context.now >= datetime(\"2026-03-02T12:00:00Z\")"), own("export"))
        .then("hold; x: time 2h of 2h");
    given(&permit("context.now < datetime(\"2026-01-01\")"), own("export")).then("hold");
}

#[test]
fn bounds_that_contradict_each_other_are_not_offered() {
    given(
        &permit("context.waited >= duration(\"72h\") && context.waited < duration(\"24h\")"),
        own("export"),
    )
    .then("hold");
    given(&permit("context.approvals.privacy >= 2 && context.approvals.privacy < 2"), own("export"))
        .then("hold");
}

#[test]
fn an_upper_bound_on_a_growing_fact_is_shown_as_the_condition() {
    let text = permit("context.waited < duration(\"24h\")");
    given(&text, own("export"))
        .when(|it| it.waited_ms = 25 * HOUR_MS)
        .then("hold; x: opaque [context.waited < duration(\"24h\")]");
    assert!(policies(&text).warnings().iter().any(|it| it.message.contains("not explained")));
}

#[test]
fn a_guard_on_the_impact_needs_the_votes_when_the_plan_is_large() {
    let text = format!(
        "{} {}",
        permit("true"),
        forbid("context has impact && context.impact.rows > 1000 && context.approvals.data_owner < 1")
    );
    given(&text, own("export")).then("release");
    let large = |it: &mut Facts| it.impact = Some(Impact { rows: 5_000, tables: 1, sources: 1 });
    given(&text, own("export")).when(large).then("hold; x: vote data_owner 0/1");
}

#[test]
fn what_cannot_be_taken_apart_is_enforced_shown_and_warned_of() {
    let text = permit("context.approvals.privacy + context.approvals.data_owner >= 3");
    assert!(policies(&text).warnings().iter().any(|it| it.message.contains("not explained")));
    let two = |it: &mut Facts| {
        it.approvals.insert("privacy".into(), 3);
    };
    given(&text, own("export")).when(two).then("release");
    let verdict = judge(&policies(&text), &own("export"));
    assert!(said(&verdict.decision).contains("opaque"));
}

#[test]
fn membership_can_change_so_it_never_denies() {
    let text =
        r#"@id("x") permit(principal is Staff in Group::"privacy", action == Action::"export", resource);"#;
    let member = |it: &mut Facts| {
        it.requester.groups.insert("privacy".into());
    };
    given(text, staff("export")).when(member).then("release");
    given(text, staff("export")).then("hold; x: opaque [principal in Group::\"privacy\"]");
    given(text, own("export")).then("deny no_policy");
}

#[test]
fn counts_beyond_all_reason_are_bounded_and_do_not_overflow() {
    let text = permit("context.approvals.privacy + context.approvals.data_owner >= 3");
    let huge = |it: &mut Facts| {
        it.approvals.insert("privacy".into(), u64::MAX);
        it.approvals.insert("data_owner".into(), u64::MAX);
    };
    given(&text, own("export")).when(huge).then("release");
    given(&permit("context.approvals.privacy > 9223372036854775807"), own("export")).then("hold");
    given(&permit("context.running.export < -9223372036854775807 - 1"), own("export")).then("hold");
}

#[test]
fn the_criteria_name_policies_facts_and_commitments_and_never_a_personal_value() {
    let text = permit("resource.region == \"eu\" && context.verified.contains(\"email\")");
    let set = policies(&text);
    let mut facts = own("export");
    facts.verified.insert("email".into());
    let verdict = judge(&set, &facts);
    assert_eq!(verdict.decision, Decision::Release);
    assert_eq!(verdict.criteria.policies, ["x"]);
    assert_eq!(verdict.criteria.policy_set, set.hash());
    assert_eq!(verdict.criteria.facts["resource.region"], "c0ffee");
    assert_eq!(verdict.criteria.facts["verified"], "email");
    assert!(!format!("{facts:?}").contains("\"eu\"") && !format!("{facts:?}").contains("s1"));
}

#[test]
fn policies_tell_which_methods_the_waiting_counts_from() {
    let text =
        permit("context.verified.containsAll([\"email\", \"totp\"]) && context.waited >= duration(\"1h\")");
    let set = policies(&text);
    assert_eq!(set.methods_named("export").into_iter().collect::<Vec<_>>(), ["email", "totp"]);
    assert!(set.depends_on_time("export") && !set.depends_on_time("erase"));
}

#[test]
fn what_if_judges_by_other_files() {
    let files = [("new.cedar".to_owned(), permit("true"))];
    let verdict = try_policies(&vocabulary(), &files, &own("export")).unwrap();
    assert_eq!(verdict.decision, Decision::Release);
}

#[test]
fn a_set_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<PolicySet>();
}
