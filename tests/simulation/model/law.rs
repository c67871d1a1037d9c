//! The policies and the order among requests, as the design has them: what a request lacks before it may happen.

use std::collections::BTreeSet;

use countersign_core::id::PersonId;
use countersign_core::plan::Counts;
use countersign_service::ports::store::Status;

use super::{Asker, Model, Request};
use crate::laws::YOUNG;

/// By what occasion it is asked whether something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// A release, or the spending of its permit: on a young survey, in turn.
    Now,
    /// A person tries a stuck one again: on what was signed, whoever waits.
    Again,
    /// Whether anything but another look is missing.
    ButForALook,
}

impl Request {
    pub(crate) fn is_open(&self) -> bool {
        self.status.is_open()
    }

    pub(crate) fn is_proved(&self) -> bool {
        !self.proofs.is_empty() || self.asked.by == Asker::Desk || self.asked.action == "purge"
    }

    /// Whether what it comes to is a package.
    pub(crate) fn hands_over(&self) -> bool {
        matches!(self.asked.action, "export" | "access")
    }

    /// Whether a proof would open something, although the request is over.
    pub(crate) fn opens(&self, now: i64) -> bool {
        self.package.is_some_and(|package| now < package.until)
    }

    /// Whether the latest proof is young enough to fetch a package.
    pub(crate) fn is_proved_for_package(&self, now: i64) -> bool {
        let before = self.proofs.iter().map(|proof| proof.at.as_millis());
        before.chain(self.proved_again).any(|at| now - at <= YOUNG)
    }

    pub(crate) fn expires_at(&self) -> i64 {
        if self.is_proved() { self.expires.0 } else { self.expires.1 }
    }

    pub(crate) fn is_done(&self, step: &str) -> bool {
        self.steps.iter().any(|((_, of), done)| of == step && *done)
    }

    pub(crate) fn any_done(&self) -> bool {
        self.steps.values().any(|done| *done)
    }

    /// Steps of the run of which nobody knows.
    pub(crate) fn open_steps(&self) -> Vec<&String> {
        let void = |step: &String| self.steps.get(&(self.run, step.clone())) == Some(&false);
        self.plan.iter().filter(|step| !self.is_done(step) && !void(step)).collect()
    }

    /// Proofs of what the survey holds.
    fn verified(&self) -> BTreeSet<&str> {
        let Some(survey) = &self.survey else { return BTreeSet::new() };
        let held = self.proofs.iter().filter(|proof| survey.identities.contains(&proof.identity));
        held.map(|proof| &*proof.method).collect()
    }

    fn goes_before(&self, other: &Request) -> bool {
        (self.at, self.id) < (other.at, other.id)
    }
}

/// The most rows that a vote over these covers: a tenth more, or twenty.
pub(crate) fn most(counts: &Counts) -> Counts {
    let mut most = Counts::default();
    for (source, table, rows) in counts.iter() {
        most.add(source, table, (rows + 20).max(rows * 110 / 100));
    }
    most
}

impl Model {
    /// Whether somebody is on the side of the subject or of whoever asks, by an identity.
    pub(crate) fn is_barred(&self, request: &Request, person: PersonId) -> bool {
        let email = &self.people[&person].email;
        let asks = request.asking.iter().any(|asks| self.people[asks].email == *email);
        request.emails.contains(email) || asks
    }

    /// People whose approval for a seat counts now.
    pub(crate) fn approvals(&self, request: &Request, seat: &str) -> i64 {
        let Some(survey) = &request.survey else { return 0 };
        let counts = |(person, vote): &(&PersonId, &countersign_core::quorum::Vote)| {
            vote.seat == seat
                && vote.digest == survey.digest
                && survey.counts.beyond(&vote.ceiling).is_none()
                && self.people[*person].seats.contains(seat)
                && !request.asking.contains(*person)
                && !self.is_barred(request, **person)
        };
        request.votes.iter().filter(counts).count() as i64
    }

    /// Whether an action could ever be allowed to whoever asks.
    pub(crate) fn is_hopeless(request: &Request) -> bool {
        request.asked.by == Asker::Stan && request.asked.action != "purge"
    }

    pub(crate) fn holds_on(&self, request: &Request) -> Vec<&String> {
        let those = self.holds.iter().filter(|(_, roots)| !roots.is_disjoint(&request.roots));
        those.map(|(name, _)| name).collect()
    }

    /// An earlier erasure of the same subject, of which an erasure is a duplicate.
    pub(crate) fn duplicate_of<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a Request> {
        self.beside(request).filter(move |other| {
            other.goes_before(request) && (other.asked.action, request.asked.action) == ("erase", "erase")
        })
    }

    fn beside<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a Request> {
        self.requests.values().filter(move |other| {
            other.id != request.id && other.is_open() && !other.roots.is_disjoint(&request.roots)
        })
    }

    /// What a request waits for among those of the same subject.
    fn in_the_way(&self, request: &Request, occasion: Occasion) -> usize {
        let waits = |other: &&Request| {
            let pair = (other.asked.action, request.asked.action);
            let in_order = matches!(pair, ("export" | "access", "erase") | ("erase", "export" | "access"));
            // INVARIANT 10: whoever holds a place is waited for by everybody.
            let holds = other.status.holds_place();
            if occasion == Occasion::Again { holds } else { holds || in_order && other.goes_before(request) }
        };
        self.beside(request).filter(waits).count()
    }

    /// What is missing before this may happen; nothing: it may.
    pub(crate) fn lacks(&self, request: &Request, at: i64, occasion: Occasion) -> Vec<&'static str> {
        let mut lacks = Vec::new();
        let Some(survey) = request.survey.as_ref() else { return vec!["a survey"] };
        if occasion == Occasion::Now && (!request.usable || at - survey.at.as_millis() > self.spans.survey) {
            lacks.push("a young survey");
        }
        if self.in_the_way(request, occasion) > 0 {
            lacks.push("its turn");
        }
        let (verified, own) = (request.verified(), request.asked.by == Asker::Subject);
        let officers = self.approvals(request, "privacy");
        match request.asked.action {
            "erase" => {
                // INVARIANT 5: a limit is never passed.
                let places = self.requests.values().filter(|other| {
                    other.id != request.id && other.asked.action == "erase" && other.status.holds_place()
                });
                if places.count() as u64 >= self.numbers.limit {
                    lacks.push("a place");
                }
                if !self.holds_on(request).is_empty() {
                    lacks.push("the end of a legal hold");
                }
                if own && !(verified.contains("email") && verified.contains("totp")) {
                    lacks.push("proofs");
                }
                if own && at - self.waits_since(request) < self.spans.cooling {
                    lacks.push("time");
                }
                if officers < if own { self.numbers.own } else { self.numbers.desk } {
                    lacks.push("votes");
                }
            }
            "purge" => {
                if self.approvals(request, "data_owner") < 1 {
                    lacks.push("votes");
                }
            }
            _ => {
                if own && !verified.contains("email") {
                    lacks.push("proofs");
                }
                if !own && officers < 1 {
                    lacks.push("votes");
                }
            }
        }
        if Self::is_hopeless(request) {
            lacks.push("a policy");
        }
        lacks
    }

    /// The latest first proof of a method that the policies of an erasure name, else the submission.
    fn waits_since(&self, request: &Request) -> i64 {
        let held = |identity| request.survey.as_ref().is_none_or(|it| it.identities.contains(identity));
        let first = |method: &str| {
            let of = request.proofs.iter().filter(|proof| proof.method == method && held(&proof.identity));
            of.map(|proof| proof.at.as_millis()).min()
        };
        ["email", "totp"].into_iter().filter_map(first).max().unwrap_or(request.at)
    }

    /// What must hold when nothing moves any more: nothing is under way, and whatever may happen has happened.
    pub(crate) fn at_rest(&self, now: i64) -> super::Held {
        for request in self.requests.values() {
            let (n, status) = (request.asked.n, request.status);
            super::rule!(
                !matches!(status, Status::Released | Status::Running),
                "request {n} is {status:?} for ever, and nobody is told"
            );
            if status == Status::Waiting {
                super::rule!(now < request.expires_at(), "request {n} has run out and waits");
                let lacks = self.lacks(request, now, Occasion::ButForALook);
                let unproved = !request.is_proved();
                super::rule!(
                    unproved || request.survey.is_some(),
                    "request {n} is proved and never looked at"
                );
                super::rule!(!lacks.is_empty(), "request {n} waits for nothing");
            }
        }
        Ok(())
    }
}
