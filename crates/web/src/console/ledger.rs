//! `/console/ledger`: the log as it stands under the newest checkpoint, searched, checked in the browser, taken along.

use axum::response::Response;
use countersign_core::id::RequestId;
use countersign_service::console::Found;
use maud::{Markup, html};

use super::desk::Desk;
use super::evidence::{checker, gist, pretty};
use super::form::Sent;
use super::layout::Tab;
use super::{assets, respond, show};

/// How many entries a page has.
const PAGE: usize = 25;
/// The longest text that is searched for.
const TEXT_MAX: usize = 100;

/// The page. `?at=` shows an entry and those before it, `?text=` those that a word is in, `?below=` goes on.
pub(super) async fn show(desk: Desk) -> Response {
    let at = desk.asked("at").parse().ok();
    let below = desk.asked("below").parse().ok();
    let text = Some(desk.asked("text")).filter(|text| is_plain(text)).unwrap_or_default().to_owned();
    found(&desk, &text, at, below).await
}

/// Finds. Sent as a form: entries name nobody, but nobody knows what is typed.
pub(super) async fn find(sent: Sent) -> Response {
    let text: String = sent.text("text").chars().take(TEXT_MAX).collect();
    match text.parse() {
        Ok(at) => found(&sent.desk, "", Some(at), None).await,
        Err(_) => found(&sent.desk, &text, None, None).await,
    }
}

async fn found(desk: &Desk, text: &str, at: Option<u64>, below: Option<u64>) -> Response {
    let below = at.map(|at| at.saturating_add(1)).or(below);
    match desk.app.service.entries_with(&desk.caller, text, below, PAGE).await {
        Ok(found) => {
            let vkey = desk.app.service.vkey();
            respond::page(desk, Tab::Ledger, "Ledger", &draw(desk, &found, &vkey, text, at))
        }
        Err(refusal) => respond::refused(desk, &refusal),
    }
}

/// What may stand in an address: ids, words, numbers.
fn is_plain(text: &str) -> bool {
    text.len() <= TEXT_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn draw(desk: &Desk, found: &Found, vkey: &str, text: &str, at: Option<u64>) -> Markup {
    // What is more than a word is not carried on in an address.
    let more = found.down_to > 0 && is_plain(text);
    let wanted = if text.is_empty() { String::new() } else { format!("text={text}&") };
    html! {
        h1 { "Ledger" }
        p.lead { (show::number(found.size)) " entries stand under the newest checkpoint. Nobody can change one without being seen." }
        (checker(desk, vkey, "ledger", ""))
        p {
            a.button.second href="/ledger/checkpoint" download="checkpoint.txt" { "Checkpoint" }
            " To take all of it along: " code { "countersign ledger export" } "."
        }
        form.find method="post" action={ (super::ROOT) "/ledger" } role="search" {
            (desk.fields())
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
