//! Proof by a passkey: the form, what its script is handed, and what the browser answered.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_core::id::RequestId;
use countersign_service::refusal::Refusal;
use maud::{Markup, html};

use super::guard::Filled;
use super::prove::{back, back_with, is_proved};
use super::respond;
use super::visit::{Of, Visit};
use crate::app::App;
use crate::problem::Problem;

/// What the browser is asked. Whoever has no key to the request learns nothing here, as at every other place.
pub(super) async fn begin(visit: Visit, Of(id): Of, State(app): State<App>, _sent: Filled) -> Response {
    let begun = match visit.caller(id).await {
        Ok(Some(caller)) => app.service.begin_proof(app.site.as_deref(), &caller, id).await,
        Ok(None) => Err(Refusal::NotFound("request")),
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok(asked) => Json(asked.options).into_response(),
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

/// What it answered.
pub(super) async fn prove(visit: Visit, Of(id): Of, State(app): State<App>, sent: Filled) -> Response {
    let caller = match visit.caller(id).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return back(&visit, id),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    let answer = sent.field("answer").unwrap_or_default();
    let refusal = match app.service.prove_by_passkey(app.site.as_deref(), &caller, id, answer).await {
        Ok(_) => return back_with(&visit, id, "confirmed"),
        Err(refusal) => refusal,
    };
    match refusal {
        _ if is_proved(&app, &caller, id, "passkey").await => back_with(&visit, id, "confirmed"),
        // Without a script the form is sent empty; the page says what it needs.
        Refusal::WrongCode { .. } | Refusal::NotProved => back_with(&visit, id, "wrong_passkey"),
        Refusal::NoChallenge => back_with(&visit, id, "gone_passkey"),
        Refusal::NotEnrolled | Refusal::Invalid { .. } => back(&visit, id),
        Refusal::Rule(_) => back_with(&visit, id, "too_late"),
        refusal => respond::refused(&visit, &refusal),
    }
}

/// One button, which a script fills in.
pub(super) fn form(visit: &Visit, id: RequestId) -> Markup {
    let action = format!("{}/passkey", visit.request(id));
    html! {
        form method="post" action=(action) data-passkey="use" data-begin={ (action) "/begin" }
            data-none=(visit.say("passkey.none")) data-failed=(visit.say("passkey.failed")) {
            (visit.fields())
            input type="hidden" name="answer" value="";
            p.about id="passkey-about" { (visit.say("passkey.about")) }
            noscript { p.note.bad { (visit.say("passkey.none")) } }
            button type="submit" aria-describedby="passkey-about" { (visit.say("passkey.use")) }
            p.field role="alert" {}
        }
    }
}
