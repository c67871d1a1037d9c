//! One event of a request after those before it: whether the rules allow it, and what is so after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::id::RequestId;
use countersign_core::plan::Counts;
use countersign_core::receipt::{Outcome, Receipt};
use countersign_core::request::{By, Event, Submitted};
use countersign_core::survey::Survey;
use countersign_service::ports::store::Status;

use super::law::{Occasion, most};
use super::{Asker, Broken, Held, Model, Package, Request, rule};
use crate::world::{Found, Names, Root, Snapshot, dataset};

impl Model {
    pub(super) fn event(&mut self, id: RequestId, index: u64, seq: u64, at: i64, event: &Event) -> Held {
        if let Event::Submitted(submitted) = event {
            rule!(seq == 1 && !self.requests.contains_key(&id), "a request begins once");
            return self.submitted(id, at, submitted);
        }
        let mut request =
            self.requests.get(&id).cloned().ok_or_else(|| Broken("of no request".to_owned()))?;
        // INVARIANT 7: nothing is left out.
        rule!(
            seq == request.entries + 1,
            "event {seq} of request {} follows {}",
            request.asked.n,
            request.entries
        );
        request.entries = seq;
        self.follows(&request, index, at, event)?;
        self.after(&mut request, index, at, event);
        self.requests.insert(id, request);
        Ok(())
    }

    fn submitted(&mut self, id: RequestId, at: i64, submitted: &Submitted) -> Held {
        let asked = match self.asked.get(&id) {
            Some(asked) => asked.clone(),
            // Nobody was answered; so it is what somebody asked for and was cut off.
            None => {
                let fits = self.orphans.iter().position(|asked| asked.action == submitted.action);
                let fits = fits.ok_or_else(|| Broken("nobody asked for this".to_owned()))?;
                let asked = self.orphans.remove(fits);
                if let Some(key) = asked.key {
                    self.submissions.insert((asked.by, key), (asked.clone(), id, at));
                }
                asked
            }
        };
        rule!(asked.action == submitted.action, "asked for {}, stored {}", asked.action, submitted.action);
        let (expires, unproven) =
            (submitted.expires_at.as_millis(), submitted.expires_unproven_at.as_millis());
        rule!((expires, unproven) == (at + self.spans.expires, at + self.spans.unproven), "wrong dates");
        let attests = submitted.attested.iter().any(|name| name == "identity");
        rule!(attests == (asked.by == Asker::Desk), "attested what nobody attested, or not");
        self.requests.insert(
            id,
            Request {
                id,
                asking: submitted.asking.persons.clone(),
                asked,
                at,
                expires: (expires, unproven),
                status: Status::Waiting,
                entries: 1,
                proofs: Vec::new(),
                survey: None,
                usable: false,
                roots: Default::default(),
                emails: Default::default(),
                votes: Default::default(),
                released_at: 0,
                run: 0,
                plan: Vec::new(),
                ceiling: None,
                steps: Default::default(),
                held_in_run: false,
                challenge: None,
                wrong: (0, 0),
                proving: Default::default(),
                package: None,
                proved_again: None,
            },
        );
        Ok(())
    }

    /// Whether the rules allow it.
    fn follows(&self, request: &Request, index: u64, at: i64, event: &Event) -> Held {
        let n = request.asked.n;
        let is = |status: Status| request.status == status;
        let open = is(Status::Waiting) || is(Status::Released);
        match event {
            Event::Submitted(_) => rule!(false, "request {n} begins again"),
            Event::Commented { .. } => {}
            Event::GlassBroken { .. } | Event::GlassReviewed { .. } => {
                rule!(false, "{n}: nobody may break a glass here")
            }
            Event::Extended { .. } | Event::Ambiguous { .. } | Event::Resolved { .. } => {
                rule!(false, "nobody asked for this");
            }
            Event::Verified { proof } => {
                rule!(is(Status::Waiting), "proved although {:?}", request.status);
                rule!(request.proving.contains(&*proof.method), "request {n}: nobody sent a right code");
            }
            Event::Surveyed { survey } => {
                rule!(
                    is(Status::Waiting) && request.is_proved(),
                    "request {n} is looked up before any proof"
                );
                self.saw(request, survey.at.as_millis(), Some(survey))?;
            }
            Event::Approved { vote } => {
                let survey =
                    request.survey.as_ref().ok_or_else(|| Broken(format!("{n}: nothing to sign")))?;
                rule!(is(Status::Waiting), "a vote on {n}, which is {:?}", request.status);
                self.may_vote(request, vote.by, &vote.seat)?;
                // INVARIANT 3: of what was seen, and no more than that.
                rule!(vote.digest == survey.digest, "a vote on {n} for something else");
                rule!(vote.ceiling.beyond(&most(&survey.counts)).is_none(), "{n}: more than was seen");
            }
            Event::Released { survey_at, ceiling, .. } => {
                rule!(is(Status::Waiting), "{n} is released from {:?}", request.status);
                let lacks = self.lacks(request, at, Occasion::Now);
                rule!(lacks.is_empty(), "request {n} is released and lacks {lacks:?}");
                let surveyed = request.survey.as_ref().map(|survey| survey.at);
                rule!(surveyed == Some(*survey_at), "{n} rests on another survey");
                self.covered(request, ceiling)?;
            }
            Event::Retracted { .. } => {
                rule!(is(Status::Released), "{n} goes back from {:?}", request.status);
                let lacks = self.lacks(request, at, Occasion::Now);
                rule!(!lacks.is_empty(), "request {n} lost its place and lacks nothing");
            }
            Event::RunStarted { run, steps, ceiling, by, .. } => {
                rule!(*run == request.run + 1, "run {run} of {n} after {}", request.run);
                let from = if by.is_some() { Status::Stuck } else { Status::Released };
                rule!(is(from), "request {n} runs from {:?}", request.status);
                let occasion = if by.is_some() { Occasion::Again } else { Occasion::Now };
                let lacks = self.lacks(request, at, occasion);
                rule!(lacks.is_empty(), "request {n} runs and lacks {lacks:?}");
                // INVARIANT 6: what is not known of an earlier run may still happen.
                rule!(request.open_steps().is_empty(), "{n}: steps of the run before are open");
                // INVARIANT 1: spent only once the release is under a checkpoint.
                let mut over = self.checkpoints.range(request.released_at + 1..=index);
                rule!(by.is_some() || over.next().is_some(), "{n} runs before its release is proven");
                let sources: std::collections::BTreeSet<_> =
                    request.roots.iter().map(|(source, _)| source).collect();
                rule!(steps.iter().eq(sources), "{n} has steps {steps:?}");
                self.covered(request, ceiling)?;
            }
            Event::Stepped { receipt } => self.stepped(request, receipt)?,
            Event::Completed { outcome, .. } => {
                rule!(is(Status::Running), "{n} is completed from {:?}", request.status);
                rule!(outcome.package == request.hands_over(), "{n}: a package, or none, and why?");
                rule!(request.plan.iter().all(|step| request.is_done(step)), "{n}: not all steps are done");
            }
            Event::Recounted { counted, .. } => {
                self.back(request)?;
                let beyond = request.ceiling.as_ref().and_then(|ceiling| counted.beyond(ceiling));
                rule!(beyond.is_some(), "{n} goes back with no row too many");
            }
            Event::Shifted { .. } => self.back(request)?,
            Event::HeldBack { .. } => {
                self.back(request)?;
                rule!(request.held_in_run, "{n} goes back for a hold that never stood");
            }
            Event::Stuck { .. } => rule!(is(Status::Running), "{n} is stuck from {:?}", request.status),
            Event::Accepted { .. } | Event::Abandoned { .. } => {
                rule!(is(Status::Stuck), "{n} is settled from {:?}", request.status);
                // INVARIANT 6: what ends is done or never will be.
                rule!(request.open_steps().is_empty(), "{n} ended while a step may still happen");
            }
            Event::Denied { code, by, .. } => {
                rule!(open, "{n} is denied from {:?}", request.status);
                self.denied(request, code, by)?;
            }
            Event::Withdrawn { .. } => rule!(open, "{n} is taken back from {:?}", request.status),
            Event::Expired => {
                rule!(open && at >= request.expires_at(), "{n} ran out before its time");
            }
        }
        Ok(())
    }

    /// INVARIANT 2: a seat, and not on the side that asks or that is asked about.
    fn may_vote(&self, request: &Request, by: countersign_core::id::PersonId, seat: &str) -> Held {
        let n = request.asked.n;
        rule!(self.people[&by].seats.contains(seat), "a vote on {n} without the seat {seat}");
        rule!(!request.asking.contains(&by), "whoever asks votes on {n}");
        rule!(!self.is_barred(request, by), "the subject votes on {n}");
        Ok(())
    }

    fn denied(&self, request: &Request, code: &str, by: &By) -> Held {
        let n = request.asked.n;
        match by {
            By::Person { person, seat } => self.may_vote(request, *person, seat)?,
            By::Policy { .. } => match code {
                "legal_hold" => rule!(!self.holds_on(request).is_empty(), "{n} is denied for no hold"),
                "no_policy" => rule!(Self::is_hopeless(request), "{n} is denied and has a policy"),
                _ => rule!(false, "{n} is denied by {code}"),
            },
            By::Conflict { earlier } => {
                let there = self.duplicate_of(request).any(|other| other.id == *earlier);
                rule!(there && code == "duplicate", "{n} is denied as {code} of what is none");
            }
            By::Survey => self.saw(request, request.at, None)?,
        }
        Ok(())
    }

    /// Back to waiting: nothing done, and nothing that could still be.
    fn back(&self, request: &Request) -> Held {
        let n = request.asked.n;
        rule!(request.status == Status::Running, "{n} goes back from {:?}", request.status);
        rule!(
            !request.any_done() && request.open_steps().is_empty(),
            "{n} goes back, and it is done or open"
        );
        Ok(())
    }

    /// A release covers what each of the votes it rests on covers.
    fn covered(&self, request: &Request, ceiling: &Option<countersign_core::plan::Counts>) -> Held {
        let survey = request.survey.as_ref().ok_or_else(|| Broken("no survey".to_owned()))?;
        for vote in request.votes.values() {
            let counts = self.people[&vote.by].seats.contains(&vote.seat)
                && !self.is_barred(request, vote.by)
                && vote.digest == survey.digest
                && survey.counts.beyond(&vote.ceiling).is_none();
            let beyond = ceiling.as_ref().map(|ceiling| ceiling.beyond(&vote.ceiling));
            rule!(!counts || beyond == Some(None), "{} covers more than was signed", request.asked.n);
        }
        Ok(())
    }

    fn stepped(&self, request: &Request, receipt: &Receipt) -> Held {
        let (n, key) = (request.asked.n, &receipt.key);
        let under_way = matches!(request.status, Status::Running | Status::Stuck);
        rule!(under_way && key.run == request.run, "a step of run {} of {n}", key.run);
        rule!(request.plan.contains(&key.step), "{n} has no step {}", key.step);
        let known = request.steps.get(&(key.run, key.step.clone()));
        rule!(known.is_none(), "a step of {n} is said twice");
        if matches!(request.asked.action, "erase" | "purge") {
            let said = self.world.receipt(key);
            rule!(said.as_ref() == Some(receipt), "{n}: {receipt:?}, and the source says {said:?}");
        }
        Ok(())
    }

    /// Whether a look that began at `since` could find this.
    fn saw(&self, request: &Request, since: i64, survey: Option<&Survey>) -> Held {
        let n = request.asked.n;
        let fits = match survey {
            None => self.world.since(since).iter().any(|look| look_for(look, request) == Found::Nobody),
            Some(survey) => self.meant(request, survey).is_some(),
        };
        rule!(fits, "request {n}: the sources hold nothing like {survey:?}");
        Ok(())
    }

    /// Whom a survey found, and their addresses: of all that it can have seen, what it commits to.
    fn meant(&self, request: &Request, survey: &Survey) -> Option<(BTreeSet<Root>, BTreeSet<String>)> {
        let key = self.keys.get(&request.id)?;
        let looks = self.world.since(survey.at.as_millis());
        let found = |(first, look): (usize, &Arc<Snapshot>)| match look_for(look, request) {
            Found::One { roots, emails }
                // Each source is asked who somebody is, and then how many rows that one has: it may be erased in between.
                if key.commit("roots", &spelled(request, &roots)) == survey.roots
                    && counted(&looks[first..], &roots).contains(&survey.counts) =>
            {
                Some((roots, emails))
            }
            Found::One { .. } | Found::Nobody | Found::Several => None,
        };
        looks.iter().enumerate().find_map(found)
    }

    /// What is so after it.
    fn after(&self, request: &mut Request, index: u64, at: i64, event: &Event) {
        match event {
            Event::Verified { proof } => {
                request.proofs.push(proof.clone());
                if proof.method == "email"
                    && let Some(challenge) = &mut request.challenge
                {
                    challenge.live = false;
                }
            }
            Event::Surveyed { survey } => {
                let found = self.meant(request, survey);
                (request.roots, request.emails) = found.unwrap_or_default();
                (request.survey, request.usable) = (Some(survey.clone()), true);
            }
            Event::Approved { vote } => {
                request.votes.insert(vote.by, vote.clone());
            }
            Event::Released { .. } => {
                request.status = Status::Released;
                request.released_at = index;
            }
            Event::Retracted { .. } => request.status = Status::Waiting,
            Event::RunStarted { run, steps, ceiling, .. } => {
                request.status = Status::Running;
                (request.run, request.plan, request.ceiling) = (*run, steps.clone(), ceiling.clone());
                request.held_in_run = !self.holds_on(request).is_empty();
            }
            Event::Stepped { receipt } => {
                let done = matches!(receipt.outcome, Outcome::Done { .. });
                request.steps.insert((receipt.key.run, receipt.key.step.clone()), done);
            }
            Event::Recounted { .. } | Event::Shifted { .. } => {
                request.status = Status::Waiting;
                request.votes.clear();
                (request.survey, request.usable) = (None, false);
            }
            Event::HeldBack { .. } => {
                request.status = Status::Waiting;
                request.usable = false;
            }
            Event::Stuck { .. } => request.status = Status::Stuck,
            Event::Completed { .. } | Event::Accepted { .. } => {
                request.status = Status::Completed;
                let lives = (self.spans.package_days * 86_400_000).min(self.spans.copies);
                let packed = matches!(event, Event::Completed { .. }) && request.hands_over();
                request.package = packed.then_some(Package { until: at + lives, fetched: 0 });
            }
            Event::Abandoned { .. } => request.status = Status::Abandoned,
            Event::Denied { .. } => request.status = Status::Denied,
            Event::Withdrawn { .. } => request.status = Status::Withdrawn,
            Event::Expired => request.status = Status::Expired,
            Event::Submitted(_)
            | Event::Ambiguous { .. }
            | Event::Resolved { .. }
            | Event::Extended { .. }
            | Event::GlassBroken { .. }
            | Event::GlassReviewed { .. }
            | Event::Commented { .. } => {}
        }
    }
}

/// Root keys in the form that a survey commits to.
fn spelled(request: &Request, roots: &BTreeSet<Root>) -> Vec<u8> {
    if request.asked.action == "purge" {
        return b"shop/app_log".to_vec();
    }
    let table = |source: &str| if source == "shop" { "customer" } else { "contact" };
    let mut names: Vec<String> =
        roots.iter().map(|(source, key)| [source, table(source), &format!("[{key:?}]")].join("\0")).collect();
    names.sort();
    names.join("\n").into_bytes()
}

/// All that looks can have counted of these roots, each at any of these moments.
fn counted(looks: &[Arc<Snapshot>], roots: &BTreeSet<Root>) -> Vec<Counts> {
    let mut all = vec![Counts::default()];
    for root in roots {
        let mut more: Vec<Counts> = Vec::new();
        for (look, counts) in looks.iter().flat_map(|look| all.iter().map(move |counts| (look, counts))) {
            let mut counts = counts.clone();
            look.add(root, &mut counts);
            if !more.contains(&counts) {
                more.push(counts);
            }
        }
        all = more;
    }
    all
}

/// Whom a request means, by what is proved of it.
fn look_for(look: &Snapshot, request: &Request) -> Found {
    if request.asked.action == "purge" {
        return Found::One { roots: [dataset()].into(), emails: Default::default() };
    }
    let all = &request.asked.names;
    if request.asked.by == Asker::Desk {
        return look.find(all, &Names::new());
    }
    // What a code can prove is the address.
    let (proved, stated) =
        all.iter().map(|(k, v)| (k.clone(), v.clone())).partition(|(kind, _)| kind == "email");
    look.find(&proved, &stated)
}
