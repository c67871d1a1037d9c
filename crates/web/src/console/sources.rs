//! `/console/sources`: the stores, whether each is reached, and what in it is a subject's.

use std::collections::BTreeMap;

use axum::response::Response;
use countersign_service::console::Reach;
use countersign_service::ports::source::Severity;
use countersign_service::settings::Settings;
use maud::{Markup, html};

use super::desk::Desk;
use super::layout::Tab;
use super::{files, respond};

/// How many findings of a source are told.
const FINDINGS: usize = 20;

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    let service = &desk.app.service;
    let settings = match service.read_settings(&desk.caller).await {
        Ok(settings) => settings,
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    if let Some((path, text)) = files::asked(&desk, &settings) {
        return respond::page(&desk, Tab::Sources, path, &files::one("sources", "Sources", path, text));
    }
    match service.reached(&desk.caller).await {
        Ok(reached) => respond::page(&desk, Tab::Sources, "Sources", &draw(&settings, &reached)),
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(settings: &Settings, reached: &BTreeMap<String, Reach>) -> Markup {
    html! {
        h1 { "Sources" }
        p.lead { (settings.maps.len()) " with a data map. How a node reaches them stands in its own configuration, with the credentials, and is not shown." }
        @for (name, map) in &settings.maps {
            section.card {
                h2 { (name) }
                (state(reached.get(name).unwrap_or(&Reach::Unknown)))
                p.quiet { "Data map " code.hash { (map.version()) } }
                p { "What in it is a subject's, and what happens to it:" }
                (files::names("sources", settings.bundle.maps().filter(|(_, text)| names(text, name)).map(|(path, _)| path)))
            }
        }
        @if !settings.schedules.is_empty() {
            h2 { "Timers" }
            ul { @for it in &settings.schedules { li { strong { (it.name) } ": " (it.action) " of " (it.dataset) " in " (it.source) ", at " code { (it.pattern) } } } }
        }
    }
}

/// What came of looking at it just now.
fn state(reach: &Reach) -> Markup {
    html! {
        @match reach {
            Reach::Reached(findings) => {
                p {
                    span.chip.good { "reached" } " "
                    @match findings.len() {
                        0 => "with nothing to say about its map",
                        1 => "with 1 finding",
                        many => { "with " (many) " findings" }
                    }
                }
                @if !findings.is_empty() {
                    ul {
                        @for finding in findings.iter().take(FINDINGS) {
                            li { strong { (word(finding.severity)) } ": " (finding.message) }
                        }
                        @if findings.len() > FINDINGS { li { "… " code { "countersign source check" } " tells all." } }
                    }
                }
            }
            Reach::NotReached => p { span.chip.bad { "not reached" } " by this node just now" },
            Reach::Refused => p { span.chip.bad { "refused" } " its map cannot be used with it; " code { "countersign source check" } " says why" },
            Reach::Unknown => p { span.chip.bad { "not reached" } " this node's configuration says no way to it" },
        }
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "Note",
        Severity::Warning => "Warning",
        Severity::Drift => "Drift",
        Severity::Error => "Error",
    }
}

/// Whether a file is the map of a source.
fn names(text: &str, source: &str) -> bool {
    text.lines().any(|line| {
        line.split_once('=')
            .is_some_and(|(key, value)| key.trim() == "source" && value.trim().trim_matches('"') == source)
    })
}
