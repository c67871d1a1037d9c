//! `/console/requests/{id}/break`: whoever is on call breaks the glass of a request. A page of its own, which says what that
//! does and to whom it is told before there is a button; a reason, and a word that they are sure.

use axum::response::Response;
use countersign_service::caller::Act;
use countersign_service::ports::store::Status;
use countersign_service::refusal::Refusal;
use maud::{Markup, html};

use super::desk::{Desk, Of};
use super::form::{Came, Sent};
use super::layout::Tab;
use super::request::{self, Emergency, Seen};
use super::{plan, respond, show, words};

/// The way there, on a request's page, for whoever may take it.
pub(super) fn way(desk: &Desk, seen: &Seen) -> Markup {
    html! {
        @if seen.emergency.is_some() && is_whole(desk, seen) {
            section {
                h2 { "In an emergency" }
                p.quiet { (words::say("break.when")) }
                p { a.button.second href={ (super::ROOT) "/requests/" (seen.told.picture.row.id) "/break" } { "Break the glass …" } }
            }
        }
    }
}

/// Whether it waits, and its glass is whole. The service looks for itself, in the transaction.
fn is_whole(desk: &Desk, seen: &Seen) -> bool {
    let picture = &seen.told.picture;
    desk.may(Act::BreakGlass) && picture.row.status == Status::Waiting && picture.glass.is_none()
}

/// The page.
pub(super) async fn ask(Of(desk, id): Of) -> Response {
    let seen = match request::seen(&desk, id).await {
        Ok(seen) => seen,
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    let Some(emergency) = &seen.emergency else {
        return respond::refused(&desk, &Refusal::NotAllowed("break the glass"));
    };
    if !is_whole(&desk, &seen) {
        // Somebody else was faster, or it is over: what a form said of that is said there.
        let page = page(id);
        let note = desk.asked("note");
        let known = words::find("note", note).is_some();
        return respond::on_to(&if known { respond::with_note(&page, note) } else { page });
    }
    respond::page(&desk, Tab::Requests, "Break the glass", &draw(&desk, &seen, emergency))
}

fn draw(desk: &Desk, seen: &Seen, emergency: &Emergency) -> Markup {
    let id = seen.told.picture.row.id;
    let review_due = desk.now().plus_ms(emergency.review_within_ms);
    html! {
        div.request {
            h1 { "Break the glass" }
            p.lead { (request::headline(seen)) }
            div.parts {
                div.first {
                    section.loud {
                        h2 { "What that does" }
                        ul {
                            li { (words::say("break.policies")) " " code { (emergency.file) } "." }
                            li { (words::say("break.forbids")) }
                            li { strong { "Everybody of " (emergency.seats.join(", ")) " gets mail at once" } ", and reads your name and your reason here." }
                            li { "One of them has to review it by " (show::moment(desk, review_due)) ". " (words::say("break.not_you")) }
                            li { (words::say("break.mark")) }
                        }
                    }
                    section { (plan::section(desk, seen)) }
                }
                aside {
                    section.decide.loud {
                        h2 { "You break it" }
                        form method="post" action={ (page(id)) "/break" } data-once data-keep {
                            (desk.fields())
                            div.field {
                                label for="glass-reason" { "Why it cannot wait" }
                                p.about id="glass-about" { (words::say("break.reason")) }
                                textarea id="glass-reason" name="reason" rows="4" maxlength="2000" required aria-describedby="glass-about" {}
                            }
                            div.field {
                                label { input type="checkbox" name="sure" value="yes" required; " " (words::say("break.sure")) }
                            }
                            div.buttons {
                                button.danger type="submit" { "Break the glass" }
                                a.button.second href=(page(id)) { "Leave it whole" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn page(id: countersign_core::id::RequestId) -> String {
    format!("{}/requests/{id}", super::ROOT)
}

/// Breaks it.
pub(super) async fn smash(sent: Sent) -> Response {
    let Some(id) = sent.about else { return respond::none(&sent.desk) };
    let sure = sent.text("sure") == "yes";
    let reason = sent.text("reason").to_owned();
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&format!("{}/break", page(id)), async move {
        // Whoever may not is told that, whatever they filled in.
        caller.may(Act::BreakGlass)?;
        if !sure || reason.is_empty() {
            return Err(Refusal::invalid("sure", "wants a reason, and that you are sure"));
        }
        app.service.break_glass(&caller, id, reason).await?;
        Ok(Came::To(respond::with_note(&page(id), "glass_broken")))
    })
    .await
}
