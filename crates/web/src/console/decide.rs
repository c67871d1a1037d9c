//! What somebody can do about a request: sign or deny it, bound to what they see; and what an operator can.

use countersign_service::caller::Act;
use countersign_service::ports::store::Status;
use maud::{Markup, html};

use super::desk::Desk;
use super::request::Seen;
use super::words;

/// The form of a vote, if the reader may have one.
pub(super) fn section(desk: &Desk, seen: &Seen) -> Markup {
    let picture = &seen.told.picture;
    let open = matches!(picture.row.status, Status::Waiting | Status::Released);
    if !open || !desk.may(Act::Vote) {
        return html! {};
    }
    if seen.asks(desk) {
        return html! { section.decide { p { (words::say("vote.own")) } } };
    }
    if desk.who.seats.is_empty() {
        return html! { section.decide { p { (words::say("vote.no_seat")) } } };
    }
    let stands = picture.votes.iter().find(|vote| vote.by == desk.who.person && vote.counts);
    // An approval is bound to a digest; before there is one, and once it is released, only a denial has a sense.
    let digest = picture.digest.filter(|_| {
        stands.is_none() && picture.row.status == Status::Waiting && picture.unresolved.is_none()
    });
    html! {
        section.decide {
            h2 { "Your decision" }
            @if let Some(vote) = stands { p.note.good { "You signed for " (vote.seat) "." } }
            form id="decide" method="post" action={ (super::ROOT) "/requests/" (picture.row.id) "/vote" } data-once data-keep
                data-digest=[picture.digest] {
                (desk.fields())
                @if let Some(digest) = digest { input type="hidden" name="digest" value=(digest); }
                (seats(desk, "vote"))
                div.field {
                    label for="reason" { "Why" span.quiet { " (optional, kept sealed)" } }
                    textarea id="reason" name="reason" rows="2" maxlength="2000" {}
                }
                p.note.bad data-stale hidden { (words::say("vote.stale")) " " a href="" { "Read it again" } }
                div.buttons {
                    @if digest.is_some() {
                        button id="approve" type="submit" name="vote" value="approve" { "Approve" }
                    }
                    button.danger id="deny" type="submit" name="vote" value="deny" { "Deny" }
                }
                @if let Some(digest) = digest {
                    p.quiet { "You sign exactly what is shown: " code.digest title=(digest) { (digest.to_string().get(..16).unwrap_or_default()) "…" } }
                } @else if stands.is_none() && picture.digest.is_none() {
                    p.quiet { (words::say("vote.no_digest")) }
                }
            }
        }
    }
}

/// For which seat, where somebody holds several.
pub(super) fn seats(desk: &Desk, form: &str) -> Markup {
    let mut seats = desk.who.seats.iter();
    html! {
        @if desk.who.seats.len() == 1 {
            @if let Some(seat) = seats.next() { input type="hidden" name="seat" value=(seat); }
        } @else {
            fieldset.seats {
                legend { "For which seat" }
                @for (n, seat) in seats.enumerate() {
                    label { input type="radio" name="seat" value=(seat) id={ (form) "-seat-" (n) } required; " " (seat) }
                }
            }
        }
    }
}

fn address(seen: &Seen, what: &str) -> String {
    format!("{}/requests/{}/{what}", super::ROOT, seen.told.picture.row.id)
}

/// What it halts for until a person says it: who is meant, or how to go on with what is stuck. It comes and goes by itself.
pub(super) fn halted(desk: &Desk, seen: &Seen) -> Markup {
    let row = &seen.told.picture.row;
    let unclear = row.status == Status::Waiting && seen.told.picture.unresolved.is_some();
    html! {
        section.decide id="meant" data-live {
            @if desk.may(Act::Resolve) && unclear {
                h2 { "Who is meant?" }
                form method="post" action=(address(seen, "resolve")) data-once {
                    (desk.fields())
                    p.quiet id="meant-about" { (words::say("meant.about")) }
                    div.field {
                        label for="kind" { "What only one of them has" }
                        select id="kind" name="kind" {
                            @for kind in &seen.kinds { option value=(kind) { (kind.replace('_', " ")) } }
                        }
                    }
                    div.field {
                        label for="value" { "As it stands in the sources" }
                        input id="value" name="value" type="text" required autocomplete="off" spellcheck="false" aria-describedby="meant-about";
                    }
                    button type="submit" { "This one is meant" }
                }
            }
        }
        section.decide id="settle" data-live {
            @if desk.may(Act::Settle) && row.status == Status::Stuck {
                h2 { "How to go on" }
                form method="post" action=(address(seen, "settle")) data-once {
                    (desk.fields())
                    ul.plain.quiet {
                        @for how in ["retry", "accept", "abandon"] { li { (words::of("settle", how)) } }
                    }
                    div.field {
                        label for="settle-reason" { "Why" span.quiet { " (optional, kept sealed)" } }
                        textarea id="settle-reason" name="reason" rows="2" maxlength="2000" {}
                    }
                    div.buttons {
                        button type="submit" name="how" value="retry" { "Try again" }
                        button.second type="submit" name="how" value="accept" { "Accept as done" }
                        button.danger type="submit" name="how" value="abandon" { "Give up" }
                    }
                }
            }
        }
    }
}

/// What can be done besides: an operator moves the date, and whoever asked takes it back.
pub(super) fn besides(desk: &Desk, seen: &Seen) -> Markup {
    let row = &seen.told.picture.row;
    html! {
        section id="move" data-live {
            @if desk.may(Act::Extend) && row.status.is_open() && row.due_at.is_some() {
                details {
                    summary { "Move the law's date" }
                    form method="post" action=(address(seen, "extend")) data-once {
                        (desk.fields())
                        div.field { label for="due" { "To the end of" } input id="due" name="due" type="date" required; }
                        div.field { label for="extend-reason" { "Why" } textarea id="extend-reason" name="reason" rows="2" maxlength="2000" required {} }
                        button.second type="submit" { "Move it" }
                    }
                }
            }
        }
        section id="take-back" data-live {
            @if desk.may(Act::Submit) && seen.asked(desk) && matches!(row.status, Status::Waiting | Status::Released) {
                h2 { "Your request" }
                form method="post" action=(address(seen, "withdraw")) data-once {
                    (desk.fields())
                    button.second type="submit" { "Take it back" }
                }
            }
        }
    }
}
