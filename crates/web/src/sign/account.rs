//! `/account`: who somebody is here, what they may do, and by what they sign in.

use axum::extract::State;
use axum::response::Response;
use countersign_service::caller::Role;
use countersign_service::sign::Held;
use http::StatusCode;
use maud::{Markup, html};

use super::inside::Inside;
use super::visit::Visit;
use super::{layout, passkey, respond};
use crate::app::App;

/// Who they are.
pub(super) async fn show(inside: Inside, State(app): State<App>) -> Response {
    let Inside { visit, person, signed, .. } = &inside;
    let (keys, zone) = match (app.service.passkeys(signed).await, app.service.settings().await) {
        (Ok(keys), Ok(settings)) => (keys, settings.time_zone.clone()),
        (Err(refusal), _) | (_, Err(refusal)) => return respond::refused(visit, &refusal),
    };
    let seats = person.seats.iter().map(|seat| seat.replace('_', " ")).collect::<Vec<_>>().join(", ");
    let roles = person.may_as().into_iter().map(|role| visit.say(named(role))).collect::<Vec<_>>();
    let title = visit.say("account.title");
    let bare = keys.is_empty() && person.totp.is_none();
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        dl.facts {
            dt { (visit.say("account.name")) } dd { (person.name) }
            @if let Some(email) = person.email() {
                dt { (visit.say("account.email")) } dd { (email) }
            }
            dt { (visit.say("account.roles")) }
            dd { @if roles.is_empty() { (visit.say("account.none")) } @else { (roles.join(", ")) } }
            @if !seats.is_empty() {
                dt { (visit.say("account.seats")) } dd { (seats) }
            }
        }
        @if !roles.is_empty() {
            p { a.button href=(visit.to("/console")) { (visit.say("account.console")) } }
        }
        h2 { (visit.say("ways.title")) }
        @if bare { p.note.bad { (visit.say("ways.none")) } }
        @if app.site.is_some() {
            @if !keys.is_empty() {
                ul.list { @for key in &keys { (line(visit, key, &zone)) } }
            }
            (passkey::form(visit, "new", "/account/passkeys", (visit.say("ways.passkey"), false), &html! {}))
        } @else {
            p.quiet { (visit.say("ways.no_passkeys")) }
        }
        @if person.totp.is_some() { p { (visit.say("ways.totp.there")) } }
        form method="post" action=(visit.to("/account/totp")) {
            (visit.fields())
            button.second type="submit" {
                (visit.say(if person.totp.is_some() { "ways.totp.other" } else { "ways.totp" }))
            }
        }
        p { a href=(visit.to("/account/sessions")) { (visit.say("account.sessions")) } }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

fn line(visit: &Visit, key: &Held, zone: &jiff::tz::TimeZone) -> Markup {
    let device = if key.device.is_empty() { visit.say("sessions.unknown") } else { &key.device };
    let since = visit.language.moment(key.enrolled_at, zone);
    html! {
        li {
            div {
                strong { (visit.fill("ways.key", &[("device", device)])) }
                p.quiet { (visit.fill("ways.since", &[("moment", &since)])) }
            }
            form method="post" action={ (visit.to("/account/passkeys/")) (key.label) "/remove" } {
                (visit.fields())
                button.second type="submit" aria-label=(visit.fill("ways.remove.which", &[("device", device)])) {
                    (visit.say("ways.remove"))
                }
            }
        }
    }
}

fn named(role: Role) -> &'static str {
    match role {
        Role::Submitter => "role.submitter",
        Role::Reviewer => "role.reviewer",
        Role::Operator => "role.operator",
        Role::Auditor => "role.auditor",
        Role::Administrator => "role.administrator",
    }
}
