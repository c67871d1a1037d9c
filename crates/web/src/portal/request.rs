//! A request's page: where it stands, what is missing, by when; how it ended. And what its subject may do about it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::portal::Seen;
use countersign_service::ports::store::Status;
use countersign_service::refusal::Refusal;
use http::{Method, StatusCode};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::guard::Filled;
use super::visit::{Of, Visit};
use super::{end, layout, prove, respond, steps};
use crate::app::App;
use crate::zip;

/// The page.
pub(super) async fn show(visit: Visit, Of(id): Of, State(app): State<App>) -> Response {
    let seen = match visit.caller(id).await {
        Ok(Some(caller)) => app.service.seen(&caller, id).await,
        Ok(None) => return prove::way_back(&visit, id),
        Err(refusal) => Err(refusal),
    };
    let zone = app.service.settings().await.map(|settings| settings.time_zone.clone());
    match (seen, zone) {
        (Ok(mut seen), Ok(zone)) => {
            // Where browsers know none, nobody can bring one.
            seen.passkey &= app.site.is_some();
            draw(&visit, id, &seen, &zone)
        }
        (Err(refusal), _) | (_, Err(refusal)) => respond::refused(&visit, &refusal),
    }
}

/// Where it stands, in a word that changes when it does: the page's script asks for it.
pub(super) async fn state(visit: Visit, Of(id): Of, State(app): State<App>) -> Response {
    match visit.caller(id).await {
        Ok(Some(caller)) => match app.service.standing(&caller, id).await {
            Ok((status, version)) => word(status, version).into_response(),
            Err(refusal) => respond::refused(&visit, &refusal),
        },
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

/// The package.
pub(super) async fn package(visit: Visit, Of(id): Of, State(app): State<App>, method: Method) -> Response {
    let caller = match visit.caller(id).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return prove::way_back(&visit, id),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    match zip::answer(app, caller, id, &method).await {
        Ok(response) => response,
        // The page says what there is to fetch, and asks for proof if it needs one.
        Err(Refusal::Rule(_) | Refusal::Standing(_) | Refusal::NotFound(_) | Refusal::ProofTooOld) => {
            prove::back(&visit, id)
        }
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

/// The subject takes it back.
pub(super) async fn withdraw(visit: Visit, Of(id): Of, State(app): State<App>, _sent: Filled) -> Response {
    let caller = match visit.caller(id).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return prove::way_back(&visit, id),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    match app.service.withdraw(&caller, id).await {
        Ok(_) => prove::back_with(&visit, id, "withdrawn"),
        Err(Refusal::Rule(_)) => prove::back_with(&visit, id, note_after(&app, &caller, id).await),
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

/// Sent twice, the second finds it withdrawn.
async fn note_after(app: &App, caller: &Caller, id: RequestId) -> &'static str {
    match app.service.read(caller, id).await {
        Ok(picture) if picture.row.status == Status::Withdrawn => "withdrawn",
        _ => "too_late",
    }
}

/// Forgets the key to it in this browser.
pub(super) async fn leave(visit: Visit, Of(id): Of, _sent: Filled) -> Response {
    let gone = visit.jar.set(&visit.jar.key_name(id), "");
    respond::on_to(&visit, &format!("{}?note=closed", visit.root), gone)
}

fn draw(visit: &Visit, id: RequestId, seen: &Seen, zone: &TimeZone) -> Response {
    let picture = &seen.picture;
    if picture.row.status == Status::Waiting && picture.proofs.is_empty() {
        return prove::look_into_mail(visit, id, seen.email.as_deref());
    }
    let action = action(visit, &picture.row.action);
    let asked = visit.language.moment(picture.row.submitted_at, zone);
    let (chip, tone) = chip(seen);
    let content = html! {
        (layout::note(visit))
        div.live data-state=(word(picture.row.status, picture.row.version)) data-at={ (visit.request(id)) "/state" } {
            p.chip.(tone) { (visit.say(chip)) }
            h1 { (visit.fill("request.title", &[("action", &action)])) }
            p.quiet { (visit.fill("request.asked", &[("moment", &asked)])) }
            @match &picture.ending {
                Some(ending) => (end::draw(visit, id, seen, ending, zone)),
                None => (steps::draw(visit, id, seen, zone)),
            }
        }
        @if may_withdraw(picture.row.status) {
            details.card {
                summary { (visit.say("withdraw.open")) }
                p { (visit.say("withdraw.about")) }
                form method="post" action={ (visit.request(id)) "/withdraw" } {
                    (visit.fields())
                    button.danger type="submit" { (visit.say("withdraw.send")) }
                }
            }
        }
        (foot(visit, id))
    };
    respond::page(visit, StatusCode::OK, &action, &content)
}

fn foot(visit: &Visit, id: RequestId) -> Markup {
    html! {
        div.foot {
            p.quiet { (visit.fill("request.number", &[("id", &id.to_string())])) }
            form method="post" action={ (visit.request(id)) "/leave" } {
                (visit.fields())
                span.quiet { (visit.say("leave.about")) } " "
                button.link type="submit" { (visit.say("leave.send")) }
            }
            p { a href=(visit.root) { (visit.say("restart")) } }
        }
    }
}

/// An action in words; one that the operator declared has no other word than its name.
pub(super) fn action(visit: &Visit, name: &str) -> String {
    visit.language.find("action", name).map_or_else(|| name.replace('_', " "), str::to_owned)
}

fn may_withdraw(status: Status) -> bool {
    matches!(status, Status::Waiting | Status::Released)
}

fn chip(seen: &Seen) -> (&'static str, &'static str) {
    match seen.picture.row.status {
        Status::Waiting if steps::waits_for_subject(seen) => ("status.prove", "you"),
        Status::Waiting | Status::Released => ("status.waiting", "open"),
        Status::Running => ("status.running", "open"),
        Status::Stuck => ("status.stuck", "open"),
        Status::Completed => ("status.completed", "done"),
        Status::Denied => ("status.denied", "no"),
        Status::Withdrawn => ("status.withdrawn", "no"),
        Status::Expired => ("status.expired", "no"),
        Status::Abandoned => ("status.abandoned", "no"),
    }
}

fn word(status: Status, version: u64) -> String {
    format!("{}-{version}", status.name())
}
