//! What happened to a request and what people said, in order, with a field to say something.

use countersign_core::receipt::Outcome;
use countersign_core::request::Event;
use countersign_service::caller::Act;
use countersign_service::console::Telling;
use maud::{Markup, html};

use super::desk::Desk;
use super::request::Seen;
use super::{show, words};

/// The part of a request's page.
pub(super) fn section(desk: &Desk, seen: &Seen) -> Markup {
    html! {
        h2 { "History" }
        ol.history {
            @for telling in &seen.told.history { (line(desk, seen, telling)) }
        }
    }
}

fn line(desk: &Desk, seen: &Seen, telling: &Telling) -> Markup {
    let who = telling.by.map(|person| seen.told.name(person).unwrap_or("Somebody"));
    html! {
        li.(telling.event.kind()) {
            p {
                @if let Some(who) = who { strong { (who) } " " }
                (words::of(if who.is_some() { "did" } else { "event" }, telling.event.kind()))
                (more(desk, &telling.event))
                span.quiet {
                    " · " (show::moment(desk, telling.at))
                    @if let Some(leaf) = telling.leaf.filter(|_| desk.may(Act::ReadFeed)) {
                        " · " a href={ (super::ROOT) "/ledger?at=" (leaf) } title="its entry in the ledger" { "№\u{a0}" (leaf) }
                    }
                }
            }
            @if let Some(said) = &telling.said { blockquote { (said) } }
        }
    }
}

/// What an event says beside its kind.
fn more(desk: &Desk, event: &Event) -> Markup {
    html! {
        @match event {
            Event::Verified { proof } => { ": " (words::of("method", &proof.method)) },
            Event::Surveyed { survey } => { ": " (show::rows(survey.counts.rows())) " in " (survey.counts.tables()) " tables" },
            Event::Ambiguous { matches } => { ": " (matches) },
            Event::Approved { vote } => { " for " (vote.seat) },
            Event::Released { criteria, .. } | Event::Retracted { criteria } => { " by " (criteria.policies.join(", ")) },
            Event::RunStarted { run, .. } => { @if *run > 1 { ", try " (run) } },
            Event::Stepped { receipt } => {
                @match receipt.outcome {
                    Outcome::Done { .. } => { " as done: " },
                    Outcome::Void => { " as not done: " },
                }
                (receipt.key.step)
            },
            Event::Recounted { counted, .. } => { ": " (show::rows(counted.rows())) },
            Event::Shifted { what, .. } => { ": " (words::of("shifted", what)) },
            Event::HeldBack { holds, .. } => { ": " (holds.join(", ")) },
            Event::Stuck { code, .. } => { ": " (words::of("stuck", code)) },
            Event::Completed { outcome, .. } | Event::Accepted { outcome, .. } => { ": " (show::rows(outcome.touched.rows())) },
            Event::Denied { code, .. } => { ": " (words::of("code", code)) },
            Event::GlassBroken { seats, review_due, .. } => {
                ": " (seats.join(", ")) " are told, and review it by " (show::moment(desk, *review_due))
            },
            Event::GlassReviewed { justified, seat, .. } => {
                @if *justified { ": justified" } @else { ": not justified" } " (" (seat) ")"
            },
            Event::Extended { due_at, .. } => { " to " (show::moment(desk, *due_at)) },
            Event::Submitted(_)
            | Event::Resolved { .. }
            | Event::Abandoned { .. }
            | Event::Withdrawn { .. }
            | Event::Expired
            | Event::Commented { .. } => {},
        }
    }
}

/// The field for a remark.
pub(super) fn remark(desk: &Desk, seen: &Seen) -> Markup {
    let id = seen.told.picture.row.id;
    html! {
        @if desk.may(Act::Comment) {
            form method="post" action={ (super::ROOT) "/requests/" (id) "/comment" } data-once {
                (desk.fields())
                div.field {
                    label for="comment" { "Comment" }
                    p.about id="comment-about" { "Kept sealed, and gone with the rest that we keep about the request." }
                    textarea id="comment" name="text" rows="2" required maxlength="2000" aria-describedby="comment-about" {}
                }
                button.second type="submit" { "Add" }
            }
        }
    }
}
