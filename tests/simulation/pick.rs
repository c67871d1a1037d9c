//! Which command comes next: by chance, with a lean towards what takes requests further.

use countersign_service::ports::store::Status;

use crate::chance::Chance;
use crate::command::{Calls, Command, Does, Named, Seen};
use crate::laws::NUMBERS;
use crate::model::{Asker, Model, Request, Way};
use crate::rig::{NODES, SUBJECTS};
use crate::wheel::{Fate, Stop};

const VOTERS: [&str; 6] = ["olga", "pavel", "ana", "dora", "stan", "stan again"];
const SEATS: [&str; 2] = ["privacy", "data_owner"];
/// Requests that are open at once, at most.
const OPEN: usize = 9;

pub(crate) struct Picker {
    pub(crate) chance: Chance,
    submitted: u32,
}

impl Picker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance(seed), submitted: 0 }
    }

    pub(crate) fn pick(&mut self, model: &Model) -> Command {
        let node = self.chance.below(NODES);
        match self.chance.below(100) {
            0..40 => self.calls(model),
            40..74 => Command::Work {
                node,
                jobs: 1 + self.chance.below(8) as u32,
                order: self.chance.next(),
                stop: self.chance.percent(18).then(|| self.stop()),
            },
            74..78 => Command::Wake { order: self.chance.next() },
            78..87 => Command::Pass { ms: self.span(model) },
            87..89 => Command::Time { node },
            89..91 => Command::Sign { node },
            91..94 => {
                let subject = self.chance.below(SUBJECTS.len());
                match self.chance.below(10) {
                    0..4 => Command::Grow { subject, rows: self.chance.one(&[1, 15, 21, 40]) },
                    4..6 => Command::Move { subject },
                    _ => Command::Return { subject },
                }
            }
            94..97 => {
                let does =
                    [Does::Works, Does::Works, Does::Away, Does::Refuses, Does::Refuses, Does::LosesAnswer];
                Command::Source { source: self.chance.one(&["shop", "crm"]), does: self.chance.one(&does) }
            }
            97 => Command::Crash { node },
            98 => {
                if self.chance.percent(40) {
                    Command::Restart
                } else {
                    Command::Crash { node }
                }
            }
            _ => Command::Quiet,
        }
    }

    fn stop(&mut self) -> Stop {
        let fate = if self.chance.percent(65) { Fate::Sleeps } else { Fate::Dies };
        Stop { task: self.chance.below(3), gate: 1 + self.chance.below(60) as u32, fate }
    }

    fn span(&mut self, model: &Model) -> i64 {
        let spans = &model.spans;
        match self.chance.below(20) {
            0..5 => 1 + spans.survey / 100,
            5..9 => spans.lease + 1,
            9..13 => spans.survey + 1,
            13..16 => spans.survey * 5,
            16..18 => spans.cooling + 1,
            18 => spans.unproven + 1,
            _ => spans.expires / 4,
        }
    }

    fn calls(&mut self, model: &Model) -> Command {
        let mut calls = vec![(self.chance.below(NODES), self.one(model))];
        let mut cut = None;
        if self.chance.percent(25) {
            for _ in 0..1 + self.chance.below(2) {
                let next = self.one(model);
                if calls.iter().all(|(_, call)| may_meet(call, &next)) {
                    calls.push((self.chance.below(NODES), next));
                }
            }
        } else if self.chance.percent(8) && may_be_cut(&calls[0].1, model) {
            cut = Some((0, 1 + self.chance.below(12) as u32));
        }
        Command::Call { calls, order: self.chance.next(), cut }
    }

    fn one(&mut self, model: &Model) -> Calls {
        let open = model.requests.values().filter(|request| request.is_open()).count();
        match self.chance.below(100) {
            0..25 if open < OPEN => self.submission(),
            0..80 if open > 0 => self.about(model),
            80..84 => Calls::Hold { name: self.chance.below(3), subject: self.subject(), named: self.name() },
            84..88 => Calls::Lift { name: self.chance.below(3) },
            88..93 => Calls::Seat {
                of: self.chance.one(&VOTERS),
                seat: self.chance.one(&SEATS),
                held: self.chance.percent(65),
            },
            93..96 => Calls::Apply { numbers: self.chance.below(NUMBERS.len()) },
            _ => self.submission(),
        }
    }

    fn subject(&mut self) -> usize {
        self.chance.below(SUBJECTS.len())
    }

    fn name(&mut self) -> Named {
        if self.chance.percent(50) { Named::Email } else { Named::Account }
    }

    fn submission(&mut self) -> Calls {
        self.submitted += 1;
        let action = self.chance.one(&["erase", "erase", "erase", "export", "access", "purge"]);
        let by = match self.chance.below(10) {
            0..4 if action != "purge" => Asker::Subject,
            0..9 => Asker::Desk,
            _ => Asker::Stan,
        };
        let named = match (by, self.chance.below(10)) {
            (Asker::Subject, 0) => Named::Mixed,
            (Asker::Subject, 1..3) => Named::Both,
            (Asker::Subject, _) => Named::Email,
            _ => self.name(),
        };
        let key = self.chance.percent(20).then(|| self.chance.below(4) as u8);
        Calls::Submit { n: self.submitted, action, subject: self.subject(), by, named, key }
    }

    /// Something about a request, mostly what it waits for.
    fn about(&mut self, model: &Model) -> Calls {
        let late = self.chance.percent(8);
        let waits = |it: &Request| it.asked.by == Asker::Subject && it.package.is_some();
        let packed = model.requests.values().any(waits) && self.chance.percent(30);
        let meant = |it: &&Request| if packed { waits(it) } else { it.is_open() != late };
        let those: Vec<&Request> = model.requests.values().filter(meant).collect();
        let Some(request) = (!those.is_empty()).then(|| self.chance.one(&those)) else {
            return self.submission();
        };
        let of = request.asked.n;
        let own = request.asked.by == Asker::Subject;
        match (request.status, self.chance.below(10)) {
            (Status::Stuck, 0..8) => {
                return Calls::Settle {
                    of,
                    way: self.chance.one(&[Way::Retry, Way::Retry, Way::Accept, Way::Abandon]),
                };
            }
            (Status::Waiting, 0..6) if own && request.proofs.is_empty() => {
                let sent = request.challenge.as_ref().is_some_and(|it| it.live);
                return if sent && self.chance.percent(80) {
                    Calls::Code { of, right: self.chance.percent(85) }
                } else {
                    Calls::Start { of }
                };
            }
            (Status::Waiting, 0..4) if own && request.asked.action == "erase" => {
                return Calls::Totp { of, right: self.chance.percent(80) };
            }
            (Status::Completed, 0..8) if own && request.hands_over() => {
                let sent = request.challenge.as_ref().is_some_and(|it| it.live);
                return match self.chance.below(10) {
                    0..4 if sent => Calls::Code { of, right: self.chance.percent(85) },
                    0..4 => Calls::Start { of },
                    4..6 => Calls::Totp { of, right: self.chance.percent(80) },
                    _ => Calls::Fetch { of },
                };
            }
            _ => {}
        }
        match self.chance.below(100) {
            0..80 => {
                let officers = ["olga", "pavel", "olga", "pavel", "stan"];
                let purges = request.asked.action == "purge";
                let (by, seat) = match self.chance.below(10) {
                    0..8 if purges => ("dora", "data_owner"),
                    0..8 => (self.chance.one(&officers), "privacy"),
                    // Somebody who asks or is asked about, maybe by another account.
                    8 => (self.chance.one(&["ana", "ana", "stan again", "stan"]), "privacy"),
                    _ => (self.chance.one(&VOTERS), self.chance.one(&SEATS)),
                };
                Calls::Vote {
                    of,
                    by,
                    seat,
                    approve: self.chance.percent(93),
                    seen: if self.chance.percent(94) { Seen::Present } else { Seen::Other },
                    tight: self.chance.percent(25),
                }
            }
            80..86 => Calls::Withdraw { of, own: self.chance.percent(60) },
            86..92 => Calls::Settle { of, way: self.chance.one(&[Way::Retry, Way::Accept, Way::Abandon]) },
            92..96 => Calls::Code { of, right: self.chance.percent(50) },
            _ => Calls::Start { of },
        }
    }
}

/// Whether an answer that never comes leaves the model in no doubt.
fn may_be_cut(call: &Calls, model: &Model) -> bool {
    match call {
        Calls::Start { .. } | Calls::Totp { .. } | Calls::Code { right: false, .. } => false,
        // A proof after the end is in no ledger.
        Calls::Code { of, .. } => model.labelled(*of).is_some_and(Request::is_open),
        _ => true,
    }
}

/// Whether it can be told afterwards from the ledger which of two came first.
fn may_meet(one: &Calls, other: &Calls) -> bool {
    let proves = |call: &Calls| {
        matches!(call, Calls::Start { .. } | Calls::Code { .. } | Calls::Totp { .. } | Calls::Fetch { .. })
    };
    let alike = std::mem::discriminant(one) == std::mem::discriminant(other);
    let once = |call: &Calls| {
        matches!(call, Calls::Submit { .. } | Calls::Hold { .. } | Calls::Lift { .. } | Calls::Seat { .. })
    };
    let holds = |call: &Calls| matches!(call, Calls::Hold { .. } | Calls::Lift { .. });
    !(proves(one) && proves(other) || alike && once(one) || holds(one) && holds(other))
}
