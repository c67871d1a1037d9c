//! `/console/people/{id}`: one person: what they may do, where they are signed in, and how they leave.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use countersign_service::caller::{Act, Role};
use countersign_service::person::Person;
use countersign_service::refusal::Refusal;
use countersign_service::sign::Session;
use http::Uri;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::Came;
use super::layout::Tab;
use super::people::{About, ROLES, here, named_by, role};
use super::{respond, show, words};
use crate::app::App;

/// Where everybody ends their own sessions.
const OWN: &str = "/account/sessions";

/// The page.
pub(super) async fn show(desk: Desk, at: Uri) -> Response {
    let Some(id) = named_by(&at) else { return respond::none(&desk) };
    let read = async {
        let person = desk.app.service.person(&desk.caller, id).await?;
        Ok((person, desk.app.service.sessions_of(&desk.caller, id).await?))
    };
    match read.await {
        Ok((person, sessions)) => {
            // A title is read over shoulders, and kept in histories.
            respond::page(&desk, Tab::People, "Person", &draw(&desk, &person, &sessions))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(desk: &Desk, person: &Person, sessions: &[Session]) -> Markup {
    let address = |what: &str| format!("{}/{}/{what}", here(), person.id);
    html! {
        p.over { a href=(here()) { "People" } }
        h1 { (person.name) }
        @for (kind, value) in &person.identities { p { span.quiet { (kind) " " } (value) } }
        @if !person.active {
            p.note.bad { "They were removed, and may do nothing here." }
        } @else {
            section.card {
                h2 { "They may" }
                p.quiet { "Beside what follows from seats and from administering." }
                form method="post" action=(address("roles")) data-once {
                    (desk.fields())
                    fieldset {
                        legend.unseen { "They may" }
                        @for name in ROLES {
                            @let held = person.roles.iter().any(|role| role.name() == name);
                            label { input type="checkbox" name="role" value=(name) checked[held]; " " (words::of("may", name)) }
                        }
                    }
                    button type="submit" { "Save" }
                }
            }
            section.card {
                h2 { "Signed in" }
                @if sessions.is_empty() {
                    p.quiet { "Nowhere." }
                } @else {
                    ul.plain {
                        @for it in sessions {
                            li { (if it.device.is_empty() { "A browser" } else { &it.device }) span.quiet { ", used " (show::ago(desk, it.seen_at)) } }
                        }
                    }
                    @if person.id == desk.who.person {
                        p { a href=(OWN) { "Your sessions" } }
                    } @else {
                        form method="post" action=(address("sessions")) data-once {
                            (desk.fields())
                            button.second type="submit" { "End all" }
                        }
                    }
                }
            }
            section.card {
                h2 { "They leave" }
                p { "Their sessions, tokens and ways in end at once, and signatures of theirs count no longer where nothing has run." }
                form method="post" action=(address("remove")) data-once {
                    (desk.fields())
                    p { label { input type="checkbox" name="sure" value="yes" required; " Yes, remove " (person.name) } }
                    button.danger type="submit" { "Remove" }
                }
            }
        }
    }
}

/// Says what they may do.
pub(super) async fn roles(State(app): State<App>, About(sent, person): About) -> Response {
    let roles: BTreeSet<Role> = sent.all("role").filter_map(role).collect();
    let (caller, page) = (sent.desk.caller.clone(), format!("{}/{person}", here()));
    let to = respond::with_note(&page, "roles");
    sent.once(&page, async move {
        app.service.set_roles(&caller, person, roles).await?;
        Ok(Came::To(to))
    })
    .await
}

/// Signs them out everywhere. One's own are ended at the account's own page, which asks for a fresh proof first.
pub(super) async fn end_sessions(State(app): State<App>, About(sent, person): About) -> Response {
    let (caller, page) = (sent.desk.caller.clone(), format!("{}/{person}", here()));
    let to = respond::with_note(&page, "signed_out");
    let own = sent.desk.who.person == person;
    sent.once(&page, async move {
        caller.may(Act::ManagePeople)?;
        if own {
            return Ok(Came::To(OWN.to_owned()));
        }
        app.service.end_sessions(&caller, person, None).await?;
        Ok(Came::To(to))
    })
    .await
}

/// Removes them.
pub(super) async fn remove(State(app): State<App>, About(sent, person): About) -> Response {
    let sure = sent.text("sure") == "yes";
    let (caller, page) = (sent.desk.caller.clone(), format!("{}/{person}", here()));
    sent.once(&page, async move {
        if !sure {
            return Err(Refusal::invalid("sure", "is yes"));
        }
        app.service.remove_person(&caller, person).await?;
        Ok(Came::To(respond::with_note(&here(), "gone")))
    })
    .await
}
