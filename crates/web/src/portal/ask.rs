//! `/privacy`: what somebody wants, and who they say they are. Every address that is typed gets the same page.

use axum::extract::State;
use axum::response::Response;
use countersign_service::portal::Asked;
use countersign_service::refusal::Refusal;
use http::StatusCode;
use maud::{Markup, html};

use super::guard::Filled;
use super::respond;
use super::visit::Visit;
use crate::app::App;

/// What stands in the form, and what is wrong with it.
#[derive(Default)]
struct Form<'a> {
    action: &'a str,
    email: &'a str,
    account: &'a str,
    wrong: Option<&'static str>,
}

/// The form. `?action=erase` has chosen already: for links on other pages.
pub(super) async fn show(visit: Visit, State(app): State<App>) -> Response {
    match app.service.portal_actions().await {
        Ok(offered) => {
            let action = visit.query.get("action").map(String::as_str).unwrap_or_default();
            draw(&visit, StatusCode::OK, &offered, &Form { action, ..Form::default() })
        }
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

/// Takes the form in.
pub(super) async fn send(visit: Visit, State(app): State<App>, filled: Filled) -> Response {
    let field = |name: &str| filled.field(name).unwrap_or_default();
    let asked = Asked {
        action: field("action").to_owned(),
        email: field("email").to_owned(),
        account: filled.field("account").map(str::to_owned),
        form: filled.form.clone(),
    };
    match app.service.submit_at_portal(&visit.door(), asked).await {
        Ok(taken) => {
            let cookie = visit.jar.set(&visit.jar.key_name(taken.id), &taken.token);
            respond::on_to(&visit, &visit.request(taken.id), cookie)
        }
        Err(Refusal::Invalid { at, .. }) => {
            let wrong = match &*at {
                "action" => "action",
                "subject.account" => "account",
                _ => "email",
            };
            let form = Form {
                action: field("action"),
                email: field("email"),
                account: field("account"),
                wrong: Some(wrong),
            };
            match app.service.portal_actions().await {
                Ok(offered) => draw(&visit, StatusCode::UNPROCESSABLE_ENTITY, &offered, &form),
                Err(refusal) => respond::refused(&visit, &refusal),
            }
        }
        Err(refusal) => respond::refused(&visit, &refusal),
    }
}

fn draw(visit: &Visit, status: StatusCode, offered: &[&'static str], form: &Form<'_>) -> Response {
    let name: &[(&str, &str)] = &[("name", &visit.portal.name)];
    let title = visit.fill("ask.title", name);
    let content = html! {
        h1 { (title) }
        p.lead { (visit.say("ask.lead")) }
        @if offered.is_empty() {
            p.note.bad { (visit.say("ask.none")) }
        } @else {
            @if let Some(wrong) = form.wrong {
                div.note.bad role="alert" {
                    strong { (visit.say("wrong.title")) }
                    p { a href={ "#" (if wrong == "action" { offered[0] } else { wrong }) } { (said(visit, wrong)) } }
                }
            }
            form method="post" action=(visit.root) {
                (visit.fields())
                (choices(visit, offered, form))
                (who(visit, form))
                button type="submit" { (visit.say("ask.send")) }
            }
            section.next {
                h2 { (visit.say("ask.next")) }
                ol.plain {
                    li { (visit.say("ask.next.mail")) }
                    li { (visit.say("ask.next.look")) }
                    li { (visit.say("ask.next.end")) }
                }
            }
        }
    };
    respond::page(visit, status, &title, &content)
}

fn said<'a>(visit: &Visit, wrong: &'a str) -> &'a str {
    match wrong {
        "action" => visit.say("wrong.action"),
        "account" => visit.say("wrong.account"),
        _ => visit.say("wrong.email"),
    }
}

fn choices(visit: &Visit, offered: &[&'static str], form: &Form<'_>) -> Markup {
    let text = |action: &str, what: &str| visit.language.find("action", &format!("{action}{what}"));
    html! {
        fieldset.choices {
            legend { (visit.say("ask.what")) }
            @for action in offered {
                label.choice for=(action) {
                    input type="radio" name="action" id=(action) value=(action) required
                        checked[form.action == *action] aria-describedby={ (action) "-about" };
                    span {
                        strong { (text(action, "").unwrap_or(action)) }
                        span.about id={ (action) "-about" } { (text(action, ".about").unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

fn who(visit: &Visit, form: &Form<'_>) -> Markup {
    let about = visit.fill("ask.email.about", &[("name", &visit.portal.name)]);
    html! {
        fieldset {
            legend { (visit.say("ask.who")) }
            div.field {
                label for="email" { (visit.say("ask.email")) }
                p.about id="email-about" { (about) }
                input type="email" name="email" id="email" autocomplete="email" maxlength="320" required
                    value=(form.email) aria-describedby="email-about"
                    aria-invalid=[(form.wrong == Some("email")).then_some("true")];
            }
            div.field {
                label for="account" { (visit.say("ask.account")) }
                p.about id="account-about" { (visit.say("ask.account.about")) }
                input type="text" name="account" id="account" autocomplete="off" maxlength="320"
                    value=(form.account) aria-describedby="account-about"
                    aria-invalid=[(form.wrong == Some("account")).then_some("true")];
            }
        }
    }
}
