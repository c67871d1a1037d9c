//! `/console/ledger`: the log as it stands under the newest checkpoint, searched, checked in the browser, taken along.

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::caller::Act;
use countersign_service::console::Found;
use maud::{Markup, html};

use super::desk::Desk;
use super::evidence::{checker, gist, pretty};
use super::layout::Tab;
use super::{assets, respond, show};

/// How many entries a page has.
const PAGE: usize = 25;
/// The longest text that is searched for.
const TEXT_MAX: usize = 100;

/// The page. `?at=` shows an entry and those before it, `?text=` those that a text is in, `?below=` goes on.
/// Entries name nobody, so what is searched for may stand in the address.
pub(super) async fn show(desk: Desk) -> Response {
    if let Err(refusal) = desk.caller.may(Act::ReadFeed) {
        return respond::refused(&desk, &refusal);
    }
    let text: String = desk.asked("text").trim().chars().take(TEXT_MAX).collect();
    let at = desk.asked("at").parse::<u64>().ok().or_else(|| text.parse().ok());
    let below = at.map(|at| at.saturating_add(1)).or_else(|| desk.asked("below").parse().ok());
    let wanted = if at.is_some() { "" } else { &*text };
    let (found, vkey) = match desk.app.service.entries_with(&desk.caller, wanted, below, PAGE).await {
        Ok(found) => (found, desk.app.service.vkey()),
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    respond::page(&desk, Tab::Ledger, "Ledger", &draw(&desk, &found, &vkey, &text, at))
}

fn draw(desk: &Desk, found: &Found, vkey: &str, text: &str, at: Option<u64>) -> Markup {
    let more = found.down_to > 0;
    let encoded: String = text
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b == b'-' {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let wanted = if at.is_some() || text.is_empty() { String::new() } else { format!("text={encoded}&") };
    html! {
        h1 { "Ledger" }
        p.lead { (show::number(found.size)) " entries stand under the newest checkpoint. Nobody can change one without being seen." }
        (checker(desk, vkey, "ledger", ""))
        p {
            a.button.second href="/ledger/checkpoint" download="checkpoint.txt" { "Checkpoint" }
            " To take all of it along: " code { "countersign ledger export" } "."
        }
        form.find method="get" action={ (super::ROOT) "/ledger" } role="search" {
            div.field {
                label for="text" { "A number, a request's id, or a word such as approved" }
                input id="text" name="text" type="text" value=(text) spellcheck="false" autocomplete="off";
            }
            button type="submit" { "Find" }
        }
        @if found.entries.is_empty() {
            div.empty { p.lead { "Nothing found" @if more { " in the newest of them" } "." } }
        }
        ol.entries {
            @for (index, entry) in &found.entries {
                li id={ "e" (index) } {
                    details open[at == Some(*index)] {
                        summary { (gist(desk, *index, entry.as_bytes())) }
                        @if let Some(id) = request_of(entry) {
                            p { a href={ (super::ROOT) "/requests/" (id) } { "Request " (show::short(id)) } }
                        }
                        pre tabindex="0" { code { (pretty(entry.as_bytes())) } }
                    }
                }
            }
        }
        @if more { p { a.button.second href={ (super::ROOT) "/ledger?" (wanted) "below=" (found.down_to) } { "Earlier ones" } } }
        script src=(assets::address("verify.js", assets::VERIFY)) defer {}
    }
}

fn request_of(entry: &str) -> Option<RequestId> {
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    entry.get("request")?.as_str()?.parse().ok()
}
