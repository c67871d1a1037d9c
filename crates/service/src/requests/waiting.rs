//! What a waiting request is found by: a word for each thing that it misses, whom it never waits for, and the room that is
//! all it still wants.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::verdict::{Decision, Missing, Path, Verdict};

use crate::record::History;

/// Room of its own action is all that some way of a request still wants; of several ways the one that fits soonest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Full {
    /// Nobody gets a place until somebody resumes the action.
    Paused,
    /// What a day has used up comes back with the next, not with an end.
    Today,
    /// A place is free for it while fewer run.
    Below(i64),
}

/// The index of what [`Full`] says.
pub(crate) const ROOM: &str = "room";

impl Full {
    /// The word for it, of an action.
    pub(crate) fn word(self, action: &str) -> Vec<u8> {
        match self {
            Full::Paused => format!("{action}/paused"),
            Full::Today => format!("{action}/today"),
            Full::Below(limit) => format!("{action}<{limit}"),
        }
        .into_bytes()
    }
}

/// `None`: every way wants something else besides, so that it says nothing about whether others fit.
pub(crate) fn full(paths: &[Path], action: &str) -> Option<Full> {
    paths.iter().filter_map(|path| path_is_full(path, action)).max()
}

fn path_is_full(path: &Path, action: &str) -> Option<Full> {
    let each = path.missing.iter().map(|missing| match missing {
        Missing::Capacity { action: of, below, .. } if of == action => Some(Full::Below(*below)),
        Missing::Today { action: of, .. } if of == action => Some(Full::Today),
        Missing::Paused { action: of, .. } if of == action => Some(Full::Paused),
        _ => None,
    });
    // All of it must be had.
    each.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Whether a request is found under other words than these.
pub(crate) fn differs(history: &History, name: &str, words: &[Vec<u8>]) -> bool {
    let before: BTreeSet<&[u8]> = history.terms(name).collect();
    before != words.iter().map(|word| &**word).collect()
}

/// The index of the people for whom a request never waits, though it waits for a seat of theirs.
pub(crate) const NOT_FOR: &str = "not_for";

/// Whoever asks, and whoever voted so that it still counts.
pub(crate) fn not_for(history: &History) -> Vec<Vec<u8>> {
    let dossier = history.state().dossier();
    let votes = dossier
        .survey()
        .into_iter()
        .flat_map(|survey| dossier.votes().iter().filter(|vote| vote.covers(survey)).map(|vote| vote.by));
    let people: BTreeSet<PersonId> =
        votes.chain(dossier.submitted().asking.persons.iter().copied()).collect();
    people.into_iter().map(|person| person.as_bytes().to_vec()).collect()
}

/// The words under which a waiting request is found: `vote:privacy`, `capacity:erase`, `today:erase`, `time`, …
pub(crate) fn words(verdict: &Verdict) -> Vec<Vec<u8>> {
    let Decision::Hold { paths } = &verdict.decision else { return Vec::new() };
    let words: BTreeSet<String> = paths.iter().flat_map(|path| &path.missing).map(word).collect();
    words.into_iter().map(String::into_bytes).collect()
}

fn word(missing: &Missing) -> String {
    match missing {
        Missing::Verification { method } => format!("verification:{method}"),
        Missing::Vote { group, .. } => format!("vote:{group}"),
        Missing::Time { .. } => "time".to_owned(),
        Missing::Capacity { action, .. } | Missing::Paused { action, .. } => format!("capacity:{action}"),
        Missing::Today { action, .. } => format!("today:{action}"),
        Missing::Conflict { .. } => "conflict".to_owned(),
        Missing::Survey => "survey".to_owned(),
        Missing::Identity => "identity".to_owned(),
        Missing::LegalHold { .. } => "legal_hold".to_owned(),
        Missing::Attestation { name } => format!("attestation:{name}"),
        Missing::Opaque { .. } => "opaque".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(missing: Vec<Missing>) -> Path {
        Path { policy: String::new(), missing }
    }

    fn running(action: &str, below: i64) -> Missing {
        Missing::Capacity { action: action.to_owned(), below, now: 9 }
    }

    fn today() -> Missing {
        Missing::Today { action: "erase".to_owned(), below: 9, now: 9 }
    }

    fn vote() -> Missing {
        Missing::Vote { group: "privacy".to_owned(), need: 1, have: 0 }
    }

    #[test]
    fn of_one_way_the_narrowest_counts_and_of_several_the_widest() {
        let erase = |paths: &[Path]| full(paths, "erase");
        assert_eq!(erase(&[path(vec![running("erase", 9), running("erase", 2)])]), Some(Full::Below(2)));
        assert_eq!(
            erase(&[path(vec![running("erase", 2)]), path(vec![running("erase", 9)])]),
            Some(Full::Below(9))
        );
        assert_eq!(erase(&[path(vec![running("erase", 2), today()])]), Some(Full::Today));
    }

    #[test]
    fn who_wants_something_else_says_nothing_about_others() {
        let erase = |paths: &[Path]| full(paths, "erase");
        assert_eq!(erase(&[path(vec![running("erase", 2), vote()])]), None);
        assert_eq!(erase(&[path(vec![running("export", 2)])]), None);
        assert_eq!(erase(&[path(vec![running("erase", 2), vote()]), path(vec![today()])]), Some(Full::Today));
        assert_eq!(erase(&[path(vec![])]), None);
    }
}
