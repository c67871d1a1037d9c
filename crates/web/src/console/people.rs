//! `/console/people`: who is here, who holds which seat, and what waits for a second administrator.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use countersign_core::id::PersonId;
use countersign_service::caller::Role;
use countersign_service::person::Person;
use countersign_service::{NewPerson, Proposed};
use http::Uri;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{Came, Sent};
use super::layout::Tab;
use super::{layout, proposed, respond, show, words};
use crate::app::App;
use crate::view::page;

/// What may be written at a person; a seat makes a reviewer.
pub(super) const ROLES: [&str; 3] = ["submitter", "operator", "auditor"];
/// How long a page is.
const PAGE: u32 = 25;
/// Among how many a name is looked for that a proposal mentions.
const NAMES: u32 = 200;

pub(super) fn here() -> String {
    format!("{}/people", super::ROOT)
}

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    let after = page::id_after(desk.asked("cursor")).ok().map(PersonId::from_bytes);
    let service = &desk.app.service;
    let read = async {
        let people = service.people(&desk.caller, after, PAGE).await?;
        let groups = service.settings().await?.groups.clone();
        let proposed = service.proposals(&desk.caller).await?;
        let mut known = people.clone();
        if !proposed.is_empty() {
            known.extend(service.people(&desk.caller, None, NAMES).await?);
        }
        Ok((people, known, groups, proposed))
    };
    match read.await {
        Ok((people, known, groups, proposed)) => {
            respond::page(&desk, Tab::People, "People", &draw(&desk, &people, &known, &groups, &proposed))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(
    desk: &Desk,
    people: &[Person],
    known: &[Person],
    groups: &BTreeSet<String>,
    proposed: &[Proposed],
) -> Markup {
    let cursor = people.last().filter(|_| people.len() >= PAGE as usize);
    html! {
        h1 { "People" }
        @if !proposed.is_empty() {
            section.card {
                h2 { "Waits for a second administrator" }
                p { "Whoever else administers asks for the very same; then it is done." }
                ul {
                    @for it in proposed {
                        li { (proposed::what(it, known)) ", asked for by " (name(known, it.by)) " " (show::ago(desk, it.at)) }
                    }
                }
            }
        }
        table.people {
            thead { tr { th scope="col" { "Name" } th scope="col" { "Reached by" } th scope="col" { "Seats" } th scope="col" { span.unseen { "Invite" } } } }
            tbody {
                @for person in people {
                    tr {
                        th scope="row" {
                            a href={ (here()) "/" (person.id) } { (person.name) }
                            div.quiet { (person.may_as().into_iter().map(Role::name).collect::<Vec<_>>().join(", ")) }
                            @if !person.active { " " span.chip.bad { "not active" } }
                        }
                        td data-label="Reached by" { @for (kind, value) in &person.identities { div { span.quiet { (kind) " " } (value) } } }
                        td data-label="Seats" { @if person.administers { span.quiet { "An administrator holds none." } } @else { (seats(desk, person, groups)) } }
                        td {
                            form.inline method="post" action={ (here()) "/" (person.id) "/invite" } data-once {
                                (desk.fields())
                                button.quiet type="submit" aria-label={ "Invite " (person.name) } { "Invite" }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(last) = cursor { p { a.button.second href={ (here()) "?cursor=" (page::after_id(last.id.as_bytes())) } { "More" } } }
        section.card {
            h2 { "Add somebody" }
            form method="post" action=(here()) data-once {
                (desk.fields())
                div.field { label for="name" { "Name" } input id="name" name="name" type="text" required autocomplete="off"; }
                div.field { label for="email" { "E-mail address" } input id="email" name="email" type="email" required autocomplete="off"; }
                fieldset {
                    legend { "They may" }
                    @for name in ROLES {
                        label { input type="checkbox" name="role" value=(name); " " (words::of("may", name)) }
                    }
                }
                p { label { input type="checkbox" name="administers" value="yes"; " Administers, and so never holds a seat" } }
                button type="submit" { "Add" }
            }
        }
    }
}

fn seats(desk: &Desk, person: &Person, groups: &BTreeSet<String>) -> Markup {
    html! {
        div.seats {
            @for group in groups.union(&person.seats) {
                @let held = person.seats.contains(group);
                form.inline method="post" action={ (here()) "/" (person.id) "/seat" } data-once {
                    (desk.fields())
                    input type="hidden" name="seat" value=(group);
                    button.seat type="submit" name="held" value=(if held { "no" } else { "yes" }) aria-pressed=(held)
                        aria-label={ (if held { "Take the seat " } else { "Give the seat " }) (group) (if held { " from " } else { " to " }) (person.name) } {
                        (group)
                    }
                }
            }
        }
    }
}

pub(super) fn name(people: &[Person], id: PersonId) -> &str {
    people.iter().find(|person| person.id == id).map_or("somebody", |person| &person.name)
}

/// Adds a person.
pub(super) async fn add(sent: Sent) -> Response {
    let person = NewPerson {
        name: sent.text("name").to_owned(),
        identities: BTreeMap::from([("email".to_owned(), sent.text("email").to_owned())]),
        administers: sent.text("administers") == "yes",
        roles: sent.all("role").filter_map(role).collect(),
    };
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&here(), async move {
        app.service.put_person(&caller, person).await?;
        Ok(Came::To(respond::with_note(&here(), "added")))
    })
    .await
}

/// The person that a path names, with the form that was sent.
pub(super) struct About(pub(super) Sent, pub(super) PersonId);

/// The person in an address.
pub(super) fn named_by(at: &Uri) -> Option<PersonId> {
    at.path().split('/').nth(3).and_then(|id| id.parse().ok())
}

impl FromRequest<App> for About {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let id = named_by(request.uri());
        let mut sent = Sent::from_request(request, app).await?;
        // The id in the address is of no request.
        sent.about = None;
        match id {
            Some(id) => Ok(Self(sent, id)),
            None => Err(respond::none(&sent.desk)),
        }
    }
}

/// Gives a seat, or takes it.
pub(super) async fn seat(State(app): State<App>, About(sent, person): About) -> Response {
    let (seat, held) = (sent.text("seat").to_owned(), sent.text("held") == "yes");
    let caller = sent.desk.caller.clone();
    sent.once(&here(), async move {
        app.service.set_seat(&caller, person, &seat, held).await?;
        Ok(Came::To(respond::with_note(&here(), if held { "seated" } else { "unseated" })))
    })
    .await
}

/// Makes the link by which they come in, and shows it this once.
pub(super) async fn invite(State(app): State<App>, About(sent, person): About) -> Response {
    let desk = sent.desk.clone();
    sent.once(&here(), async move {
        let invited = app.service.invite(&desk.caller, person).await?;
        let link = format!("{}/sign-in/invitation/{}", app.options.sign_in.url, invited.secret);
        let content = html! {
            h1 { "Invited" }
            p.lead { "Whoever opens this link is that person, so hand it over yourself. It is shown this once." }
            p { code.secret { (link) } }
            p { "It works once, until " (show::moment(&desk, invited.expires_at)) "." }
            p { a.button href=(here()) { "To the people" } }
        };
        Ok(Came::Page(layout::page(Some(&desk), Tab::People, "Invited", &content).into_string()))
    })
    .await
}

/// A role that may be written at a person.
pub(super) fn role(name: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.name() == name && ROLES.contains(&name))
}
