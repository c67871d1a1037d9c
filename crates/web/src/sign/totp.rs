//! One-time passwords of whoever is signed in: the secret is shown once, and counts when a code of it was entered.

use axum::extract::State;
use axum::response::Response;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, PreEscaped, html};
use qrcode::QrCode;
use qrcode::render::svg;

use super::filled::Filled;
use super::inside::Inside;
use super::{layout, mail, passkey, respond};
use crate::app::App;

/// Shows a new secret.
pub(super) async fn begin(inside: Inside, State(app): State<App>, _sent: Filled) -> Response {
    let visit = &inside.visit;
    let shown = match app.service.begin_device(&inside.signed, &visit.word).await {
        Ok(shown) => shown,
        Err(refusal) => return passkey::changed(visit, Err(refusal), ""),
    };
    let title = visit.say("totp.title");
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        p.lead { (visit.say("totp.lead")) }
        (picture(&shown.url, visit.say("totp.picture")))
        p { (visit.say("totp.typed")) " " code.secret { (shown.secret) } }
        form method="post" action=(visit.to("/account/totp/confirm")) {
            (visit.fields())
            (mail::code_field(visit))
            button type="submit" { (visit.say("totp.confirm")) }
        }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

/// Keeps it.
pub(super) async fn confirm(inside: Inside, State(app): State<App>, sent: Filled) -> Response {
    let visit = &inside.visit;
    match app.service.keep_device(&inside.signed, &visit.word, &sent.digits("code")).await {
        Err(Refusal::WrongCode { .. } | Refusal::Invalid { .. }) => {
            respond::on_to(visit, &format!("{}?note=wrong_device", visit.to("/account")), Vec::new())
        }
        kept => passkey::changed(visit, kept, "set_up"),
    }
}

/// Drawn here: the secret goes to nobody who draws pictures for others.
fn picture(url: &str, title: &str) -> Markup {
    let drawn = QrCode::new(url.as_bytes()).map(|code| {
        let text = code.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
        // What stands before it belongs to a file of its own.
        text.find("<svg").map(|at| text[at..].to_owned()).unwrap_or_default()
    });
    html! {
        @if let Ok(drawn) = drawn {
            div.drawn role="img" aria-label=(title) { (PreEscaped(drawn)) }
        }
    }
}
