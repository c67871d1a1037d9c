//! `/account/sessions`: where somebody is signed in, each to be ended.

use axum::extract::State;
use axum::response::Response;
use countersign_service::refusal::Refusal;
use countersign_service::sign::{Means, Session};
use http::StatusCode;
use maud::{Markup, html};

use super::filled::Filled;
use super::inside::Inside;
use super::visit::Visit;
use super::{layout, respond};
use crate::app::App;
use crate::extract::{At, Name};

/// The list.
pub(super) async fn show(inside: Inside, State(app): State<App>) -> Response {
    let Inside { visit, caller, person, session, .. } = &inside;
    let (sessions, zone) =
        match (app.service.sessions_of(caller, person.id).await, app.service.settings().await) {
            (Ok(sessions), Ok(settings)) => (sessions, settings.time_zone.clone()),
            (Err(refusal), _) | (_, Err(refusal)) => return respond::refused(visit, &refusal),
        };
    let title = visit.say("sessions.title");
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        p.lead { (visit.say("sessions.lead")) }
        ul.list {
            @for it in &sessions { (line(visit, it, it.label == session.label, &zone)) }
        }
        @if sessions.len() > 1 {
            form method="post" action=(visit.to("/account/sessions/end-others")) {
                (visit.fields())
                button.second type="submit" { (visit.say("sessions.others")) }
            }
        }
        p { a href=(visit.to("/account")) { (visit.say("account.title")) } }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

fn line(visit: &Visit, session: &Session, own: bool, zone: &jiff::tz::TimeZone) -> Markup {
    let moment = |at| visit.language.moment(at, zone);
    let device = if session.device.is_empty() { visit.say("sessions.unknown") } else { &session.device };
    let (began, seen) = (moment(session.began_at), moment(session.seen_at));
    html! {
        li {
            div {
                strong { (device) }
                @if own { " " span.chip.done { (visit.say("sessions.this")) } }
                p.quiet { (visit.fill("sessions.began", &[("moment", &began), ("means", visit.say(means(session.means)))])) }
                p.quiet { (visit.fill("sessions.seen", &[("moment", &seen)])) }
            }
            @if !own {
                form method="post" action={ (visit.to("/account/sessions/")) (session.label) "/end" } {
                    (visit.fields())
                    button.second type="submit" aria-label=(visit.fill("sessions.end.which", &[("device", device)])) {
                        (visit.say("sessions.end"))
                    }
                }
            }
        }
    }
}

fn means(means: Means) -> &'static str {
    match means {
        Means::Invitation => "means.invitation",
        Means::Passkey => "means.passkey",
        Means::Totp => "means.totp",
        Means::Provider => "means.provider",
    }
}

/// Ends one.
pub(super) async fn end(
    inside: Inside,
    At(Name(label)): At<Name>,
    State(app): State<App>,
    _sent: Filled,
) -> Response {
    // Pressed twice, or over by itself: it is gone either way.
    let ended = match app.service.end_own_sessions(&inside.signed, Some(&label)).await {
        Err(Refusal::NotFound(_)) => Ok(0),
        ended => ended,
    };
    back(&inside.visit, ended)
}

/// Ends all but this one.
pub(super) async fn end_others(inside: Inside, State(app): State<App>, _sent: Filled) -> Response {
    back(&inside.visit, app.service.end_own_sessions(&inside.signed, None).await)
}

/// Back to the list, or to prove first that it is still the same person.
fn back(visit: &Visit, ended: Result<usize, Refusal>) -> Response {
    let here = visit.to("/account/sessions");
    match ended {
        Ok(_) => respond::on_to(visit, &format!("{here}?note=ended"), Vec::new()),
        Err(Refusal::StepUp { .. }) => {
            let again = visit.to("/sign-in/again");
            respond::on_to(visit, &format!("{again}?return_to=/account/sessions"), Vec::new())
        }
        Err(refusal) => respond::refused(visit, &refusal),
    }
}
