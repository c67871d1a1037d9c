//! `/console/sources`: the stores that are reached, and what in each is a subject's.

use axum::response::Response;
use countersign_service::settings::Settings;
use maud::{Markup, html};

use super::desk::Desk;
use super::layout::Tab;
use super::respond;

/// The page.
pub(super) async fn show(desk: Desk) -> Response {
    match desk.app.service.read_settings(&desk.caller).await {
        Ok(settings) => respond::page(&desk, Tab::Sources, "Sources", &draw(&settings)),
        Err(refusal) => respond::refused(&desk, &refusal),
    }
}

fn draw(settings: &Settings) -> Markup {
    html! {
        h1 { "Sources" }
        p.lead { (settings.maps.len()) " with a data map. How a node reaches them stands in its own configuration, with the credentials, and is not shown." }
        @for (name, map) in &settings.maps {
            section.card {
                h2 { (name) }
                p.quiet { "Data map " code.hash { (map.version()) } }
                @if let Some(text) = settings.bundle.files.iter().find(|(_, text)| names(text, name)).map(|(_, text)| text) {
                    details { summary { "What in it is a subject's, and what happens to it" } pre tabindex="0" { code { (text) } } }
                }
            }
        }
        @if !settings.schedules.is_empty() {
            h2 { "Timers" }
            ul { @for it in &settings.schedules { li { strong { (it.name) } ": " (it.action) " of " (it.dataset) " in " (it.source) ", at " code { (it.pattern) } } } }
        }
    }
}

/// Whether a file is the map of a source.
fn names(text: &str, source: &str) -> bool {
    text.lines().any(|line| {
        line.split_once('=')
            .is_some_and(|(key, value)| key.trim() == "source" && value.trim().trim_matches('"') == source)
    })
}
