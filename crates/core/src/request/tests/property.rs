//! Whatever is asked, in whatever order and at whatever time: what `decide` allows, `next` accepts; replay gives
//! the same state; and a permit comes from a release alone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::arrows::word;
use super::sample::*;
use crate::receipt::{Outcome as Became, Receipt, ReceiptKey};
use crate::request::{Actor, Command, Event, Name, Outcome, State};
use crate::subject::Proof;
use crate::survey::{Survey, Surveyed};
use crate::time::Timestamp;
use crate::verdict::Decision;

#[test]
fn whatever_decide_allows_next_accepts_and_replay_gives_the_same_state() {
    runner()
        .run(&wishes(), |wishes| {
            let history = live(wishes);
            let written: Vec<String> =
                history.iter().map(|told| serde_json::to_string(&told.event).unwrap()).collect();
            let events: Vec<Event> = written.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            let replayed = State::replay(request(), history.iter().map(|told| told.at).zip(&events));
            prop_assert_eq!(replayed.as_ref(), Ok(&history.last().unwrap().after));
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_permit_without_a_release_before_it_and_one_run_for_each_release_or_retry() {
    runner()
        .run(&wishes(), |wishes| {
            let (mut place, mut runs) = (false, 0);
            for told in live(wishes) {
                match &told.event {
                    Event::Released { .. } => place = true,
                    Event::RunStarted { run, by, .. } => {
                        prop_assert!(place, "a run without a release");
                        let released_now = told.before == Some(Name::Released);
                        prop_assert!(released_now || (told.before == Some(Name::Stuck) && by.is_some()));
                        runs += 1;
                        prop_assert_eq!(*run, runs);
                    }
                    Event::Retracted { .. }
                    | Event::Recounted { .. }
                    | Event::Shifted { .. }
                    | Event::HeldBack { .. } => place = false,
                    _ => {}
                }
                if let State::Running(running) = &told.after {
                    let permit = running.permit();
                    prop_assert_eq!((permit.request(), permit.run()), (request(), runs));
                    prop_assert_eq!(permit.digest(), running.survey().digest);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn nothing_was_done_when_a_request_waits_again_after_a_run() {
    runner()
        .run(&wishes(), |wishes| {
            for told in live(wishes) {
                let dossier = told.after.dossier();
                if dossier.runs() > 0 && matches!(told.after, State::Waiting(_) | State::Released(_)) {
                    prop_assert!(!dossier.is_part_done());
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn one_person_has_one_vote_and_nobody_who_asks_has_any() {
    runner()
        .run(&wishes(), |wishes| {
            for told in live(wishes) {
                let voters: Vec<_> = told.after.dossier().votes().iter().map(|vote| vote.by).collect();
                let distinct: BTreeSet<_> = voters.iter().copied().collect();
                prop_assert_eq!(voters.len(), distinct.len());
                prop_assert!(distinct.is_disjoint(&submission().asking.persons));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_random_histories_take_every_arrow_so_that_the_properties_say_something() {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    // Always the same histories, so that this never fails by chance.
    TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&wishes(), |wishes| {
            for told in live(wishes) {
                let Some(before) = told.before else { continue };
                let arrow =
                    format!("{:<9} {:<14} {}", word(before), told.event.kind(), word(told.after.name()));
                seen.borrow_mut().insert(arrow);
            }
            Ok(())
        })
        .unwrap();
    let drawn: BTreeSet<String> = include_str!("arrows.txt").lines().map(str::to_owned).collect();
    assert_eq!(seen.into_inner(), drawn);
}

/// An event of a random history.
struct Told {
    at: Timestamp,
    before: Option<Name>,
    event: Event,
    after: State,
}

/// What comes of asking for all of it, one after the other. Refusals change nothing.
fn live(wishes: Vec<Wish>) -> Vec<Told> {
    let (first, mut at) = (submitted(), moment(0));
    let mut state = State::begin(request(), at, &first).unwrap();
    let mut history = vec![Told { at, before: None, event: first, after: state.clone() }];
    for wish in wishes {
        at = at.plus_ms(wish.later_ms);
        for event in state.decide(wish.command(at), at).unwrap_or_default() {
            let before = Some(state.name());
            state = state.next(at, &event).unwrap();
            history.push(Told { at, before, event, after: state.clone() });
        }
    }
    history
}

/// Something asked for, likely or nonsense: which command, and a choice for each of its parts.
#[derive(Clone, Copy, Debug)]
struct Wish {
    command: usize,
    parts: [u8; 4],
    later_ms: i64,
}

/// How often each command is asked for, by its number; what carries a request on comes more often.
const OFTEN: [usize; 24] = [2, 6, 2, 4, 1, 1, 8, 8, 12, 3, 3, 3, 5, 4, 5, 3, 6, 1, 1, 1, 1, 10, 5, 8];

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let drum = OFTEN.iter().enumerate().flat_map(|(command, &often)| vec![command; often]);
    let command = prop::sample::select(drum.collect::<Vec<_>>());
    // Mostly a second or so; now and then a long time, or a clock that goes back.
    let later_ms = prop_oneof![12 => 0..2_000_i64, 1 => -5_000..0_i64, 1 => 0..2_000_000_i64];
    let wish = (command, any::<[u8; 4]>(), later_ms).prop_map(|(command, parts, later_ms)| Wish {
        command,
        parts,
        later_ms,
    });
    prop::collection::vec(wish, 0..60)
}

fn runner() -> TestRunner {
    TestRunner::new(config())
}

fn config() -> Config {
    Config { cases: 8_000, failure_persistence: None, ..Config::default() }
}

impl Wish {
    /// One of several, by one of the parts.
    fn one<T: Clone>(&self, part: usize, of: &[T]) -> T {
        of[usize::from(self.parts[part]) % of.len()].clone()
    }

    fn text(&self, part: usize, of: &[&str]) -> String {
        self.one(part, of).to_owned()
    }

    fn actor(&self) -> Actor {
        Actor {
            person: person(self.one(0, &["bo", "cy", "di", "bo", "ana", "agent"])),
            seats: seats(self.one(1, &[&["privacy"][..], &["privacy", "legal"], &[]])),
            is_subject: self.one(2, &[false, false, false, true]),
        }
    }

    fn survey(&self, at: Timestamp) -> Survey {
        Survey {
            at: self.one(0, &[at, at, at, at.plus_ms(-90_000)]),
            digest: digest(self.one(1, &["plan", "plan", "other plan"])),
            counts: orders(self.one(2, &[0, 100, 100, 110, 500, u64::MAX])),
            ..survey(0)
        }
    }

    fn decision(&self, part: usize) -> Decision {
        self.one(
            part,
            &[
                Decision::Release,
                Decision::Release,
                Decision::Release,
                Decision::Release,
                hold(),
                hold(),
                never(),
            ],
        )
    }

    fn receipt(&self) -> Receipt {
        let outcome = self.one(2, &[Became::Done { touched: orders(100) }, Became::Void]);
        let key = ReceiptKey {
            request: request(),
            run: self.one(0, &[1, 1, 1, 2, 2, 3, 0]),
            step: self.text(1, &["shop", "logs", "shop", "logs", "crm"]),
            chunk: self.one(3, &[0, 0, 0, 0, 0, 1]),
        };
        Receipt { key, outcome }
    }

    fn command(&self, at: Timestamp) -> Command {
        let by = person("op");
        let ceiling = self.one(3, &[None, None, Some(orders(120)), Some(orders(1))]);
        match self.command {
            0 => Command::Verify {
                proof: Proof {
                    at,
                    ..proof(
                        self.one(0, &["email", "totp"]),
                        self.one(1, &["ana@example.org", "A-7", "x@y.org"]),
                        0,
                    )
                },
            },
            1 => Command::Survey(Surveyed::Found(self.survey(at))),
            2 => Command::Survey(self.one(
                0,
                &[
                    Surveyed::Several { matches: 2 },
                    Surveyed::Several { matches: 3 },
                    Surveyed::Several { matches: 2 },
                    Surveyed::NoMatch,
                ],
            )),
            3 => Command::Approve {
                by: self.actor(),
                seat: self.text(3, &["privacy", "privacy", "privacy", "legal", "nobody"]),
                digest: digest(self.one(1, &["plan", "plan", "other plan"])),
                ceiling,
                reason: None,
            },
            4 => Command::Deny { by: self.actor(), seat: "privacy".to_owned(), reason: None },
            5 => Command::Resolve { by: self.actor(), choice: sealed("customer 7") },
            6 => Command::Judge {
                verdict: verdict(self.decision(0)),
                holds: Vec::new(),
                ceiling,
                max_age_ms: self.one(1, &[MAX_AGE_MS, MAX_AGE_MS, 0, -1, i64::MAX]),
            },
            7 => Command::Start {
                verdict: verdict(self.decision(0)),
                holds: Vec::new(),
                ceiling,
                proven: self.one(1, &[true, true, false]),
                steps: self.one(
                    2,
                    &[steps(), vec!["shop".to_owned()], vec!["shop".to_owned()], Vec::new(), Vec::new()],
                ),
            },
            8 => Command::Step { receipt: self.receipt() },
            9 => Command::Recount { counted: orders(500) },
            10 => Command::Shift { what: "roots".to_owned() },
            11 => Command::HoldBack { holds: vec!["litigation 4".to_owned()] },
            12 => Command::GetStuck { code: "outcome_unknown".to_owned() },
            13 => Command::Complete { outcome: self.one(0, &[outcome(), Outcome::default()]) },
            14 => Command::Retry { by, verdict: verdict(self.decision(0)), ceiling, steps: steps() },
            15 => Command::Accept { by, outcome: outcome(), reason: None },
            16 => Command::Abandon { by, reason: None },
            17 => Command::Withdraw { by: self.one(0, &[None, Some(person("ana"))]) },
            18 => Command::Refuse { code: "duplicate".to_owned(), earlier: request() },
            19 => Command::Expire,
            20 => Command::Extend { by, due_at: at.plus_ms(DUE * 1_000), reason: None },
            21 => Command::BreakGlass {
                by: self.actor(),
                seats: vec!["privacy".to_owned()],
                reason: sealed("an emergency"),
                review_due: moment(DUE),
            },
            22 => Command::ReviewGlass {
                by: self.actor(),
                seat: "privacy".to_owned(),
                justified: true,
                text: None,
            },
            _ => Command::Comment { by, text: sealed("remark") },
        }
    }
}
