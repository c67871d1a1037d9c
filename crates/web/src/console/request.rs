//! `/console/requests/{id}`: a request at a glance. Who asks, for whom, what exactly would happen, what is missing, by when.

use std::collections::BTreeSet;

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_core::plan::Treatment;
use countersign_core::request::{By, Ending, Event};
use countersign_core::subject::{Requester, Target};
use countersign_service::caller::Act;
use countersign_service::console::Told;
use countersign_service::ports::store::Status;
use countersign_service::refusal::Refusal;
use countersign_service::settings::datamap::DataMap;
use countersign_service::settings::{Effect, Settings};
use maud::{Markup, html};

use super::desk::{Desk, Of};
use super::layout::Tab;
use super::{break_glass, decide, glass, history, plan, respond, show, verdict, words};

/// What a request's page draws from.
pub(super) struct Seen {
    pub(super) told: Told,
    /// What carrying it out does.
    pub(super) effect: Effect,
    /// Where the settings let its reader break the glass over such an action.
    pub(super) emergency: Option<Emergency>,
    /// By what the sources tell people apart: what was not stated comes first.
    pub(super) kinds: Vec<String>,
}

/// What breaking the glass means here.
pub(super) struct Emergency {
    /// Whose policies count then.
    pub(super) file: String,
    /// Who is told, and reviews.
    pub(super) seats: Vec<String>,
    pub(super) review_within_ms: i64,
}

impl Seen {
    /// Whether the reader stands on the side that asks, and so never votes.
    pub(super) fn asks(&self, desk: &Desk) -> bool {
        let broke = self.told.picture.glass.as_ref().is_some_and(|glass| glass.by == desk.who.person);
        self.asked(desk) || broke
    }

    /// Whether the reader asked, or answers for whoever did.
    pub(super) fn asked(&self, desk: &Desk) -> bool {
        self.told.history.first().is_some_and(|first| match &first.event {
            Event::Submitted(submitted) => submitted.asking.persons.contains(&desk.who.person),
            _ => false,
        })
    }

    /// Whether rows are only read: nothing is deleted, whatever a data map says of erasing.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self.effect, Effect::Access | Effect::Export)
    }
}

/// The page.
pub(super) async fn show(Of(desk, id): Of) -> Response {
    let seen = match seen(&desk, id).await {
        Ok(seen) => seen,
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    // No title names the subject: titles stand in histories and on other people's screens.
    let title = format!("{} {}", show::action(&seen.told.picture.row.action), show::short(id));
    respond::page(&desk, Tab::Requests, &title, &draw(&desk, &seen))
}

/// What a page about a request draws from, for whoever may see it.
pub(super) async fn seen(desk: &Desk, id: RequestId) -> Result<Seen, Refusal> {
    let told = desk.app.service.told(&desk.caller, id).await?;
    let settings = desk.app.service.settings().await?;
    let action = &told.picture.row.action;
    let effect = settings.actions.get(action).map_or(Effect::Declared, |it| it.effect);
    let glass = settings.break_glass.as_ref();
    let glass = glass.filter(|it| !it.who.is_disjoint(&desk.who.seats) && it.policies.permits(action));
    let emergency = glass.map(|it| Emergency {
        file: it.file.clone(),
        seats: it.seats_of(&settings.policies, action),
        review_within_ms: it.review_within_ms,
    });
    let kinds = kinds(&settings, &told);
    Ok(Seen { told, effect, emergency, kinds })
}

fn kinds(settings: &Settings, told: &Told) -> Vec<String> {
    let kinds: BTreeSet<&str> = settings.maps.values().flat_map(DataMap::identity_kinds).collect();
    let stated = |kind: &str| match &told.picture.target {
        Target::Subject { stated } => stated.iter().any(|identity| identity.kind == kind),
        Target::Dataset { .. } => false,
    };
    let mut kinds: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
    kinds.sort_by_key(|kind| stated(kind));
    kinds
}

fn draw(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    let row = &picture.row;
    html! {
        div.request data-request=(row.id) {
            p.over id="state" data-live {
                (show::status(row.status)) " "
                @if row.status.is_open() && row.due_at.is_some() { "Due " (show::due(desk, row)) " · " }
                @if let Some(at) = row.expires_at { "runs out " (show::moment(desk, at)) " · " }
                span.id title=(row.id) { (show::short(row.id)) }
            }
            h1 { (headline(seen)) }
            p.lead { (asked(desk, seen)) }
            @if let Some(reason) = &picture.reason { blockquote { (reason) } }
            div id="glass" data-live { (glass::mark(desk, seen)) }
            div.parts {
                div.first {
                    section id="missing" data-live { (verdict::section(seen)) (ended(desk, seen)) }
                    section id="plan" data-live { (plan::section(desk, seen)) }
                    @if !picture.parameters.is_empty() { (parameters(seen)) }
                }
                aside {
                    section.decide id="glass-review" data-live { (glass::review(desk, seen)) }
                    (decide::halted(desk, seen))
                    (decide::section(desk, seen))
                    section id="votes" data-live { (votes(desk, seen)) (proofs(desk, seen)) }
                    (decide::besides(desk, seen))
                    (break_glass::way(desk, seen))
                    (elsewhere(desk, seen))
                }
                div.rest {
                    section id="history" data-live { (history::section(desk, seen)) }
                    (history::remark(desk, seen))
                }
            }
        }
    }
}

/// What is asked, without the whole name of anybody.
pub(super) fn headline(seen: &Seen) -> String {
    let picture = &seen.told.picture;
    let action = show::action(&picture.row.action);
    match &picture.target {
        Target::Dataset { source, name } => format!("{action} {name} in {source}"),
        Target::Subject { stated } => {
            let whom: Vec<&str> = seen.told.subject.iter().map(|(_, value)| &**value).collect();
            if whom.is_empty() {
                let kinds: Vec<&str> = stated.iter().map(|identity| &*identity.kind).collect();
                return format!("{action} the data of somebody named by {}", kinds.join(" and "));
            }
            format!("{action} the data of {}", whom.join(", "))
        }
    }
}

fn asked(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    let name = |person| seen.told.name(person).unwrap_or("somebody who is not here any more").to_owned();
    let who = match &picture.requester {
        Requester::Subject => "the person whose data it is".to_owned(),
        Requester::Agent { person } => format!("{}, who acts for the person whose data it is", name(*person)),
        Requester::Staff { person } => format!("{}, who works here", name(*person)),
        Requester::Service { name } => format!("the program {name}"),
        Requester::Schedule { name } => format!("the timer {name}"),
    };
    html! {
        "Asked for by " strong { (who) } ", " (words::of("channel", &picture.row.channel)) ", "
        (show::ago(desk, picture.row.submitted_at)) ", in " (picture.environment) "."
        @if !picture.attested.is_empty() { " Attested from outside: " (picture.attested.join(", ")) "." }
    }
}

fn parameters(seen: &Seen) -> Markup {
    html! {
        section {
            h2 { "Parameters" }
            dl.pairs {
                @for (name, value) in &seen.told.picture.parameters { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}

fn votes(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    html! {
        h2 { "Signatures" }
        @if picture.votes.is_empty() {
            p.quiet { "Nobody has signed." }
        } @else {
            ul.people {
                @for vote in &picture.votes {
                    @let reason = seen.told.history.iter().find(|it| it.by == Some(vote.by) && it.at == vote.at);
                    li {
                        strong { (seen.told.name(vote.by).unwrap_or("Somebody")) } " for " (vote.seat) ", " (show::ago(desk, vote.at))
                        @if !vote.counts { " " span.chip.bad { "does not cover what would be done now" } }
                        @if let Some(said) = reason.and_then(|it| it.said.as_ref()) { blockquote { (said) } }
                    }
                }
            }
        }
    }
}

fn proofs(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    html! {
        @if !picture.proofs.is_empty() {
            h2 { "Proofs" }
            ul.people {
                @for proof in &picture.proofs {
                    li {
                        (words::of("method", &proof.method))
                        // What was proved by a mail is the address that it went to.
                        @if proof.method != proof.identity.kind { " for the " (proof.identity.kind) }
                        ", " (show::ago(desk, proof.at))
                    }
                }
            }
        }
    }
}

/// What came of it.
fn ended(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    let Some(ending) = &picture.ending else {
        return html! {
            @if let Some(code) = &picture.stuck {
                h2 { "Why it is stuck" }
                p { (show::sentence(&words::of("stuck", code))) }
                @if code == "source_refused" { p.quiet { (words::say("stuck.log")) } }
                ul.steps {
                    @for step in &picture.steps {
                        li {
                            (step.source) ": " (words::of("step", step.known.name()))
                            @if step.parts > 0 { ", " (show::number(step.parts)) " parts" }
                            @if step.rows > 0 { ", " (show::rows(step.rows)) }
                        }
                    }
                }
            }
        };
    };
    html! {
        h2 { "What came of it" }
        @match ending {
            Ending::Completed { outcome, accepted_by } => {
                p {
                    @if seen.only_reads() { "Handed over: " } @else { "Done: " }
                    strong { (show::rows(outcome.touched.rows())) } "."
                    @if outcome.package { " The package waits for whoever asked." }
                    @if let Some(person) = accepted_by {
                        " Declared done as it is by " (seen.told.name(*person).unwrap_or("somebody")) "."
                    }
                }
                @let kept: Vec<_> = outcome.kept.iter().filter(|kept| kept.rows > 0).collect();
                @if !kept.is_empty() {
                    p { "What stayed:" }
                    ul {
                        @for kept in kept {
                            li { (show::rows(kept.rows)) " of " (kept.table) ": " (plan::why(Treatment::Keep, Some(&kept.basis), kept.until.as_deref())) }
                        }
                    }
                }
                @if outcome.left.rows() > 0 {
                    p.note.bad { (show::rows(outcome.left.rows())) " should be gone and are still there." }
                }
            }
            Ending::Denied { code, by } => {
                p { (words::of("code", code)) }
                @match by {
                    By::Person { person, seat } => p { "By " (seen.told.name(*person).unwrap_or("somebody")) " for " (seat) "." },
                    By::Policy { criteria, holds } => p {
                        "By policy: " (criteria.policies.join(", ")) "."
                        @if !holds.is_empty() { " Legal holds: " (holds.join(", ")) "." }
                    },
                    By::Conflict { earlier } => p {
                        "An earlier request goes first: " a href={ (super::ROOT) "/requests/" (earlier) } { (show::short(*earlier)) }
                    },
                    By::Survey => p { "The sources hold nobody of the proved identities." },
                }
            }
            Ending::Withdrawn => p { "Whoever asked took it back." },
            Ending::Expired => p { "Its time ran out." },
            Ending::Abandoned => p { "It was given up by a person." },
        }
        p.quiet { "Ended " (show::moment(desk, picture.row.changed_at)) "." }
    }
}

fn elsewhere(desk: &Desk, seen: &Seen) -> Markup {
    let row = &seen.told.picture.row;
    html! {
        section id="more" data-live {
            @if desk.may(Act::ReadEvidence) || (desk.may(Act::TryPolicies) && row.status.is_open()) {
                h2 { "More" }
                ul.plain {
                    @if desk.may(Act::ReadEvidence) {
                        li { a href={ (super::ROOT) "/requests/" (row.id) "/evidence" } { "Evidence, and check it" } }
                    }
                    @if desk.may(Act::TryPolicies) && matches!(row.status, Status::Waiting | Status::Released) {
                        li { a href={ (super::ROOT) "/policies/try?request=" (row.id) } { "What would other policies say?" } }
                    }
                }
                p.quiet { "Request " code { (row.id) } }
            }
        }
    }
}
