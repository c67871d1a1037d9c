//! `/console/holds`: why data must be kept, by the name of a case.

use std::collections::BTreeMap;

use axum::response::Response;
use countersign_service::hold::Hold;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{Came, Sent};
use super::layout::Tab;
use super::{respond, show};

/// How long a page is.
const PAGE: usize = 50;

fn here() -> String {
    format!("{}/holds", super::ROOT)
}

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    match desk.app.service.holds(&desk.caller).await {
        Ok(mut holds) => {
            holds.sort_by_key(|(_, hold)| (hold.lifted_at.is_some(), std::cmp::Reverse(hold.placed_at)));
            respond::page(&desk, Tab::Holds, "Legal holds", &draw(&desk, &holds))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(desk: &Desk, holds: &[(String, Hold)]) -> Markup {
    let from = desk.asked("from").parse().unwrap_or(0);
    html! {
        h1 { "Legal holds" }
        @if holds.is_empty() {
            div.empty { p.lead { "No data is held." } }
        } @else {
            table.holds {
                thead { tr { th scope="col" { "Case" } th scope="col" { "Placed" } th scope="col" { span.unseen { "Lift" } } } }
                tbody {
                    @for (name, hold) in holds.iter().skip(from).take(PAGE) {
                        tr {
                            th scope="row" { (name) }
                            td data-label="Placed" { (show::ago(desk, hold.placed_at)) }
                            td {
                                @if let Some(at) = hold.lifted_at { span.quiet { "lifted " (show::ago(desk, at)) } }
                                @else {
                                    form.inline method="post" action={ (here()) "/lift" } data-once {
                                        (desk.fields())
                                        input type="hidden" name="case" value=(name);
                                        button.danger.small type="submit" aria-label={ "Lift the hold " (name) } { "Lift" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        (show::earlier(&here(), holds.len(), from, PAGE))
        section.card {
            h2 { "Place one" }
            form method="post" action=(here()) data-once {
                (desk.fields())
                div.field {
                    label for="case" { "The case" }
                    p.about id="case-about" { "A case's name, never a person's: it stands in verdicts and in the ledger." }
                    input id="case" name="case" type="text" required maxlength="64" pattern="[A-Za-z0-9_.\\-]+" aria-describedby="case-about" autocomplete="off";
                }
                div.field { label for="kind" { "The subject is named by" } select id="kind" name="kind" { option value="email" { "e-mail address" } option value="account" { "account" } option value="phone" { "phone" } } }
                div.field { label for="value" { "Which" } input id="value" name="value" type="text" required autocomplete="off"; }
                button type="submit" { "Place" }
            }
        }
    }
}

/// Places one.
pub(super) async fn place(sent: Sent) -> Response {
    let name = sent.text("case").to_owned();
    let subject = BTreeMap::from([(sent.text("kind").to_owned(), sent.text("value").to_owned())]);
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&here(), async move {
        app.service.place_hold(&caller, &name, &subject).await?;
        Ok(Came::To(respond::with_note(&here(), "placed")))
    })
    .await
}

/// Lifts one.
pub(super) async fn lift(sent: Sent) -> Response {
    let name = sent.text("case").to_owned();
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&here(), async move {
        app.service.lift_hold(&caller, &name).await?;
        Ok(Came::To(respond::with_note(&here(), "lifted")))
    })
    .await
}
