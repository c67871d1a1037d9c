//! `/sign-in`: the door. And the way out.

use axum::extract::State;
use axum::response::Response;
use countersign_service::sign::Means;
use http::{HeaderName, HeaderValue, StatusCode};
use maud::html;

use super::filled::Filled;
use super::visit::Visit;
use super::{layout, passkey, provider, respond};
use crate::app::App;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The door; who is in already is led on.
pub(super) async fn show(visit: Visit, State(app): State<App>) -> Response {
    if visit.signed_in.is_some() {
        return respond::on_to(
            &visit,
            &visit.after(visit.query.get("return_to").map(String::as_str)),
            Vec::new(),
        );
    }
    let title = visit.say("door.title");
    let back = html! {
        @if let Some(path) = visit.query.get("return_to") { input type="hidden" name="return_to" value=(path); }
    };
    let by_key = app.site.is_some();
    let way_in = provider::way_in(&visit, &app).await;
    let way_out = provider::way_out(&visit, &app).await;
    let first = way_in.is_none();
    let content = html! {
        (layout::note(&visit))
        @if let Some(way) = way_out { (way) }
        h1 { (title) }
        @if let Some(way) = way_in {
            (way)
            h2 { (visit.say("door.or")) }
        }
        @if by_key {
            (passkey::form(&visit, "use", "/sign-in/passkey", (visit.say("door.passkey"), !first), &back))
            h2 { (visit.say("door.or")) }
        }
        form method="post" action=(visit.to("/sign-in/mail")) {
            (visit.fields())
            (back)
            div.field {
                label for="email" { (visit.say("door.email")) }
                p.about id="email-about" { (visit.say("door.email.about")) }
                input type="email" name="email" id="email" autocomplete="username" maxlength="320" required
                    aria-describedby="email-about";
            }
            button.second[by_key || !first] type="submit" { (visit.say("door.mail")) }
        }
        p.quiet { (visit.say("door.invitation")) }
    };
    respond::page(&visit, StatusCode::OK, title, &content)
}

/// Ends the session.
pub(super) async fn leave(visit: Visit, State(app): State<App>, _sent: Filled) -> Response {
    if let Some(secret) = visit.secret()
        && let Err(refusal) = app.service.sign_out(secret).await
    {
        return respond::refused(&visit, &refusal);
    }
    let means = visit.signed_in.as_ref().map(|signed| signed.session.means);
    let note = provider::note_out(means == Some(Means::Provider));
    let mut out = respond::on_to(&visit, &format!("{}?note={note}", visit.to("/sign-in")), visit.left());
    // Not what is stored besides: whether somebody wants keys is for this browser, whoever is signed in.
    out.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    out
}
