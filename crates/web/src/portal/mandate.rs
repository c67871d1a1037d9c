//! What a subject is asked about somebody who acts for them: a page with two buttons, reached by the link of a mail. Whatever
//! reads mails for their readers confirms nothing by looking.

use axum::extract::State;
use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::mandate::MandateSeen;
use countersign_service::ports::store::Status;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::html;

use super::guard::Filled;
use super::respond;
use super::visit::{Of, Visit};
use crate::app::App;

/// The page.
pub(super) async fn show(visit: Visit, Of(id): Of, State(app): State<App>) -> Response {
    let key = visit.query.get("key").cloned().unwrap_or_default();
    page(&visit, id, &app, &key).await
}

/// One of its buttons. The page that follows says where it stands now, also to whoever presses twice.
pub(super) async fn answer(visit: Visit, Of(id): Of, State(app): State<App>, sent: Filled) -> Response {
    let key = sent.field("key").unwrap_or_default().to_owned();
    let answered = match sent.field("answer") {
        Some("confirm") => app.service.confirm_mandate(id, &key).await,
        Some("revoke") => app.service.revoke_mandate(id, &key).await,
        _ => Ok(()),
    };
    match answered {
        // Where it stands is on the page.
        Ok(()) | Err(Refusal::Rule(_) | Refusal::NoChallenge) => page(&visit, id, &app, &key).await,
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

async fn page(visit: &Visit, id: RequestId, app: &App, key: &str) -> Response {
    match app.service.mandate(id, key).await {
        Ok(seen) => {
            respond::page(visit, StatusCode::OK, visit.say("mandate.title"), &draw(visit, id, key, &seen))
        }
        Err(Refusal::NoChallenge) => {
            let title = visit.say("link.gone.title");
            let content = html! { h1 { (title) } p.lead { (visit.say("mandate.gone")) } };
            respond::page(visit, StatusCode::GONE, title, &content)
        }
        Err(refusal) => respond::refused(visit, &refusal),
    }
}

fn draw(visit: &Visit, id: RequestId, key: &str, seen: &MandateSeen) -> maud::Markup {
    let name: &[(&str, &str)] = &[("name", &visit.portal.name)];
    let what = match &*seen.action {
        "access" => visit.fill("action.access.mail", name),
        "export" => visit.fill("action.export.mail", name),
        "erase" => visit.fill("action.erase.mail", name),
        other => other.to_owned(),
    };
    let asked = if seen.confirmed { "mandate.revoke" } else { "mandate.no" };
    let waits = matches!(seen.status, Status::Waiting | Status::Released);
    let stands = match (seen.status, seen.confirmed) {
        (Status::Withdrawn, _) => Some("mandate.revoked"),
        (Status::Waiting | Status::Released, true) => Some("mandate.confirmed"),
        (Status::Waiting | Status::Released, false) => None,
        _ => Some("mandate.over"),
    };
    html! {
        h1 { (visit.say("mandate.title")) }
        p.lead { (visit.fill("mandate.lead", &[("agent", &seen.agent), ("what", &what)])) }
        @if let Some(text) = &seen.text {
            p { (visit.fill("mandate.text", &[("agent", &seen.agent)])) }
            blockquote { (text) }
        }
        @if let Some(stands) = stands { div.note.good[stands == "mandate.confirmed"] role="status" { p { strong { (visit.say(stands)) } } } }
        @if waits {
            form method="post" action={ (visit.root) "/mandates/" (id) } {
                (visit.fields())
                input type="hidden" name="key" value=(key);
                div.buttons {
                    @if !seen.confirmed { button type="submit" name="answer" value="confirm" { (visit.say("mandate.confirm")) } }
                    button.second type="submit" name="answer" value="revoke" { (visit.say(asked)) }
                }
            }
            p.quiet { (visit.say("mandate.later")) }
        }
    }
}
