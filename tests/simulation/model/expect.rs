//! What a call may be answered, as things stand; and what it must have left in the ledger if the answer was yes.

use std::collections::BTreeSet;

use countersign_core::id::{Digest, PersonId, RequestId};
use countersign_core::request::{By, Event};
use countersign_service::ports::store::Status;

use super::law::Occasion;
use super::{Asked, Asker, Model, Read, Request};
use crate::laws::{FETCHES, Numbers};
use crate::world::Root;

/// How a stuck request is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Retry,
    Accept,
    Abandon,
}

/// A call, with all that it rests on.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Submit { asked: Asked },
    Start { of: RequestId },
    Code { of: RequestId, right: bool },
    Totp { of: RequestId, device: Option<(String, i64)>, right: bool },
    Fetch { of: RequestId },
    Vote { of: RequestId, by: PersonId, seat: &'static str, digest: Digest, approve: bool },
    Withdraw { of: RequestId, own: bool },
    Hold { name: String, roots: BTreeSet<Root>, away: bool },
    Lift { name: String },
    Seat { person: PersonId, seat: &'static str, held: bool },
    Apply { numbers: Numbers },
    Settle { of: RequestId, way: Way },
}

pub(crate) const YES: &str = "yes";
/// Codes of a challenge: tries, codes, and how long, in milliseconds.
const MOST: u32 = 5;
const QUARTER: i64 = 15 * 60_000;

impl Model {
    /// What the call may be answered at this moment: `yes`, or the code of a refusal.
    pub(crate) fn answers(&self, call: &Call, now: i64) -> BTreeSet<&'static str> {
        let mut no = BTreeSet::new();
        match call {
            Call::Submit { asked } => {
                if let Some((before, _, at)) =
                    asked.key.and_then(|key| self.submissions.get(&(asked.by, key)))
                {
                    let remembered = now - at < 24 * 3_600_000;
                    let same = Asked { n: asked.n, ..before.clone() } == *asked;
                    if !same && remembered {
                        no.insert("idempotency_key_reused");
                    } else if !same {
                        return [YES, "idempotency_key_reused"].into();
                    }
                }
            }
            Call::Start { of } => {
                let request = &self.requests[of];
                if request.status != Status::Waiting && !request.opens(now) {
                    no.insert("too_late");
                }
                let recent = request.challenge.as_ref().filter(|it| now - it.since < QUARTER);
                if recent.is_some_and(|it| it.starts >= MOST) {
                    no.insert("too_many_codes");
                }
            }
            Call::Code { of, right } => {
                let request = &self.requests[of];
                let live = request.challenge.as_ref();
                let live = live.filter(|it| it.live && it.wrong < MOST && now < it.ends);
                match live {
                    None => no.extend(["no_challenge"]),
                    Some(_) if !right => no.extend(["wrong_code"]),
                    Some(_) => no.extend(past(request.status).filter(|_| !request.opens(now))),
                }
            }
            Call::Totp { of, device, right } => {
                let request = &self.requests[of];
                let (tries, since) = request.wrong;
                if self.forgotten.contains(of) {
                    no.insert("too_late");
                } else if request.survey.is_none() {
                    no.insert("too_early");
                } else if tries >= MOST && now < since + QUARTER {
                    no.insert("no_challenge");
                } else if let Some((name, step)) = device {
                    let used = self.last_step.get(name).is_some_and(|last| last >= step);
                    if used || !right {
                        no.insert("wrong_code");
                    } else {
                        no.extend(past(request.status).filter(|_| !request.opens(now)));
                    }
                } else {
                    no.insert("not_enrolled");
                }
            }
            Call::Fetch { of } => {
                let request = &self.requests[of];
                match request.package {
                    None if request.status != Status::Completed => no.extend(["too_early"]),
                    None => no.extend(["not_found"]),
                    Some(package) => {
                        let over = now >= package.until || package.fetched >= FETCHES;
                        no.extend(over.then_some("conflict"));
                        no.extend((!request.is_proved_for_package(now)).then_some("proof_too_old"));
                    }
                }
            }
            Call::Vote { of, by, seat, digest, approve } => {
                no.extend(self.no_vote(&self.requests[of], *by, seat, digest, *approve));
            }
            Call::Withdraw { of, own } => {
                let status = self.requests[of].status;
                no.extend((!own).then_some("not_found"));
                no.extend(past(status).filter(|_| status != Status::Released));
            }
            Call::Hold { name, roots, away } => {
                no.extend(away.then_some("source_unavailable"));
                no.extend((roots.is_empty() && !away).then_some("invalid"));
                no.extend(self.holds.get(name).filter(|standing| *standing != roots).map(|_| "conflict"));
            }
            Call::Lift { name } => {
                no.extend((!self.placed.contains(name)).then_some("not_found"));
            }
            Call::Seat { .. } | Call::Apply { .. } => {}
            Call::Settle { of, way } => {
                let request = &self.requests[of];
                if request.status != Status::Stuck {
                    no.extend(["too_early", "too_late", "closed"]);
                } else {
                    let erases = matches!(request.asked.action, "erase" | "purge");
                    let away = request.open_steps().iter().any(|step| self.world.is_away(step));
                    no.extend((erases && away).then_some("source_unavailable"));
                    let lacks = self.lacks(request, now, Occasion::Again);
                    no.extend((*way == Way::Retry && !lacks.is_empty()).then_some("not_released"));
                }
            }
        }
        if no.is_empty() {
            no.insert(YES);
        }
        no
    }

    fn no_vote(
        &self,
        request: &Request,
        by: PersonId,
        seat: &str,
        digest: &Digest,
        approve: bool,
    ) -> BTreeSet<&'static str> {
        let mut no = BTreeSet::new();
        let released = request.status == Status::Released;
        if request.status != Status::Waiting && (approve || !released) {
            no.extend(past(request.status));
            return no;
        }
        no.extend(request.asking.contains(&by).then_some("own_request"));
        no.extend(self.is_barred(request, by).then_some("own_data"));
        no.extend((!self.people[&by].seats.contains(seat)).then_some("not_your_seat"));
        if approve {
            match &request.survey {
                None => no.extend(["too_early"]),
                Some(survey) if survey.digest != *digest => no.extend(["stale_digest"]),
                Some(survey) => {
                    let stands = request.votes.get(&by).is_some_and(|vote| {
                        vote.digest == survey.digest && survey.counts.beyond(&vote.ceiling).is_none()
                    });
                    no.extend(stands.then_some("already_voted"));
                }
            }
        }
        no
    }

    /// Whether nothing needs to be written for a yes, because it is so already.
    pub(crate) fn is_so(&self, call: &Call, now: i64) -> bool {
        match call {
            Call::Submit { asked } => {
                asked.key.is_some_and(|key| self.submissions.contains_key(&(asked.by, key)))
            }
            Call::Start { .. } => true,
            // After the end it opens a package, of which the ledger says nothing.
            Call::Code { of, .. } | Call::Totp { of, .. } => self.requests[of].opens(now),
            Call::Hold { name, roots, .. } => self.holds.get(name) == Some(roots),
            Call::Lift { name } => !self.holds.contains_key(name),
            Call::Seat { person, seat, held } => self.people[person].seats.contains(*seat) == *held,
            _ => false,
        }
    }
}

impl Call {
    /// Whether an entry is what a yes to this call promises.
    pub(crate) fn is_shown_by(&self, read: &Read) -> bool {
        match (self, read) {
            (Call::Code { of, .. }, Read::Event(id, event)) => {
                id == of && matches!(&**event, Event::Verified { proof } if proof.method == "email")
            }
            (Call::Totp { of, .. }, Read::Event(id, event)) => {
                id == of && matches!(&**event, Event::Verified { proof } if proof.method == "totp")
            }
            (Call::Vote { of, by, approve: true, .. }, Read::Event(id, event)) => {
                id == of && matches!(&**event, Event::Approved { vote } if vote.by == *by)
            }
            (Call::Vote { of, by, .. }, Read::Event(id, event)) => {
                let denies = |who: &By| matches!(who, By::Person { person, .. } if person == by);
                id == of && matches!(&**event, Event::Denied { by, .. } if denies(by))
            }
            (Call::Withdraw { of, .. }, Read::Event(id, event)) => {
                id == of && matches!(**event, Event::Withdrawn { .. })
            }
            (Call::Settle { of, way }, Read::Event(id, event)) => {
                id == of
                    && match way {
                        Way::Retry => matches!(**event, Event::RunStarted { by: Some(_), .. }),
                        Way::Accept => matches!(**event, Event::Accepted { .. }),
                        Way::Abandon => matches!(**event, Event::Abandoned { .. }),
                    }
            }
            (Call::Fetch { of }, Read::Fetched(id)) => of == id,
            (Call::Submit { .. }, Read::Event(_, event)) => matches!(**event, Event::Submitted(_)),
            (Call::Hold { name, .. }, Read::Hold(of, true)) => name == of,
            (Call::Lift { name }, Read::Hold(of, false)) => name == of,
            (Call::Seat { person, seat, held }, Read::Seat(of, at, so)) => {
                person == of && seat == at && held == so
            }
            (Call::Apply { numbers }, Read::Settings(entered)) => numbers == entered,
            _ => false,
        }
    }

    /// Whether a subject speaks with the token of the request alone.
    pub(crate) fn is_of_subject(asked: &Asked) -> bool {
        asked.by == Asker::Subject
    }
}

/// Why nothing can be added any more.
fn past(status: Status) -> impl Iterator<Item = &'static str> {
    let no = match status {
        Status::Waiting => None,
        Status::Released | Status::Running | Status::Stuck => Some("too_late"),
        _ => Some("closed"),
    };
    no.into_iter()
}
