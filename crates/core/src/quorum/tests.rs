//! Which votes count, and as how many.

use super::*;

#[test]
fn two_officers_are_two_and_of_anybody_too() {
    let tally = count(&[vote("bo", "privacy"), vote("cy", "privacy")], &members(&["bo", "cy"]));
    assert_eq!(seats(&tally), [("privacy", 2)]);
    assert_eq!(tally.any, 2);
}

#[test]
fn one_person_is_one_however_many_votes_stand() {
    let votes = [vote("bo", "privacy"), vote("bo", "privacy"), vote("bo", "legal")];
    let tally = count(&votes, &members(&["bo"]));
    assert_eq!(seats(&tally), [("privacy", 1)]);
    assert_eq!(tally.any, 1);
}

#[test]
fn any_counts_everybody_once_across_seats() {
    let tally = count(&[vote("bo", "privacy"), vote("cy", "legal")], &members(&["bo", "cy"]));
    assert_eq!(seats(&tally), [("legal", 1), ("privacy", 1)]);
    assert_eq!(tally.any, 2);
}

#[test]
fn a_vote_for_a_seat_that_the_voter_lost_does_not_count() {
    let voters = [(person("bo"), Voter { seats: BTreeSet::from(["legal".to_owned()]), is_subject: false })];
    assert_eq!(count(&[vote("bo", "privacy")], &voters.into()), Tally::default());
}

#[test]
fn a_voter_of_whom_nothing_is_known_does_not_count() {
    assert_eq!(count(&[vote("bo", "privacy")], &BTreeMap::new()), Tally::default());
}

#[test]
fn a_voter_on_the_asking_side_does_not_count() {
    assert_eq!(count(&[vote("ana", "privacy")], &members(&["ana"])), Tally::default());
}

#[test]
fn a_voter_who_turns_out_to_be_the_subject_does_not_count() {
    let mut voters = members(&["bo", "cy"]);
    voters.entry(person("bo")).or_default().is_subject = true;
    assert_eq!(count(&[vote("bo", "privacy"), vote("cy", "privacy")], &voters).any, 1);
}

#[test]
fn a_vote_on_another_digest_does_not_count() {
    let other = Vote { digest: Digest::from_bytes([9; 32]), ..vote("bo", "privacy") };
    assert_eq!(count(&[other], &members(&["bo"])), Tally::default());
}

#[test]
fn a_vote_counts_within_what_it_signed() {
    for (ceiling, any) in [(100, 1), (99, 0)] {
        let vote = Vote { ceiling: orders(ceiling), ..vote("bo", "privacy") };
        assert_eq!(count(&[vote], &members(&["bo"])).any, any, "up to {ceiling}");
    }
}

#[test]
fn the_lowest_ceiling_of_the_votes_that_count_binds() {
    let up_to = |by, rows| Vote { ceiling: orders(rows), ..vote(by, "privacy") };
    for (bo, cy) in [(150, 110), (110, 150)] {
        let votes = [up_to("bo", bo), up_to("cy", cy), up_to("di", 105)];
        assert_eq!(count(&votes, &members(&["bo", "cy"])).ceiling, Some(orders(110)));
    }
    assert_eq!(count(&[vote("bo", "privacy")], &BTreeMap::new()).ceiling, None);
}

/// Counts over a survey of 100 orders; Ana asks.
fn count(votes: &[Vote], voters: &BTreeMap<PersonId, Voter>) -> Tally {
    let survey = Survey {
        at: Timestamp::from_millis(0),
        digest: Digest::from_bytes([1; 32]),
        roots: Commitment::from_bytes([2; 32]),
        identities: Vec::new(),
        counts: orders(100),
    };
    tally(votes, &survey, &BTreeSet::from([person("ana")]), voters)
}

fn seats(tally: &Tally) -> Vec<(&str, i64)> {
    tally.by_seat.iter().map(|(seat, people)| (&**seat, *people)).collect()
}

fn vote(by: &str, seat: &str) -> Vote {
    Vote {
        by: person(by),
        seat: seat.to_owned(),
        digest: Digest::from_bytes([1; 32]),
        ceiling: orders(100),
        reason: None,
        at: Timestamp::from_millis(1),
    }
}

/// Members of both seats.
fn members(names: &[&str]) -> BTreeMap<PersonId, Voter> {
    let voter = || Voter { seats: ["privacy", "legal"].map(str::to_owned).into(), is_subject: false };
    names.iter().map(|name| (person(name), voter())).collect()
}

fn person(name: &str) -> PersonId {
    PersonId::from_bytes(std::array::from_fn(|place| name.as_bytes().get(place).copied().unwrap_or(0)))
}

fn orders(rows: u64) -> Counts {
    let mut counts = Counts::default();
    counts.add("shop", "orders", rows);
    counts
}
