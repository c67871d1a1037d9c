//! `/sign-in/again`: whoever is signed in proves once more to be there, and goes back to what asked for it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::html;

use super::filled::Filled;
use super::inside::Inside;
use super::{layout, mail, passkey, provider, respond};
use crate::app::App;
use crate::journal;

/// The page.
pub(super) async fn show(inside: Inside, State(app): State<App>) -> Response {
    let Inside { visit, person, signed, .. } = &inside;
    let keys = match app.service.passkeys(signed).await {
        Ok(keys) => keys,
        Err(refusal) => return respond::refused(visit, &refusal),
    };
    let by_key = app.site.is_some() && !keys.is_empty();
    let at_provider = provider::way_again(&inside, &app).await;
    let back = html! {
        @if let Some(path) = visit.query.get("return_to") { input type="hidden" name="return_to" value=(path); }
    };
    let title = visit.say("again.title");
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        p.lead { (visit.say("again.lead")) }
        @if let Some(way) = &at_provider { (way) }
        @if by_key {
            (passkey::form(visit, "use", "/sign-in/again/passkey", (visit.say("again.passkey"), at_provider.is_some()), &back))
        }
        @if person.totp.is_some() {
            @if by_key { h2 { (visit.say("door.or")) } }
            form method="post" action=(visit.to("/sign-in/again/totp")) {
                (visit.fields())
                (back)
                (mail::code_field(visit))
                button.second[by_key || at_provider.is_some()] type="submit" { (visit.say("again.code")) }
            }
        }
        @if !by_key && person.totp.is_none() && at_provider.is_none() {
            p.note.bad { (visit.say("again.nothing")) }
            p { a.button href=(visit.to("/account")) { (visit.say("account.title")) } }
        }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

pub(super) async fn begin(inside: Inside, State(app): State<App>, _sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    passkey::handed(app.service.begin_again(site, &inside.signed, &inside.visit.word).await)
}

/// By a passkey.
pub(super) async fn passkey(inside: Inside, State(app): State<App>, sent: Filled) -> Response {
    let Some(site) = &app.site else { return StatusCode::NOT_FOUND.into_response() };
    let answer = sent.field("answer").unwrap_or_default();
    let proved = app.service.prove_again_by_passkey(site, &inside.signed, &inside.visit.word, answer).await;
    back(&inside, &sent, "passkey", proved)
}

/// By a one-time password.
pub(super) async fn totp(inside: Inside, State(app): State<App>, sent: Filled) -> Response {
    let proved = app.service.prove_again_by_code(&inside.signed, &sent.digits("code")).await;
    back(&inside, &sent, "totp", proved)
}

fn back(inside: &Inside, sent: &Filled, by: &str, proved: Result<(), Refusal>) -> Response {
    journal::proved(inside.person.id, by, proved.as_ref().copied());
    let (visit, named) = (&inside.visit, sent.field("return_to"));
    let again = |note: &str| {
        let named = named.map(|path| format!("&return_to={}", respond::escaped(path))).unwrap_or_default();
        respond::on_to(visit, &format!("{}?note={note}{named}", visit.to("/sign-in/again")), Vec::new())
    };
    match proved {
        Ok(()) => respond::on_to(visit, &visit.after(named), Vec::new()),
        Err(Refusal::WrongCode { .. } | Refusal::Invalid { .. }) => again("wrong_code"),
        Err(Refusal::TooManyAsked) => again("no_tries"),
        Err(Refusal::NotProved | Refusal::NoChallenge) => again("not_proved"),
        Err(refusal) => respond::refused(visit, &refusal),
    }
}
