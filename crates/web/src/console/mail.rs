//! `/console/mail`: when its reader gets mail about what waits for them. Everybody chooses for themselves alone.

use axum::response::Response;
use countersign_service::caller::Act;
use countersign_service::refusal::Refusal;
use countersign_service::reviewers::{Choice, Chosen};
use countersign_service::settings::{LANGUAGES, Pace};
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{Came, Sent};
use super::layout::Tab;
use super::{respond, words};

fn here() -> String {
    format!("{}/mail", super::ROOT)
}

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    match desk.app.service.mail_choice(&desk.caller).await {
        Ok(chosen) => respond::page(&desk, Tab::Inbox, "Your mail", &draw(&desk, &chosen)),
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

/// The way here, for whoever has something to choose.
pub(super) fn way(desk: &Desk) -> Markup {
    html! { @if desk.may(Act::Vote) { p.quiet { a href=(here()) { "When you get mail" } } } }
}

fn draw(desk: &Desk, chosen: &Chosen) -> Markup {
    let Choice { pace, hour, zone, language } = &chosen.choice;
    html! {
        h1 { "Your mail" }
        p.lead { "When a request waits for your signature you get an e-mail with a link to its page, unless somebody decided it before." }
        @if !chosen.own { p.quiet { "You chose nothing yet: this is what counts for everybody." } }
        section.card {
            form method="post" action=(here()) data-once {
                (desk.fields())
                fieldset {
                    legend { "When" }
                    div { label { input type="radio" name="pace" value="at_once" checked[*pace == Pace::AtOnce]; " At once, one mail for each" } }
                    div { label { input type="radio" name="pace" value="digest" checked[*pace == Pace::Digest]; " Once a day, all in one mail" } }
                }
                div.field {
                    label for="hour" { "The hour, for once a day" }
                    select id="hour" name="hour" {
                        @for one in 0..24u8 { option value=(one) selected[one == *hour] { (format!("{one:02}:00")) } }
                    }
                }
                div.field {
                    label for="zone" { "Your time zone" }
                    p.about id="zone-about" { "As in Europe/Berlin or America/New_York." }
                    input id="zone" name="zone" type="text" value=(zone) required maxlength="64" aria-describedby="zone-about" autocomplete="off" spellcheck="false";
                }
                div.field {
                    label for="language" { "The language" }
                    select id="language" name="language" {
                        option value="" selected[language.is_none()] { "As for everybody" }
                        @for one in LANGUAGES {
                            option value=(one) lang=(one) selected[language.as_deref() == Some(one)] { (words::of("language", one)) }
                        }
                    }
                }
                button type="submit" { "Save" }
                @if chosen.own {
                    " " button.second type="submit" name="usual" value="yes" formnovalidate { "As for everybody" }
                }
            }
        }
        p.quiet { "A reminder, before the time of a request runs out, comes at once." }
    }
}

/// Chooses.
pub(super) async fn choose(sent: Sent) -> Response {
    let choice = match sent.text("usual") {
        "yes" => Ok(None),
        _ => choice(&sent).map(Some),
    };
    let (app, caller) = (sent.desk.app.clone(), sent.desk.caller.clone());
    sent.once(&here(), async move {
        // Whoever may not is told that, whatever they filled in.
        caller.may(Act::Vote)?;
        app.service.choose_mail(&caller, choice?).await?;
        Ok(Came::To(respond::with_note(&here(), "mail_chosen")))
    })
    .await
}

fn choice(sent: &Sent) -> Result<Choice, Refusal> {
    let pace = match sent.text("pace") {
        "at_once" => Pace::AtOnce,
        "digest" => Pace::Digest,
        _ => return Err(Refusal::invalid("pace", "is at_once or digest")),
    };
    let hour = sent.text("hour").parse().map_err(|_| Refusal::invalid("hour", "is from 0 to 23"))?;
    Ok(Choice { pace, hour, zone: sent.text("zone").to_owned(), language: sent.maybe("language") })
}
