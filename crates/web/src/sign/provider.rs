//! `/sign-in/oidc`: to the company's identity provider and back, and its word that somebody signed out there. The way there
//! is a link and no form: what may be sent as a form stays ours (`form-action 'self'`).

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse, Response};
use countersign_service::refusal::{Refusal, Sort};
use countersign_service::sign::{Begin, Came, Returned, Unlet};
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use super::inside::Inside;
use super::respond;
use super::visit::{Visit, own_path};
use crate::app::App;
use crate::journal;
use crate::portal::guard::SEC_FETCH_SITE;

/// The way in, on the door, where there is a provider.
pub(super) async fn way_in(visit: &Visit, app: &App) -> Option<Markup> {
    let name = app.service.provider_name().await?;
    let back = visit.query.get("return_to").and_then(|path| own_path(path));
    let to = link(visit, "/sign-in/oidc", back);
    Some(html! { p { a.button href=(to) { (visit.fill("door.provider", &[("name", &name)])) } } })
}

/// The way to prove anew to be there, for whoever came in by the provider.
pub(super) async fn way_again(inside: &Inside, app: &App) -> Option<Markup> {
    let name = app.service.provider_name().await?;
    let visit = &inside.visit;
    let back = visit.query.get("return_to").and_then(|path| own_path(path));
    let to = link(visit, "/sign-in/again/oidc", back);
    app.service.comes_by_provider(&inside.person).await.then(|| {
        html! { p { a.button href=(to) { (visit.fill("again.provider", &[("name", &name)])) } } }
    })
}

fn link(visit: &Visit, path: &str, back: Option<&str>) -> String {
    let back = back.map(|path| format!("?return_to={}", respond::escaped(path))).unwrap_or_default();
    format!("{}{back}", visit.to(path))
}

/// To the provider.
pub(super) async fn begin(visit: Visit, State(app): State<App>) -> Response {
    let back = visit.query.get("return_to").map(String::as_str);
    if visit.signed_in.is_some() {
        return respond::on_to(&visit, &visit.after(back), Vec::new());
    }
    // Nobody is sent to sign in by a link or a picture on somebody else's page.
    if !is_meant(&visit) {
        return respond::on_to(&visit, &link(&visit, "/sign-in", back.and_then(own_path)), Vec::new());
    }
    away(&visit, &app, back, false).await
}

/// To the provider, by whoever is signed in and proves anew to be there.
pub(super) async fn begin_again(inside: Inside, State(app): State<App>) -> Response {
    let visit = &inside.visit;
    let back = visit.query.get("return_to").map(String::as_str);
    if !is_meant(visit) {
        return respond::on_to(visit, &link(visit, "/sign-in/again", back.and_then(own_path)), Vec::new());
    }
    away(visit, &app, back, true).await
}

/// Whether the browser says that its user pressed a link of ours, or opened the address by themselves; one that says
/// nothing is old.
fn is_meant(visit: &Visit) -> bool {
    visit.headers.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none")
}

async fn away(visit: &Visit, app: &App, back: Option<&str>, again: bool) -> Response {
    let begin = Begin { word: &visit.word, return_to: back.and_then(own_path), again };
    match app.service.begin_at_provider(&visit.door(), begin).await {
        Ok(url) => respond::on_to(visit, &url, Vec::new()),
        Err(refusal) => unlet(visit, &refusal),
    }
}

/// Back from the provider.
pub(super) async fn back(visit: Visit, State(app): State<App>) -> Response {
    let sent = |name: &str| visit.query.get(name).map(String::as_str);
    let device = visit.device();
    let returned = Returned {
        state: sent("state").unwrap_or_default(),
        code: sent("code").filter(|_| sent("error").is_none()),
        issuer: sent("iss"),
        word: &visit.word,
        device: &device,
    };
    let came = app.service.return_from_provider(returned, visit.signed_in.as_ref()).await;
    match (&came, &visit.signed_in) {
        (Ok(Came::In(entered, _)), _) => journal::came("provider", Ok(entered)),
        (Ok(Came::Proved(_)), Some(signed)) => journal::proved(signed.person.id, "provider", Ok(())),
        (Ok(Came::Proved(_)), None) => {}
        (Err(refusal), Some(signed)) => journal::proved(signed.person.id, "provider", Err(refusal)),
        (Err(refusal), None) => journal::came("provider", Err(refusal)),
    }
    let mut response = match came {
        Ok(Came::In(entered, to)) => {
            respond::enter(&visit, &entered.secret, &visit.after(to.as_deref())).await
        }
        Ok(Came::Proved(to)) => respond::on_to(&visit, &visit.after(to.as_deref()), Vec::new()),
        // Gone back to, or reloaded: they are in.
        Err(Refusal::NoChallenge) if visit.signed_in.is_some() => {
            respond::on_to(&visit, &visit.to(super::HOME), Vec::new())
        }
        Err(refusal) => unlet(&visit, &refusal),
    };
    // The address of this page has a code in it.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What is said to whoever is not let in: what to do, and nothing about why a proof was none.
fn unlet(visit: &Visit, refusal: &Refusal) -> Response {
    let (status, title, lead) = match refusal {
        Refusal::NoChallenge => (StatusCode::GONE, "provider.gone.title", "provider.gone.lead"),
        Refusal::NotProved => {
            (StatusCode::FORBIDDEN, "provider.not_proved.title", "provider.not_proved.lead")
        }
        Refusal::Source(_) | Refusal::NotReady(_) => {
            (StatusCode::BAD_GATEWAY, "provider.unreached.title", "provider.unreached.lead")
        }
        Refusal::NotLetIn(Unlet::NothingGiven) => {
            (StatusCode::FORBIDDEN, "provider.nothing_given.title", "provider.nothing_given.lead")
        }
        Refusal::NotLetIn(Unlet::Unverified) => {
            (StatusCode::FORBIDDEN, "provider.unverified.title", "provider.unverified.lead")
        }
        Refusal::NotLetIn(Unlet::Administers) => {
            (StatusCode::FORBIDDEN, "provider.administers.title", "provider.administers.lead")
        }
        Refusal::NotLetIn(Unlet::Unclear) => {
            (StatusCode::FORBIDDEN, "provider.unclear.title", "provider.unclear.lead")
        }
        refusal => return respond::refused(visit, refusal),
    };
    respond::told(visit, status, title, lead)
}

/// The provider says that somebody signed out there. Whoever sends it has no browser: the token is all that counts.
pub(super) async fn signed_out(
    State(app): State<App>,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Response {
    let token = form.as_ref().ok().and_then(|form| form.get("logout_token"));
    let Some(token) = token else {
        return told_provider(StatusCode::BAD_REQUEST, "there is no logout_token");
    };
    match app.service.signed_out_at_provider(token).await {
        Ok(_) => told_provider(StatusCode::OK, ""),
        Err(refusal) if refusal.sort() == Sort::Unavailable => {
            told_provider(StatusCode::SERVICE_UNAVAILABLE, "try again later")
        }
        Err(_) => told_provider(StatusCode::BAD_REQUEST, "the logout_token is not accepted"),
    }
}

fn told_provider(status: StatusCode, why: &str) -> Response {
    let body = match why {
        "" => String::new(),
        why => serde_json::json!({ "error": "invalid_request", "error_description": why }).to_string(),
    };
    let headers = [(CACHE_CONTROL, "no-store"), (http::header::CONTENT_TYPE, "application/json")];
    (status, headers, body).into_response()
}

/// For whoever signed out here, and is still signed in there.
pub(super) async fn way_out(visit: &Visit, app: &App) -> Option<Markup> {
    let asked = visit.query.get("note").is_some_and(|note| note == "out_here");
    let (name, url) = match asked {
        true => app.service.way_out_at_provider(&visit.door()).await?,
        false => return None,
    };
    Some(html! { p { a.button.second href=(url) { (visit.fill("door.out_there", &[("name", &name)])) } } })
}

/// The note of a door after signing out.
pub(super) fn note_out(from_provider: bool) -> &'static str {
    if from_provider { "out_here" } else { "out" }
}
