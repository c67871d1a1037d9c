//! `/sign-in`: the door. And the way out.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::filled::Filled;
use super::visit::Visit;
use super::{layout, respond};
use crate::app::App;

/// The door; who is in already is led on.
pub(super) async fn show(visit: Visit) -> Response {
    if visit.signed_in.is_some() {
        return respond::on_to(
            &visit,
            &visit.after(visit.query.get("return_to").map(String::as_str)),
            Vec::new(),
        );
    }
    let title = visit.say("door.title");
    let content = html! {
        (layout::note(&visit))
        h1 { (title) }
        p.lead { (visit.say("door.invitation")) }
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
    respond::on_to(&visit, &format!("{}?note=out", visit.to("/sign-in")), visit.left())
}
