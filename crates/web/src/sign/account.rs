//! `/account`: who somebody is here, and what they may do.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::inside::Inside;
use super::{layout, respond};

/// Who they are.
pub(super) async fn show(inside: Inside) -> Response {
    let Inside { visit, person, .. } = &inside;
    let seats = person.seats.iter().map(|seat| seat.replace('_', " ")).collect::<Vec<_>>().join(", ");
    let roles = person.may_as().into_iter().map(|role| visit.say(role_key(role))).collect::<Vec<_>>();
    let title = visit.say("account.title");
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
        p { a href=(visit.to("/account/sessions")) { (visit.say("account.sessions")) } }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

fn role_key(role: countersign_service::caller::Role) -> &'static str {
    use countersign_service::caller::Role;
    match role {
        Role::Submitter => "role.submitter",
        Role::Reviewer => "role.reviewer",
        Role::Operator => "role.operator",
        Role::Auditor => "role.auditor",
        Role::Administrator => "role.administrator",
    }
}
