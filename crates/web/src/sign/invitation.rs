//! `/sign-in/invitation/…`: the first way in. Opening the link shows a button; pressing it uses the link up.

use axum::extract::State;
use axum::response::Response;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::html;

use super::filled::Filled;
use super::visit::Visit;
use super::{layout, respond};
use crate::app::App;
use crate::extract::{At, Name};
use crate::journal;

/// The button. Whatever opens links before people do uses nothing up.
pub(super) async fn show(visit: Visit, At(Name(secret)): At<Name>, State(app): State<App>) -> Response {
    let person = match app.service.invitation_stands(&secret).await {
        Ok(person) => person,
        Err(Refusal::NotFound(_)) => return gone(&visit),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    let title = visit.fill("invited.title", &[("name", &person.name)]);
    let content = html! {
        (layout::note(&visit))
        h1 { (title) }
        p.lead { (visit.say("invited.lead")) }
        form method="post" action={ (visit.to("/sign-in/invitation/")) (secret) } {
            (visit.fields())
            button type="submit" { (visit.say("invited.yes")) }
        }
        p.quiet { (visit.say("invited.no")) }
    };
    respond::page(&visit, StatusCode::OK, &title, &content)
}

/// Lets the person in.
pub(super) async fn accept(
    visit: Visit,
    At(Name(secret)): At<Name>,
    State(app): State<App>,
    sent: Filled,
) -> Response {
    let to = visit.after(sent.field("return_to"));
    let entered = app.service.accept_invitation(&secret, &visit.word, &visit.device()).await;
    journal::came("invitation", entered.as_ref());
    match entered {
        Ok(entered) => respond::enter(&visit, &entered.secret, &to).await,
        // Pressed twice: the first press let them in.
        Err(Refusal::NotFound(_)) if visit.signed_in.is_some() => respond::on_to(&visit, &to, Vec::new()),
        Err(Refusal::NotFound(_)) => gone(&visit),
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

fn gone(visit: &Visit) -> Response {
    respond::told(visit, StatusCode::GONE, "invited.gone.title", "invited.gone.lead")
}
