//! `/console/policies`: what decides, word for word; who changed it; and what other policies would say of a stored request.

use std::collections::BTreeMap;

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::console::Version;
use countersign_service::refusal::Refusal;
use countersign_service::settings::Settings;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::Sent;
use super::layout::Tab;
use super::{files, respond, show, verdict};

/// How many versions a page tells of.
const VERSIONS: u64 = 5;
/// How long the policies in force may be to stand in the form already.
const TRIED: usize = 32_000;

/// The policies, and the versions of the settings.
pub(super) async fn show(desk: Desk) -> Response {
    let from = desk.asked("from").parse().ok();
    let read = async {
        let settings = desk.app.service.read_settings(&desk.caller).await?;
        let versions = desk.app.service.versions(&desk.caller, from, VERSIONS).await?;
        Ok((settings, versions))
    };
    match read.await {
        Ok((settings, versions)) => {
            if let Some((path, text)) = files::asked(&desk, &settings) {
                return respond::page(
                    &desk,
                    Tab::Policies,
                    path,
                    &files::one("policies", "Policies", path, text),
                );
            }
            respond::page(&desk, Tab::Policies, "Policies", &draw(&desk, &settings, &versions))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(desk: &Desk, settings: &Settings, versions: &[Version]) -> Markup {
    html! {
        h1 { "Policies" }
        p.lead { "Version " (settings.version) " decides, in " (settings.environment) "." }
        p.quiet { "SHA-256 of the set: " code.hash { (settings.hash) } }
        @for warning in &settings.warnings { p.note.bad { (warning) } }
        @if desk.may(Act::TryPolicies) { p { a.button.second href={ (super::ROOT) "/policies/try" } { "What would others say?" } } }
        section.card {
            h2 { "What they say" }
            (files::names("policies", settings.bundle.policies().map(|(path, _)| path)))
            h3 { "And the other files of this version" }
            (files::names("policies", settings.bundle.files.keys().map(String::as_str).filter(|path| !path.starts_with("policies/"))))
        }
        h2 id="versions" { "Who changed what" }
        ol.history {
            @for version in versions {
                li {
                    p {
                        strong { "Version " (version.version) }
                        @if let Some((_, name)) = &version.by { " by " (name) }
                        @if let Some(at) = version.at { span.quiet { " · " (show::moment(desk, at)) } }
                    }
                    @if version.version == 1 { p { "The first." } }
                    @else if version.changes.is_empty() { p.quiet { "Nothing that decides." } }
                    ul { @for change in &version.changes { li { (change) } } }
                }
            }
        }
        @if let Some(last) = versions.last().filter(|last| last.version > 1) {
            p { a.button.second href={ (super::ROOT) "/policies?from=" (last.version - 1) "#versions" } { "Earlier ones" } }
        }
    }
}

/// The form to try policies; `?request=` has chosen one.
pub(super) async fn tried(desk: Desk) -> Response {
    if let Err(refusal) = desk.caller.may(Act::TryPolicies) {
        return respond::refused(&desk, &refusal);
    }
    let request = desk.asked("request").parse::<RequestId>().map(|id| id.to_string()).unwrap_or_default();
    match desk.app.service.read_settings(&desk.caller).await {
        Ok(settings) => {
            let text = joined(settings.bundle.policies());
            // A page with all of a large set would be slow to come; whoever tries a part of it pastes that.
            let text = if text.len() > TRIED { String::new() } else { text };
            respond::page(&desk, Tab::Policies, "Try policies", &form(&desk, &request, &text, &html! {}))
        }
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

/// What they would say. Nothing is changed, so the page is the answer.
pub(super) async fn try_out(sent: Sent) -> Response {
    let desk = &sent.desk;
    let text = sent.text("policies").to_owned();
    let came = match sent.text("request").parse::<RequestId>() {
        Err(_) => html! { p.note.bad role="alert" { "That is not the id of a request." } },
        Ok(id) => {
            let policies = BTreeMap::from([("tried.cedar".to_owned(), text.clone())]);
            match desk.app.service.try_policies(&desk.caller, id, policies).await {
                Ok(verdict) => html! {
                    section.card role="status" { h2 { "They would say" } (verdict::of(&verdict)) }
                },
                Err(Refusal::Mistakes(mistakes)) => html! {
                    div.note.bad role="alert" {
                        @for mistake in &mistakes {
                            p { @if let Some(line) = mistake.line { "Line " (line) ": " } (mistake.message) }
                            @if let Some(snippet) = &mistake.snippet { pre tabindex="0" { (snippet) } }
                        }
                    }
                },
                Err(refusal @ (Refusal::NotAllowed(_) | Refusal::Unauthenticated)) => {
                    return respond::refused(desk, &refusal);
                }
                Err(refusal) => {
                    html! { p.note.bad role="alert" { (super::words::of("note", refusal.code())) } }
                }
            }
        }
    };
    respond::page(desk, Tab::Policies, "Try policies", &form(desk, sent.text("request"), &text, &came))
}

fn form(desk: &Desk, request: &str, text: &str, came: &Markup) -> Markup {
    html! {
        p.over { a href={ (super::ROOT) "/policies" } { "Policies" } }
        h1 { "What would other policies say?" }
        p.lead { "Of a stored request, at this moment. Nothing is changed by asking." }
        (came)
        form method="post" action={ (super::ROOT) "/policies/try" } {
            (desk.fields())
            div.field { label for="request" { "Request" } input id="request" name="request" type="text" value=(request) required spellcheck="false" autocomplete="off"; }
            div.field { label for="policies" { "Policies" } textarea.code id="policies" name="policies" rows="24" spellcheck="false" required { (text) } }
            button type="submit" { "Ask" }
        }
    }
}

fn joined<'a>(policies: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    policies.map(|(path, text)| format!("// {path}\n{text}")).collect::<Vec<_>>().join("\n")
}
