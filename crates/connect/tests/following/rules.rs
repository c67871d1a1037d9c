//! The rules, one function each.

use countersign_core::plan::Counts;
use countersign_core::receipt::Outcome;
use countersign_service::ports::source::{Severity, SourceError, Stepped, Target};

use crate::given::{Given, identity, touched};
use crate::permit::{key, permit};

pub async fn the_map_fits(given: Given) {
    let findings = given.source.check(&given.map).await.unwrap();
    let bad: Vec<_> = findings.iter().filter(|it| it.severity >= Severity::Drift).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(given.source.follows());
}

pub async fn whoever_is_meant_is_found_where_something_is(given: Given) {
    let found = given.source.resolve(&given.map, &[identity("account", "42")]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].identities.contains(&identity("account", "42")));
    let looked = given.source.look(&given.map, std::slice::from_ref(&found[0].root)).await.unwrap();
    assert_eq!(looked, found);
    for (kind, value) in [("account", "4"), ("account", "nobody"), ("shoe", "42")] {
        assert!(
            given.source.resolve(&given.map, &[identity(kind, value)]).await.unwrap().is_empty(),
            "{value}"
        );
    }
}

pub async fn the_plan_counts_what_goes(given: Given) {
    assert_eq!(given.planned(&given.ana()).await, given.own);
    assert_eq!(given.planned(&given.subject("nobody@x.test", "4")).await, 0);
    let one = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let other = given.source.survey(&given.map, &given.subject("nobody@x.test", "4")).await.unwrap();
    assert_eq!((one.fingerprint, one.map_version), (other.fingerprint, other.map_version));
    let shape = |lines: Vec<countersign_core::plan::PlanLine>| -> Vec<(String, String)> {
        lines.into_iter().map(|it| (it.table, it.way)).collect()
    };
    assert_eq!(shape(one.lines), shape(other.lines), "the digest goes by the map alone");
}

pub async fn an_erasure_takes_the_subjects_and_nobody_elses(given: Given) {
    let before = (given.picture)();
    assert!(before.own > 0);
    let ceiling = given.source.survey(&given.map, &given.ana()).await.unwrap();
    let ceiling = countersign_core::plan::Plan { sources: vec![ceiling] }.counts();
    assert_eq!(touched(given.erase(1, Some(ceiling)).await), given.own);
    let after = (given.picture)();
    assert_eq!(after.own, 0);
    assert_eq!(after.others, before.others);
    assert_eq!(given.planned(&given.ana()).await, 0);
}

pub async fn a_second_try_under_the_same_key_does_nothing(given: Given) {
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    let first = given.erase(1, None).await.unwrap();
    (given.comes_back)();
    let back = (given.picture)().own;
    assert!(back > 0);
    assert_eq!(given.erase(1, None).await.unwrap(), first);
    assert_eq!((given.picture)().own, back);
    let Stepped::Done(receipt) = first else { panic!("it is done") };
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), Some(receipt));
}

pub async fn what_is_void_never_happens(given: Given) {
    let receipt = given.source.void(&key(1)).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Void);
    assert_eq!(given.source.void(&key(1)).await.unwrap(), receipt);
    assert_eq!(given.erase(1, None).await.unwrap(), Stepped::Void(receipt));
    assert!((given.picture)().own > 0);
    assert_eq!(touched(given.erase(2, None).await), given.own, "another key is another step");
}

pub async fn what_is_done_cannot_be_made_void(given: Given) {
    given.erase(1, None).await.unwrap();
    let receipt = given.source.void(&key(1)).await.unwrap();
    assert!(matches!(receipt.outcome, Outcome::Done { .. }));
}

pub async fn more_than_was_signed_commits_nothing(given: Given) {
    let before = (given.picture)();
    let stepped = given.erase(1, Some(Counts::default())).await.unwrap();
    let Stepped::Beyond { counted } = stepped else { panic!("it is beyond: {stepped:?}") };
    assert_eq!(counted.rows(), given.own);
    let after = (given.picture)();
    assert_eq!((after.own, after.others), (before.own, before.others));
    assert_eq!(given.source.receipt(&key(1)).await.unwrap(), None);
    assert_eq!(given.source.void(&key(1)).await.unwrap().outcome, Outcome::Void);
}

pub async fn a_foreign_permit_is_refused(given: Given) {
    let target = given.ana();
    for (permit, key) in [(permit(1, "erase", None), key(2)), (permit(1, "export", None), key(1))] {
        let refused = given.source.erase(&permit, &key, &given.map, &target).await;
        assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");
    }
    let (out, _pieces) = tokio::sync::mpsc::channel(4);
    let refused = given.source.export(&permit(1, "erase", None), &given.map, &target, out).await;
    assert!(matches!(refused, Err(SourceError::Refused { .. })), "{refused:?}");
    assert!((given.picture)().own > 0);
}

pub async fn an_export_holds_the_subjects_and_nobody_elses(given: Given) {
    let (text, counts) = given.exported(1).await;
    assert_eq!(counts.rows(), given.own, "{text}");
    assert!(text.contains("marked as Ana's"), "{text}");
    for foreign in ["ben@y.test", "1042", "marked as Ben's", "s3cret"] {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }
}

pub async fn the_look_afterwards_finds_what_came_back(given: Given) {
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), given.own);
    given.erase(1, None).await.unwrap();
    assert_eq!(given.source.left(&given.map, &given.ana()).await.unwrap().rows(), 0);
    (given.comes_back)();
    assert!(given.source.left(&given.map, &given.ana()).await.unwrap().rows() > 0);
}

pub async fn a_purge_takes_what_is_older(given: Given) {
    let Some((name, before, older)) = given.older else { return };
    let target = Target::Dataset { name: name.to_owned(), before };
    assert_eq!(given.planned(&target).await, older);
    let purge = permit(1, "purge", None);
    assert_eq!(touched(given.source.erase(&purge, &key(1), &given.map, &target).await), older);
    assert_eq!(given.planned(&target).await, 0);
    assert_eq!(given.source.left(&given.map, &target).await.unwrap().rows(), 0);
    let none = Target::Dataset { name: "nothing".to_owned(), before };
    assert!(given.source.survey(&given.map, &none).await.is_err());
}

pub async fn no_value_stands_in_an_error(given: Given) {
    let mut root = match given.ana() {
        Target::Subject(roots) => roots[0].clone(),
        Target::Dataset { .. } => unreachable!(),
    };
    root.table = "elsewhere".to_owned();
    let error = given.source.survey(&given.map, &Target::Subject(vec![root])).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ana@x.test"), "{error}");
}
