//! Signing in by a mailed link and a one-time password. Every address that is typed gets the same page.

use axum::extract::State;
use axum::response::Response;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, html};

use super::filled::Filled;
use super::visit::Visit;
use super::{layout, respond};
use crate::app::App;
use crate::extract::{At, Name};
use crate::journal;

/// Sends the link.
pub(super) async fn send(visit: Visit, State(app): State<App>, sent: Filled) -> Response {
    let email = sent.field("email").unwrap_or_default();
    let note = match app.service.mail_sign_in(&visit.door(), email, &visit.word).await {
        Ok(()) => "mailed",
        Err(Refusal::Invalid { .. }) => "no_address",
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    respond::to_door_with(&visit, note, sent.field("return_to"))
}

/// The page that the link leads to. Looking uses nothing up.
pub(super) async fn show(visit: Visit, At(Name(secret)): At<Name>, State(app): State<App>) -> Response {
    match app.service.mailed_link_stands(&secret, &visit.word).await {
        Ok(()) => {}
        Err(refusal) => return gone(&visit, &refusal),
    }
    let title = visit.say("mailed.title");
    let content = html! {
        (layout::note(&visit))
        h1 { (title) }
        form method="post" action={ (visit.to("/sign-in/mail/")) (secret) } {
            (visit.fields())
            (code_field(&visit))
            button type="submit" { (visit.say("door.title")) }
        }
    };
    respond::page(&visit, StatusCode::OK, title, &content)
}

/// Lets in.
pub(super) async fn enter(
    visit: Visit,
    At(Name(secret)): At<Name>,
    State(app): State<App>,
    sent: Filled,
) -> Response {
    let entered =
        app.service.sign_in_by_mail(&secret, &visit.word, &sent.digits("code"), &visit.device()).await;
    journal::came("mail", entered.as_ref());
    match entered {
        Ok(entered) => respond::enter(&visit, &entered.secret, &visit.to(super::HOME)).await,
        Err(Refusal::WrongCode { left: 1.. } | Refusal::Invalid { .. }) => {
            let to = format!("{}{secret}?note=wrong_code", visit.to("/sign-in/mail/"));
            respond::on_to(&visit, &to, Vec::new())
        }
        Err(_) if visit.signed_in.is_some() => respond::on_to(&visit, &visit.to(super::HOME), Vec::new()),
        Err(refusal) => gone(&visit, &refusal),
    }
}

/// Where the digits go.
pub(super) fn code_field(visit: &Visit) -> Markup {
    html! {
        div.field {
            label for="code" { (visit.say("code")) }
            p.about id="code-about" { (visit.say("code.about")) }
            input.code type="text" name="code" id="code" inputmode="numeric" autocomplete="one-time-code"
                maxlength="12" required aria-describedby="code-about";
        }
    }
}

fn gone(visit: &Visit, refusal: &Refusal) -> Response {
    match refusal {
        Refusal::NoChallenge | Refusal::WrongCode { .. } => {
            respond::told(visit, StatusCode::GONE, "mailed.gone.title", "mailed.gone.lead")
        }
        Refusal::NotProved => {
            respond::told(visit, StatusCode::FORBIDDEN, "mailed.elsewhere.title", "mailed.elsewhere.lead")
        }
        refusal => respond::refused(visit, refusal),
    }
}
