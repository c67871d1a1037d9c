//! What is done, what is missing, and what comes after, of a request that is open: in the order in which a person meets it.

use countersign_core::id::RequestId;
use countersign_core::plan::Treatment;
use countersign_core::verdict::{Decision, Missing, Path};
use countersign_service::portal::Seen;
use countersign_service::ports::store::Status;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::passkey;
use super::visit::Visit;

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Done,
    Now,
    Later,
}

struct Step {
    at: At,
    title: String,
    about: Option<Markup>,
}

impl Step {
    fn new(at: At, title: impl Into<String>) -> Self {
        Self { at, title: title.into(), about: None }
    }

    fn with(self, about: impl Into<String>) -> Self {
        let about = about.into();
        Self { about: Some(html! { p { (about) } }), ..self }
    }
}

/// What is missing on the way that is open to a subject and has least left. Other ways are other people's.
fn missing(seen: &Seen) -> &[Missing] {
    let Some(Decision::Hold { paths }) = seen.picture.verdict.as_ref().map(|verdict| &verdict.decision)
    else {
        return &[];
    };
    let beyond = |path: &&Path| {
        path.missing
            .iter()
            .filter(|it| matches!(it, Missing::Attestation { .. } | Missing::Opaque { .. }))
            .count()
    };
    let unable = |path: &&Path| path.missing.iter().filter(|it| is_proof(it) && !can_give(seen, it)).count();
    let best = paths.iter().min_by_key(|path| (beyond(path), unable(path), path.missing.len()));
    best.map_or(&[], |path| &path.missing)
}

fn is_proof(missing: &Missing) -> bool {
    matches!(missing, Missing::Verification { .. })
}

/// Whether it is a proof that the subject can bring here.
fn can_give(seen: &Seen, missing: &Missing) -> bool {
    match missing {
        Missing::Verification { method } => match &**method {
            "email" => true,
            "totp" => seen.device,
            "passkey" => seen.passkey,
            _ => false,
        },
        _ => false,
    }
}

/// Whether a proof is missing that the subject can bring.
pub(super) fn waits_for_subject(seen: &Seen) -> bool {
    missing(seen).iter().any(|missing| can_give(seen, missing))
}

/// The page's middle.
pub(super) fn draw(visit: &Visit, id: RequestId, seen: &Seen, zone: &TimeZone) -> Markup {
    let steps = steps(visit, id, seen, zone);
    let due =
        seen.picture.row.due_at.map(|due| visit.fill("due", &[("day", &visit.language.day(due, zone))]));
    html! {
        section {
            h2 { (visit.say("steps.title")) }
            ol.steps {
                @for step in &steps {
                    li.done[step.at == At::Done].now[step.at == At::Now].later[step.at == At::Later]
                        aria-current=[(step.at == At::Now).then_some("step")] {
                        span.mark { (mark(visit, step.at)) }
                        strong { (step.title) }
                        @if let Some(about) = &step.about { (about) }
                    }
                }
            }
            @if let Some(due) = due { p.due { (due) } }
            p.reload { a href=(visit.request(id)) { (visit.say("reload")) } }
        }
        (plan(visit, seen))
    }
}

/// The word for it: not by colour alone.
fn mark(visit: &Visit, at: At) -> &str {
    match at {
        At::Done => visit.say("step.done"),
        At::Now => visit.say("step.now"),
        At::Later => visit.say("step.later"),
    }
}

fn steps(visit: &Visit, id: RequestId, seen: &Seen, zone: &TimeZone) -> Vec<Step> {
    let picture = &seen.picture;
    let missing = missing(seen);
    let mut steps = vec![Step::new(At::Done, visit.say("step.asked"))];
    for proof in &picture.proofs {
        match &*proof.method {
            "email" => steps.push(Step::new(At::Done, visit.say("step.email"))),
            "totp" => steps.push(Step::new(At::Done, visit.say("step.totp"))),
            "passkey" => steps.push(Step::new(At::Done, visit.say("step.passkey"))),
            _ => {}
        }
    }
    let waiting = picture.row.status == Status::Waiting;
    if waiting && picture.digest.is_none() && picture.unresolved.is_none() {
        steps.push(Step::new(At::Now, visit.say("step.look")));
    }
    // A seat whose votes are all there is missing no more, and has signed.
    let mut seats: Vec<&str> =
        picture.votes.iter().filter(|vote| vote.counts).map(|vote| &*vote.seat).collect();
    seats.sort_unstable();
    seats.dedup();
    let open =
        |seat: &str| missing.iter().any(|it| matches!(it, Missing::Vote { group, .. } if group == seat));
    for seat in seats.into_iter().filter(|seat| !open(seat)) {
        steps.push(Step::new(At::Done, visit.fill("step.voted", &[("group", &named(seat))])));
    }
    let mut ordered: Vec<&Missing> = missing.iter().collect();
    ordered.sort_by_key(|missing| order(missing));
    steps.extend(ordered.into_iter().filter_map(|missing| step(visit, id, seen, missing, zone)));
    steps.push(last(visit, picture.row.status));
    if picture.row.status == Status::Stuck {
        steps.push(Step::new(At::Later, visit.say("step.run")));
    }
    steps
}

fn last(visit: &Visit, status: Status) -> Step {
    match status {
        Status::Stuck => Step::new(At::Now, visit.say("step.stuck")).with(visit.say("step.stuck.about")),
        Status::Released | Status::Running => Step::new(At::Now, visit.say("step.run")),
        _ => Step::new(At::Later, visit.say("step.run")).with(visit.say("step.run.mail")),
    }
}

/// What the subject can do comes first, what people do next, what time and others bring last.
fn order(missing: &Missing) -> u8 {
    match missing {
        Missing::Verification { .. } => 0,
        Missing::Survey => 1,
        Missing::Identity
        | Missing::LegalHold { .. }
        | Missing::Attestation { .. }
        | Missing::Opaque { .. } => 2,
        Missing::Vote { .. } => 3,
        Missing::Time { .. } => 4,
        Missing::Conflict { .. } => 5,
        Missing::Capacity { .. } | Missing::Today { .. } | Missing::Paused { .. } => 6,
    }
}

fn step(visit: &Visit, id: RequestId, seen: &Seen, missing: &Missing, zone: &TimeZone) -> Option<Step> {
    let now = |key: &str| Step::new(At::Now, visit.say(key));
    Some(match missing {
        Missing::Verification { method } => proof(visit, id, seen, method),
        // Looking anew is our own business; before the first look another step stands for it.
        Missing::Survey => return None,
        Missing::Identity => now("step.identity").with(visit.say("step.identity.about")),
        Missing::Vote { group, need, have } => {
            let group = named(group);
            let (have, need) = (have.to_string(), need.to_string());
            let title = visit.fill("step.vote", &[("group", &group), ("have", &have), ("need", &need)]);
            Step::new(At::Now, title).with(visit.say("step.vote.about"))
        }
        Missing::Time { remaining_ms, .. } => {
            let until = visit.language.moment(seen.now.plus_ms(*remaining_ms), zone);
            now("step.time").with(visit.fill("step.time.about", &[("moment", &until)]))
        }
        Missing::Conflict { .. } => now("step.conflict"),
        Missing::LegalHold { .. } => now("step.hold"),
        Missing::Capacity { .. } | Missing::Today { .. } | Missing::Paused { .. } => now("step.turn"),
        Missing::Attestation { .. } | Missing::Opaque { .. } => now("step.check"),
    })
}

fn proof(visit: &Visit, id: RequestId, seen: &Seen, method: &str) -> Step {
    match method {
        "email" => Step::new(At::Now, visit.say("step.email.now")),
        "totp" if seen.device => {
            let form = html! {
                form method="post" action={ (visit.request(id)) "/totp" } {
                    (visit.fields())
                    div.field {
                        label for="totp" { (visit.say("totp.code")) }
                        p.about id="totp-about" { (visit.say("totp.code.about")) }
                        input.code type="text" name="code" id="totp" inputmode="numeric"
                            autocomplete="one-time-code" maxlength="12" required aria-describedby="totp-about";
                    }
                    button type="submit" { (visit.say("totp.confirm")) }
                }
            };
            Step { about: Some(form), ..Step::new(At::Now, visit.say("step.totp.now")) }
        }
        // Whether there is a device is known once somebody was looked for.
        "totp" if seen.picture.digest.is_some() => Step::new(At::Now, visit.say("step.totp.none"))
            .with(visit.fill("step.totp.none.about", &[("contact", &visit.contact())])),
        "totp" => Step::new(At::Later, visit.say("step.totp.now")),
        "passkey" if seen.passkey => {
            let about = Some(passkey::form(visit, id));
            Step { about, ..Step::new(At::Now, visit.say("step.passkey.now")) }
        }
        "passkey" if seen.picture.digest.is_some() => Step::new(At::Now, visit.say("step.passkey.none"))
            .with(visit.fill("step.passkey.none.about", &[("contact", &visit.contact())])),
        "passkey" => Step::new(At::Later, visit.say("step.passkey.now")),
        other => Step::new(At::Now, visit.fill("step.method.none", &[("method", other)])),
    }
}

/// A group's name as a person reads it.
fn named(group: &str) -> String {
    let mut name = group.replace('_', " ");
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// What it is about, once every proof is there that is asked for: one proof alone opens no look at what we hold.
fn plan(visit: &Visit, seen: &Seen) -> Markup {
    let unproved = missing(seen).iter().any(is_proof);
    let Some(plan) = seen.picture.plan.as_ref().filter(|plan| !unproved && !plan.touches_nothing()) else {
        return html! {};
    };
    let mut lines: Vec<(String, u64)> = Vec::new();
    for line in plan.sources.iter().flat_map(|source| &source.lines).filter(|line| line.rows > 0) {
        let what = treated(visit, &seen.picture.row.action, line.treatment, line.basis.as_deref());
        match lines.iter_mut().find(|(known, _)| *known == what) {
            Some((_, rows)) => *rows = rows.saturating_add(line.rows),
            None => lines.push((what, line.rows)),
        }
    }
    html! {
        section {
            h2 { (visit.say("plan.title")) }
            ul.rows {
                @for (what, rows) in &lines {
                    li { strong { (visit.language.rows(*rows)) } " " (what) }
                }
            }
        }
    }
}

fn treated(visit: &Visit, action: &str, treatment: Treatment, basis: Option<&str>) -> String {
    if action != "erase" {
        return visit.say("plan.read").to_owned();
    }
    let why = |key: &str, basis: &str| visit.fill(key, &[("reason", &reason(visit, basis))]);
    match (treatment, basis) {
        (Treatment::Keep, basis) => why("plan.keep", basis.unwrap_or("legal_obligation")),
        (Treatment::Clear, Some(basis)) => why("plan.clear.kept", basis),
        (Treatment::Clear, None) => visit.say("plan.clear").to_owned(),
        (Treatment::Delete, _) => visit.say("plan.delete").to_owned(),
        (Treatment::Detach, _) => visit.say("plan.detach").to_owned(),
        (Treatment::KeepForOthers, _) => visit.say("plan.keep-for-others").to_owned(),
    }
}

/// The reason behind a code; one that only the operator's data map knows is said as it is written there.
pub(super) fn reason(visit: &Visit, code: &str) -> String {
    visit.language.find("reason", code).map_or_else(|| code.replace('_', " "), str::to_owned)
}
