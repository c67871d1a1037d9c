//! `/console/tokens`: what opens the API, and for whom. A secret is shown once.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use countersign_core::id::PersonId;
use countersign_service::caller::Role;
use countersign_service::token::Token;
use countersign_service::{Minted, NewToken};
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{Came, Sent};
use super::layout::{self, Tab};
use super::{respond, show};

/// How long a page is.
const PAGE: usize = 50;

fn here() -> String {
    format!("{}/tokens", super::ROOT)
}

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    let read = async {
        let tokens = desk.app.service.tokens(&desk.caller).await?;
        let people = desk.app.service.people(&desk.caller, None, 200).await?;
        Ok((tokens, people.into_iter().map(|person| (person.id, person.name)).collect()))
    };
    match read.await {
        Ok((mut tokens, names)) => {
            tokens.sort_by_key(|token| (token.revoked_at.is_some(), std::cmp::Reverse(token.minted_at)));
            respond::page(&desk, Tab::Tokens, "Tokens", &draw(&desk, &tokens, &names))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(desk: &Desk, tokens: &[Token], names: &BTreeMap<PersonId, String>) -> Markup {
    let from = desk.asked("from").parse().unwrap_or(0);
    html! {
        h1 { "Tokens" }
        table.tokens {
            thead { tr { th scope="col" { "Token" } th scope="col" { "May" } th scope="col" { "Used" } th scope="col" { span.unseen { "Take back" } } } }
            tbody {
                @for token in tokens.iter().skip(from).take(PAGE) {
                    tr {
                        th scope="row" {
                            code { (token.label) } " "
                            @if let Some(service) = &token.service { (service) } " "
                            span.quiet { (names.get(&token.person).map_or("somebody's", |name| name)) }
                        }
                        td data-label="May" {
                            (token.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "))
                            span.quiet { ", by " (token.channel) }
                            @if !token.attests.is_empty() { " " span.chip { "attests " (token.attests.iter().cloned().collect::<Vec<_>>().join(", ")) } }
                        }
                        td data-label="Used" {
                            @if let Some(at) = token.used_at { (show::ago(desk, at)) } @else { span.quiet { "never" } }
                            @if let Some(at) = token.expires_at { span.quiet { ", until " (show::moment(desk, at)) } }
                        }
                        td {
                            @if let Some(at) = token.revoked_at { span.quiet { "taken back " (show::ago(desk, at)) } }
                            @else {
                                form.inline method="post" action={ (here()) "/revoke" } data-once {
                                    (desk.fields())
                                    input type="hidden" name="label" value=(token.label);
                                    button.danger.small type="submit" aria-label={ "Take the token " (token.label) " back" } { "Take back" }
                                }
                            }
                        }
                    }
                }
            }
        }
        (show::earlier(&here(), tokens.len(), from, PAGE))
        section.card {
            h2 { "Mint one for a program" }
            form method="post" action=(here()) data-once {
                (desk.fields())
                div.field { label for="service" { "The program's name" } input id="service" name="service" type="text" required pattern="[a-z0-9_\\-]+" autocomplete="off"; }
                fieldset {
                    legend { "It may" }
                    label { input type="checkbox" name="role" value="submitter" checked; " submit requests" } " "
                    label { input type="checkbox" name="role" value="auditor"; " read all, as an auditor" }
                }
                p { label { input type="checkbox" name="attests" value="identity"; " It says whom it has before it, and is believed" } }
                button type="submit" { "Mint" }
            }
        }
    }
}

/// Mints one, and shows its secret this once.
pub(super) async fn mint(sent: Sent) -> Response {
    let roles: BTreeSet<Role> =
        sent.all("role").filter_map(|name| Role::ALL.into_iter().find(|role| role.name() == name)).collect();
    let new = NewToken {
        person: None,
        service: sent.maybe("service"),
        roles,
        channel: "api".to_owned(),
        attests: sent.all("attests").map(str::to_owned).collect(),
        expires_at: None,
    };
    let desk = sent.desk.clone();
    sent.once(&here(), async move {
        let Minted { label, secret } = desk.app.service.mint_token(&desk.caller, new).await?;
        let content = html! {
            h1 { "Minted" }
            p.lead { "This is the only time that it is shown." }
            p { code.secret { (secret) } }
            p { "It is called " code { (label) } "." }
            p { a.button href=(here()) { "To the tokens" } }
        };
        Ok(Came::Page(layout::page(Some(&desk), Tab::Tokens, "Minted", &content).into_string()))
    })
    .await
}

/// Takes one back.
pub(super) async fn revoke(sent: Sent) -> Response {
    let label = sent.text("label").to_owned();
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&here(), async move {
        app.service.revoke_token(&caller, &label).await?;
        Ok(Came::To(respond::with_note(&here(), "revoked")))
    })
    .await
}
