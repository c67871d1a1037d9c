//! The picture of what our own policies say in which situation, checked in as `matrix.txt`.
//! Written anew with `COUNTERSIGN_UPDATE=1 cargo test -p countersign-policy --test matrix`; read the difference.
#![allow(clippy::unwrap_used, missing_docs)]

mod given;

use std::fmt::Write as _;

use countersign_core::verdict::Decision;
use countersign_policy::*;
use given::*;

type Change = fn(&mut Facts);

fn verified(facts: &mut Facts, methods: &[&str]) {
    facts.verified.extend(methods.iter().map(ToString::to_string));
}

fn approved(facts: &mut Facts, group: &str, count: u64) {
    facts.approvals.insert(group.into(), count);
    facts.approvals_any += count;
}

fn held(facts: &mut Facts) {
    facts.resource.attributes.insert("legal_hold".into(), Attribute::plain(Value::Bool(true)));
}

fn attested(facts: &mut Facts) {
    facts.attested.insert("identity".into());
}

fn unseen(facts: &mut Facts) {
    facts.survey = SurveyState::Absent;
    facts.resource.attributes.clear();
    facts.impact = None;
}

fn ready(facts: &mut Facts) {
    verified(facts, &["email", "totp"]);
    approved(facts, "privacy", 2);
    facts.waited_ms = 72 * HOUR_MS;
}

fn situations() -> Vec<(&'static str, Facts, Change)> {
    vec![
        ("export, own, new, before the survey", own("export"), unseen),
        ("export, own, proved, before the survey", own("export"), |it| {
            unseen(it);
            verified(it, &["email"]);
        }),
        ("export, own, proved, survey too old", own("export"), |it| {
            verified(it, &["email"]);
            it.survey = SurveyState::Stale;
        }),
        ("export, own, proved", own("export"), |it| verified(it, &["email"])),
        ("export, own, proved, another goes first", own("export"), |it| {
            verified(it, &["email"]);
            it.conflicts = 1;
        }),
        ("access, own, new", own("access"), |_| {}),
        ("export, staff, not attested", staff("export"), |_| {}),
        ("export, staff, attested", staff("export"), attested),
        ("export, staff, attested, approved", staff("export"), |it| {
            attested(it);
            approved(it, "privacy", 1);
        }),
        ("export, agent", own("export"), |it| it.requester.kind = RequesterKind::Agent),
        ("erase, own, new, before the survey", own("erase"), unseen),
        ("erase, own, new", own("erase"), |_| {}),
        ("erase, own, half way", own("erase"), |it| {
            verified(it, &["email"]);
            approved(it, "privacy", 1);
            it.waited_ms = 24 * HOUR_MS;
        }),
        ("erase, own, all there", own("erase"), ready),
        ("erase, own, all there, survey too old", own("erase"), |it| {
            ready(it);
            it.survey = SurveyState::Stale;
        }),
        ("erase, own, all there, 100 run", own("erase"), |it| {
            ready(it);
            it.running.insert("erase".into(), 100);
        }),
        ("erase, own, all there, nobody read what runs", own("erase"), |it| {
            ready(it);
            it.running.clear();
        }),
        ("erase, own, all there, another goes first", own("erase"), |it| {
            ready(it);
            it.conflicts = 1;
        }),
        ("erase, own, legal hold at first", own("erase"), |it| {
            held(it);
            it.first_judgement = true;
        }),
        ("erase, own, legal hold later", own("erase"), |it| {
            ready(it);
            held(it);
        }),
        ("erase, staff, not attested", staff("erase"), |_| {}),
        ("erase, staff, attested, 120 run", staff("erase"), |it| {
            attested(it);
            it.running.insert("erase".into(), 120);
        }),
        ("erase, staff, attested, approved", staff("erase"), |it| {
            attested(it);
            approved(it, "privacy", 1);
        }),
        ("erase, agent", own("erase"), |it| it.requester.kind = RequesterKind::Agent),
        ("purge, timer, before the survey", tick(), |it| {
            it.survey = SurveyState::Absent;
            it.impact = None;
        }),
        ("purge, timer, small", tick(), |_| {}),
        ("purge, timer, large", tick(), |it| {
            it.impact = Some(Impact { rows: 200_000, tables: 1, sources: 1 })
        }),
        ("purge, timer, large, approved", tick(), |it| {
            it.impact = Some(Impact { rows: 200_000, tables: 1, sources: 1 });
            approved(it, "data_owner", 1);
        }),
        ("purge, timer, small, elsewhere", tick(), |it| it.environment = "test".into()),
        ("purge, of a person instead of a dataset", own("purge"), |_| {}),
        ("purge, staff", tick(), |it| it.requester.kind = RequesterKind::Staff),
    ]
}

#[test]
fn our_policies_say_what_the_picture_shows() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/");
    let files = ["export", "erase", "purge"].map(|name| {
        let file = format!("{name}.cedar");
        (file.clone(), std::fs::read_to_string(format!("{folder}{file}")).unwrap())
    });
    let set = load(&vocabulary(), &files).unwrap();
    let mut picture = String::new();
    for (name, mut facts, change) in situations() {
        change(&mut facts);
        let verdict = judge(&set, &facts);
        let by = verdict.criteria.policies.join(", ");
        match &verdict.decision {
            Decision::Release => writeln!(picture, "{name}\n    release by {by}").unwrap(),
            Decision::Deny { code } => writeln!(picture, "{name}\n    deny {code} {by}").unwrap(),
            Decision::Hold { paths } => {
                let errors = verdict.criteria.errors.join(", ");
                writeln!(picture, "{name}\n    hold{}{errors}", if errors.is_empty() { "" } else { ": " })
                    .unwrap();
                for path in paths {
                    let missing: Vec<_> = path.missing.iter().map(word).collect();
                    writeln!(picture, "      {}: {}", path.policy, missing.join(", ")).unwrap();
                }
            }
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix.txt");
    if std::env::var_os("COUNTERSIGN_UPDATE").is_some() {
        std::fs::write(file, &picture).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept == picture, "the picture changed; look at it with COUNTERSIGN_UPDATE=1\n{picture}");
}
