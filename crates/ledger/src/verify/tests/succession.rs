//! Logs whose key was succeeded: the reader who knows the first key alone follows the entries to the last.

use super::*;
use crate::succession::{succeed, succession_entry};

const AT: u64 = 300;

fn numbered(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

/// An export whose key was succeeded by what entry 300 says, and whose checkpoints `by` signed.
fn succeeded(entry: &str, by: impl Fn(u64) -> u8) -> Export {
    let mut bodies = bodies(SIZE);
    bodies[AT as usize] = entry.as_bytes().to_vec();
    let mut export = export(&bodies, &OLDER);
    for (path, file) in &mut export.0 {
        if path.starts_with("checkpoint") {
            let head = Checkpoint::unproved(file).unwrap();
            *file = head.sign(&numbered(by(head.size))).unwrap().into_bytes();
        }
    }
    export
}

/// From the first entry after it on, the new key signs. Ours is number 5.
fn rightly(size: u64) -> u8 {
    if size > AT { 6 } else { 5 }
}

fn stated() -> String {
    succession_entry(7, &succeed(&key(), &numbered(6)).unwrap())
}

#[test]
fn whoever_knows_the_first_key_follows_the_succession_to_the_newest_checkpoint() {
    let report = succeeded(&stated(), rightly).with(|_| {});
    assert!(report.is_whole(), "{:?}", texts(&report));
    assert_eq!(report.checkpoints, OLDER.len() as u64);
    assert_eq!(report.successors, [(AT, numbered(6).verifier().clone())]);
}

#[test]
fn a_new_key_that_no_entry_states_is_refused() {
    let report = succeeded("entry number 300", rightly).with(|_| {});
    assert_eq!(texts(&report), ["checkpoint: the note is not signed by the key it should be signed with"]);
    assert_eq!(report.head, None);
}

#[test]
fn the_old_key_signs_nothing_after_it_was_succeeded_and_the_new_one_nothing_before() {
    let report = succeeded(&stated(), |_| 5).with(|_| {});
    let refused = "the note is not signed by the key it should be signed with";
    assert_eq!(
        texts(&report),
        ["checkpoints/400", "checkpoints/600", "checkpoint"].map(|it| format!("{it}: {refused}"))
    );
    let report = succeeded(&stated(), |_| 6).with(|_| {});
    let early = ["checkpoints/0", "checkpoints/1", "checkpoints/100", "checkpoints/256"];
    assert_eq!(texts(&report), early.map(|it| format!("{it}: {refused}")));
}

#[test]
fn a_succession_that_the_key_in_force_did_not_sign_changes_nothing() {
    let stranger = succession_entry(7, &succeed(&numbered(8), &numbered(6)).unwrap());
    let report = succeeded(&stranger, |_| 5).with(|_| {});
    let refused = "entry 300: names a key that is to sign from then on, and is not valid: the note is not signed by the key it should be signed with";
    assert_eq!(texts(&report), [refused]);
    assert!(!succeeded(&stranger, rightly).with(|_| {}).is_whole());
}

#[test]
fn successions_follow_each_other() {
    let mut bodies = bodies(SIZE);
    bodies[100] = succession_entry(7, &succeed(&key(), &numbered(6)).unwrap()).into_bytes();
    bodies[500] = succession_entry(8, &succeed(&numbered(6), &numbered(7)).unwrap()).into_bytes();
    let mut export = export(&bodies, &OLDER);
    for (path, file) in &mut export.0 {
        if path.starts_with("checkpoint") {
            let head = Checkpoint::unproved(file).unwrap();
            let by = if head.size > 500 {
                7
            } else if head.size > 100 {
                6
            } else {
                5
            };
            *file = head.sign(&numbered(by)).unwrap().into_bytes();
        }
    }
    let report = export.with(|_| {});
    assert!(report.is_whole(), "{:?}", texts(&report));
    assert_eq!(report.successors.len(), 2);
}
