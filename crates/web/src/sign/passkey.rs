//! Passkeys: to sign in by, to set up, to remove. A script asks the browser; what it answers is a field of a form of ours.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::filled::Filled;
use super::inside::Inside;
use super::respond;
use super::visit::Visit;
use crate::app::App;
use crate::extract::{At, Name};
use crate::journal;
use crate::problem::Problem;

/// A form with one button, which a script fills in. `what`: `new` to make one, else to use one. The button has a label, and
/// may stand behind another.
pub(super) fn form(
    visit: &Visit,
    what: &str,
    action: &str,
    button: (&str, bool),
    content: &Markup,
) -> Markup {
    let action = visit.to(action);
    let (label, second) = button;
    html! {
        form method="post" action=(action) data-passkey=(what) data-begin={ (action) "/begin" }
            data-none=(visit.say("passkey.none")) data-failed=(visit.say("passkey.failed")) {
            (visit.fields())
            (content)
            input type="hidden" name="answer" value="";
            button.second[second] type="submit" { (label) }
            p.field role="alert" {}
        }
    }
}

/// What a script is handed, or why it is not.
pub(super) fn handed(asked: Result<Value, Refusal>) -> Response {
    match asked {
        Ok(asked) => Json(asked).into_response(),
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

pub(super) async fn begin(visit: Visit, State(app): State<App>, _sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    handed(app.service.begin_sign_in(site, &visit.word, &visit.door().client).await)
}

/// Lets in.
pub(super) async fn enter(visit: Visit, State(app): State<App>, sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    let answer = sent.field("answer").unwrap_or_default();
    let to = visit.after(sent.field("return_to"));
    let entered = app.service.sign_in_by_passkey(site, &visit.word, answer, &visit.device()).await;
    journal::came("passkey", entered.as_ref());
    match entered {
        Ok(entered) => respond::enter(&visit, &entered.secret, &to).await,
        Err(Refusal::NotProved | Refusal::NoChallenge) if visit.signed_in.is_some() => {
            respond::on_to(&visit, &to, Vec::new())
        }
        Err(Refusal::NotProved | Refusal::NoChallenge) => {
            respond::to_door_with(&visit, "not_proved", sent.field("return_to"))
        }
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

pub(super) async fn begin_new(inside: Inside, State(app): State<App>, _sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    handed(app.service.begin_passkey(site, &inside.signed, &inside.visit.word).await)
}

/// Keeps a new one.
pub(super) async fn keep(inside: Inside, State(app): State<App>, sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    let (visit, answer) = (&inside.visit, sent.field("answer").unwrap_or_default());
    let kept = app.service.keep_passkey(site, &inside.signed, &visit.word, answer, &visit.device()).await;
    changed(visit, kept, "set_up")
}

/// Removes one.
pub(super) async fn remove(
    inside: Inside,
    At(Name(label)): At<Name>,
    State(app): State<App>,
    _sent: Filled,
) -> Response {
    let removed = match app.service.remove_passkey(&inside.signed, &label).await {
        // Pressed twice.
        Err(Refusal::NotFound(_)) => Ok(()),
        removed => removed,
    };
    changed(&inside.visit, removed, "removed")
}

/// Back to the account, or to prove first that it is still the same person.
pub(super) fn changed(visit: &Visit, done: Result<(), Refusal>, note: &str) -> Response {
    let to = |note: &str| respond::on_to(visit, &format!("{}?note={note}", visit.to("/account")), Vec::new());
    match done {
        Ok(()) => to(note),
        Err(Refusal::StepUp { .. }) => {
            respond::on_to(visit, &format!("{}?return_to=/account", visit.to("/sign-in/again")), Vec::new())
        }
        Err(Refusal::NotProved | Refusal::NoChallenge | Refusal::Standing(_)) => to("not_set_up"),
        Err(refusal) => respond::refused(visit, &refusal),
    }
}
