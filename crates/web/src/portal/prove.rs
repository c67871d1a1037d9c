//! Proofs: by the code or link of a mail, by a one-time password. And the pages that ask for them.

use axum::extract::State;
use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Caller;
use countersign_service::portal::Proof;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, html};

use super::guard::Filled;
use super::visit::{Of, Visit};
use super::{layout, respond};
use crate::app::App;

/// Sends the mail once more. What comes of it looks the same for every request, also for one that does not exist.
pub(super) async fn mail(visit: Visit, Of(id): Of, State(app): State<App>, _sent: Filled) -> Response {
    match app.service.mail_again(&visit.door(), id).await {
        Err(refusal @ (Refusal::Unavailable | Refusal::Again | Refusal::NoSettings)) => {
            respond::refused(&visit, &refusal)
        }
        // Also when so many mails went out already, and when there is nobody to send one to.
        Ok(()) | Err(_) => back_with(&visit, id, "sent"),
    }
}

/// The code of the mail.
pub(super) async fn code(visit: Visit, Of(id): Of, State(app): State<App>, sent: Filled) -> Response {
    let entered = app.service.enter(id, Proof::Code(&sent.digits("code")), &sent.form).await;
    entered_or(&visit, id, entered)
}

/// The link of the mail: a page with a button. Whatever reads mails for their readers proves nothing by looking.
pub(super) async fn confirm(visit: Visit, Of(id): Of, State(app): State<App>) -> Response {
    let key = visit.query.get("key").map(String::as_str).unwrap_or_default();
    let action = match app.service.link_stands(id, key).await {
        Ok(action) => action,
        Err(Refusal::NoChallenge) => return gone(&visit, id),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    let name: &[(&str, &str)] = &[("name", &visit.portal.name)];
    let what = match &*action {
        "access" => visit.fill("action.access.mail", name),
        "export" => visit.fill("action.export.mail", name),
        "erase" => visit.fill("action.erase.mail", name),
        other => other.to_owned(),
    };
    let title = visit.say("link.title");
    let content = html! {
        h1 { (title) }
        p.lead { (visit.fill("link.lead", &[("what", &what)])) }
        form method="post" action={ (visit.request(id)) "/confirm" } {
            (visit.fields())
            input type="hidden" name="key" value=(key);
            button type="submit" { (visit.say("link.yes")) }
        }
        p.quiet { (visit.say("link.no")) }
    };
    respond::page(&visit, StatusCode::OK, title, &content)
}

/// The button on that page.
pub(super) async fn confirmed(visit: Visit, Of(id): Of, State(app): State<App>, sent: Filled) -> Response {
    let key = sent.field("key").unwrap_or_default();
    match app.service.enter(id, Proof::Link(key), &sent.form).await {
        Err(Refusal::NoChallenge) => gone(&visit, id),
        entered => entered_or(&visit, id, entered),
    }
}

/// A one-time password.
pub(super) async fn totp(visit: Visit, Of(id): Of, State(app): State<App>, sent: Filled) -> Response {
    let caller = match visit.caller(id).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return back(&visit, id),
        Err(refusal) => return respond::refused(&visit, &refusal),
    };
    let refusal = match app.service.verify(&caller, id, "totp", &sent.digits("code")).await {
        Ok(_) => return back_with(&visit, id, "confirmed"),
        Err(refusal) => refusal,
    };
    match refusal {
        _ if is_proved(&app, &caller, id, "totp").await => back_with(&visit, id, "confirmed"),
        Refusal::WrongCode { .. } => back_with(&visit, id, "wrong_totp"),
        Refusal::Invalid { .. } => back_with(&visit, id, "digits"),
        Refusal::NoChallenge => back_with(&visit, id, "gone_totp"),
        Refusal::NotEnrolled => back(&visit, id),
        Refusal::Rule(_) => back_with(&visit, id, "too_late"),
        refusal => respond::refused(&visit, &refusal),
    }
}

/// Sent twice, the second finds the answer used up, and the proof there.
pub(super) async fn is_proved(app: &App, caller: &Caller, id: RequestId, method: &str) -> bool {
    match app.service.read(caller, id).await {
        Ok(picture) => picture.proofs.iter().any(|proof| proof.method == method),
        Err(_) => false,
    }
}

fn entered_or(visit: &Visit, id: RequestId, entered: Result<String, Refusal>) -> Response {
    match entered {
        Ok(key) => {
            let cookie = visit.jar.set(&visit.jar.key_name(id), &key);
            respond::on_to(visit, &format!("{}?note=confirmed", visit.request(id)), cookie)
        }
        Err(Refusal::WrongCode { .. }) => back_with(visit, id, "wrong_code"),
        Err(Refusal::NoChallenge | Refusal::NotFound(_)) => back_with(visit, id, "gone"),
        Err(Refusal::Invalid { .. }) => back_with(visit, id, "digits"),
        Err(refusal) => respond::refused(visit, &refusal),
    }
}

pub(super) fn back(visit: &Visit, id: RequestId) -> Response {
    respond::on_to(visit, &visit.request(id), None)
}

/// Back to the request's page, which says one of our notes.
pub(super) fn back_with(visit: &Visit, id: RequestId, note: &'static str) -> Response {
    respond::on_to(visit, &format!("{}?note={note}", visit.request(id)), None)
}

fn gone(visit: &Visit, id: RequestId) -> Response {
    let title = visit.say("link.gone.title");
    let content = html! {
        h1 { (title) }
        p.lead { (visit.say("link.gone.lead")) }
        (mail_form(visit, id, visit.say("back.send"), false))
    };
    respond::page(visit, StatusCode::GONE, title, &content)
}

/// The page of a request that is not proved yet.
pub(super) fn look_into_mail(visit: &Visit, id: RequestId, email: Option<&str>) -> Response {
    let title = visit.say("mail.title");
    let lead = match email {
        Some(email) => visit.fill("mail.sent", &[("email", email)]),
        None => visit.say("mail.sent.unnamed").to_owned(),
    };
    let content = html! {
        (layout::note(visit))
        h1 { (title) }
        p.lead { (lead) }
        (code_form(visit, id))
        section.next {
            h2 { (visit.say("mail.none")) }
            p { (visit.say("mail.none.about")) }
            (mail_form(visit, id, visit.say("mail.again"), true))
            p { a href=(visit.root) { (visit.say("mail.other")) } }
        }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

/// The page of a request whose key this browser does not have. It says nothing of the request, nor whether it is one.
pub(super) fn way_back(visit: &Visit, id: RequestId) -> Response {
    if visit.query.contains_key("note") {
        return look_into_mail(visit, id, None);
    }
    let title = visit.say("back.title");
    let content = html! {
        h1 { (title) }
        p.lead { (visit.say("back.lead")) }
        (mail_form(visit, id, visit.say("back.send"), false))
        p { a href=(visit.root) { (visit.say("restart")) } }
    };
    respond::page(visit, StatusCode::OK, title, &content)
}

pub(super) fn code_form(visit: &Visit, id: RequestId) -> Markup {
    html! {
        form method="post" action={ (visit.request(id)) "/code" } {
            (visit.fields())
            div.field {
                label for="code" { (visit.say("mail.code")) }
                p.about id="code-about" { (visit.say("mail.code.about")) }
                input.code type="text" name="code" id="code" inputmode="numeric" autocomplete="one-time-code"
                    maxlength="16" required aria-describedby="code-about";
            }
            button type="submit" { (visit.say("mail.confirm")) }
        }
    }
}

pub(super) fn mail_form(visit: &Visit, id: RequestId, label: &str, second: bool) -> Markup {
    html! {
        form method="post" action={ (visit.request(id)) "/mail" } {
            (visit.fields())
            button.second[second] type="submit" { (label) }
        }
    }
}
