//! The policy walk: whatever policies load, a verdict comes of them, a release only by what Cedar itself allows, and no way
//! that is shown is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use countersign_core::time::Timestamp;
use countersign_core::verdict::Decision;
use countersign_policy::{
    Facts, Impact, Requester, RequesterKind, Resource, ResourceKind, SurveyState, Vocabulary, judge, load,
};

use crate::mutator::{fuzz, kind};

fn vocabulary() -> Vocabulary {
    let mut it = Vocabulary::standard();
    it.groups = ["privacy", "data_owner"].map(str::to_owned).into();
    it.environments = ["production".to_owned()].into();
    it
}

fn facts(action: &str, survey: SurveyState) -> Facts {
    let actions = vocabulary().actions;
    let none = || actions.iter().map(|action| (action.clone(), 0)).collect::<BTreeMap<_, _>>();
    Facts {
        action: action.to_owned(),
        requester: Requester {
            kind: RequesterKind::Subject,
            id: "s1".to_owned(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
        },
        resource: Resource { kind: ResourceKind::Subject, id: "s1".to_owned(), attributes: BTreeMap::new() },
        environment: "production".to_owned(),
        channel: "portal".to_owned(),
        now: Timestamp::from_millis(1_772_445_600_000),
        waited_ms: 3_600_000,
        verified: ["email".to_owned()].into(),
        attested: BTreeSet::new(),
        approvals: [("privacy".to_owned(), 1)].into(),
        approvals_any: 1,
        running: none(),
        started_today: none(),
        impact: Some(Impact { rows: 12, tables: 3, sources: 1 }),
        conflicts: 0,
        survey,
        first_judgement: true,
    }
}

#[test]
fn policies_are_walked_without_panic_and_released_only_by_what_the_engine_allows() {
    let shipped = ["erase", "export", "purge"].map(|name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/{name}.cedar"));
        std::fs::read(path).unwrap()
    });
    fuzz("policy", shipped.to_vec(), |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let set = match load(&vocabulary(), &[("a.cedar".to_owned(), text)]) {
            Ok(set) => set,
            Err(error) => return kind(error.problems.len().min(4)),
        };
        let mut outcomes = Vec::new();
        for action in ["erase", "export"] {
            for survey in [SurveyState::Absent, SurveyState::Fresh] {
                let verdict = judge(&set, &facts(action, survey));
                match &verdict.decision {
                    Decision::Release => {
                        assert!(survey == SurveyState::Fresh && verdict.criteria.errors.is_empty());
                        assert!(!verdict.criteria.policies.is_empty(), "released by nothing");
                        outcomes.push((0, 0));
                    }
                    Decision::Hold { paths } => {
                        assert!(paths.iter().all(|path| !path.missing.is_empty()), "{paths:?}");
                        outcomes.push((1, paths.iter().map(|path| path.missing.len()).sum::<usize>()));
                    }
                    Decision::Deny { code } => outcomes.push((2, code.len())),
                }
            }
        }
        kind(outcomes)
    });
}
