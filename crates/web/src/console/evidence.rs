//! `/console/requests/{id}/evidence`: what the ledger holds of a request, with proofs that the browser checks by itself.

use axum::response::{IntoResponse, Response};
use countersign_core::id::{PersonId, RequestId};
use countersign_core::time::Timestamp;
use countersign_service::{Evidence, Notice};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::desk::{Desk, Of};
use super::layout::Tab;
use super::{assets, respond, show, words};
use crate::view::notice::{self, NoticeView};

/// The page.
pub(super) async fn show(Of(desk, id): Of) -> Response {
    let evidence = match desk.app.service.evidence(&desk.caller, id).await {
        Ok(evidence) => evidence,
        Err(refusal) => return respond::refused(&desk, &refusal),
    };
    let title = format!("Evidence {}", show::short(id));
    let address = format!("{}/requests/{id}/evidence.json", super::ROOT);
    let content = html! {
        p.over { a href={ (super::ROOT) "/requests/" (id) } { "Request " (show::short(id)) } }
        h1 { "Evidence" }
        p.lead { (evidence.entries.len()) " entries of the ledger tell of this request." }
        (checker(&desk, &evidence.vkey, "evidence", &address))
        p { a.button.second href=(address) download={ "evidence-" (id) ".json" } { "Download" } }
        ol.entries {
            @for entry in &evidence.entries {
                li {
                    details {
                        summary { (gist(&desk, entry.index, &entry.entry)) " " span data-checked=(entry.index) {} }
                        pre tabindex="0" { code { (pretty(&entry.entry)) } }
                    }
                }
            }
        }
        (told(&desk, &evidence.notices))
        script src=(assets::address("verify.js", assets::VERIFY)) defer {}
    };
    respond::page(&desk, Tab::Ledger, &title, &content)
}

/// Who outside was told of it, or is to be.
fn told(desk: &Desk, notices: &[Notice]) -> Markup {
    html! {
        @if !notices.is_empty() {
            h2 { "Told outside" }
            ul.tells {
                @for notice in notices {
                    li {
                        strong { (notice.recipient) } ", for " (notice.source) ": "
                        (words::of("notice", notice::state(notice)))
                        @if let Some((at, _)) = notice.ended { ", " (show::moment(desk, at)) }
                        @else if let Some(at) = notice.wished_at { ", since " (show::moment(desk, at)) }
                    }
                }
            }
            p.quiet { "That somebody was told is an entry of the ledger of its own." }
        }
    }
}

/// The button that recomputes, and where it tells what it found.
pub(super) fn checker(_desk: &Desk, vkey: &str, what: &str, address: &str) -> Markup {
    html! {
        section.card data-verify=(what) data-from=(address) {
            h2 { "Check it in this browser" }
            p { "The browser fetches the entries, hashes them itself, and compares the result with the signed checkpoint. It trusts the server for nothing but the key; compare that with one that you have from elsewhere." }
            div.field {
                label for="vkey" { "The ledger's key" }
                input id="vkey" type="text" value=(vkey) spellcheck="false" autocomplete="off";
            }
            button type="button" data-check disabled { "Check" }
            noscript { p { "This needs a script. Without one: " code { "countersign ledger verify" } "." } }
            div role="status" aria-live="polite" { ul.checks data-checks {} }
        }
    }
}

/// The evidence as a file.
pub(super) async fn download(Of(desk, id): Of) -> Response {
    let Evidence { entries, checkpoint, vkey, notices } =
        match desk.app.service.evidence(&desk.caller, id).await {
            Ok(evidence) => evidence,
            Err(refusal) => return respond::refused(&desk, &refusal),
        };
    let entries: Vec<_> = entries
        .iter()
        .map(|proof| json!({ "index": proof.index, "entry": String::from_utf8_lossy(&proof.entry), "proof": proof.proof }))
        .collect();
    let notices: Vec<NoticeView> = notices.into_iter().map(Into::into).collect();
    let body = json!({
        "request": id.to_string(), "entries": entries, "checkpoint": checkpoint, "vkey": vkey, "notices": notices,
    });
    let mut response = ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    let name = format!("attachment; filename=\"evidence-{id}.json\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    response
}

/// What of an entry is said in a line.
#[derive(Deserialize)]
struct Gist {
    at: Timestamp,
    request: Option<RequestId>,
    event: Option<Kind>,
    did: Option<String>,
    person: Option<PersonId>,
    token: Option<String>,
    hold: Option<String>,
    proposal: Option<String>,
    settings: Option<u64>,
}

#[derive(Deserialize)]
struct Kind {
    event: String,
}

/// An entry in a line: its number, when, what, about what.
pub(super) fn gist(desk: &Desk, index: u64, entry: &[u8]) -> Markup {
    let Ok(gist) = serde_json::from_slice::<Gist>(entry) else { return html! { "№ " (index) } };
    let (about, what) = match &gist {
        Gist { request: Some(id), event: Some(kind), .. } => {
            (format!("request {}", show::short(*id)), kind.event.replace('_', " "))
        }
        Gist { proposal: Some(what), did, .. } => (what.clone(), did.clone().unwrap_or_default()),
        Gist { token: Some(token), did, .. } => (format!("token {token}"), did.clone().unwrap_or_default()),
        Gist { hold: Some(hold), did, .. } => (format!("hold {hold}"), did.clone().unwrap_or_default()),
        Gist { settings: Some(version), .. } => ("settings".to_owned(), format!("version {version}")),
        Gist { person: Some(id), did, .. } => {
            let id = id.to_string();
            (format!("person {}", id.get(28..).unwrap_or_default()), did.clone().unwrap_or_default())
        }
        _ => (String::new(), gist.did.clone().unwrap_or_default()),
    };
    html! { "№ " (index) " · " strong { (about) " " (what) } span.quiet { " · " (show::moment(desk, gist.at)) } }
}

/// An entry with its members on lines of their own. What is hashed is the entry as it is.
pub(super) fn pretty(entry: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(entry)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| String::from_utf8_lossy(entry).into_owned())
}
